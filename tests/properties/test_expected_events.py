"""Expected events of patterns, however they ended, equal the sums over patterns and intervals written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikzf1_outcomes.kernels.expected_events import column_sums, expected_events, lived_of, relative_risks
from ikzf1_outcomes.kernels.exponential import exponentials


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 6), st.integers(1, 3), st.floats(0, 1))
def test_sums_are_those_of_every_pattern(seed, n_patterns, k, n_strata, alone):
    """Patterns of one patient each, who lived whole intervals and a part of one, beside sums of several patients."""
    rng = np.random.default_rng(seed)
    width = rng.uniform(0.2, 2.0, k)
    end = rng.uniform(0.01, width.sum() * 0.999, n_patterns)
    exposure = np.clip(end[:, None] - np.concatenate(([0.0], np.cumsum(width)[:-1])), 0.0, width)
    several = rng.random(n_patterns) >= alone
    exposure[several] *= rng.uniform(0.3, 4.0, (several.sum(), 1))
    exposure[several & (rng.random(n_patterns) < 0.5), 0] = 0.0
    stratum = np.sort(rng.integers(0, n_strata, n_patterns))
    blocks = [rng.normal(size=(max(1, n_patterns // 4), 3)), rng.normal(size=(n_patterns, 2))]
    row = np.stack([rng.integers(0, len(own), n_patterns) for own in blocks])
    beta, hazard = rng.normal(size=5), rng.exponential(size=(n_strata, k))

    x = np.concatenate([own[at] for own, at in zip(blocks, row, strict=True)], axis=1)
    happens = np.exp(x @ beta) * (exposure * hazard[stratum]).sum(axis=1)
    by_hazard = np.zeros((n_strata, k))
    np.add.at(by_hazard, stratum, np.exp(x @ beta)[:, None] * exposure)

    lived = lived_of(exposure, stratum, n_strata)
    assert sorted(lived.order.tolist()) == list(range(n_patterns))
    kept = [own[at[lived.order]] if 2 * len(own) > n_patterns else own for own, at in zip(blocks, row, strict=True)]
    numbers = np.concatenate([own.T.ravel() for own in kept])
    table = np.array([len(kept[0]), 0, 3, 0, len(kept[1]), 3, 2, kept[0].size])
    start = np.cumsum([0, len(kept[0]), len(kept[1])])
    relative, by_row = np.zeros(start[-1]), np.zeros(start[-1])
    seen, slope = np.zeros((n_strata, k)), np.zeros(5)
    relative_risks(numbers, table, start, beta, relative)
    patterns = (lived.first, lived.exposure, lived.whole, lived.part)
    total = expected_events(patterns, np.ascontiguousarray(row[:, lived.order]), start, relative, hazard, by_row, seen)
    column_sums(numbers, table, start, by_row, slope)
    assert total == pytest.approx(happens.sum(), rel=1e-12)
    np.testing.assert_allclose(seen, by_hazard, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(slope, happens @ x, rtol=1e-10, atol=1e-10 * np.abs(happens).sum())


def test_who_is_alone_costs_one_number():
    """Ends at 0.5, 1.5 and 3.5 years with cuts at 1 and 2: nobody needs a row; two patients at once do."""
    exposure = np.array([[0.5, 0.0, 0.0], [1.0, 1.0, 1.5], [1.0, 0.5, 0.0], [1.5, 0.5, 0.0]])
    lived = lived_of(exposure, np.zeros(4, dtype=np.int64), 1)
    assert lived.order.tolist() == [3, 0, 2, 1]
    assert lived.first.tolist() == [0, 1, 2, 3, 4]
    assert lived.whole.tolist() == [1.0, 1.0, 0.0]
    assert lived.part.tolist() == [0.0, 0.5, 0.5, 1.5]
    assert lived.exposure.tolist() == [[1.5], [0.5], [0.0]]


def test_exponentials_are_those_of_numpy():
    """To the last digit or the one before it; beyond what a number holds, the nearest that is one."""
    x = np.concatenate([np.linspace(-700, 700, 20001), np.linspace(-1, 1, 20001), [0.0]])
    out = np.empty_like(x)
    exponentials(x, out)
    np.testing.assert_allclose(out, np.exp(x), rtol=4.5e-16)
    assert out[-1] == 1.0
    ends = np.array([-1e300, -800.0, 800.0, 1e300])
    beyond = np.empty(4)
    exponentials(ends, beyond)
    assert (beyond[:2] < 1e-307).all()
    assert (beyond[:2] > 0).all()
    assert (beyond[2:] > 1e307).all()
    assert np.isfinite(beyond).all()
