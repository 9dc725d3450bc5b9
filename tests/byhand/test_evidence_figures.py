"""Figures of prior curves and of meta-analyses: what is drawn where, and what is said of it."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import ikzf1_outcomes as iko
from ikzf1_outcomes.report.evidence_figures import meta_forest, meta_forest_alt
from ikzf1_outcomes.report.prior_figures import draw_prior_bands, prior_curves_alt, prior_curves_figure


def curves() -> pd.DataFrame:
    rows = [
        (group, measure, cause, time, middle, middle - wide, middle + wide, level)
        for group, shift in (("not deleted", 0.0), ("any deletion", 0.1))
        for time in (1.0, 5.0)
        for measure, cause, middle in (
            ("event-free survival", "", 0.7 - shift), ("cumulative incidence", "relapse", 0.2 + shift),
            ("cumulative incidence", "other", 0.1),
        )
        for level, wide in ((0.95, 0.08), (0.5, 0.03))
    ]  # fmt: skip
    names = ["group", "measure", "cause", "time", "estimate", "low", "high", "conf_level"]
    return pd.DataFrame(rows, columns=names).sample(frac=1, random_state=2, ignore_index=True)


def ordered() -> pd.DataFrame:
    return curves().sort_values(["group", "time"], ascending=[False, True], ignore_index=True)


def test_bands_begin_without_events_and_have_their_limits() -> None:
    figure = prior_curves_figure(ordered(), cause="relapse", note="A note.")
    survival, incidence = figure.axes
    lines = {line.get_label(): line for line in survival.get_lines() if not line.get_label().startswith("_")}
    assert list(lines) == ["not deleted: 62–78 % at 5 y", "any deletion: 52–68 % at 5 y"]
    first = lines["not deleted: 62–78 % at 5 y"]
    np.testing.assert_allclose(first.get_xdata(), [0, 1, 5])
    np.testing.assert_allclose(first.get_ydata(), [1, 0.7, 0.7])
    assert len(survival.collections) == 4  # two bands in each of two groups
    limits = [line.get_ydata()[1:] for line in incidence.get_lines() if line.get_label() == "_limit"]
    np.testing.assert_allclose(limits, [[0.12] * 2, [0.28] * 2, [0.22] * 2, [0.38] * 2])
    assert incidence.get_title(loc="left") == "Incidence of relapse"
    styles = {line.get_linestyle() for line in lines.values()}
    assert len(styles) == 2  # told apart without colour


def test_bands_after_a_landmark_begin_there() -> None:
    survival, incidence = prior_curves_figure(ordered(), cause="relapse", start=0.1).axes
    for ax, first in ((survival, 1.0), (incidence, 0.0)):
        assert {(line.get_xdata()[0], line.get_ydata()[0]) for line in ax.get_lines() if len(line.get_xdata()) == 3} == {
            (0.1, first)
        }
        assert ax.get_xlabel() == "Years from diagnosis,\nafter the landmark of 0.1"


def test_the_prior_in_words() -> None:
    text = prior_curves_alt(ordered(), cause="relapse")
    assert "event-free survival, not deleted: 62 to 78 % with probability 0.95, 67 to 73 % with 0.5" in text
    assert "incidence of relapse, any deletion: 22 to 38 %" in text
    assert "other" not in text
    assert prior_curves_alt(ordered(), cause="relapse", horizon=7).endswith("before the data.")
    labels = [line.get_label() for line in prior_curves_figure(ordered(), cause="relapse", horizon=7).axes[0].get_lines()]
    assert "not deleted" in labels


@pytest.mark.parametrize(
    ("change", "cause", "words"),
    [
        (lambda t: t, "death", "no curves of 'death'"),
        (lambda t: t[t["conf_level"] == 0.95], "relapse", "no bands of 50 %"),
        (lambda t: t.assign(low=np.nan), "relapse", "limits are missing"),
        (lambda t: t.drop(columns="high"), "relapse", "high"),
    ],
)
def test_curves_that_cannot_be_drawn(change, cause: str, words: str) -> None:
    with pytest.raises(iko.InputError, match=words):
        prior_curves_figure(change(curves()), cause=cause)
    with pytest.raises(iko.InputError, match="two axes"):
        draw_prior_bands(curves(), [Figure().subplots()], cause="relapse")


def pooled(k: int = 3) -> pd.DataFrame:
    table = pd.DataFrame({"cohort_id": list("ABC"), "estimate": [0.0, 1.0, 2.0], "std_error": [0.5, 0.5, 0.25]})
    return iko.meta_analysis(table.head(k)).tidy()


def test_a_forest_has_a_line_for_each_study_and_what_they_say_together() -> None:
    figure = meta_forest(pooled(), note="A note.")
    canvas, panel = figure.axes
    assert [text.get_text() for text in canvas.texts][:5] == ["A", "B", "C", "Pooled", "A new cohort (prediction)"]
    marks = [line for line in panel.get_lines() if line.get_label() == "_effect"]
    assert [line.get_marker() for line in marks] == ["s", "s", "s", "D"]
    np.testing.assert_allclose([line.get_xdata()[0] for line in marks], pooled()["estimate"].iloc[:4])
    sizes = [line.get_markersize() for line in marks]
    assert sizes[2] > sizes[0] == sizes[1]
    # the new study goes beyond the axis on both sides
    assert [line.get_marker() for line in panel.get_lines() if line.get_label() == "_arrow"][-2:] == ["<", ">"]


def test_a_forest_of_two_studies_says_that_nothing_is_predicted() -> None:
    assert meta_forest(pooled(2)).axes[1].texts[-1].get_text() == "no interval"
    assert meta_forest_alt(pooled(2)).endswith("A new cohort (prediction): no interval.")
    with pytest.raises(iko.ColumnError, match="weight"):
        meta_forest(pooled().drop(columns="weight"))
