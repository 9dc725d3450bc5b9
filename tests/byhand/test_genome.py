"""IKZF1 classes and profiles, worked out from the definitions."""

import importlib

import pandas as pd
import pytest

from ikzf1_outcomes import classify_ikzf1, ikzf1_plus, uk_all_cna
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.exons import EXTENTS
from ikzf1_outcomes.genome.profiles import PAR1_LEVELS, PROFILE_VERSIONS, ikzf1_par1, ikzf1_plus_variants

N, D, H, G = "normal", "deleted", "homozygous", "gain"
LOCI = ["cdkn2a", "cdkn2b", "par1", "btg1", "ebf1", "pax5", "etv6", "rb1", "erg"]


def exons(text, columns=range(1, 9)):
    """Eight calls from letters: n normal, d deleted, h homozygous, g gain, ? ambiguous, x failed, - not tested."""
    words = {"n": N, "d": D, "h": H, "g": G, "?": "ambiguous", "x": "failed", "-": "not_tested"}
    return pd.DataFrame([[words[c] for c in row] for row in text], columns=[str(c) for c in columns])


def one(text):
    return classify_ikzf1(exons([text])).iloc[0]


@pytest.mark.parametrize(
    ("calls", "pattern", "kind", "group"),
    [
        ("nnnnnnnn", "none", "none", "none"),
        ("dddddddd", "Δ1-8", "whole_gene", "haploinsufficient"),
        ("nnnddddn", "Δ4-7", "ik6", "dominant_negative"),
        ("nnnddddd", "Δ4-8", "del_4_8", "loss_of_function"),
        ("nddddddn", "Δ2-7", "other", "loss_of_function"),
        ("nddddddd", "Δ2-8", "other", "loss_of_function"),
        ("nddnnnnn", "Δ2-3", "other", "loss_of_function"),
        ("nnnnnddd", "Δ6-8", "other", "loss_of_function"),
        ("nnnnnnnd", "Δ8", "other", "loss_of_function"),
        # 3 of the 4 DNA-binding fingers: exon 4 has one, exon 5 two
        ("nnnddnnn", "Δ4-5", "other", "predicted_in_frame"),
        ("nnnnnndn", "Δ7", "other", "predicted_in_frame"),
        ("dnnnnnnn", "Δ1", "other", "not_predicted"),
        ("gggggggg", "gain 1-8", "gain", "none"),
        ("nnnhhhhn", "Δ4-7", "ik6", "dominant_negative"),
        ("dddhhhhd", "Δ1-8 / Δ4-7", "other", "combined"),
        ("hhhhhhhh", "Δ1-8", "whole_gene", "haploinsufficient"),
        ("nddnnndd", "Δ2-3+Δ7-8", "other", "loss_of_function"),
    ],
)
def test_patterns(calls, pattern, kind, group):
    assert one(calls)[["pattern", "ikzf1_class", "functional_group"]].tolist() == [pattern, kind, group]


def test_both_copies_and_two_deletions_are_told():
    assert one("nnnhhhhn")[["biallelic", "compound"]].tolist() == [True, False]
    assert one("dddhhhhd")[["biallelic", "compound"]].tolist() == [True, True]
    assert one("nnnddddn")[["biallelic", "compound"]].tolist() == [False, False]
    assert one("nddnnndd")["note"] == "deletions in two places: on one allele or on two"
    assert one("nnnddnnn")["note"] == "predicted: removes 3 of 4 DNA-binding zinc fingers"
    assert one("gnnddddn")["note"] == "gain 1 beside the deletion"


@pytest.mark.parametrize(
    ("calls", "kind", "note"),
    [
        ("xxxxxxxx", "failed", ""),
        ("--------", "not_tested", ""),
        ("????????", "ambiguous", ""),
        # exon 8 decides between Δ4-7 and Δ4-8
        ("nnndddd?", "ambiguous", "exon 8 unknown: the class depends on it"),
        # whatever exon 1 is, Δ2-3 stays what it is: other
        ("xddnnnnn", "other", "exon 1 unknown"),
        # one exon not measured is not "absent"
        ("nnnnnn-n", "ambiguous", "exon 7 unknown: the class depends on it"),
    ],
)
def test_unknown_exons_are_completed(calls, kind, note):
    assert one(calls)[["ikzf1_class", "note"]].tolist() == [kind, note]


def test_older_papers_count_from_zero():
    old = exons(["nnnddddn"], columns=range(8))
    assert classify_ikzf1(old, numbering="0-7").loc[0, "pattern"] == "Δ4-7"
    with pytest.raises(InputError, match="no exon 0"):
        classify_ikzf1(old)


