"""Do the figures show the numbers of the tidy tables, at the places where they belong?"""

import ast
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import ikzf1_outcomes as iko
from ikzf1_outcomes.report import figures
from ikzf1_outcomes.report.curve_pieces import checked_table, cut_pieces, stack_pieces
from ikzf1_outcomes.report.palette import distinct_names, line_styles, shorten, visual_order
from ikzf1_outcomes.report.risk_table import EdgeLabels, count_text, spread_out

TICKS = [0, 1, 2, 3, 4, 5, 6]

# a: relapse at 1, censored at 2, death at 3, censored at 6; b: relapse at 2 and 2, relapse at 4 (nobody left).
# S(a) = 3/4 at 1, 3/4 * 1/2 = 3/8 at 3; S(b) = 1/3 at 2, 0 at 4.
PATIENTS = pd.DataFrame(
    {
        "years": [6.0, 2.0, 1.0, 4.0, 2.0, 3.0, 2.0],
        "status": [0, 1, 1, 1, 0, 2, 1],
        "class": ["a", "b", "a", "b", "a", "a", "b"],
    }
)


def endpoint_of(frame):
    return iko.endpoint_from_columns(frame, time="years", status="status", causes={1: "relapse", 2: "death"})


def many(n_groups, n=400, seed=1):
    draw = np.random.default_rng(seed)
    names = [f"group {i + 1}" for i in range(n_groups)]
    code = np.concatenate((np.arange(n_groups), draw.integers(0, n_groups, n - n_groups)))
    event, censored = draw.exponential(6.0 - 4.0 * code / n_groups), draw.uniform(2, 8, n)
    return pd.DataFrame(
        {
            "years": np.minimum(event, censored),
            "status": np.where(event <= censored, draw.integers(1, 3, n), 0),
            "class": pd.Categorical([names[c] for c in code], categories=names),
        }
    )


@pytest.fixture(scope="module")
def survival():
    return iko.kaplan_meier(endpoint_of(PATIENTS), "class")


@pytest.fixture(scope="module")
def incidence():
    return iko.cumulative_incidence(endpoint_of(PATIENTS), "class")


def curves(ax):
    """Lines of the groups: name -> vertices."""
    return {line.get_label(): line.get_xydata() for line in ax.lines if not line.get_label().startswith("_")}


def table_texts(ax):
    """The numbers below the axes."""
    return [text for text in ax.texts if text.get_label() == "_count"]


def labels_of(ax):
    return next(artist for artist in ax.artists if isinstance(artist, EdgeLabels))


# Curves ---------------------------------------------------------------------------------------------------------------


def test_the_vertices_are_the_tidy_numbers_and_a_start(survival):
    lines = curves(figures.survival_figure(survival.tidy()))
    np.testing.assert_allclose(lines["a"], [[0, 1], [1, 3 / 4], [2, 3 / 4], [3, 3 / 8], [6, 3 / 8]])
    np.testing.assert_allclose(lines["b"], [[0, 1], [2, 1 / 3], [4, 0]], atol=1e-15)


def test_a_tidy_table_of_many_groups_is_drawn_number_for_number():
    tidy = iko.kaplan_meier(endpoint_of(many(12)), "class").tidy()
    lines = curves(figures.survival_figure(tidy))
    assert list(lines) == [f"group {i + 1}" for i in range(12)]
    for name, vertices in lines.items():
        own = tidy[tidy["group"] == name]
        assert np.array_equal(vertices[1:], own[["time", "estimate"]].to_numpy())


def test_curves_are_steps_to_the_right(survival):
    ax = figures.survival_figure(survival.tidy())
    assert {line.get_drawstyle() for line in ax.lines if line.get_label() in "ab"} == {"steps-post"}


def test_the_horizon_cuts_between_two_times(survival):
    ax = figures.survival_figure(survival.tidy(), horizon=2.5)
    np.testing.assert_allclose(curves(ax)["a"], [[0, 1], [1, 3 / 4], [2, 3 / 4], [2.5, 3 / 4]])
    assert ax.get_xlim() == pytest.approx((-0.0375, 2.5375))


