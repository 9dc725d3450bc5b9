"""Hierarchical models of unusual columns, times and combinations: what once came out wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes.induction import models_of
from ikzf1_outcomes.models.bayes.scenarios import pieces_of

N = 60


def patients() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "t": np.round(rng.uniform(0.5, 6, N), 3), "s": rng.choice([0, 1, 2], N, p=[0.5, 0.35, 0.15]),
            "ikzf1_class": rng.choice(["none", "ik6", "del_4_8"], N, p=[0.6, 0.2, 0.2]),
            "subtype": rng.choice(list("abc"), N), "protocol": rng.choice(list("pq"), N), "x": rng.normal(size=N),
        }
    )  # fmt: skip


def endpoint(frame: pd.DataFrame, **named: object) -> iko.Endpoint:
    options: dict = {"time": "t", "status": "s", "causes": {1: "relapse", 2: "death"}, "time_unit": "years"} | named
    return iko.endpoint_from_columns(frame, **options)


def before(made: iko.Endpoint, **options: object) -> iko.Posterior:
    """Draws from the priors: what tables are made of does not depend on the sampler."""
    spec = iko.hierarchical_spec(**({"cuts": [1.0, 3.0]} | options))  # type: ignore[arg-type]
    return iko.sample_prior(made, spec, seed=1, draws=30)


def sampled(made: iko.Endpoint, **options: object) -> iko.Posterior:
    spec = iko.hierarchical_spec(**({"cuts": [1.0, 3.0]} | options))  # type: ignore[arg-type]
    return iko.sample(made, spec, seed=1, draws=30, tune=50, chains=1)


# -- levels ----------------------------------------------------------------------------------------------------------------


def test_a_number_and_its_word_are_one_class() -> None:
    """A class written 1 in some rows and "1" in others: the patients of one of both counted as not deleted."""
    frame = patients()
    mixed = frame["ikzf1_class"].map({"none": "none", "ik6": 1, "del_4_8": "1"}).astype(object)
    table = before(endpoint(frame.assign(ikzf1_class=mixed))).tidy()
    deleted = float((frame["ikzf1_class"] != "none").sum())
    assert table.loc[table["term"] == "deletion", "n"].tolist() == [deleted, deleted]
    assert not table.duplicated(["term", "contrast", "cause"]).any()


def test_a_number_and_its_word_are_one_subtype() -> None:
    frame = patients()
    frame["subtype"] = pd.Series([1, "1", "b"] * (N // 3), dtype=object)
    table = before(endpoint(frame), subtype="subtype").tidy()
    assert not table.duplicated(["term", "contrast", "cause"]).any()
    own = table[(table["term"] == "subtype") & (table["cause"] == "relapse")]
    assert own["n"].tolist() == [N * 2 / 3, N / 3]


@pytest.mark.parametrize("name", ["any deletion", "not deleted"])
def test_a_class_that_is_called_as_a_group_of_the_tables(name: str) -> None:
    """Its curves stood under the name of all classes, or of none, and its difference was lost."""
    frame = patients().replace({"ikzf1_class": {"ik6": name}})
    with pytest.raises(iko.InputError, match="a deleted class is called") as raised:
        before(endpoint(frame))
    assert "Rename" in str(raised.value.next_step)


def test_the_words_of_a_flag_of_deletion() -> None:
    frame = patients()
    flag = np.where(frame["ikzf1_class"] == "none", "not deleted", "any deletion")
    groups = before(endpoint(frame.assign(ikzf1_class=flag)), undeleted="not deleted").curves(2)["group"]
    assert groups.unique().tolist() == ["not deleted", "any deletion"]


@pytest.mark.parametrize("kind", [bool, int, float])
def test_one_level_without_a_deletion_that_is_no_word(kind: type) -> None:
    flag = (patients()["ikzf1_class"] != "none").astype(kind)
    table = before(endpoint(patients().assign(ikzf1_class=flag)), undeleted=kind(0)).tidy()
    assert table.loc[table["term"] == "deletion", "n"].tolist() == [float(flag.sum())] * 2


# -- times -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0.15, 0.3, 0.35, 0.6, 0.7])
@pytest.mark.parametrize("role", ["landmark", "change", "cut"])
def test_a_spline_with_times_that_differ_from_its_pieces_by_rounding(at: float, role: str) -> None:
    """7 x 0.05 is not 0.35: between both the hazard was a difference of rounded sums, at times below 0, and curves NaN."""
    made, options = endpoint(patients()), {"baseline": "spline", "cuts": [at, 3.0] if role == "cut" else [1.0, 3.0]}
    made = iko.landmark(made, at) if role == "landmark" else made
    posterior = before(made, **options, changes_at=at if role == "change" else None)
    pieces = pieces_of(posterior.reduced, np.array([1.0, 5.0]))
    late = np.concatenate(([0.0], pieces.cuts)) >= posterior.reduced.start
    assert (pieces.share >= 0).all()
    np.testing.assert_allclose(pieces.share[late].sum(axis=1), 1.0, rtol=1e-9)
    assert np.isfinite(posterior.curves([1.0, 5.0])[["estimate", "low", "high"]].to_numpy()).all()


def test_effects_that_change_before_anybody_is_followed() -> None:
    """Effects up to the change, and those of classes within subtypes, were those of the prior, and nothing said so."""
    made = iko.landmark(endpoint(patients()), 1.0)
    for at in (0.5, 1.0):
        with pytest.raises(iko.InputError, match="effects change before anybody is followed") as raised:
            before(made, changes_at=at)
        assert raised.value.next_step
    assert before(made, changes_at=1.5).reduced.start == 1.0


@pytest.mark.parametrize("times", [(t for t in (1.0, 2.0)), {2.0, 1.0}, pd.Series([2.0, 1.0]), {1.0: "a", 2.0: "b"}.keys()])
def test_times_in_whatever_holds_them(times: object) -> None:
    assert before(endpoint(patients())).curves(times)["time"].unique().tolist() == [1.0, 2.0]  # type: ignore[arg-type]


@pytest.mark.parametrize("times", ["a", ["a"], [], [[1.0], [1.0, 2.0]], object(), None])
def test_times_that_are_none(times: object) -> None:
    with pytest.raises(iko.InputError, match="times must be above 0"):
        before(endpoint(patients())).contrasts(times)  # type: ignore[arg-type]


# -- causes and files ------------------------------------------------------------------------------------------------------


def test_a_cause_with_a_slash_in_its_name_is_saved(tmp_path: Path) -> None:
    """Files have no slashes in names of variables: the draws could not be written, after hours of sampling."""
    made = endpoint(patients(), causes={1: "relapse/progression", 2: "death"})
    posterior = sampled(made)
    again = iko.load_posterior(posterior.save(tmp_path / "draws.nc"), made)
    pd.testing.assert_frame_equal(again.tidy(), posterior.tidy())
    spec = iko.hierarchical_spec(cuts=[1.0, 3.0])
    runs = [iko.sample(made, spec, seed=1, draws=30, tune=50, chains=1, keep=tmp_path / "kept") for _ in range(2)]
    assert len(list((tmp_path / "kept").glob("*.nc"))) == 2
    pd.testing.assert_frame_equal(runs[0].tidy(), runs[1].tidy())


def test_causes_from_a_generator_beside_induction() -> None:
    """The check against `induction` used them up, and none was left for the model."""
    names: Any = (name for name in ("relapse", "other"))
    spec = iko.hierarchical_spec(causes=names, induction="non-response")
    assert spec.causes == ("relapse", "other")


# -- questions that make no sense ------------------------------------------------------------------------------------------


def test_nobody_is_left_out_of_draws_from_the_priors() -> None:
    """Weights of patients among draws that no patient told gave a number all the same."""
    posterior = before(endpoint(patients()))
    for ask in (iko.leave_one_out, lambda own: iko.compare_posteriors({"a": own, "b": own})):
        with pytest.raises(iko.InputError, match="no patients to leave out"):
            ask(posterior)


# -- leaving out, and aggregates -------------------------------------------------------------------------------------------


def from_diagnosis(alone: bool) -> pd.DataFrame:
    """Patients of whom some failed induction: all of one protocol, or a single one."""
    frame = patients().assign(protocol=list("pq") * (N // 2))
    failed = [4] if alone else [4, 8, 20]
    frame.loc[failed, ["t", "s"]] = [0.0, 3]
    return frame


def test_a_protocol_that_has_all_failures_of_induction_is_left_out() -> None:
    """Its refit was refused, for want of failures, in the midst of the others'."""
    made = endpoint(from_diagnosis(alone=False), causes={1: "relapse", 2: "death", 3: "non-response"})
    posterior = sampled(
        made, induction="non-response", protocol="protocol", pooling="superpopulation", causes="relapse", cuts=[]
    )
    table = iko.leave_one_group_out(posterior)
    assert table["group"].tolist() == ["p", "q"]
    assert np.isfinite(table[["elpd", "pointwise"]].to_numpy()).all()