def test_order_and_names_of_columns_do_not_matter():
    table = exons(["nnnddddn", "nnnddddd"]).rename(columns=lambda c: f"IKZF1_exon {c}").iloc[:, ::-1].assign(lot="B2")
    assert classify_ikzf1(table)["ikzf1_class"].tolist() == ["ik6", "del_4_8"]


def test_what_is_no_exon_table_is_explained():
    with pytest.raises(ColumnError, match="no column for exon 8"):
        classify_ikzf1(exons(["nnnddddn"]).drop(columns="8"))
    with pytest.raises(InputError, match=r"no exon 4\.5"):
        classify_ikzf1(exons(["nnnddddn"]).rename(columns={"4": "4.5"}))
    with pytest.raises(InputError, match="exon 4 has two columns"):
        classify_ikzf1(exons(["nnnddddn"]).assign(e4=N))
    with pytest.raises(InputError, match="no call; row 2") as raised:
        classify_ikzf1(pd.concat([exons(["nnnddddn"]), exons(["nnnddddn"]).assign(**{"4": "SECRET"})]))
    assert "SECRET" not in str(raised.value)


@pytest.mark.parametrize(
    ("short", "long", "extent"),
    [
        (N, N, "focal"),
        (G, N, "focal"),
        # a loss on the long arm alone has another cause
        (N, D, "focal"),
        (N, "failed", "focal"),
        (D, N, "loss of 7p"),
        (D, D, "monosomy 7"),
        (H, D, "monosomy 7"),
        (D, G, "i(7q)"),
        (D, "failed", "not determined"),
        ("ambiguous", D, "not determined"),
        (None, N, "not determined"),
    ],
)
def test_how_far_a_loss_of_the_whole_gene_reaches(short, long, extent):
    assert extent in EXTENTS
    arms = pd.DataFrame({"7p": [short] * 4, "7q": [long] * 4})
    calls = exons(["dddddddd", "nnnddddn", "nnnnnnnn", "hhhhhhhh"])
    found = classify_ikzf1(calls, neighbours=arms)
    assert found["extent"].tolist() == [extent, "", "", extent]
    assert found["ikzf1_class"].tolist() == ["whole_gene", "ik6", "none", "whole_gene"]


def test_without_the_arms_the_extent_is_not_determined():
    assert one("dddddddd")["extent"] == "not determined"
    assert one("xxxxxxxx")["extent"] == ""
    calls = exons(["dddddddd"])
    with pytest.raises(ColumnError, match="'7q'"):
        classify_ikzf1(calls, neighbours=pd.DataFrame({"7p": [N]}))
    with pytest.raises(InputError, match="neighbours and exon calls have different indexes"):
        classify_ikzf1(calls, neighbours=pd.DataFrame({"7p": [N], "7q": [N]}, index=["b"]))
    with pytest.raises(InputError, match=r"'7p' holds words that are no call; row 1\."):
        classify_ikzf1(calls, neighbours=pd.DataFrame({"7p": ["lost"], "7q": [N]}))


def test_subclonal_is_below_the_bound():
    # the fourth has exons 4 to 7 deleted and exon 8 unknown: a deletion of an ambiguous class
    calls = exons(["nnnddddn", "nnnddddn", "dddddddd", "nnndddd?", "nnnddddn", "nnnnnnnn", "gggggggg", "xxxxxxxx"])
    fraction = pd.Series([0.79, 0.8, 1.0, 0.2, None, 0.3, 0.3, 0.3])
    found = classify_ikzf1(calls, fraction=fraction)["subclonal"]
    assert str(found.dtype) == "boolean"
    assert found.astype(object).where(found.notna(), None).tolist() == [True, False, False, True, None, None, None, None]
    lower = classify_ikzf1(calls, fraction=fraction, subclonal_below=0.5)["subclonal"]
    assert lower.iloc[:4].tolist() == [False, False, False, True]
    assert classify_ikzf1(calls)["subclonal"].isna().all()


def test_a_run_without_samples_gives_a_table_without_rows():
    found = classify_ikzf1(exons(["nnnddddn"]).iloc[:0])
    assert found.shape == (0, 8)
    assert found.columns.tolist()[:2] == ["pattern", "ikzf1_class"]


def test_samples_may_share_a_name():
    calls = exons(["dddddddd", "dddddddd"]).set_axis(["a", "a"])
    arms = pd.DataFrame({"7p": [D, None], "7q": [N, N]}, index=calls.index)
    found = classify_ikzf1(calls, neighbours=arms, fraction=pd.Series([0.3, 0.9], index=calls.index))
    assert found["extent"].tolist() == ["loss of 7p", "not determined"]
    assert found["subclonal"].tolist() == [True, False]


