"""Hierarchical hazards against brms, on Stan: means and SDs, within Monte Carlo error where it is the same model."""

from functools import cache

import numpy as np
import pytest
from reading import inputs, table, values

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes.convergence import diagnose
from ikzf1_outcomes.models.bayes.quantities import quantities

VALUES = values("brms")
TOGETHER = {
    "pooling": "superpopulation", "subtype": "subtype", "cells": False, "alterations": ["pax5"],
    "covariates": "age + log(wbc)", "classes": "class",
}  # fmt: skip
ROWS = {
    "level": ("level", ""), "deletion": ("deletion", "any deletion vs not deleted"), "age": ("covariate", "age"),
    "wbc": ("covariate", "log(wbc)"), "pax5": ("alteration", "pax5"), "class_spread": ("class spread", ""),
    "subtype_spread": ("subtype spread", ""), "s1": ("subtype", "s1 vs mean of subtypes"),
    "s6": ("subtype", "s6 vs mean of subtypes"),
}  # fmt: skip


def endpoint():
    return iko.endpoint_from_columns(
        inputs("brms", "patients"), time="time", status="status", causes={1: "relapse"}, time_unit="years"
    )


@cache
def ours(**model):
    """Draws of each number that brms was asked for (chains, draws)."""
    posterior = iko.sample(endpoint(), iko.hierarchical_spec(**TOGETHER, **model), seed=1, draws=4000, tune=1000)
    assert posterior.sampled[0].lost == ()
    found = {(part.term, part.contrast): part.values for part in quantities(posterior.reduced, posterior.sampled[0].drawn)}
    own = {name: found[key] for name, key in ROWS.items()}
    for name in ("ik6", "whole"):  # brms gives the deviation from the mean of the classes
        own[name] = found["class", f"{name} vs not deleted"] - own["deletion"]
    return own


@cache
def weibull():
    """Draws of each number of the Weibull, with the weights that make our flat priors those of brms (chains, draws).

    brms is flat in the intercept and the effects on log time, we are in the level and the log hazard ratios; these are the
    shape times those, five numbers in all, so that its prior is ours times shape^-5.
    """
    flat = {"unit": "none", "reason": "brms has flat priors"}
    wide = {name: iko.Prior("normal", 0.0, 10.0, **flat) for name in ("deletion", "covariate", "alteration", "shape")}
    priors = iko.Priors(level=iko.Prior("normal", np.log(0.08), 10.0, **flat), **wide)
    whole = endpoint()
    whole = whole.with_column("class", np.where(whole.frame["class"] == "none", "none", "deleted"))
    spec = iko.hierarchical_spec(**TOGETHER | {"subtype": None}, baseline="weibull", priors=priors)
    posterior = iko.sample(whole, spec, seed=1, draws=4000, tune=1000)
    assert posterior.sampled[0].lost == ()
    found = {(part.term, part.contrast): part.values for part in quantities(posterior.reduced, posterior.sampled[0].drawn)}
    keys = ROWS | {"shape": ("shape", "")}
    own = {name: found[keys[name]] for name in ("deletion", "age", "wbc", "pax5", "shape")}
    weight = own["shape"] ** -5.0
    return own, weight / weight.mean()


def errors(x):
    """Monte Carlo errors of the mean and of the SD of draws (chains, draws), the latter by that of squared distances."""
    square = (x - x.mean()) ** 2
    mean, spread = diagnose(np.stack([x, square], axis=-1)).ess_bulk
    return x.std() / np.sqrt(mean), square.std() / np.sqrt(spread) / (2.0 * x.std())


@pytest.mark.parametrize("row", table(VALUES["constant"]).to_dict("records"), ids=lambda row: row["name"])
def test_constant_hazards_are_the_same_model(row):
    """A Poisson model of the events with the log of the follow-up for offset, and our priors: four Monte Carlo errors."""
    x = ours(cuts=())[row["name"]]
    of_mean, of_sd = errors(x)
    assert x.mean() == pytest.approx(row["mean"], abs=4.0 * np.hypot(of_mean, row["mcse_mean"]))
    assert x.std() == pytest.approx(row["sd"], abs=4.0 * np.hypot(of_sd, row["mcse_sd"]))


OF_SPLINE = {row["name"]: row for row in table(VALUES["spline"]).to_dict("records")}


@pytest.mark.parametrize("name", sorted(set(OF_SPLINE) - {"s1", "s6"}))
def test_effects_do_not_hang_on_whose_spline_it_is(name):
    """Cox's family of brms has another spline with another prior, and the same effects with the same priors: means within a
    tenth of a posterior SD and four Monte Carlo errors, SDs within 5 % and as many. The mean of the subtypes is told by
    the prior of the level, which is another there: of subtypes the difference between two is compared, below."""
    row, x = OF_SPLINE[name], ours(baseline="spline", cuts=(1.0, 2.0, 3.0, 5.0))[name]
    of_mean, of_sd = errors(x)
    assert x.mean() == pytest.approx(row["mean"], abs=0.1 * row["sd"] + 4.0 * np.hypot(of_mean, row["mcse_mean"]))
    assert x.std() == pytest.approx(row["sd"], abs=0.05 * row["sd"] + 4.0 * np.hypot(of_sd, row["mcse_sd"]))


def test_subtypes_differ_as_much_under_another_spline():
    own = ours(baseline="spline", cuts=(1.0, 2.0, 3.0, 5.0))
    x, (one, two) = own["s6"] - own["s1"], (OF_SPLINE["s6"], OF_SPLINE["s1"])
    noise = np.sqrt(errors(x)[0] ** 2 + one["mcse_mean"] ** 2 + two["mcse_mean"] ** 2)
    assert x.mean() == pytest.approx(one["mean"] - two["mean"], abs=0.1 * x.std() + 4.0 * noise)


@pytest.mark.parametrize("row", table(VALUES["weibull"]).to_dict("records"), ids=lambda row: row["name"])
def test_weibull_hazards_are_the_same_model(row):
    """Means and SDs within four Monte Carlo errors and a fiftieth of a posterior SD."""
    own, weight = weibull()
    x = own[row["name"]]
    mean = (weight * x).mean()
    sd = np.sqrt((weight * (x - mean) ** 2).mean())
    far = np.stack([weight * (x - mean), weight * ((x - mean) ** 2 - sd**2)], axis=-1)
    of_mean, of_square = far.std(axis=(0, 1)) / np.sqrt(diagnose(far).ess_bulk)
    allowed = 0.02 * row["sd"]
    assert mean == pytest.approx(row["mean"], abs=allowed + 4.0 * np.hypot(of_mean, row["mcse_mean"]))
    assert sd == pytest.approx(row["sd"], abs=allowed + 4.0 * np.hypot(of_square / (2.0 * sd), row["mcse_sd"]))
