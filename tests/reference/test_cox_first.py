"""Cox regression with Efron's ties against coxph carried to convergence (eps = 1e-12)."""

import pytest
import reading

from ikzf1_outcomes import cox, endpoint_from_columns

CASE = "cox_first"
V = reading.values(CASE)
CAUSES = {1: "relapse", 2: "death"}
# fit of R: data set, terms, cause
FITS = {
    "any_cause": ("patients", ["group", "age", "male"], None),
    "cause_1": ("patients", ["group", "age", "male"], "relapse"),
    "cause_2": ("patients", ["age", "male"], "death"),
    "groups_only": ("patients", ["group"], None),
    "late": ("late", ["group", "age", "male"], None),
    "late_cause_1": ("late", ["group", "age"], "relapse"),
}


def check(fit, v):
    tidy, glance = fit.tidy(), fit.glance().iloc[0]
    shown = tidy[tidy["note"] != "reference"] if "note" in tidy else tidy
    contrast = shown["contrast"].fillna("") if "contrast" in shown else [""] * len(shown)
    ours = [t + c.split(" vs ")[0] for t, c in zip(shown["term"], contrast, strict=True)]
    assert ours == v["term"]
    reading.agree(shown["estimate"], v["coef"])
    reading.agree(shown["std_error"], v["se"])
    reading.agree(shown["p_value"], v["p"])
    reading.agree(glance[["log_likelihood_null", "log_likelihood"]], v["loglik"])
    reading.agree(glance[["score", "wald", "likelihood_ratio"]], [v["score"], v["wald"], v["lr"]])
    reading.agree(glance[["n", "n_event"]], [v["n"], v["nevent"]])


@pytest.mark.parametrize("name", FITS)
def test_simulated(name):
    data, terms, cause = FITS[name]
    entry = {"entry": "entry"} if data == "late" else {}
    e = endpoint_from_columns(reading.inputs(CASE, data), time="time", status="status", causes=CAUSES, **entry)
    check(cox(e, terms, cause=cause), V[name])


@pytest.mark.parametrize(
    ("name", "time", "status", "terms"),
    [
        ("lung", "time", "status", ["age", "female", "ph.ecog"]),
        ("pbc_cc", "years", "death", ["age", "edema", "lbili", "lalb", "lpro"]),
    ],
)
def test_public_data(name, time, status, terms):
    e = endpoint_from_columns(reading.inputs("founding", name), time=time, status=status, causes={1: "death"})
    check(cox(e, terms), V[name])
