"""Failures of induction on paper: the density of four patients, who belongs to which part, curves of a given draw."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.hierarchical_density import evaluate
from ikzf1_outcomes.models.bayes.induction import induction_model, memory_of, models_of
from ikzf1_outcomes.models.bayes.nuts import Chains
from ikzf1_outcomes.models.bayes.posterior import Sampled
from ikzf1_outcomes.models.bayes.quantities import CauseDraws
from ikzf1_outcomes.models.bayes.reduction import CauseModel, Reduced, reduce_endpoint

CAUSES = {1: "relapse", 2: "non-response", 3: "induction death", 4: "death in remission"}
FAILURES = ("non-response", "induction death")


def endpoint(rows: list[tuple], columns: str = "ikzf1_class t s") -> iko.Endpoint:
    frame = pd.DataFrame(rows, columns=columns.split())
    return iko.endpoint_from_columns(
        frame, time="t", status="s", causes=CAUSES, time_unit="years", entry="e" if "e" in frame else None,
        weights="w" if "w" in frame else None, subject="id" if "id" in frame else None,
    )  # fmt: skip


def spec(**options: object) -> iko.HierarchicalSpec:
    given = {"cuts": [], "causes": "relapse", "induction": FAILURES} | options
    return iko.hierarchical_spec(**given)  # type: ignore[arg-type]


def binary(reduced: Reduced) -> CauseModel:
    assert reduced.parts is not None
    return induction_model(reduced, reduced.parts)


def density(own: CauseModel, theta: list[float]) -> float:
    memory, form = memory_of(own)
    return evaluate(memory, np.array(theta), form)[0]


# -- four patients ---------------------------------------------------------------------------------------------------------

FOUR = [("none", 0.0, 2), ("none", 3.0, 1), ("ik6", 0.0, 3), ("ik6", 2.0, 0)]
"""One of two fails, without a deletion and with one."""


@pytest.mark.parametrize(("a", "b"), [(-1.0, 0.4), (2.0, -3.0), (0.0, 0.0)])
def test_the_memory_of_four_patients(a: float, b: float) -> None:
    """p(a) p(b) q (1 - q) r (1 - r), with q of log odds a, and r of a + b."""
    expected = stats.norm.logpdf(a, np.log(0.03 / 0.97), 1.0) + stats.norm.logpdf(b, 0.0, 1.0)
    for log_odds in (a, a + b):
        q = 1.0 / (1.0 + np.exp(-log_odds))
        expected += stats.bernoulli.logpmf([1, 0], q).sum()
    own = binary(reduce_endpoint(endpoint(FOUR), spec()))
    assert own.n_event == 2
    assert density(own, [a, b]) == pytest.approx(expected, abs=1e-13)


def test_the_density_with_a_spread_and_weights() -> None:
    """Two classes: effects mu + s z / sqrt(2) and mu - s z / sqrt(2); the spread is half-normal (0.35), sampled as log s.

    The patient of weight 3 is three patients.
    """
    rows = [("none", 0.0, 2, 1.0), ("none", 3.0, 1, 3.0), ("ik6", 0.0, 3, 2.0), ("del_4_8", 2.0, 0, 1.0)]
    own = binary(reduce_endpoint(endpoint(rows, "ikzf1_class t s w"), spec()))
    a, mu, s, z = -0.5, 0.8, 0.6, -1.2
    first, second = own.effects[1].labels  # levels in their own order
    shift = {first: mu + s * z / np.sqrt(2), second: mu - s * z / np.sqrt(2), "none": 0.0}
    expected = stats.norm.logpdf([a, mu, z], [np.log(0.03 / 0.97), 0, 0], 1.0).sum()
    expected += stats.halfnorm.logpdf(s, scale=0.35) + np.log(s)
    for name, _, status, weight in rows:
        q = 1.0 / (1.0 + np.exp(-a - shift[name]))
        expected += weight * np.log(q if status in (2, 3) else 1.0 - q)
    assert own.effects[1].family.centring == 0.0
    assert density(own, [a, mu, np.log(s), z]) == pytest.approx(expected, abs=1e-12)


def test_log_odds_that_are_far_out_lose_no_digits() -> None:
    """One failure and one who came through, of the same log odds a: a - 2 log(1 + e^a), which is -a for great a."""
    own = binary(reduce_endpoint(endpoint([*FOUR[:2], ("ik6", 2.0, 0)]), spec()))
    for a in (-250.0, -40.0, 40.0, 250.0):
        # the third patient has log odds 0 by b = -a
        prior = stats.norm.logpdf(a, np.log(0.03 / 0.97), 1.0) + stats.norm.logpdf(-a, 0.0, 1.0)
        assert density(own, [a, -a]) - prior == pytest.approx(-abs(a) - np.log(2.0), rel=1e-9, abs=1e-9)


# -- who belongs where -----------------------------------------------------------------------------------------------------

SEVEN = [
    ("none", 0.10, 2),  # fails
    ("none", 0.05, 0),  # censored in induction: nobody knows
    ("none", 0.10, 0),  # censored as induction ends: left out, as a landmark leaves it out
    ("none", 2.10, 1),
    ("ik6", 0.08, 3),  # fails
    ("ik6", 1.10, 1),
    ("ik6", 5.10, 0),
]


def test_both_parts_of_seven_patients() -> None:
    reduced = reduce_endpoint(endpoint(SEVEN), spec())
    parts = reduced.parts
    assert parts is not None
    assert parts.until == 0.1  # the latest failure
    assert reduced.start == 0.1
    assert reduced.patients.keep.tolist() == [True, False, False, True, True, True, True]
    assert (parts.asked.tolist(), parts.failed.tolist()) == ([1.0] * 5, [True, False, True, False, False])
    own = binary(reduced)
    assert dict(zip(own.sums.blocks[0][own.sums.row[:, 0], 0], own.sums.exposure[:, 0], strict=True)) == {0: 2, 1: 3}
    assert (own.sums.event_count.item(), own.sums.event_sum.tolist()) == (2.0, [1.0])
    hazard = reduced.models[0]
    lived = dict(zip(hazard.sums.blocks[0][hazard.sums.row[:, 0], 0], hazard.sums.exposure[:, 0], strict=True))
    assert lived == {0: pytest.approx(2.0), 1: pytest.approx(1.0 + 5.0)}  # from 0.1 on
    assert (reduced.seen(hazard).sum(), reduced.seen(own).sum()) == (3.0, 5.0)
    assert "2 left out: censored by 0.1 years, before induction had ended" in reduced.notes
    assert any(note.startswith("2 failures of induction only") for note in reduced.notes)


def test_hazards_may_begin_later_than_the_last_failure() -> None:
    reduced = reduce_endpoint(endpoint(SEVEN), spec(induction_until=0.5))
    assert reduced.start == 0.5
    assert reduced.models[0].sums.exposure.sum() == pytest.approx(1.6 + 0.6 + 4.6)


def test_failures_at_time_zero_leave_nobody_out() -> None:
    rows = [(name, 0.0 if status in (2, 3) else t, status) for name, t, status in SEVEN]
    reduced = reduce_endpoint(endpoint(rows), spec())
    assert reduced.patients.keep.all()
    assert reduced.start == 0.0
    assert binary(reduced).sums.exposure.sum() == 7.0
    # those who failed have lived nothing
    assert reduced.models[0].sums.exposure.sum() == pytest.approx(0.05 + 0.10 + 2.1 + 1.1 + 5.1)


def test_several_rows_are_one_patient_and_late_entry_asks_nothing() -> None:
    """Patient 1 fails in a second row; 2 comes through in two rows; 3 entered at 0.5, when induction was over."""
    rows = [
        (1, "none", 0.0, 0.04, 0), (1, "none", 0.04, 0.1, 2), (2, "ik6", 0.0, 1.0, 0), (2, "ik6", 1.0, 3.0, 1),
        (3, "ik6", 0.5, 2.0, 0), (4, "none", 0.0, 2.0, 1),
    ]  # fmt: skip
    reduced = reduce_endpoint(endpoint(rows, "id ikzf1_class e t s"), spec())
    parts = reduced.parts
    assert parts is not None
    assert parts.asked.tolist() == [1, 0, 1, 0, 0, 1]
    assert parts.failed.tolist() == [True, True, False, False, False, False]
    assert reduced.models[0].sums.exposure.sum() == pytest.approx(2.9 + 1.5 + 1.9)
    assert (binary(reduced).n_event, reduced.models[0].n_event) == (1.0, 2.0)
    assert reduced.seen(reduced.models[0]).sum() == 3.0


def test_failures_are_no_other_cause_and_no_any() -> None:
    rows = [*SEVEN, ("none", 3.0, 4)]
    for causes, events in ((("relapse", "other"), [2, 1]), ("any", [3]), (None, [2, 1])):
        reduced = reduce_endpoint(endpoint(rows), spec(causes=causes))
        assert [own.n_event for own in reduced.models] == events
        assert reduced.every_event


# -- curves of a draw that is given ----------------------------------------------------------------------------------------

EIGHT = [
    ("none", "a", 0.0, 2, 1.0), ("none", "a", 6.0, 1, 1.0), ("ik6", "a", 6.0, 0, 1.0), ("ik6", "b", 0.0, 3, 1.0),
    ("none", "b", 6.0, 1, 4.0), ("none", "b", 5.0, 0, 2.0), ("ik6", "b", 5.0, 4, 2.0),
]  # fmt: skip
"""Subtype a has 3 of 12 of the weight, b 9."""
SHARE = {"a": 0.25, "b": 0.75}
EFFECTS = {
    "relapse": {"any deletion": np.log(2.0), "a": -0.2, "b": 0.2}, "other": {"any deletion": -0.1},
    "induction failure": {"any deletion": np.log(3.0), "a": -0.5, "b": 0.5},
}  # fmt: skip
HAZARD = {"relapse": 0.1, "other": 0.02}
LEVEL = np.log(0.05 / 0.95)


def given(reduced: Reduced, whole: iko.Endpoint) -> iko.Posterior:
    sampled = []
    for own in models_of(reduced):
        labels = [label for labelled in own.effects for label in labelled.labels]
        effect = np.array([[[EFFECTS[own.cause].get(label, 0.0) for label in labels]] * 2])
        level = np.full((1, 2, 1, 1), LEVEL if own.binary else np.log(HAZARD.get(own.cause, np.nan)))
        nothing = np.zeros((1, 2))
        position = np.full((1, 2, 1 + sum(f.n_free for f in own.families)), -40.0)
        position[..., 0] = level[..., 0, 0]
        chains = Chains(position, nothing > 0, nothing, nothing.astype(int), np.ones(1), 0, 0.0, True)
        sampled.append(Sampled(CauseDraws(own, effect, level, position), chains, 0.9, 1, ()))
    return iko.Posterior(whole, reduced, tuple(sampled), 1)


def on_paper(deleted: bool, at: float) -> dict[tuple[str, str], float]:
    """Over the subtypes: survival (1 - q) e^(-H), incidences (1 - q) h / h. (1 - e^(-H)), restricted means, times lost."""
    total = dict.fromkeys(
        [(m, c) for m, cs in (
            ("event-free survival", ["any"]), ("cumulative incidence", ["relapse", "other", "induction failure"]),
            ("restricted mean", ["any"]), ("time lost", ["relapse", "other", "induction failure"])) for c in cs], 0.0,
    )  # fmt: skip
    for subtype, share in SHARE.items():
        eta = {cause: own.get(subtype, 0.0) + deleted * own["any deletion"] for cause, own in EFFECTS.items()}
        q = 1.0 / (1.0 + np.exp(-LEVEL - eta["induction failure"]))
        h = {cause: HAZARD[cause] * np.exp(eta[cause]) for cause in HAZARD}
        both = sum(h.values())
        alive = np.exp(-both * at)
        total["event-free survival", "any"] += share * (1 - q) * alive
        total["restricted mean", "any"] += share * (1 - q) * (1 - alive) / both
        total["cumulative incidence", "induction failure"] += share * q
        total["time lost", "induction failure"] += share * q * at
        for cause in HAZARD:
            total["cumulative incidence", cause] += share * (1 - q) * h[cause] / both * (1 - alive)
            total["time lost", cause] += share * (1 - q) * h[cause] / both * (at - (1 - alive) / both)
    return total


def posterior_given() -> iko.Posterior:
    whole = endpoint(EIGHT, "ikzf1_class subtype t s w")
    described = spec(causes=["relapse", "other"], subtype="subtype", cells=False)
    return given(reduce_endpoint(whole, described), whole)


def test_the_first_number_on_paper() -> None:
    """Not deleted, 3 years: log odds of log(1/19) with -0.5 and 0.5; hazards 0.1 e^-0.2 + 0.02 and 0.1 e^0.2 + 0.02."""
    q = [np.exp(-0.5) / (19 + np.exp(-0.5)), np.exp(0.5) / (19 + np.exp(0.5))]
    alive = np.exp([-3 * (0.1 * np.exp(-0.2) + 0.02), -3 * (0.1 * np.exp(0.2) + 0.02)])
    expected = 0.25 * (1 - q[0]) * alive[0] + 0.75 * (1 - q[1]) * alive[1]
    assert on_paper(False, 3.0)["event-free survival", "any"] == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("at", [0.3, 3.0])
def test_curves_from_diagnosis(at: float) -> None:
    table = posterior_given().curves(at)
    for group, deleted in (("not deleted", False), ("any deletion", True)):
        found = table[table["group"] == group].set_index(["measure", "cause"])["estimate"]
        expected = on_paper(deleted, at)
        assert list(found.index.get_level_values("cause")) == ["any", "relapse", "other", "induction failure"]
        for name, value in found.items():
            assert value == pytest.approx(expected[name], abs=1e-13)
        assert found.sum() == pytest.approx(1.0, abs=1e-12)


def test_differences_from_diagnosis() -> None:
    found = posterior_given().contrasts(3.0).set_index(["measure", "cause"])["estimate"]
    without, with_deletion = on_paper(False, 3.0), on_paper(True, 3.0)
    assert len(found) == len(without)
    for name, value in found.items():
        assert value == pytest.approx(with_deletion[name] - without[name], abs=1e-13)
    assert found["time lost"].sum() == pytest.approx(-found["restricted mean"].item(), abs=1e-12)


def test_rows_of_the_table_are_odds() -> None:
    table = posterior_given().tidy(exponentiate=True)
    own = table[table["cause"] == "induction failure"].set_index("term")
    assert own.loc["deletion", ["estimate", "scale", "n", "n_event"]].tolist() == [pytest.approx(3.0), "odds ratio", 4, 1]
    assert own.loc["level", ["estimate", "scale", "n", "n_event"]].tolist() == [LEVEL, "log odds", 12, 2]
    assert set(own.loc["subtype", "scale"]) == {"odds ratio"}
    assert own.loc["subtype spread", "scale"] == "SD of log odds ratios"
    assert "drift" not in own.index
    n = posterior_given().glance().set_index("cause")["n"]
    assert n.to_dict() == {"relapse": 10.0, "other": 10.0, "induction failure": 12.0}
