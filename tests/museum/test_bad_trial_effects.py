"""Trials whose effects cannot differ, or of which the data say nothing: refused, or said."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint

N = 120
APART = "cannot all be told apart: the priors decide between them"


def patients() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "t": np.round(rng.uniform(0.1, 6, N), 3), "s": rng.choice([0, 1], N),
            "ikzf1_class": rng.choice(["none", "ik6", "del_4_8"], N, p=[0.5, 0.25, 0.25]),
            "trial": rng.choice(list("ABC"), N), "subtype": rng.choice(list("ab"), N),
        }
    )  # fmt: skip


def endpoint(frame: pd.DataFrame) -> iko.Endpoint:
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, time_unit="years")


def spec(role: str = "strata", **options) -> iko.HierarchicalSpec:
    return iko.hierarchical_spec(**({role: "trial", "effects_by": role, "cuts": [2.0]} | options))


def drawn(frame: pd.DataFrame, role: str = "strata", **options) -> iko.Posterior:
    return iko.sample_prior(endpoint(frame), spec(role, **options), seed=1, draws=20)


@pytest.mark.parametrize("role", ["trial", "subtype", True, ["strata"]])
def test_another_role(role) -> None:
    with pytest.raises(iko.InputError, match=r'effects_by is no role.*Use "protocol", or "strata"'):
        iko.hierarchical_spec(strata="trial", effects_by=role)


@pytest.mark.parametrize("role", ["strata", "protocol"])
def test_a_role_without_a_column(role: str) -> None:
    with pytest.raises(iko.InputError, match=f"effects differ by {role}, which has no column"):
        iko.hierarchical_spec(effects_by=role)


@pytest.mark.parametrize("role", ["strata", "protocol"])
def test_one_trial_only(role: str) -> None:
    with pytest.raises(iko.InputError, match="have one only") as raised:
        reduce_endpoint(endpoint(patients().assign(trial="A")), spec(role))
    assert "effects_by" in raised.value.next_step


def test_a_trial_in_which_nobody_has_a_deletion() -> None:
    frame = patients()
    frame.loc[frame["trial"] == "C", "ikzf1_class"] = "none"
    for pooling in ("zero-sum", "superpopulation"):
        notes = reduce_endpoint(endpoint(frame), spec(pooling=pooling)).notes
        assert "nobody with a deletion in 1 of 3 trials: the prior tells the effect there" in notes
        # the mean over the trials holds one of which nothing is known
        assert any(APART in note for note in notes)
    table = drawn(frame).contrasts(2.0, trial="C")
    assert table["note"].str.contains("nobody of this trial was in this group").all()
    assert table["estimate"].notna().all()
    own = drawn(frame).tidy().set_index("contrast")
    assert "the prior decides" in own.loc["any deletion vs not deleted, in C", "note"]


def test_a_class_in_one_trial_only() -> None:
    frame = patients()
    frame.loc[(frame["ikzf1_class"] == "ik6") & (frame["trial"] != "A"), "ikzf1_class"] = "none"
    reduced = reduce_endpoint(endpoint(frame), spec())
    assert reduced.notes == ("1 of 2 classes in one trial only: the priors tell class from trial there",)
    posterior = drawn(frame)
    assert posterior.curves(2.0, trial="B")["estimate"].notna().all()
    # the data speak of the class in that trial, and the row of the class beside it is what the priors make of it
    names = posterior.tidy().query("term == 'class by trial'")["contrast"].tolist()
    assert [name for name in names if name.startswith("ik6")] == ["ik6 vs not deleted, in A"]


@pytest.mark.parametrize("role", ["strata", "protocol"])
def test_a_class_that_is_a_trial(role: str) -> None:
    frame = patients().query("trial != 'C'")
    deleted = frame["ikzf1_class"] != "none"
    frame = frame.assign(ikzf1_class=np.where(deleted, np.where(frame["trial"] == "A", "ik6", "del_4_8"), "none"))
    notes = reduce_endpoint(endpoint(frame), spec(role)).notes
    last = " and strata" if role == "strata" else " and protocols"
    assert any(last in note and APART in note for note in notes)
    assert "2 of 2 classes in one trial only: the priors tell class from trial there" in notes
    # and the rows are the prior's: wide, and around no effect, however the rest is
    posterior = iko.sample(endpoint(frame), spec(role), seed=1, draws=400, tune=400)
    values = posterior.tidy().set_index(["term", "contrast"])
    class_of = values.loc[("class", "ik6 vs not deleted"), "posterior_sd"]
    in_trial = values.loc[("class by trial", "ik6 vs not deleted, in A"), "posterior_sd"]
    assert class_of > in_trial  # the class in its trial is told by its patients, the class alone by the priors, too


def test_strata_that_are_a_class_are_said() -> None:
    """All deleted in trial A, and nobody else there: its baseline and the effect of the deletion are one number."""
    frame = patients()
    frame["trial"] = np.where(frame["ikzf1_class"] != "none", "A", "B")
    for by in (None, "strata"):
        notes = reduce_endpoint(endpoint(frame), spec(effects_by=by)).notes
        assert any(note.startswith("classes, subtypes, protocols and strata cannot") for note in notes)
    notes = reduce_endpoint(endpoint(patients()), spec()).notes
    assert notes == ()


@pytest.mark.parametrize("role", ["strata", "protocol"])
def test_a_trial_without_events(role: str) -> None:
    frame = patients()
    frame.loc[frame["trial"] == "B", "s"] = 0
    posterior = iko.sample(endpoint(frame), spec(role), seed=1, draws=100, tune=100, chains=2)
    table = posterior.tidy().set_index(["term", "contrast"])
    row = table.loc[("deletion by trial", "any deletion vs not deleted, in B")]
    assert row["n_event"] == 0
    assert np.isfinite(row[["estimate", "low", "high"]].astype(float)).all()
    assert np.isfinite(posterior.contrasts(2.0, trial="B")["estimate"]).all()
    beside = iko.shrinkage(posterior).set_index(["contrast", "method"])
    assert beside.loc[("any deletion vs not deleted, in B", "Cox"), "note"].startswith("not estimable")


def test_one_deleted_class_has_no_classes_by_trial() -> None:
    frame = patients().replace({"ikzf1_class": {"del_4_8": "ik6"}})
    terms = set(drawn(frame).tidy()["term"])
    assert "deletion by trial" in terms
    assert "class by trial" not in terms
    with pytest.raises(iko.InputError, match=r"class that nobody of the model had.*the model knows"):
        drawn(frame, "protocol", pooling="superpopulation").predict(frame.iloc[:1].assign(ikzf1_class="new"), 1.0)


def test_trials_that_are_not_there() -> None:
    posterior = drawn(patients())
    for call in (posterior.curves, posterior.contrasts):
        with pytest.raises(iko.InputError, match=r"the model has no such trial.*A, B, C"):
            call(1.0, trial="D")
    with pytest.raises(iko.InputError, match=r"effects do not differ between trials.*effects_by"):
        drawn(patients(), effects_by=None).curves(1.0, trial="A")


def test_trials_with_numbers_for_names() -> None:
    frame = patients().assign(trial=lambda d: d["trial"].map({"A": 1, "B": 2, "C": 3}))
    posterior = drawn(frame)
    pd.testing.assert_frame_equal(posterior.curves(2.0, trial=2), posterior.curves(2.0, trial="2"))


@pytest.mark.parametrize("column", ["trial", "ikzf1_class", "subtype"])
def test_new_levels_have_no_room_where_effects_add_up_to_zero(column: str) -> None:
    posterior = drawn(patients(), "protocol", subtype="subtype")
    new = patients().iloc[:3].copy()
    new[column] = [new[column].iloc[0], "new", new[column].iloc[2]]
    with pytest.raises(iko.InputError, match=r"nobody of the model had.*row 2.*superpopulation"):
        posterior.predict(new, 1.0)


def test_a_new_stratum_has_no_baseline() -> None:
    posterior = drawn(patients(), pooling="superpopulation")
    with pytest.raises(iko.InputError, match=r"stratum that nobody of the model had.*name the column in `protocol`"):
        posterior.predict(patients().iloc[:1].assign(trial="new"), 1.0)


def test_an_unknown_class_is_no_new_one() -> None:
    posterior = drawn(patients(), "protocol", pooling="superpopulation")
    words = ["unknown", "NA", "not_tested", "failed"]
    table = posterior.predict(patients().iloc[:4].assign(ikzf1_class=words), 1.0)
    assert table["note"].tolist() == ["a column of the model is missing"] * 4


def test_leaving_out_a_trial_needs_a_superpopulation() -> None:
    posterior = iko.sample(endpoint(patients()), spec(), seed=1, draws=40, tune=40, chains=2)
    with pytest.raises(iko.InputError, match=r"effects of deletion by trial add up to 0.*superpopulation"):
        iko.leave_one_group_out(posterior, "trial")
