"""What holds for any course of events, any file and any protocol."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from ikzf1_outcomes.cohort import (
    FIRST_EVENTS,
    MRD_PROTOCOLS,
    MrdTimepoint,
    cohort_from_frame,
    mrd_level,
    mrd_risk,
    nci_risk,
    read_cohort,
)
from ikzf1_outcomes.cohort.cells import USUAL_MARKS
from ikzf1_outcomes.cohort.events import derive_first_event
from ikzf1_outcomes.cohort.mrd import MRD_LEVELS, mrd_columns

DAYS = st.one_of(st.none(), st.integers(0, 3000))
COURSES = st.lists(st.tuples(DAYS, DAYS, DAYS, DAYS, DAYS, st.booleans(), st.integers(0, 4000)), min_size=1, max_size=8)
NAMES = ["remission", "relapse", "second_malignancy", "death", "abandonment", "non_response", "last_contact"]


def frame_of(courses):
    frame = pd.DataFrame(courses, columns=NAMES)
    times = [name for name in NAMES if name != "non_response"]
    return frame.astype(dict.fromkeys(times, float)).assign(**{name: frame[name].astype(float) / 365.25 for name in times})


@settings(max_examples=60, deadline=None)
@given(COURSES)
def test_the_first_event_is_that_of_a_slow_reading(courses):
    event, time = derive_first_event(frame_of(courses))
    for row, (remission, relapse, second, death, abandoned, refractory, last) in enumerate(courses):
        dead = "induction_death" if remission is None else "death_in_remission"
        told = [(relapse, 0, "relapse"), (second, 1, "second_malignancy"), (death, 2, dead), (abandoned, 3, "abandonment")]
        happened = sorted(one for one in told if one[0] is not None)
        if refractory:
            assert event[row] == "non_response"
            assert np.isnan(time[row])
        elif happened:
            assert (event[row], time[row]) == (happened[0][2], happened[0][0] / 365.25)
        else:
            assert (event[row], time[row]) == ("none", last / 365.25)
        assert event[row] in FIRST_EVENTS


@settings(max_examples=60, deadline=None)
@given(COURSES, st.randoms())
def test_the_order_of_rows_does_not_matter(courses, random):
    order = list(range(len(courses)))
    random.shuffle(order)
    event, time = derive_first_event(frame_of(courses))
    shuffled_event, shuffled_time = derive_first_event(frame_of([courses[k] for k in order]))
    assert shuffled_event.tolist() == event[order].tolist()
    np.testing.assert_array_equal(shuffled_time, time[order])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["none", "relapse", "death_in_remission"]), st.integers(0, 4000)), min_size=1, max_size=8
    )
)
def test_a_cohort_made_of_a_cohort_is_the_same(told):
    frame = pd.DataFrame(
        {
            "id": [f"p{k}" for k in range(len(told))],
            "first_event": [name for name, _ in told],
            "first_event_time": [day / 365.25 for _, day in told],
        }
    )
    once = cohort_from_frame(frame)
    pd.testing.assert_frame_equal(once.frame, cohort_from_frame(once.frame).frame)


WORDS = st.text(alphabet=st.characters(categories=("L", "N", "P", "S"), exclude_characters='"'), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(st.lists(WORDS.filter(lambda word: word.casefold() not in USUAL_MARKS), min_size=1, max_size=5))
def test_any_text_comes_through_a_file_as_it_was(words):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "patients.csv")
        pd.DataFrame({"pat": [f"p{k}" for k in range(len(words))], "arm": words}).to_csv(path, index=False)
        cohort = read_cohort(path, columns={"id": "pat", "risk_arm": "arm"})
    assert cohort.frame["risk_arm"].tolist() == words


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.floats(1e-7, 1e-2), st.floats(1, 100))
def test_more_disease_is_never_a_lower_level(values, limit, factor):
    point = MrdTimepoint("d29", 29, limit, min(1.0, limit * factor))
    level = mrd_level(pd.Series(sorted(values)), point)
    assert level.notna().all()
    assert (np.diff(level.cat.codes) >= 0).all()


RESULT = st.one_of(st.none(), st.sampled_from(["neg", "nd", "0.00005", "0.0002", "0.0007", "0.002", "0.05"]))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(MRD_PROTOCOLS)), st.lists(st.tuples(RESULT, RESULT), min_size=1, max_size=6))
def test_a_group_given_in_ignorance_stays_when_the_result_comes_in(protocol, results):
    rule = MRD_PROTOCOLS[protocol]
    points = [MrdTimepoint(name, 30, 1e-5, 1e-4) for name in rule.timepoints]

    def groups(rows):
        columns = [
            mrd_columns(
                pd.Series([row[k] for row in rows], dtype=object), point, codes={"neg": "negative", "nd": "not_done"}
            )
            for k, point in enumerate(points)
        ]
        return mrd_risk(pd.concat(columns, axis=1), rule, timepoints=points).tolist()

    known = groups(results)
    for filling in ("neg", "0.00005", "0.0002", "0.0007", "0.002", "0.05"):
        filled = [tuple(filling if one in (None, "nd") else one for one in row) for row in results]
        for before, after in zip(known, groups(filled), strict=True):
            assert after != "unclassified"
            assert before in ("unclassified", after)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 90), st.floats(0, 1000))
def test_nci_risk_known_from_a_part_agrees_with_the_whole(age, wbc):
    whole = nci_risk(pd.Series([age]), pd.Series([wbc]))[0]
    for part in (nci_risk(pd.Series([age]), pd.Series([np.nan])), nci_risk(pd.Series([np.nan]), pd.Series([wbc]))):
        assert pd.isna(part[0]) or part[0] == whole
    assert whole in ("standard", "high", "infant")


def test_the_levels_are_in_the_order_that_the_ordered_column_has():
    point = MrdTimepoint("d29", 29, 1e-5, 1e-4)
    assert tuple(mrd_level(pd.Series([0.0]), point).cat.categories) == MRD_LEVELS
