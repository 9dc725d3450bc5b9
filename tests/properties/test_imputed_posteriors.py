"""Draws of completed data sets, stacked: a mixture in equal parts, with Rubin's variance, gated one by one."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko

N = 300
RUN: dict = {"draws": 300, "tune": 300, "chains": 2}
WIDE = iko.Prior("normal", 0.0, 10.0, "log hazard ratio", "a test")
SPEC = iko.hierarchical_spec(covariates="x", causes=["relapse", "death"], cuts=[1.0, 2.0])


def patients() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    x = rng.normal(size=N)
    frame = pd.DataFrame({"ikzf1_class": rng.choice(["none", "ik6", "whole_gene"], N, p=[0.6, 0.2, 0.2]), "x": x})
    hazard = 0.15 * np.exp(0.7 * x + 0.6 * (frame["ikzf1_class"] != "none"))
    relapse, death, end = rng.exponential(1 / hazard), rng.exponential(20, N), rng.uniform(2, 6, N)
    first = np.minimum(np.minimum(relapse, death), end)
    return frame.assign(t=first, s=np.select([first == relapse, first == death], [1, 2], 0))


def endpoint(frame: pd.DataFrame) -> iko.Endpoint:
    causes = {1: "relapse", 2: "death"}
    return iko.endpoint_from_columns(frame, time="t", status="s", causes=causes, time_unit="years")


def drawn(m: int, share: float = 0.5) -> list[iko.Endpoint]:
    """Values of x of a share of the patients, as if they had been drawn around the truth."""
    whole, rng = endpoint(patients()), np.random.default_rng(7)
    absent = rng.random(N) < share
    noise = rng.normal(size=(m, N))
    x = whole.frame["x"].to_numpy()
    return [whole.with_column("x", np.where(absent, 0.6 * x + 0.8 * own, x)) for own in noise]


@pytest.fixture(scope="module")
def stacked() -> iko.ImputedPosterior:
    return iko.sample_imputed(drawn(3), SPEC, seed=1, **RUN)


def test_identical_copies_are_one(stacked: iko.ImputedPosterior) -> None:
    whole = endpoint(patients())
    one = iko.sample(whole, SPEC, seed=5, draws=1000, tune=300)
    three = iko.sample_imputed([whole] * 3, SPEC, seed=1, **RUN)
    a, b = one.tidy(), three.tidy()
    key = ["term", "contrast", "cause", "n", "n_event", "prior_p_above_1", "scale"]
    pd.testing.assert_frame_equal(a[key], b[key])
    # three times the least effective size of a copy is a floor for all together
    error = a["posterior_sd"] * 1.26 * np.sqrt(1 / a["ess_bulk"] + 1 / (3 * b["ess_bulk"]))
    assert (np.abs(a["estimate"] - b["estimate"]) < 4.5 * error).all()
    assert b["posterior_sd"].to_numpy() == pytest.approx(a["posterior_sd"].to_numpy(), rel=0.12)
    left, right = one.contrasts([2.0]), three.contrasts([2.0])
    assert left["estimate"].to_numpy() == pytest.approx(right["estimate"].to_numpy(), abs=0.02)
    assert left["posterior_sd"].to_numpy() == pytest.approx(right["posterior_sd"].to_numpy(), rel=0.15)
    assert three.parts[0].seed != three.parts[1].seed


def test_draws_and_variances_are_those_of_the_mixture(stacked: iko.ImputedPosterior) -> None:
    log = stacked.tidy().query("term == 'covariate' and cause == 'relapse'").iloc[0]
    values = [part.sampled[0].drawn for part in stacked.parts]
    column = next(own.family.begin for own in values[0].model.effects if own.term == "covariate")
    each = [own.effect[..., column].ravel() for own in values]
    whole = np.concatenate(each)
    assert len(whole) == 3 * 600
    assert log["estimate"] == pytest.approx(np.median(whole), abs=1e-12)
    assert log["posterior_sd"] == pytest.approx(whole.std(ddof=1), abs=1e-12)
    within, between = np.mean([own.var() for own in each]), np.var([own.mean() for own in each])
    assert whole.var() == pytest.approx(within + between, rel=1e-12)


def test_the_spread_is_rubin_s() -> None:
    """Wide priors, one deleted class: against Cox models of the same completed data, pooled, whose factor is 1 + 1/m."""
    many = [
        own.with_column("ikzf1_class", np.where(own.frame["ikzf1_class"] == "none", "none", "del")) for own in drawn(12)
    ]
    wide = iko.Priors(level=WIDE, deletion=WIDE, covariate=WIDE)
    died = patients().query("s == 1")["t"]
    cuts = np.unique(np.quantile(died, np.arange(1, 20) / 20))
    spec = iko.hierarchical_spec(covariates="x", causes="relapse", cuts=cuts, priors=wide)
    row = iko.sample_imputed(many, spec, seed=2, draws=250, tune=250, chains=2).tidy()
    row = row[row["term"] == "covariate"].iloc[0]
    scale = np.mean([own.frame["x"].std(ddof=0) for own in many])
    fits = [iko.cox(own, "x + ikzf1_class", cause="relapse") for own in many]
    pooled = iko.pool(fits).tidy().set_index("term").loc["x"]
    alone = np.mean([fit.tidy().set_index("term").loc["x", "std_error"] for fit in fits])
    assert pooled["std_error"] > 1.15 * alone  # what lies between is a good part of the whole
    assert row["posterior_sd"] == pytest.approx(pooled["std_error"] * scale, rel=0.1)
    assert row["estimate"] == pytest.approx(pooled["estimate"] * scale, abs=0.25 * row["posterior_sd"])


def test_curves_are_of_each_data_set_s_own_patients(stacked: iko.ImputedPosterior) -> None:
    each = [dict(part.scenarios(np.array([2.0]))) for part in stacked.parts]
    table = stacked.curves(2.0).set_index(["group", "measure", "cause"])
    differences = stacked.contrasts(2.0).set_index(["contrast", "measure", "cause"])
    for name in ("not deleted", "any deletion", "ik6"):
        own = np.concatenate([found[name].incidence[:, 0, 0, 0] for found in each])
        assert table.loc[(name, "cumulative incidence", "relapse"), "estimate"] == pytest.approx(np.median(own), abs=1e-12)
    apart = np.concatenate([f["ik6"].incidence[:, 0, 0, 0] - f["not deleted"].incidence[:, 0, 0, 0] for f in each])
    row = differences.loc[("ik6 vs not deleted", "cumulative incidence", "relapse")]
    assert row["estimate"] == pytest.approx(np.median(apart), abs=1e-12)
    assert row["p_above_0"] == (apart > 0).mean()


def test_convergence_is_looked_at_within_each_data_set(stacked: iko.ImputedPosterior) -> None:
    tables, table = [part.tidy() for part in stacked.parts], stacked.tidy()
    assert (table["r_hat"] == np.max([own["r_hat"] for own in tables], axis=0)).all()
    assert (table["ess_bulk"] == np.min([own["ess_bulk"] for own in tables], axis=0)).all()
    glances, glance = [part.glance() for part in stacked.parts], stacked.glance()
    assert glance["n_imputations"].tolist() == [3, 3]
    assert (glance["r_hat"] == np.max([own["r_hat"] for own in glances], axis=0)).all()
    assert (glance["divergences"] == np.sum([own["divergences"] for own in glances], axis=0)).all()
    assert glance["note"].str.contains("3 completed data sets stacked, R-hat within each").all()
    # data sets that tell of different effects do not agree, and need not
    far = [own.with_column("x", sign * own.frame["x"]) for own, sign in zip(drawn(2), (1.0, -1.0), strict=True)]
    apart = iko.sample_imputed(far, SPEC, seed=3, draws=600, tune=400, chains=2)
    row = apart.tidy().query("term == 'covariate' and cause == 'relapse'").iloc[0]
    assert row["r_hat"] < 1.02
    assert row["low"] < -0.4 < 0.4 < row["high"]


def test_a_data_set_that_has_not_converged_is_named(stacked: iko.ImputedPosterior) -> None:
    good, bad, last = (
        replace(part, sampled=tuple(own._replace(lost=lost) for own in part.sampled))
        for part, lost in zip(stacked.parts, ((), ("2 draws diverged",), ()), strict=True)
    )
    mixed = iko.stack_imputed([good, bad, last])
    assert "completed data set 2: 2 draws diverged" in mixed.glance()["note"].iloc[0]
    assert mixed.tidy()["note"].str.contains("not converged in 1 of 3 completed data sets: see glance()", regex=False).all()
    assert mixed.curves(1.0)["note"].str.contains("not converged").all()
    fine = iko.stack_imputed([good, last])
    assert not fine.tidy()["note"].str.contains("not converged").any()


def test_classes_that_were_drawn_are_counted_on_average() -> None:
    whole, rng = endpoint(patients()), np.random.default_rng(1)
    made = []
    for _ in range(2):
        words = whole.frame["ikzf1_class"].to_numpy(dtype=object).copy()
        words[:40] = rng.choice(["none", "ik6", "whole_gene"], 40)
        made.append(whole.with_column("ikzf1_class", words))
    table = iko.sample_imputed(made, iko.hierarchical_spec(causes="relapse", cuts=[]), seed=1, **RUN).tidy()
    counts = [float((own.frame["ikzf1_class"] == "ik6").sum()) for own in made]
    assert counts[0] != counts[1]
    assert table.set_index("contrast").loc["ik6 vs not deleted", "n"] == np.mean(counts)


def test_imputations_are_taken_as_they_are() -> None:
    frame = patients().iloc[:120].reset_index(drop=True)
    frame.loc[::4, "x"] = np.nan
    imputed = iko.impute_missing(endpoint(frame), ["x", "ikzf1_class"], draws=2, cycles=2, seed=1)
    run = RUN | {"draws": 50, "tune": 50}
    one, two = (iko.sample_imputed(given, SPEC, seed=1, **run) for given in (imputed, list(imputed)))
    pd.testing.assert_frame_equal(one.tidy(), two.tidy())
    assert repr(one) == "ImputedPosterior(endpoint: relapse, death; 2 completed data sets, 2 chains x 50 draws of each)"
    assert one.to_arviz().posterior.sizes["chain"] == 4


def test_a_stack_can_be_sent_elsewhere(stacked: iko.ImputedPosterior) -> None:
    again = pickle.loads(pickle.dumps(stacked))
    pd.testing.assert_frame_equal(again.tidy(), stacked.tidy(), check_exact=True)
    assert again.n_imputations == 3


# -- what is refused -------------------------------------------------------------------------------------------------------


def test_what_is_no_completed_data(stacked: iko.ImputedPosterior) -> None:
    whole = endpoint(patients())
    for given in (whole, [whole], [], [whole, patients()], 3):
        with pytest.raises(iko.InputError, match="at least two endpoints of completed data"):
            iko.sample_imputed(given, SPEC, seed=1, **RUN)  # type: ignore[arg-type]
    for several in (stacked, [stacked.parts[0]], [whole, whole]):
        with pytest.raises(iko.InputError, match="at least two posteriors of completed data"):
            iko.stack_imputed(several)  # type: ignore[arg-type]
    with pytest.raises(iko.InputError, match="seed must be a whole number"):
        iko.sample_imputed([whole, whole], SPEC, seed=-1, **RUN)


OTHERS = {"t": lambda t: t / 2, "s": lambda s: 1 - s % 2}


@pytest.mark.parametrize("name", OTHERS)
def test_completed_data_of_others(name: str) -> None:
    frame = patients()
    other = frame.assign(**{name: frame[name].where(np.arange(N) > 0, OTHERS[name](frame[name]))})
    with pytest.raises(iko.InputError, match="completed data of different patients, times or causes"):
        iko.sample_imputed([endpoint(frame), endpoint(other)], SPEC, seed=1, **RUN)
    with pytest.raises(iko.InputError, match="completed data of different patients, times or causes"):
        iko.sample_imputed([endpoint(frame), endpoint(frame.iloc[1:].reset_index(drop=True))], SPEC, seed=1, **RUN)


def test_levels_and_rows_that_only_some_have() -> None:
    whole, run = endpoint(patients()), {"draws": 20, "tune": 20, "chains": 2}
    spec = iko.hierarchical_spec(causes="relapse", covariates="x", cuts=[])
    rare = whole.with_column("ikzf1_class", np.where(np.arange(N) < 1, "del_4_8", whole.frame["ikzf1_class"]))
    with pytest.raises(iko.InputError, match="not all completed data sets have the same levels"):
        iko.sample_imputed([whole, rare], spec, seed=1, **run)
    partly = whole.with_column("x", whole.frame["x"].where(np.arange(N) > 4))
    with pytest.raises(iko.InputError, match="missing in some of the completed data sets only"):
        iko.sample_imputed([whole, partly], spec, seed=1, **run)


def test_what_a_stack_does_not_answer(stacked: iko.ImputedPosterior) -> None:
    for ask in (
        lambda: iko.leave_one_out(stacked),
        lambda: iko.leave_one_group_out(stacked, "ikzf1_class"),
        lambda: iko.compare_posteriors({"one": stacked, "two": stacked}),
        lambda: iko.shrinkage(stacked),
        lambda: stacked.save("draws.nc"),
    ):
        with pytest.raises(iko.InputError, match="completed data sets") as raised:
            ask()
        assert ".parts" in raised.value.next_step
