"""Landmark supermodels: sixteen balanced patients by hand, separate models of each landmark as twins, a known truth."""

from itertools import product

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.absolute_risk import Hazards, sensitivity
from ikzf1_outcomes.prognosis.landmark_risks import answers, cause_hazard, incidence, resampled
from ikzf1_outcomes.prognosis.landmark_sets import stack_of
from ikzf1_outcomes.prognosis.landmarks import landmark_supermodel

CAUSES = {1: "relapse", 2: "death"}
MARKS = {"m1": 0.5, "m2": 1.0}


def made(frame, **more):
    return iko.endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, **more)


def patients(n=400, seed=3):
    """Frequent events of both causes, so that every level has some at every landmark; ties, missing marks."""
    rng = np.random.default_rng(seed)
    d = pd.DataFrame(
        {
            "c": pd.Categorical(rng.choice(["none", "ik6", "whole"], n, p=[0.5, 0.2, 0.3]), ["none", "ik6", "whole"]),
            "m1": rng.choice(["low", "mid", "high"], n),
            "age": rng.normal(size=n).round(1),
            "sex": rng.choice(["f", "m"], n),
        }
    )
    d["m2"] = np.where(rng.random(n) < 0.2 + 0.4 * (d["m1"] == "high"), "pos", "neg")
    rate = 0.12 * np.exp(0.6 * (d["c"] != "none") + 0.5 * (d["m1"] == "high") + 0.7 * (d["m2"] == "pos") + 0.2 * d["age"])
    first, other, end = rng.exponential(1 / rate), rng.exponential(12, n), rng.uniform(2, 9, n)
    d["t"] = np.ceil(np.minimum(np.minimum(first, other), end) * 50) / 50
    d["s"] = np.where(end < np.minimum(first, other), 0, np.where(first < other, 1, 2))
    d["m1"] = d["m1"].mask((rng.random(n) < 0.05) | (d["t"] <= 0.5))
    d["m2"] = d["m2"].mask((rng.random(n) < 0.05) | (d["t"] <= 1.0))
    return d


def model_of(frame, marks=MARKS, **more):
    return landmark_supermodel(made(frame), "c", **{"marks": marks, "resamples": 0, "seed": 1, **more})


def by_row(model):
    table = model.tidy()
    return {
        (a, b, c): e for a, b, c, e in zip(*(table[k] for k in ("landmark", "level", "group", "estimate")), strict=True)
    }


def test_sixteen_patients_by_hand():
    """Each class and group has one of the four events of a day, so that all hazard ratios are 1.

    Efron's steps: two relapses among 18 at 1, which is the landmark; four relapses among 16 at 2, four deaths among 12 at
    3, four relapses among 8 at 4; four are followed to 5.
    """
    four = list(product("ab", ("low", "high")))
    rows = [(t, s, *who) for t, s in ((2, 1), (3, 2), (4, 1), (5, 0)) for who in four]
    rows += [(1, 1, "a", None), (1, 1, "b", None)]
    d = pd.DataFrame(rows, columns=["t", "s", "c", "m1"]).sample(frac=1.0, random_state=2)
    model = model_of(d, {"m1": 1.0}, horizon=4.5, threshold=0.5)
    first, deaths, second = (sum(1 / k for k in range(n, n - 4, -1)) for n in (16, 12, 8))
    late = 1 - np.exp(-first) + np.exp(-first - deaths) * (1 - np.exp(-second))
    before = 1 / 18 + 1 / 17
    start = 1 - np.exp(-before) + np.exp(-before) * late
    table = model.tidy()
    np.testing.assert_allclose(table.loc[table["landmark"] == 0, "estimate"], start, rtol=1e-12)
    np.testing.assert_allclose(table.loc[table["landmark"] == 1, "estimate"], late, rtol=1e-12)
    assert table["n"].tolist() == [9, 9, 8, 8, 4, 4, 4, 4]
    assert table["n_event"].tolist() == [5, 5, 4, 4, 2, 2, 2, 2]
    assert 0.35 < late < 0.5 < start
    assert (model.crossing()["estimate"] == 0).all()
    effects = model.effects()
    np.testing.assert_allclose(effects["estimate"], 0, atol=1e-12)
    assert model.glance()["note"].iloc[1] == "landmark at 1: 2 left out before it (2 events, 0 censored)"


