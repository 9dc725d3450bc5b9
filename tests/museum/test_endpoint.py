"""Frames that cannot be analysed as given: what is said, where, and what is never said."""

import time

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import (
    ColumnError,
    ConvergenceError,
    InputError,
    OutcomesError,
    cox,
    cumulative_incidence,
    define_endpoint,
    design,
    endpoint_from_columns,
    follow_up,
    kaplan_meier,
    landmark,
    landmark_losses,
    logrank_test,
    split_follow_up,
    time_dependent,
)

GOOD = {"t": [1.0, 2.0, 3.0], "s": [1, 0, 2]}
CAUSES = {1: "relapse", 2: "death"}


def made(columns, causes=None, **options):
    named = {name: name for name in ("entry", "weights", "subject") if name in columns}
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes=causes or CAUSES, **named, **options)


def refused(columns, problem, where=None, **options):
    with pytest.raises(InputError) as raised:
        made(columns, **options)
    assert raised.value.problem == problem
    assert raised.value.where == where
    if where:
        assert f"row{'s' if len(where) > 1 else ''} {', '.join(map(str, where))}" in str(raised.value)


def test_an_empty_frame():
    refused({"t": [], "s": []}, "no rows to analyse")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_times_that_are_missing_or_infinite(bad):
    refused({**GOOD, "t": [1.0, bad, bad]}, "a time is missing or infinite", (2, 3))


def test_negative_times():
    refused({**GOOD, "t": [-1e-9, 2, -3]}, "a time is negative", (1, 3))


def test_a_code_that_nobody_declared():
    refused({**GOOD, "s": [1, 3, 2]}, "a status code was not declared", (2,))
    refused({**GOOD, "s": [1, 2, 2]}, "a status code was not declared", (2, 3), causes={1: "relapse"})
    refused({**GOOD, "s": [1, 0.5, -1]}, "a status code was not declared", (2, 3))


@pytest.mark.parametrize("kind", [float, "Int64", object])
def test_a_missing_status_is_never_censored(kind):
    status = pd.array([1, None, 2], dtype="Int64").astype(kind) if kind == "Int64" else pd.Series([1, None, 2], dtype=kind)
    refused({**GOOD, "s": status}, "a status is missing", (2,))


@pytest.mark.parametrize("bad", [np.nan, 0.0, -1.0, np.inf])
def test_weights_that_weigh_nothing(bad):
    refused({**GOOD, "weights": [1.0, bad, 1.0]}, "a weight is missing, zero or negative", (2,))


@pytest.mark.parametrize("bad", [2.0, 2.5])
def test_entry_at_or_after_the_end(bad):
    refused({**GOOD, "entry": [0.0, bad, 0.0]}, "entry is not before the end of follow-up", (2,))


def test_an_entry_that_is_the_end_but_for_rounding():
    """R: "aeqSurv exception, an interval has effective length 0"."""
    refused({**GOOD, "entry": [0.0, 2 - 1e-12, 0.0]}, "entry is not before the end of follow-up", (2,))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_entry_that_is_missing(bad):
    refused({**GOOD, "entry": [0.0, bad, 0.0]}, "an entry time is missing", (2,))


def test_intervals_of_one_patient_that_overlap():
    rows = {"t": [2.0, 4.0, 3.0], "s": [0, 0, 1], "entry": [0.0, 1.5, 0.0], "subject": ["p", "p", "q"]}
    refused(rows, "intervals of one patient overlap", (2,))
    refused({**GOOD, "subject": ["p", "p", "q"]}, "intervals of one patient overlap", (2,))


@pytest.mark.parametrize(("end", "begin"), [(0.3, 0.1 + 0.2), (0.1 + 0.2, 0.3)])
def test_intervals_that_touch_but_for_rounding_touch(end, begin):
    endpoint = made({"t": [end, 4.0, 2.0], "s": [0, 1, 0], "entry": [0.0, begin, 0.0], "subject": ["p", "p", "q"]})
    assert endpoint.cause.tolist() == [-1, 1, 0]
    assert kaplan_meier(endpoint).tidy(times=[0.3, 2])["n_risk"].tolist() == [2, 2]


