"""What holds for any course of events: curves, incidences, areas."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ikzf1_outcomes import (
    cumulative_incidence,
    endpoint_from_columns,
    failure_ledger,
    follow_up,
    kaplan_meier,
    landmark,
    risk_difference,
    rmst_difference,
    split_follow_up,
    years_lost_difference,
)

CAUSES = {1: "relapse", 2: "death"}
# whole and half units: ties are the rule, and an event at 0 is no exception
TIME = st.integers(0, 12).map(lambda k: k / 2)
ROW = st.tuples(TIME, st.integers(0, 2), st.sampled_from("abc"), st.sampled_from("xy"), st.integers(1, 3))
ROWS = st.lists(ROW, min_size=1, max_size=25)
CONF = st.tuples(st.sampled_from(["plain", "log", "log-log", "logit", "arcsin"]), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
MEASURES = ["n_risk", "n_event", "n_censor", "estimate", "std_error", "low", "high"]

# differences of this size are rounding
SEED = st.integers(0, 2**16)


def noise(seed, n):
    return np.random.default_rng(seed).choice([-1e-12, 0.0, 1e-12], n)


def table(rows):
    return pd.DataFrame(rows, columns=["t", "s", "arm", "centre", "weight"])


def made(frame, **options):
    return endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, **options)


def same(left, right, rtol=1e-11, atol=1e-13):
    left, right = left.reset_index(drop=True), right.reset_index(drop=True)
    assert list(left.columns) == list(right.columns)
    for name in left.columns:
        if left[name].dtype == object:
            assert left[name].tolist() == right[name].tolist(), name
        else:
            np.testing.assert_allclose(left[name], right[name], rtol=rtol, atol=atol, err_msg=name)


def everything(endpoint, by, tau=2.5):
    km, ci = kaplan_meier(endpoint, by), cumulative_incidence(endpoint, by)
    return [km.tidy(), km.quantile([0.25, 0.5]), km.rmst(tau), km.glance(), ci.tidy(), ci.years_lost(tau), ci.glance()]


def ordered(low, estimate, high):
    known = ~(np.isnan(low) | np.isnan(estimate))
    assert (low[known] <= estimate[known]).all()
    known = ~(np.isnan(high) | np.isnan(estimate))
    assert (estimate[known] <= high[known]).all()


@given(ROWS, st.randoms())
def test_the_order_of_rows_does_not_matter(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    for left, right in zip(everything(made(table(rows)), "arm"), everything(made(table(shuffled)), "arm"), strict=True):
        same(left, right)


@given(ROWS)
def test_a_weight_is_so_many_copies(rows):
    frame = table(rows)
    copied = frame.loc[frame.index.repeat(frame["weight"])]
    pairs = zip(everything(made(frame, weights="weight"), "arm"), everything(made(copied), "arm"), strict=True)
    for left, right in pairs:
        same(left, right)


@given(ROWS, st.sampled_from([0.25, 4.0, 365.25, 1 / 365.25]))
def test_another_unit_of_time_changes_times_only(rows, factor):
    frame = table(rows)
    scaled = frame.assign(t=frame["t"] * factor)
    left, right = everything(made(frame), "arm"), everything(made(scaled), "arm", tau=2.5 * factor)
    for a, b in zip(left, right, strict=True):
        a = a.copy()
        for name in ("time", "tau"):
            if name in a:
                a[name] = a[name] * factor
        if "scale" in a and (a["scale"] == "time").all():
            for name in ("estimate", "std_error", "low", "high"):
                if name in a:
                    a[name] = a[name] * factor
        same(a, b)


@given(ROWS)
def test_the_names_and_the_order_of_causes_do_not_matter(rows):
    frame = table(rows)
    other = endpoint_from_columns(
        frame.assign(s=frame["s"].map({0: 0, 1: 7, 2: 3})), time="t", status="s", causes={3: "death", 7: "relapse"}
    )
    same(kaplan_meier(made(frame), "arm").tidy(), kaplan_meier(other, "arm").tidy())
    for variance in ("greenwood", "cmprsk"):
        left = cumulative_incidence(made(frame), "arm", variance=variance).tidy()
        right = cumulative_incidence(other, "arm", variance=variance).tidy()
        for cause in CAUSES.values():
            same(left[left["cause"] == cause], right[right["cause"] == cause])


@given(ROWS)
def test_one_cause_gives_one_minus_kaplan_meier(rows):
    frame = table(rows).assign(s=lambda d: (d["s"] > 0).astype(int))
    endpoint = endpoint_from_columns(frame, time="t", status="s", causes={1: "any"})
    free, lost = kaplan_meier(endpoint, "arm").tidy(), cumulative_incidence(endpoint, "arm").tidy()
    np.testing.assert_allclose(lost["estimate"], 1 - free["estimate"], atol=1e-14)
    known = free["estimate"] > 0
    np.testing.assert_allclose(lost["std_error"][known], free["std_error"][known], rtol=1e-10, atol=1e-9)


@given(ROWS, st.booleans())
def test_survival_and_incidences_add_up(rows, entered):
    frame = table(rows)
    if entered:
        frame = frame.assign(entry=np.where(frame.index % 2, -np.inf, frame["t"] - frame["weight"]))
    endpoint = made(frame, **({"entry": "entry"} if entered else {}))
    free = kaplan_meier(endpoint, "arm").tidy().set_index(["group", "time"])["estimate"]
    lost = cumulative_incidence(endpoint, "arm").tidy().groupby(["group", "time"])["estimate"].sum()
    np.testing.assert_allclose(free + lost.loc[free.index], 1, rtol=1e-13)
    tau = 3.0
    areas = kaplan_meier(endpoint, "arm").rmst(tau).set_index("group")["estimate"]
    years = cumulative_incidence(endpoint, "arm").years_lost(tau).groupby("group")["estimate"].sum(min_count=1)
    known = areas.notna()
    np.testing.assert_allclose((areas + years)[known], tau, rtol=1e-13)
    assert years[~known].isna().all()


@given(ROWS, CONF, st.sampled_from([{}, {"robust": True}, {"cluster": "centre"}, {"std_error": "peto"}]))
def test_limits_of_survival_hold_the_estimate(rows, conf, options):
    conf_type, conf_level = conf
    frame = table(rows)
    curve = kaplan_meier(made(frame), "arm", conf_type=conf_type, conf_level=conf_level, **options)
    tables = [curve.tidy(), curve.tidy(times=[0, 0.7, 2, 9]), curve.tidy(times=[2, 9], extend=True)]
    if not {"robust", "cluster"} & set(options):
        tables.append(curve.rmst(2))
    for tidy in tables:
        ordered(*(tidy[name].to_numpy(dtype=float) for name in ("low", "estimate", "high")))
    probabilities = curve.tidy()[["estimate", "low", "high"]].to_numpy()
    assert not ((probabilities < 0) | (probabilities > 1)).any()
    quantiles = curve.quantile([0.1, 0.25, 0.5, 0.9])
    ordered(*(quantiles[name].to_numpy(dtype=float) for name in ("low", "estimate", "high")))


@given(ROWS, CONF, st.sampled_from(["greenwood", "cmprsk"]))
def test_limits_of_incidence_hold_the_estimate(rows, conf, variance):
    conf_type, conf_level = conf
    endpoint = made(table(rows))
    curve = cumulative_incidence(endpoint, "arm", conf_type=conf_type, conf_level=conf_level, variance=variance)
    for tidy in (curve.tidy(), curve.tidy(times=[0, 0.7, 2, 9]), curve.years_lost(2)):
        ordered(*(tidy[name].to_numpy(dtype=float) for name in ("low", "estimate", "high")))
    assert (curve.tidy()["std_error"].dropna() >= 0).all()
    tidy = follow_up(endpoint, "arm", conf_type=conf_type, conf_level=conf_level)
    ordered(*(tidy[name].to_numpy(dtype=float) for name in ("low", "estimate", "high")))


@given(ROWS, CONF)
def test_limits_of_differences_hold_the_estimate(rows, conf):
    frame = table(rows)
    assume(len(set(frame["arm"])) > 1)
    endpoint, level = made(frame), {"conf_level": conf[1]}
    for tidy in (
        risk_difference(endpoint, "arm", at=2, **level),
        risk_difference(endpoint, "arm", at=2, cause="death", **level),
        rmst_difference(endpoint, "arm", tau=2, **level),
        years_lost_difference(endpoint, "arm", tau=2, **level),
        failure_ledger(endpoint, "arm", at=2, conf_type=conf[0], **level),
    ):
        ordered(*(tidy[name].to_numpy(dtype=float) for name in ("low", "estimate", "high")))
        assert tidy.loc[tidy["estimate"].isna(), "note"].ne("").all()


@given(ROWS, SEED)
def test_times_that_differ_by_rounding_are_tied(rows, seed):
    frame = table(rows).assign(t=lambda d: d["t"] + 1)
    near = frame.assign(t=frame["t"] + noise(seed, len(frame)))
    for left, right in zip(everything(made(frame), "arm"), everything(made(near), "arm"), strict=True):
        # areas and quantiles move with the noise itself
        same(left, right, rtol=1e-10, atol=1e-11)


@given(ROWS, SEED, st.sampled_from([1.0, 2.5]))
def test_landmarks_and_cuts_do_not_see_rounding(rows, seed, at):
    frame = table(rows).assign(t=lambda d: d["t"] + 0.5)
    near = frame.assign(t=frame["t"] + noise(seed, len(frame)))
    assume((frame["t"] > at).any())
    left, right = landmark(made(frame), at), landmark(made(near), at)
    assert len(left) == len(right)
    same(kaplan_meier(left).tidy(times=[at, 3, 5]), kaplan_meier(right).tidy(times=[at, 3, 5]))
    cut = split_follow_up(made(near), [at])
    measures = ["estimate", "std_error"]
    same(
        kaplan_meier(made(frame)).tidy(times=[1, 3, 5])[measures],
        kaplan_meier(cut).tidy(times=[1, 3, 5])[measures],
    )


@given(ROWS, st.lists(st.integers(1, 11).map(lambda k: k / 2), min_size=1, max_size=4))
def test_cuts_keep_the_curves(rows, cuts):
    whole = made(table(rows))
    cut = split_follow_up(whole, cuts)
    assert (cut.n, cut.n_event) == (whole.n, whole.n_event)
    times = np.arange(0, 6.5, 0.5)
    measures = ["n", "n_risk", "n_event", "estimate", "std_error"]
    for curve in (kaplan_meier, cumulative_incidence):
        same(curve(whole, "arm").tidy(times=times)[measures], curve(cut, "arm").tidy(times=times)[measures])


@given(ROWS)
def test_a_curve_falls_and_counts_add_up(rows):
    frame = table(rows)
    tidy = kaplan_meier(made(frame), "arm").tidy()
    for level, own in tidy.groupby("group"):
        assert own["estimate"].is_monotonic_decreasing
        assert own["estimate"].between(0, 1).all()
        leaving = own["n_event"] + own["n_censor"]
        assert own["n_risk"].tolist() == (leaving[::-1].cumsum()[::-1]).tolist()
        assert leaving.sum() == (frame["arm"] == level).sum()
    incidence = cumulative_incidence(made(frame), "arm").tidy()
    assert incidence.groupby(["group", "cause"])["estimate"].agg(lambda f: f.is_monotonic_increasing).all()


@given(ROWS)
def test_asking_twice_gives_the_same_and_leaves_numpys_random_state_alone(rows):
    frame = table(rows)
    kept, state = frame.copy(), np.random.get_state()  # noqa: NPY002
    endpoint = made(frame, weights="weight")
    curve = kaplan_meier(endpoint, "arm", robust=True)
    first = curve.tidy(times=[1, 2])
    first.loc[:, "estimate"] = -1.0
    same(curve.tidy(times=[1, 2]), kaplan_meier(endpoint, "arm", robust=True).tidy(times=[1, 2]), rtol=0)
    for left, right in zip(everything(endpoint, "arm"), everything(endpoint, "arm"), strict=True):
        pd.testing.assert_frame_equal(left, right)
    pd.testing.assert_frame_equal(frame, kept)
    after = np.random.get_state()  # noqa: NPY002
    assert state[0] == after[0]
    assert (state[1] == after[1]).all()
    assert state[2:] == after[2:]


@pytest.mark.parametrize("by", [None, "arm", ["arm", "centre"]])
def test_the_estimate_at_a_time_is_that_of_the_whole_curve(by):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "t": rng.integers(0, 40, 200) / 4,
            "s": rng.integers(0, 3, 200),
            "arm": rng.choice(list("abc"), 200),
            "centre": rng.choice(list("xy"), 200),
        }
    )
    curve = kaplan_meier(made(frame), by)
    whole = curve.tidy()
    read = curve.tidy(times=sorted(set(frame["t"])))
    merged = whole.merge(read, on=["group", "time"], suffixes=("", "_at"))
    assert len(merged) == len(whole)
    for name in MEASURES[:1] + MEASURES[3:]:
        np.testing.assert_allclose(merged[name], merged[f"{name}_at"], rtol=0, atol=0)
