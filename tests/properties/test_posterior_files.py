"""A posterior that was saved and loaded is the one that was; for other data, or of another meaning, it is refused."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes import convergence, draw_files
from ikzf1_outcomes.models.bayes.quantities import in_own_terms
from ikzf1_outcomes.models.bayes.spec_file import as_text, from_text

N = 120
OPTIONS: dict[str, dict] = {
    "steps": {"subtype": "subtype", "covariates": "log(age) + x", "protocol": "protocol", "alterations": ["pax5"]},
    "spline, strata": {"baseline": "spline", "cuts": [1.0, 3.0], "bound": 9.0, "strata": "protocol"},
    "changing": {"changes_at": 1.0, "cuts": [2.0], "causes": "any", "pooling": "superpopulation"},
}


def patients() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "patient": [f"PAT-{k:04d}" for k in range(N)], "x": rng.normal(size=N), "age": rng.uniform(1, 17, N),
            "ikzf1_class": rng.choice(["none", "ik6", "whole_gene"], N, p=[0.6, 0.2, 0.2]),
            "subtype": pd.Categorical(rng.choice(["a", "b", "c"], N)), "protocol": rng.choice([1, 2], N),
            "pax5": rng.choice(["normal", "deleted"], N), "unused": rng.normal(size=N), "w": 1.0,
        }
    )  # fmt: skip
    frame["t"] = np.minimum(rng.exponential(5, N), rng.uniform(2, 8, N))
    return frame.assign(s=rng.choice([0, 1, 2], N, p=[0.5, 0.35, 0.15]))


def endpoint(frame: pd.DataFrame | None = None, **named: object) -> iko.Endpoint:
    options: dict = {"time": "t", "status": "s", "causes": {1: "relapse", 2: "death"}, "subject": "patient"} | named
    return iko.endpoint_from_columns(patients() if frame is None else frame, **options)


def sampled(name: str = "steps") -> iko.Posterior:
    return iko.sample(endpoint(), iko.hierarchical_spec(**OPTIONS[name]), seed=2**40 + 7, draws=50, tune=60, chains=2)


@pytest.fixture(scope="module")
def posterior() -> iko.Posterior:
    return sampled()


def same(one: iko.Posterior, two: iko.Posterior) -> None:
    assert repr(one) == repr(two)
    assert one.reduced.spec == two.reduced.spec
    for name in ("tidy", "glance"):
        pd.testing.assert_frame_equal(getattr(one, name)(), getattr(two, name)(), check_exact=True)
    for name in ("curves", "contrasts"):
        pd.testing.assert_frame_equal(getattr(one, name)([1.0, 5.0]), getattr(two, name)([1.0, 5.0]), check_exact=True)


@pytest.mark.parametrize("name", OPTIONS)
def test_tables_are_the_same_to_the_last_bit(name: str, tmp_path: Path) -> None:
    made = sampled(name)
    again = iko.load_posterior(made.save(tmp_path / "draws.nc"), endpoint())
    same(made, again)
    assert type(again) is iko.Posterior
    pd.testing.assert_frame_equal(iko.leave_one_out(made), iko.leave_one_out(again), check_exact=True)
    twice = iko.load_posterior(again.save(tmp_path / "again.nc"), endpoint())
    same(made, twice)


def test_one_cause_with_fewer_draws(posterior: iko.Posterior, tmp_path: Path) -> None:
    """As after an interruption: each cause keeps the draws that it has."""
    last = posterior.sampled[1]
    drawn = last.drawn._replace(**{n: getattr(last.drawn, n)[:, :20] for n in ("effect", "log_hazard", "position")})
    parts = {name: getattr(last.chains, name)[:, :20] for name in ("position", "diverging", "energy", "n_steps")}
    cut = last._replace(drawn=drawn, chains=last.chains._replace(**parts, complete=False), lost=("interrupted",))
    short = replace(posterior, sampled=(posterior.sampled[0], cut))
    again = iko.load_posterior(short.save(tmp_path / "short.nc"), endpoint())
    same(short, again)
    assert not again.sampled[1].chains.complete
    first = posterior.reduced._replace(models=posterior.reduced.models[:1], every_event=False)
    alone = replace(posterior, reduced=first, sampled=posterior.sampled[:1])
    back = iko.load_posterior(alone.save(tmp_path / "alone.nc"), endpoint())
    pd.testing.assert_frame_equal(alone.tidy(), back.tidy(), check_exact=True)
    with pytest.raises(iko.InputError, match="curves need a model of every cause"):
        back.curves(1.0)


def test_draws_from_priors_stay_what_they_are(posterior: iko.Posterior, tmp_path: Path) -> None:
    before = iko.sample_prior(endpoint(), posterior.reduced.spec, seed=1, draws=100)
    again = iko.load_posterior(before.save(tmp_path / "prior.nc"), endpoint())
    assert type(again) is type(before)
    pd.testing.assert_frame_equal(before.tidy(), again.tidy(), check_exact=True)
    pd.testing.assert_frame_equal(before.glance(), again.glance(), check_exact=True)


def test_the_file_names_no_patient_and_says_how_it_was_made(posterior: iko.Posterior, tmp_path: Path) -> None:
    path = posterior.save(tmp_path / "draws.nc")
    assert b"PAT-" not in path.read_bytes()
    head = json.loads(convergence.load(path)[draw_files.GROUP].attrs[draw_files.MARK])
    assert head["version"] == iko.__version__
    assert head["seed"] == 2**40 + 7
    assert [own["cause"] for own in head["causes"]] == ["relapse", "death"]
    assert all(own["tune"] in (60, 120) for own in head["causes"])
    assert len(head["fingerprint"]) == 64


def test_columns_that_the_model_does_not_read_may_differ(posterior: iko.Posterior, tmp_path: Path) -> None:
    path = posterior.save(tmp_path / "draws.nc")
    frame = patients().assign(unused=0.0, patient=[f"other {k}" for k in range(N)])
    frame["subtype"] = frame["subtype"].astype(str)
    pd.testing.assert_frame_equal(iko.load_posterior(path, endpoint(frame)).tidy(), posterior.tidy(), check_exact=True)


CHANGES = {
    "a time": {"t": lambda f: f["t"].where(f.index > 0, f["t"] + 1e-9)},
    "an event": {"s": lambda f: f["s"].where(f.index > 0, (f["s"] + 1) % 3)},
    "a covariate": {"x": lambda f: f["x"].where(f.index > 0, f["x"] + 1e-12)},
    "a class": {"ikzf1_class": lambda f: f["ikzf1_class"].where(f.index > 0, "other")},
    "a class that is missing": {"ikzf1_class": lambda f: f["ikzf1_class"].where(f.index > 0)},
    "an alteration": {
        "pax5": lambda f: f["pax5"].where(f.index > 0, {"normal": "deleted", "deleted": "normal"}[f["pax5"][0]])
    },
    "a protocol": {"protocol": lambda f: f["protocol"].where(f.index > 0, 3 - f["protocol"])},
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_endpoint_is_refused(posterior: iko.Posterior, name: str, tmp_path: Path) -> None:
    path = posterior.save(tmp_path / "draws.nc")
    frame = patients().assign(**CHANGES[name])
    with pytest.raises(iko.InputError, match="the draws are of another endpoint") as raised:
        iko.load_posterior(path, endpoint(frame))
    assert "rows in the same order" in raised.value.next_step


def test_other_weights_entries_units_rows_and_columns_are_refused(posterior: iko.Posterior, tmp_path: Path) -> None:
    path, frame = posterior.save(tmp_path / "draws.nc"), patients()
    others = [
        endpoint(frame.assign(w=np.where(frame.index > 0, 1.0, 2.0)), weights="w"),
        endpoint(frame.assign(e=np.where(frame.index > 0, 0.0, 1e-6)), entry="e"),
        endpoint(time_unit="years"),
        endpoint(frame.iloc[::-1]),
        endpoint(frame.iloc[1:]),
        endpoint(frame.drop(columns="subtype")),
        endpoint(causes={1: "relapse", 2: "other"}),
    ]
    for other in others:
        with pytest.raises(iko.InputError, match="the draws are of another endpoint"):
            iko.load_posterior(path, other)


def test_files_that_hold_no_posterior(posterior: iko.Posterior, tmp_path: Path) -> None:
    with pytest.raises(iko.InputError, match=r"'nowhere\.nc' holds no draws"):
        iko.load_posterior(tmp_path / "nowhere.nc", endpoint())
    (tmp_path / "text.nc").write_text("no draws")
    with pytest.raises(iko.InputError, match=r"'text\.nc' holds no draws"):
        iko.load_posterior(tmp_path / "text.nc", endpoint())
    plain = convergence.save(posterior.to_arviz(), tmp_path / "plain.nc")
    with pytest.raises(iko.InputError, match=r"'plain\.nc' holds no posterior to load"):
        iko.load_posterior(plain, endpoint())


def rewritten(posterior: iko.Posterior, path: Path, **changes: object) -> Path:
    """A file whose head says something else."""
    made = convergence.load(posterior.save(path))
    head = json.loads(made[draw_files.GROUP].attrs[draw_files.MARK]) | changes
    made[draw_files.GROUP].attrs[draw_files.MARK] = json.dumps(head)
    path.unlink()
    return convergence.save(made, path)


def test_files_of_other_versions(posterior: iko.Posterior, tmp_path: Path) -> None:
    for changes, words in (
        ({"form": 99}, "was written in another form"),
        ({"kind": "Other"}, "another kind of posterior"),
        ({"spec": "{"}, "the description of the model cannot be read"),
        ({"spec": as_text(posterior.reduced.spec).replace("HierarchicalSpec", "Later")}, "description of the model"),
        ({"spec": as_text(posterior.reduced.spec).replace(".bayes.specification:", ".cox:")}, "description of the model"),
    ):
        with pytest.raises(iko.InputError, match=words):
            iko.load_posterior(rewritten(posterior, tmp_path / "other.nc", **changes), endpoint())


def test_draws_that_mean_something_else_are_refused(posterior: iko.Posterior, tmp_path: Path) -> None:
    """The numbers sampled and the quantities made of them are both in the file, and must agree."""
    made = convergence.load(posterior.save(tmp_path / "draws.nc"))
    causes = json.loads(made[draw_files.GROUP].attrs[draw_files.MARK])["causes"]
    causes[0]["centring"] = [1.0 for _ in causes[0]["centring"]]
    with pytest.raises(iko.InputError, match="mean something else in this version") as raised:
        iko.load_posterior(rewritten(posterior, tmp_path / "centred.nc", causes=causes), endpoint())
    assert iko.__version__ in raised.value.next_step
    causes[0]["centring"] = [0.0]
    fewer = replace(posterior.reduced.spec, cuts=(1.0,))
    for changes in ({"causes": causes}, {"spec": as_text(fewer)}):
        with pytest.raises(iko.InputError, match="mean something else in this version"):
            iko.load_posterior(rewritten(posterior, tmp_path / "fewer.nc", **changes), endpoint())


def test_draws_made_with_another_centring_come_back(posterior: iko.Posterior, tmp_path: Path) -> None:
    """A second try may centre effects anew; the file knows how its draws were made."""
    parts = []
    for own in posterior.sampled:
        model = own.drawn.model
        effects = tuple(e._replace(family=e.family._replace(centring=0.75 * (e.family.kind > 0))) for e in model.effects)
        walk = model.baseline._replace(centred=True, anchor=3)
        other = in_own_terms(model._replace(effects=effects, baseline=walk), own.drawn.position)
        parts.append(own._replace(drawn=other))
    centred = replace(posterior, sampled=tuple(parts))
    assert not np.allclose(centred.tidy()["estimate"], posterior.tidy()["estimate"])
    same(centred, iko.load_posterior(centred.save(tmp_path / "centred.nc"), endpoint()))


def test_parts_of_a_stack_are_saved_apart(posterior: iko.Posterior, tmp_path: Path) -> None:
    other = iko.sample(endpoint(), posterior.reduced.spec, seed=3, draws=50, tune=60, chains=2)
    stacked = iko.stack_imputed([posterior, other])
    paths = [part.save(tmp_path / f"{k}.nc") for k, part in enumerate(stacked.parts)]
    again = iko.stack_imputed([iko.load_posterior(path, endpoint()) for path in paths])
    pd.testing.assert_frame_equal(again.tidy(), stacked.tidy(), check_exact=True)
    pd.testing.assert_frame_equal(again.contrasts(5.0), stacked.contrasts(5.0), check_exact=True)


# -- descriptions as text --------------------------------------------------------------------------------------------------

FLOATS = st.floats(0.01, 20.0)


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(FLOATS, min_size=1, max_size=5, unique=True).map(sorted), scale=FLOATS, location=st.floats(-5, 5),
    horizon=FLOATS, causes=st.sampled_from([None, "any", ("relapse", "other"), "Rückfall “früh”"]),
    covariates=st.sampled_from([None, "age + log(wbc)", ["age", "wbc"]]),
    undeleted=st.sampled_from(["none", ("none", "gain")]),
)  # fmt: skip
def test_a_description_comes_back_as_it_was(
    cuts: list, scale: float, location: float, horizon: float, causes: object, covariates: object, undeleted: object
) -> None:
    priors = iko.Priors(deletion=iko.Prior("normal", location, scale, "log hazard ratio", "ünüsual", "a paper"))
    spec = iko.hierarchical_spec(
        cuts=cuts,
        horizon=horizon,
        causes=causes,
        covariates=covariates,
        undeleted=undeleted,
        priors=priors,  # type: ignore
    )
    back = from_text(as_text(spec))
    assert back == spec
    assert as_text(back) == as_text(spec)


def test_parts_without_a_form_as_text(posterior: iko.Posterior) -> None:
    @dataclass(frozen=True)
    class Odd:
        function: object

    with pytest.raises(iko.InputError, match="has no form as text"):
        as_text(Odd(len))
    with pytest.raises(iko.InputError, match="cannot be read"):
        from_text(as_text(Odd(1)))  # of no module of the models
    array = np.array([[0.1, np.inf], [np.nan, 1 / 3]])
    np.testing.assert_array_equal(from_text(as_text(array)), array)
    assert from_text(as_text({"a": (1, None), 2: [0.1]})) == {"a": (1, None), 2: (0.1,)}
    needed = json.loads(as_text(posterior.reduced.spec))
    del needed["parts"]["classes"]
    with pytest.raises(iko.InputError, match="cannot be read"):
        from_text(json.dumps(needed))
