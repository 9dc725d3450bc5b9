"""The picture of a ladder shows the numbers of the table."""

import pandas as pd
import pytest

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.report.ladder_figures import ladder_figure

NAN = float("nan")
COLUMNS = ["term", "contrast", "measure", "time", "estimate", "corrected", "low", "high"]
ROWS = pd.DataFrame(
    [
        ["clinical", "", "Harrell's C", NAN, 0.70, 0.68, 0.60, 0.75],
        ["+ kinome", "", "Harrell's C", NAN, 0.80, 0.69, 0.61, 0.77],
        ["+ kinome", "+ kinome vs clinical", "Harrell's C", NAN, 0.10, 0.01, -0.01, 0.03],
        ["clinical", "", "AUC", 1.0, 0.71, NAN, NAN, NAN],
        ["clinical", "", "AUC", 5.0, 0.72, NAN, NAN, NAN],
        ["+ kinome", "", "AUC", 5.0, 0.81, NAN, NAN, NAN],
    ],
    columns=COLUMNS,
)


def test_points_intervals_and_names():
    concordance, auc = ladder_figure(ROWS, ["Harrell's C", "AUC"]).axes
    seemed, best = concordance.lines[1:]
    assert seemed.get_xdata().tolist() == [0.70, 0.80]
    assert best.get_xdata().tolist() == [0.68, 0.69]
    ends = [segment[:, 0].tolist() for segment in concordance.collections[0].get_segments()]
    assert ends == [[0.60, 0.75], [0.61, 0.77]]
    assert [label.get_text() for label in concordance.get_yticklabels()] == ["clinical", "+ kinome"]
    assert concordance.lines[0].get_xdata() == [0.5, 0.5]
    # the last time; as it seemed where nothing is corrected
    assert auc.get_xlabel() == "AUC at 5"
    assert auc.lines[2].get_xdata().tolist() == [0.72, 0.81]


def test_a_measure_that_is_not_there():
    with pytest.raises(InputError, match="no such measure"):
        ladder_figure(ROWS, ["Brier score"])
