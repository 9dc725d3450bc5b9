"""Does the picture of a run show its doses, its calls and the spread of its controls?"""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.report.run_figures import dosage_overview

PROBES = ["IKZF1-1", "IKZF1-2", "control-1", "CDKN2A-2", "control-2", "control-3"]
DOSES = pd.DataFrame(
    [[0.5, 0.6, 0.9, 0.1, 1.0, 1.1], [1.0, np.nan, 0.7, 1.0, 1.0, 1.3]], columns=PROBES, index=["SECRET-1", "SECRET-2"]
)
CALLS = pd.DataFrame("normal", index=DOSES.index, columns=PROBES)
CALLS.iloc[0, :2] = "deleted"
CALLS.iloc[0, 3] = "homozygous"


def texts(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def test_cells_are_the_doses_with_the_probes_of_a_gene_together():
    drawn = dosage_overview(DOSES, CALLS).axes[1].images[0].get_array()
    np.testing.assert_array_equal(drawn.filled(-1)[0], [0.5, 0.6, 0.9, 1.0, 1.1, 0.1])
    assert drawn.mask.tolist() == [[False] * 6, [False, True, *[False] * 4]]


def test_calls_are_marked_at_their_cells():
    marks = {line.get_label(): line.get_xydata().tolist() for line in dosage_overview(DOSES, CALLS).axes[1].lines}
    assert marks["deleted"] == [[0.5, 0.5], [1.5, 0.5]]
    assert marks["homozygous"] == [[5.5, 0.5]]  # of the sixth column, after the controls
    assert marks["gain"] == []


def test_the_spread_of_the_controls_stands_at_the_side():
    side = dosage_overview(DOSES, CALLS, limit=0.2).axes[2]
    drawn = {line.get_label(): line.get_xydata() for line in side.lines}
    # 0.9, 1.0, 1.1: variance (0.01 + 0.01) / 2; 0.7, 1.0, 1.3: (0.09 + 0.09) / 2
    np.testing.assert_allclose(drawn["within"], [[0.1, 0.5]])
    np.testing.assert_allclose(drawn["beyond"], [[0.3, 1.5]])


def test_without_two_controls_nothing_stands_at_the_side():
    assert len(dosage_overview(DOSES, controls=["control-1"]).axes) == 2
    assert len(dosage_overview(DOSES, controls=["IKZF1-1", "CDKN2A-2"]).axes) == 3


@pytest.mark.parametrize("n", [1, 5, 109, 5000])
def test_a_run_of_any_size_is_readable_and_names_nobody(n):
    frame = pd.DataFrame(1.0, columns=PROBES, index=[f"SECRET-{i}" for i in range(n)])
    figure = dosage_overview(frame, frame.astype(object).mask(frame == 1, "deleted"), note="Simulated data")
    assert figure.get_size_inches()[1] < 9
    shown = " ".join(texts(figure))
    assert "SECRET" not in shown
    assert f"{n:,} sample" in shown
    assert ("No room for marks" in shown) == (n > 95)


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="not of the same"):
        dosage_overview(DOSES, CALLS.iloc[:1])
    with pytest.raises(InputError, match="row 2"):
        dosage_overview(DOSES, CALLS.replace({"normal": "normal"}).where(DOSES != 1.3, "lost"))
    with pytest.raises(InputError, match="no probe of the run; 1 in all"):
        dosage_overview(DOSES, controls=["control-1", "control-9"])
    with pytest.raises(InputError, match="limit"):
        dosage_overview(DOSES, limit=0)


def test_nothing_to_show_is_a_sentence():
    assert texts(dosage_overview(DOSES.iloc[:0], note="Simulated data"))[0] == "No samples to show."
