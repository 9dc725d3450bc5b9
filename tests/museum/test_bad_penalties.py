"""Ridge penalties and frailties that cannot be, and data that a plain Cox model cannot take."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import (
    ColumnError,
    ConvergenceError,
    InputError,
    compare_nested,
    cox,
    endpoint_from_columns,
    pool,
    proportional_hazards_test,
)
from ikzf1_outcomes.kernels import frailty
from ikzf1_outcomes.kernels.frailty import maximise_at
from ikzf1_outcomes.models.ridge import RidgeFit
from ikzf1_outcomes.models.shared_frailty import FrailtyFit

RNG = np.random.default_rng(31)
N = 60
FRAME = pd.DataFrame(
    {
        "t": RNG.integers(1, 30, N) / 2,
        "s": RNG.integers(0, 2, N),
        "x": RNG.normal(size=N),
        "z": RNG.normal(size=N),
        "arm": RNG.choice(list("abc"), N),
        "centre": RNG.choice(list("pqrstu"), N),
        "ward": RNG.choice([1, 2], N),
    }
)


def made(frame=FRAME, **options):
    return endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, **options)


@pytest.mark.parametrize("theta", [-1, -1e-9, np.nan, np.inf, "2", None, True, [1.0]])
def test_a_theta_that_is_none(theta):
    with pytest.raises(InputError, match="finite theta that is not negative"):
        cox(made(), "x", penalty=("ridge", theta))


@pytest.mark.parametrize("penalty", [("lasso", 1.0), ("ridge",), ("ridge", 1, 2), (1, 1), 3.0, "ridge", "elastic", ()])
def test_a_penalty_that_there_is_not(penalty):
    with pytest.raises(InputError, match="no such penalty"):
        cox(made(), "x", penalty=penalty)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"penalty": ("ridge", 1), "robust": True}, "with robust or clustered errors"),
        ({"penalty": ("ridge", 1), "cluster": "centre"}, "with robust or clustered errors"),
        ({"penalty": ("ridge", 1), "ties": "exact"}, "exact ties have neither"),
        ({"penalty": ("ridge", 1), "ties": "elfron"}, "no such rule for ties"),
        ({"penalty": ("ridge", 1), "frailty": "centre"}, "a penalty and a frailty"),
        ({"penalty": "firth", "frailty": "centre"}, "a penalty and a frailty"),
        ({"penalty": "firth", "ridge_terms": "x"}, "ridge_terms without"),
        ({"ridge_terms": "x"}, "ridge_terms without"),
        ({"frailty": "centre", "ridge_terms": "x"}, "ridge_terms without"),
        ({"penalty": ("ridge", 1), "ridge_terms": []}, "ridge_terms is empty"),
        ({"frailty": "centre", "robust": True}, "a frailty with robust"),
        ({"frailty": "centre", "cluster": "ward"}, "a frailty with robust"),
        ({"frailty": "centre", "ties": "exact"}, "exact ties have neither"),
        ({"frailty": "centre", "cause": "death"}, "no cause is called"),
        ({"frailty": "centre", "conf_level": 95}, "level"),
    ],
)
def test_options_that_do_not_go_together(options, message):
    with pytest.raises(InputError, match=message):
        cox(made(), "x", **options)


def test_columns_and_terms_that_are_not_there():
    with pytest.raises(ColumnError, match="ridge_terms names no term of the model: z"):
        cox(made(), "x", penalty=("ridge", 1), ridge_terms="z")
    with pytest.raises(ColumnError):
        cox(made(), "x", frailty="nowhere")
    with pytest.raises(ColumnError):
        cox(made(), "nowhere", penalty=("ridge", 1))


def test_one_cluster_has_no_variance():
    with pytest.raises(InputError, match="two clusters or more"):
        cox(made(FRAME.assign(centre="p")), "x", frailty="centre")


def test_all_events_in_one_ward():
    """Followed for long without any in the 199 others: a variance beyond the first grid, and still a maximum."""
    frame = pd.DataFrame({"t": np.where(np.arange(4000) < 20, 1.0, 9.0), "s": (np.arange(4000) < 20) * 1})
    fit = cox(made(frame.assign(x=np.arange(4000) % 3, ward=np.arange(4000) // 20)), "x", frailty="ward")
    clusters, top = fit.rows, fit.top
    assert 100 < fit.theta < 1e5
    for share in (0.9, 1.1):
        assert maximise_at(clusters, fit.theta * share, top.beta, top.frailty).marginal < top.marginal
    assert fit.frailties()["estimate"].iloc[0] == pytest.approx(np.log(200), abs=0.1)


def test_a_variance_that_is_not_found(monkeypatch):
    monkeypatch.setattr(frailty, "NODES", (1e-4, 1e-3))
    monkeypatch.setattr(frailty, "MOST_VARIANCE", 1e-3)
    with pytest.raises(ConvergenceError, match="the variance of the frailty has no maximum"):
        cox(made(FRAME.assign(centre=np.where(FRAME["s"] == 1, "p", "q"))), "x", frailty="centre")


def test_rows_without_a_cluster_are_left_out_and_counted():
    gone = FRAME.assign(centre=FRAME["centre"].where(FRAME.index > 4))
    fit = cox(made(gone), "x + arm", frailty="centre")
    rest = cox(made(FRAME.iloc[5:]), "x + arm", frailty="centre")
    assert fit.glance()["n_excluded"].iloc[0] == 5
    assert fit.glance()["n"].iloc[0] == N - 5
    np.testing.assert_allclose(fit.beta, rest.beta, rtol=1e-9)
    pd.testing.assert_frame_equal(fit.frailties(), rest.frailties())


def test_clusters_of_two_columns_and_of_time_intervals():
    both = cox(made(), "x", frailty=["centre", "ward"])
    assert isinstance(both.frailties()["group"].iloc[0], tuple)
    assert both.frailties()["n"].sum() == N
    split = pd.concat(
        [FRAME.assign(entry=0.0, id=FRAME.index, stop=FRAME["t"] / 2, s=0), FRAME.assign(entry=FRAME["t"] / 2)]
    )
    split = split.assign(id=split.index, t=split["stop"].fillna(split["t"]))
    whole = cox(made(), "x", frailty="centre")
    parts = cox(made(split.reset_index(drop=True), entry="entry", subject="id"), "x", frailty="centre")
    np.testing.assert_allclose(parts.beta, whole.beta, rtol=1e-7)
    np.testing.assert_allclose(parts.theta, whole.theta, rtol=1e-7)
    assert parts.frailties()["n"].tolist() == whole.frailties()["n"].tolist()
    late = cox(made(FRAME.assign(entry=FRAME["t"] / 3), entry="entry"), "x", frailty="centre")
    assert "delayed entry" in late.glance()["note"].iloc[0]
    assert "delayed entry" not in parts.glance()["note"].iloc[0]


def test_a_cluster_that_is_never_at_risk_at_an_event_has_the_prior():
    frame = pd.concat([FRAME.assign(t=FRAME["t"] + 1), pd.DataFrame({"t": [0.5, 0.5], "s": 0, "x": 0.0, "centre": "zz"})])
    fit = cox(made(frame.reset_index(drop=True)), "x", frailty="centre")
    row = fit.frailties().iloc[-1]
    assert (row["group"], row["n"], row["n_event"]) == ("zz", 2, 0)
    assert row["estimate"] == 0
    assert row["note"]


def test_a_ridge_takes_levels_without_events_and_separation():
    frame = FRAME.assign(s=FRAME["s"].where(FRAME["arm"] != "c", 0))
    free = cox(made(frame), "arm + x")
    fit = cox(made(frame), "arm + x", penalty=("ridge", 1))
    assert free.notes
    assert np.isfinite(fit.tidy()["estimate"]).all()
    noted = fit.tidy().set_index("contrast")["note"]
    assert noted["c vs a"] == "no events in this level or its reference: finite by the penalty alone"
    some = cox(made(frame), "arm + x", penalty=("ridge", 1), ridge_terms=["x"])
    assert some.tidy().set_index("contrast")["note"]["c vs a"] == "not estimable: no events in c"
    apart = pd.DataFrame({"t": range(1, 9), "s": [1] * 4 + [0] * 4, "x": [6.0, 5, 4, 3, -1, -2, -3, -4]})
    with pytest.raises(ConvergenceError):
        cox(made(apart), "x")
    for theta in (1e-3, 1.0, 1e6):
        assert np.isfinite(cox(made(apart), "x", penalty=("ridge", theta)).tidy()["estimate"].iloc[0])


def test_an_unpenalised_term_that_separates_is_refused_beside_a_penalised_one():
    apart = pd.DataFrame({"t": range(1, 9), "s": [1] * 4 + [0] * 4, "x": [6.0, 5, 4, 3, -1, -2, -3, -4], "z": [1.0, 0] * 4})
    with pytest.raises(ConvergenceError, match="no finite hazard ratio for x"):
        cox(made(apart), "x + z", penalty=("ridge", 1), ridge_terms="z")


def test_a_ridge_takes_columns_that_are_combinations_of_others_where_they_are_penalised():
    frame = FRAME.assign(y=FRAME["x"] + FRAME["z"])
    fit = cox(made(frame), "x + z + y", penalty=("ridge", 1))
    assert np.isfinite(fit.tidy()["std_error"]).all()
    fit = cox(made(frame), "x + z + y", penalty=("ridge", 1), ridge_terms="y")
    assert np.isfinite(fit.tidy()["std_error"]).all()
    with pytest.raises(InputError, match="a combination of other columns"):
        cox(made(frame.assign(u=2 * frame["x"])), "x + u + z", penalty=("ridge", 1), ridge_terms="z")
    with pytest.raises(InputError, match="constant among the rows analysed: c"):
        cox(made(frame.assign(c=1.0)), "x + c", penalty=("ridge", 1))
    with pytest.raises(InputError, match="a combination of other columns"):
        cox(made(frame), "x + z + y", penalty=("ridge", 0))


def test_more_covariates_than_patients():
    wide = pd.DataFrame(RNG.normal(size=(12, 30)), columns=[f"g{k}" for k in range(30)]).assign(t=range(1, 13), s=1)
    fit = cox(made(wide), [f"g{k}" for k in range(30)], penalty=("ridge", 5))
    assert fit.df < 12
    assert np.isfinite(fit.tidy()["std_error"]).all()


def test_weights_that_are_not_whole():
    endpoint = made(FRAME.assign(w=0.5), weights="w")
    for fit in (cox(endpoint, "x", penalty=("ridge", 1)), cox(endpoint, "x", frailty="centre")):
        assert "weights are not whole numbers" in fit.glance()["note"].iloc[0]


def test_what_a_plain_fit_is_needed_for():
    ridge, shared = cox(made(), "x + z", penalty=("ridge", 1)), cox(made(), "x + z", frailty="centre")
    plain = cox(made(), "x")
    assert isinstance(ridge, RidgeFit)
    assert isinstance(shared, FrailtyFit)
    for fit in (ridge, shared):
        with pytest.raises(InputError, match="only Cox models are compared"):
            compare_nested(plain, fit)
        with pytest.raises(InputError, match="Cox models without a penalty"):
            proportional_hazards_test(fit)
        with pytest.raises(InputError, match="nothing to pool"):
            pool([fit])
        assert repr(fit).startswith(type(fit).__name__)
        assert fit._repr_html_().startswith("<")
        assert not fit.covariance.flags.writeable
        with pytest.raises((AttributeError, TypeError)):
            fit.theta = 3.0


def test_a_ridge_predicts_and_has_residuals():
    fit = cox(made(), "x + arm", penalty=("ridge", 2), strata="ward")
    assert fit.predict(FRAME.head(3), [2.0, 5.0])["estimate"].between(0, 1).all()
    assert abs(fit.residuals()["martingale"].sum()) < 1e-10
    assert set(fit.baseline()["group"]) == {1, 2}
    ratios = fit.tidy(exponentiate=True)
    np.testing.assert_allclose(np.log(ratios["estimate"]), fit.tidy()["estimate"], atol=1e-12)