def test_a_group_that_has_all_events_is_left_out_of_a_model_with_features() -> None:
    """The scale of the features was divided by no events."""
    frame = patients().assign(y=np.random.default_rng(1).normal(size=N))
    frame["hospital"] = np.where(frame["s"] == 2, "a", np.where(np.arange(N) % 2, "a", "b"))
    posterior = sampled(endpoint(frame), features=["x", "y"], causes="death", cuts=[])
    table = iko.leave_one_group_out(posterior, "hospital")
    assert np.isfinite(table["elpd"].to_numpy(dtype=float)).all()


def test_an_aggregate_of_patients_who_change_their_pattern_keeps_their_follow_up() -> None:
    """Patterns of later rows alone have no patients, and their follow-up was lost: hazards came out too high."""
    rows = pd.DataFrame(
        {
            "id": [0, 0, 1, 2, 3, 4], "e": [0.0, 1.0, 0.0, 0.0, 0.0, 0.0], "t": [1.0, 3.0, 2.0, 4.0, 5.0, 2.5],
            "s": [0, 0, 1, 1, 0, 0], "ikzf1_class": ["none", "none", "ik6", "none", "ik6", "none"], "y": [0, 2, 0, 1, 1, 0],
        }
    )  # fmt: skip
    made = endpoint(rows, entry="e", subject="id", causes={1: "relapse"})
    spec = iko.hierarchical_spec(covariates="y", cuts=[2.0])
    with pytest.raises(iko.InputError, match="patterns have follow-up, but no patients"):
        iko.sample_aggregate(iko.aggregate(made, ["ikzf1_class", "y"], [2.0]), spec, seed=1, draws=30, tune=50, chains=1)


