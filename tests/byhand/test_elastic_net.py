"""The elastic net of a Cox model on paper.

Twelve patients, all events at one time, 3 with the alteration x and 9 without, 2 of the 4 events among the 3. With
Breslow's ties and q = 3 e^b / (9 + 3 e^b), the share of the risk that lies with the 3,

    l(b) = 2 b - 4 log(9 + 3 e^b),   l'(b) = 2 - 4 q,   q(0) = 1/4

so that the lasso in the units of x (s = 1) has q = (2 - 12 lambda) / 4 until lambda = 1/12, from where b = 0.
"""

from math import log, sqrt

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.penalised_path import elastic_net

SPREAD = sqrt(3 / 12 * 9 / 12)


def twelve(altered=2):
    """The patients; `altered` of the four events among the three."""
    x = np.array([1.0] * 3 + [0.0] * 9)
    status = np.zeros(12, dtype=int)
    status[:altered] = 1
    status[3 : 7 - altered] = 1
    return pd.DataFrame({"x": x, "s": status, "t": np.where(status == 1, 1.0, 2.0)})


def endpoint(frame, **more):
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, **more)


def test_lasso_in_the_units_of_the_covariate():
    path = elastic_net(endpoint(twelve()), ["x"], alpha=1.0, lambdas=[1 / 24, 1 / 12], standardise=False, folds=None)
    # lambda = 1/24: q = 3/8, e^b = 9 q / (3 (1 - q)) = 1.8
    assert path.tidy(at=1 / 24)["estimate"].iloc[0] == pytest.approx(log(1.8), abs=1e-12)
    assert path.tidy(at=1 / 12)["estimate"].iloc[0] == pytest.approx(0.0, abs=1e-10)
    # saturated: -4 log 4, null: -4 log 12
    gained = 2 * log(1.8) - 4 * log(9 + 3 * 1.8) + 4 * log(12)
    assert path.log_likelihood[1] == pytest.approx(2 * log(1.8) - 4 * log(14.4), abs=1e-12)
    assert path.explained[1] == pytest.approx(gained / (4 * log(3)), abs=1e-12)


def test_standardised_the_penalty_counts_per_standard_deviation():
    path = elastic_net(endpoint(twelve()), ["x"], alpha=1.0, lambdas=[1 / 24 / SPREAD], folds=None)
    assert path.tidy(at=1 / 24 / SPREAD)["estimate"].iloc[0] == pytest.approx(log(1.8), abs=1e-12)