def test_a_fraction_is_a_share():
    calls = exons(["nnnddddn", "nnnddddn"])
    for wrong in (1.01, -0.01, "most"):
        with pytest.raises(InputError, match=r"no number from 0 to 1; row 2\."):
            classify_ikzf1(calls, fraction=pd.Series([0.5, wrong], dtype=object))
    with pytest.raises(InputError, match="fraction and exon calls have different indexes"):
        classify_ikzf1(calls, fraction=pd.Series([0.5, 0.5], index=[1, 0]))
    for bound in (0, 1.2):
        with pytest.raises(InputError, match="subclonal_below"):
            classify_ikzf1(calls, subclonal_below=bound)


def patient(ikzf1="none", **calls):
    return {"ikzf1_class": ikzf1, **dict.fromkeys(LOCI, N), **calls}


@pytest.mark.parametrize(
    ("who", "level"),
    [
        (patient(cdkn2a=D), "no deletion detected"),
        (patient("gain", cdkn2a=D), "no deletion detected"),
        (patient("ik6"), "IKZF1 deletion"),
        (patient("ik6", pax5=D), "IKZF1plus"),
        (patient("other", par1=D), "IKZF1plus"),
        (patient("ik6", cdkn2b=D), "IKZF1 deletion"),
        (patient("ik6", cdkn2b=H), "IKZF1plus"),
        (patient("ik6", pax5=D, erg=D), "IKZF1 deletion"),
        (patient("ik6", pax5=D, erg="not_tested"), "unclassifiable"),
        # without a partner ERG does not matter
        (patient("ik6", erg="not_tested"), "IKZF1 deletion"),
        (patient("ik6", pax5="failed"), "unclassifiable"),
        (patient("ik6", pax5="failed", cdkn2a=D), "IKZF1plus"),
        (patient("ambiguous", pax5=D), "unclassifiable"),
        (patient("none", pax5="failed", erg="not_tested"), "no deletion detected"),
    ],
)
def test_ikzf1_plus(who, level):
    assert ikzf1_plus(pd.DataFrame([who])).tolist() == [level]


def test_switches_of_ikzf1_plus():
    het = pd.DataFrame([patient("ik6", cdkn2b=D), patient("ik6", pax5=D, erg="not_tested")])
    assert ikzf1_plus(het, cdkn2b="any").tolist() == ["IKZF1plus", "unclassifiable"]
    assert ikzf1_plus(het, erg_unknown="absent").tolist() == ["IKZF1 deletion", "IKZF1plus"]
    known = het.assign(cytogenetic_subtype=["BCR::ABL1", "B-other"])
    assert ikzf1_plus(known, exclude_bcr_abl1=True).isna().tolist() == [True, False]
    with pytest.raises(ColumnError, match="cytogenetic_subtype"):
        ikzf1_plus(het, exclude_bcr_abl1=True)
    with pytest.raises(InputError, match="homozygous"):
        ikzf1_plus(het, cdkn2b="yes")


@pytest.mark.parametrize(
    ("who", "two", "any_", "isolated"),
    [
        (patient(), "good", "good", "good"),
        (patient(etv6=D), "good", "good", "good"),
        (patient(btg1=D), "good", "good", "good"),
        (patient(etv6=D, cdkn2a=D), "good", "good", "good"),
        (patient(etv6=D, cdkn2a=D, cdkn2b=H), "good", "good", "good"),  # one locus
        (patient(etv6=D, btg1=D, pax5=D), "poor", "intermediate", "intermediate"),
        (patient(cdkn2a=D), "poor", "intermediate", "intermediate"),
        (patient(pax5=D, cdkn2b=D), "poor", "intermediate", "intermediate"),
        (patient("ik6"), "poor", "poor", "poor"),
        (patient("ik6", etv6=D), "poor", "poor", "intermediate"),
        (patient("ik6", pax5=D, cdkn2a=D), "poor", "poor", "poor"),
        (patient(rb1=D, cdkn2a=D), "poor", "poor", "intermediate"),
        # whatever PAX5 is, alone it is good
        (patient(pax5="failed"), "good", "good", "good"),
        (patient(cdkn2a=D, etv6="failed"), "inconclusive", "inconclusive", "inconclusive"),
        (patient("failed"), "inconclusive", "inconclusive", "inconclusive"),
        # with IKZF1 deleted as well, RB1 would not be isolated
        (patient("failed", rb1=D), "poor", "poor", "inconclusive"),
        (patient("not_tested", rb1=D, cdkn2a=D), "poor", "poor", "intermediate"),
    ],
)
def test_uk_all_cna(who, two, any_, isolated):
    frame = pd.DataFrame([who])
    found = [uk_all_cna(frame), uk_all_cna(frame, tiers=3), uk_all_cna(frame, tiers=3, split="isolated")]
    assert [series.tolist()[0] for series in found] == [two, any_, isolated]