def test_a_horizon_past_the_last_follow_up_does_not_prolong_a_curve(survival):
    assert curves(figures.survival_figure(survival.tidy(), horizon=50))["a"][-1].tolist() == [6, 3 / 8]


def test_what_is_not_estimable_at_the_end_is_not_drawn(survival):
    lines = curves(figures.survival_figure(survival.tidy(times=[1, 3, 6, 7, 8])))
    assert lines["a"][-1].tolist() == [6, 3 / 8]


def test_a_landmark_curve_starts_at_its_landmark(survival):
    ax = figures.survival_figure(survival.tidy(), start=0.5)
    assert curves(ax)["a"][0].tolist() == [0.5, 1.0]


def test_events_at_time_zero_are_a_drop_at_time_zero():
    frame = pd.DataFrame({"years": [0.0, 2.0], "status": [1, 0], "class": "a"})
    lines = curves(figures.survival_figure(iko.kaplan_meier(endpoint_of(frame), "class").tidy()))
    np.testing.assert_allclose(lines["a"], [[0, 1], [0, 0.5], [2, 0.5]])


def test_censoring_is_marked_where_it_happened(survival):
    ax = figures.survival_figure(survival.tidy())
    marks = [line.get_xydata().tolist() for line in ax.lines if line.get_label() == "_censored"]
    assert marks == [[[2, 0.75], [6, 0.375]]]
    bare = figures.survival_figure(survival.tidy(), censor_marks=False)
    assert not [line for line in bare.lines if line.get_label() == "_censored"]


def test_bands_are_the_limits_as_steps():
    # The last row has survival 0 and no limits; the interval before it still reaches to it.
    tidy = pd.DataFrame(
        {
            "group": "a",
            "time": [1.0, 2.0, 5.0],
            "estimate": [0.8, 0.5, 0.0],
            "low": [0.6, 0.3, np.nan],
            "high": [0.9, 0.7, np.nan],
        }
    )
    (band,) = figures.survival_figure(tidy).collections
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices.tolist()}
    lower = {(0.0, 1.0), (1.0, 1.0), (1.0, 0.6), (2.0, 0.6), (2.0, 0.3), (5.0, 0.3)}
    upper = {(1.0, 0.9), (2.0, 0.9), (2.0, 0.7), (5.0, 0.7)}
    assert corners == lower | upper


def test_survival_runs_from_0_to_100_percent(survival):
    ax = figures.survival_figure(survival.tidy())
    assert [text.get_text() for text in ax.get_yticklabels()] == ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]
    low, high = ax.get_ylim()
    assert low < 0
    assert high > 1


# The table below ------------------------------------------------------------------------------------------------------


def centre_below(ax, text):
    box = text.get_window_extent()
    return (box.x0 + box.x1) / 2, box.y1


def assert_aligned(ax):
    ax.figure.draw_without_rendering()
    bottom = ax.get_window_extent().y0
    for text in table_texts(ax):
        tick = text.get_position()[0]
        x, top = centre_below(ax, text)
        # Glyphs are set on whole pixels, so that a middle may be half a pixel off.
        assert x == pytest.approx(ax.transData.transform((tick, 0))[0], abs=1.0)
        assert top < bottom


def test_each_number_stands_at_its_tick_whatever_happens_to_the_figure(survival):
    ax = figures.survival_figure(survival.tidy(), at_risk=survival.tidy(times=TICKS))
    assert ax.get_xticks().tolist() == TICKS
    assert sorted({text.get_position()[0] for text in table_texts(ax)}) == TICKS
    assert_aligned(ax)
    figure = ax.figure
    figure.set_size_inches(11, 4)
    assert_aligned(ax)
    figure.set_dpi(213)
    figure.set_layout_engine("tight")
    assert_aligned(ax)
    ax.set_xlim(-3, 20)
    assert_aligned(ax)
    bare = Figure().add_axes((0.4, 0.5, 0.3, 0.3))
    assert_aligned(figures.survival_figure(survival.tidy(), at_risk=survival.tidy(times=TICKS), ax=bare))
    bare.set_position((0.1, 0.6, 0.8, 0.2))
    assert_aligned(bare)