def test_default_penalties_begin_where_the_feature_comes_in():
    path = elastic_net(endpoint(twelve()), ["x"], alpha=0.5, n_lambdas=5, lambda_ratio=0.1, folds=None)
    # l'(0) / 12 = 1/12 for x, and 1/12 / s for x / s; the lasso's share is one half
    expected = 1 / 12 / SPREAD / 0.5
    assert path.lambdas[0] == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(path.lambdas[:5], expected * 10 ** -(np.arange(len(path.lambdas)) / 4), rtol=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_elastic_net(alpha):
    # e^b = 1.5 has q = 1/3 and l' = 2/3 = 12 lambda (alpha + (1 - alpha) b)
    penalty = 2 / 3 / 12 / (alpha + (1 - alpha) * log(1.5))
    path = elastic_net(endpoint(twelve()), ["x"], alpha=alpha, lambdas=[penalty], standardise=False, folds=None)
    assert path.tidy(at=penalty)["estimate"].iloc[0] == pytest.approx(log(1.5), abs=1e-11)


def test_efrons_ties():
    # the l-th event sees 9 + 3 r - (l / 4)(2 + 2 r); at r = 1.5 the slope of l is
    r = 1.5
    slope = 2 - sum((3 * r - k / 4 * 2 * r) / (9 + 3 * r - k / 4 * (2 + 2 * r)) for k in range(4))
    path = elastic_net(
        endpoint(twelve()), ["x"], alpha=1.0, lambdas=[slope / 12], standardise=False, ties="efron", folds=None
    )
    assert path.tidy(at=slope / 12)["estimate"].iloc[0] == pytest.approx(log(r), abs=1e-11)


def test_adjusters_are_not_penalised_and_features_pay_for_both():
    # stratum A holds x and stratum B holds z, the same twelve: l = l_A(b_x) + l_B(b_z), W = 24, and v = 2 columns / 1
    a = twelve().assign(z=0.0, stratum="A")
    b = twelve().rename(columns={"x": "z"}).assign(x=0.0, stratum="B")
    both = endpoint(pd.concat([a, b], ignore_index=True))
    # q_A = (2 - 24 * 2 lambda) / 4 = 3/8 at lambda = 1/96; q_B = 1/2, e^b = 3
    path = elastic_net(
        both, ["x"], adjust=["z"], strata="stratum", alpha=1.0, lambdas=[1 / 96], standardise=False, folds=None
    )
    found = path.tidy(at=1 / 96)
    assert found["term"].tolist() == ["z", "x"]
    np.testing.assert_allclose(found["estimate"], [log(3), log(1.8)], atol=1e-11)
    assert found["note"].tolist() == ["not penalised", "selected"]


def test_weights_are_patients():
    # weights of 2 are 24 patients: l doubles and so does W
    heavy = endpoint(twelve().assign(w=2.0), weights="w")
    path = elastic_net(heavy, ["x"], alpha=1.0, lambdas=[1 / 24], standardise=False, folds=None)
    assert path.tidy(at=1 / 24)["estimate"].iloc[0] == pytest.approx(log(1.8), abs=1e-12)


def test_late_entry():
    # a thirteenth patient with x who enters after the events was never at risk, but W = 13
    frame = pd.concat([twelve().assign(e=0.0), pd.DataFrame({"x": [1.0], "s": 0, "t": 2.0, "e": 1.0})], ignore_index=True)
    path = elastic_net(endpoint(frame, entry="e"), ["x"], alpha=1.0, lambdas=[1 / 26], standardise=False, folds=None)
    assert path.tidy(at=1 / 26)["estimate"].iloc[0] == pytest.approx(log(1.8), abs=1e-12)


def test_cross_validation():
    # fold a has 2 events among its 3, fold b one: trained on b, l'(0) = 1 - 4 / 4 = 0 and b = 0; trained on a, e^b = 1.8
    frame = pd.concat([twelve(2).assign(fold="a"), twelve(1).assign(fold="b")], ignore_index=True)
    path = elastic_net(endpoint(frame), ["x"], alpha=1.0, lambdas=[1 / 24], standardise=False, folds="fold", select="1se")
    saturated, saturated_of_one = -8 * log(8), -4 * log(4)

    def per_event(b, altered):
        everybody = 3 * b - 8 * log(18 + 6 * np.exp(b))
        others = altered * b - 4 * log(9 + 3 * np.exp(b))
        return 2 * ((saturated - everybody) - (saturated_of_one - others)) / 4

    left_out_a, left_out_b = per_event(0.0, 1), per_event(log(1.8), 2)
    found = path.cross_validation().iloc[0]
    assert found["estimate"] == pytest.approx((left_out_a + left_out_b) / 2, abs=1e-12)
    # the mean of two values has the standard error |difference| / 2
    assert found["std_error"] == pytest.approx(abs(left_out_a - left_out_b) / 2, abs=1e-12)
    assert found["note"] == "min; 1se"


def test_scores_of_new_patients():
    path = elastic_net(endpoint(twelve()), ["x"], alpha=1.0, lambdas=[1 / 24], standardise=False, folds=None)
    scores = path.predict_score(pd.DataFrame({"x": [2.0, 0.0, np.nan]}), at=1 / 24)
    np.testing.assert_allclose(scores["estimate"], [2 * log(1.8), 0.0, np.nan], atol=1e-12)
    assert scores["note"].tolist() == ["", "", "not estimable: a missing value"]


def test_long_table_and_notes():
    frame = twelve().assign(noise=[0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 0.0, 1.0, 2.0], same=7.0)
    frame["arm"] = ["a", "b"] * 6
    path = elastic_net(endpoint(frame), ["x", "noise", "same", "arm"], lambdas=[0.01, 0.5], folds=None)
    long = path.path()
    assert long["lambda"].tolist() == [0.5] * 4 + [0.01] * 4
    assert long["contrast"].tolist() == ["", "", "", "b vs a"] * 2
    found = path.tidy(at=0.01)
    assert found["term"].tolist() == ["x", "noise", "same", "arm", "arm"]
    assert found["note"].tolist()[2:4] == ["constant among the rows analysed", "reference"]
    assert found["estimate"].tolist()[2:4] == [0.0, 0.0]
    assert set(path.tidy(at=0.5)["note"]) == {"not selected", "constant among the rows analysed", "reference"}
    assert path.glance()["n_features"].iloc[0] == 4


def test_rows_with_a_missing_feature_are_left_out_and_counted():
    frame = pd.concat([twelve(), pd.DataFrame({"x": [np.nan, np.nan], "s": [1, 0], "t": [1.0, 1.0]})], ignore_index=True)
    path = elastic_net(endpoint(frame), ["x"], alpha=1.0, lambdas=[1 / 24], standardise=False, folds=None)
    assert path.tidy(at=1 / 24)["estimate"].iloc[0] == pytest.approx(log(1.8), abs=1e-12)
    glance = path.glance().iloc[0]
    assert (glance["n"], glance["n_event"], glance["n_excluded"]) == (12, 4, 2)