# -- rows of one patient --------------------------------------------------------------------------------------------------


def rows_that_change() -> pd.DataFrame:
    """Patients with two rows, whose covariate is another in the second."""
    first = patients().assign(id=np.arange(N), e=0.0)
    first.loc[[4, 8], ["t", "s"]] = [0.05, 3]
    later = first[first["t"] > 1.0].assign(e=0.6, x=lambda own: own["x"] + 2.0)
    first.loc[later.index, ["t", "s"]] = [0.6, 0]
    return pd.concat([first, later], ignore_index=True)


@pytest.mark.parametrize("induction", [None, "non-response"])
def test_the_first_row_of_a_patient_is_that_of_the_earliest_entry(induction: str | None) -> None:
    """It was the one that stood first: with rows in another order, curves and failures of induction had later columns."""
    frame, found = rows_that_change(), []
    if induction is None:
        frame = frame[frame["s"] != 3]
    for rows in (frame, frame.iloc[::-1]):
        causes = {1: "relapse", 2: "death"} | ({3: "non-response"} if induction else {})
        made = endpoint(rows, entry="e", subject="id", causes=causes)
        found.append(before(made, covariates="x", causes=("relapse", "other"), induction=induction))
        cells = iko.aggregate(made, ["ikzf1_class", "x"], [1.0, 3.0])
        assert cells.n.sum() == frame["id"].nunique()
        assert (cells.n[cells.patterns["x"].isin(frame.loc[frame["e"] > 0, "x"])] == 0).all()
    curves = [own.curves([1.0, 4.0])["estimate"].to_numpy() for own in found]
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-10)
    if induction:
        sums = [models_of(own.reduced)[-1].sums for own in found]
        np.testing.assert_allclose(sums[0].event_sum, sums[1].event_sum, rtol=1e-12)
        shares = [float(sum(one.exposure[:, 0] @ one.blocks[-1][one.row[:, -1]])) for one in sums]
        assert shares[0] == pytest.approx(shares[1], rel=1e-10)