@pytest.mark.parametrize("at", [0.0, 0.5, 1.0])
def test_cells_and_hazard_ratios_are_those_of_a_model_of_each_landmark(at):
    d = patients()
    model = model_of(d)
    known = [mark for mark, when in MARKS.items() if when <= at]
    e = made(d.dropna(subset=known))
    late = iko.landmark(e, at) if at else e
    fit = iko.cause_specific_cox(late, ["c", *known])
    cells = late.frame[["c", *known]].drop_duplicates()
    twin = fit.predict(cells, 5.0).query("cause == 'relapse'")["estimate"].to_numpy()
    found = by_row(model)
    level = [tuple(row) if len(row) > 1 else row[0] if row else "" for row in cells[known].to_numpy().tolist()]
    ours = [found[at, *key] for key in zip(level, cells["c"], strict=True)]
    np.testing.assert_allclose(ours, twin, rtol=1e-9)
    # the class: the mean over its own patients
    each = fit.predict(late.frame, 5.0).query("cause == 'relapse'")["estimate"].to_numpy()
    for name in ("none", "ik6", "whole"):
        np.testing.assert_allclose(found[at, "", name], each[late.frame["c"] == name].mean(), rtol=1e-9)
    effects = model.effects().query("landmark == @at")
    for kind, terms in (("total", ["c"]), ("not through the marks", ["c", *known])):
        own = effects.query("model == @kind and cause == 'relapse' and note != 'reference'")
        if at or kind == "total":
            fits = iko.cox(late, terms, cause="relapse", robust=True).tidy()
            fits = fits[(fits["term"] == "c") & (fits["note"] != "reference")]
            np.testing.assert_allclose(own["estimate"], fits["estimate"], rtol=1e-8)
            np.testing.assert_allclose(own["std_error"], fits["std_error"], rtol=1e-7)
            assert own["contrast"].tolist() == ["ik6 vs none", "whole vs none"]


def test_adjusted_and_stratified_risks_are_those_of_rows_stacked_by_hand():
    d = patients()
    model = model_of(d, {"m1": 0.5}, adjust="age", strata="sex")
    late = d[(d["t"] > 0.5) & d["m1"].notna()]
    parts = [d.assign(entry=-np.inf, place="0", m1="none yet"), late.assign(entry=0.5, place="1")]
    rows = pd.concat(parts, ignore_index=True)
    names = []
    for place, column in (("0", "c"), ("1", "c"), ("1", "m1")):
        for level in sorted(set(rows.loc[rows["place"] == place, column]))[1:]:
            names.append(f"x{len(names)}")
            rows[names[-1]] = ((rows["place"] == place) & (rows[column] == level)).astype(float)
    e = made(rows, entry="entry")
    fit = iko.cause_specific_cox(e, [*names, "age"], strata=["place", "sex"])
    everybody, found = rows[rows["place"] == "1"], by_row(model)
    for c, m1 in product(("none", "ik6", "whole"), ("low", "mid", "high")):
        like = rows[(rows["place"] == "1") & (rows["c"] == c) & (rows["m1"] == m1)].iloc[0]
        new = everybody.assign(**{name: like[name] for name in names})
        twin = fit.predict(new, 5.0).query("cause == 'relapse'")["estimate"].mean()
        np.testing.assert_allclose(found[0.5, m1, c], twin, rtol=1e-8)


