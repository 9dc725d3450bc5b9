"""Ladders that must be the same, or have no choice: units, rows, seeds, processes, noise, choices within folds."""

import joblib
import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.prognosis.rung_fits import study_of
from ikzf1_outcomes.prognosis.rung_tests import compare_rungs
from ikzf1_outcomes.prognosis.rungs import ladder_of

CAUSES = {1: "relapse", 2: "death"}
QUICK = {"times": [1.0, 3.0], "resamples": 20, "simulations": 19, "seed": 4}


def patients(n=90, seed=3, features=2, effect=0.7):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, features)), columns=[f"k{j}" for j in range(features)])
    frame["age"], frame["ikzf1"] = rng.normal(size=n), rng.choice(["none", "ik6", "whole"], n, p=[0.7, 0.2, 0.1])
    relapse, death = rng.exponential(6 * np.exp(-effect * frame["age"])), rng.exponential(20, n)
    end = rng.uniform(3.2, 8, n)
    frame["t"] = np.round(np.minimum(np.minimum(relapse, death), end), 2) + 0.01
    frame["s"] = np.where(end <= np.minimum(relapse, death), 0, np.where(relapse < death, 1, 2))
    return frame


def made(frame):
    return iko.endpoint_from_columns(frame, time="t", status="s", causes=CAUSES)


def added(frame, base="age", more="ikzf1 + k0", **options):
    return iko.added_value(made(frame), base, more, **(QUICK | {"cause": "relapse"} | options))


FOUND = added(patients())


def same(one, other, rtol=1e-7):
    for a, b in ((one.tidy(), other.tidy()), (one.glance(), other.glance())):
        numbers = a.select_dtypes("number").columns
        np.testing.assert_allclose(a[numbers], b[numbers], rtol=rtol, atol=1e-9)
        assert a["note"].tolist() == b["note"].tolist()


def test_the_same_seed_gives_the_same_numbers_on_two_processes():
    with joblib.parallel_config(backend="threading", n_jobs=2):
        same(FOUND, added(patients()), rtol=0)


def test_units_of_covariates_do_not_matter():
    frame = patients()
    same(FOUND, added(frame.assign(age=12 * frame["age"] + 40, k0=-frame["k0"] / 1000)))


def test_units_of_time_do_not_matter():
    frame = patients()
    months = added(frame.assign(t=12 * frame["t"]), times=[12.0, 36.0])
    ours, theirs = FOUND.tidy(), months.tidy()
    np.testing.assert_allclose(ours["estimate"], theirs["estimate"], rtol=1e-9)
    np.testing.assert_allclose(ours["corrected"], theirs["corrected"], rtol=1e-9)


def test_the_order_of_rows_does_not_matter_to_what_is_not_drawn():
    frame = patients()
    turned = added(frame.iloc[::-1].reset_index(drop=True))
    np.testing.assert_allclose(FOUND.tidy()["estimate"], turned.tidy()["estimate"], rtol=1e-9)


def test_differences_are_differences():
    table = FOUND.tidy().assign(time=lambda d: d["time"].fillna(0.0)).query("n_resamples > 0")
    wide = {key: part.set_index(["measure", "time"]) for key, part in table.groupby(["term", "contrast"])}
    gap = wide["added", "added vs base"]
    for name in ("estimate", "optimism", "corrected"):
        want = wide["added", ""][name] - wide["base", ""][name]
        np.testing.assert_allclose(gap[name], want.reindex(gap.index), atol=1e-12)


def test_every_rung_has_the_patients_in_whom_all_terms_are_known():
    frame = patients()
    holes = frame.assign(k0=frame["k0"].where(np.arange(90) >= 30))
    with_holes = added(holes, {"clinical": "age", "+ IKZF1": "ikzf1", "+ kinome": "k0"}, None)
    without = added(frame.iloc[30:], {"clinical": "age", "+ IKZF1": "ikzf1", "+ kinome": "k0"}, None)
    np.testing.assert_allclose(with_holes.tidy()["corrected"], without.tidy()["corrected"], rtol=1e-9)
    rungs = with_holes.glance()
    assert rungs["n"].tolist() == [60] * 3
    assert rungs["n_excluded"].tolist() == [30] * 3
    assert rungs["n_missing"].tolist() == [0, 0, 30]
    assert "known in 60 of 90 rows" in rungs["note"][2]
    assert "fewer than 10 per parameter" in rungs["note"][2]
    assert list(with_holes.ladder().index) == ["clinical", "+ IKZF1", "+ kinome"]
    assert with_holes.words().count("likelihood ratio") == 2


