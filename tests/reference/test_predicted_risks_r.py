"""Given risks against riskRegression, timeROC, pec and dcurves: AUC, Brier, calibration, net benefit (predicted_risks)."""

import numpy as np
import pandas as pd
import pytest
import reading

import ikzf1_outcomes as iko

VALUES = reading.values("predicted_risks")
FOUNDING = reading.values("predicted_risks", "founding")
MONTHS = [36, 96, 180]
YEARS = [1, 2, 5, 8]
GAMMOPATHY = reading.inputs("predicted_risks", "gammopathy")
CHOLANGITIS = reading.inputs("predicted_risks", "pbc_cc")
FITTED = reading.inputs("predicted_risks", "pred_pbc_surv")
PBC = iko.endpoint_from_columns(CHOLANGITIS, time="years", status="death", causes={1: "death"})
RISKS = {name: FITTED[[f"{name}_{year}" for year in YEARS]] for name in ("m0", "m1")}


def gammopathy(cause=None):
    made = iko.endpoint_from_columns(GAMMOPATHY, time="time", status="status", causes={1: "progression", 2: "death"})
    risks = {name: GAMMOPATHY[[f"{name}_{month}" for month in MONTHS]] for name in ("one", "two")}
    return made, {name: 1 - risk for name, risk in risks.items()} if cause == "death" else risks


def by_model(table, measure=None):
    """Rows of models and of differences, as R names them."""
    if measure is not None:
        table = table[table["measure"] == measure]
    names = table["contrast"].where(table["contrast"] != "", table["term"])
    return table.assign(key=names.str.replace("null model", "Null model"))


def r_rows(part, value):
    score, contrasts = reading.table(part["score"]), reading.table(part["contrasts"])
    contrasts["model"] = contrasts["model"] + " - " + contrasts["reference"]
    both = [score.rename(columns={value: "estimate"}), contrasts.rename(columns={f"delta.{value}": "estimate"})]
    named = pd.concat(both).rename(columns={"model": "key", "times": "time", "se": "std_error", "lower": "low"})
    return named.rename(columns={"upper": "high", "p": "p_value"})


LIMITS = ["estimate", "std_error", "low", "high"]
CASES = {"competing": "progression", "competing_conservative": "progression", "second_cause": "death", "any": None}


@pytest.mark.parametrize("name", CASES)
def test_brier_scores_and_their_differences(name):
    made, risks = gammopathy(CASES[name])
    ours = iko.brier_score(made, risks, times=MONTHS, cause=CASES[name], conservative="conservative" in name).tidy()
    theirs = r_rows(VALUES[name]["brier"], "Brier")
    reading.agree_in(by_model(ours, "Brier score"), theirs, ["key", "time"], LIMITS)
    gaps = theirs[theirs["p_value"].notna()]
    reading.agree_in(by_model(ours, "Brier score"), gaps, ["key", "time"], ["p_value"])
    share = theirs[theirs["IPA"].notna() & (theirs["key"] != "Null model")].assign(estimate=lambda d: d["IPA"])
    reading.agree_in(by_model(ours, "IPA"), share, ["key", "time"], ["estimate"])
    last = theirs[theirs["IBS"].notna() & (theirs["time"] == MONTHS[-1])].assign(estimate=lambda d: d["IBS"])
    reading.agree_in(by_model(ours, "integrated Brier score"), last, ["key", "time"], ["estimate"])


@pytest.mark.parametrize("name", ["competing", "second_cause", "any"])
def test_auc_and_its_differences(name):
    """Of competing events riskRegression takes those who had the other one as controls."""
    made, risks = gammopathy(CASES[name])
    found = iko.auc_over_time(made, risks, times=MONTHS, cause=CASES[name], controls="event-free or competing")
    theirs = r_rows(VALUES[name]["auc"], "AUC")
    reading.agree_in(by_model(found.tidy()), theirs, ["key", "time"], LIMITS)
    gaps = theirs[theirs["p_value"].notna()]
    reading.agree_in(by_model(found.tidy()), gaps, ["key", "time"], ["p_value"])


def test_censoring_by_a_cox_model():
    """riskRegression on a clock on which censorings come after the events of their time."""
    made, risks = gammopathy()
    chances = iko.censoring_by_cox(made, "age", times=MONTHS)
    options = {"times": MONTHS, "censoring": chances}
    brier = iko.brier_score(made, risks, **options).tidy()
    tables = {"auc": (iko.auc_over_time(made, risks, **options).tidy(), "AUC"), "brier": (brier, "Brier")}
    for name, (table, value) in tables.items():
        ours = by_model(table, "Brier score" if "measure" in table else None)
        reading.agree_in(ours, r_rows(VALUES["by_age"][name], value), ["key", "time"], ["estimate", "std_error"])


@pytest.mark.parametrize("name", ["pbc_lbili", "pbc_lp0", "pbc_lp1"])
def test_auc_of_timeroc(name):
    """Standard errors exact where no time is tied before; to 1e-5 elsewhere, where riskRegression's are ours."""
    r = FOUNDING["timeROC_surv__part"][name]
    fits = {"pbc_lp0": "age + edema", "pbc_lp1": "age + edema + lbili + lalb + lpro"}
    score = CHOLANGITIS["lbili"]
    if name in fits:
        fit = iko.cox(PBC, fits[name])
        score = 1 - fit.predict(CHOLANGITIS, [1.0])["estimate"]
    found = iko.auc_over_time(PBC, {name: score}, times=r["times"])
    table = found.tidy()
    reading.agree(table["estimate"], r["AUC"])
    early = table["time"] <= 2
    reading.agree(table.loc[early, "std_error"], np.array(r["se"])[early])
    np.testing.assert_allclose(table["std_error"], r["se"], rtol=1e-5)
    counts = found.glance()[["n_case", "n_control", "n_unknown"]]
    np.testing.assert_array_equal(counts, reading.numbers(r["Stats"]))


