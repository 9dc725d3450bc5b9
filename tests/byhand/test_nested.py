"""Nested Cox models on paper; what is nested, and what is refused."""

from math import log

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.nested import INFINITE, LIKELIHOOD_RATIO, ROBUST_WALD, compare_nested

CAUSES = {1: "relapse", 2: "death"}


def patients(n=80):
    rng = np.random.default_rng(11)
    d = pd.DataFrame(
        {
            "t": rng.integers(1, 30, n).astype(float),
            "s": rng.integers(0, 3, n),
            "age": rng.uniform(1, 17, n),
            "arm": rng.choice(list("abc"), n),
            "site": rng.choice(list("xyz"), n),
            "shift": rng.normal(size=n),
        }
    )
    return d.assign(frac=rng.uniform(0.5, 2, n), w=rng.integers(1, 3, n), old=(d["age"] > 9) * 1.0)


D = patients()


def made(d=D, **named):
    return iko.endpoint_from_columns(d, time="t", status="s", causes=CAUSES, **named)


E = made()


def test_two_strata_on_paper():
    # A (x 1) fails at 1 among A, B (x 1), C and D (x 0); D at 2 of B and D. The scores of x at 0, 1/2 and -1/2, add up to
    # 0: that is the maximum, and log L = -log 4 - log 2. A second stratum is the same with q turned, so that the score of q
    # at 0 is 0 too: the larger model is as likely as the smaller.
    one = pd.DataFrame({"t": [1.0, 3, 1, 2], "s": [1, 0, 0, 1], "x": [1.0, 1, 0, 0], "q": [1.0, 0, 0, 1], "p": 0})
    d = pd.concat([one, one.assign(q=1 - one["q"], p=1)])
    endpoint = made(d)
    found = compare_nested(iko.cox(endpoint, "x", strata="p"), iko.cox(endpoint, "x + q", strata="p"))
    np.testing.assert_allclose(found.tidy()["log_likelihood"], -2 * (log(4) + log(2)), rtol=1e-12)
    glance = found.glance().iloc[0]
    np.testing.assert_allclose(glance["statistic"], 0.0, atol=1e-12)
    assert (glance["df"], glance["p_value"], glance["method"]) == (1, pytest.approx(1.0, abs=1e-5), LIKELIHOOD_RATIO)


def test_a_number_lies_within_its_spline_and_a_category_within_its_interaction():
    spline = compare_nested(iko.cox(E, "age"), iko.cox(E, "rcs(age, 4)"))
    assert spline.df == 2
    crossed = compare_nested(iko.cox(E, "arm", references={"arm": "b"}), iko.cox(E, "arm * age"))
    assert crossed.df == 3
    fits = [iko.cox(E, "arm", references={"arm": "b"}), iko.cox(E, "arm * age")]
    np.testing.assert_allclose(crossed.statistic, 2 * (fits[1].maximum.value - fits[0].maximum.value))
    assert crossed.tidy()["term"].tolist() == ["arm", "arm + age + arm:age"]
    assert crossed.tidy()["df"].tolist() == [2, 5]


def test_the_robust_test_is_that_of_the_added_coefficients():
    larger = iko.cox(E, "age + arm", robust=True)
    found = compare_nested(iko.cox(E, "age", robust=True), larger)
    b, v = larger.maximum.beta[1:], larger.covariance[1:, 1:]
    np.testing.assert_allclose(found.statistic, b @ np.linalg.solve(v, b), rtol=1e-10)
    assert found.method == ROBUST_WALD
    # the same hypothesis under another reference level, where no coefficient was "added"
    other = iko.cox(E, "age + arm", references={"arm": "c"}, robust=True)
    np.testing.assert_allclose(compare_nested(iko.cox(E, "age", robust=True), other).statistic, found.statistic, rtol=1e-9)