def test_the_numbers_are_those_of_the_tidy_table(survival):
    ax = figures.survival_figure(survival.tidy(), at_risk=survival.tidy(times=TICKS))
    shown = [text.get_text() for text in table_texts(ax)]
    rows = [shown[i : i + 7] for i in range(0, len(shown), 7)]
    assert rows == [
        ["4", "4", "3", "2", "1", "1", "1"],
        ["3", "3", "3", "1", "1", "0", "0"],
        ["0", "1", "1", "2", "2", "2", "2"],
        ["0", "0", "2", "2", "3", "3", "3"],
    ]
    headings = [text.get_text() for text in ax.texts if text.get_fontweight() == "bold"]
    assert headings == ["At risk", "Cumulative events"]


def test_cumulative_events_count_from_the_start_though_ticks_were_left_out(survival):
    at_risk = survival.tidy(times=[0, 1, 2, 3, 4])
    ax = figures.survival_figure(survival.tidy(), at_risk=at_risk, horizon=3)
    shown = [text.get_text() for text in table_texts(ax)]
    assert ax.get_xticks().tolist() == [0, 1, 2, 3]
    assert shown[-4:] == ["0", "0", "2", "2"]


def test_events_are_counted_by_cause_in_an_incidence_figure(incidence):
    tables = {"at_risk": incidence.tidy(times=[0, 3, 6])}
    one = figures.incidence_figure(incidence.tidy(), causes=["death"], **tables)
    assert [text.get_text() for text in table_texts(one)][6:] == ["0", "1", "1", "0", "0", "0"]
    both = figures.incidence_figure(incidence.tidy(), **tables)
    assert [text.get_text() for text in table_texts(both)][6:] == [*"011023", *"011000"]


def test_many_groups_have_a_row_each_with_events_in_brackets():
    curve = iko.kaplan_meier(endpoint_of(many(9)), "class")
    at_risk = curve.tidy(times=[0, 2, 4])
    ax = figures.survival_figure(curve.tidy(), at_risk=at_risk)
    shown = [text.get_text() for text in table_texts(ax)]
    at_risk["sum"] = at_risk.groupby("group", observed=False)["n_event"].cumsum()
    assert shown == [f"{int(row.n_risk)} ({int(row.sum)})" for row in at_risk.itertuples()]


def test_ticks_give_way_where_their_numbers_have_no_room(survival):
    times = np.arange(0, 6.05, 0.05)
    ax = figures.survival_figure(survival.tidy(), at_risk=survival.tidy(times=times))
    assert 10 < len(ax.get_xticks()) < 40
    assert_apart(table_texts(ax))


def test_counts_are_whole_or_weighted_or_unknown():
    assert [count_text(x) for x in (12.0, 1234.0, 0.1 + 0.2 + 0.7, 3.25, np.nan)] == ["12", "1,234", "1", "3.2", "–"]


# Labels at the edge ---------------------------------------------------------------------------------------------------


def assert_apart(texts):
    texts[0].figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in texts]
    for one, other in combinations(boxes, 2):
        overlap = min(one.x1, other.x1) - max(one.x0, other.x0), min(one.y1, other.y1) - max(one.y0, other.y0)
        assert min(overlap) <= 0.5


@pytest.mark.parametrize("n_groups", [2, 5, 8, 12, 40])
def test_no_text_lies_on_another_and_all_are_inside(n_groups):
    curve = iko.kaplan_meier(endpoint_of(many(n_groups)), "class")
    ax = figures.survival_figure(curve.tidy(), at_risk=curve.tidy(times=[0, 2, 4, 6]), title="Title", note="A note.")
    names = labels_of(ax).texts
    texts = [*ax.texts, *names, *ax.get_xticklabels(), *ax.get_yticklabels(), ax.xaxis.label, ax.yaxis.label]
    assert_apart([text for text in texts if text.get_text()])
    page = ax.figure.bbox
    for text in texts:
        box = text.get_window_extent()
        assert box.x0 >= -0.5
        assert box.y0 >= -0.5
        assert box.x1 <= page.x1 + 0.5
    assert min(text.get_fontsize() for text in texts) >= 8
    assert ax.figure.get_size_inches()[0] == 7


