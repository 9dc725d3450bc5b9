"""What holds of every posterior: risks add up, draws follow the seed alone, tables say what they are."""

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes.convergence import load
from ikzf1_outcomes.models.bayes.quantities import quantities

N = 200
RUN: dict = {"seed": 7, "draws": 300, "tune": 300, "chains": 2}
GROUPS = ["not deleted", "any deletion", "ik6", "whole_gene"]


def patients() -> pd.DataFrame:
    """Constant hazards: relapse six times as high with the whole gene deleted, four times with ik6; death the same for all.

    Times are 64ths of a year, so that sums over patients do not depend on their order.
    """
    rng = np.random.default_rng(12)
    classes = rng.choice(["none", "ik6", "whole_gene"], N, p=[0.7, 0.15, 0.15])
    relapse = rng.exponential(1 / (0.06 * np.select([classes == "ik6", classes == "whole_gene"], [4.0, 6.0], 1.0)))
    death, end = rng.exponential(1 / 0.02, N), rng.uniform(3, 9, N)
    first = np.minimum(np.minimum(relapse, death), end)
    status = np.select([first == relapse, first == death], [1, 2], 0)
    return pd.DataFrame(
        {
            "patient": [f"PAT-{k:04d}" for k in range(N)], "t": np.ceil(64 * first) / 64, "s": status,
            "ikzf1_class": classes, "subtype": rng.choice(["a", "b", "c"], N), "age": rng.uniform(1, 17, N),
        }
    )  # fmt: skip


def endpoint(frame: pd.DataFrame, **named: object) -> iko.Endpoint:
    options: dict = {"time": "t", "status": "s", "causes": {1: "relapse", 2: "death"}, "time_unit": "years"} | named
    return iko.endpoint_from_columns(frame, **options)


def sampled(frame: pd.DataFrame, run: dict | None = None, named: dict | None = None, **options: object) -> iko.Posterior:
    spec = iko.hierarchical_spec(**({"cuts": [1.0, 3.0]} | options))  # type: ignore[arg-type]
    return iko.sample(endpoint(frame, **(named or {})), spec, **(RUN if run is None else run))


@pytest.fixture(scope="module")
def posterior() -> iko.Posterior:
    return sampled(patients(), subtype="subtype", covariates="age")


TIMES = st.lists(st.floats(0.01, 30.0), min_size=1, max_size=4, unique=True)


@settings(max_examples=8, deadline=None)
@given(times=TIMES)
def test_risks_of_every_draw_add_up(posterior: iko.Posterior, times: list[float]) -> None:
    wanted = np.sort(times)
    for _, risks in posterior.scenarios(wanted):
        assert (np.diff(risks.survival, axis=-1) <= 1e-15).all()
        assert (np.diff(risks.incidence, axis=-1) >= -1e-15).all()
        assert np.abs(risks.survival + risks.incidence.sum(axis=1) - 1).max() < 1e-12
        assert np.abs(risks.restricted + risks.lost.sum(axis=1) - wanted).max() < 1e-10


def test_curves_and_differences_are_of_the_same_draws(posterior: iko.Posterior) -> None:
    """The difference is taken before the median."""
    found = dict(posterior.scenarios(np.array([5.0])))
    table = posterior.contrasts(5.0).set_index(["contrast", "measure", "cause"])
    for name in GROUPS[1:]:
        own = found[name].incidence[:, 0, 0, 0] - found["not deleted"].incidence[:, 0, 0, 0]
        row = table.loc[(f"{name} vs not deleted", "cumulative incidence", "relapse")]
        assert row["estimate"] == pytest.approx(np.median(own), abs=1e-12)
        assert row["posterior_sd"] == pytest.approx(own.std(ddof=1), abs=1e-12)
        assert row["p_above_0"] == (own > 0).mean()
    assert list(dict.fromkeys(posterior.curves(5.0)["group"])) == GROUPS


def test_any_deletion_lies_among_its_classes(posterior: iko.Posterior) -> None:
    found = {name: risks.survival[:, 0, 0] for name, risks in posterior.scenarios(np.array([5.0]))}
    low, high = np.minimum(found["ik6"], found["whole_gene"]), np.maximum(found["ik6"], found["whole_gene"])
    assert ((found["any deletion"] >= low - 1e-12) & (found["any deletion"] <= high + 1e-12)).all()