def test_the_test_of_one_effect_uses_the_derivatives_of_separate_models():
    """Covariance between landmarks: products of each patient's dfbeta at one and at the other."""
    d = patients().assign(row=lambda x: np.arange(len(x)))
    table = model_of(d).glance().query("term != 'at risk' and cause == 'relapse'").set_index("model")
    for kind in ("total", "not through the marks"):
        beta, influence = [], []
        for at, known in ((0.0, []), (0.5, ["m1"]), (1.0, ["m1", "m2"])):
            e = made(d.dropna(subset=known))
            late = iko.landmark(e, at) if at else e
            fit = iko.cox(late, ["c", *(known if kind != "total" else [])], cause="relapse")
            change = np.zeros((len(d), 2))
            change[late.frame["row"]] = fit.residuals("dfbeta").iloc[:, :2]
            own = fit.tidy()
            beta.append(own.loc[(own["term"] == "c") & (own["note"] != "reference"), "estimate"].to_numpy())
            influence.append(change)
        gap = np.concatenate([beta[1] - beta[0], beta[2] - beta[0]])
        moved = np.hstack([influence[1] - influence[0], influence[2] - influence[0]])
        wald = gap @ np.linalg.solve(moved.T @ moved, gap)
        np.testing.assert_allclose(table.loc[kind, "statistic"], wald, rtol=1e-6)
        np.testing.assert_allclose(table.loc[kind, "p_value"], chi2.sf(wald, 4), rtol=1e-6)
        assert table.loc[kind, "df"] == 4


@pytest.mark.parametrize("threshold", [0.3, 0.45, 0.6])
def test_crossing_counts_patients_one_by_one(threshold):
    d = patients()
    model = model_of(d, threshold=threshold)
    found, shares = by_row(model), model.crossing()
    late = d[(d["t"] > 1.0) & d["m1"].notna() & d["m2"].notna()]
    after = {i: found[1.0, (row.m1, row.m2), row.c] for i, row in late.iterrows()}
    for c in ("none", "ik6", "whole"):
        counts = dict.fromkeys(("above before", "above after", "moved up", "moved down"), 0)
        own = late[late["c"] == c]
        for i, row in own.iterrows():
            alike = own.index[own["m1"] == row.m1]
            before = sum(after[j] for j in alike) / len(alike)
            counts["above before"] += before > threshold
            counts["above after"] += after[i] > threshold
            counts["moved up"] += after[i] > threshold >= before
            counts["moved down"] += before > threshold >= after[i]
        ours = shares.query("landmark == 1 and group == @c").set_index("term")
        assert ours["n"].eq(len(own)).all()
        for term, count in counts.items():
            assert ours.loc[term, "estimate"] == pytest.approx(count / len(own), abs=1e-12)
    assert shares["note"].eq(f"threshold {threshold:g}: an assumption; no interval: no resamples").all()


def test_crossing_with_an_adjusted_covariate_gives_each_patient_a_risk():
    """Everybody of a class and group has another age, so that shares are no longer those of whole groups."""
    d = patients()
    model = model_of(d, {"m1": 0.5}, adjust="age", threshold=0.72)
    stack = stack_of(made(d), "c", {"m1": 0.5}, "age", None, 5.0)
    hazards = [cause_hazard(stack, stack.weight, code) for code in (1, 2)]
    late = d[(d["t"] > 0.5) & d["m1"].notna()].reset_index(drop=True)

    def risk(c, m1, age):
        one = stack.sets[1]
        relative = np.exp(
            [
                part.effect[1][0][one.factors[0].levels.index(c)]
                + part.effect[1][1][one.factors[1].levels.index(m1)]
                + part.adjusted[0] * age
                for part in hazards
            ]
        )
        own = [(part.stratum == 1) & (part.time <= 5) for part in hazards]
        total, survival = 0.0, 1.0
        for t in sorted(set(hazards[0].time[own[0]]) | set(hazards[1].time[own[1]])):
            steps = [r * p.step[k & (p.time == t)].sum() for r, p, k in zip(relative, hazards, own, strict=True)]
            total += survival * (1 - np.exp(-sum(steps))) * steps[0] / sum(steps)
            survival *= np.exp(-sum(steps))
        return total

    own = late[late["c"] == "ik6"]
    share = own["m1"].value_counts(normalize=True)
    after = np.array([risk("ik6", row.m1, row.age) for row in own.itertuples()])
    before = np.array([sum(share[m] * risk("ik6", m, row.age) for m in share.index) for row in own.itertuples()])
    ours = model.crossing().query("group == 'ik6'").set_index("term")["estimate"]
    assert 0 < (before > 0.72).mean() < 1
    assert ours["above before"] == pytest.approx((before > 0.72).mean(), abs=1e-12)
    assert ours["above after"] == pytest.approx((after > 0.72).mean(), abs=1e-12)
    assert ours["moved up"] == pytest.approx(((after > 0.72) & (before <= 0.72)).mean(), abs=1e-12)