def test_labels_shrink_rather_than_overlap_on_small_axes():
    curve = iko.kaplan_meier(endpoint_of(many(8)), "class")
    figure = Figure(figsize=(4, 1.0), layout="constrained")
    ax = figures.survival_figure(curve.tidy(), ax=figure.add_subplot())
    assert_apart(labels_of(ax).texts)
    assert labels_of(ax).texts[0].get_fontsize() < 8
    figure.set_size_inches(6, 6)
    assert_apart(labels_of(ax).texts)
    assert labels_of(ax).texts[0].get_fontsize() == 8


def test_labels_are_level_with_their_curves_where_there_is_room(survival):
    ax = figures.survival_figure(survival.tidy())
    ax.figure.draw_without_rendering()
    a, b = labels_of(ax).texts
    assert a.get_position()[1] == pytest.approx(ax.transData.transform((0, 3 / 8))[1])
    assert b.get_position()[1] == pytest.approx(ax.transData.transform((0, 0))[1])


def test_labels_move_as_little_as_they_must():
    two = np.array([2.0, 2.0])
    # Both want 5: they part by half their height each, the first above. Near the floor both rise.
    assert spread_out(np.array([5.0, 5.0]), two, 0, 10).tolist() == [6, 4]
    assert spread_out(np.array([0.0, 0.0]), two, 0, 10).tolist() == [3, 1]
    assert spread_out(np.array([10.0, 9.5]), two, 0, 10).tolist() == [9, 7]
    assert spread_out(np.array([3.0, 8.0]), two, 0, 10).tolist() == [3, 8]
    # 1, 2, 3 with height 2: the middle stays.
    assert spread_out(np.array([1.0, 2.0, 3.0]) + 4, np.full(3, 2.0), 0, 20).tolist() == [4, 6, 8]
    # No room: from the top down, beyond the floor.
    assert spread_out(np.array([1.0, 1.0, 1.0]), np.full(3, 2.0), 0, 4).tolist() == [3, 1, -1]


# Incidence ------------------------------------------------------------------------------------------------------------


def test_incidence_of_one_cause_names_its_rivals(incidence):
    ax = figures.incidence_figure(incidence.tidy(), causes=["relapse"], bands=False)
    lines = curves(ax)
    # a: 1/4 at 1; b: 2/3 at 2, then 2/3 + 1/3 = 1 at 4.
    np.testing.assert_allclose(lines["a"][:, 1], [0, 1 / 4, 1 / 4, 1 / 4, 1 / 4])
    np.testing.assert_allclose(lines["b"], [[0, 0], [2, 2 / 3], [4, 1]])
    assert ax.get_ylabel() == "Cumulative incidence of relapse"
    assert [text.get_text() for text in ax.texts] == ["Competing events: death."]


def test_several_causes_have_a_dash_each_and_groups_a_colour(incidence):
    ax = figures.incidence_figure(incidence.tidy())
    looks = {line.get_label(): (line.get_color(), line.get_linestyle()) for line in ax.lines}
    assert list(looks) == ["a: relapse", "a: death", "b: relapse", "b: death"]
    assert looks["a: relapse"][0] == looks["a: death"][0] != looks["b: death"][0]
    assert looks["a: death"][1] == looks["b: death"][1] != looks["a: relapse"][1]
    np.testing.assert_allclose(curves(ax)["a: death"][:, 1], [0, 0, 0, 3 / 8, 3 / 8])


@pytest.mark.parametrize(
    ("most", "top", "n_ticks"), [(0.0, 0.1, 6), (0.03, 0.1, 6), (0.31, 0.35, 8), (0.65, 0.7, 8), (1, 1, 6)]
)
def test_the_percent_axis_ends_at_a_labelled_tick(most, top, n_ticks):
    tidy = pd.DataFrame({"group": "a", "cause": "relapse", "time": [1.0], "estimate": [most]})
    ticks = figures.incidence_figure(tidy).get_yticks()
    assert ticks[0] == 0
    assert ticks[-1] == pytest.approx(top)
    assert len(ticks) == n_ticks