def test_a_large_effect_shows_in_the_right_direction(posterior: iko.Posterior) -> None:
    effects = posterior.tidy()
    table = effects[effects["contrast"] != ""].set_index(["contrast", "cause"]).sort_index()
    for name in GROUPS[1:]:
        assert table.loc[(f"{name} vs not deleted", "relapse"), "p_above_1"] > 0.99
        assert 0.05 < table.loc[(f"{name} vs not deleted", "death"), "p_above_1"] < 0.95
    risks = posterior.contrasts(5.0)
    for name in GROUPS[1:]:
        rows = risks[risks["contrast"] == f"{name} vs not deleted"].set_index(["measure", "cause"]).sort_index()
        assert rows.loc[("cumulative incidence", "relapse"), "p_above_0"] > 0.99
        assert rows.loc[("event-free survival", "any"), "p_above_0"] < 0.01
        assert rows.loc[("restricted mean", "any"), "high"] < 0
        assert rows.loc[("time lost", "relapse"), "low"] > 0


def test_ratios_are_exponentials_of_their_logarithms(posterior: iko.Posterior) -> None:
    log, ratio = posterior.tidy(), posterior.tidy(exponentiate=True)
    effect = log["scale"].str.startswith("log hazard ratio")
    same = [name for name in log if name not in ("estimate", "low", "high", "scale")]
    pd.testing.assert_frame_equal(log[same], ratio[same])
    pd.testing.assert_frame_equal(log[~effect], ratio[~effect])
    for name in ("estimate", "low", "high"):
        assert ratio.loc[effect, name].to_numpy() == pytest.approx(np.exp(log.loc[effect, name].to_numpy()), rel=1e-12)
    assert (ratio.loc[effect, "scale"] == log.loc[effect, "scale"].str.removeprefix("log ")).all()
    assert log.loc[~effect, ["p_above_1", "p_above_margin"]].isna().all(axis=None)


def test_probabilities_and_intervals_are_in_order(posterior: iko.Posterior) -> None:
    narrow, wide = posterior.tidy(conf_level=0.5, margin=1.0), posterior.tidy(conf_level=0.95, margin=2.0)
    assert (wide["low"] <= narrow["low"]).all()
    assert (narrow["low"] <= narrow["estimate"]).all()
    assert (narrow["estimate"] <= narrow["high"]).all()
    assert (narrow["high"] <= wide["high"]).all()
    known = narrow["p_above_1"].notna()
    assert (narrow.loc[known, "p_above_margin"] == narrow.loc[known, "p_above_1"]).all()
    assert (wide.loc[known, "p_above_margin"] <= wide.loc[known, "p_above_1"]).all()


def test_zero_sum_effects_add_up_to_zero(posterior: iko.Posterior) -> None:
    for own in posterior.sampled:
        parts = {part.contrast: part.values for part in quantities(posterior.reduced, own.drawn)}
        mean = parts["any deletion vs not deleted"]
        classes = [parts[f"{name} vs not deleted"] for name in ("ik6", "whole_gene")]
        assert np.abs(np.mean(classes, axis=0) - mean).max() < 1e-12
        subtypes = [parts[f"{name} vs mean of subtypes"] for name in "abc"]
        assert np.abs(np.sum(subtypes, axis=0)).max() < 1e-12


def test_the_same_seed_gives_the_same_draws_and_another_gives_others() -> None:
    first, again = sampled(patients()), sampled(patients(), RUN | {"cores": 1})
    other = sampled(patients(), RUN | {"seed": 8})
    pd.testing.assert_frame_equal(first.tidy(), again.tidy())
    pd.testing.assert_frame_equal(first.contrasts(5.0), again.contrasts(5.0))
    assert (first.tidy()["estimate"] != other.tidy()["estimate"]).all()
    a, b = first.tidy().set_index(["term", "contrast", "cause"]), other.tidy().set_index(["term", "contrast", "cause"])
    size = np.minimum(a["ess_bulk"], b["ess_bulk"])
    assert (np.abs(a["estimate"] - b["estimate"]) < 6 * 1.26 * a["posterior_sd"] / np.sqrt(size / 2)).all()