def test_the_robust_test_where_columns_are_only_reproduced():
    # x + z and its parts: that both coefficients are equal is one contrast
    d = D.assign(both=D["age"] + 10 * D["shift"], ten=10 * D["shift"])
    endpoint = made(d)
    larger = iko.cox(endpoint, "age + ten", robust=True)
    found = compare_nested(iko.cox(endpoint, "both", robust=True), larger)
    turn = np.array([1.0, -1.0])
    wald = (turn @ larger.maximum.beta) ** 2 / (turn @ larger.covariance @ turn)
    np.testing.assert_allclose(found.statistic, wald, rtol=1e-8)


def test_levels_without_events_count_as_columns():
    d = D.assign(s=D["s"].where(D["arm"] != "c", 0))
    endpoint = made(d)
    found = compare_nested(iko.cox(endpoint, "age"), iko.cox(endpoint, "age + arm"))
    assert found.df == 2
    assert found.note == INFINITE
    # the limit, as near as numbers come: a coefficient of -30 for the level
    fixed = made(d.assign(k=-30.0 * (d["arm"] == "c"), b=(d["arm"] == "b") * 1.0))
    near = iko.cox(fixed, "age + b", offset="k").maximum.value
    np.testing.assert_allclose(found.statistic, 2 * (near - iko.cox(endpoint, "age").maximum.value), rtol=1e-8)
    with pytest.raises(iko.InputError, match="have no Wald test; 1 in all"):
        compare_nested(iko.cox(endpoint, "age", robust=True), iko.cox(endpoint, "age + arm", robust=True))


def test_whole_weights_are_patients():
    copies = D.loc[D.index.repeat(D["w"])]
    weighted, copied = (
        compare_nested(iko.cox(e, "age", ties="breslow"), iko.cox(e, "age + arm", ties="breslow")).statistic
        for e in (made(weights="w"), made(copies))
    )
    np.testing.assert_allclose(weighted, copied, rtol=1e-9)


def test_an_equal_endpoint_made_again_is_the_same():
    again = compare_nested(iko.cox(made(), "age"), iko.cox(E, "age + arm"))
    assert again.statistic == compare_nested(iko.cox(E, "age"), iko.cox(E, "age + arm")).statistic


REFUSED = {
    "different endpoints": (lambda: iko.cox(made(D.assign(t=D["t"] + 1)), "age"), "age + arm", {}),
    "different causes": (lambda: iko.cox(E, "age", cause="relapse"), "age + arm", {}),
    "different strata": (lambda: iko.cox(E, "age", strata="site"), "age + arm", {}),
    "different offsets": (lambda: iko.cox(E, "age", offset="shift"), "age + arm", {}),
    "different rules for ties": (lambda: iko.cox(E, "age", ties="breslow"), "age + arm", {}),
    "different kinds of covariance": (lambda: iko.cox(E, "age"), "age + arm", {"robust": True}),
    "columns that the larger has not; 1 in all": (lambda: iko.cox(E, "age"), "arm + shift", {}),
    "the same number of columns": (lambda: iko.cox(E, "arm", references={"arm": "b"}), "arm", {}),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(what):
    smaller, terms, options = REFUSED[what]
    with pytest.raises(iko.InputError, match=what):
        compare_nested(smaller(), iko.cox(E, terms, **options))


def test_other_rows_are_refused_and_shown():
    d = D.assign(arm=D["arm"].where(D.index != 4))
    endpoint = made(d)
    with pytest.raises(iko.InputError, match="rows that one model has and the other has not; row 5"):
        compare_nested(iko.cox(endpoint, "age"), iko.cox(endpoint, "age + arm"))


def test_weights_that_are_not_whole_are_refused():
    endpoint = made(weights="frac")
    with pytest.raises(iko.InputError, match="no likelihood ratio"):
        compare_nested(iko.cox(endpoint, "age"), iko.cox(endpoint, "age + arm"))


def test_only_cox_models():
    with pytest.raises(iko.InputError, match="only Cox models"):
        compare_nested("age", iko.cox(E, "age"))