def test_the_percent_axis_has_room_for_the_limits():
    tidy = pd.DataFrame({"group": "a", "cause": "x", "time": [1.0], "estimate": [0.1], "low": [0.0], "high": [0.58]})
    assert figures.incidence_figure(tidy).get_yticks()[-1] == pytest.approx(0.6)
    assert figures.incidence_figure(tidy, bands=False).get_yticks()[-1] == pytest.approx(0.1)


# The ledger -----------------------------------------------------------------------------------------------------------


def heights_at(ax, t):
    """Height of each area of a ledger at a time, by its polygon."""
    out = {}
    for area in ax.collections:
        corners = area.get_paths()[0].vertices
        # Upper and lower borders: values at corners whose step holds at t.
        xs = np.unique(corners[:, 0])
        left = xs[xs <= t].max()
        right = xs[xs > t].min()
        on = corners[np.isin(corners[:, 0], [left, right])]
        left_values, right_values = (set(on[on[:, 0] == x, 1].round(12)) for x in (left, right))
        both = sorted(left_values & right_values)
        out[area.get_label()] = both[-1] - both[0]
    return out


def test_stacked_first_events_add_up_to_one_at_every_time(incidence):
    tidy = incidence.tidy()
    a = figures.ledger_figure(tidy[tidy["group"] == "a"])
    assert heights_at(a, 0.5) == pytest.approx({"relapse": 0, "death": 0, "event-free": 1})
    assert heights_at(a, 1.5) == pytest.approx({"relapse": 1 / 4, "death": 0, "event-free": 3 / 4})
    assert heights_at(a, 4.0) == pytest.approx({"relapse": 1 / 4, "death": 3 / 8, "event-free": 3 / 8})
    tops = [area.get_paths()[0].vertices[:, 1].max() for area in a.collections]
    assert max(tops) == 1


def test_the_borders_are_running_sums_of_the_incidences():
    tidy = iko.cumulative_incidence(endpoint_of(many(1, 80))).tidy()
    pieces = cut_pieces(checked_table(tidy, ()), ["all"], ["death", "relapse"], 0.0, 0.0, None)
    times, borders = stack_pieces(pieces, 100.0)
    wide = tidy.pivot_table(index="time", columns="cause", values="estimate")
    assert np.array_equal(times[1:], wide.index)
    np.testing.assert_allclose(
        borders[:, 1:], [0 * wide["death"], wide["death"], wide["death"] + wide["relapse"], 0 * wide["death"] + 1]
    )
    free = iko.kaplan_meier(endpoint_of(many(1, 80))).tidy()["estimate"]
    np.testing.assert_allclose(1 - borders[-2, 1:], free, atol=1e-12)


def test_a_group_that_nobody_is_left_in_stays_where_it_is(incidence):
    tidy = incidence.tidy()
    b = figures.ledger_figure(tidy[tidy["group"] == "b"], horizon=10)
    assert heights_at(b, 9.0) == pytest.approx({"relapse": 1, "death": 0, "event-free": 0})
    a = figures.ledger_figure(tidy[tidy["group"] == "a"], horizon=10)
    assert max(area.get_paths()[0].vertices[:, 0].max() for area in a.collections) == 6


def test_the_ledger_names_its_areas_in_order(incidence):
    tidy = incidence.tidy()
    ax = figures.ledger_figure(tidy[tidy["group"] == "a"], order=["death", "relapse"])
    ax.figure.draw_without_rendering()
    texts = labels_of(ax).texts
    assert [text.get_text() for text in texts] == ["death", "relapse", "event-free"]
    assert [text.get_position()[1] for text in texts] == sorted(text.get_position()[1] for text in texts)
    assert_apart(texts)