def test_the_order_of_the_rows_does_not_matter() -> None:
    frame = patients()
    shuffled = frame.iloc[np.random.default_rng(2).permutation(N)]
    pd.testing.assert_frame_equal(sampled(frame).tidy(), sampled(shuffled).tidy())


def test_a_row_of_weight_two_is_two_rows() -> None:
    frame = patients().iloc[:80]
    twice = sampled(pd.concat([frame, frame], ignore_index=True), causes="relapse")
    weighted = sampled(frame.assign(w=2.0), named={"weights": "w"}, causes="relapse")
    pd.testing.assert_frame_equal(twice.tidy(), weighted.tidy())


def test_a_patient_in_two_rows_is_one_patient() -> None:
    """Follow-up cut at a year: the same exposure and events, the same numbers of patients, the same draws."""
    frame = patients()
    late = frame["t"] > 1
    before = frame.assign(e=0.0, t=np.minimum(frame["t"], 1.0), s=np.where(late, 0, frame["s"]))
    rows = pd.concat([before, frame[late].assign(e=1.0)], ignore_index=True)
    cut = sampled(rows, named={"entry": "e", "subject": "patient"}, causes=["relapse", "death"])
    whole = sampled(frame, causes=["relapse", "death"])
    same = ["term", "contrast", "cause", "n", "n_event", "estimate", "posterior_sd", "low", "high"]
    pd.testing.assert_frame_equal(whole.tidy()[same], cut.tidy()[same])
    pd.testing.assert_frame_equal(whole.curves(5.0).drop(columns="note"), cut.curves(5.0).drop(columns="note"))


def test_what_else_was_asked_does_not_move_a_cause() -> None:
    """The posterior is a product over causes; each has the draws that its place in the description gives it."""
    both = sampled(patients(), causes=["relapse", "death"]).tidy()
    alone = sampled(patients(), causes="relapse").tidy()
    pd.testing.assert_frame_equal(both[both["cause"] == "relapse"].reset_index(drop=True), alone)


def test_with_wide_priors_and_one_class_it_is_near_cox() -> None:
    """Nothing is pooled and 40 intervals hold the events evenly; the walk still smooths the baseline, as Cox does not."""
    frame = patients()
    many = pd.concat([frame.assign(t=frame["t"] * k, s=frame["s"]) for k in (0.5, 0.8, 1.0, 1.3)], ignore_index=True)
    many["ikzf1_class"] = np.where(many["ikzf1_class"] == "none", "none", "deleted")
    wide = iko.Prior("normal", 0.0, 10.0, "log hazard ratio", "a test")
    cuts = np.unique(np.quantile(many.loc[many["s"] == 1, "t"], np.linspace(0, 1, 41)[1:-1]))
    options: dict = {"cuts": cuts, "priors": iko.Priors(level=wide, deletion=wide, covariate=wide), "covariates": "age"}
    table = sampled(many, {"seed": 7, "draws": 2000, "tune": 500, "chains": 2}, causes="relapse", **options).tidy()
    found = iko.cox(endpoint(many), "ikzf1_class + age", cause="relapse", references={"ikzf1_class": "none"}).tidy()
    row = table[table["term"] == "deletion"].iloc[0]
    own = found[(found["term"] == "ikzf1_class") & found["estimate"].ne(0)].iloc[0]
    assert abs(row["estimate"] - own["estimate"]) < 0.25 * own["std_error"]
    assert row["posterior_sd"] == pytest.approx(own["std_error"], rel=0.06)
    age = found[found["term"] == "age"].iloc[0]
    per_sd = table[table["term"] == "covariate"].iloc[0]
    assert abs(per_sd["estimate"] - age["estimate"] * many["age"].std(ddof=0)) < 0.25 * per_sd["posterior_sd"]


