"""Resamples given by row: concordance and slope on paper, levels that lose their events, patients of several rows."""

from math import log

import numpy as np
import pandas as pd

import ikzf1_outcomes as iko
from ikzf1_outcomes.endpoint import draw_rows
from ikzf1_outcomes.prognosis.procedures import Procedure
from ikzf1_outcomes.prognosis.validation import prepared, rows_drawn

ANY = np.random.default_rng(0)
# four carriers, two of whom relapse at 1, and four others, one of whom does
EIGHT = pd.DataFrame({"t": [1.0, 1, 2, 2, 1, 2, 2, 2], "s": [1, 1, 0, 0, 1, 0, 0, 0], "x": [1, 1, 1, 1, 0, 0, 0, 0]})


def made(columns, terms="x", **more):
    options = {"cause": None, "ties": "breslow", "strata": None, "offset": None, **more}
    frame = pd.DataFrame(columns)
    named = {name: name for name in ("entry", "subject") if name in frame}
    endpoint = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, **named)
    procedure = Procedure(terms, options["cause"], options["ties"], options["strata"], options["offset"],
                          {"references": None}, 0, {})  # fmt: skip
    return prepared(procedure, endpoint, ANY)


def test_eight_patients_and_two_resamples():
    # All events at one time, k1 among n1 carriers and k0 among n0 others: the hazard ratio is (k1 / n1) / (k0 / n0).
    # Patients: 2/4 over 1/4, so b = log 2. Pairs of an event and somebody without: 3 x 5. An event with x = 1 is above the
    # three others with x = 0 and tied with two; that with x = 0 is below two and tied with three:
    # (2 (3 + 2/2) + 3/2) / 15.
    validation = made(EIGHT)
    np.testing.assert_allclose([validation.apparent[0].concordance, validation.apparent[0].slope], [9.5 / 15, 1.0])
    # 3/4 over 1/4: log 3. Pairs 4 x 4: three events above three and tied with one; one below one and tied with three.
    # Among the patients the order is the same, and the slope that turns log 3 into log 2 is log 2 / log 3.
    up = validation.resample(np.array([0, 0, 1, 2, 4, 5, 6, 6]), ANY)
    np.testing.assert_allclose(up.training, [(3 * 3.5 + 1.5) / 16, 1.0])
    np.testing.assert_allclose(up.test, [9.5 / 15, log(2) / log(3)])
    # 1/4 over 2/4: log 1/2, the other way round. Pairs 3 x 5, carriers and others have changed places.
    down = validation.resample(np.array([0, 2, 3, 3, 4, 4, 5, 7]), ANY)
    np.testing.assert_allclose(down.training, [9.5 / 15, 1.0])
    np.testing.assert_allclose(down.test, [5.5 / 15, -1.0])
    table = validation.table([up, down]).set_index("term")
    gaps = {"concordance": [12 / 16 - 9.5 / 15, 4 / 15], "calibration slope": [1 - log(2) / log(3), 2.0]}
    for term, start in (("concordance", 9.5 / 15), ("calibration slope", 1.0)):
        row, gap = table.loc[term], np.array(gaps[term])
        np.testing.assert_allclose(row["optimism"], gap.sum() / 2)
        np.testing.assert_allclose(row["estimate"], start - gap.sum() / 2)
        # SD of two numbers: |difference| / sqrt 2; over the root of two resamples
        np.testing.assert_allclose(row["std_error"], abs(gap[0] - gap[1]) / 2)
        assert row[["n", "n_event", "n_excluded", "n_resamples", "n_draws"]].tolist() == [8, 3, 0, 2, 0]


def test_a_level_that_loses_its_events_has_the_lowest_risk_and_a_slope_of_0():
    frame = EIGHT.assign(x=np.where(EIGHT["x"] == 1, "b", "a"))
    # Drawn without the events of b: its hazard is 0. Among the patients its two events are below everybody with a: each is
    # below three and tied with two. That of a is above two and tied with three.
    lost = made(frame).resample(np.array([2, 2, 3, 3, 4, 5, 6, 7]), ANY)
    np.testing.assert_allclose(lost.test, [(2 * 2 / 2 + 2 + 3 / 2) / 15, 0.0])
    assert lost.lost
    # In the resample: the event of a is above four and tied with three. No predictor is left within a.
    np.testing.assert_allclose(lost.training, [(4 + 3 / 2) / 7, np.nan])


def test_a_level_without_events_anywhere_weighs_nothing_in_the_slope():
    frame = pd.concat([EIGHT.assign(g="p"), EIGHT.assign(g="q", s=0)], ignore_index=True)
    validation = made(frame, "x + g")
    # 3 x 8 more pairs, in all of which the event is higher
    np.testing.assert_allclose(validation.apparent[0].concordance, (9.5 + 24) / (15 + 24))
    np.testing.assert_allclose(validation.apparent[0].slope, 1.0)
    up = validation.resample(np.array([0, 0, 1, 2, 4, 5, 6, 6, *range(8, 16)]), ANY)
    np.testing.assert_allclose(up.test, [(9.5 + 24) / 39, log(2) / log(3)])
    table = validation.table([up, up])
    assert table["note"].str.contains("no events in q").all()


def test_pairs_are_formed_within_strata():
    # The second stratum is the first with carriers and others exchanged.
    frame = pd.concat([EIGHT.assign(p=0), EIGHT.assign(x=1 - EIGHT["x"], p=1)], ignore_index=True)
    validation = made(frame, strata="p")
    # the likelihood is symmetric: the coefficient is 0, and every predictor is tied
    np.testing.assert_allclose(validation.apparent[0].concordance, 0.5)
    assert np.isnan(validation.apparent[0].slope)
    # the first stratum twice: its order is right there, and wrong in the second, whose slope is the opposite
    drawn = validation.resample(np.arange(16) % 8, ANY)
    np.testing.assert_allclose(drawn.training, [9.5 / 15, 1.0])
    np.testing.assert_allclose(drawn.test, [0.5, 0.0], atol=1e-12)
    assert validation.table([drawn, drawn])["note"][1].startswith("not estimable among the patients analysed")


def test_patients_of_several_rows_are_drawn_whole():
    frame = pd.DataFrame(
        {
            "entry": [0.0, 2, 0, 0, 1],
            "t": [2.0, 3, 4, 1, 5],
            "s": [0, 1, 0, 0, 1],
            "subject": [7, 7, 9, 8, 8],
            "x": range(5),
        }
    )
    endpoint = iko.endpoint_from_columns(
        frame, time="t", status="s", causes={1: "relapse"}, entry="entry", subject="subject"
    )
    # patients are counted in the order in which they appear, 7, 9, 8: the third has rows 3 and 4
    rows, subject = rows_drawn(endpoint, np.array([2, 0, 2]))
    assert rows.tolist() == [3, 4, 0, 1, 3, 4]
    assert subject.tolist() == [0, 0, 1, 1, 2, 2]
    drawn = draw_rows(endpoint, rows, subject)
    assert drawn.n == 3
    assert drawn.time.tolist() == [1, 5, 2, 3, 1, 5]
    assert drawn.cause.tolist() == [-1, 1, -1, 1, -1, 1]
    assert drawn.rows.times.tolist() == [1, 2, 3, 5]
    assert drawn.rows.first.tolist() == [0, 1, 0, 2, 0, 1]
    assert drawn.frame["x"].tolist() == [3, 4, 0, 1, 3, 4]
