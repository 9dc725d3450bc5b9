"""Calls from segments, worked out from the positions of the loci and the thresholds."""

import gzip
from dataclasses import FrozenInstanceError
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import classify_ikzf1
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.loci import (
    ARM_LOCI,
    ARMS,
    BUILDS,
    CHROMOSOME_LENGTHS,
    CHROMOSOMES,
    GENE_LOCI,
    GENES,
    IKZF1_EXONS,
    PAR1_LOCI,
    PAR1_REGION,
    builds_that_hold,
)
from ikzf1_outcomes.genome.segment_files import chromosome_name, read_segments
from ikzf1_outcomes.genome.segments import call_segments

COLUMNS = ["sample", "chromosome", "start", "end", "probes", "value"]
EVIDENCE = ["sample", "locus", "quotient", "probes", "overlap", "lost", "call", "confidence", "note"]
LENGTHS = CHROMOSOME_LENGTHS["hg19"]
# hg19: exon 3 ends at 50,367,353, exon 4 begins at 50,444,231, exon 7 ends at 50,459,561, exon 8 begins at 50,467,616
IK6 = [("7", 1, 50_400_000, 900, 0.0), ("7", 50_400_001, 50_465_000, 40, -0.9), ("7", 50_465_001, LENGTHS["7"], 900, 0.0)]
# hg19: PAR1 ends on X at 2,699,520 and on Y at 2,649,520; CSF2RA begins on X at 1,387,693, IL3RA ends at 1,501,578
PAR1_LOSS = [("X", 60_001, 1_300_000, 99, 0.0), ("X", 1_300_001, 1_600_000, 99, -1.0), ("X", 1_600_001, 2_690_000, 99, 0.0)]


def segments(*rows, sample="A"):
    return pd.DataFrame([(sample, *row) for row in rows], columns=COLUMNS)


def whole(chromosome, value, probes=900, build="hg19"):
    return (chromosome, 1, CHROMOSOME_LENGTHS[build][chromosome], probes, value)


def call(*rows, **options):
    return call_segments(segments(*rows), **{"build": "hg19", **options})


def one(locus, *rows, **options):
    calls = call(*rows, **options)
    return calls.loci.loc["A", locus]


def evidence(calls, locus):
    table = calls.tidy()
    return table[table["locus"] == locus].iloc[0]


# ---- loci


def test_loci_lie_in_order_within_their_chromosomes():
    for build in BUILDS:
        exons = list(IKZF1_EXONS[build].values())
        assert [exon.end - exon.start + 1 for exon in exons] == [207, 54, 120, 261, 168, 126, 135, 5184]
        assert all(a.end < b.start for a, b in pairwise(exons))
        p, q = ARM_LOCI[build]["7p"], ARM_LOCI[build]["7q"]
        assert p.start == 1
        assert exons[-1].end < p.end < q.start < q.end == CHROMOSOME_LENGTHS[build]["7"]
        for locus in (*GENE_LOCI[build].values(), *PAR1_LOCI[build], *PAR1_REGION[build]):
            assert 1 <= locus.start < locus.end <= CHROMOSOME_LENGTHS[build][locus.chromosome]
        for locus, region in zip(PAR1_LOCI[build], PAR1_REGION[build], strict=True):
            assert region.start < locus.start < locus.end < region.end


def test_chromosomes_add_up_to_the_known_sizes_of_the_genomes():
    sizes = {build: sum(lengths.values()) for build, lengths in CHROMOSOME_LENGTHS.items()}
    assert sizes == {"hg18": 3_080_419_480, "hg19": 3_095_677_412, "hg38": 3_088_269_832}


ENSEMBL = """
btg1 12 92,536,286–92,539,673 92,140,278–92,145,846
cdkn2a 9 21,967,751–21,995,300 21,967,752–21,995,301
cdkn2b 9 22,002,902–22,009,362 22,002,903–22,009,305
ebf1 5 158,122,928–158,526,769 158,695,916–159,099,916
etv6 12 11,802,788–12,048,336 11,649,674–11,895,377
pax5 9 36,833,272–37,034,103 36,833,269–37,034,268
rb1 13 48,877,887–49,056,122 48,303,744–48,599,436
erg 21 39,751,949–40,033,704 38,380,027–38,661,780
"""


