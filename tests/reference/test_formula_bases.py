"""Splines, polynomials, scaling and design matrices against R's Hmisc, poly and model.matrix (make.R of formula_bases)."""

import numpy as np
import pandas as pd
import pytest
import reading

from ikzf1_outcomes import cox, design, endpoint_from_columns

V = reading.values("formula_bases")
PATIENTS = reading.inputs("formula_bases", "patients")
SETS = {"all": PATIENTS, "small": PATIENTS.head(70)}
COMPLETE = PATIENTS.dropna()


def made(frame):
    return endpoint_from_columns(frame, time="time", status="status", causes={1: "relapse", 2: "death"})


def same(ours, theirs, tolerance=1e-10):
    """The first rows, relative to the size of each column."""
    theirs = np.array(theirs)
    ours = np.asarray(ours)[: len(theirs)]
    assert ours.shape == theirs.shape
    size = np.maximum(np.abs(theirs).max(axis=0), 1e-300)
    np.testing.assert_allclose(ours / size, theirs / size, rtol=0, atol=tolerance)


@pytest.mark.parametrize("case", V["splines"], ids=lambda c: f"{c['set']} {c['variable']} {c['k']}")
def test_splines_with_knots_by_quantiles(case):
    found = design(made(SETS[case["set"]]), f"rcs({case['variable']}, {case['k']})")
    np.testing.assert_allclose(found.spec.factors[0].basis.knots, case["knots"], rtol=1e-12)
    same(found.matrix, case["columns"])


def test_splines_with_given_knots():
    same(design(made(PATIENTS), "rcs(age, [1, 5, 10, 20.5])").matrix, V["given"]["columns"])


def test_where_many_share_the_highest_value_hmisc_moves_a_knot_and_we_do_not():
    plain, moved = V["tied"]["plain"], V["tied"]["moved"]
    same(design(made(PATIENTS), "rcs(blasts, 4)").matrix, plain["columns"])
    same(design(made(PATIENTS), f"rcs(blasts, {moved['knots']})").matrix, moved["columns"])
    assert plain["knots"] != moved["knots"]


@pytest.mark.parametrize("case", V["polynomials"], ids=lambda c: f"{c['variable']} {c['degree']}")
def test_polynomials(case):
    found = design(made(PATIENTS), f"poly({case['variable']}, {case['degree']})")
    same(found.matrix, case["columns"], 1e-8)
    new, keep = found.spec.encode(pd.DataFrame({case["variable"]: [0, 2.5, 11, 40]}))
    assert keep.all()
    same(new, case["new"], 1e-8)


@pytest.mark.parametrize("case", V["matrices"], ids=lambda c: c["formula"])
def test_design_matrices(case):
    references = {"ikzf1_class": "none"} if "ikzf1_class" in case["formula"] else None
    found = design(made(COMPLETE), case["formula"], references=references)
    theirs = np.array(case["columns"])
    # R's column of a cell with nobody is 0 in every row
    gone = np.array(case["names"]) == "ikzf1_classrare:mrdmedium"
    assert gone.sum() == (case["formula"] == "ikzf1_class*mrd")
    assert len(found.spec.empty_cells) == gone.sum()
    assert (theirs[:, gone] == 0).all()
    same(found.matrix, theirs[:, ~gone])
    assert len(found.names) == (~gone).sum()


def test_a_model_of_all_of_them():
    frame = COMPLETE[COMPLETE["ikzf1_class"] != "rare"]
    formula = "ikzf1_class * sex + log(wbc) + rcs(age, 4)"
    table = cox(made(frame), formula, cause="relapse", references={"ikzf1_class": "none"}).tidy()
    table = table[table["note"] == ""]
    reading.agree(table["estimate"], [row["estimate"] for row in V["cox"]])
    reading.agree(table["std_error"], [row["std_error"] for row in V["cox"]])
    assert table["contrast"].tolist()[-2:] == ["ik6 vs none : male vs female", "whole_gene vs none : male vs female"]
