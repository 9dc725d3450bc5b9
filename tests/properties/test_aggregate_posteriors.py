"""Models of aggregates: an exact aggregate has the density of its patients; what a release moves is said."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.density_memory import pack
from ikzf1_outcomes.kernels.hierarchical_density import evaluate
from ikzf1_outcomes.models.bayes.aggregate_posterior import reduce_aggregate
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint

N = 240
CUTS = [0.5, 1.0, 2.0, 3.0]
BY = ["ikzf1_class", "subtype", "protocol", "pax5", "age"]
OPTIONS: dict[str, dict] = {
    "all roles": {"subtype": "subtype", "protocol": "protocol", "alterations": ["pax5"], "covariates": "age", "cuts": CUTS},
    "fewer cuts, strata": {"strata": "protocol", "cuts": [1.0], "causes": ["death", "relapse"]},
    "no cut, any": {"cuts": [], "causes": "any", "covariates": "log(age) + subtype"},
    "a change among the cuts": {"changes_at": 1.0, "cuts": CUTS, "pooling": "superpopulation"},
    "a change between the cuts": {"changes_at": 1.0, "cuts": [0.5, 3.0], "subtype": "subtype", "causes": "relapse"},
}


def patients(seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "ikzf1_class": rng.choice(["none", "ik6", "whole_gene", "not_tested"], N, p=[0.5, 0.25, 0.2, 0.05]),
            "subtype": rng.choice(list("abc"), N), "protocol": rng.choice([1, 2], N), "pax5": rng.integers(0, 2, N),
            "age": rng.choice([2.0, 5.0, 11.0, np.nan], N, p=[0.4, 0.3, 0.25, 0.05]),
        }
    )  # fmt: skip
    frame["t"] = np.minimum(rng.exponential(4, N), rng.uniform(2, 8, N)) + 0.2
    return frame.assign(s=rng.choice([0, 1, 2], N, p=[0.4, 0.4, 0.2]), e=0.2)


def endpoint(frame: pd.DataFrame, **named: object) -> iko.Endpoint:
    options: dict = {"time": "t", "status": "s", "causes": {1: "relapse", 2: "death"}, "time_unit": "years"} | named
    return iko.endpoint_from_columns(frame, **options)


@pytest.mark.parametrize("start", [0.0, 0.2])
@pytest.mark.parametrize("name", OPTIONS)
def test_the_density_is_that_of_the_patients(name: str, start: float) -> None:
    whole = endpoint(patients(), **({"entry": "e"} if start else {}))
    spec = iko.hierarchical_spec(**OPTIONS[name])
    complete = endpoint(patients().dropna(subset=["age"]).reset_index(drop=True), **({"entry": "e"} if start else {}))
    made = iko.aggregate(whole, BY, CUTS)
    stands, found = reduce_aggregate(made, spec, start)
    alike = reduce_endpoint(complete, spec)
    assert found.causes == alike.causes
    assert found.counted.sum() == alike.counted.sum()
    assert found.every_event == alike.every_event
    assert found.start == alike.start
    assert found.longest <= alike.longest + 1e-9
    rng = np.random.default_rng(1)
    for own, other in zip(found.models, alike.models, strict=True):
        one, two = (pack(some.sums, some.baseline, some.families) for some in (own, other))
        assert own.n_event == other.n_event
        assert [e.labels for e in own.effects] == [e.labels for e in other.effects]
        assert one.n_dim == two.n_dim
        for _ in range(3):
            theta = 0.5 * rng.normal(size=one.n_dim)
            a, b = evaluate(one, theta), evaluate(two, theta)
            assert a[0] == pytest.approx(b[0], rel=1e-10)
            assert a[1] == pytest.approx(b[1], rel=1e-8, abs=1e-8)
    assert f"{made.n_excluded} rows without a pattern are not in the aggregate" in found.notes
    assert len(stands) == made.n.sum()


def test_tables_are_those_of_the_patients_up_to_monte_carlo() -> None:
    frame = patients().dropna(subset=["age"]).reset_index(drop=True)
    spec = iko.hierarchical_spec(covariates="age", subtype="subtype", cuts=[1.0, 2.0])
    one = iko.sample(endpoint(frame), spec, seed=1, draws=1000, tune=400, chains=2)
    two = iko.sample_aggregate(iko.aggregate(endpoint(frame), BY, CUTS), spec, seed=2, draws=1000, tune=400, chains=2)
    a, b = one.tidy(), two.tidy()
    key = ["term", "contrast", "cause", "n", "n_event", "prior_p_above_1", "scale"]
    pd.testing.assert_frame_equal(a[key], b[key])
    error = 1.26 * np.sqrt(a["posterior_sd"] ** 2 / a["ess_bulk"] + b["posterior_sd"] ** 2 / b["ess_bulk"])
    assert (np.abs(a["estimate"] - b["estimate"]) < 4.5 * error).all()
    left, right = one.contrasts(2.0), two.contrasts(2.0)
    assert left["estimate"].to_numpy() == pytest.approx(right["estimate"].to_numpy(), abs=0.03)
    assert repr(two) == "AggregatePosterior(aggregate: relapse, death; 2 chains x 1000 draws)"


def test_an_aggregate_released_as_it_is_moves_nothing() -> None:
    exact = iko.aggregate(endpoint(patients()), ["ikzf1_class", "subtype"], [1.0, 2.0])
    spec = iko.hierarchical_spec(subtype="subtype", cuts=[1.0, 2.0], causes="relapse")
    table = iko.release_shift(exact, exact, spec, seed=1, draws=100, tune=100, chains=2)
    assert (table["shift"] == 0.0).all()
    assert (table["estimate"] == table["release_estimate"]).all()
    assert (table["posterior_sd"] == table["release_sd"]).all()


def test_a_release_says_what_it_has_not() -> None:
    many = pd.concat([patients(seed) for seed in range(12)], ignore_index=True)
    exact = iko.aggregate(endpoint(many.query("ikzf1_class != 'not_tested'")), BY, CUTS)
    release = iko.release_aggregate(exact)
    assert "ikzf1_class" in release.by
    assert "age" not in release.by
    spec = iko.hierarchical_spec(**OPTIONS["all roles"])
    settings = {"draws": 600, "tune": 300, "chains": 2}
    table = iko.release_shift(exact, release, spec, seed=1, **settings)
    one = iko.sample_aggregate(exact, spec, seed=1, **settings).tidy()
    assert (table["estimate"] == one["estimate"]).all()
    known = table[table["release_estimate"].notna()]
    own = (known["release_estimate"] - known["estimate"]) / known["posterior_sd"]
    assert known["shift"].to_numpy() == pytest.approx(own.to_numpy(), abs=1e-12)
    absent = table[table["release_estimate"].isna()]
    assert {"covariate"} <= set(absent["term"])
    assert absent["note"].str.startswith("not in the release").all()
    assert absent["shift"].isna().all()
    assert table["note"].str.contains("the release has no ").all()
    assert table["note"].str.contains("covariates").all()
    kept = sum(cut in release.cuts for cut in CUTS)
    assert kept == 4 or table["note"].str.contains(f"{kept} of 4 cuts in the release").all()
    deletion = table[(table["term"] == "deletion") & (table["cause"] == "relapse")].iloc[0]
    assert abs(deletion["shift"]) < 1.0


# -- what is refused -------------------------------------------------------------------------------------------------------


def test_descriptions_that_an_aggregate_does_not_answer() -> None:
    made = iko.aggregate(endpoint(patients()), ["ikzf1_class"], CUTS)
    for options, words in (
        ({"baseline": "spline", "cuts": [1.0]}, "piecewise hazards without a bound"),
        ({"bound": 20.0, "cuts": [1.0]}, "piecewise hazards without a bound"),
        ({"cuts": [1.0, 1.5]}, "cuts of the model are not among those of the aggregate"),
        ({"cuts": [1.0], "changes_at": 1.5}, "cuts of the model are not among those of the aggregate"),
        ({"cuts": [1.0], "subtype": "subtype"}, "no column is called 'subtype'"),
        ({"cuts": [1.0], "causes": "late"}, "no cause is called 'late'"),
    ):
        with pytest.raises(iko.InputError, match=words):
            iko.sample_aggregate(made, iko.hierarchical_spec(**options), seed=1)  # type: ignore[arg-type]
    spec = iko.hierarchical_spec(cuts=[1.0])
    for start in (-0.1, 0.5, np.nan):
        with pytest.raises(iko.InputError, match="follow-up must start at 0 or later, before the first cut"):
            iko.sample_aggregate(made, spec, seed=1, start=start)
    weighted = iko.aggregate(endpoint(patients().assign(w=0.5), weights="w"), ["ikzf1_class"], CUTS)
    with pytest.raises(iko.InputError, match="numbers of patients are not whole"):
        iko.sample_aggregate(weighted, spec, seed=1)
    with pytest.raises(iko.InputError, match="draws must be a whole number"):
        iko.sample_aggregate(made, spec, seed=1, draws=0)


def test_questions_to_rows_are_refused() -> None:
    made = iko.aggregate(endpoint(patients()), ["ikzf1_class"], CUTS)
    posterior = iko.sample_aggregate(made, iko.hierarchical_spec(cuts=[1.0]), seed=1, draws=40, tune=60, chains=2)
    for ask in (
        lambda: iko.leave_one_out(posterior),
        lambda: iko.leave_one_group_out(posterior, "ikzf1_class"),
        lambda: iko.shrinkage(posterior),
    ):
        with pytest.raises(iko.InputError, match="an aggregate has no times of patients"):
            ask()
    with pytest.raises(iko.InputError, match="draws of an aggregate have no file"):
        posterior.save("draws.nc")


def test_releases_that_are_of_something_else() -> None:
    exact = iko.aggregate(endpoint(patients()), ["ikzf1_class", "subtype"], CUTS)
    spec = iko.hierarchical_spec(cuts=[1.0])
    other = iko.aggregate(endpoint(patients(), causes={1: "relapse", 2: "other"}), ["ikzf1_class"], CUTS)
    with pytest.raises(iko.InputError, match="the release has other causes"):
        iko.release_shift(exact, other, spec, seed=1)
    without = iko.aggregate(endpoint(patients()), ["subtype"], CUTS)
    with pytest.raises(iko.InputError, match="the release has no classes"):
        iko.release_shift(exact, without, spec, seed=1)
