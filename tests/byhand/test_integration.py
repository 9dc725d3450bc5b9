"""Genetic risk groups from cytogenetics and copy-number profile, cell by cell of the published tables."""

import pandas as pd
import pytest

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.calls import CYTOGENETIC_SUBTYPES
from ikzf1_outcomes.genome.cytogenetics import LESION_OF, possible_subtypes
from ikzf1_outcomes.genome.integration import GOOD_RISK, HIGH_RISK, uk_all_genetics
from ikzf1_outcomes.genome.profiles import uk_all_cna

HYPO = "near-haploid or low hypodiploid"


def group(cna, subtype, **options):
    return uk_all_genetics(pd.Series([cna]), pd.Series([subtype], dtype=object), **options).iloc[0]


@pytest.mark.parametrize(
    ("subtype", "cna", "in_2014", "in_2019"),
    [
        # good-risk cytogenetics: any profile is good in 2014, a good one very good in 2019
        ("ETV6::RUNX1", "good", "good", "very good"),
        ("ETV6::RUNX1", "poor", "good", "good"),
        ("ETV6::RUNX1", "intermediate", "good", "good"),
        ("high hyperdiploid", "poor", "good", "good"),
        # intermediate cytogenetics: the profile decides (groups A and B)
        ("TCF3::PBX1", "good", "good", "good"),
        ("B-other, other", "good", "good", "good"),
        ("B-other", "poor", "poor", "intermediate"),
        ("B-other JAK/CRLF2", "intermediate", "poor", "intermediate"),
        # high-risk cytogenetics: poor whatever the profile
        ("BCR::ABL1", "good", "poor", "poor"),
        ("TCF3::HLF", "poor", "poor", "poor"),
        ("KMT2A-r", "good", "poor", "poor"),
        (HYPO, "good", "poor", "poor"),
        ("iAMP21", "intermediate", "poor", "poor"),
        # profile unknown
        ("ETV6::RUNX1", "inconclusive", "good", "inconclusive"),
        ("ETV6::RUNX1", None, "good", "inconclusive"),
        ("B-other", "inconclusive", "inconclusive", "inconclusive"),
        ("iAMP21", None, "poor", "poor"),
        # cytogenetics unknown: good or high risk remain possible
        (None, "good", "inconclusive", "inconclusive"),
        (None, "poor", "inconclusive", "inconclusive"),
        (None, None, "inconclusive", "inconclusive"),
    ],
)
def test_every_cell(subtype, cna, in_2014, in_2019):
    assert group(cna, subtype) == in_2014
    assert group(cna, subtype, version="2019") == in_2019


def test_every_subtype_has_its_group():
    assert {*HIGH_RISK} | {*GOOD_RISK} < {*CYTOGENETIC_SUBTYPES}
    subtypes = pd.Series(CYTOGENETIC_SUBTYPES)
    poor = uk_all_genetics(pd.Series("poor", index=subtypes.index), subtypes)
    assert subtypes[poor == "good"].tolist() == ["ETV6::RUNX1", "high hyperdiploid"]
    good = uk_all_genetics(pd.Series("good", index=subtypes.index), subtypes)
    assert sorted(subtypes[good == "poor"]) == sorted(HIGH_RISK)


def test_levels_are_ordered_from_the_best():
    assert list(uk_all_genetics(pd.Series(["good"]), pd.Series(["B-other"])).cat.categories) == [
        "good",
        "poor",
        "inconclusive",
    ]
    found = uk_all_genetics(pd.Series(["good"], index=[7]), pd.Series(["B-other"], index=[7]), version="2019")
    assert list(found.cat.categories) == ["very good", "good", "intermediate", "poor", "inconclusive"]
    assert (found.name, found.index.tolist()) == ("uk_all_genetics", [7])


