"""D1 against mice and mitml; pooled coefficients of many draws against those of mice and smcfcs (case chained)."""

import numpy as np
import pandas as pd
import pytest
import reading

from ikzf1_outcomes import cox, endpoint_from_columns
from ikzf1_outcomes.impute.chained import impute_missing
from ikzf1_outcomes.impute.pooled_tests import d1_test

CASE = "chained"
V = reading.values(CASE)
ALL8 = ["age", "male", "edema", "lbili", "albumin", "protime", "lchol", "platelet"]


@pytest.fixture(scope="module")
def pbc():
    frames = [reading.inputs("mice", f"mice_pbc_imp{k:02d}") for k in range(1, 11)]
    frames = [frame.assign(lchol=np.log(frame["chol"])) for frame in frames]
    return [cox(endpoint_from_columns(f, time="years", status="death", causes={1: "death"}), ALL8) for f in frames]


@pytest.fixture(scope="module")
def holes():
    frames = [reading.inputs(CASE, f"holes{k}") for k in range(1, 6)]
    return [cox(endpoint_from_columns(f, time="time", status="status", causes={1: "event"}), "a + b + g") for f in frames]


@pytest.mark.parametrize(
    ("name", "data", "sets", "terms", "df"),
    [
        ("pbc_two_117", "pbc", 10, ["lchol", "platelet"], 117),
        ("pbc_two_inf", "pbc", 10, ["lchol", "platelet"], np.inf),
        ("pbc_three_117", "pbc", 10, ["age", "lchol", "platelet"], None),
        ("pbc_three_inf", "pbc", 10, ["age", "lchol", "platelet"], np.inf),
        ("holes_g_60", "holes", 5, "g", 60),
        ("holes_g_inf", "holes", 5, "g", np.inf),
        ("holes_ab_25", "holes", 5, ["a", "b"], 25),
        ("holes_all_inf", "holes", 5, ["a", "b", "g"], np.inf),
        ("holes_two_sets_a_inf", "holes", 2, "a", np.inf),
        ("holes_three_sets_g_inf", "holes", 3, ["g"], np.inf),
    ],
)
def test_d1(request, name, data, sets, terms, df):
    test = d1_test(request.getfixturevalue(data)[:sets], terms, complete_df=df)
    r = V["d1"][name]
    ours = [test.statistic, test.df, test.df_denominator, test.p_value, test.variance_increase]
    reading.agree(ours, [r["f"], r["df"], r["df_denominator"], r["p"], r["riv"]], name)


def patients():
    frame = reading.inputs(CASE, "patients")
    frame["o"] = pd.Categorical(frame["o"], ["l1", "l2", "l3", "l4"], ordered=True)
    return endpoint_from_columns(frame, time="time", status="status", causes={1: "relapse", 2: "death"})


def compared(fits, r, rows):
    """Means of coefficients, variances within and between the data sets, in the order of R."""
    tables = [fit.tidy() for fit in fits]
    keep = (tables[0]["note"] != "reference").to_numpy()
    estimates = np.array([t.loc[keep, "estimate"] for t in tables])
    within = np.mean([t.loc[keep, "std_error"] ** 2 for t in tables], axis=0)
    theirs = {part: reading.numbers(r[part])[rows] for part in ("estimate", "within", "between")}
    return estimates, within, theirs, r["m"]


def agree_within_simulation(estimates, within, theirs, m):
    """Means differ by their errors of simulation, between / draws for either; four of them are allowed."""
    draws = len(estimates)
    error = np.sqrt(theirs["between"] * (1 / draws + 1 / m))
    assert (np.abs(estimates.mean(axis=0) - theirs["estimate"]) < 4 * error).all()
    # variances within a data set hardly vary
    np.testing.assert_allclose(within, theirs["within"], rtol=0.03)


def agree_in_spread(between, theirs, draws, m):
    """The logarithm of a variance of m normal values has a standard error of sqrt(2 / (m - 1))."""
    limit = 4 * np.sqrt(2 / (draws - 1) + 2 / (m - 1))
    assert (np.abs(np.log(between / theirs)) < limit).all()


def test_pooled_coefficients_of_chained_equations():
    imputations = impute_missing(patients(), ["z", "w", "x", "g", "o"], draws=200, cycles=10, seed=3)
    assert imputations.tidy()["method"].tolist() == ["", "normal", "logistic", "multinomial", "ordinal"]
    fits = [cox(e, "w + x + g + o + z", cause="relapse") for e in imputations]
    estimates, within, theirs, m = compared(fits, V["mice"], slice(None))
    agree_within_simulation(estimates, within, theirs, m)
    # mice draws no parameters of its models for three and more levels, so that only w, x and z are spread as ours
    alike = [0, 1, 7]
    between = estimates.var(axis=0, ddof=1)
    agree_in_spread(between[alike], theirs["between"][alike], len(fits), m)


def test_pooled_coefficients_in_accordance_with_an_interaction():
    imputations = impute_missing(patients(), ["w", "x", "z"], draws=100, cycles=10, seed=3, substantive="w * x + z")
    fits = [cox(e, "w * x + z", cause="relapse") for e in imputations]
    names = [fits[0].design.names.index(name) for name in ("w", "x", "z", "w:x")]
    estimates, within, theirs, m = compared(fits, V["smcfcs"], slice(None))
    estimates, within = estimates[:, names], within[names]
    agree_within_simulation(estimates, within, theirs, m)
    agree_in_spread(estimates.var(axis=0, ddof=1), theirs["between"], len(fits), m)