def test_panels_share_their_axes(incidence):
    figure = figures.ledger_panels(incidence.tidy(), ["b", "a"], title="Ledger", note="Simulated data")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["b", "a"]
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in figure.axes}) == 1
    assert heights_at(figure.axes[1], 4.0) == pytest.approx({"relapse": 1 / 4, "death": 3 / 8, "event-free": 3 / 8})
    assert heights_at(figure.axes[0], 5.0) == pytest.approx({"relapse": 1, "death": 0, "event-free": 0})
    (key,) = figure.legends
    assert [text.get_text() for text in key.get_texts()] == ["relapse", "death", "event-free"]
    texts = [*key.get_texts(), key.get_title(), *figure.texts, *(ax._left_title for ax in figure.axes)]
    assert_apart(texts)
    assert [text.get_text() for text in figure.texts] == ["Patients", "Years from diagnosis\nSimulated data"]


@pytest.mark.parametrize(("n_groups", "columns"), [(1, 1), (3, 3), (4, 2), (7, 3), (40, 5)])
def test_panels_are_as_many_as_groups(n_groups, columns):
    figure = figures.ledger_panels(iko.cumulative_incidence(endpoint_of(many(n_groups)), "class").tidy())
    assert len(figure.axes) == n_groups
    figure.draw_without_rendering()
    assert len({round(ax.get_position().x0, 3) for ax in figure.axes}) == columns
    # Each column ends in a panel with tick labels.
    lowest = figure.axes[-columns:]
    assert all(any(text.get_text() and text.get_visible() for text in ax.get_xticklabels()) for ax in lowest)
    assert_apart([ax._left_title for ax in figure.axes])


# Words and looks ------------------------------------------------------------------------------------------------------


def test_the_alternative_text_says_the_numbers_of_the_curve(survival, incidence):
    at = survival.tidy(times=[3]).set_index("group")
    low, high = at.loc["a", ["low", "high"]]
    said = figures.alt_text(survival.tidy(), 3)
    assert said == (
        f"Event-free survival at 3 years (95 % confidence interval): a 38 % ({100 * low:.0f} to {100 * high:.0f}), "
        f"b 33 % ({100 * at.loc['b', 'low']:.0f} to {100 * at.loc['b', 'high']:.0f})."
    )
    # At 5 nobody of b is left: 0 without limits. At 7 group a is past its last follow-up.
    assert figures.alt_text(survival.tidy(), 7).endswith("a not estimable, b 0 %.")
    assert figures.alt_text(survival.tidy(times=[7]), 7).endswith("a not estimable, b 0 %.")
    assert "at 1 year (" in figures.alt_text(survival.tidy(), 1)
    causes = figures.alt_text(incidence.tidy().drop(columns=["low", "high"]), 5, what="Incidence")
    assert causes == "Incidence at 5 years: a: relapse 25 %, death 38 %; b: relapse 100 %, death 0 %."
    assert "a 100 %" in figures.alt_text(survival.tidy(), 0.5)


def test_the_alternative_text_counts_what_it_does_not_say():
    said = figures.alt_text(iko.kaplan_meier(endpoint_of(many(40)), "class").tidy(), 2)
    assert "group 12 " in said
    assert "group 13 " not in said
    assert said.endswith("and 28 more groups.")


def test_eight_groups_differ_in_colour_and_in_dash():
    styles = line_styles(8)
    assert len({style.colour for style in styles}) == len({str(style.dash) for style in styles}) == 8
    assert "#F0E442" not in {style.colour for style in styles}  # yellow: too pale on white
    greys = [int(style.colour[1:3], 16) for style in line_styles(9)]
    assert all(style.colour[1:3] * 3 == style.colour[1:] for style in line_styles(9))
    assert max(greys) < 170


def test_names_are_shortened_in_the_middle_and_stay_distinct():
    assert shorten("abcdefghij", 7) == "abc…hij"
    assert distinct_names(["x" * 40 + "1" + "y" * 40, "x" * 40 + "2" + "y" * 40], 9) == ["xxxx…yyyy (1)", "xxxx…yyyy (2)"]
    assert distinct_names([("ik6", 1.0), 2.5, True], 20) == ["ik6, 1", "2.5", "True"]


