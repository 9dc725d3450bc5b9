"""Incidence and Gray's test on data that may not be copied here: bmtcrr, follic and hd, against cmprsk and survfit."""

import json

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import cumulative_incidence, endpoint_from_columns, gray_test

CAUSES = {1: "first", 2: "second"}
# entry of cif.json: data set, time, status, group
GROUPS = {
    "bmtcrr": ("bmtcrr", "ftime", "Status", "aml"),
    "bmtcrr_phase_k4": ("bmtcrr", "ftime", "Status", "Phase"),
    "follic": ("follic", "time", "status", "stage2"),
    "hd": ("hd", "time", "status", "cmt"),
}
# entry of gray_strata__part: data set, time, status, group, strata
STRATIFIED = {
    "bmtcrr_aml_by_phase": ("bmtcrr", "ftime", "Status", "aml", "Phase"),
    "bmtcrr_phase_by_aml": ("bmtcrr", "ftime", "Status", "Phase", "aml"),
    "follic_stage_by_ch": ("follic", "time", "status", "stage2", "ch"),
    "hd_cmt_by_stage": ("hd", "time", "status", "cmt", "clinstg"),
    "hd_wide_by_cmt": ("hd", "time", "status", "medwidsi", "cmt"),
}
CASE = pytest.mark.parametrize("case", GROUPS)


@pytest.fixture(scope="module")
def cif(shared):
    entries = json.loads((shared / "reference" / "values" / "cif.json").read_text(encoding="utf-8"))["entries"]
    return {name: entry["values"] for name, entry in entries.items()}


@pytest.fixture(scope="module")
def endpoint(shared):
    def build(name, time, status):
        frame = pd.read_csv(shared / "reference" / "data" / f"{name}.csv", na_values=["NA"], keep_default_na=False)
        return endpoint_from_columns(frame, time=time, status=status, causes=CAUSES)

    return build


def numbers(matrix):
    return np.array([[np.nan if v is None else float(v) for v in row] for row in matrix["data"]])


def agree(ours, theirs, what=""):
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-14, err_msg=what)


def one_curve(table, group, cause):
    text = table["group"].map(lambda g: g if isinstance(g, str) else f"{g:g}")
    return table[(text == group) & (table["cause"] == cause)].sort_values("time")


@CASE
def test_cuminc(cif, endpoint, case):
    name, time, status, by = GROUPS[case]
    v = cif[case]["group_cuminc"]
    ours = cumulative_incidence(endpoint(name, time, status), by=by, variance="cmprsk").tidy(times=v["times"])
    for curve, est, var in zip(v["curves"], numbers(v["est"]), numbers(v["var"]), strict=True):
        group, code = curve.rsplit(" ", 1)
        one = one_curve(ours, group, CAUSES[int(code)])
        followed = ~np.isnan(est)  # cuminc has nothing beyond a group's follow-up
        agree(one["estimate"][followed], est[followed], curve)
        agree(one["std_error"][followed] ** 2, var[followed], curve)


@CASE
def test_survfit(cif, endpoint, case):
    name, time, status, by = GROUPS[case]
    v = cif[case]["group_survfit_loglog"]
    e = endpoint(name, time, status)
    strata = np.array([s.split("=", 1)[1] for s in v["strata"]])
    ours = cumulative_incidence(e, by=by).tidy(times=sorted(set(v["time"])))
    last = e.frame.groupby(by)[time].max()
    for level, end in last.items():
        group = level if isinstance(level, str) else f"{level:g}"
        rows = np.flatnonzero(strata == group)
        followed = np.array(v["time"])[rows] <= end
        for code, cause in CAUSES.items():
            one = one_curve(ours, group, cause)
            for column, theirs in (
                ("estimate", "pstate"),
                ("std_error", "std.err"),
                ("low", "lower"),
                ("high", "upper"),
            ):
                agree(one[column][followed], numbers(v[theirs])[rows, code][followed], f"{group} {cause} {column}")


@pytest.mark.parametrize("rho", [0.0, 1.0])
@CASE
def test_gray(cif, endpoint, case, rho):
    name, time, status, by = GROUPS[case]
    tests = cif[case]["group_cuminc"]["Tests"] if rho == 0 else cif[case]["group_cuminc_rho1_tests"]
    for cause, theirs in zip(CAUSES.values(), numbers(tests), strict=True):
        glance = gray_test(endpoint(name, time, status), by, cause=cause, rho=rho).glance()
        agree(glance[["statistic", "p_value", "df"]].iloc[0], theirs, cause)


@pytest.mark.parametrize("case", STRATIFIED)
def test_stratified_gray(cif, endpoint, case):
    name, time, status, by, strata = STRATIFIED[case]
    for cause, theirs in zip(CAUSES.values(), numbers(cif["gray_strata__part"][case]), strict=True):
        glance = gray_test(endpoint(name, time, status), by, cause=cause, strata=strata).glance()
        agree(glance[["statistic", "p_value", "df"]].iloc[0], theirs, cause)
