"""Concordance counted on paper and by a naive twin; Uno's weights; what is left out and what is refused."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.prognosis.discrimination import CENSORED_CAUSES, NO_PAIR, concordance

F = Fraction
CAUSES = {1: "relapse", 2: "death"}
SIX = {"t": [3.0, 1, 4, 2, 2, 2], "s": [0, 1, 1, 1, 0, 1], "x": [2.0, 3, 1, 2, 1, 1]}


def made(columns, causes=None, **named):
    found = {name: name for name in ("entry", "weights", "subject") if name in columns}
    return iko.endpoint_from_columns(
        pd.DataFrame(columns), time="t", status="s", causes=causes or CAUSES, **{**found, **named}
    )


def test_six_patients():
    # Event at 1 (3): against 2, 1, 2, 1, 1: five concordant. Events at 2 (2 and 1): no pair of each other; against those
    # later or censored at 2, which are 2, 1, 1. Of 2: one tie, two concordant. Of 1: one discordant, two ties.
    # Event at 4: nobody left. 7 + 3/2 of 11.
    found = concordance(made(SIX), "x")
    assert found.counts.tolist() == [[7, 1, 3, 1, 0]]
    row = found.tidy().iloc[0]
    np.testing.assert_allclose(row["estimate"], 8.5 / 11, rtol=1e-14)
    # Each row's concordant pairs and half ties, and its pairs, are the derivatives by its weight. Row 1 (2, censored at 3)
    # is below the event at 1, tied with one at 2 and above the other: 3/2 of 3 pairs. So for the others, in their order:
    gains = [F(3, 2), F(5), F(5, 2), F(7, 2), F(5, 2), F(2)]
    pairs = [3, 5, 3, 4, 3, 4]
    assert sum(gains) == 17
    assert sum(pairs) == 22
    c = F(17, 22)
    variance = sum(((g - c * p) / 11) ** 2 for g, p in zip(gains, pairs, strict=True))
    np.testing.assert_allclose(row["std_error"] ** 2, float(variance), rtol=1e-13)


def test_weights_of_uno():
    # Without anybody after 4, all pairs are of events at 1 and 2, where nobody has been censored before: G(t-) = 1.
    np.testing.assert_allclose(concordance(made(SIX), "x", weighting="uno").tidy()["estimate"], [8.5 / 11], rtol=1e-14)
    seven = {"t": [*SIX["t"], 5.0], "s": [*SIX["s"], 0], "x": [*SIX["x"], 0.0]}
    # At 2, of six at risk two fail and one of the four that are left is censored; at 3 one of three is censored:
    # G(4-) = (1 - 1/4) (1 - 1/3) = 1/2. Concordant with the seventh: from 1, from both at 2, and from 4 with factor 4.
    found = concordance(made(seven), "x", weighting="uno")
    np.testing.assert_allclose(found.counts[0], [7 + 3 + 4, 1, 3, 1, 0], rtol=1e-14)


def naive(columns, tau=np.inf, factor=None):
    """Every pair, one after the other."""
    n = len(columns["t"])
    entry = columns.get("entry", [-np.inf] * n)
    weight, group = columns.get("weights", [1.0] * n), columns.get("p", [0] * n)
    counts = np.zeros(5)
    for i in range(n):
        if not columns["s"][i] or columns["t"][i] > tau:
            continue
        for j in range(n):
            if i == j or group[i] != group[j]:
                continue
            t, w = columns["t"][i], weight[i] * weight[j] * (1.0 if factor is None else factor[i])
            a, b = columns["x"][i], columns["x"][j]
            if columns["t"][j] == t and columns["s"][j]:
                counts[4 if a == b else 3] += w / 2
            elif entry[j] < t <= columns["t"][j]:
                counts[0 if a > b else 1 if a < b else 2] += w
    return counts


@pytest.mark.parametrize("case", ["plain", "entry", "strata", "weights", "all"])
def test_the_naive_twin(case):
    rng = np.random.default_rng(7)
    n = 60
    columns = {"t": rng.integers(1, 12, n).astype(float), "s": rng.integers(0, 2, n), "x": rng.integers(0, 6, n) / 2}
    if case in ("entry", "all"):
        columns["entry"] = np.maximum(columns["t"] - rng.integers(1, 9, n), -1.0)
    if case in ("weights", "all"):
        columns["weights"] = rng.uniform(0.2, 3, n)
    if case in ("strata", "all"):
        columns["p"] = rng.integers(0, 3, n)
    strata = "p" if "p" in columns else None
    for tau in (None, 6.0):
        found = concordance(made(columns), "x", strata=strata, tau=tau)
        np.testing.assert_allclose(found.counts[0], naive(columns, tau or np.inf), rtol=1e-11)
        # the standard error by moving each weight a little
        weight = columns.get("weights", np.ones(n))
        moved = []
        for i in range(n):
            pair = []
            for step in (1e-5, -1e-5):
                own = np.array(weight)
                own[i] += step
                c = naive({**columns, "weights": own}, tau or np.inf)
                pair.append((c[0] + c[2] / 2) / c[:3].sum())
            moved.append(weight[i] * (pair[0] - pair[1]) / 2e-5)
        np.testing.assert_allclose(found.tidy()["std_error"], np.sqrt(np.sum(np.square(moved))), rtol=1e-6)


def test_two_scores_are_compared_on_the_same_rows():
    columns = {**SIX, "y": [1.0, 2, np.nan, 3, 1, 2]}
    found = concordance(made(columns), ["x", "y"])
    part = {name: [v for k, v in enumerate(values) if k != 2] for name, values in columns.items()}
    alone = [concordance(made(part), name).tidy().iloc[0] for name in ("x", "y")]
    tidy = found.tidy()
    assert tidy["term"].tolist() == ["x", "y", "difference"]
    assert tidy["contrast"].tolist() == ["", "", "y vs x"]
    np.testing.assert_allclose(tidy["estimate"].iloc[:2], [row["estimate"] for row in alone])
    np.testing.assert_allclose(tidy["std_error"].iloc[:2], [row["std_error"] for row in alone])
    np.testing.assert_allclose(tidy["estimate"].iloc[2], alone[1]["estimate"] - alone[0]["estimate"])
    last = tidy.iloc[2]
    np.testing.assert_allclose(last["statistic"], last["estimate"] / last["std_error"])
    assert found.glance()["n_excluded"].tolist() == [1, 1]
    assert found.glance()["n"].tolist() == [5, 5]


def test_arrays_are_scores_too():
    endpoint = made(SIX)
    by_name, by_array = concordance(endpoint, "x"), concordance(endpoint, np.array(SIX["x"]))
    assert by_array.names == ("score",)
    np.testing.assert_array_equal(by_name.estimate, by_array.estimate)
    two = concordance(endpoint, [np.array(SIX["x"]), -np.array(SIX["x"])])
    np.testing.assert_allclose(two.estimate.sum(), 1.0)
    pair = made({"t": [1.0, 2], "s": [1, 1]})
    np.testing.assert_allclose(concordance(pair, [2.0, 1.0]).estimate, [1.0])


def test_one_cause_censors_the_others():
    columns = {**SIX, "s": [0, 1, 2, 2, 0, 1]}
    found = concordance(made(columns), "x", cause="relapse").tidy().iloc[0]
    other = concordance(made({**SIX, "s": [0, 1, 0, 0, 0, 1]}), "x").tidy().iloc[0]
    assert found["note"] == CENSORED_CAUSES
    assert found["cause"] == "relapse"
    assert (found["estimate"], found["std_error"], found["n_event"]) == (other["estimate"], other["std_error"], 2)


def test_rows_of_one_patient_are_one_cluster():
    split = {
        "t": [3.0, 1, 4, 2, 2, 2, 1], "s": [0, 1, 1, 1, 0, 1, 0], "x": [2.0, 3, 1, 2, 1, 1, 1],
        "entry": [0.0, 0, 1, 0, 0, 0, 0], "id": [1, 2, 3, 4, 5, 6, 3],
    }  # fmt: skip
    for weighting in ("harrell", "uno"):
        whole = concordance(made(SIX), "x", weighting=weighting).tidy().iloc[0]
        parts = concordance(made(split, subject="id"), "x", weighting=weighting).tidy().iloc[0]
        np.testing.assert_allclose(parts["estimate"], whole["estimate"], rtol=1e-14)
        np.testing.assert_allclose(parts["std_error"], whole["std_error"], rtol=1e-13)
        assert parts["n"] == 6


def test_without_a_pair_there_is_no_number():
    row = concordance(made({"t": [1.0, 2, 3], "s": [0, 0, 1], "x": [1.0, 2, 3]}), "x").tidy().iloc[0]
    assert row["note"] == NO_PAIR
    assert np.isnan(row["estimate"])
    assert np.isnan(row["std_error"])


def test_what_is_refused():
    endpoint = made({**SIX, "word": list("abcdef"), "none": [np.nan] * 6})
    with pytest.raises(iko.InputError, match="no such weighting"):
        concordance(endpoint, "x", weighting="gonen")
    with pytest.raises(iko.InputError, match="the score is no number"):
        concordance(endpoint, "word")
    with pytest.raises(iko.InputError, match="no row has a score; 6 in all"):
        concordance(endpoint, "none")
    with pytest.raises(iko.InputError, match="2 scores for 6 rows"):
        concordance(endpoint, np.array([1.0, 2.0]))
    with pytest.raises(iko.InputError, match="compared with itself"):
        concordance(endpoint, ["x", "x"])
    with pytest.raises(iko.InputError, match="tau must be"):
        concordance(endpoint, "x", tau=-1.0)
    with pytest.raises(iko.ColumnError):
        concordance(endpoint, "y")
    late = made({"t": [1.0, 2, 3, 4], "s": [0, 0, 1, 1], "x": [1.0, 2, 3, 4], "entry": [0.0, 0, 2, 2]})
    with pytest.raises(iko.InputError, match="everybody is censored before an event; rows 3, 4"):
        concordance(late, "x", weighting="uno")
