"""Features, pathways and shares that a hierarchical model cannot take, and those that it takes with few patients."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint

N = 60
PEPTIDES = ("PEP1", "PEP2", "PEP3")


def patients(number: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "t": np.round(rng.uniform(0.1, 6, N), 3), "s": rng.choice([0, 1], N),
            "ikzf1_class": rng.choice(["none", "ik6", "del_4_8"], N, p=[0.6, 0.2, 0.2]),
            "subtype": rng.choice(list("abc"), N), "pax5": rng.choice(["normal", "deleted"], N), "x": rng.normal(size=N),
        }
    )  # fmt: skip
    values = rng.normal(size=(N, number))
    return pd.concat([frame, pd.DataFrame(values, columns=[f"PEP{k + 1}" for k in range(number)])], axis=1)


def endpoint(frame: pd.DataFrame) -> iko.Endpoint:
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, time_unit="years")


def spec(**options: object) -> iko.HierarchicalSpec:
    return iko.hierarchical_spec(**({"causes": "relapse", "cuts": [2.0]} | options))  # type: ignore[arg-type]


def fitted(frame: pd.DataFrame, **options: object) -> iko.Posterior:
    return iko.sample(endpoint(frame), spec(**options), seed=1, draws=100, tune=100, chains=2)


DESCRIPTIONS = {
    "a feature twice": ({"features": ["PEP1", "PEP1"]}, "a column has two roles"),
    "a feature that is the subtype": ({"features": ["PEP1", "subtype"], "subtype": "subtype"}, "a column has two roles"),
    "a feature that is an alteration": ({"features": ["pax5"], "alterations": ["pax5"]}, "a column has two roles"),
    "pathways alone": ({"pathways": {"one": ["PEP1"]}}, "pathways without features. Name the features"),
    "pathways in a list": ({"features": PEPTIDES, "pathways": ["one"]}, "pathways are no mapping"),
    "no pathway": ({"features": PEPTIDES, "pathways": {}}, "a pathway has no features"),
    "an empty pathway": ({"features": PEPTIDES, "pathways": {"one": []}}, "a pathway has no features. Leave it out"),
    "an unknown feature": (
        {"features": PEPTIDES, "pathways": {"one": ["PEP1", "PEP9"]}},
        "pathway 'one' names 'PEP9', which is no feature of the model",
    ),
    "a feature in two": (
        {"features": PEPTIDES, "pathways": {"one": ["PEP1"], "two": ["PEP1", "PEP2"]}},
        "a feature is in two pathways",
    ),
    "a feature twice in one": ({"features": PEPTIDES, "pathways": {"one": ["PEP1", "PEP1"]}}, "a feature is in two"),
    "the name of the rest": ({"features": PEPTIDES, "pathways": {"no pathway": ["PEP1"]}}, "Rename the pathway"),
    "a prior of alterations": ({"alterations": ["pax5"], "alterations_prior": "horseshoe"}, "Use normal or r2d2"),
    "nothing to share": ({"alterations_prior": "r2d2"}, "there are no alterations to share out"),
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_descriptions(name: str) -> None:
    options, words = DESCRIPTIONS[name]
    with pytest.raises(iko.InputError, match=words) as raised:
        spec(**options)
    assert raised.value.next_step


@pytest.mark.parametrize(
    "own",
    [
        ("half-cauchy", 1.0, 1.0), ("inverse-gamma", 0.5, 1.0), ("beta", 0.0, 4.0), ("beta", 1.0, 4.0), ("beta", 0.2, 0.0),
        ("beta", np.nan, 4.0),
    ],
)  # fmt: skip
def test_priors(own: tuple) -> None:
    with pytest.raises(iko.InputError, match=r"lies at 0|between 0 and 1|scale above 0"):
        iko.Prior(*own, unit="a unit", reason="a test")


def test_factors_of_priors() -> None:
    for family, factor in (("beta", 0.0), ("beta", np.inf), ("normal", 2.0)):
        with pytest.raises(iko.InputError, match="only a beta has a factor, above 0"):
            iko.Prior(family, 0.5, 1.0, unit="a unit", reason="a test", factor=factor)
    with pytest.raises(iko.InputError, match="the prior of feature_spread is no half-cauchy prior"):
        iko.Priors(feature_spread=iko.Prior("half-normal", 0.0, 1.0, unit="a unit", reason="a test"))


@pytest.mark.parametrize("number", [0, -1.0, np.nan, np.inf, "3", None, True])
def test_numbers_of_features_that_matter(number: object) -> None:
    with pytest.raises(iko.InputError, match="features that matter are a number above 0"):
        iko.Priors(features_that_matter=number)  # type: ignore[arg-type]


def test_unknown_features_and_words() -> None:
    with pytest.raises(iko.ColumnError, match="no column is called 'PEP9'"):
        reduce_endpoint(endpoint(patients()), spec(features=["PEP1", "PEP9"]))
    with pytest.raises(iko.InputError, match="column 'subtype' is not numeric"):
        reduce_endpoint(endpoint(patients()), spec(features=["subtype"]))


def test_features_that_are_covariates() -> None:
    for covariates in ("x + PEP1", ["PEP1"]):
        with pytest.raises(iko.InputError, match="a covariate has another role in the model"):
            reduce_endpoint(endpoint(patients()), spec(features=PEPTIDES, covariates=covariates))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_features_are_named_by_row(value: float) -> None:
    frame = patients()
    frame.loc[[1, 4], "PEP2"] = value
    with pytest.raises(iko.InputError, match="feature 'PEP2' has an infinite value") as raised:
        reduce_endpoint(endpoint(frame), spec(features=PEPTIDES))
    assert raised.value.where == (2, 5)


@pytest.mark.parametrize("values", [lambda x: 0 * x, lambda x: 0 * x + 7.0, lambda x: 1e9 + 1e-5 * x])
def test_constant_features_are_named(values) -> None:  # type: ignore[no-untyped-def]
    frame = patients().assign(PEP2=lambda part: values(part["PEP2"]))
    with pytest.raises(iko.InputError, match="feature 'PEP2' is constant among the rows analysed") as raised:
        reduce_endpoint(endpoint(frame), spec(features=PEPTIDES))
    assert raised.value.count == 1
    # constant among those who have all columns
    frame = patients()
    frame["PEP3"] = np.where(frame["PEP2"] > 0, 1.0, 2.0)
    frame.loc[frame["PEP3"] == 2.0, "PEP1"] = np.nan
    with pytest.raises(iko.InputError, match="feature 'PEP3' is constant"):
        reduce_endpoint(endpoint(frame), spec(features=PEPTIDES))


def test_the_unit_of_a_feature_does_not_matter() -> None:
    one = reduce_endpoint(endpoint(patients()), spec(features=PEPTIDES))
    frame = patients().assign(PEP2=lambda part: 1e-9 * part["PEP2"], PEP3=lambda part: 5e6 + 1e3 * part["PEP3"])
    two = reduce_endpoint(endpoint(frame), spec(features=PEPTIDES))
    for a, b in zip(one.patients.blocks[-1], two.patients.blocks[-1], strict=True):
        assert b.columns == pytest.approx(a.columns, abs=1e-11)


def test_missing_features_are_left_out_and_counted() -> None:
    frame = patients()
    frame.loc[:6, "PEP1"] = np.nan
    frame.loc[5:9, "PEP2"] = np.nan
    row = fitted(frame, features=PEPTIDES).glance().iloc[0]
    assert (row["n_excluded"], row["n"], row["n_event"]) == (10, N - 10, (frame["s"][10:] == 1).sum())


def test_features_that_a_whole_group_misses() -> None:
    frame = patients()
    frame.loc[frame["ikzf1_class"] == "ik6", "PEP1"] = np.nan
    table = fitted(frame, features=PEPTIDES).tidy()
    assert not table["contrast"].str.contains("ik6").any()  # nobody of the class is analysed
    frame.loc[frame["ikzf1_class"] != "none", "PEP1"] = np.nan
    with pytest.raises(iko.InputError, match="nobody with a deletion among the rows analysed"):
        reduce_endpoint(endpoint(frame), spec(features=PEPTIDES))
    with pytest.raises(iko.InputError, match="no row has all columns of the model") as raised:
        reduce_endpoint(endpoint(frame.assign(PEP1=np.nan)), spec(features=PEPTIDES))
    assert raised.value.count == N


def test_more_features_than_patients() -> None:
    names = [f"PEP{k + 1}" for k in range(2 * N)]
    posterior = fitted(patients(2 * N), features=names)
    own = posterior.tidy().query("term == 'feature'")
    assert own["contrast"].tolist() == names
    assert np.isfinite(own[["estimate", "low", "high"]].to_numpy()).all()
    assert (own["scale"] == "log hazard ratio per SD").all()
    assert np.isfinite(posterior.curves(3.0)["estimate"]).all()
    for table in (iko.shrinkage(posterior), iko.leave_one_out(posterior)):
        assert len(table)


def test_one_feature_and_none() -> None:
    one = fitted(patients(), features="PEP1").tidy()
    assert (one["term"] == "feature").sum() == 1
    none = fitted(patients(), features=()).tidy()
    pd.testing.assert_frame_equal(none, fitted(patients()).tidy())


def test_one_feature_twice_under_two_names() -> None:
    """Data that cannot tell them apart: both have numbers, and their sum is what the data know."""
    frame = patients().assign(PEP2=lambda part: part["PEP1"])
    table = fitted(frame, features=PEPTIDES).tidy()
    assert np.isfinite(table[["estimate", "low", "high"]].to_numpy()).all()


def test_one_alteration_shares_with_nobody() -> None:
    table = fitted(patients(), alterations=["pax5"], alterations_prior="r2d2").tidy()
    assert (table["term"] == "alteration").sum() == 1
    share = table.set_index("term").loc["alteration share"]
    assert share["scale"] == "share"
    assert 0 <= share["low"] < share["estimate"] < share["high"] < 1


def test_alterations_that_everybody_has_share_nothing() -> None:
    frame = patients().assign(pax5="deleted", x=lambda part: (part["x"] > 0).astype(int))
    with pytest.raises(iko.InputError, match="all patients are alike in 'pax5'") as raised:
        reduce_endpoint(endpoint(frame), spec(alterations=["x", "pax5"], alterations_prior="r2d2"))
    assert "normal" in raised.value.next_step
