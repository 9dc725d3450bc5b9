"""Log-rank family against the founding values (survdiff; numerators of survMisc::comp where gamma is not 0)."""

import pytest
import reading

from ikzf1_outcomes import endpoint_from_columns, logrank_test, trend_test

LOGRANK = reading.values("founding", "logrank")
CASES = {
    "lung_sex": ("lung", "time", "status", "female", None),
    "pbc_trt": ("pbc", "years", "death", "trt", None),
    "pbc_stage": ("pbc", "years", "death", "stage", None),
    "pbc_edema": ("pbc", "time", "death", "edema", None),
    "lung_sex_strata_ecog": ("lung", "time", "status", "female", "ph.ecog"),
    "lung_inst_strata": ("lung", "time", "status", "female", "inst"),
    "larynx_stage": ("larynx", "time", "delta", "stage", None),
}


def endpoint(name, time, status):
    return endpoint_from_columns(reading.inputs("founding", name), time=time, status=status, causes={1: "death"})


def summed(x):
    x = reading.numbers(x)
    return x.sum(axis=1) if x.ndim == 2 else x


@pytest.mark.parametrize("rho", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("case", CASES)
def test_logrank(case, rho):
    name, time, status, by, strata = CASES[case]
    v = LOGRANK[case][f"rho{rho:g}"]
    test = logrank_test(endpoint(name, time, status), by, strata=strata, rho=rho)
    glance, tidy = test.glance(), test.tidy().sort_values("group")
    reading.agree(glance[["statistic", "df", "p_value"]], [v["chisq"], v["df"], v["p"]])
    reading.agree(tidy["n"], list(v["n"].values()))
    reading.agree(tidy["observed"], summed(v["obs"]))
    reading.agree(tidy["expected"], summed(v["exp"]))


@pytest.mark.parametrize(
    ("case", "name", "time", "status"),
    [
        ("pbc_stage", "pbc", "years", "death"),
        ("larynx_stage", "larynx", "time", "delta"),
    ],
)
def test_trend(case, name, time, status):
    v = LOGRANK["trend__part"][case]
    for scores in (None, v["scores"]):
        glance = trend_test(endpoint(name, time, status), "stage", scores=scores).glance()
        reading.agree(glance[["statistic", "df", "p_value"]], [v["chisq"], 1, v["p"]])


@pytest.mark.parametrize(("rho", "gamma"), [(0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.5)])
def test_numerator_of_fleming_harrington(rho, gamma):
    """survMisc's variance is not survdiff's even for rho = gamma = 0 (40.428 and 40.370), so only its Q is used."""
    v = LOGRANK["survmisc_comp__part"]["lung_female"]["tests"]
    name = "1" if rho == gamma == 0 else f"FH_p={rho}_q={gamma}"
    test = logrank_test(endpoint("lung", "time", "status"), "female", rho=rho, gamma=gamma)
    women = test.tidy().sort_values("group").iloc[1]
    reading.agree(women["observed"] - women["expected"], v["Q"][v["W"].index(name)])