def test_missing_marks_leave_their_landmark_and_are_counted():
    d = patients()
    at_risk = model_of(d).glance().query("term == 'at risk'")
    late, later = d[d["t"] > 0.5], d[d["t"] > 1.0]
    missing = [0, late["m1"].isna().sum(), (later["m1"].isna() | later["m2"].isna()).sum()]
    assert at_risk["n_excluded"].tolist() == missing
    assert at_risk["n"].tolist() == [len(d), len(late) - missing[1], len(later) - missing[2]]
    without = model_of(d.assign(age=d["age"].mask(np.arange(len(d)) < 7)), adjust="age").glance()
    assert without["n"].iloc[0] == len(d) - 7
    assert "7 left out throughout" in without["note"].iloc[0]


def test_a_class_without_the_event_has_no_risk_and_one_without_deaths_a_hazard_of_0():
    d = patients()
    d.loc[(d["c"] == "ik6") & (d["s"] == 1), "s"] = 0
    d.loc[(d["c"] == "whole") & (d["s"] == 2), "s"] = 0
    model = model_of(d, {"m1": 0.5}, threshold=0.4)
    table = model.tidy()
    ik6 = table[table["group"] == "ik6"]
    assert ik6["estimate"].isna().all()
    assert ik6["note"].eq("not estimable: no events in c ik6").all()
    moves = model.crossing()
    assert moves["estimate"].isna().eq(moves["group"] == "ik6").all()
    # in the limit "whole" relapses as its own Kaplan-Meier-like hazard says, with nobody dying
    alone = iko.cox(made(d[d["c"] != "ik6"]), ["c"], cause="relapse")
    hazard = alone.baseline().query("time <= 5")["estimate"].iloc[-1] * np.exp(alone.tidy()["estimate"].iloc[-1])
    whole = table[(table["group"] == "whole") & (table["landmark"] == 0)].iloc[0]
    assert whole["estimate"] == pytest.approx(1 - np.exp(-hazard), rel=1e-9)
    assert whole["note"] == "hazard 0 in a class or group without such events: death; no interval: no resamples"
    effects = model.effects().query("cause == 'relapse' and contrast == 'ik6 vs none'")
    assert effects["note"].eq("not estimable: no events in c ik6").all()
    summary = model.glance().query("term != 'at risk'")
    assert summary["note"].str.contains("without classes that had no events").all()


def test_no_events_in_the_reference_class():
    d = patients()
    d.loc[(d["c"] == "none") & (d["s"] == 1), "s"] = 0
    model = model_of(d, {"m1": 0.5})
    effects = model.effects().query("cause == 'relapse' and note != 'reference'")
    assert effects["note"].eq("not estimable: no events in c none").all()
    table = model.tidy()
    assert table.loc[table["group"] == "none", "estimate"].isna().all()
    # the others do not need it
    start = table[table["landmark"] == 0].set_index("group")["estimate"]
    others = iko.cause_specific_cox(made(d[d["c"] != "none"]), ["c"])
    whole = d[d["c"] == "whole"].head(1)
    assert np.isfinite(start[["ik6", "whole"]]).all()
    # its deaths share their baseline with those of "none": near, but not the same
    assert start["whole"] == pytest.approx(others.predict(whole, 5.0)["estimate"].iloc[0], abs=0.03)


