"""Other packages as witnesses, where they compute the same thing: lifelines and statsmodels."""

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import InputError

RNG = np.random.default_rng(20)
FRAME = pd.DataFrame(
    {
        "t": RNG.integers(1, 60, 300) / 12,
        "s": RNG.choice([0, 1, 2], 300, p=[0.5, 0.35, 0.15]),
        "arm": RNG.choice(list("abc"), 300),
        "x": RNG.normal(size=300),
        "entry": 0.0,
    }
)


def made(frame=FRAME, **options):
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"}, **options)


def test_kaplan_meier():
    tidy = iko.kaplan_meier(made()).tidy()
    witness = SurvfuncRight(FRAME["t"], FRAME["s"] > 0)
    hit = tidy["n_event"] > 0
    np.testing.assert_allclose(tidy.loc[hit, "estimate"], witness.surv_prob, rtol=1e-12)
    np.testing.assert_allclose(tidy.loc[hit, "std_error"], witness.surv_prob_se, rtol=1e-10)


def test_incidence():
    tidy = iko.cumulative_incidence(made()).tidy()
    witness = CumIncidenceRight(FRAME["t"], FRAME["s"])
    for k, cause in enumerate(("relapse", "death")):
        own = tidy[tidy["cause"] == cause].set_index("time")["estimate"]
        np.testing.assert_allclose(own.loc[witness.times], witness.cinc[k], rtol=1e-12)


def test_logrank():
    witness = multivariate_logrank_test(FRAME["t"], FRAME["arm"], FRAME["s"] > 0)
    assert iko.logrank_test(made(), "arm").statistic == pytest.approx(witness.test_statistic, rel=1e-10)


def test_the_frame_for_lifelines_gives_the_same_curve_and_model():
    frame = iko.to_lifelines(made(), ["x"], cause="relapse")
    curve = KaplanMeierFitter().fit(frame["duration"], frame["event"], weights=frame["weight"])
    alone = iko.endpoint_from_columns(
        FRAME.assign(s=(FRAME["s"] == 1).astype(int)), time="t", status="s", causes={1: "relapse"}
    )
    ours = iko.kaplan_meier(alone).tidy(times=[1, 3])["estimate"]
    np.testing.assert_allclose(ours, curve.predict([1, 3]), rtol=1e-12)
    model = CoxPHFitter().fit(frame, "duration", "event", weights_col="weight")
    fit = iko.cox(made(), ["x"], cause="relapse").tidy()
    # lifelines stops early: 1e-5 is what it gives
    assert fit["estimate"].iloc[0] == pytest.approx(model.params_["x"], abs=1e-5)


def test_rows_at_time_zero_are_not_handed_to_a_package_that_would_lose_them():
    endpoint = made(pd.concat([FRAME, FRAME.iloc[:1].assign(t=0.0, entry=-1.0)]), entry="entry")
    with pytest.raises(InputError, match="loses rows that end at time 0"):
        iko.to_lifelines(endpoint)
    assert "entry" in iko.to_lifelines(made(entry="entry"))
