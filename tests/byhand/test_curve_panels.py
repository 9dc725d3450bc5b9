"""Curves in panels, and the table of IKZF1 within residual disease: each number in its place."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.report.curve_panels import curve_panels
from ikzf1_outcomes.report.mrd import mrd_alt, mrd_cells


def curve():
    rows = [("low", "none", 1.0, 0.1), ("low", "ik6", 2.0, 0.2), ("high", "ik6", 1.0, 0.5), ("empty", "none", 1.0, np.nan)]
    return pd.DataFrame(rows, columns=["panel", "group", "time", "estimate"])


def lines(ax):
    return {line.get_label(): (line.get_xydata().tolist(), line.get_color()) for line in ax.lines if len(line.get_xdata())}


def test_each_panel_has_its_curves_in_the_colour_of_the_group():
    low, high, empty = curve_panels(curve(), ["none", "ik6"], horizon=4).axes
    assert lines(low)["none"][0] == [[0.0, 0.0], [1.0, 0.1]]
    assert lines(high)["ik6"][0] == [[0.0, 0.0], [1.0, 0.5]]
    assert list(lines(high)) == ["ik6"]
    assert lines(low)["ik6"][1] == lines(high)["ik6"][1] != lines(low)["none"][1]
    assert [text.get_text() for text in empty.texts] == ["no estimate"]


def test_the_panels_share_their_axes_and_the_key_names_the_groups_in_order():
    figure = curve_panels(curve(), ["none", "ik6", "absent"], y_label="Relapse", note="Simulated data", horizon=4)
    assert len({ax.get_ylim() for ax in figure.axes}) == len({ax.get_xlim() for ax in figure.axes}) == 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["none", "ik6"]
    assert figure.get_supylabel() == "Relapse"
    assert figure.get_supxlabel() == "Years from diagnosis\nSimulated data"
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["low", "high", "empty"]


def test_survival_starts_at_one():
    axes = curve_panels(curve().assign(estimate=lambda d: 1 - d["estimate"]), first=1.0, start=0.5).axes
    assert lines(axes[0])["none"][0] == [[0.5, 1.0], [1.0, 0.9]]
    assert axes[0].get_ylim()[1] >= 1


def test_what_cannot_be_drawn():
    with pytest.raises(ColumnError, match="no column panel"):
        curve_panels(curve().drop(columns="panel"))
    with pytest.raises(InputError, match="outside 0 to 1"):
        curve_panels(curve().assign(estimate=2.0))


def rows():
    shared = {"variable": "ikzf1_class", "conf_level": 0.95, "note": "", "n_excluded": np.nan, "p_value": np.nan}
    numbers = [
        ("EFS", "survival", "negative", "none", 20, 2, 0.9, 0.7, 0.97),
        ("EFS", "survival", "negative", "ik6", 4, 2, 0.5, 0.1, 0.8),
        ("EFS", "survival", "high", "ik6", 1, 0, np.nan, np.nan, np.nan),
        ("RELAPSE", "incidence", "negative", "none", 20, 1, 0.05, 0.0, 0.2),
        ("RELAPSE", "incidence", "negative", "ik6", 4, 2, 0.5, 0.1, 0.8),
        ("RELAPSE", "incidence", "high", "ik6", 1, 0, 0.0, 0.0, 0.0),
    ]  # fmt: skip
    names = ["endpoint", "term", "group", "level", "n", "n_event", "estimate", "low", "high"]
    table = pd.DataFrame(numbers, columns=names).assign(**shared)
    tests = [{**shared, "endpoint": e, "term": "test", "group": "", "level": "", "p_value": p, "method": m, "n_excluded": 3,
              "note": note}
             for e, p, m, note in (("EFS", 0.012, "stratified log-rank", ""),
                                   ("RELAPSE", np.nan, "stratified Gray", "not estimable: no events"))]  # fmt: skip
    return pd.concat([table, pd.DataFrame(tests)], ignore_index=True)


def test_the_table_within_residual_disease():
    table = mrd_cells(rows(), "mrd", "by_mrd", "Within", 5)
    body = table.body
    assert body["section"].tolist() == ["negative", "negative", "high"]
    assert body["row"].tolist() == ["no deletion detected", "IK6 (Δ4-7)", "IK6 (Δ4-7)"]
    assert body["N"].tolist() == ["20", "4", "1"]
    assert body["EFS | 5-year, %"].tolist() == ["90 (70–97)", "50 (10–80)", "NE"]
    assert body["CIR | 5-year, %"].tolist() == ["5 (0–20)", "50 (10–80)", "0 (–)"]
    assert "EFS, classes within the groups: stratified log-rank, P = 0.012." in table.footnotes
    assert "CIR, classes within the groups: stratified Gray, not estimable: no events." in table.footnotes
    assert table.footnotes[-1].startswith("3 patients at the landmark are left out")


def test_the_panels_in_words():
    said = mrd_alt(rows().query("endpoint == 'EFS'"), {"ikzf1_class": "IKZF1 class"}, "mrd", "Event-free survival")
    assert said == (
        "Event-free survival in per cent by IKZF1 class. negative: no deletion detected 90 (70–97), IK6 (Δ4-7) 50 (10–80); "
        "high: IK6 (Δ4-7) NE."
    )
