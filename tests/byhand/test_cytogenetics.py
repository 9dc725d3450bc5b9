"""The hierarchy of cytogenetic subtypes, lesion by lesion, worked out from its rule."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes.cohort.dictionary import CYTOGENETIC_SUBTYPES as IN_DICTIONARY
from ikzf1_outcomes.cohort.dictionary import DICTIONARY
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.calls import CYTOGENETIC_SUBTYPES
from ikzf1_outcomes.genome.cytogenetics import HIERARCHY, LESION_OF, cytogenetic_hierarchy, possible_subtypes

HYPO, HYPER = "near-haploid or low hypodiploid", "high hyperdiploid"
NONE = dict.fromkeys([*LESION_OF.values(), "masked_hypodiploid"], False) | {"chromosomes": 46}


def patients(*rows):
    return pd.DataFrame([NONE | row for row in rows])


def level(options=None, **lesions):
    row = cytogenetic_hierarchy(patients(lesions), **(options or {})).iloc[0]
    return (None if pd.isna(row["cytogenetic_subtype"]) else row["cytogenetic_subtype"], row["note"])


def test_levels_are_those_of_the_data_dictionary():
    assert DICTIONARY["cytogenetic_subtype"].levels == CYTOGENETIC_SUBTYPES == IN_DICTIONARY
    found = cytogenetic_hierarchy(patients({}))["cytogenetic_subtype"]
    assert tuple(found.cat.categories) == CYTOGENETIC_SUBTYPES


@pytest.mark.parametrize(
    ("lesions", "expected"),
    [
        ({}, "B-other, other"),
        ({"bcr_abl1": True}, "BCR::ABL1"),
        ({"tcf3_hlf": True}, "TCF3::HLF"),
        ({"kmt2a": True}, "KMT2A-r"),
        ({"iamp21": True}, "iAMP21"),
        ({"etv6_runx1": True}, "ETV6::RUNX1"),
        ({"tcf3_pbx1": True}, "TCF3::PBX1"),
        ({"abl_class": True}, "B-other ABL-class"),
        ({"crlf2": True}, "B-other JAK/CRLF2"),
        ({"dux4": True}, "B-other DUX4/ERG"),
        ({"znf384": True}, "B-other ZNF384"),
        ({"mef2d": True}, "B-other MEF2D"),
        ({"pax5alt": True}, "B-other PAX5alt/P80R"),
        # fewer than 40 chromosomes; 51 to 67 both within
        ({"chromosomes": 27}, HYPO),
        ({"chromosomes": 39}, HYPO),
        ({"chromosomes": 40}, "B-other, other"),
        ({"chromosomes": 50}, "B-other, other"),
        ({"chromosomes": 51}, HYPER),
        ({"chromosomes": 67}, HYPER),
        ({"chromosomes": 68}, "B-other, other"),
        # a doubled clone of 27 is not high hyperdiploid, whatever the number
        ({"chromosomes": 54, "masked_hypodiploid": True}, HYPO),
        ({"chromosomes": None, "masked_hypodiploid": True}, HYPO),
        # two lesions: the first of the hierarchy
        ({"bcr_abl1": True, "chromosomes": 55}, "BCR::ABL1"),
        ({"etv6_runx1": True, "iamp21": True}, "iAMP21"),
        ({"crlf2": True, "chromosomes": 55}, HYPER),
        ({"crlf2": True, "iamp21": True}, "iAMP21"),
        ({"tcf3_pbx1": True, "chromosomes": 30}, HYPO),
    ],
)
def test_the_first_lesion_that_matches(lesions, expected):
    assert level(**lesions) == (expected, "")


@pytest.mark.parametrize(
    ("lesions", "expected", "note"),
    [
        # an unknown lesion below the first that is there changes nothing
        ({"kmt2a": True, "iamp21": None, "chromosomes": None, "masked_hypodiploid": None}, "KMT2A-r", ""),
        # one above may
        ({"kmt2a": True, "bcr_abl1": None}, None, "open: bcr_abl1"),
        ({"bcr_abl1": None, "tcf3_hlf": None}, None, "open: bcr_abl1, tcf3_hlf"),
        # sure to be B-other, the kind is not: ABL-class, or none of those named
        ({"abl_class": None}, "B-other", "open: abl_class"),
        ({"abl_class": None, "crlf2": True, "dux4": None}, "B-other", "open: abl_class"),
        ({"crlf2": None, "tcf3_pbx1": None}, None, "open: tcf3_pbx1, crlf2"),
        # no number: hypodiploid, high hyperdiploid or neither
        ({"chromosomes": None}, None, "open: chromosomes"),
        ({"chromosomes": None, "masked_hypodiploid": None}, None, "open: chromosomes, masked_hypodiploid"),
        # iAMP21 stands above high hyperdiploidy and below hypodiploidy
        ({"chromosomes": None, "iamp21": True}, None, "open: chromosomes"),
        # a doubled clone may hide among 50 to 78 chromosomes, and nowhere else
        ({"chromosomes": 49, "masked_hypodiploid": None}, "B-other, other", ""),
        ({"chromosomes": 50, "masked_hypodiploid": None}, None, "open: masked_hypodiploid"),
        ({"chromosomes": 55, "masked_hypodiploid": None}, None, "open: masked_hypodiploid"),
        ({"chromosomes": 78, "masked_hypodiploid": None}, None, "open: masked_hypodiploid"),
        ({"chromosomes": 79, "masked_hypodiploid": None}, "B-other, other", ""),
        ({"chromosomes": 30, "masked_hypodiploid": None}, HYPO, ""),
        # one of the two ploidies is certain with 55: nothing below them can match
        ({"chromosomes": 55, "masked_hypodiploid": None, "tcf3_pbx1": None}, None, "open: masked_hypodiploid"),
    ],
)
def test_unknown_lesions(lesions, expected, note):
    assert level(**lesions) == (expected, note)


def test_possible_subtypes_keep_what_a_missing_level_loses():
    found = possible_subtypes(
        patients(
            {"bcr_abl1": None, "kmt2a": True},
            {"chromosomes": 55, "masked_hypodiploid": None, "tcf3_pbx1": None, "dux4": None},
            {"chromosomes": 70, "masked_hypodiploid": None},
            {"crlf2": None, "dux4": True},
        )
    )
    assert [list(found.columns[row]) for row in found.to_numpy()] == [
        ["BCR::ABL1", "KMT2A-r"],
        [HYPO, HYPER],
        [HYPO, "B-other, other"],
        ["B-other JAK/CRLF2", "B-other DUX4/ERG"],
    ]


def test_switches():
    hidden = {"chromosomes": 55, "masked_hypodiploid": None}
    assert level({"masked_unknown": "absent"}, **hidden) == (HYPER, "")
    assert level({"masked_unknown": "absent"}, chromosomes=None, masked_hypodiploid=None) == (None, "open: chromosomes")
    assert level({"masked_among": (60, 78)}, **hidden) == (HYPER, "")
    assert level({"hyperdiploid": (51, 65)}, chromosomes=66) == ("B-other, other", "")
    assert level({"hypodiploid_below": 44}, chromosomes=43) == (HYPO, "")
    assert level({"hypodiploid_below": 44}, chromosomes=44) == ("B-other, other", "")
    assert level({"b_other": "whole"}, dux4=True, crlf2=None) == ("B-other", "")
    assert level({"b_other": "whole"}, iamp21=None) == (None, "open: iamp21")


def test_whole_b_other_does_not_need_the_lesions_of_its_kinds():
    kinds = [LESION_OF[name] for name in LESION_OF if name.startswith("B-other")]
    short = patients({}, {"kmt2a": True}).drop(columns=kinds)
    assert cytogenetic_hierarchy(short, b_other="whole")["cytogenetic_subtype"].tolist() == ["B-other", "KMT2A-r"]
    with pytest.raises(ColumnError, match="'abl_class', 'crlf2', 'dux4', 'znf384', 'mef2d', 'pax5alt'"):
        cytogenetic_hierarchy(short)


def test_another_order():
    order = ("high hyperdiploid", *(name for name in HIERARCHY if name != "high hyperdiploid"))
    assert level({"order": order}, bcr_abl1=True, chromosomes=55) == (HYPER, "")
    # hypodiploidy is what is left of 55 chromosomes once they are not high hyperdiploid, and BCR::ABL1 comes before it
    open_ = {"chromosomes": 55, "masked_hypodiploid": None}
    assert level({"order": order}, **open_) == (None, "open: masked_hypodiploid")
    found = possible_subtypes(patients(open_ | {"bcr_abl1": None, "iamp21": None}), order=order)
    assert list(found.columns[found.loc[0]]) == ["BCR::ABL1", HYPO, HYPER]
    kinds = [name for name in HIERARCHY if name.startswith("B-other")]
    assert level({"order": (*HIERARCHY[:8], *kinds[::-1])}, crlf2=True, mef2d=True) == ("B-other MEF2D", "")


def test_par1_and_erg_are_never_read():
    frame = patients({}, {"crlf2": None}, {"dux4": None})
    calls = frame.assign(par1="deleted", erg="homozygous", cdkn2a="nonsense")
    pd.testing.assert_frame_equal(cytogenetic_hierarchy(calls), cytogenetic_hierarchy(frame))


def test_flags_and_numbers_come_in_every_usual_dress():
    rows = patients({"etv6_runx1": True}, {"chromosomes": 55}, {"iamp21": None, "chromosomes": None})
    expected = ["ETV6::RUNX1", HYPER, None]
    nullable = rows.astype(dict.fromkeys([c for c in rows if c != "chromosomes"], "boolean") | {"chromosomes": "Int64"})
    numbers = rows.astype(float)
    for dress in (rows, nullable, numbers, rows.astype(object), rows.assign(chromosomes=["46", "55", None])):
        found = cytogenetic_hierarchy(dress)["cytogenetic_subtype"].astype(object)
        assert found.where(found.notna(), None).tolist() == expected


def test_the_index_stays_and_nobody_is_no_error():
    twice = patients({"kmt2a": True}, {"iamp21": None}).set_axis(["a", "a"])
    assert cytogenetic_hierarchy(twice).index.tolist() == ["a", "a"]
    nobody = cytogenetic_hierarchy(patients({}).iloc[:0])
    assert nobody.shape == (0, 2)
    assert list(nobody.columns) == ["cytogenetic_subtype", "note"]


def test_what_cannot_be_read_is_explained_without_its_content():
    with pytest.raises(ColumnError, match="'iamp21'"):
        cytogenetic_hierarchy(patients({}).drop(columns="iamp21"))
    with pytest.raises(InputError, match="'kmt2a' is there twice"):
        cytogenetic_hierarchy(pd.concat([patients({}), patients({})[["kmt2a"]]], axis=1))
    with pytest.raises(InputError, match=r"'kmt2a'.*row 2\.") as raised:
        cytogenetic_hierarchy(patients({}, {"kmt2a": "SECRET"}))
    assert "SECRET" not in str(raised.value)
    for wrong in (22, 185, 46.5, np.inf, "46,XX", 0):
        with pytest.raises(InputError, match=r"no whole number from 23 to 184; row 2\."):
            cytogenetic_hierarchy(patients({}, {"chromosomes": wrong}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"masked_unknown": "ignore"}, "masked_unknown is"),
        ({"b_other": "none"}, "b_other is"),
        ({"hyperdiploid": (67, 51)}, "overlap or run backwards"),
        ({"masked_among": (78, 50)}, "overlap or run backwards"),
        ({"hypodiploid_below": 52}, "overlap or run backwards"),
        ({"order": HIERARCHY[1:]}, "each of the 14 subtypes once"),
        ({"order": (*HIERARCHY[:-1], HIERARCHY[0])}, "each of the 14 subtypes once"),
        ({"order": HIERARCHY[::-1]}, "B-other last"),
    ],
)
def test_options_that_contradict_themselves(options, message):
    with pytest.raises(InputError, match=message):
        cytogenetic_hierarchy(patients({}), **options)