def test_the_ratio_is_that_of_nested_cox_models():
    frame = patients()
    endpoint = made(frame)
    small, large = (iko.cox(endpoint, terms, cause="relapse") for terms in ("age", "age + ikzf1 + k0"))
    nested, rung = iko.compare_nested(small, large).glance().iloc[0], FOUND.glance().iloc[1]
    assert [rung["statistic"], rung["df"]] == pytest.approx([nested["statistic"], nested["df"]], rel=1e-8)
    assert rung["p_chi_square"] == pytest.approx(nested["p_value"], rel=1e-6)
    assert rung["p_value"] == rung["p_simulated"]
    assert rung["p_simulated"] * 20 == pytest.approx(round(rung["p_simulated"] * 20))


def test_predictions_are_those_of_the_models_of_all_causes():
    frame = patients()
    risks = iko.cause_specific_cox(made(frame), "age + ikzf1 + k0").predict(frame, [1.0, 3.0])
    own = risks[risks["cause"] == "relapse"].pivot_table(index="group", columns="time", values="estimate").to_numpy()
    given = iko.brier_score(made(frame), {"m": own}, times=[1.0, 3.0], cause="relapse").tidy()
    theirs = given[(given["term"] == "m") & (given["measure"] == "Brier score")]["estimate"]
    ours = FOUND.tidy().query("term == 'added' and contrast == '' and measure == 'Brier score'")["estimate"]
    np.testing.assert_allclose(ours, theirs, rtol=1e-8)


def test_a_level_without_events_is_followed_to_its_limit():
    frame = patients()
    frame["s"] = np.where((frame["ikzf1"] == "whole") & (frame["s"] == 1), 0, frame["s"])
    table = added(frame).tidy().query("n_resamples > 0")
    assert table["n_resamples"].eq(20).all()
    assert table[["estimate", "corrected"]].notna().all(axis=None)
    nested = iko.compare_nested(*(iko.cox(made(frame), terms, cause="relapse") for terms in ("age", "age + ikzf1 + k0")))
    assert added(frame, resamples=0).glance()["statistic"][1] == pytest.approx(nested.statistic, rel=1e-6)


def test_noise_is_not_rewarded():
    # twenty candidates of noise beside the age, which alone matters
    frame = patients(n=150, seed=8, features=20)
    names = [f"k{j}" for j in range(20)]
    fixed = added(frame, "age", names, simulations=0, resamples=40).tidy()
    gap = fixed[(fixed["contrast"] == "added vs base") & (fixed["measure"] == "Harrell's C")].iloc[0]
    assert gap["estimate"] > 0.02 > gap["corrected"]


@pytest.mark.parametrize("way", ["elastic_net", ("screen", 0.2)])
def test_choices_are_made_within_the_folds(way):
    frame = patients(n=120, seed=8, features=12)
    frame["k1"] = frame["k1"] - 0.8 * np.log(frame["t"])  # one candidate knows
    names = [f"k{j}" for j in range(12)]
    found = added(frame, "age", names, choose={"added": way}, repeats=2)
    rungs, table = found.glance(), found.tidy()
    assert rungs["p_value"].isna().tolist() == [False, True]
    assert rungs["n_selected"][1] >= 1
    assert "nested cross-validation, 10 folds, repeated 2 times" in rungs["method"][1]
    assert "chosen among 12 columns" in rungs["note"][1]
    gap = table[(table["contrast"] == "added vs base") & (table["measure"] == "Harrell's C")].iloc[0]
    assert gap["n_resamples"] == 2
    assert gap["estimate"] > gap["corrected"] > 0.0
    assert table["low"].isna().all()
    assert "chosen by the outcome" in found.words()


def test_reclassification_comes_on_request_with_its_warning():
    asked = added(patients(), reclassification=True).tidy()
    more = asked[asked["measure"].isin(["continuous NRI", "IDI"])]
    assert len(more) == 4
    assert more["note"].str.contains("miscalibrated").all()
    assert more["estimate"].between(-2, 2).all()
    pd.testing.assert_frame_equal(asked.drop(more.index).reset_index(drop=True), FOUND.tidy())


def test_progress_counts_everything_once():
    seen = []
    added(patients(), progress=lambda done, number: seen.append((done, number)))
    assert seen == [(k, 58) for k in range(1, 59)]


def test_with_few_events_the_simulated_test_holds_its_size_where_chi_square_does_not():
    # 45 patients, about 12 events, two covariates and six of noise; recorded at length in the calibration
    rng, small = np.random.default_rng(12), []
    for _ in range(160):
        frame = patients(n=45, seed=int(rng.integers(1 << 30)), features=7, effect=0.5)
        frame["s"] = np.where(rng.random(45) < 0.5, 0, frame["s"])
        study = study_of(ladder_of(made(frame), "age + k0", [f"k{j}" for j in range(1, 7)], None, None), "relapse", [1.0])
        small.append(compare_rungs(study, *study.ladder.rungs, 39, rng))
    rejected = [np.mean([getattr(test, name) <= 0.05 for test in small]) for name in ("p_chi_square", "p_simulated")]
    # 160 draws at 5 %: above 15 or below 2 in less than one of a hundred
    assert 2 / 160 <= rejected[1] <= 15 / 160
    assert rejected[0] > rejected[1]