def test_genes_lie_where_ensembl_puts_them():
    for line in ENSEMBL.strip().splitlines():
        gene, chromosome, *places = line.replace(",", "").split()
        for build, ends in zip(("hg19", "hg38"), places, strict=True):
            assert GENE_LOCI[build][gene] == (chromosome, *(int(end) for end in ends.split("–")))
    # CSF2RA begins and IL3RA ends here, on X
    assert PAR1_LOCI["hg19"][0] == ("X", 1_387_693, 1_501_578)
    assert PAR1_LOCI["hg38"][0] == ("X", 1_268_800, 1_382_689)
    assert set(GENES) == {*GENE_LOCI["hg19"], "par1"} == {*GENE_LOCI["hg38"], "par1"}


def test_no_build_is_the_shift_of_another():
    shift = {exon: IKZF1_EXONS["hg38"][exon].start - IKZF1_EXONS["hg19"][exon].start for exon in IKZF1_EXONS["hg19"]}
    assert set(shift.values()) == {-39_596, -67_698}


def test_par1_on_y_is_par1_on_x_moved_as_the_region_is():
    for build in ("hg19", "hg38"):
        (x, y), (on_x, on_y) = PAR1_LOCI[build], PAR1_REGION[build]
        assert x.start - y.start == x.end - y.end == on_x.start - on_y.start == on_x.end - on_y.end


def test_which_builds_hold_a_position():
    assert builds_that_hold({}) == BUILDS
    # chromosome 1 ends at 247,249,719 (hg18), 249,250,621 (hg19), 248,956,422 (hg38); 19 at 63.8, 59.1 and 58.6 million
    assert builds_that_hold({"1": 249_250_621}) == ("hg19",)
    assert builds_that_hold({"19": 63_811_651}) == ("hg18",)
    assert builds_that_hold({"1": 249_250_621, "19": 63_811_651}) == ()


# ---- files

HEADERS = [
    "ID chrom loc.start loc.end num.mark seg.mean",
    "Sample Chromosome Start End Num_Probes Segment_Mean",
    "GDC_Aliquot Chromosome Start End Num_Probes Segment_Mean",
    "Sample Chromosome Start.bp End.bp Num.Markers Seg.CN",
    "'ID CHROM LOC_START LOC_END NUM_MARK SEG_MEAN",
]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("separator", ["\t", ",", ";", "  "])
def test_the_headers_of_the_tools(tmp_path, header, separator):
    file = tmp_path / "x.seg"
    rows = ["A 7 100 200 9 -0.5", "B chrX 1e+05 2e5 3 0.25"]
    file.write_text("\n".join(separator.join(line.split()) for line in [header, *rows]) + "\n")
    table = read_segments(file)
    assert table.columns.tolist() == COLUMNS
    assert table.astype(object).values.tolist() == [["A", "7", 100, 200, 9, -0.5], ["B", "X", 100_000, 200_000, 3, 0.25]]
    assert table.dtypes.astype(str).tolist() == ["category", "category", "int32", "int32", "Int32", "float64"]


def test_gzip_comments_and_byte_order_marks_are_passed_over(tmp_path):
    text = "\ufeff#track\n#type=GENE\n" + HEADERS[0].replace(" ", "\t") + "\nA\t7\t1\t2\t\t0.5\n"
    for name, data in (("packed", gzip.compress(text.encode())), ("plain.seg", text.encode())):
        (tmp_path / name).write_bytes(data)
        table = read_segments(tmp_path / name)
        assert table["value"].tolist() == [0.5]
        assert table["probes"].isna().tolist() == [True]


def test_columns_of_other_names(tmp_path):
    file = tmp_path / "ascat.tsv"
    file.write_text("GDC_Aliquot\tChromosome\tStart\tEnd\tCopy_Number\nA\t7\t1\t9\t2\n")
    with pytest.raises(ColumnError, match="no column for the value"):
        read_segments(file)
    assert read_segments(file, columns={"value": "Copy_Number"})[["value", "probes"]].isna().values.tolist() == [
        [False, True]
    ]
    with pytest.raises(ColumnError, match=r"no column for the value\. Did you mean 'Copy_Number'"):
        read_segments(file, columns={"value": "Copy_Numbre"})
    with pytest.raises(ColumnError, match="no field: 'log2'"):
        read_segments(file, columns={"log2": "Copy_Number"})


