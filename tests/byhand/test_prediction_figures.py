"""Figures of predictions: what is drawn where, and what is said of it."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.report import prediction_figures as figures

RNG = np.random.default_rng(4)
FRAME = pd.DataFrame({"t": RNG.exponential(4, 150).round(2), "s": RNG.integers(0, 2, 150), "x": RNG.random(150)})
E = iko.endpoint_from_columns(FRAME, time="t", status="s", causes={1: "relapse"})
RISKS = {"clinical": FRAME["x"], "+ IKZF1": FRAME["x"] ** 2}


def labels(ax):
    return [line.get_label() for line in ax.lines if not line.get_label().startswith("_")]


def test_auc_over_time():
    rows = iko.auc_over_time(E, RISKS, times=[1, 3]).tidy()
    ax = figures.accuracy_figure(rows, note="Apparent.")
    assert labels(ax) == ["clinical", "+ IKZF1"]
    own = rows[rows["term"] == "clinical"]
    np.testing.assert_allclose(ax.lines[1].get_ydata(), own["estimate"])
    upright = ax.collections[0].get_segments()
    np.testing.assert_allclose([segment[:, 1] for segment in upright], own[["low", "high"]])
    assert ax.lines[1].get_xdata()[0] < 1 < ax.lines[2].get_xdata()[0]
    assert ax.lines[0].get_ydata()[0] == 0.5
    assert "Apparent." in ax.get_xlabel()
    first = own["estimate"].iloc[0]
    assert f"clinical: {first:.3f} at 1, " in figures.accuracy_alt(rows)


def test_brier_scores_and_ipa_over_many_times():
    times = np.linspace(0.5, 4, 20)
    made = {"clinical": lambda at: np.outer(FRAME["x"], at / 8)}
    rows = iko.brier_score(E, made, times=times).tidy()
    ax = figures.accuracy_figure(rows)
    assert labels(ax) == ["null model", "clinical"]
    assert len(ax.collections) == 2  # bands
    share = figures.accuracy_figure(rows, measure="IPA")
    assert labels(share) == ["clinical"]
    assert share.get_ylabel() == "IPA"
    assert figures.accuracy_alt(rows, measure="IPA").startswith("IPA over time. clinical:")


def test_calibration():
    rows = iko.calibration_curve(E, RISKS, at=3).tidy()
    ax = figures.calibration_figure(rows)
    assert ax.get_aspect() == 1.0
    assert ax.get_xlim() == ax.get_ylim()
    np.testing.assert_allclose(ax.lines[1].get_xdata(), rows.loc[rows["term"] == "clinical", "predicted"])
    smooth = figures.calibration_figure(iko.calibration_curve(E, RISKS, at=3, groups="smooth").tidy())
    assert len(smooth.lines[1].get_xdata()) == 101
    assert "Observed against predicted risk by 3. clinical:" in figures.calibration_alt(rows)


def test_net_benefit():
    rows = iko.decision_curve(E, RISKS, at=3, thresholds=[0.1, 0.3, 0.5], resamples=20).tidy()
    ax = figures.decision_figure(rows, bands=True)
    assert labels(ax) == ["treat all", "clinical", "+ IKZF1", "treat none"]
    assert len(ax.collections) == 2
    low, high = ax.get_ylim()
    assert low == pytest.approx(-high * 0.15 / 1.1)
    assert "treat none" not in figures.decision_alt(rows)


def test_axes_of_ones_own_and_nothing_to_draw():
    ax = figures.figure_axes("")
    rows = iko.auc_over_time(E, RISKS, times=[1, 3]).tidy()
    assert figures.accuracy_figure(rows, ax=ax) is ax
    with pytest.raises(iko.InputError, match="nothing to draw"):
        figures.accuracy_figure(rows.assign(estimate=np.nan))
    with pytest.raises(iko.ColumnError):
        figures.calibration_figure(rows)