def test_right_to_left_words_are_turned_and_their_numbers_are_not():
    alef, bet, gimel = "\u05d0\u05d1\u05d2"
    assert visual_order(f"{alef}{bet} {gimel}") == f"{gimel} {bet}{alef}"
    assert visual_order(f"IK6 {alef}{bet}") == f"IK6 {bet}{alef}"
    assert visual_order(f"{alef}{bet} 12.5") == f"12.5 {bet}{alef}"
    assert visual_order(f"{alef} (4-7) {bet} x") == f"{bet} (4-7) {alef} x"
    assert visual_order(f"{alef}\u05b8{bet}") == f"{bet}{alef}\u05b8"
    assert visual_order("Δ4-7 (IK6)") == "Δ4-7 (IK6)"


# Files ----------------------------------------------------------------------------------------------------------------

SCRIPT = """
import hashlib, sys
from pathlib import Path
import pandas as pd
from ikzf1_outcomes.report import figures
curve = pd.DataFrame({"group": ["none"] * 2 + ["ik6"] * 2, "cause": "relapse", "time": [1.0, 4.0] * 2,
                      "estimate": [0.1, 0.2, 0.3, 0.6], "n_risk": 9.0, "n_event": 1.0})
folder = Path(sys.argv[1])
drawn = [figures.survival_figure(curve, at_risk=curve, title="t").figure, figures.ledger_panels(curve, title="t")]
for number, figure in enumerate(drawn):
    for path in figures.save_figure(figure, folder / str(number)):
        print(hashlib.sha256(path.read_bytes()).hexdigest())
"""


def test_two_processes_write_the_same_bytes(tmp_path):
    seen = []
    for seed, folder in (("1", tmp_path / "a"), ("2", tmp_path / "some where else")):
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(folder)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        seen.append(done.stdout.split())
    assert len(seen[0]) == 4
    assert seen[0] == seen[1]


def test_saving_again_after_drawing_gives_the_same_bytes(tmp_path, survival, incidence):
    drawn = [
        figures.survival_figure(survival.tidy(), at_risk=survival.tidy(times=TICKS)).figure,
        figures.ledger_panels(incidence.tidy(), title="Ledger"),
    ]
    for figure in drawn:
        first = [path.read_bytes() for path in figures.save_figure(figure, tmp_path / "figure.v1")]
        figure.canvas.draw()
        assert [path.read_bytes() for path in figures.save_figure(figure, tmp_path / "figure.v1")] == first
        assert b"date" not in first[0].lower()
        assert b"<text" not in first[0]
        assert b"Software" not in first[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.v1.png", "figure.v1.svg"]


def test_the_settings_of_the_user_are_not_used_and_not_changed(tmp_path, survival):
    def drawn(name):
        ax = figures.survival_figure(survival.tidy(), at_risk=survival.tidy(times=TICKS), title="$x$")
        return [path.read_bytes() for path in figures.save_figure(ax.figure, tmp_path / name)]

    plain = drawn("plain")
    with mpl.rc_context(
        {"font.size": 31, "text.parse_math": True, "axes.facecolor": "pink", "svg.fonttype": "none", "savefig.dpi": 20}
    ):
        before = dict(mpl.rcParams)
        assert drawn("odd") == plain
        assert dict(mpl.rcParams) == before


def test_a_given_axes_is_used_and_returned(survival):
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    assert figures.survival_figure(survival.tidy(), ax=left) is left
    assert not right.lines


def test_figures_know_no_kernels_and_no_models():
    folder = Path(figures.__file__).parent
    for name in ("figures", "ledger_figures", "drawing", "curve_pieces", "palette", "risk_table"):
        tree = ast.parse((folder / f"{name}.py").read_text())
        modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        outside = {m for m in modules if m.split(".")[0] not in {*sys.stdlib_module_names, "matplotlib", "numpy", "pandas"}}
        assert all(m == "ikzf1_outcomes.errors" or m.startswith("ikzf1_outcomes.report.") for m in outside), name
        assert not any(m.startswith("matplotlib.pyplot") for m in modules)