def test_a_group_of_one_patient_is_not_shown():
    d = patients()
    lonely = d.index[(d["t"] > 3) & d["m1"].notna()][0]
    d.loc[lonely, ["c", "m1"]] = ["ik6", "rare"]
    table = model_of(d, {"m1": 0.5}).tidy()
    row = table[table["level"] == "rare"].iloc[0]
    assert (row["n"], row["note"]) == (1, "not estimable: fewer than 2 patients")
    assert np.isnan(row["estimate"])


def separated():
    """After 0.5 nobody is "ik6" with "low", and all deaths are of "ik6" with "high" or "none" with "low"."""
    d = patients()
    d["c"] = d["c"].astype(str).replace("whole", "none")
    d["m1"] = d["m1"].replace("mid", "low").where((d["t"] <= 0.5) | (d["c"] == "none"), "high")
    d.loc[(d["t"] > 0.5) & (d["s"] == 2) & (d["c"] == "none") & (d["m1"] != "low"), "s"] = 0
    return d


def test_groups_that_separate_competing_events_are_taken_near_their_limit():
    """The hazard of death of "none" with "high" falls to 0, with finite hazards in the two other groups."""
    d = separated().assign(c=lambda x: pd.Categorical(x["c"], ["none", "ik6"]))
    late = iko.landmark(made(d.dropna(subset="m1")), 0.5)
    with pytest.raises(iko.errors.ConvergenceError):
        iko.cox(late, ["c", "m1"], cause="death")
    model = model_of(d, {"m1": 0.5}, threshold=0.5, resamples=20)
    fit = iko.cox(late, ["c", "m1"], cause="relapse", references={"m1": "high"})
    free = 1 - np.exp(-fit.baseline().query("time <= 5")["estimate"].iloc[-1])
    table = model.tidy()
    assert by_row(model)[0.5, "high", "none"] == pytest.approx(free, rel=1e-3)
    assert table.loc[table["landmark"] == 0.5, "std_error"].gt(0).all()
    assert table["note"].str.contains("groups separate, limit by a small ridge: death").all()
    effects = model.effects().query("cause == 'death' and contrast == 'ik6 vs none' and model == 'not through the marks'")
    assert effects["note"].tolist() == ["not estimable: groups separate, limit by a small ridge"]
    summary = model.glance().query("cause == 'death' and model == 'not through the marks'")
    assert summary["note"].tolist() == ["not estimable: groups separate, limit by a small ridge"]
    # of the cause itself it is an error
    swapped = d.assign(s=d["s"].map({0: 0, 1: 2, 2: 1}))
    with pytest.raises(iko.errors.ConvergenceError, match=r"@ 0\.5"):
        model_of(swapped, {"m1": 0.5})


def test_competing_causes_together_are_one_cause():
    d = patients()
    three = d.assign(s=np.where((d["s"] == 2) & (d["age"] > 0), 3, d["s"]))
    e = iko.endpoint_from_columns(three, time="t", status="s", causes={3: "toxicity", **CAUSES})
    model = landmark_supermodel(e, "c", marks=MARKS, competing="together", resamples=0, seed=1)
    names = ["landmark", "level", "group", "n_event", "estimate"]
    pd.testing.assert_frame_equal(model.tidy()[names], model_of(d).tidy()[names])
    assert set(model.effects()["cause"]) == {"relapse", "any other cause"}
    each = landmark_supermodel(e, "c", marks=MARKS, resamples=0, seed=1)
    assert set(each.fits) == {"toxicity", "relapse", "death"}
    fit = iko.cause_specific_cox(e, ["c"]).predict(three.iloc[[0]], 5.0).query("cause == 'relapse'")["estimate"].iloc[0]
    assert by_row(each)[0.0, "", three["c"].iloc[0]] == pytest.approx(fit, rel=1e-9)


