"""Target genes: peaks, start sites and counts that can be checked on a line."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko

GENES = pd.DataFrame(
    {
        "gene": ["LEFT", "RIGHT", "RIGHT", "FAR", "OTHER"],
        "chrom": ["chr7", "7", "chr7", "chr7", "chrX"],
        "start": [10_000, 18_000, 18_000, 500_000, 10_000],
        "end": [15_000, 20_000, 21_000, 600_000, 11_000],
        "strand": ["+", "-", "-", "+", "+"],
    }
)


def peaks(folder, text, **options):
    file = folder / "peaks.bed"
    file.write_text(text, encoding="utf-8")
    return iko.read_targets(file, **{"kind": "bed", "gene_table": GENES, "within": 1000, "build": "hg38"} | options)


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        # BED 8999-9000 is base 9000: 1000 upstream of LEFT; one base further is too far
        (8999, 9000, [["LEFT", 1, -1000]]),
        (8998, 8999, []),
        (10_999, 11_500, [["LEFT", 1, 1000]]),
        (11_000, 11_500, []),
        (9_000, 12_000, [["LEFT", 1, 0]]),
        # RIGHT starts at 20,000 or 21,000, on the - strand: base 20,101 lies upstream of the one, downstream of the other
        (20_100, 20_200, [["RIGHT", 1, -101]]),
        (19_900, 19_950, [["RIGHT", 1, 50]]),
        (21_500, 21_600, [["RIGHT", 1, -501]]),
    ],
)
def test_the_distance_of_a_peak(tmp_path, start, end, found):
    out = peaks(tmp_path, f"# a comment\ntrack name=x\nchr7\t{start}\t{end}\tname\n")
    assert out[["gene", "n_peaks", "tss_distance"]].values.tolist() == found


def test_peaks_are_counted_once_a_gene_and_contigs_find_none(tmp_path):
    text = "chr7\t20100\t20200\nchr7\t20900\t21100\nchrX\t9900\t9990\nchrUn\t9900\t9990\nchr7\t9900\t9990\n"
    out = peaks(tmp_path, text)
    assert out[["gene", "n_peaks", "tss_distance"]].values.tolist() == [
        ["LEFT", 1, -10],
        ["RIGHT", 2, 0],
        ["OTHER", 1, -10],
    ]
    assert (out["build"] == "hg38").all()


def test_the_summit_of_a_narrow_peak_decides(tmp_path):
    line = "chr7\t8000\t9500\tp\t0\t.\t5\t4\t3\t"
    # summit at 8000 + 100, base 8101: too far; without a summit the nearest base, 9500
    assert peaks(tmp_path, line + "100\n", kind="narrowpeak").empty
    assert peaks(tmp_path, line + "1400\n", kind="narrowpeak")["tss_distance"].tolist() == [-599]
    assert peaks(tmp_path, line + "-1\n", kind="narrowpeak")["tss_distance"].tolist() == [-500]


def test_a_list_of_genes(tmp_path):
    out = peaks(tmp_path, "SYK\n\nSRC \n", kind="genes")
    assert out["gene"].tolist() == ["SYK", "SRC"]
    assert out["n_peaks"].isna().all()


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("chr7\t1\n", {}, "fewer than 3 columns, or no peak; row 1"),
        ("# nothing\n", {}, "no peak"),
        ("chr7\t10\t10\n", {}, "cannot be \\(lines\\); row 1"),
        ("#\nchr7\tx\t10\n", {}, "cannot be \\(lines\\); row 2"),
        ("chr7\t1\t10\tp\t0\t.\t5\t4\t3\t9\n", {"kind": "narrowpeak"}, "cannot be"),
        ("chr7\t1\t999999999\n", {}, "beyond the end of their chromosome in hg38; row 1"),
        ("chr7\t1\t10\n", {"build": None}, "none is guessed"),
        ("chr7\t1\t10\n", {"within": None}, "peaks need"),
        ("chr7\t1\t10\n", {"gene_table": GENES.drop(columns="strand")}, "no column strand"),
        ("chr7\t1\t10\n", {"gene_table": GENES.assign(strand=".")}, "a strand; rows 1, 2, 3, 4, 5"),
        ("chr7\t1\t10\n", {"kind": "peaks"}, "no such kind"),
        ("SYK\nsyk\n", {"kind": "genes"}, "a gene twice; rows 1, 2"),
        ("", {"kind": "genes"}, "no gene in the list"),
    ],
)
def test_targets_that_cannot_be_read(tmp_path, text, options, message):
    with pytest.raises(iko.InputError, match=message):
        peaks(tmp_path, text, **options)


PEPTIDES = pd.DataFrame({"peptide": list("abcdef"), "gene": ["SYK", "MAPK3/MAPK1", "SRC", None, "BTK", "syk"]})


def test_marks_are_true_false_or_missing():
    marks = iko.mark_targets(PEPTIDES, pd.DataFrame({"gene": ["Syk", "MAPK1"]}))
    assert marks.index[marks.isna()].tolist() == ["d"]
    assert marks.dropna().to_dict() == {"a": True, "b": True, "c": False, "e": False, "f": True}
    with pytest.raises(iko.InputError, match="no targets"):
        iko.mark_targets(PEPTIDES, [])


def test_fisher_and_wilcoxon_by_hand():
    # 3 targets of 5: a hit pair of 5 choose 2 = 10 is two targets in 3 of 10; two-sided: as or less likely than 3/10 is
    # also both others (1/10): 0.4
    marks = iko.mark_targets(PEPTIDES, ["SYK", "MAPK1"])
    rows = iko.target_enrichment(
        marks,
        {"two": ["a", "b", "d"], "none": []},
        statistics=pd.Series([5.0, 4, 3, 9, 3, 1], index=list("abcdef"), name="t"),
    )
    assert rows["term"].tolist() == ["two", "none", "t"]
    two = rows.iloc[0]
    np.testing.assert_allclose(two["p_value"], 0.4, rtol=1e-12)
    assert two[["n", "n_target", "n_hit", "n_hit_target"]].tolist() == [5, 3, 2, 2]
    assert two["note"] == "peptides taken as independent; 1 hits without a known gene"
    assert rows.iloc[1]["note"].startswith("not estimable")
    # targets 5 4 1 against 3 3: four pairs of six are won
    np.testing.assert_allclose(rows.iloc[2]["estimate"], 4 / 6, rtol=1e-14)


def test_what_cannot_be_enriched():
    marks = iko.mark_targets(PEPTIDES, ["SYK"])
    with pytest.raises(iko.InputError, match="no peptides of the flags; 1 in all"):
        iko.target_enrichment(marks, ["z"])
    with pytest.raises(iko.InputError, match="neither hits nor statistics"):
        iko.target_enrichment(marks)
    with pytest.raises(iko.InputError, match="or none is"):
        iko.target_enrichment(marks.loc[["a", "f"]], ["a"])
    with pytest.raises(iko.InputError, match="no target has a statistic"):
        iko.target_enrichment(marks, statistics=pd.Series({"c": 1.0}))