def test_the_lists_are_parameters():
    assert group("good", "B-other ABL-class", high_risk=[*HIGH_RISK, "B-other ABL-class"]) == "poor"
    # B-other of an unknown kind may then be ABL-class
    assert group("good", "B-other", high_risk=[*HIGH_RISK, "B-other ABL-class"]) == "inconclusive"
    # with "B-other" in a list all its kinds are
    assert group("poor", "B-other ZNF384", good=[*GOOD_RISK, "B-other"]) == "good"
    assert group("poor", "B-other", good=[*GOOD_RISK, "B-other"]) == "good"
    # nobody is of high risk: whatever the subtype, a good profile is good
    assert group("good", None, high_risk=[]) == "good"
    assert group("poor", None, high_risk=[]) == "inconclusive"


def test_possible_subtypes_settle_what_a_missing_subtype_leaves_open():
    none = dict.fromkeys([*LESION_OF.values(), "masked_hypodiploid"], False) | {"chromosomes": 46}
    lesions = pd.DataFrame(
        [
            none | {"bcr_abl1": None, "kmt2a": True},  # BCR::ABL1 or KMT2A-r: high risk
            none | {"etv6_runx1": None, "chromosomes": 55},  # ETV6::RUNX1 or high hyperdiploid: good risk
            none | {"chromosomes": 55, "masked_hypodiploid": None},  # hypodiploid or high hyperdiploid
            none | {"tcf3_pbx1": None, "dux4": None},  # intermediate in any case
        ]
    )
    cna = pd.Series(["good", "poor", "poor", "poor"])
    assert uk_all_genetics(cna, possible_subtypes(lesions)).tolist() == ["poor", "good", "inconclusive", "poor"]


def test_two_tiers_know_more_than_three():
    loci = dict.fromkeys(["cdkn2a", "cdkn2b", "par1", "btg1", "ebf1", "pax5", "etv6", "rb1"], "normal")
    # CDKN2A lost and RB1 unknown: not good in any case; in three tiers intermediate or poor
    frame = pd.DataFrame([loci | {"ikzf1_class": "none", "cdkn2a": "deleted", "rb1": "failed"}])
    subtype = pd.Series(["B-other"])
    assert uk_all_genetics(uk_all_cna(frame), subtype).tolist() == ["poor"]
    assert uk_all_genetics(uk_all_cna(frame, tiers=3), subtype).tolist() == ["inconclusive"]


def test_bad_input_is_explained():
    cna, subtype = pd.Series(["good", "poor"]), pd.Series(["B-other", "iAMP21"])
    with pytest.raises(InputError, match="no version"):
        uk_all_genetics(cna, subtype, version="2020")
    with pytest.raises(InputError, match="different indexes"):
        uk_all_genetics(cna, subtype.iloc[::-1])
    with pytest.raises(InputError, match=r"no UKALL-CNA class; row 2\.") as raised:
        uk_all_genetics(pd.Series(["good", "SECRET"]), subtype)
    assert "SECRET" not in str(raised.value)
    with pytest.raises(InputError, match=r"no cytogenetic subtype; row 1\.") as raised:
        uk_all_genetics(cna, pd.Series(["SECRET", None]))
    assert "SECRET" not in str(raised.value)
    with pytest.raises(InputError, match="lists of cytogenetic subtypes"):
        uk_all_genetics(cna, subtype, high_risk=["Ph"])
    with pytest.raises(InputError, match="lists of cytogenetic subtypes"):
        uk_all_genetics(cna, subtype, good="iAMP21")
    with pytest.raises(InputError, match="iAMP21 is in high_risk and in good"):
        uk_all_genetics(cna, subtype, good=["iAMP21"])
    frame = pd.DataFrame(False, index=range(2), columns=list(CYTOGENETIC_SUBTYPES)).assign(iAMP21=[True, False])
    with pytest.raises(InputError, match=r"without a possible subtype.*row 2\."):
        uk_all_genetics(cna, frame)
    with pytest.raises(InputError, match=r"missing cells; row 1\."):
        uk_all_genetics(cna, frame.assign(iAMP21=True).astype("boolean").mask(frame))
    with pytest.raises(ColumnError, match="lacks columns of subtypes; 2 in all"):
        uk_all_genetics(cna, frame.drop(columns=["B-other", "iAMP21"]))
