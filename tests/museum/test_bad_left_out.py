"""Models that have no patients or groups to leave out, and comparisons of what is not alike."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko

N = 60
RUN: dict = {"seed": 1, "draws": 40, "tune": 60, "chains": 2}


def patients() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "t": np.round(rng.uniform(0.1, 6, N), 3), "s": rng.choice([0, 1, 2], N, p=[0.5, 0.35, 0.15]),
            "ikzf1_class": rng.choice(["none", "ik6", "del_4_8"], N, p=[0.6, 0.2, 0.2]),
            "subtype": rng.choice(list("abc"), N), "protocol": rng.choice(list("pq"), N), "w": 1.0, "e": 0.0,
            "half": np.where(np.arange(N) % 2 > 0, "odd", "even"), "one": "all", "id": np.repeat(np.arange(N // 2), 2),
        }
    )  # fmt: skip


def fitted(frame: pd.DataFrame, named: dict | None = None, **options: object) -> iko.Posterior:
    columns: dict = {"time": "t", "status": "s", "causes": {1: "relapse", 2: "death"}} | (named or {})
    spec = iko.hierarchical_spec(**({"causes": "relapse", "cuts": [2.0]} | options))  # type: ignore[arg-type]
    return iko.sample(iko.endpoint_from_columns(frame, **columns), spec, **RUN)


@pytest.fixture(scope="module")
def plain() -> iko.Posterior:
    return fitted(patients())


def test_groups_that_are_none(plain: iko.Posterior) -> None:
    with pytest.raises(iko.InputError, match=r"the model has no protocols. Name a column in `by`"):
        iko.leave_one_group_out(plain)
    with pytest.raises(iko.ColumnError, match="no column is called 'nowhere'"):
        iko.leave_one_group_out(plain, "nowhere")
    with pytest.raises(iko.InputError, match="fewer than two groups"):
        iko.leave_one_group_out(plain, "one")
    with pytest.raises(iko.InputError, match="too many groups to fit the model without each"):
        iko.leave_one_group_out(plain, "subtype", most=2)


@pytest.mark.parametrize("most", [-1, 2.5, True])
def test_numbers_of_refits(plain: iko.Posterior, most: object) -> None:
    with pytest.raises(iko.InputError, match="most must be a whole number of 0 or more"):
        iko.leave_one_group_out(plain, "half", most=most)  # type: ignore[arg-type]


@pytest.mark.parametrize(("role", "by"), [("protocol", None), ("subtype", "subtype"), ("classes", "ikzf1_class")])
def test_effects_that_add_up_to_zero_have_no_room_for_another(role: str, by: str | None) -> None:
    column = "ikzf1_class" if role == "classes" else role
    with pytest.raises(iko.InputError, match="add up to 0") as raised:
        iko.leave_one_group_out(fitted(patients(), **{role: column}), by)
    assert "superpopulation" in raised.value.next_step


def test_a_patient_in_two_groups() -> None:
    frame = patients()
    frame["e"] = np.where(np.arange(N) % 2 > 0, 10.0, 0.0)
    frame["t"] = frame["t"] + frame["e"]
    posterior = fitted(frame, {"subject": "id", "entry": "e"})
    with pytest.raises(iko.InputError, match="patients are in more than one group") as raised:
        iko.leave_one_group_out(posterior, "half")
    assert raised.value.count == N // 2


def test_what_notes_say() -> None:
    frame = patients()
    frame.loc[[3, 7], "half"] = None
    table = iko.leave_one_group_out(fitted(frame, strata="protocol"), "half")
    assert table["note"].str.contains("2 rows without a group are in every fit").all()
    assert table["n"].sum() == N - 2
    strata = iko.leave_one_group_out(fitted(frame, strata="protocol"), "protocol")
    assert strata["note"].str.contains("the baseline hazard is that of the priors").all()
    assert strata["note"].str.contains("not converged").all()  # 80 draws are too few for the gate
    rare = patients()
    rare.loc[rare["half"] == "odd", "ikzf1_class"] = "none"
    nested = iko.leave_one_group_out(fitted(rare), "half").set_index("group")["note"]
    assert "2 of class in no other group: by the sum of 0 and the prior" in nested["even"]
    assert "of class" not in nested["odd"]


def test_a_group_of_all_events_of_a_cause() -> None:
    """The others have no event: priors tell the level."""
    frame = patients()
    frame["half"] = np.where(frame["s"] == 1, "relapsed", "others")
    table = iko.leave_one_group_out(fitted(frame), "half").set_index("group")
    assert table.loc["others", "n_event"] == 0.0
    assert np.isfinite(table[["elpd", "pointwise", "mcse"]].to_numpy()).all()
    spline = iko.leave_one_group_out(fitted(frame, baseline="spline"), "half")
    assert np.isfinite(spline[["elpd", "pointwise"]].to_numpy()).all()


def test_draws_from_priors_are_not_fitted_again(plain: iko.Posterior) -> None:
    before = iko.sample_prior(plain.endpoint, plain.reduced.spec, seed=1, draws=50)
    with pytest.raises(iko.InputError, match="draws from the priors are not fitted again"):
        iko.leave_one_group_out(before, "half")


OTHERS: dict[str, tuple[dict, dict]] = {
    "entries": ({"e": 0.05}, {"entry": "e"}),
    "weights": ({"w": 2.0}, {"weights": "w"}),
    "times": ({"t": 1.0}, {}),
    "events": ({"s": 1}, {}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_models_of_other_data_are_not_compared(plain: iko.Posterior, name: str) -> None:
    columns, named = OTHERS[name]
    other = fitted(patients().assign(**columns), named)
    with pytest.raises(iko.InputError, match="different patients, times or causes"):
        iko.compare_posteriors({"one": plain, "two": other})


def test_units_of_time_are_compared(plain: iko.Posterior) -> None:
    with pytest.raises(iko.InputError, match="different patients, times or causes"):
        iko.compare_posteriors({"one": plain, "two": fitted(patients(), {"time_unit": "years"})})


def test_causes_in_another_order_are_the_same() -> None:
    one, two = fitted(patients(), causes=["relapse", "death"]), fitted(patients(), causes=["death", "relapse"])
    assert abs(iko.compare_posteriors({"one": one, "two": two})["difference"].iloc[1]) < 4
    with pytest.raises(iko.InputError, match="different patients, times or causes"):
        iko.compare_posteriors({"both": one, "any": fitted(patients(), causes="any")})
