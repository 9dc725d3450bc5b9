"""Failures of induction that a model cannot take: what is refused, by row, and with what to do."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint

N = 40
CAUSES = {1: "relapse", 2: "death in remission", 3: "non-response"}


def patients() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "t": np.round(rng.uniform(0.5, 6, N), 3), "s": rng.choice([0, 1, 2], N, p=[0.4, 0.4, 0.2]),
            "ikzf1_class": rng.choice(["none", "ik6"], N), "x": rng.normal(size=N),
        }
    )  # fmt: skip
    frame.loc[[4, 9], ["t", "s"]] = [[0.0, 3], [0.0, 3]]
    return frame


def endpoint(frame: pd.DataFrame, **named: object) -> iko.Endpoint:
    options: dict = {"time": "t", "status": "s", "causes": CAUSES, "time_unit": "years"} | named
    return iko.endpoint_from_columns(frame, **options)


def spec(**options: object) -> iko.HierarchicalSpec:
    return iko.hierarchical_spec(**({"causes": "relapse", "cuts": [2.0], "induction": "non-response"} | options))  # type: ignore[arg-type]


def refused(frame: pd.DataFrame, words: str, **options: object) -> iko.InputError:
    with pytest.raises(iko.InputError, match=words) as raised:
        reduce_endpoint(endpoint(frame), spec(**options))
    assert raised.value.next_step
    return raised.value


DESCRIPTIONS = {
    "no cause": ({"induction": ()}, "induction has no cause, or one twice"),
    "a cause twice": ({"induction": ("non-response", "non-response")}, "induction has no cause, or one twice"),
    "a cause of the hazards": ({"induction": ("non-response", "relapse")}, "among the causes of the hazards"),
    "a time without a part": ({"induction": None, "induction_until": 0.1}, "0 or more, beside `induction`"),
    **{
        f"until {v}": ({"induction_until": v}, "induction_until must be 0 or more")
        for v in (-0.1, np.nan, np.inf, True, "1")
    },
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_descriptions(name: str) -> None:
    options, words = DESCRIPTIONS[name]
    with pytest.raises(iko.InputError, match=words) as raised:
        spec(**options)
    assert raised.value.next_step


@pytest.mark.parametrize("name", ["induction", "induction_deletion"])
def test_priors_are_normal(name: str) -> None:
    spread = iko.Prior("half-normal", 0.0, 1.0, "log odds", "a test")
    with pytest.raises(iko.InputError, match=f"the prior of {name} is no normal prior"):
        iko.Priors(**{name: spread})


def test_a_cause_that_is_not_there() -> None:
    refused(patients(), "no cause is called 'refractory'", induction="refractory")


def test_nobody_failed() -> None:
    refused(patients().assign(s=1, t=1.0), r"no failures of induction\. Leave")


def test_nobody_failed_among_the_rows_analysed() -> None:
    frame = patients()
    frame.loc[[4, 9], "x"] = np.nan
    refused(frame, "no failures of induction among the rows analysed", covariates=["x"])


def test_everybody_failed() -> None:
    refused(patients().assign(s=3, t=0.0), "nobody came through induction among the rows analysed")


def test_other_causes_at_time_zero_are_named() -> None:
    frame = patients()
    frame.loc[[2, 7], ["t", "s"]] = [[0.0, 1], [0.0, 2]]
    error = refused(frame, "other events by 0 years, where the hazards begin")
    assert error.where == (3, 8)
    assert "induction" in error.next_step


def test_other_causes_before_the_hazards_begin_are_named() -> None:
    frame = patients()
    frame.loc[4, "t"] = 0.2
    frame.loc[[2, 7], ["t", "s"]] = [[0.1, 1], [0.2, 2]]
    assert refused(frame, "other events by 0.2 years").where == (3, 8)


def test_failures_after_the_time_that_is_given_are_named() -> None:
    frame = patients()
    frame.loc[4, "t"] = 0.2
    assert refused(frame, "failures of induction after `induction_until`", induction_until=0.1).where == (5,)


def test_failures_of_patients_who_entered_late_are_named() -> None:
    frame = patients().assign(e=0.0)
    frame.loc[4, ["t", "e"]] = [0.2, 0.1]
    with pytest.raises(iko.InputError, match="failures of induction of patients who entered late") as raised:
        reduce_endpoint(endpoint(frame.assign(t=frame["t"] + 0.01 * (frame["t"] == 0)), entry="e"), spec())
    assert raised.value.where == (5,)


def test_patients_censored_at_time_zero_are_left_out_and_counted() -> None:
    frame = patients()
    frame.loc[[2, 7], ["t", "s"]] = [[0.0, 0], [0.0, 0]]
    reduced = reduce_endpoint(endpoint(frame), spec())
    assert np.flatnonzero(~reduced.patients.keep).tolist() == [2, 7]
    assert "2 left out: censored by 0 years, before induction had ended" in reduced.notes


def test_without_the_part_rows_at_time_zero_are_still_refused() -> None:
    assert refused(patients(), "rows end at time 0, where there is no hazard", induction=None).where == (5, 10)


def test_a_landmark_leaves_no_failures() -> None:
    late = iko.landmark(endpoint(patients()), 0.1)
    with pytest.raises(iko.InputError, match="no failures of induction"):
        reduce_endpoint(late, spec())


def test_models_of_other_parts_are_not_compared() -> None:
    whole = endpoint(patients())
    given = {"first": spec(), "later": spec(induction_until=0.3), "none": spec(induction=None)}
    later = iko.landmark(whole, 0.3)
    made = {
        name: iko.sample(later if name == "none" else whole, own, seed=1, draws=50, tune=50, chains=2)
        for name, own in given.items()
    }
    for name in ("later", "none"):
        with pytest.raises(iko.InputError, match="models of different patients, times or causes"):
            iko.compare_posteriors({"first": made["first"], name: made[name]})
    alike = iko.sample(whole, spec(covariates=["x"]), seed=1, draws=50, tune=50, chains=2)
    assert len(iko.compare_posteriors({"first": made["first"], "with x": alike})) == 2


def test_a_class_that_always_fails_has_an_effect_with_an_end() -> None:
    """Everybody with the class fails: the odds of the data have no end, and its hazard has no data."""
    frame = patients().assign(ikzf1_class="none")
    frame.loc[[4, 9], "ikzf1_class"] = "ik6"
    posterior = iko.sample(endpoint(frame), spec(causes="any"), seed=1, draws=200, tune=300, chains=2)
    table = posterior.tidy()
    assert np.isfinite(table[["estimate", "posterior_sd", "low", "high"]].to_numpy()).all()
    own = posterior.curves(5.0).query("group == 'any deletion'")
    assert own["low"].between(0, 1).all()
    assert own["high"].between(0, 1).all()
    row = table.query("cause == 'any' and term == 'deletion'").iloc[0]
    assert (row["n"], row["n_event"]) == (0, 0)
