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