def test_beyond_follow_up_there_is_no_risk():
    table = model_of(patients(), {"m1": 0.5}, horizon=20.0, threshold=0.5).tidy()
    assert table["estimate"].isna().all()
    assert table["note"].eq("beyond the last follow-up of a stratum").all()


def test_without_an_event_between_landmarks_there_is_nothing_to_compare():
    d = patients()
    d["t"] = d["t"] + 0.5
    model = model_of(d.assign(m1=patients(seed=9)["m1"].fillna("low")), {"m1": 0.2})
    total = model.glance().query("model == 'total'")
    assert total["note"].eq("not estimable: no landmarks to compare").all()
    assert total["p_value"].isna().all()


def test_incidence_is_that_of_the_kernel():
    rng = np.random.default_rng(4)
    step, relative = rng.random((30, 3)) * 0.1, rng.random((7, 3)) * 3
    step[5] = 0.0
    relative[2, 1] = 0.0
    hazards = Hazards(np.arange(30.0), step, np.zeros((30, 3)), ())
    for cause in range(3):
        twin = sensitivity(hazards, relative, cause, np.ones(30)).value
        np.testing.assert_allclose(incidence(relative, step, cause), twin, rtol=1e-12)


def test_a_resample_is_the_model_of_patients_with_whole_number_weights():
    d = patients()
    marks = {"m1": 0.5}
    stack = stack_of(made(d), "c", marks, None, None, 5.0)
    hazards = [cause_hazard(stack, stack.weight, code) for code in (1, 2)]
    found = answers(stack, hazards, stack.weight, 0, 5.0, 0.45)
    flat = resampled(stack, np.random.default_rng(7), found, 0, 5.0, 0.45)
    drawn = np.bincount(np.random.default_rng(7).integers(len(d), size=len(d)), minlength=len(d))
    counted = d.assign(w=drawn)[drawn > 0]
    e = made(counted, weights="w")
    model = landmark_supermodel(e, "c", marks=marks, threshold=0.45, resamples=0, seed=1)
    again = found.like(flat[:-1])
    table = model.tidy()
    classes = table.loc[table["variable"] == "", "estimate"].to_numpy().reshape(2, 3)
    np.testing.assert_allclose(again.classes, classes, rtol=1e-10)
    np.testing.assert_allclose(again.cells[1], table.loc[table["variable"] == "m1", "estimate"], rtol=1e-10)
    np.testing.assert_allclose(again.moves.ravel(), model.crossing()["estimate"], atol=1e-12)


def test_intervals_are_those_of_the_resamples():
    d, number = patients(), 25
    model = model_of(d, {"m1": 0.5}, threshold=0.45, resamples=number, seed=11, conf_level=0.9)
    stack = stack_of(made(d), "c", {"m1": 0.5}, None, None, 5.0)
    hazards = [cause_hazard(stack, stack.weight, code) for code in (1, 2)]
    found = answers(stack, hazards, stack.weight, 0, 5.0, 0.45)
    draws = [resampled(stack, rng, found, 0, 5.0, 0.45) for rng in np.random.default_rng(11).spawn(number)]
    parts = [found.like(one[:-1]) for one in draws]
    table = model.tidy()
    spread = np.std([one.classes for one in parts], axis=0, ddof=1)
    own = table[table["variable"] == ""]
    np.testing.assert_allclose(own["std_error"], spread.ravel(), rtol=1e-10)
    f, se = own["estimate"].to_numpy(), own["std_error"].to_numpy()
    np.testing.assert_allclose(own["low"], f ** np.exp(-1.6448536269514722 * se / (f * np.log(f))), rtol=1e-10)
    moves = model.crossing()
    low = np.quantile([one.moves.ravel() for one in parts], 0.05, axis=0)
    np.testing.assert_allclose(moves["low"], low, atol=1e-12)