@pytest.mark.parametrize("name", ["Score_surv", "Score_surv_conservative"])
def test_scores_of_models(name):
    r = FOUNDING[name]
    conservative = "conservative" in name
    ours = iko.brier_score(PBC, RISKS, times=YEARS, conservative=conservative).tidy()
    tables = [(iko.auc_over_time(PBC, RISKS, times=YEARS).tidy(), "AUC"), (ours[ours["measure"] == "Brier score"], "Brier")]
    for table, value in tables[conservative:]:
        theirs = {"score": pd.DataFrame(r[value]).to_dict("records")}
        theirs["contrasts"] = pd.DataFrame(r[f"{value}_contrasts"]).to_dict("records")
        reading.agree_in(by_model(table), r_rows(theirs, value), ["key", "time"], LIMITS)


def predicted(formula):
    fit = iko.cox(PBC, formula)
    return lambda at: 1 - fit.predict(CHOLANGITIS, at)["estimate"].to_numpy().reshape(len(CHOLANGITIS), len(at))


def test_integrated_scores():
    """Over event times (riskRegression) and over all times and a grid of quarters (pec)."""
    risks = {"m0": predicted("age + edema"), "m1": predicted("age + edema + lbili + lalb + lpro")}
    r = FOUNDING["Score_surv"]["ibs_event_times_to_8"]
    table = iko.brier_score(PBC, risks, times=[r["times"][0]], integrate="event times").tidy()
    mean = table[(table["measure"] == "integrated Brier score") & (table["contrast"] == "")]
    np.testing.assert_allclose(mean["estimate"], r["IBS"], rtol=1e-8)
    grid = np.unique(np.r_[CHOLANGITIS["years"][CHOLANGITIS["years"] <= 8], np.arange(0, 8.1, 0.25)])
    table = iko.brier_score(PBC, risks, times=[8.0], integrate=grid).tidy()
    mean = table[(table["measure"] == "integrated Brier score") & (table["contrast"] == "")]
    np.testing.assert_allclose(mean["estimate"], list(FOUNDING["pec_ibs"]["crps_ibs_8"].values()), rtol=1e-8)


def test_calibration():
    r = FOUNDING["calibration"]
    found = iko.calibration_curve(PBC, {"m1": FITTED["m1_5"]}, at=5)
    table, measures = found.tidy(), found.glance().set_index("measure")
    reading.agree(table["predicted"], r["quintile_mean_pred"])
    reading.agree(table["estimate"], r["obs"])
    reading.agree(table["std_error"], r["se"])
    reading.agree(measures.loc["observed / expected", "estimate"], r["OE"])
    np.testing.assert_allclose(measures.loc["calibration slope", "estimate"], r["cloglog_recal"]["coef"]["q"], rtol=1e-8)
    np.testing.assert_allclose(measures.loc["calibration slope", "std_error"], r["cloglog_recal"]["se"], rtol=1e-8)


def test_calibration_with_competing_events():
    made, risks = gammopathy()
    own = {"two": risks["two"]["two_96"]}
    found = iko.calibration_curve(made, own, at=96, cause="progression", groups=4)
    theirs = reading.table(VALUES["groups"])
    reading.agree(found.tidy()["predicted"], theirs["predicted"])
    reading.agree(found.tidy()["estimate"], theirs["estimate"])
    slope = found.glance().set_index("measure").loc["calibration slope"]
    reading.agree(slope["estimate"], VALUES["slope"]["coef"])
    reading.agree(slope["std_error"], VALUES["slope"]["se"])


def test_a_smooth_calibration_curve():
    made, risks = gammopathy()
    r = VALUES["smooth"]
    found = iko.calibration_curve(made, {"two": risks["two"]["two_96"]}, at=96, groups="smooth")
    points = found.tidy().iloc[[0, 10, 30, 60, 100]]
    for column in ("predicted", "estimate", "std_error"):
        reading.agree(points[column], r[column], column)
    reading.agree(found.glance().set_index("measure").loc["integrated calibration index", "estimate"], r["index"])


def test_net_benefit():
    r = pd.DataFrame(FOUNDING["decision_curve__part"]["pbc_t5"])
    risks = {"p0": FITTED["m0_5"], "p1": FITTED["m1_5"]}
    table = iko.decision_curve(PBC, risks, at=5, thresholds=sorted(r["threshold"].unique())).tidy()
    ours = table[(table["measure"] == "net benefit") & (table["contrast"] == "")].replace(
        {"treat all": "all", "treat none": "none"}
    )
    theirs = r.rename(columns={"variable": "term", "net_benefit": "estimate"})
    reading.agree_in(ours, theirs, ["term", "threshold"], ["estimate"])
    treated = theirs[theirs["term"] != "none"].rename(columns={"tp_rate": "true_positive", "fp_rate": "false_positive"})
    reading.agree_in(ours, treated, ["term", "threshold"], ["true_positive", "false_positive"])


def test_net_benefit_with_competing_events():
    made, risks = gammopathy()
    theirs = reading.table(VALUES["net_benefit"])
    own = {"two": risks["two"]["two_96"]}
    table = iko.decision_curve(made, own, at=96, thresholds=theirs["threshold"], cause="progression").tidy()
    ours = table[(table["measure"] == "net benefit") & (table["term"] == "two")]
    reading.agree_in(ours, theirs, ["threshold"], ["true_positive", "false_positive", "estimate"])