def test_an_unknown_header_names_the_nearest_and_two_of_one_kind_are_told(tmp_path):
    file = tmp_path / "x.seg"
    file.write_text("ID chrom loc.start loc.end num.mark segment_men\nA 7 1 2 3 0\n")
    with pytest.raises(ColumnError, match="Did you mean 'segment_men'"):
        read_segments(file)
    file.write_text("ID Sample chrom loc.start loc.end num.mark seg.mean\nA B 7 1 2 3 0\n")
    with pytest.raises(ColumnError, match="2 columns could be the sample"):
        read_segments(file)
    # without a header the first row holds data: it is not told
    file.write_text("secret 7 1 2 3 0\n")
    with pytest.raises(ColumnError) as caught:
        read_segments(file)
    assert "secret" not in str(caught.value)


def test_a_fields_own_name_goes_before_its_spellings():
    table = segments(*IK6).assign(id=["x", "y", "z"])
    assert call_segments(table, build="hg19").exons.index.tolist() == ["A"]


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("7", "7"), ("chr7", "7"), ("Chr07", "7"), ("CHROM7", "7"), ("chromosome 7", "7"),
            (7, "7"), (7.0, "7"), ("7.0", "7"),
        ("23", "X"), ("24", "Y"), ("chr23", "X"), ("x", "X"), ("chrY", "Y"), ("MT", "MT"), ("chrM", "chrM"), ("26", "26"),
        ("GL000191.1", "GL000191.1"), ("chr1_gl000192_random", "chr1_gl000192_random"), ("chrUn_1", "chrUn_1"),
        ("7.5", None), (7.5, None), ("0", None), ("27", None), ("-7", None), ("7p", None), ("", None), ("chr", None),
        ("NA", None), (np.nan, None), ("107", None),
    ],
)  # fmt: skip
def test_chromosome_names(cell, name):
    assert chromosome_name(cell) == name


BAD_CELLS = [
    ("A 7.5 1 2 3 0", "the chromosome of a segment is missing or names none; row 2"),
    ("A 7 1,5 2 3 0", "is no number; row 2"),
    ("A 7 one 2 3 0", "is no number; row 2"),
    ("A 7 1.5 2 3 0", "the start of a segment is no whole number, or is missing; row 2"),
    ("A 7 NA 2 3 0", "the start of a segment is no whole number, or is missing; row 2"),
    ("A 7 1 3e9 3 0", "the end of a segment is no whole number, or is missing; row 2"),
    ("A 7 1 2 3.5 0", "the number of probes is no whole number, or is missing; row 2"),
    ("NA 7 1 2 3 0", "without the name of their sample; row 2"),
    ("A 7 1 2 3 0 9", "rows are longer than the header; row 2"),
    ("A 7 1 2 3 0 9 9", "is no table|rows are longer than the header"),
    ("A 7 1", "the end of a segment is no whole number, or is missing; row 2"),
]


@pytest.mark.parametrize(("row", "message"), BAD_CELLS)
def test_bad_cells_are_told_by_row(tmp_path, row, message):
    file = tmp_path / "x.seg"
    file.write_text("\n".join("\t".join(line.split()) for line in [HEADERS[0], "B 7 1 2 3 0", row, "C 7 1 2 3 0"]))
    with pytest.raises(InputError, match=message):
        read_segments(file)