def test_nothing_known_is_missing():
    frame = pd.DataFrame([patient("not_tested", **dict.fromkeys(LOCI, "failed"))])
    assert uk_all_cna(frame).isna().tolist() == [True]
    with pytest.raises(InputError, match="tiers"):
        uk_all_cna(frame, tiers=4)


@pytest.mark.parametrize(
    ("ikzf1", "par1", "level"),
    [
        ("none", N, "neither"),
        ("gain", G, "neither"),
        ("ik6", N, "IKZF1 only"),
        ("other", G, "IKZF1 only"),
        ("none", D, "PAR1 only"),
        ("gain", H, "PAR1 only"),
        ("whole_gene", D, "IKZF1 + PAR1"),
        ("del_4_8", H, "IKZF1 + PAR1"),
        ("ambiguous", D, "unclassifiable"),
        ("none", "failed", "unclassifiable"),
        ("not_tested", None, "unclassifiable"),
        (None, N, "unclassifiable"),
    ],
)
def test_ikzf1_with_par1(ikzf1, par1, level):
    found = ikzf1_par1(pd.DataFrame({"ikzf1_class": [ikzf1], "par1": [par1]}))
    assert found.tolist() == [level]
    assert tuple(found.cat.categories) == PAR1_LEVELS


def test_what_hangs_on_each_switch():
    frame = pd.DataFrame(
        [
            patient(),
            patient("ik6"),
            patient("ik6", cdkn2b=D),  # plus only when any loss of CDKN2B counts
            patient("ik6", pax5=D),  # plus in any case
            patient("ik6", pax5=D, erg="not_tested"),  # plus only when an unknown ERG is absent
            patient("ik6", cdkn2b=D, erg="failed"),  # no partner by default; with one, ERG matters
        ]
    )
    none, deletion, plus, open_, out = (
        "no deletion detected",
        "IKZF1 deletion",
        "IKZF1plus",
        "unclassifiable",
        "left out",
    )
    subtypes = ["BCR::ABL1", "B-other", "B-other", "BCR::ABL1", "B-other", None]
    table = ikzf1_plus_variants(frame.assign(cytogenetic_subtype=subtypes))
    assert table.columns.tolist() == ["variant", "from", "to", "n", "note"]
    rows = {name: set(part.itertuples(index=False, name=None)) for name, part in table.groupby("variant")}
    any_ = {(none, none, 1), (deletion, deletion, 1), (deletion, plus, 1), (deletion, open_, 1), (plus, plus, 1)}
    absent = {(none, none, 1), (deletion, deletion, 3), (plus, plus, 1), (open_, plus, 1)}
    philadelphia = {(none, out, 1), (deletion, deletion, 2), (deletion, open_, 1), (plus, out, 1), (open_, open_, 1)}
    for name, expected in (
        ("cdkn2b='any'", any_ | {(open_, open_, 1)}),
        ("erg_unknown='absent'", absent),
        ("exclude_bcr_abl1=True", philadelphia),
    ):
        assert rows[name] == {(name, *row, "") for row in expected}
    assert table.groupby("variant")["n"].sum().tolist() == [6, 6, 6]


def test_a_switch_that_cannot_be_tried_is_said():
    table = ikzf1_plus_variants(pd.DataFrame([patient("ik6")]))
    last = table.iloc[-1]
    assert last[["variant", "from", "to", "note"]].tolist() == [
        "exclude_bcr_abl1=True",
        "",
        "",
        "not computed: no column cytogenetic_subtype",
    ]
    assert pd.isna(last["n"])
    assert table["n"].iloc[:-1].tolist() == [1, 1]
    nobody = ikzf1_plus_variants(pd.DataFrame([patient("ik6", cytogenetic_subtype="B-other")]).iloc[:0])
    assert len(nobody) == 0


def test_every_profile_says_its_version_and_source():
    rooms = [
        importlib.import_module(f"ikzf1_outcomes.genome.{m}") for m in ("exons", "profiles", "cytogenetics", "integration")
    ]
    for name, sentence in PROFILE_VERSIONS.items():
        assert any(hasattr(room, name) for room in rooms), name
        assert sentence.startswith("version ")
        assert sentence.endswith(".")


def test_excluding_bcr_abl1_needs_words_that_are_subtypes():
    frame = pd.DataFrame([dict.fromkeys(LOCI, N) | {"ikzf1_class": "ik6", "cytogenetic_subtype": "BCR-ABL1"}])
    with pytest.raises(InputError, match="no subtype; row 1"):
        ikzf1_plus(frame, exclude_bcr_abl1=True)
