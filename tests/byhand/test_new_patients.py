"""Predictions for new patients of a posterior, against hazards written out and against the standardised curves."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import ColumnError, InputError


def patients(n=80, seed=3):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "t": rng.uniform(0.2, 7.0, n), "s": rng.integers(0, 3, n),
            "ikzf1_class": rng.choice(["none", "ik6", "whole"], n, p=[0.6, 0.2, 0.2]),
            "subtype": rng.choice(["a", "b", "c"], n), "protocol": rng.choice(["p", "q"], n),
            "age": rng.uniform(1, 17, n), "pax5": rng.integers(0, 2, n), "x": rng.normal(5.0, 2.0, n),
        }
    )  # fmt: skip
    frame.loc[(frame["ikzf1_class"] == "whole") & (frame["subtype"] == "c"), "subtype"] = "a"
    return frame


def posterior_of(frame, **options):
    endpoint = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"}, time_unit="years")
    return iko.sample(endpoint, iko.hierarchical_spec(**options), seed=1, draws=40, tune=60, chains=2)


FULL = {"subtype": "subtype", "protocol": "protocol", "covariates": "age", "alterations": ["pax5"], "features": ["x"]}


def by_hand(posterior, frame, patient, times):
    """Survival and incidences of one patient in every draw: effects added up, hazards constant between cuts."""
    edges = np.concatenate(([0.0], posterior.reduced.spec.cuts, [np.inf]))
    hazards = []
    for own in posterior.sampled:
        table = {
            (part.term, label): part.family.begin + j
            for part in own.drawn.model.effects
            for j, label in enumerate(part.labels)
        }
        beta = own.drawn.effect.reshape(-1, own.drawn.effect.shape[-1])
        eta = beta[:, table["subtype", patient["subtype"]]] + beta[:, table["protocol", patient["protocol"]]]
        eta = eta + beta[:, table["alteration", "pax5"]] * patient["pax5"]
        for term, name in (("covariate", "age"), ("feature", "x")):
            eta = eta + beta[:, table[term, name]] * (patient[name] - frame[name].mean()) / frame[name].std(ddof=0)
        if patient["ikzf1_class"] != "none":
            eta = eta + beta[:, table["deletion", "any deletion"]] + beta[:, table["class", patient["ikzf1_class"]]]
            eta = eta + beta[:, table["cell", f"{patient['ikzf1_class']} : {patient['subtype']}"]]
        log_hazard = own.drawn.log_hazard.reshape(len(beta), -1)
        hazards.append(np.exp(log_hazard + eta[:, None]))
    hazards = np.stack(hazards, axis=1)
    survival, incidence = [], []
    for t in times:
        alive, failed = np.ones(len(hazards)), np.zeros(hazards.shape[:2])
        for k in range(len(edges) - 1):
            width = max(0.0, min(t, edges[k + 1]) - edges[k])
            total = hazards[:, :, k].sum(axis=1)
            died = alive * -np.expm1(-total * width)
            failed += died[:, None] * hazards[:, :, k] / total[:, None]
            alive = alive - died
        survival.append(np.median(alive))
        incidence.append(np.median(failed, axis=0))
    return np.array(survival), np.array(incidence)


def test_the_curve_of_a_patient_is_that_of_the_hazards_of_every_draw():
    frame = patients()
    posterior = posterior_of(frame, **FULL)
    new = frame.iloc[[0, 5, 9]].assign(age=[2.0, 9.5, 16.0]).drop(columns=["t", "s"])
    new["ikzf1_class"], new["subtype"] = ["ik6", "none", "whole"], ["a", "c", "b"]
    times = [1.5, 5.0]
    table = posterior.predict(new, times)
    assert table["row"].unique().tolist() == [1, 2, 3]
    for row in (1, 2, 3):
        survival, incidence = by_hand(posterior, frame, new.iloc[row - 1], times)
        own = table[table["row"] == row]
        alive = own[own["measure"] == "event-free survival"]
        np.testing.assert_allclose(alive["estimate"], survival, rtol=1e-10)
        for c, cause in enumerate(posterior.causes):
            failed = own[(own["measure"] == "cumulative incidence") & (own["cause"] == cause)]
            np.testing.assert_allclose(failed["estimate"], incidence[:, c], rtol=1e-9)
    assert not table.duplicated(["row", "measure", "cause", "time"]).any()


@pytest.mark.parametrize("options", [{}, {"changes_at": 2.0}, {"baseline": "spline"}, {"strata": "protocol"}])
def test_patients_who_are_alike_have_the_curve_of_the_cohort(options):
    """Where only the class tells patients apart, everybody's curve is that of `curves`."""
    frame = patients().assign(protocol="p")
    posterior = posterior_of(frame, **options)
    new = pd.DataFrame({"ikzf1_class": ["none", "whole", "ik6"], "protocol": "p"})
    own = posterior.predict(new, [1.0, 4.0]).assign(group=lambda t: t["row"].map({1: "not deleted", 2: "whole", 3: "ik6"}))
    both = own.merge(posterior.curves([1.0, 4.0]), on=["group", "measure", "cause", "time"], suffixes=("", "_of_all"))
    assert len(both) == 3 * 3 * 2
    for column in ("estimate", "low", "high", "posterior_sd"):
        np.testing.assert_allclose(both[column], both[f"{column}_of_all"], rtol=1e-9)