def test_a_row_whose_patient_is_unknown():
    rows = {"t": [1.0, 2.0, 3.0], "s": [0, 1, 0], "entry": [0.0, 1.0, 0.0], "subject": [None, None, "q"]}
    with pytest.raises(InputError) as raised:
        made(rows)
    assert raised.value.where == (1, 2)


def test_columns_that_are_not_there():
    frame = pd.DataFrame(GOOD)
    for option in ("time", "status", "entry", "weights", "subject"):
        with pytest.raises(ColumnError, match="no column is called 'nowhere'"):
            endpoint_from_columns(frame, **{"time": "t", "status": "s", "causes": CAUSES, option: "nowhere"})
    with pytest.raises(ColumnError, match="no column is called 'nowhere'"):
        kaplan_meier(made(GOOD), "nowhere")
    with pytest.raises(ColumnError, match="no column is called 'nowhere'"):
        time_dependent(made(GOOD), "nowhere")


def test_columns_of_text_are_named():
    with pytest.raises(InputError, match="column 't' is not numeric"):
        made({**GOOD, "t": ["1", "two", "3"]})
    with pytest.raises(InputError, match="column 's' is not numeric"):
        made({**GOOD, "s": ["yes", "no", "yes"]})


def test_a_column_that_is_there_twice():
    frame = pd.DataFrame([[1.0, 9.0, 1], [2.0, 8.0, 0]], columns=["t", "t", "s"])
    with pytest.raises(InputError, match="'t'"):
        endpoint_from_columns(frame, time="t", status="s", causes=CAUSES)


@pytest.mark.parametrize("causes", [{}, {0: "censored"}, {1: "relapse", 2: "relapse"}])
def test_causes_that_name_nothing(causes):
    with pytest.raises(InputError, match="causes must name at least one code other than 0"):
        endpoint_from_columns(pd.DataFrame(GOOD), time="t", status="s", causes=causes)


def test_what_is_not_a_frame():
    with pytest.raises(InputError, match="not a data frame"):
        endpoint_from_columns({"t": [1.0], "s": [1]}, time="t", status="s", causes=CAUSES)


def test_ten_thousand_columns():
    columns = {f"probe_{i}": [0.5, 1.5, 2.5] for i in range(10_000)}
    frame = pd.concat([pd.DataFrame(GOOD), pd.DataFrame(columns)], axis=1)
    endpoint_from_columns(pd.DataFrame(GOOD), time="t", status="s", causes=CAUSES)  # compiled before the clock starts
    start = time.perf_counter()
    endpoint = endpoint_from_columns(frame, time="t", status="s", causes=CAUSES)
    assert kaplan_meier(endpoint).tidy()["estimate"].tolist() == pytest.approx([2 / 3, 2 / 3, 0])
    assert len(landmark(endpoint, 1.5)) == 2
    assert time.perf_counter() - start < 5
    assert "probe_0" not in repr(endpoint)


def test_the_callers_frame_is_not_touched_and_does_not_reach_in():
    frame = pd.DataFrame({**GOOD, "arm": ["a", "b", "a"]})
    endpoint = endpoint_from_columns(frame, time="t", status="s", causes=CAUSES)
    before = kaplan_meier(endpoint, "arm").tidy()
    frame.loc[:, "arm"] = "z"
    frame.loc[:, "t"] = 99.0
    pd.testing.assert_frame_equal(kaplan_meier(endpoint, "arm").tidy(), before)


def test_an_index_with_gaps_does_not_move_rows():
    frame = pd.DataFrame({**GOOD, "arm": ["a", "b", "a"]}, index=[7, 7, -1])
    endpoint = endpoint_from_columns(frame, time="t", status="s", causes=CAUSES)
    assert kaplan_meier(endpoint, "arm").glance()["n_event"].tolist() == [2, 0]


