"""Two nested Cox models of survival's pbc beside R: likelihoods, measures, and the same after stored resamples."""

from dataclasses import replace

import numpy as np
import pytest
from reading import inputs, numbers, values

import ikzf1_outcomes as iko
from ikzf1_outcomes.prognosis.horizons import horizons
from ikzf1_outcomes.prognosis.reclassification import reclassified
from ikzf1_outcomes.prognosis.rung_fits import fit_rung, study_of
from ikzf1_outcomes.prognosis.rung_measures import GRID, measuring_of
from ikzf1_outcomes.prognosis.rung_validation import Repetition
from ikzf1_outcomes.prognosis.rungs import ladder_of

R = values("added_value")
PATIENTS = inputs("added_value", "patients")
ENDPOINT = iko.endpoint_from_columns(PATIENTS, time="years", status="status", causes={1: "died", 2: "transplant"})
BASE, ADDED = "age + edema", "lbili + lalb + lpro"
NAMES = ["harrell", "uno", "auc", "auc", "auc", "brier", "brier", "brier", "ipa", "ipa", "ipa", "integrated", "slope", "d"]


def row(found):
    """Measures of R in our order."""
    parts = [found[name] for name in dict.fromkeys(NAMES)]
    return np.concatenate([np.atleast_1d(numbers(part)) for part in parts])


@pytest.fixture(params=["any", "died"])
def case(request):
    return request.param, R[request.param]


def setting(name):
    ladder = ladder_of(ENDPOINT, BASE, ADDED, None, None)
    study = study_of(ladder, None if name == "any" else name, 5.0 * np.arange(1, GRID + 1) / GRID)
    measuring = measuring_of(study, np.array([1.0, 3.0, 5.0]))
    everybody = np.ones(len(PATIENTS), dtype=np.intp)
    return study, measuring, Repetition(measuring, measuring.standing(everybody), 0), everybody


def near(ours, theirs):
    known = ~np.isnan(theirs)
    np.testing.assert_allclose(ours[known], theirs[known], rtol=1e-8, atol=1e-10)


def test_fits_and_measures(case):
    name, theirs = case
    study, measuring, _, everybody = setting(name)
    for k, rung in enumerate(study.ladder.rungs):
        fit = fit_rung(study, rung, everybody, np.random.default_rng(1))
        np.testing.assert_allclose(fit.log_likelihood, theirs["loglik"][k], rtol=1e-12)
        at = np.searchsorted(study.times, [1.0, 3.0, 5.0])
        np.testing.assert_allclose(fit.risk[0, at], theirs["risk"][k]["first"], rtol=1e-8)
        np.testing.assert_allclose(fit.risk[-1, at], theirs["risk"][k]["last"], rtol=1e-8)
        near(measuring.measured(fit, everybody, measuring.standing(everybody))[:-1], row(theirs["apparent"][k]))


def test_resamples(case):
    name, theirs = case
    _, _, repetition, everybody = setting(name)
    for drawn, again in zip(theirs["drawn"], theirs["again"], strict=True):
        counts = np.bincount(drawn, minlength=len(everybody))
        training, test = repetition.fitted_to(counts, np.random.default_rng(1))
        for k in range(2):
            near(training[k, :-1], row(again[k]["training"]))
            near(test[k, :-1], row(again[k]["test"]))


def test_table(case):
    name, theirs = case
    cause = None if name == "any" else name
    found = iko.added_value(ENDPOINT, BASE, ADDED, cause=cause, resamples=0, simulations=0, seed=1)
    rung = found.glance().iloc[1]
    assert [rung["statistic"], rung["df"]] == pytest.approx([theirs["chisq"], theirs["df"]], rel=1e-9)
    assert rung["p_value"] == pytest.approx(theirs["p_value"], rel=1e-7)
    table = found.tidy().query("time.isna()").set_index(["term", "measure", "contrast"])["estimate"].to_dict()
    ratios = 2 * (np.array(theirs["loglik"]) - theirs["loglik_null"])
    new = table["added", "share of new information", "added vs base"]
    assert new == pytest.approx(1 - ratios[0] / ratios[1], rel=1e-8)
    for k, term in enumerate(("base", "added")):
        # R takes its score's ties by another rounding
        assert table[term, "Royston's R2", ""] == pytest.approx(theirs["r2"][k], rel=1e-6)
        assert table[term, "Nagelkerke's R2", ""] == pytest.approx(theirs["nagelkerke"][k], rel=1e-8)


def test_column_scale_does_not_matter():
    wide = replace(ENDPOINT, frame=ENDPOINT.frame.assign(lbili=1e4 * ENDPOINT.frame["lbili"] + 7))
    options = {"resamples": 0, "simulations": 0, "seed": 1}
    tables = [iko.added_value(e, BASE, ADDED, **options).tidy()["estimate"] for e in (ENDPOINT, wide)]
    np.testing.assert_allclose(*tables, rtol=1e-7)


def test_continuous_reclassification_of_given_risks():
    # of R's nricens; the risks are those of two Cox models of pbc at 5 years
    frame, theirs = inputs("added_value", "reclassified"), values("added_value", "reclassified")["continuous"]
    endpoint = iko.endpoint_from_columns(frame, time="years", status="death", causes={1: "died"})
    states = horizons(endpoint, 5.0, cause=None, censoring="marginal")
    found = reclassified(states, 0, frame["old"].to_numpy(), frame["new"].to_numpy())
    np.testing.assert_allclose([found.net, found.among_events, found.among_others], theirs[:3], rtol=1e-8)
    again = reclassified(states, 0, frame["new"].to_numpy(), frame["old"].to_numpy())
    np.testing.assert_allclose(again, -np.array(found), rtol=1e-10)
