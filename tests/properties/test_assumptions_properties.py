"""What holds for the test of proportional hazards of any Cox model."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ikzf1_outcomes import ConvergenceError, InputError, cox, endpoint_from_columns
from ikzf1_outcomes.models.assumptions import TRANSFORMS, proportional_hazards_test, schoenfeld_residuals

ROW = st.tuples(st.integers(1, 12).map(float), st.integers(0, 2), st.sampled_from("ab"), st.integers(-4, 4).map(float))
ROWS = st.lists(ROW, min_size=15, max_size=35)
TRANSFORM = st.sampled_from(TRANSFORMS)
SEED = st.integers(0, 2**16)


def table(rows):
    return pd.DataFrame(rows, columns=["t", "s", "arm", "x"]).assign(x=lambda d: d["x"] + d.index / 50)


def fitted(frame, weights=None, **options):
    """The fit, where there is a maximum and no level is without events."""
    endpoint = endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"}, weights=weights)
    try:
        fit = cox(endpoint, "arm + x", **options)
    except (ConvergenceError, InputError):
        assume(False)
    assume(not fit.notes)
    return fit


def statistics(fit, transform):
    tidy = proportional_hazards_test(fit, transform).tidy()
    assume(tidy["statistic"].notna().all())
    return tidy["statistic"].to_numpy()


def close(left, right):
    np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-8)


@given(ROWS, TRANSFORM, st.sampled_from(["efron", "breslow"]))
def test_statistics_are_positive_and_the_global_one_is_the_largest(rows, transform, ties):
    found = statistics(fitted(table(rows), ties=ties), transform)
    assert (found >= -1e-9).all()
    assert found[-1] >= found[:-1].max() - 1e-7 * (1 + found[-1])


@given(ROWS, TRANSFORM, SEED)
def test_the_order_of_rows_does_not_matter(rows, transform, seed):
    frame = table(rows)
    close(
        statistics(fitted(frame), transform),
        statistics(fitted(frame.sample(frac=1, random_state=seed)), transform),
    )


@given(ROWS, st.sampled_from(["km", "rank"]))
def test_the_clock_does_not_matter_to_km_and_rank(rows, transform):
    frame = table(rows)
    close(statistics(fitted(frame), transform), statistics(fitted(frame.assign(t=frame["t"] ** 3)), transform))


@given(ROWS, st.sampled_from(["identity", "log"]), st.floats(0.1, 40))
def test_the_unit_of_time_does_not_matter(rows, transform, unit):
    frame = table(rows)
    close(statistics(fitted(frame), transform), statistics(fitted(frame.assign(t=frame["t"] * unit)), transform))


@given(ROWS, TRANSFORM)
def test_neither_units_nor_references_matter(rows, transform):
    frame = table(rows)
    turned = frame.assign(x=7 - 30 * frame["x"])
    close(
        statistics(fitted(frame), transform),
        statistics(fitted(turned, references={"arm": "b"} if (frame["arm"] == "b").any() else None), transform),
    )


@given(ROWS, TRANSFORM)
def test_weights_of_two_double_the_statistics(rows, transform):
    frame = table(rows).assign(w=2)
    close(2 * statistics(fitted(frame), transform), statistics(fitted(frame, weights="w"), transform))


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@given(ROWS)
def test_residuals_add_up_to_zero(ties, rows):
    frame = table(rows)
    fit = fitted(frame, ties=ties)
    found = schoenfeld_residuals(fit)
    assert len(found) == (frame["s"] > 0).sum()
    np.testing.assert_allclose(found.iloc[:, 2:].sum(), 0.0, atol=1e-7)
    scaled = schoenfeld_residuals(fit, scaled=True).iloc[:, 2:]
    np.testing.assert_allclose(scaled.mean(), fit.maximum.beta, atol=1e-6)
