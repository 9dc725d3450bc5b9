"""What holds for the accuracy of any predictions."""

import numpy as np
import pandas as pd
from hypothesis import assume, given
from hypothesis import strategies as st

import ikzf1_outcomes as iko

ROW = st.tuples(st.integers(1, 12).map(float), st.integers(0, 2), st.integers(0, 8).map(lambda k: k / 8), st.integers(1, 3))
ROWS = st.lists(ROW, min_size=4, max_size=40)
AT = st.integers(1, 10).map(float)
CONTROLS = st.sampled_from(["event-free", "event-free or competing"])
CAUSE = st.sampled_from([None, "relapse"])
SEED = st.integers(0, 2**16)
CAUSES = {1: "relapse", 2: "death"}


def table(rows):
    return pd.DataFrame(rows, columns=["t", "s", "x", "w"])


def endpoint(frame, weights=None):
    return iko.endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, weights=weights)


def followed(frame, at):
    """Rows so that nobody is censored last before the time."""
    assume(not ((frame["t"] <= at) & (frame["s"] == 0)).any() or (frame["t"] > at).sum() > 1)
    return frame


def auc(frame, at, weights=None, score="x", **options):
    row = iko.auc_over_time(endpoint(frame, weights), score, times=at, least=1e-9, **options).tidy().iloc[0]
    assume(not np.isnan(row["estimate"]))
    return np.array([row["estimate"], row["std_error"]])


def brier(frame, at, weights=None, **options):
    risks = {"x": frame["x"], "one": np.ones(len(frame)), "none": np.zeros(len(frame))}
    found = iko.brier_score(endpoint(frame, weights), risks, times=at, least=1e-9, **options).tidy()
    own = found[(found["measure"] == "Brier score") & (found["contrast"] == "")].set_index("term")
    return own[["estimate", "std_error"]]


def close(left, right):
    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-10)


@given(ROWS, AT, CONTROLS, CAUSE)
def test_auc_is_a_probability_and_turns_with_the_score(rows, at, controls, cause):
    frame = followed(table(rows), at)
    up, down = (auc(frame.assign(x=sign * frame["x"]), at, controls=controls, cause=cause) for sign in (1, -1))
    assert -1e-12 <= up[0] <= 1 + 1e-12
    close(up[0] + down[0], 1.0)
    close(up[1], down[1])


@given(ROWS, AT, CONTROLS, CAUSE, SEED)
def test_neither_row_order_nor_units_nor_the_scale_of_the_score_matter(rows, at, controls, cause, seed):
    frame = followed(table(rows), at)
    turned = frame.assign(x=np.exp(3 * frame["x"]), t=frame["t"] * 12).sample(frac=1, random_state=seed)
    options = {"controls": controls, "cause": cause}
    close(auc(frame, at, **options), auc(turned, 12 * at, **options))
    close(brier(frame, at, cause=cause), brier(turned.assign(x=frame["x"]), 12 * at, cause=cause))


@given(ROWS, AT, CONTROLS, CAUSE)
def test_weights_count_patients(rows, at, controls, cause):
    frame = followed(table(rows), at)
    copies = frame.loc[frame.index.repeat(frame["w"])]
    one, other = (auc(part, at, name, controls=controls, cause=cause) for part, name in ((frame, "w"), (copies, None)))
    close(one[0], other[0])
    one, other = (brier(part, at, name, cause=cause) for part, name in ((frame, "w"), (copies, None)))
    close(one["estimate"], other["estimate"])


@given(ROWS, AT, CAUSE)
def test_brier_scores_of_one_risk_for_all(rows, at, cause):
    """Of the incidence F itself F (1 - F); of 0 the incidence, of 1 its complement; no single risk is better than F."""
    frame = followed(table(rows), at)
    found = brier(frame, at, cause=cause)["estimate"]
    incidence = found["none"]
    close(found["one"], 1 - incidence)
    close(found["null model"], incidence * (1 - incidence))
    if cause is None:
        curve = 1 - iko.kaplan_meier(endpoint(frame)).tidy(times=[at], extend=True)["estimate"].iloc[0]
    else:
        table_of = iko.cumulative_incidence(endpoint(frame)).tidy(times=[at], extend=True)
        curve = table_of.loc[table_of["cause"] == cause, "estimate"].iloc[0]
    close(incidence, curve)


@given(ROWS, AT)
def test_without_censoring_nothing_is_weighted(rows, at):
    frame = table(rows).assign(s=lambda d: np.maximum(d["s"], 1))
    had = (frame["t"] <= at).to_numpy()
    close(brier(frame, at).loc["x", "estimate"], np.mean((had - frame["x"]) ** 2))
    spread = np.std((had - frame["x"]) ** 2, ddof=1) / np.sqrt(len(frame))
    close(brier(frame, at).loc["x", "std_error"], spread)


@given(ROWS, AT, CAUSE)
def test_net_benefit_lies_below_the_incidence_and_falls_for_all(rows, at, cause):
    frame = table(rows)
    found = iko.decision_curve(endpoint(frame), "x", at=at, thresholds=[0.1, 0.3, 0.5], cause=cause).tidy()
    net = found[found["measure"] == "net benefit"]
    every = net[net["term"] == "treat all"]
    assume(every["estimate"].notna().all())
    assert (np.diff(every["estimate"]) <= 1e-12).all()
    own = net[net["term"] == "x"]
    known = own["estimate"].notna().to_numpy()
    assert (own["estimate"][known] <= own["true_positive"][known] + 1e-12).all()
    assert (own["true_positive"][known] + own["false_positive"][known] <= 1 + 1e-12).all()


@given(ROWS, AT)
def test_concordance_with_competing_events_turns_with_the_score(rows, at):
    frame = followed(table(rows), at)
    options = {"cause": "relapse", "weighting": "wolbers", "tau": at}
    up, down = (
        iko.concordance(endpoint(frame), sign * frame["x"], **options).tidy()["estimate"].iloc[0] for sign in (1, -1)
    )
    assume(not np.isnan(up))
    assert 0 <= up <= 1
    close(up + down, 1.0)