def test_landmarks_and_cuts_that_mean_nothing():
    endpoint = made(GOOD)
    for at in (0, -1, np.nan, np.inf):
        with pytest.raises(InputError, match="a landmark must be a positive number"):
            landmark(endpoint, at)
        with pytest.raises(InputError, match="a landmark must be a positive number"):
            landmark_losses(endpoint, at)
        with pytest.raises(InputError, match="cuts must be positive numbers"):
            split_follow_up(endpoint, [at])
    with pytest.raises(InputError, match="cuts must be positive numbers"):
        split_follow_up(endpoint, [])
    with pytest.raises(InputError, match="nobody is followed beyond the landmark"):
        landmark(endpoint, 3.0)


SECRETS = ("SECRET-17", "123.456789", "SECRET-18", "77.125")
TELLTALE = {
    "id": ["SECRET-17", "SECRET-18", "SECRET-17", "SECRET-18"],
    "t": [123.456789, 77.125, 77.125, 123.456789],
    "s": [1, 0, 2, 1],
    "age": [77.125, 123.456789, 77.125, 123.456789],
}


def attempts():
    bad = {
        "time": {**TELLTALE, "t": [-123.456789, 77.125, np.nan, 1]},
        "negative": {**TELLTALE, "t": [-123.456789, 77.125, 1, 1]},
        "status": {**TELLTALE, "s": [123.456789, 0, 1, 1]},
        "text status": {**TELLTALE, "s": ["SECRET-17", "0", "1", "1"]},
        "text time": {**TELLTALE, "t": ["SECRET-17", "123.456789", "1", "1"]},
        "entry": {**TELLTALE, "entry": [123.456789, 77.125, 1, 1]},
        "weights": {**TELLTALE, "weights": [-123.456789, 77.125, 1, 1]},
        "overlap": {**TELLTALE, "subject": TELLTALE["id"]},
    }
    for name, columns in bad.items():
        yield name, lambda columns=columns: made(columns)
    e = made({**TELLTALE, "far": [123.456789, np.inf, 77.125, 1], "flat": [123.456789] * 4})
    yield "infinite term", lambda: cox(e, "far")
    yield "constant term", lambda: cox(e, "flat")
    yield "redundant term", lambda: cox(made({**TELLTALE, "twice": [2 * a for a in TELLTALE["age"]]}), "age + twice")
    yield "separation", lambda: cox(made({**TELLTALE, "t": [1.0, 4, 3, 2], "age": [123.456789, 77.125, 90, 101]}), "age")
    yield "text for a cut-off", lambda: follow_up(e, potential="id")
    yield "no column", lambda: kaplan_meier(e, "nowhere")
    yield "switch", lambda: time_dependent(e, "id")
    yield "cause", lambda: cumulative_incidence(e, "id").steps.endpoint.cause_code("nothing")
    yield "one group", lambda: logrank_test(e, "flat")


@pytest.mark.parametrize("name", [name for name, _ in attempts()])
def test_no_error_tells_a_patients_value(name):
    with pytest.raises(OutcomesError) as raised:
        dict(attempts())[name]()
    for secret in SECRETS:
        assert secret not in str(raised.value)
        assert secret not in repr(raised.value)


def test_no_repr_tells_a_patients_value():
    e = made(TELLTALE)
    late = landmark(e, 1.0)
    results = [e, late, kaplan_meier(e), cumulative_incidence(e), split_follow_up(e, [2.0]), design(e, "age")]
    try:
        results.append(cox(made({**TELLTALE, "t": [4.0, 3, 2, 1], "age": [77.125, 123.456789, 123.456789, 77.125]}), "age"))
    except ConvergenceError:
        pytest.fail("the model has a maximum")
    for result in results:
        for secret in SECRETS:
            assert secret not in repr(result), type(result).__name__


def test_an_unknown_endpoint_is_refused_before_anything_is_read():
    with pytest.raises(InputError, match="no endpoint is called 'PFS'"):
        define_endpoint(None, "PFS")