@pytest.mark.parametrize("extra", ["\t9", "\t9\t9"])
def test_rows_that_are_all_longer_than_the_header_are_not_cut(tmp_path, extra):
    (tmp_path / "x").write_text(HEADERS[0].replace(" ", "\t") + f"\nA\t7\t1\t2\t3\t0{extra}" * 3)
    with pytest.raises(InputError, match=r"rows are longer than the header; rows 1, 2, 3|is no table"):
        read_segments(tmp_path / "x")


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match="there is no file 'x'"):
        read_segments(tmp_path / "x")
    for text in ("", "# only\n\n"):
        (tmp_path / "x").write_text(text)
        with pytest.raises(InputError, match="is empty"):
            read_segments(tmp_path / "x")
    (tmp_path / "x").write_text(HEADERS[0] + "\n")
    with pytest.raises(InputError, match="column names and no segment"):
        read_segments(tmp_path / "x")
    whole_file = gzip.compress((HEADERS[0] + "\n" + "A 7 1 2 3 0.123\n" * 5000).encode())
    for data in (b"\xff\xfe\x00\x01", whole_file[:10], whole_file[: len(whole_file) // 2]):
        (tmp_path / "x").write_bytes(data)
        with pytest.raises(InputError, match=r"no text, or no whole gzip file|the file isn't whole"):
            read_segments(tmp_path / "x")


# ---- exons and genes


def test_a_deletion_of_exons_4_to_7_is_ik6():
    calls = call(*IK6)
    assert calls.exons.loc["A"].tolist() == ["normal"] * 3 + ["deleted"] * 4 + ["normal"]
    assert classify_ikzf1(calls.exons).loc["A", "ikzf1_class"] == "ik6"
    assert calls.loci.loc["A", ["7p", "7q"]].tolist() == ["normal", "normal"]
    row = evidence(calls, "ikzf1_exon_4")
    assert row["quotient"] == pytest.approx(2**-0.9)
    assert row[["probes", "overlap", "lost", "call", "note"]].tolist() == [40, 1.0, 1.0, "deleted", ""]
    assert np.isnan(row["confidence"])


def test_the_same_positions_are_another_deletion_in_another_build():
    # 50,400,001-50,465,000 covers exons 4-7 in hg19, in hg38 all of exon 8 but its first 83 bases, in hg18 exons 4-8
    rows = [IK6[0], IK6[1], ("7", 50_465_001, 158_000_000, 900, 0.0)]
    assert call(*rows, build="hg38").exons.loc["A"].tolist() == ["normal"] * 7 + ["deleted"]
    assert call(*rows, build="hg18").exons.loc["A"].tolist() == ["normal"] * 3 + ["deleted"] * 5


@pytest.mark.parametrize(
    ("ratio", "word"),
    [
        (-2.0, "homozygous"), (-1.1, "homozygous"), (-1.09, "deleted"), (-0.3, "deleted"), (-0.29, "ambiguous"),
        (-0.21, "ambiguous"), (-0.2, "normal"), (0.0, "normal"), (0.2, "normal"), (0.25, "ambiguous"), (0.3, "gain"),
        (1.5, "gain"),
    ],
)  # fmt: skip
def test_the_thresholds_hold_at_their_limits(ratio, word):
    assert one("pax5", whole("9", ratio)) == word


def test_thresholds_can_be_set_one_by_one():
    assert one("pax5", whole("9", -0.25), thresholds={"deleted": -0.25}) == "deleted"
    assert one("pax5", whole("9", -0.29), thresholds={"normal": 0.29}) == "normal"
    with pytest.raises(InputError, match="no threshold 'loss'"):
        call(*IK6, thresholds={"loss": -1})
    with pytest.raises(InputError, match="thresholds must rise"):
        call(*IK6, thresholds={"deleted": -0.1})
    with pytest.raises(InputError, match="exclude each other"):
        call(*IK6, thresholds={"deleted": -0.5}, purity=0.9)


@pytest.mark.parametrize(
    ("copies", "word"), [(0, "homozygous"), (1, "deleted"), (2, "normal"), (3, "gain"), (1.7, "ambiguous")]
)
def test_copy_numbers_are_halved(copies, word):
    # log2(1.7 / 2) = -0.23
    calls = call(whole("9", copies), value="copy_number")
    assert calls.loci.loc["A", "pax5"] == word
    assert evidence(calls, "pax5")["quotient"] == pytest.approx(copies / 2, rel=1e-14)


def test_the_most_severe_segment_over_a_gene_decides():
    # hg19: PAX5 is 36,833,272-37,034,103
    low, middle, high = ("9", 1, 36_900_000), ("9", 36_900_001, 36_950_000), ("9", 36_950_001, 141_000_000)
    states = {"homozygous": -2.0, "deleted": -0.8, "ambiguous": -0.25, "gain": 0.6, "normal": 0.0}
    names = list(states)
    for severe, mild in pairwise(names):
        rows = [(*low, 9, states[mild]), (*middle, 9, states[severe]), (*high, 9, states[mild])]
        assert one("pax5", *rows) == severe
        assert one("pax5", *rows[::-1]) == severe
    calls = call((*low, 9, 0.0), (*middle, 9, -1.0), (*high, 9, 0.0))
    row = evidence(calls, "pax5")
    length, lost = 37_034_103 - 36_833_272 + 1, 50_000
    assert row["lost"] == pytest.approx(lost / length)
    assert row["quotient"] == pytest.approx((lost * 0.5 + length - lost) / length)
    assert row["probes"] == 27


def test_one_base_of_a_gene_is_of_the_gene():
    # hg19: PAX5 is 36,833,272-37,034,103
    for first, last, word in (
        (36_833_272, 37_034_102, "deleted"),
        (36_833_272, 37_034_103, "normal"),
        (36_833_273, 37_034_103, "deleted"),
    ):
        rows = [("9", 1, first - 1, 9, -0.9), ("9", first, last, 9, 0.0), ("9", last + 1, 141_000_000, 9, -0.9)]
        assert one("pax5", *rows) == word


def test_half_of_a_locus_must_be_covered():
    # exon 1 of hg19 has 207 bases from 50,344,312 on: 104 are more than half, 103 are less
    enough, little = (("7", 50_000_000, 50_344_312 + n - 1, 50, -0.8) for n in (104, 103))
    assert call(enough).exons.loc["A", "1"] == "deleted"
    calls = call(little)
    assert calls.exons.loc["A"].tolist() == ["not_tested"] * 8
    assert evidence(calls, "ikzf1_exon_1")[["overlap", "note"]].tolist() == [103 / 207, "covered less than min_overlap"]
    assert evidence(calls, "ikzf1_exon_2")[["overlap", "note"]].tolist() == [0.0, "no segment lies over it"]
    # exon 2 of hg19 has 54 bases from 50,358,644 on: 27 are one half
    assert call(("7", 50_000_000, 50_358_670, 50, -0.8)).exons.loc["A", "2"] == "deleted"
    assert call(("7", 50_000_000, 50_358_669, 50, -0.8)).exons.loc["A", "2"] == "not_tested"
    assert call(little, min_overlap=0.4).exons.loc["A", "1"] == "deleted"


def test_small_segments_are_set_aside_and_counted():
    rows = [IK6[0], ("7", 50_400_001, 50_465_000, 2, -0.9), IK6[2], ("MT", 1, 999, 50, 0.0), ("GL000191.1", 1, 9, 1, 0.0)]
    calls = call(*rows)
    assert calls.exons.loc["A"].tolist() == ["normal"] * 3 + ["not_tested"] * 4 + ["normal"]
    assert calls.set_aside.values.tolist() == [["not on chromosomes 1-22, X or Y", 2], ["fewer than 3 probes", 1]]
    assert call(*rows, min_probes=None).exons.loc["A", "4"] == "deleted"
    assert call(*rows, min_probes=2).set_aside["n"].tolist() == [2]
    assert call(*IK6).set_aside.columns.tolist() == ["reason", "n"]


def test_counts_of_probes_may_be_missing_when_nobody_asks_for_them():
    table = segments(*IK6)
    for without in (table.drop(columns="probes"), table.assign(probes=[900, np.nan, 900])):
        with pytest.raises(InputError, match="counts of probes are missing"):
            call_segments(without, build="hg19")
        calls = call_segments(without, build="hg19", min_probes=None)
        assert calls.exons.loc["A", "4"] == "deleted"
        assert np.isnan(evidence(calls, "ikzf1_exon_4")["probes"])
    # one probe's error of 0.2 can't tell one lost copy from none or both
    options = {"build": "hg19", "min_probes": None, "purity": 0.6}
    without = table.drop(columns="probes")
    assert call_segments(without, **options).exons.loc["A", "4"] == "ambiguous"
    # expected at p = 0.9: 0.1, 0.55, 1; 2**-0.9 = 0.536 is 0.28 errors of 0.05 from the second, 9 from the others
    assert call_segments(without, **{**options, "purity": 0.9}, noise=0.05).exons.loc["A", "4"] == "deleted"


def test_samples_are_sorted_and_each_has_a_row():
    table = pd.concat([segments(*IK6, sample="B"), segments(whole("1", 0.0), sample="A")])
    calls = call_segments(table, build="hg19")
    assert calls.exons.index.tolist() == ["A", "B"]
    assert calls.exons.loc["A"].tolist() == ["not_tested"] * 8
    numbers = table.assign(sample=[10, 10, 10, 9])
    assert call_segments(numbers, build="hg19").loci.index.tolist() == [9, 10]
    assert call_segments(table.assign(sample=["x", "x", "x", 9]), build="hg19").loci.index.tolist() == [9, "x"]
    assert calls.exons.index.name == calls.loci.index.name == "sample"


def test_hg18_has_exons_and_arms_alone():
    calls = call(whole("7", -0.8, build="hg18"), whole("9", -0.8, build="hg18"), build="hg18")
    assert calls.exons.loc["A"].tolist() == ["deleted"] * 8
    assert calls.loci.loc["A", list(ARMS)].tolist() == ["deleted", "deleted"]
    assert calls.loci.loc["A", list(GENES)].tolist() == ["not_tested"] * 9
    assert evidence(calls, "pax5")["note"] == "no coordinates in this build"
    assert calls.glance()["note"].tolist() == ["no coordinates in hg18: btg1 cdkn2a cdkn2b ebf1 erg etv6 par1 pax5 rb1"]


# ---- arms


@pytest.mark.parametrize(
    ("p", "q", "words"),
    [
        (-0.9, -0.9, ["deleted", "deleted"]),
        (-0.9, 0.5, ["deleted", "gain"]),
        (-2.0, 0.0, ["homozygous", "normal"]),
        (-0.25, 0.0, ["ambiguous", "normal"]),
    ],
)
def test_whole_arms(p, q, words):
    rows = [("7", 1, 58_054_331, 900, p), ("7", 61_054_332, LENGTHS["7"], 900, q)]
    assert call(*rows).loci.loc["A", ["7p", "7q"]].tolist() == words
    assert set(call(*rows).exons.loc["A"]) == {words[0]}


def test_an_arm_needs_nine_tenths():
    # 7p has 58,054,331 bases in hg19: nine tenths are 52,248,898
    for lost, word in ((52_248_898, "deleted"), (52_248_897, "ambiguous"), (5_805_433, "normal"), (5_805_434, "ambiguous")):
        calls = call(("7", 1, lost, 900, -0.9), ("7", lost + 1, 58_054_331, 900, 0.0))
        assert calls.loci.loc["A", "7p"] == word
        row = evidence(calls, "7p")
        assert row["lost"] == pytest.approx(lost / 58_054_331)
        assert row["note"] == ("no state holds the arm" if word == "ambiguous" else "")
    assert one("7p", ("7", 1, 58_054_331, 900, -0.9), arm_share=1.0) == "deleted"
    halves = [("7", 1, 29_000_000, 900, -0.9), ("7", 29_000_001, 58_054_331, 900, 0.0)]
    assert one("7p", *halves, arm_share=0.51) == "ambiguous"
    # one half of the covered bases with both copies lost, the other with one: the arm is lost
    assert one("7p", halves[0], ("7", 29_000_001, 58_054_331, 900, -2.0)) == "deleted"


# ---- PAR1


def test_par1_is_read_on_x_or_on_y():
    assert one("par1", *PAR1_LOSS) == "deleted"
    on_y = [("Y", start - 50_000, end - 50_000, probes, value) for _, start, end, probes, value in PAR1_LOSS]
    calls = call(*on_y)
    assert calls.loci.loc["A", "par1"] == "deleted"
    assert evidence(calls, "par1")["note"] == "read on chromosome Y"
    assert one("par1", *IK6) == "not_tested"
    # on X from one base beyond the interval's middle on: less than half
    assert one("par1", ("X", 1_444_637, 2_000_000, 50, -1.0)) == "not_tested"


def test_a_segment_of_the_whole_x_chromosome_does_not_speak_of_par1():
    for chromosome in ("X", "Y"):
        calls = call(whole(chromosome, -1.0))
        assert calls.loci.loc["A", "par1"] == "ambiguous"
        assert evidence(calls, "par1")["note"] == "the segment lies mostly outside PAR1"
    assert one("par1", whole("X", 0.0)) == "normal"
    # the one on Y that is ambiguous doesn't undo the one on X that is known, nor the other way round
    assert one("par1", *PAR1_LOSS, whole("Y", -1.0)) == "deleted"
    assert one("par1", whole("X", -1.0), ("Y", 10_001, 2_600_000, 99, 0.0)) == "normal"
    clash = call(*PAR1_LOSS, ("Y", 10_001, 2_600_000, 99, 0.0))
    assert clash.loci.loc["A", "par1"] == "ambiguous"
    assert evidence(clash, "par1")["note"] == "chromosomes X and Y disagree"


# ---- purity


def test_a_loss_of_one_copy_at_a_low_purity_is_ambiguous():
    # expected quotients at p = 0.3: 0.70, 0.85, 1.00, 1.15. 16 probes: error 0.2 / 4 = 0.05, neighbours 3 errors apart.
    # At 0.85 both neighbours have odds exp(-9 / 2): P = 1 / (1 + 2 exp(-4.5) + exp(-18)) = 0.978.
    row = ("9", 1, 141_000_000, 16, np.log2(0.85))
    calls = call(row, purity=0.3)
    assert calls.loci.loc["A", "pax5"] == "deleted"
    sure = 1 / (1 + 2 * np.exp(-4.5) + np.exp(-18))
    assert evidence(calls, "pax5")["confidence"] == pytest.approx(sure, rel=1e-12)
    assert one("pax5", row, purity=0.3, confidence=0.98) == "ambiguous"
    # at p = 0.15 neighbours are 1.5 errors apart; 0.925 is one lost copy
    assert one("pax5", ("9", 1, 141_000_000, 16, np.log2(0.925)), purity=0.15) == "ambiguous"
    assert one("pax5", row, purity=0.3, noise=0.4) == "ambiguous"


def test_the_error_of_a_segment_does_not_fall_below_its_floor():
    # p = 0.1: neighbours are 0.05 apart. With the floor of 0.03 the odds are exp(-(5/3)^2 / 2) = 0.25: never 0.95.
    row = ("9", 1, 141_000_000, 1_000_000, np.log2(0.95))
    assert one("pax5", row, purity=0.1) == "ambiguous"
    assert one("pax5", row, purity=0.1, min_error=0.01) == "deleted"


def test_purities_of_samples():
    table = pd.concat([segments(whole("9", np.log2(0.7)), sample=name) for name in "ABC"])
    # at p = 0.3 a quotient of 0.7 is the loss of both copies, at p = 0.6 of one
    purity = pd.Series({"C": np.nan, "B": 0.6, "A": 0.3, "other": 0.5})
    calls = call_segments(table, build="hg19", purity=purity)
    assert calls.loci["pax5"].tolist() == ["homozygous", "deleted", "ambiguous"]
    notes = calls.tidy().query("locus == 'pax5'")["note"].tolist()
    assert notes == ["", "", "no purity"]
    with pytest.raises(InputError, match="no entry in the series of purities; 2 in all"):
        call_segments(table, build="hg19", purity=purity[["A"]])
    with pytest.raises(InputError, match="purity lies between 0 and 1; row 2"):
        call_segments(table, build="hg19", purity=pd.Series({"A": 0.5, "B": 60.0, "C": 0.5}))
    with pytest.raises(InputError, match="two purities; rows 1, 2"):
        call_segments(table, build="hg19", purity=pd.Series([0.5, 0.6, 0.5, 0.5], index=["A", "A", "B", "C"]))
    for wrong in (-0.1, 1.1, np.nan):
        with pytest.raises(InputError, match="purity lies between 0 and 1"):
            call_segments(table, build="hg19", purity=wrong)


# ---- bad segments


BAD_SEGMENTS = [
    ([("7", 200, 100, 9, 0.0)], "end before they start; row 4"),
    ([("7", 1, 10, 9, np.nan)], "values of segments are missing, no numbers or infinite; row 4"),
    ([("7", 1, 10, 9, -np.inf)], "values of segments are missing, no numbers or infinite; row 4"),
    ([("7", 1, 10, 9, "low")], "values of segments are missing, no numbers or infinite; row 4"),
    ([("7", 1, 10, 9, 2000.0)], "beyond all bounds; row 4"),
    ([("7", np.nan, 10, 9, 0.0)], "the start of a segment is no whole number, or is missing; row 4"),
    ([("7", 1, np.inf, 9, 0.0)], "the end of a segment is no whole number, or is missing; row 4"),
    ([("7", -1, 10, 9, 0.0)], "the start of a segment is no whole number, or is missing; row 4"),
    ([("7.5", 1, 10, 9, 0.0)], "the chromosome of a segment is missing or names none; row 4"),
    ([("7", 1, 10, -9, 0.0)], "counts of probes are missing or negative; row 4"),
    ([IK6[1]], "overlap, or are there twice; row 4"),
    ([("8", 5, 5, 9, 0.0), ("8", 5, 5, 9, 0.0)], "overlap, or are there twice; row 5"),
    ([("7", 50_400_000, 50_400_005, 9, 0.0)], "overlap, or are there twice; row"),
    ([("7", 80_000_000, 80_000_001, 9, 0.0)], "overlap, or are there twice; row 4"),
    # neighbours in the file only: the first one reaches over the second to the third
    ([("8", 1, 900, 9, 0.0), ("8", 10, 20, 9, 0.0), ("8", 30, 40, 9, 0.0)], "overlap, or are there twice; rows 5, 6"),
]


@pytest.mark.parametrize(("rows", "message"), BAD_SEGMENTS)
def test_bad_segments_are_told_by_row(rows, message):
    with pytest.raises(InputError, match=message):
        call(*IK6, *rows)


def test_neighbours_may_meet_on_one_base():
    rows = [("7", 1, 50_400_000, 90, 0.0), ("7", 50_400_000, 50_465_000, 40, -0.9), ("7", 50_465_000, 99_000_000, 90, 0.0)]
    assert call(*rows).exons.loc["A"].tolist() == call(*IK6).exons.loc["A"].tolist()
    # half-open files begin with 0
    assert call(("7", 0, *IK6[0][2:]), *IK6[1:]).exons.equals(call(*IK6).exons)
    # other samples and other chromosomes have their own segments
    two = pd.concat([segments(*IK6, sample="A"), segments(*IK6, sample="B")])
    assert len(call_segments(two, build="hg19").exons) == 2


def test_a_wrong_build_is_noticed_where_a_segment_overruns():
    # chromosome 7 ends at 158,821,424 (hg18), 159,138,663 (hg19) and 159,345,973 (hg38)
    with pytest.raises(InputError, match=r"beyond their chromosome in hg18; row 3\. All would lie within hg19 and hg38"):
        call(*IK6, build="hg18")
    row = ("7", 150_000_000, 159_345_974, 9, 0.0)
    with pytest.raises(InputError, match=r"in hg38; row 1\. They fit no known build"):
        call(row, build="hg38")
    for wrong in ("GRCh37", "19", None):
        with pytest.raises(InputError, match="the genome build is not one that is known"):
            call(*IK6, build=wrong)
    with pytest.raises(TypeError, match="build"):
        call_segments(segments(*IK6))


def test_frames_that_hold_nothing_to_call():
    with pytest.raises(InputError, match="there is no segment"):
        call_segments(segments(), build="hg19")
    with pytest.raises(InputError, match="no segment lies on chromosomes 1-22, X or Y"):
        call(("NC_000007.14", 1, 9, 9, 0.0))
    with pytest.raises(ColumnError, match="no column for the end"):
        call_segments(segments(*IK6).drop(columns="end"), build="hg19")
    for name in ("", "NA", None):
        with pytest.raises(InputError, match="without the name of their sample; rows 1, 2, 3"):
            call_segments(segments(*IK6, sample=name), build="hg19")
    with pytest.raises(InputError, match="copy numbers of segments are negative; row 2"):
        call(*IK6, value="copy_number")


@pytest.mark.parametrize(
    "options",
    [
        {"value": "ratio"}, {"noise": 0}, {"noise": np.nan}, {"min_error": 0}, {"min_overlap": 0}, {"min_overlap": 1.1},
        {"arm_share": 0.5}, {"arm_share": 1.1}, {"min_probes": 0}, {"confidence": 0.5},
        {"purity": 0.5, "confidence": 1},
    ],
)  # fmt: skip
def test_options_out_of_range(options):
    with pytest.raises(InputError):
        call(*IK6, **options)


# ---- the result


def test_the_result_is_frozen_and_its_tables_are_copies():
    calls = call(*IK6)
    with pytest.raises(FrozenInstanceError):
        calls.build = "hg38"
    kept = calls.tidy()
    changed = calls.tidy()
    changed["quotient"] = -1.0
    pd.testing.assert_frame_equal(calls.tidy(), kept)
    assert repr(calls) == "SegmentCalls(hg19: 1 samples, 3 segments, 0 set aside)"
    assert calls.glance().values.tolist() == [["hg19", 1, 3, 0, ""]]
    assert kept.columns.tolist() == EVIDENCE
    assert not kept.duplicated(["sample", "locus"]).any()
    assert len(kept) == 8 + len(GENES) + len(ARMS)
    assert kept["note"].map(type).eq(str).all()
    assert calls.exons.columns.tolist() == list("12345678")
    assert calls.loci.columns.tolist() == [*GENES, *ARMS]
    assert len(CHROMOSOMES) == 24
