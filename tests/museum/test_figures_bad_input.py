"""Tables and names that once would have broken a figure, or made it lie."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.report import figures
from ikzf1_outcomes.report.palette import text_lines
from ikzf1_outcomes.report.risk_table import EdgeLabels

SVG = "{http://www.w3.org/2000/svg}"


def endpoint_of(frame):
    return iko.endpoint_from_columns(frame, time="years", status="status", causes={1: "relapse", 2: "death"})


def two_groups(first, second="other", **changes):
    table = pd.DataFrame(
        {"group": [first, first, second], "cause": "relapse", "time": [1.0, 2.0, 2.0], "estimate": [0.2, 0.4, 0.1]}
    )
    return table.assign(n_risk=5.0, n_event=1.0, **changes)


def all_figures(table):
    at_risk = table.copy()
    return [
        figures.survival_figure(table, at_risk=at_risk, title=str(table["group"][0]), note=str(table["group"][0])).figure,
        figures.incidence_figure(table, at_risk=at_risk).figure,
        figures.ledger_panels(table, title=str(table["group"][0])),
    ]


def curve_of(ax, name):
    return next(line.get_xydata().tolist() for line in ax.lines if line.get_label() == name)


def edge_names(ax):
    return [text.get_text() for artist in ax.artists if isinstance(artist, EdgeLabels) for text in artist.texts]


NAMES = {
    "dollars": "$x_1^2$ and $",
    "open dollar": "$\\frac{1}",
    "backslash": "\\alpha_^{}%",
    "html": "<b onload='x'>&amp;</b> --> <!-- ",
    "formula": '=HYPERLINK("http://x.y","click")',
    "long": "a" + "very long " * 29 + "z",
    "no space": "x" * 300,
    "emoji": "\U0001f600 high \U0001f9ec risk",
    "chinese": "\u7f3a\u5931",
    "hebrew": "\u05de\u05d7\u05d9\u05e7\u05d4 (4-7)",
    "override": "\u202egnp.exe\u202c",
    "control": "a\x00b\x1b[31m\r\nc\tend",
    "surrogate": "\ud800 half",
    "empty": "",
    "underscore": "_hidden",
    "braces": "{0} %s {name}",
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_any_name_makes_a_readable_figure(name, tmp_path):
    for number, figure in enumerate(all_figures(two_groups(name))):
        svg, png = figures.save_figure(figure, tmp_path / str(number))
        root = ElementTree.fromstring(svg.read_bytes())
        # Names are outlines: nothing of them is markup.
        assert {element.tag.removeprefix(SVG) for element in root.iter() if element.tag.startswith(SVG)} <= {
            *("svg", "metadata", "defs", "style", "g", "path", "use", "clipPath", "rect"),
        }
        assert png.stat().st_size > 5_000
        for text in figure.findobj(lambda artist: hasattr(artist, "get_parse_math")):
            assert not text.get_parse_math()
        width = figure.get_size_inches()[0]
        for ax in figure.axes:
            assert ax.get_window_extent().width / figure.dpi > 0.25 * width / len(figure.axes)


def test_what_a_name_looks_like():
    assert text_lines(NAMES["dollars"], 40) == "$x_1^2$ and $"
    assert text_lines(NAMES["formula"], 40) == '=HYPERLINK("http://x.y","click")'
    assert text_lines(NAMES["control"], 40) == "a b [31m c end"
    assert text_lines(NAMES["override"], 40) == "gnp.exe"
    assert text_lines(NAMES["surrogate"], 40) == "half"
    assert text_lines("\U0001f9ec risk", 40) == "[dna double helix] risk"
    assert text_lines(NAMES["chinese"], 40) == "[U+7F3A][U+5931]"
    short = text_lines(NAMES["long"], 22, 2)
    assert short.startswith("avery long")
    assert short.endswith("z")
    assert "…" in short
    assert max(len(line) for line in short.split("\n")) <= 22
    assert edge_names(figures.survival_figure(two_groups("")))[0] == "(blank)"


def test_names_that_differ_only_in_the_middle_are_told_apart():
    one, other = "a" * 150 + "1" + "b" * 149, "a" * 150 + "2" + "b" * 149
    first, second = edge_names(figures.survival_figure(two_groups(one, other)))
    assert first != second
    assert first.endswith("(1)")


def test_one_patient_without_an_event():
    frame = pd.DataFrame({"years": [3.0], "status": [0], "class": ["a"]})
    curve = iko.kaplan_meier(endpoint_of(frame), "class")
    ax = figures.survival_figure(curve.tidy(), at_risk=curve.tidy(times=[0, 1, 2, 3]))
    assert curve_of(ax, "a") == [[0, 1], [3, 1]]
    incidence = iko.cumulative_incidence(endpoint_of(frame), "class").tidy()
    assert curve_of(figures.incidence_figure(incidence, causes=["death"]), "a") == [[0, 0], [3, 0]]
    assert figures.alt_text(curve.tidy(), 2).endswith("a 100 %.")
    assert figures.alt_text(curve.tidy(), 5).endswith("a not estimable.")


def test_one_patient_censored_at_time_zero():
    frame = pd.DataFrame({"years": [0.0], "status": [0], "class": ["a"]})
    ax = figures.survival_figure(iko.kaplan_meier(endpoint_of(frame), "class").tidy())
    assert curve_of(ax, "a") == [[0, 1]]
    assert ax.get_xticks()[-1] == 1


def test_all_events_at_time_zero(tmp_path):
    frame = pd.DataFrame({"years": [0.0, 0.0, 0.0], "status": [1, 1, 2], "class": "a"})
    curve, incidence = iko.kaplan_meier(endpoint_of(frame), "class"), iko.cumulative_incidence(endpoint_of(frame), "class")
    ax = figures.survival_figure(curve.tidy(), at_risk=curve.tidy(times=[0]))
    np.testing.assert_allclose(curve_of(ax, "a"), [[0, 1], [0, 0]], atol=1e-15)
    assert [text.get_text() for text in ax.texts if text.get_label() == "_count"] == ["3", "3"]
    # Nobody is left, so that the ledger stays: areas that can be seen, not a line of no width.
    panel = figures.ledger_panels(incidence.tidy(), horizon=5).axes[0]
    relapse = panel.collections[0].get_paths()[0].vertices
    assert relapse[:, 0].max() == 5
    assert relapse[:, 1].max() == pytest.approx(2 / 3)
    figures.save_figure(ax.figure, tmp_path / "zero")


def test_a_group_with_nobody_is_named_and_not_drawn(tmp_path):
    frame = pd.DataFrame({"years": [1.0, 2.0, 3.0], "status": [1, 0, 0]})
    frame["class"] = pd.Categorical(["a", "a", "b"], categories=["a", "b", "nobody"])
    curve, incidence = iko.kaplan_meier(endpoint_of(frame), "class"), iko.cumulative_incidence(endpoint_of(frame), "class")
    ax = figures.survival_figure(curve.tidy(), at_risk=curve.tidy(times=[0, 1, 2]))
    assert curve_of(ax, "nobody") == []
    assert edge_names(ax) == ["a", "b", "nobody: no estimate"]
    assert [text.get_text() for text in ax.texts if text.get_label() == "_count"][6:9] == ["0", "0", "0"]
    figures.save_figure(ax.figure, tmp_path / "nobody")
    panels = figures.ledger_panels(incidence.tidy(times=[0, 1, 2]))
    assert [text.get_text() for text in panels.axes[2].texts] == ["no estimate"]
    assert figures.alt_text(curve.tidy(times=[1]), 1).endswith("nobody not estimable.")


def test_levels_of_any_kind():
    table = pd.DataFrame({"time": [1.0, 1.0, 1.0], "estimate": [0.5, 0.4, 0.3]})
    table["group"] = pd.Series([("ik6", "high"), 2.0, True], dtype=object)
    assert edge_names(figures.survival_figure(table)) == ["ik6, high", "2", "True"]


def test_tables_that_are_no_curves_are_refused():
    good = two_groups("a")
    for empty in (good.iloc[:0], pd.DataFrame(), None):
        with pytest.raises(InputError, match="nothing to draw"):
            figures.survival_figure(empty)
    with pytest.raises(ColumnError, match="no column estimate"):
        figures.survival_figure(good.drop(columns="estimate"))
    with pytest.raises(ColumnError, match="no column n_risk, n_event"):
        figures.survival_figure(good, at_risk=good.drop(columns=["n_risk", "n_event"]))
    with pytest.raises(InputError, match="no estimate is a number"):
        figures.survival_figure(good.assign(estimate=np.nan))
    with pytest.raises(InputError, match=r"outside 0 to 1; row 2\."):
        figures.survival_figure(good.assign(estimate=[0.5, 2.5, 0.1]))
    with pytest.raises(InputError, match=r"a time is missing, infinite or negative; rows 1, 3"):
        figures.survival_figure(good.assign(time=[np.nan, 1.0, -1.0]))
    with pytest.raises(InputError, match="not numbers"):
        figures.survival_figure(good.assign(estimate=["12 %", "a", "b"]))
    with pytest.raises(InputError, match=r"the group is missing; row 1"):
        figures.survival_figure(good.assign(group=[None, "a", "b"]))
    with pytest.raises(InputError, match=r"two estimates at one time; row 2\."):
        figures.survival_figure(good.assign(time=1.0))
    with pytest.raises(InputError, match="no causes"):
        figures.survival_figure(good.assign(cause=["x", "y", "x"]))
    with pytest.raises(InputError, match="before its start"):
        figures.survival_figure(good, start=1.5)


def test_questions_that_have_no_figure_are_refused(tmp_path):
    good = two_groups("SECRET")
    for horizon in (0, -1, np.nan, np.inf):
        with pytest.raises(InputError, match="horizon"):
            figures.survival_figure(good, horizon=horizon)
    with pytest.raises(InputError, match="within the horizon"):
        figures.survival_figure(good, at_risk=good, horizon=0.5)
    with pytest.raises(InputError, match="causes that the table does not have"):
        figures.incidence_figure(good, causes=["death"])
    with pytest.raises(InputError, match="a ledger shows one group; 2 in all") as raised:
        figures.ledger_figure(good)
    assert "SECRET" not in str(raised.value)
    with pytest.raises(InputError, match="groups that the table does not have"):
        figures.ledger_panels(good, ["SECRET", "nobody"])
    with pytest.raises(InputError, match="folder"):
        figures.save_figure(figures.survival_figure(good).figure, tmp_path / "not there" / "figure")


def test_a_ledger_without_all_causes_or_with_too_much_is_refused():
    table = pd.DataFrame({"group": "a", "cause": ["relapse", "death"], "time": 1.0, "estimate": [0.7, 0.2]})
    with pytest.raises(InputError, match="every cause"):
        figures.ledger_figure(table, order=["relapse"])
    with pytest.raises(InputError, match="do not add up"):
        figures.ledger_figure(table.assign(estimate=0.7))


def test_a_drawing_by_somebody_else_with_missing_glyphs_saves_quietly(tmp_path):
    ax = figures.survival_figure(two_groups("a"))
    ax.text(1, 0.5, "\u7f3a")
    figures.save_figure(ax.figure, tmp_path / "glyph")
