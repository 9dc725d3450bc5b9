"""IKZF1 classes and profiles, worked out from the definitions."""

import pandas as pd
import pytest

from ikzf1_outcomes import classify_ikzf1, ikzf1_plus, uk_all_cna
from ikzf1_outcomes.errors import ColumnError, InputError

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
