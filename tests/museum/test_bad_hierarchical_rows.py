"""What Weibull hazards and mixture cure refuse, and what they take with a word about it."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes.latencies import log_survival
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint

WEIBULL, CURE = {"baseline": "weibull"}, {"cure": True}
DESCRIPTIONS = {
    "a Weibull with a bound": (WEIBULL | {"bound": 7.0}, "has no bound and makes no plateau.*cure=True"),
    "a Weibull with cuts": (WEIBULL | {"cuts": [1.0]}, "a Weibull hazard has no cuts.*Leave them out"),
    "a Weibull that changes": (WEIBULL | {"changes_at": 1.0}, "not part of a Weibull hazard.*piecewise or spline"),
    "cure with a bound": (CURE | {"bound": 12.0}, "no bound: its plateau is the cured.*Leave bound out"),
    "cure with a spline": (CURE | {"baseline": "spline"}, "the uncured is no spline.*weibull or piecewise"),
    "cure that changes": (CURE | {"changes_at": 1.0}, "not part of mixture cure.*without cure"),
    "a Weibull with cure and a bound": (WEIBULL | CURE | {"bound": 7.0}, "no bound: its plateau is the cured"),
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_descriptions(name: str) -> None:
    options, words = DESCRIPTIONS[name]
    with pytest.raises(iko.InputError, match=words):
        iko.hierarchical_spec(**options)


def test_cuts_that_are_not_given_are_no_cuts() -> None:
    for options in (WEIBULL, WEIBULL | {"cuts": []}, WEIBULL | CURE):
        assert iko.hierarchical_spec(**options).cuts == ()
    assert iko.hierarchical_spec(cure=True).cuts[-1] == 5.0


def patients(times: list[float], status: list[int]) -> iko.Endpoint:
    frame = pd.DataFrame({"t": times, "s": status, "ikzf1_class": ["none", "ik6"] * (len(times) // 2)})
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, time_unit="years")


@pytest.mark.parametrize("options", [WEIBULL, CURE, WEIBULL | CURE])
def test_rows_at_time_0(options: dict) -> None:
    with pytest.raises(iko.InputError, match="rows end at time 0") as found:
        iko.sample(patients([0.0, 1.0, 2.0, 0.0], [1, 1, 0, 0]), iko.hierarchical_spec(**options), seed=1)
    assert list(found.value.where) == [1, 4]


@pytest.mark.parametrize("options", [WEIBULL, CURE])
def test_no_events(options: dict) -> None:
    with pytest.raises(iko.InputError, match="no events of 'any'"):
        iko.sample(patients([1.0, 2.0], [0, 0]), iko.hierarchical_spec(causes="any", **options), seed=1)


def test_odds_have_no_cox_model_beside_them() -> None:
    endpoint = patients([1.0, 1.0, 2.0, 3.0], [1, 1, 0, 0])
    before = iko.sample_prior(endpoint, iko.hierarchical_spec(**CURE), seed=1, draws=10)
    with pytest.raises(iko.InputError, match=r"odds ratios of cure have no Cox model.*mixture_cure"):
        iko.shrinkage(before)


def test_the_prior_of_any_event_is_its_own() -> None:
    endpoint = patients([1.0, 1.0, 2.0, 3.0], [1, 1, 0, 0])
    for causes, name in (("relapse", "uncured"), ("any", "uncured_of_any")):
        model = reduce_endpoint(endpoint, iko.hierarchical_spec(causes=causes, **CURE)).models[0]
        prior = getattr(iko.Priors(), name)
        assert model.rows is not None
        assert model.rows.uncured == (prior.location, prior.scale)
    with pytest.raises(iko.InputError, match="the prior of shape is no normal prior"):
        iko.Priors(shape=iko.Prior("half-normal", 0.0, 1.0, "none", "a test"))


def test_shares_near_none_and_near_all_keep_their_digits() -> None:
    lived = np.array([0.0, 1e-9, 1.0, 800.0])
    assert log_survival(np.array(-700.0), lived) == pytest.approx([0.0] * 4, abs=1e-300)
    assert log_survival(np.array(700.0), lived) == pytest.approx([0.0, -1e-9, -1.0, -700.0], rel=1e-6)


def test_everybody_enters_late_and_at_once() -> None:
    """Entries at a landmark: one point a pattern; curves begin there."""
    frame = pd.DataFrame({"t": [1.0, 2, 3, 4], "s": [1, 1, 0, 0], "e": [0.5] * 4, "ikzf1_class": ["none", "ik6"] * 2})
    endpoint = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, entry="e", time_unit="years")
    for options in (WEIBULL, CURE):
        spec = iko.hierarchical_spec(**options)
        model = reduce_endpoint(endpoint, spec).models[0]
        assert model.rows is not None
        assert (model.rows.at == 0.5).sum() == 2
        assert (model.rows.alone == 0).all()
        curves = iko.sample_prior(endpoint, spec, seed=1, draws=20).curves([0.25, 0.5, 3.0])
        early = curves[(curves["measure"] == "event-free survival") & (curves["time"] <= 0.5)]
        assert (early["estimate"] == 1.0).all()
