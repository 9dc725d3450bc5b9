"""Weibull hazards and mixture cure beside the other parts of a model: features, failures of induction, files, refits."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes import sampling
from ikzf1_outcomes.models.bayes.compiled_graphs import kind_of, patient_density
from ikzf1_outcomes.models.bayes.induction import models_of
from ikzf1_outcomes.models.bayes.latencies import cumulative, log_survival, uncured_of
from ikzf1_outcomes.models.bayes.left_out import left_out, log_likelihood, with_refits
from ikzf1_outcomes.models.bayes.nuts import Density
from ikzf1_outcomes.models.bayes.reduction import CauseModel
from ikzf1_outcomes.models.bayes.refits import models_without

N, PEPTIDES, LOST = 120, ["PEP1", "PEP2", "PEP3"], ["pax5", "cdkn2a"]
MANY = {"features": PEPTIDES, "pathways": {"one": PEPTIDES[:2]}, "alterations": LOST, "alterations_prior": "r2d2"}
OPTIONS: dict[str, dict] = {
    "Weibull, induction": {"baseline": "weibull", "induction": "non-response", "covariates": ["x"]},
    "Weibull, features": {"baseline": "weibull", **MANY},
    "cure, features": {"baseline": "weibull", "cure": True, **MANY},
    "cure by pieces, features": {"cure": True, "cuts": [1.0, 3.0], **MANY},
}
HOW = {"draws": 60, "tune": 80, "chains": 2}


def patients() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(
        {
            "ikzf1_class": rng.choice(["none", "ik6", "del_4_8"], N, p=[0.6, 0.2, 0.2]), "x": rng.normal(size=N),
            "t": np.round(rng.uniform(0.2, 6.0, N), 2), "s": rng.choice([0, 1, 2], N, p=[0.5, 0.35, 0.15]),
        }
    )  # fmt: skip
    frame[PEPTIDES], frame[LOST] = rng.normal(size=(N, 3)), (rng.random((N, 2)) < 0.3).astype(int)
    frame["e"] = np.where(rng.random(N) < 0.2, np.round(frame["t"] / 2, 2), 0.0)
    return frame


def endpoint(name: str = "", frame: pd.DataFrame | None = None) -> iko.Endpoint:
    """With entries that are late; or with non-response, at 0.1 years and of some later, before all else."""
    own, causes, entry = patients() if frame is None else frame, {1: "relapse", 2: "death"}, "e"
    if "induction" in name:
        fails, when = np.arange(N) % 8 == 0, np.where(np.arange(N) % 16 == 0, 0.0, 0.1)
        own = own.assign(t=np.where(fails, when, own["t"]), s=np.where(fails, 3, own["s"]))
        causes, entry = causes | {3: "non-response"}, None
    return iko.endpoint_from_columns(own, time="t", status="s", causes=causes, entry=entry, time_unit="years")


def described(name: str, **options: object) -> iko.HierarchicalSpec:
    return iko.hierarchical_spec(**{"causes": ("relapse", "death")} | OPTIONS[name] | options)


def without_data(own: CauseModel) -> Density:
    """The density of the priors alone."""
    assert own.rows is not None
    rows = own.rows._replace(weight=0 * own.rows.weight, alone=0 * own.rows.alone, event_weight=0 * own.rows.event_weight)
    return patient_density(own._replace(rows=rows, sums=own.sums._replace(event_sum=0 * own.sums.event_sum)))


@pytest.mark.parametrize("name", OPTIONS)
def test_the_patients_add_up_to_the_model(name: str) -> None:
    """As leave-one-out has them, with the effects that tables show: who failed induction has no part in the hazards."""
    before = iko.sample_prior(endpoint(name), described(name), seed=1, draws=5)
    rows = np.arange(N)
    for own in before.sampled:
        model = own.drawn.model
        if model.binary:
            continue
        each = log_likelihood(before.endpoint, before.reduced, own.drawn, rows, 5)
        whole, prior = patient_density(model), without_data(model)
        sums = [whole.evaluate(theta)[0] - prior.evaluate(theta)[0] for theta in own.drawn.position[0]]
        assert each.sum(axis=1) == pytest.approx(sums, rel=1e-9, abs=1e-8)
        assert (each[:, before.endpoint.cause == 3] == 0).all()


@pytest.mark.parametrize("name", OPTIONS)
def test_one_graph_serves_both_causes(name: str) -> None:
    """What hangs on the number of events is data: each graph takes half a minute to compile, where there are features."""
    relapse, death = iko.sample_prior(endpoint(name), described(name), seed=1, draws=4).reduced.models
    assert relapse.n_event != death.n_event
    assert kind_of(relapse) == kind_of(death)


@pytest.mark.parametrize("name", OPTIONS)
def test_survival_and_incidences_add_up_to_1(name: str) -> None:
    before = iko.sample_prior(endpoint(name), described(name), seed=1, draws=20)
    for _, risks in before.scenarios(np.array([0.5, 2.0, 5.0])):
        assert risks.survival[:, 0] + risks.incidence.sum(axis=1)[:, 0] == pytest.approx(1.0, abs=1e-12)
    causes = before.curves(5.0)["cause"].unique().tolist()
    assert causes == ["any", *(own.cause for own in models_of(before.reduced))]


def test_survival_after_induction_is_that_of_the_weibull() -> None:
    """Of one patient a draw: q(x) fails, the others have the hazards from the end of induction on."""
    name = "Weibull, induction"
    before = iko.sample_prior(endpoint(name), described(name, covariates=None), seed=2, draws=10)
    *hazards, binary = (own.drawn for own in before.sampled)
    none, at = np.zeros(1, dtype=int), np.array([3.0])
    lived = [
        cumulative(own.model, own.log_hazard[0], at, none) - cumulative(own.model, own.log_hazard[0], np.array([0.1]), none)
        for own in hazards
    ]
    through = expit(-binary.log_hazard[0][:, 0])
    risks = dict(before.scenarios(at))["not deleted"]
    assert risks.survival[:, 0] == pytest.approx(through * np.exp(-sum(lived)), rel=1e-10)


def test_odds_of_features_are_odds() -> None:
    before = iko.sample_prior(endpoint(), described("cure, features"), seed=1, draws=50)
    table = before.tidy().set_index("term")
    assert set(table.loc["feature", "scale"]) == {"log odds ratio per SD"}
    assert set(table.loc["feature spread", "scale"]) == {"SD of log odds ratios per SD"}
    assert table["note"].loc["feature"].str.contains("not cure as a patient").all()


# -- files, refits, folders ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weibull() -> iko.Posterior:
    return iko.sample(endpoint(), iko.hierarchical_spec(baseline="weibull", causes=("relapse", "death")), seed=3, **HOW)


@pytest.fixture(scope="module")
def cured() -> iko.Posterior:
    spec = iko.hierarchical_spec(baseline="weibull", cure=True, causes=("relapse", "death"))
    return iko.sample(endpoint(), spec, seed=3, **HOW)


@pytest.mark.parametrize("name", ["weibull", "cured"])
def test_a_file_gives_the_tables_again(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    posterior = request.getfixturevalue(name)
    again = iko.load_posterior(posterior.save(tmp_path / "one.nc"), endpoint())
    assert again.reduced.spec == posterior.reduced.spec
    for table in ("tidy", "glance"):
        pd.testing.assert_frame_equal(getattr(again, table)(), getattr(posterior, table)(), check_exact=True)
    pd.testing.assert_frame_equal(again.contrasts([1.0, 5.0]), posterior.contrasts([1.0, 5.0]), check_exact=True)


def test_a_run_is_taken_up(weibull: iko.Posterior, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = weibull.reduced.spec
    first = iko.sample(endpoint(), spec, seed=3, keep=tmp_path / "kept", **HOW)
    monkeypatch.setattr(sampling, "sampled", lambda *_: pytest.fail("sampled anew"))
    second = iko.sample(endpoint(), spec, seed=3, keep=tmp_path / "kept", **HOW)
    for one, two in ((weibull, first), (first, second)):
        pd.testing.assert_frame_equal(one.tidy(), two.tidy(), check_exact=True)


@pytest.mark.parametrize("name", ["weibull", "cured"])
def test_a_patient_of_weight_0_is_no_patient(name: str, request: pytest.FixtureRequest) -> None:
    """The density without two of them is that of a cohort which never had them."""
    posterior = request.getfixturevalue(name)
    left = np.isin(np.arange(N), [3, 50])
    light = models_without(posterior, left)
    fewer = iko.sample_prior(endpoint(frame=patients()[~left]), posterior.reduced.spec, seed=1, draws=4)
    theta = posterior.sampled[0].drawn.position[0, :3]
    for one, two in zip(light, fewer.reduced.models, strict=True):
        assert [family.size for family in one.families] == [family.size for family in two.families]
        two = two._replace(effects=one.effects)
        found = [patient_density(one).evaluate(point) for point in theta]
        wanted = [patient_density(two).evaluate(point) for point in theta]
        for (value, slope), (value_too, slope_too) in zip(found, wanted, strict=True):
            assert value == pytest.approx(value_too, rel=1e-10)
            assert slope == pytest.approx(slope_too, rel=1e-8, abs=1e-8)


def test_a_refit_says_what_the_others_say(weibull: iko.Posterior) -> None:
    found = left_out(weibull)
    again = with_refits(weibull, found, np.array([0, 7]), 2, False)
    assert again.exact.tolist() == [k in (0, 7) for k in range(N)]
    for k in (0, 7):
        assert found.k_hat[k] < 0.7
        assert again.density[k] == pytest.approx(found.density[k], abs=0.2)
    assert (again.density[~again.exact] == found.density[~again.exact]).all()


def test_a_stack_of_the_same_is_the_same(weibull: iko.Posterior) -> None:
    stack = iko.stack_imputed([weibull, weibull])
    assert stack.tidy()["estimate"].to_numpy() == pytest.approx(weibull.tidy()["estimate"].to_numpy(), rel=0.05, abs=0.02)
    one, two = stack.curves(3.0)["estimate"], weibull.curves(3.0)["estimate"]
    assert one.to_numpy() == pytest.approx(two.to_numpy(), abs=0.005)


def test_the_check_of_a_weibull_has_its_curves(weibull: iko.Posterior) -> None:
    """What the model expects of a class without covariates is a closed form; replicates follow it."""
    at = np.array([1.0, 2.5, 4.0])
    table = iko.predictive_check(weibull, at, replicates=200, seed=1)
    lived: object = 0.0
    for own in weibull.sampled:
        drawn = own.drawn
        flat = drawn.log_hazard.reshape(-1, *drawn.log_hazard.shape[2:])
        lived = lived + cumulative(drawn.model, flat, at, np.zeros(3, dtype=int))
    rows = table[(table["group"] == "not deleted") & (table["measure"] == "event-free survival")]
    assert rows["fitted"].to_numpy() == pytest.approx(np.median(np.exp(-np.asarray(lived)), axis=0), rel=1e-10)
    assert rows["estimate"].to_numpy() == pytest.approx(rows["fitted"].to_numpy(), abs=0.06)


@pytest.mark.parametrize("name", ["weibull", "cured"])
def test_new_patients_have_the_curves_of_their_class(name: str, request: pytest.FixtureRequest) -> None:
    """Without covariates, strata or subtypes: closed forms, for each draw, of survival not deleted and deleted."""
    posterior, at = request.getfixturevalue(name), np.array([1.0, 4.0])
    found = posterior.predict(pd.DataFrame({"ikzf1_class": ["ik6", "none"]}), at)
    found = found[found["measure"] == "event-free survival"].set_index(["row", "time"])["estimate"]
    for row, word in ((1, "ik6"), (2, "none")):
        log_free = np.zeros((posterior.n_chains * posterior.n_draws, 2))
        for own in posterior.sampled:
            drawn, terms = own.drawn, {part.term: part.family.begin for part in own.drawn.model.effects}
            beta = drawn.effect.reshape(len(log_free), -1)
            labels = next(part.labels for part in drawn.model.effects if part.term == "class")
            eta = beta[:, terms["deletion"]] + beta[:, terms["class"] + labels.index("ik6")]
            eta = (eta if word == "ik6" else 0.0 * eta)[:, None]
            hazard = drawn.log_hazard.reshape(len(log_free), *drawn.log_hazard.shape[2:])
            lived = cumulative(drawn.model, hazard, at, np.zeros(2, dtype=int))
            position = drawn.position.reshape(len(log_free), -1)
            odds = uncured_of(drawn.model, position)[:, :1] + eta if name == "cured" else eta
            log_free += log_survival(odds, lived) if name == "cured" else -np.exp(eta) * lived
        assert found.loc[row].to_numpy() == pytest.approx(np.median(np.exp(log_free), axis=0), rel=1e-10)


def test_a_landmark_keeps_the_clock_of_the_weibull() -> None:
    """The level counts from time 0 and says so; curves begin at the landmark."""
    late = iko.landmark(endpoint(frame=patients().assign(e=0.0)), 0.5)
    for options, term in (({"baseline": "weibull"}, "level"), ({"cure": True, "cuts": [2.0]}, "level of the uncured")):
        before = iko.sample_prior(late, iko.hierarchical_spec(causes="any", **options), seed=1, draws=30)
        row = before.tidy().set_index("term").loc[term]
        assert row["scale"] == "log cumulative hazard at 5 years"
        drawn = before.sampled[0].drawn
        lived = cumulative(drawn.model, drawn.log_hazard[0], np.array([0.5, 5.0]), np.zeros(2, dtype=int))
        assert np.log(lived[:, 1]) == pytest.approx(drawn.position[0, :, 0], rel=1e-9, abs=1e-9)
        curves = before.curves([0.5, 3.0]).query("measure == 'event-free survival' and time == 0.5")
        assert (curves["estimate"] == 1.0).all()
        risks = dict(before.scenarios(np.array([3.0])))["not deleted"].survival[:, 0, 0]
        if term == "level":
            late_too = cumulative(drawn.model, drawn.log_hazard[0], np.array([3.0]), np.zeros(1, dtype=int))[:, 0]
            assert risks == pytest.approx(np.exp(lived[:, 0] - late_too), rel=1e-10)


@pytest.mark.parametrize("options", [{"baseline": "weibull"}, {"cure": True}, {"baseline": "weibull", "cure": True}])
def test_times_that_differ_from_the_pieces_by_rounding(options: dict) -> None:
    """7 x 0.05 is not 0.35: the piece between both has no width, and takes nothing from the sum."""
    before = iko.sample_prior(endpoint(), iko.hierarchical_spec(causes="any", **options), seed=1, draws=400)
    for _, risks in before.scenarios(np.array([0.15, 0.3, 0.35, 0.6, np.nextafter(0.6, 1), 0.7])):
        assert risks.survival[:, 0] + risks.incidence[:, 0, 0] == pytest.approx(1.0, abs=1e-12)
        assert (np.diff(risks.survival[:, 0], axis=1) <= 1e-15).all()


def test_a_cause_may_have_its_own_odds_of_cure() -> None:
    rare = iko.Prior("normal", -4.0, 0.5, "log odds", "deaths in remission are rare")
    priors = iko.Priors().with_cause("death", uncured=rare)
    spec = iko.hierarchical_spec(cure=True, causes=("relapse", "death"), priors=priors)
    relapse, death = iko.sample_prior(endpoint(), spec, seed=1, draws=10).reduced.models
    assert relapse.rows is not None
    assert death.rows is not None
    assert death.rows.uncured == (-4.0, 0.5)
    assert relapse.rows.uncured == (np.log(0.1), 1.0)
    with pytest.raises(iko.InputError, match="a name that its model does not use"):
        priors.with_cause("any", uncured=rare)


# -- what does not go together ---------------------------------------------------------------------------------------------


def test_cure_and_failures_of_induction() -> None:
    with pytest.raises(iko.InputError, match=r"no part for failures of induction.*landmark"):
        iko.hierarchical_spec(cure=True, induction="non-response")


def test_cohorts_are_not_replicated_under_cure(cured: iko.Posterior) -> None:
    with pytest.raises(iko.InputError, match=r"not replicated under mixture cure.*kaplan_meier"):
        iko.predictive_check(cured, 2.0, seed=1)


@pytest.mark.parametrize("options", [{"baseline": "weibull"}, {"cure": True, "cuts": [2.0]}])
def test_aggregates_are_of_piecewise_hazards(options: dict) -> None:
    made = iko.aggregate(endpoint(frame=patients().assign(e=0.0)), ["ikzf1_class"], [2.0])
    with pytest.raises(iko.InputError, match=r"an aggregate (tells of piecewise hazards|does not tell of cure)"):
        iko.sample_aggregate(made, iko.hierarchical_spec(**options), seed=1, **HOW)