def test_failures_of_induction_are_the_patients_own():
    endpoint = iko.define_endpoint(iko.simulate_cohort(400, seed=1), "EFS")
    spec = iko.hierarchical_spec(
        cuts=[2.0], causes="any", covariates=["age"], induction=("non-response", "induction death")
    )
    posterior = iko.sample(endpoint, spec, seed=1, draws=40, tune=60, chains=2)
    new = endpoint.frame[["ikzf1_class", "age"]].iloc[:2].assign(ikzf1_class="none", age=[2.0, 15.0])
    table = posterior.predict(new, 5.0)
    own = posterior.sampled[-1].drawn
    scale, covariate = posterior.reduced.patients.scale, {p.term: p.family.begin for p in own.model.effects}["covariate"]
    for row, age in ((1, 2.0), (2, 15.0)):
        odds = own.log_hazard[..., 0, 0] + own.effect[..., covariate] * (age - scale[0][0]) / scale[1][0]
        failed = table[(table["row"] == row) & (table["cause"] == "induction failure")]["estimate"].item()
        assert failed == pytest.approx(np.median(1.0 / (1.0 + np.exp(-odds))), rel=1e-10)


def test_what_is_not_known_is_said():
    frame = patients()
    posterior = posterior_of(frame, **FULL)
    new = frame.iloc[:2].copy()
    new.loc[new.index[1], "age"] = np.nan
    table = posterior.predict(new, 20.0)
    assert "beyond the follow-up" in table.loc[table["row"] == 1, "note"].iloc[0]
    gap = table[table["row"] == 2]
    assert gap["estimate"].isna().all()
    assert gap["note"].tolist() == ["a column of the model is missing"]
    without = posterior.predict(frame.iloc[:1].drop(columns="protocol"), 1.0)
    assert without["note"].str.contains("no protocol given").all()
    # nobody had the whole gene lost in subtype c: its deviation is drawn from what deviations are like
    rare = posterior.predict(frame.iloc[:1].assign(ikzf1_class="whole", subtype="c"), 5.0)
    assert rare["estimate"].notna().all()
    with pytest.raises(InputError, match="class that nobody of the model had") as failure:
        posterior.predict(frame.iloc[:2].assign(ikzf1_class=["none", "other"]), 1.0)
    assert "row 2" in str(failure.value)
    with pytest.raises(InputError, match="no new patients"):
        posterior.predict(frame.iloc[:0], 1.0)
    with pytest.raises(ColumnError, match="age"):
        posterior.predict(frame.drop(columns="age"), 1.0)
