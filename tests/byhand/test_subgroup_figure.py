"""Does the subgroup forest show the right numbers at the right places, and does the table say the same?"""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.report.figures import save_figure
from ikzf1_outcomes.report.subgroup_figures import subgroup_alt, subgroup_forest
from ikzf1_outcomes.report.subgroups import subgroup_cells

LABELS = {"arm": "Arm", "sex": "Sex"}


def rows(levels=("b",)):
    """Everybody and two sexes: the ratio 2 and the difference 10 points in all; 4 and 20 in women; nothing in men."""
    out = []
    effects = {("all patients", "all"): (2.0, 0.1), ("sex", "f"): (4.0, 0.2), ("sex", "m"): (np.nan, np.nan)}
    for (variable, group), (ratio, risk) in effects.items():
        for level in levels:
            shared = {"variable": variable, "group": group, "term": "arm", "contrast": f"{level} vs a", "cause": "any"}
            shared |= {"conf_level": 0.95, "note": "", "n_event": 7.0}
            log = np.log(ratio)
            out.append(
                {**shared, "time": np.nan, "n": 40.0, "estimate": log, "low": log - 1, "high": log + 1, "method": "hazard"}
            )
            out.append(
                {**shared, "time": 5.0, "n": 30.0, "estimate": risk, "low": risk - 0.1, "high": risk + 0.1,
                 "method": "risk difference"}
            )  # fmt: skip
    test = {"variable": "sex", "group": "", "term": "arm:sex", "cause": "any", "note": ""}
    out.append({**test, "contrast": "", "p_value": 0.0321, "method": "likelihood-ratio test", "time": np.nan})
    out += [{**test, "contrast": f"{level} vs a", "p_value": 0.2, "method": "Cochran's Q", "time": 5.0} for level in levels]
    return pd.DataFrame(out)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def marks(ax, label="_effect"):
    return [line for line in ax.lines if line.get_label() == label]


def test_each_number_stands_on_its_scale_at_the_height_of_its_level():
    whole, ratios, risks = subgroup_forest(rows(), LABELS).axes
    x = [float(line.get_xdata()[0]) for line in marks(ratios)]
    np.testing.assert_allclose(x, np.log([2.0, 4.0]))
    np.testing.assert_allclose([float(line.get_xdata()[0]) for line in marks(risks)], [0.1, 0.2])
    heights = {text.get_text().strip(): text.get_position()[1] for text in whole.texts}
    top = heights["All patients"] - float(marks(ratios)[0].get_ydata()[0])
    for ax in (ratios, risks):
        assert [float(line.get_ydata()[0]) + top for line in marks(ax)] == [heights["All patients"], heights["f"]]
        ne = next(text for text in ax.texts if text.get_text() == "NE")
        assert ne.get_position()[1] + top == heights["m"]


def test_the_words():
    whole, ratios, risks = subgroup_forest(rows(), LABELS, note="Simulated data").axes
    said = texts(whole)
    assert said[:4] == ["Arm: b against a", "N / events", "Hazard ratio", "Difference at 5 years, points"]
    assert said.count("40 / 7") == 3
    assert "Simulated data" in said[-1]
    assert "P = 0.032" in texts(ratios)
    assert "P = 0.20" in texts(risks)


def test_p_stands_in_the_line_of_its_subgroup():
    whole, ratios, risks = subgroup_forest(rows(), LABELS).axes
    heights = {text.get_text().strip(): text.get_position()[1] for text in whole.texts}
    top = heights["All patients"] - float(marks(ratios)[0].get_ydata()[0])
    for ax in (ratios, risks):
        p = next(text for text in ax.texts if text.get_text().startswith("P"))
        assert p.get_position()[1] + top == heights["Sex"]


def test_several_contrasts_differ_in_shape_colour_and_height_and_each_has_its_p():
    whole, ratios, risks = subgroup_forest(rows(("b", "c", "d")), LABELS).axes
    first = marks(ratios)[:3]
    assert len({line.get_marker() for line in first}) == len({line.get_color() for line in first}) == 3
    assert len({float(line.get_ydata()[0]) for line in first}) == 3
    assert [text for text in texts(risks) if text.startswith("P")] == ["P = 0.20"] * 3
    assert [line.get_marker() for line in marks(risks, "_test")] == [line.get_marker() for line in first]
    assert {"Arm: each against a", "b", "c", "d"} <= set(texts(whole))