# -- arguments of the wrong kind -------------------------------------------------------------------------------------------

KINDS: dict[str, tuple[dict, str]] = {
    "classes in a list": ({"classes": ["ikzf1_class"]}, "classes is one column"),
    "a protocol in a list": ({"protocol": ["protocol"]}, "protocol is one column"),
    "no alterations": ({"alterations": None}, "alterations must be a name, or several"),
    "a number of features": ({"features": 3}, "features must be a name, or several"),
    "a number of causes": ({"causes": 1}, "causes must be a name, or several"),
    "a number for induction": ({"induction": 1}, "induction must be a name, or several"),
    "no cause for induction": ({"induction": [None]}, "induction has no cause"),
    "a pathway of nothing": ({"features": "x", "pathways": {"a": None}}, "features of a pathway must be a name"),
    "cuts in a square": ({"cuts": [[1, 2]]}, "cuts must be above 0 and ascend"),
    "pathways of one name": ({"features": ["x", "y"], "pathways": {1: "x", "1": "y"}}, "two pathways have one name"),
}


@pytest.mark.parametrize("name", KINDS)
def test_descriptions_of_the_wrong_kind(name: str) -> None:
    options, words = KINDS[name]
    with pytest.raises(iko.InputError, match=words) as raised:
        iko.hierarchical_spec(**options)
    assert raised.value.next_step


def test_a_table_is_no_endpoint() -> None:
    frame: Any = patients()
    made, spec, other = endpoint(frame), iko.hierarchical_spec(cuts=[1.0]), dict[str, Any]()
    asks: list[Any] = [iko.sample, iko.sample_prior]
    for ask in asks:
        for first, second in ((frame, spec), (made, other)):
            with pytest.raises(iko.InputError, match="needs an endpoint, then a description"):
                ask(first, second, seed=1)
    with pytest.raises(iko.InputError, match="no aggregate"):
        iko.sample_aggregate(made, spec, seed=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ["classes", "subtype", "alterations", "features"])
def test_a_column_that_is_there_twice(role: str) -> None:
    name = {"classes": "ikzf1_class", "subtype": "subtype"}.get(role, "x")
    frame = pd.concat([patients(), patients()[[name]]], axis=1)
    with pytest.raises(iko.ColumnError, match="several columns are called"):
        before(endpoint(frame), **{role: name})


@pytest.mark.parametrize("number", ["1", None, True, [1.0]])
def test_priors_of_what_is_no_number(number: Any) -> None:
    for location, scale in ((number, 1.0), (0.0, number)):
        with pytest.raises(iko.InputError, match="are numbers"):
            iko.Prior("normal", location, scale, "log hazard ratio", "for a test")
    if number is not True:
        with pytest.raises(iko.InputError, match="widened by a factor above 0"):
            iko.Priors().widened(number)


def test_too_few_draws_to_weigh() -> None:
    """The tail of the weights had no place among a single draw."""
    spec = iko.hierarchical_spec(cuts=[])
    posterior = iko.sample(endpoint(patients()), spec, seed=1, draws=1, tune=50, chains=1)
    with pytest.raises(iko.InputError, match="fewer than 20 draws cannot be weighted"):
        iko.leave_one_out(posterior)


def test_a_date_is_no_feature() -> None:
    """It was taken as nanoseconds, and had a hazard ratio per standard deviation."""
    frame = patients().assign(x=lambda own: pd.Timestamp("2020-01-01") + pd.to_timedelta(own["x"], "D"))
    with pytest.raises(iko.InputError, match="feature 'x' is a date"):
        before(endpoint(frame), features="x")


@pytest.mark.parametrize("margin", ["1.5", None, [2.0]])
def test_margins_that_are_no_numbers(margin: Any) -> None:
    with pytest.raises(iko.InputError, match="margin is a hazard ratio"):
        before(endpoint(patients())).tidy(margin=margin)
