"""Segment files as the tools write them, read in their stated build."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import classify_ikzf1
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.genome.loci import ARMS, GENE_LOCI, GENES, IKZF1_EXONS
from ikzf1_outcomes.genome.segment_files import read_segments
from ikzf1_outcomes.genome.segments import call_segments

FILES = {
    "laml": "data/seg_examples/LAML_CBS_segments.tsv.gz",
    "one": "data/seg_examples/TCGA.AB.3009.hg19.seg.txt",
    "portal": "data/cbioportal_study/data_cna_hg19.seg",
}


def test_the_exons_are_those_of_the_table(shared):
    table = pd.read_csv(shared / "data/ikzf1_exons/ikzf1_NM_006060.6_exons_hg18_hg19_hg38.csv")
    assert table["transcript"].unique().tolist() == ["NM_006060.6"]
    assert table["chrom"].unique().tolist() == ["chr7"]
    for build, exons in IKZF1_EXONS.items():
        ends = table.set_index(table["exon"].astype(str))[[f"{build}_start", f"{build}_end"]]
        assert {exon: (place.start, place.end) for exon, place in exons.items()} == {
            exon: tuple(row) for exon, row in zip(ends.index, ends.to_numpy().tolist(), strict=True)
        }


@pytest.mark.parametrize("name", FILES)
def test_the_cells_are_those_of_the_file(shared, name):
    table, raw = read_segments(shared / FILES[name]), pd.read_csv(shared / FILES[name], sep="\t")
    assert len(table) == len(raw)
    for column, cells in zip(table, raw, strict=True):
        assert table[column].astype(str).astype(raw[cells].dtype).tolist() == raw[cells].tolist()
    pd.testing.assert_frame_equal(
        call_segments(raw, build="hg19").tidy(), call_segments(table, build="hg19").tidy()
    )  # a frame with the file's own header is as good


def losses(table, locus):
    """Samples with a loss over a whole locus, by a plain search."""
    over = (table["chromosome"] == locus.chromosome) & (table["start"] <= locus.start) & (table["end"] >= locus.end)
    return set(table.loc[over & (table["value"] <= -0.3), "sample"])


def test_a_cohort_of_myeloid_leukaemias(shared):
    table = read_segments(shared / FILES["laml"])
    calls = call_segments(table, build="hg19")
    assert calls.glance()[["n_samples", "n_segments", "n_set_aside"]].values.tolist() == [[191, 6470, 0]]
    for gene, locus in GENE_LOCI["hg19"].items():
        assert losses(table, locus) <= set(calls.loci.index[calls.loci[gene].isin(["deleted", "homozygous"])])
    for exon, locus in IKZF1_EXONS["hg19"].items():
        assert losses(table, locus) == set(calls.exons.index[calls.exons[exon].isin(["deleted", "homozygous"])])
    classes = classify_ikzf1(calls.exons)["ikzf1_class"]
    assert (classes == "whole_gene").sum() == 1
    # that one has lost 17 million bases around the gene, not the arm
    lost = classes.index[classes == "whole_gene"][0]
    assert calls.loci.loc[lost, "7p"] == "ambiguous"
    evidence = calls.tidy()
    arm = evidence[(evidence["sample"] == lost) & (evidence["locus"] == "7p")].iloc[0]
    assert 0.2 < arm["lost"] < 0.4
    # the probes on X begin beyond PAR1
    assert set(calls.loci["par1"]) == {"not_tested"}
    # monosomy 7: both arms, and then the whole gene would be gone
    both = (calls.loci[list(ARMS)] == "deleted").all(axis=1)
    assert set(classes[both]) <= {"whole_gene"}


@pytest.mark.parametrize("build", ["hg18", "hg38"])
@pytest.mark.parametrize("name", ["laml", "one"])
def test_a_wrong_build_is_refused_where_it_can_be(shared, name, build):
    with pytest.raises(InputError, match=rf"beyond their chromosome in {build}; .* All would lie within hg19\."):
        call_segments(read_segments(shared / FILES[name]), build=build)


def test_one_sample_of_many_segments(shared):
    table = read_segments(shared / FILES["one"])
    calls = call_segments(table, build="hg19")
    assert calls.set_aside.values.tolist() == [["fewer than 3 probes", 46]]
    assert set(calls.exons.to_numpy().ravel()) == {"normal"}
    assert calls.loci.iloc[0][["7p", "7q"]].tolist() == ["normal", "normal"]
    # the segment of 127 probes from 168,477 to 2,737,536 on X, with a ratio of 0.5958, is that of PAR1
    par1 = calls.tidy().query("locus == 'par1'").iloc[0]
    assert par1[["call", "probes", "note"]].tolist() == ["gain", 127, ""]
    assert par1["quotient"] == pytest.approx(2**0.5958)
    # every call stands or turns ambiguous where fewer cells are leukaemic
    pure, mixed = (call_segments(table, build="hg19", purity=p).loci.iloc[0] for p in (1.0, 0.05))
    assert set(mixed[pure == "normal"]) <= {"normal", "ambiguous"}


def test_a_file_of_one_chromosome_tests_nothing(shared):
    table = read_segments(shared / FILES["portal"])
    calls = call_segments(table, build="hg19")
    assert set(calls.loci.iloc[0]) == set(calls.exons.iloc[0]) == {"not_tested"}
    assert calls.loci.shape == (1, len(GENES) + len(ARMS))
    assert calls.set_aside["n"].tolist() == [2]
    with pytest.raises(InputError, match=r"in hg18; .* All would lie within hg19 and hg38"):
        call_segments(table, build="hg18")
    # this much and no more can be noticed: every segment lies within hg38 too
    assert call_segments(table, build="hg38").build == "hg38"
    assert np.isnan(calls.tidy()["quotient"]).all()