def test_the_same_seed_gives_the_same_numbers_on_one_core_and_on_two():
    d = patients(200)
    more = {"marks": {"m1": 0.5}, "threshold": 0.45, "resamples": 20, "seed": 5}
    one = model_of(d, **more)
    with joblib.parallel_config(n_jobs=2):
        two = model_of(d, **more)
    pd.testing.assert_frame_equal(one.tidy(), two.tidy(), check_exact=True)
    pd.testing.assert_frame_equal(one.crossing(), two.crossing(), check_exact=True)


def test_a_known_truth_is_found():
    """Constant hazards: F = a / (a + b) (1 - exp(-(a + b)(5 - s))); marks of a class among those who are left at s."""
    rng, n, at = np.random.default_rng(12), 40_000, 0.5
    c = (rng.random(n) < 0.3).astype(int)
    m = (rng.random(n) < np.array([0.3, 0.5])[c]).astype(int)
    relapse = 0.06 * np.exp(0.5 * c + 1.1 * m)
    death = 0.03 * np.exp(0.4 * m)
    first, other, end = rng.exponential(1 / relapse), rng.exponential(1 / death), rng.uniform(3, 10, n)
    t = np.minimum(np.minimum(first, other), end)
    s = np.where(t == end, 0, np.where(t == first, 1, 2))
    d = pd.DataFrame({"t": t, "s": s, "c": c, "m1": m})
    model = model_of(d, {"m1": at}, threshold=0.37)
    a, b = 0.06 * np.exp(np.add.outer([0, 0.5], [0, 1.1])), 0.03 * np.exp([[0, 0.4]] * 2)
    truth = a / (a + b) * -np.expm1(-(a + b) * (5 - at))
    share = np.array([[0.7, 0.3], [0.5, 0.5]]) * np.exp(-(a + b) * at)
    share /= share.sum(axis=1, keepdims=True)
    found = by_row(model)
    ours = np.array([[found[at, mark, k] for mark in (0, 1)] for k in (0, 1)])
    # fewer than 2000 would be a standard error of 0.01; the smallest cell has about 5600
    np.testing.assert_allclose(ours, truth, atol=0.02)
    np.testing.assert_allclose([found[at, "", k] for k in (0, 1)], (share * truth).sum(axis=1), atol=0.012)
    moves = model.crossing().query("term == 'moved up'").set_index("group")["estimate"]
    assert (truth > 0.37).tolist() == [[False, True], [False, True]]
    assert ((share * truth).sum(axis=1) > 0.37).tolist() == [False, True]
    assert moves[0] == pytest.approx(share[0, 1], abs=0.015)
    assert moves[1] == 0
    down = model.crossing().query("term == 'moved down'").set_index("group")["estimate"]
    assert down[1] == pytest.approx(share[1, 0], abs=0.015)
    effects = model.effects().query("landmark == @at and cause == 'relapse' and contrast == '1 vs 0'").set_index("model")
    assert effects.loc["not through the marks", "estimate"] == pytest.approx(0.5, abs=0.08)
    assert effects.loc["total", "estimate"] > effects.loc["not through the marks", "estimate"] + 0.1


def test_a_cohort_refuses_a_landmark_before_the_mark_is_known():
    e = iko.define_endpoint(iko.simulate_cohort(300, seed=2), "EFS")
    with pytest.raises(iko.errors.InputError, match="known only after follow-up has begun"):
        landmark_supermodel(e, "ikzf1_class", marks={"mrd_TP1": 0.05}, resamples=0, seed=1)
