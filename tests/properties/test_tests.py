"""What holds for any comparison of groups."""

import numpy as np
import pandas as pd
from hypothesis import assume, given
from hypothesis import strategies as st

from ikzf1_outcomes import endpoint_from_columns, gray_test, logrank_test, pairwise_tests, trend_test

CAUSES = {1: "relapse", 2: "death"}
ROW = st.tuples(
    st.integers(0, 12).map(lambda k: k / 2),
    st.integers(0, 2),
    st.sampled_from("abc"),
    st.sampled_from("xy"),
    st.integers(1, 3),
)
ROWS = st.lists(ROW, min_size=8, max_size=30)
WEIGHTS = st.sampled_from([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.5, 0.5)])

# differences of this size are rounding
SEED = st.integers(0, 2**16)


def noise(seed, n):
    return np.random.default_rng(seed).choice([-1e-12, 0.0, 1e-12], n)


def table(rows):
    frame = pd.DataFrame(rows, columns=["t", "s", "arm", "centre", "weight"])
    # three groups with at least two events of the first cause, so that there is something to compare
    hits = frame[frame["s"] == 1].groupby("arm").size()
    assume(len(hits) == 3)
    return frame


def made(frame, **options):
    return endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, **options)


def comparisons_of(endpoint, by="arm", **options):
    return [
        logrank_test(endpoint, by, **options),
        logrank_test(endpoint, by, rho=1.0, **options),
        logrank_test(endpoint, by, gamma=1.0, **options),
        gray_test(endpoint, by, cause="relapse", **options),
    ]


def close(left, right):
    for a, b in zip(left, right, strict=True):
        np.testing.assert_allclose(a.statistic, b.statistic, rtol=1e-7, atol=1e-9, err_msg=a.method)
        assert a.df == b.df


@given(ROWS)
def test_the_names_of_the_groups_do_not_matter(rows):
    frame = table(rows)
    renamed = frame.assign(arm=frame["arm"].map({"a": "q", "b": "p", "c": "r"}))
    close(comparisons_of(made(frame)), comparisons_of(made(renamed)))


@given(ROWS, st.randoms())
def test_the_order_of_rows_does_not_matter(rows, random):
    frame = table(rows)
    order = list(range(len(frame)))
    random.shuffle(order)
    close(comparisons_of(made(frame)), comparisons_of(made(frame.iloc[order])))


@given(ROWS)
def test_one_stratum_is_none(rows):
    frame = table(rows).assign(same="everywhere")
    close(comparisons_of(made(frame)), comparisons_of(made(frame), strata="same"))


@given(ROWS)
def test_a_weight_is_so_many_copies(rows):
    frame = table(rows)
    copied = frame.loc[frame.index.repeat(frame["weight"])]
    close(comparisons_of(made(frame, weights="weight")), comparisons_of(made(copied)))


@given(ROWS, st.sampled_from([0.125, 2.0, 365.25]))
def test_the_unit_of_time_does_not_matter(rows, factor):
    frame = table(rows)
    close(comparisons_of(made(frame)), comparisons_of(made(frame.assign(t=frame["t"] * factor))))


@given(ROWS, SEED)
def test_times_that_differ_by_rounding_are_tied(rows, seed):
    frame = table(rows).assign(t=lambda d: d["t"] + 1)
    near = frame.assign(t=frame["t"] + noise(seed, len(frame)))
    close(comparisons_of(made(frame)), comparisons_of(made(near)))


@given(ROWS)
def test_results_are_a_chi_square_and_its_groups(rows):
    frame = table(rows)
    for result in comparisons_of(made(frame)):
        groups = result.tidy()
        assert result.statistic >= 0
        assert 0 <= result.p_value <= 1
        np.testing.assert_allclose(groups["observed"].sum(), groups["expected"].sum(), rtol=1e-9, atol=1e-9)
        assert groups["n"].sum() == len(frame)


@given(ROWS)
def test_the_last_cause_is_only_what_competes(rows):
    """With the competing cause turned into another of that name, Gray's test stays."""
    frame = table(rows)
    other = endpoint_from_columns(
        frame.assign(s=frame["s"].map({0: 0, 1: 2, 2: 1})), time="t", status="s", causes={1: "else", 2: "relapse"}
    )
    close([gray_test(made(frame), "arm", cause="relapse")], [gray_test(other, "arm", cause="relapse")])


@given(ROWS)
def test_a_group_that_does_worse_is_said_to_do_worse(rows):
    """Without competing events Gray's and the log-rank test differ, but observed less expected has one sign if all of
    one group fail before anybody of the other leaves."""
    frame = table(rows)
    early = frame.assign(s=1, t=0.25, arm="a").head(4)
    late = frame.assign(t=frame["t"] + 1, s=(frame["s"] > 0).astype(int), arm="b")
    both = pd.concat([early, late], ignore_index=True)
    for result in (logrank_test(made(both), "arm"), gray_test(made(both), "arm", cause="relapse")):
        groups = result.tidy().set_index("group")
        assert groups.loc["a", "observed"] > groups.loc["a", "expected"]
        assert groups.loc["b", "observed"] < groups.loc["b", "expected"]


@given(ROWS)
def test_a_trend_does_not_see_the_zero_and_the_unit_of_its_scores(rows):
    endpoint = made(table(rows))
    plain = trend_test(endpoint, "arm")
    for scores in ([0, 1, 2], [10, 20, 30], [3, 2, 1]):
        np.testing.assert_allclose(
            trend_test(endpoint, "arm", scores=scores).statistic, plain.statistic, rtol=1e-8, atol=1e-10
        )


@given(ROWS, st.sampled_from(["holm", "bonferroni", "bh", "by", "none"]))
def test_adjusted_p_values_are_not_smaller(rows, adjust):
    pairs = pairwise_tests(made(table(rows)), "arm", adjust=adjust)
    known = pairs["p_value"].notna()
    assert (pairs.loc[known, "p_adjusted"] >= pairs.loc[known, "p_value"] - 1e-15).all()
    assert (pairs.loc[known, "p_adjusted"] <= 1).all()


@given(ROWS, WEIGHTS)
def test_results_do_not_change_under_their_holder(rows, weights):
    rho, gamma = weights
    endpoint = made(table(rows))
    result = logrank_test(endpoint, "arm", rho=rho, gamma=gamma)
    before = result.glance()
    mine = result.tidy()
    mine.loc[:, "n"] = -1.0
    pd.testing.assert_frame_equal(result.glance(), before)
    again = logrank_test(endpoint, "arm", rho=rho, gamma=gamma)
    pd.testing.assert_frame_equal(again.glance(), before)