def test_no_interval_is_an_open_mark_and_a_long_one_has_an_arrow():
    table = rows()
    table.loc[table["group"] == "f", ["low", "high"]] = np.nan
    table.loc[(table["group"] == "all") & (table["method"] == "hazard"), "high"] = np.log(1000)
    _, ratios, risks = subgroup_forest(table, LABELS).axes
    assert [line.get_markerfacecolor() == "white" for line in marks(ratios)] == [False, True]
    assert [line.get_marker() for line in marks(ratios, "_arrow")] == [">"]
    assert marks(risks, "_arrow") == []


def test_nothing_lies_over_the_edge_and_texts_do_not_meet():
    long = {"arm": "Arm of the treatment", "sex": "A subgroup with a name that is longer than there is room for it"}
    figure = subgroup_forest(rows(("b", "c")), long)
    figure.draw_without_rendering()
    edge = figure.bbox
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
    assert all(box.x0 >= 0 and box.x1 <= edge.width and box.y0 >= 0 and box.y1 <= edge.height for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    panels = [ax.get_window_extent() for ax in figure.axes[1:]]
    assert not any(box.overlaps(panel) for box in boxes for panel in panels)


def test_the_same_rows_give_the_same_bytes(tmp_path):
    one = save_figure(subgroup_forest(rows(), LABELS), tmp_path / "one")[0].read_bytes()
    assert save_figure(subgroup_forest(rows(), LABELS), tmp_path / "two")[0].read_bytes() == one


def test_the_forest_in_words():
    assert subgroup_alt(rows(), LABELS) == (
        "Subgroup forest: hazard ratio and risk difference in points at 5 years. All patients 2.00 (0.74–5.44), "
        "+10 (0 to +20). Sex (interaction P = 0.032): f 4.00 (1.47–10.9), +20 (+10 to +30); m NE, NE."
    )
    assert "f, c 4.00" in subgroup_alt(rows(("b", "c")), LABELS)
    assert subgroup_alt(rows().iloc[:0], LABELS) == "Subgroup forest: there are no subgroups to show."


def test_the_table():
    table = subgroup_cells(rows(), LABELS, "subgroups", "Subgroups")
    body = table.body.set_index("row")
    assert body["section"].tolist() == ["All patients", "Sex", "Sex"]
    assert body["b | Hazard ratio"].tolist() == ["2.00 (0.74–5.44)", "4.00 (1.47–10.9)", "NE"]
    assert body["b | Risk difference, points"].tolist() == ["+10 (0 to +20)", "+20 (+10 to +30)", "NE"]
    assert body["P (interaction)"].tolist() == ["", "0.032", ""]
    assert body["b | P (differences)"].tolist() == ["", "0.20", ""]
    assert table.subtitle == "Each level against a; risks at 5 years; 95 % CI"


def test_what_could_not_be_tested_is_a_footnote():
    table = rows()
    table.loc[table["method"] == "Cochran's Q", ["p_value", "note"]] = [np.nan, "not estimable: 1 of 2 levels"]
    made = subgroup_cells(table, LABELS, "subgroups", "Subgroups")
    assert made.footnotes[-1] == "Not estimable: 1 of 2 levels (Sex)."
    assert made.body["b | P (differences)"].tolist() == ["", "–", ""]


def test_what_cannot_be_drawn():
    assert texts(subgroup_forest(rows().iloc[:0], LABELS).axes[0])[0] == "There are no subgroups to show."
    with pytest.raises(ColumnError, match="no column contrast"):
        subgroup_forest(rows().drop(columns="contrast"), LABELS)
    with pytest.raises(InputError, match="at least 5 inches"):
        subgroup_forest(rows(), LABELS, width=3)
    with pytest.raises(InputError, match="9 contrasts"):
        subgroup_forest(rows([f"l{k}" for k in range(9)]), LABELS)