def test_glance_has_one_row_a_cause(posterior: iko.Posterior) -> None:
    table = posterior.glance()
    assert list(table.columns) == [
        "method", "cause", "n", "n_event", "n_excluded", "chains", "draws", "tune", "target_accept", "tries", "divergences",
        "bfmi", "r_hat", "ess_bulk", "ess_tail", "seconds", "note",
    ]  # fmt: skip
    assert list(table["cause"]) == ["relapse", "death"]
    assert (table["n"] == N).all()
    assert list(table["n_event"]) == [(patients()["s"] == k).sum() for k in (1, 2)]
    assert (table[["chains", "draws"]] == [2, 300]).all(axis=None)
    assert (table["n_excluded"] == 0).all()
    numbers = table[["bfmi", "r_hat", "ess_bulk", "ess_tail", "seconds"]]
    assert np.isfinite(numbers.to_numpy()).all()


def test_nothing_that_is_shown_names_a_patient(posterior: iko.Posterior) -> None:
    shown = [repr(posterior), posterior._repr_html_(), str(posterior), repr(posterior.reduced.spec)]
    shown += [table.to_csv() for table in (posterior.tidy(), posterior.glance(), posterior.curves(5.0))]
    assert not any("PAT-" in text for text in shown)
    assert repr(posterior) == "Posterior(endpoint: relapse, death; 2 chains x 300 draws)"


def test_arviz_and_a_file_hold_the_draws(posterior: iko.Posterior, tmp_path: Path) -> None:
    made = posterior.to_arviz()
    path = posterior.save(tmp_path / "draws.nc")
    back = load(path)
    log = posterior.tidy()
    for cause in posterior.causes:
        name = f"{cause}: quantity"
        draws = back.posterior[name]
        assert draws.shape == (2, 300, (log["cause"] == cause).sum())
        assert (draws.to_numpy() == made.posterior[name].to_numpy()).all()
        middle = np.median(draws.to_numpy(), axis=(0, 1))
        assert middle == pytest.approx(log.loc[log["cause"] == cause, "estimate"].to_numpy(), abs=1e-12)
        labels = draws.coords[f"{cause} quantities"].to_numpy().tolist()
        assert labels[0] == "deletion: any deletion vs not deleted"
        assert len(set(labels)) == len(labels)
        assert back.posterior[f"{cause}: log hazard"].shape == (2, 300, 1, 3)
    assert set(back.sample_stats) >= {"diverging", "energy", "n_steps"}
    assert b"PAT-" not in path.read_bytes()


def test_causes_with_fewer_draws_are_cut_to_the_fewest(posterior: iko.Posterior) -> None:
    """As after an interruption: each cause keeps its own draws in its rows; where causes meet, the fewest count."""
    whole, drawn = posterior.sampled[1], posterior.sampled[1].drawn
    parts = {name: getattr(drawn, name)[:, :120] for name in ("effect", "log_hazard", "position")}
    short = replace(posterior, sampled=(posterior.sampled[0], whole._replace(drawn=drawn._replace(**parts))))
    assert repr(short) == "Posterior(endpoint: relapse, death; 2 chains x 120 draws)"
    first = [table[table["cause"] == "relapse"] for table in (posterior.tidy(), short.tidy())]
    pd.testing.assert_frame_equal(*first)
    assert short.to_arviz().posterior.sizes["draw"] == 120
    found = dict(short.scenarios(np.array([5.0])))["ik6"]
    assert found.survival.shape == (240, 1, 1)
    assert np.abs(found.survival + found.incidence.sum(axis=1) - 1).max() < 1e-12


def test_a_posterior_can_be_sent_elsewhere(posterior: iko.Posterior) -> None:
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(posterior)).tidy(), posterior.tidy())


def test_sampling_needs_no_pymc() -> None:
    lines = (
        "import sys, pandas as pd, ikzf1_outcomes as iko",
        "frame = pd.DataFrame({'t': [1.0, 2, 3, 4], 's': [1, 0, 1, 0], 'ikzf1_class': ['none', 'none', 'ik6', 'ik6']})",
        "e = iko.endpoint_from_columns(frame, time='t', status='s', causes={1: 'relapse'})",
        "p = iko.sample(e, iko.hierarchical_spec(cuts=[2.0]), seed=1, draws=20, tune=20, chains=2)",
        "p.tidy(), p.curves(1.0), p.contrasts(1.0)",
        "print(sorted({'pymc', 'pytensor', 'jax'} & set(sys.modules)))",
    )
    found = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert found.stdout.strip() == "[]", found.stderr
