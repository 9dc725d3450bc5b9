"""Optimism resample by resample: coxph and concordance of survival, and the corrected indexes of rms (validation)."""

import dataclasses

import numpy as np
import pytest
import reading

import ikzf1_outcomes as iko
from ikzf1_outcomes.prognosis.procedures import Procedure
from ikzf1_outcomes.prognosis.validation import prepared

VALUES = reading.values("validation")
VETERAN, PBC, HEART = (reading.inputs("validation", name) for name in ("veteran", "pbc", "heart"))
LUNG_CANCER = iko.endpoint_from_columns(VETERAN, time="time", status="status", causes={1: "death"})
CIRRHOSIS = iko.endpoint_from_columns(PBC, time="time", status="status", causes={1: "transplant", 2: "death"})
TRANSPLANTS = iko.endpoint_from_columns(
    HEART, time="stop", status="event", causes={1: "death"}, entry="start", subject="id"
)


def procedure(terms, cause=None, ties="efron", strata=None, offset=None, imputations=0):
    return Procedure(terms, cause, ties, strata, offset, {"references": {}}, imputations, {})


CASES = {
    "plain": (LUNG_CANCER, procedure("celltype + karno + age"), {"celltype": "squamous"}),
    "offset_strata": (LUNG_CANCER, procedure("celltype + age", None, "breslow", "trt", "shift"), {"celltype": "squamous"}),
    "splines": (CIRRHOSIS, procedure("log(bili) + rcs(age, 4) + edema + protime", "death", strata="sex"), {}),
    "rows": (TRANSPLANTS, procedure("age + surgery + transplant"), {}),
}


@pytest.mark.parametrize("name", CASES)
def test_every_resample_and_the_corrected_values(name):
    endpoint, plain, references = CASES[name]
    asked = dataclasses.replace(plain, options={"references": references})
    r = VALUES[name]
    made = prepared(asked, endpoint, np.random.default_rng(0))
    drawn = [made.resample(np.array(patients), np.random.default_rng(0)) for patients in r["drawn"]]
    reading.agree([one.training for one in drawn], r["training"], "training")
    reading.agree([one.test for one in drawn], r["test"], "test")
    table = made.table(drawn)
    for column, theirs in (("apparent", "apparent"), ("training", "mean_training"), ("test", "mean_test")):
        reading.agree(table[column], r[theirs], column)
    for column, theirs in (("estimate", "corrected"), ("std_error", "std_error")):
        reading.agree(table[column], r[theirs], column)
    # a difference of two numbers near 1 has their absolute error
    np.testing.assert_allclose(table["optimism"], r["optimism"], rtol=0, atol=1e-9)
    assert table["n_resamples"].tolist() == [20, 20]


def test_the_indexes_of_rms():
    # rms stops its fits at a relative change of 1e-4
    r = VALUES["rms"]
    endpoint, plain, _ = CASES["plain"]
    made = prepared(plain, endpoint, np.random.default_rng(0))
    table = made.table([made.resample(np.array(p), np.random.default_rng(0)) for p in VALUES["plain"]["drawn"]])
    ours = table[["apparent", "training", "test", "optimism", "estimate"]].to_numpy()
    np.testing.assert_allclose(ours, r, rtol=0, atol=1e-4)


def test_completed_sets_are_averaged():
    r = VALUES["imputed"]
    asked = procedure("celltype + karno + age")
    asked = dataclasses.replace(asked, options={"references": {"celltype": "squamous"}})
    sets = [LUNG_CANCER.with_column("karno", np.array(values)) for values in r["karno"]]
    rows = np.array(r["drawn"])
    again = [
        iko.endpoint_from_columns(
            VETERAN.iloc[rows].assign(karno=np.array(values)), time="time", status="status", causes={1: "death"}
        )
        for values in r["again"]
    ]

    def mean(measures):
        return np.mean([(one.concordance, one.slope) for one in measures], axis=0)

    reading.agree(mean(asked.measured(asked.fitted(sets), sets)), r["apparent"], "apparent")
    fits = asked.fitted(again)
    reading.agree(mean(asked.measured(fits, again)), r["training"], "training")
    reading.agree(mean(asked.measured(fits, sets)), r["test"], "test")
