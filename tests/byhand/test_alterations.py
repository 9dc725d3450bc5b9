"""A laboratory's alterations joined to patients: dates, strangers, untested patients, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import add_alterations, cohort_from_frame
from ikzf1_outcomes.cohort import Field
from ikzf1_outcomes.errors import ColumnError, InputError

DAY = 1 / 365.25


def patients(sample=(0.0, 0.0, 0.0), **more):
    return cohort_from_frame(pd.DataFrame({"id": ["a", "b", "c"], "sample": list(sample), **more}))


def calls(index=("c", "a"), **columns):
    return pd.DataFrame(columns or {"ikzf1_class": ["ik6", "none"], "pax5": ["deleted", "normal"]}, index=list(index))


def test_calls_reach_their_patients_and_the_others_are_not_tested():
    out = add_alterations(patients(), calls())
    assert out.frame["ikzf1_class"].tolist() == ["none", "not_tested", "ik6"]
    assert out.frame["pax5"].tolist() == ["normal", "not_tested", "deleted"]
    assert out.frame["ikzf1_deletion"].tolist() == ["not deleted", np.nan, "deleted"]
    assert out.known_at("ikzf1_class") == 0.0
    assert "1 patients not tested" in " ".join(out.provenance.notes)


def test_rows_of_nobody_are_left_out_and_counted():
    out = add_alterations(patients(), calls(("a", "x")))
    assert "1 samples of nobody in the cohort" in " ".join(out.provenance.notes)


def test_numbers_and_own_fields():
    share = Field("ikzf1_p_none", "number", "P(none)", low=0.0, high=1.0)
    out = add_alterations(patients(), calls(ikzf1_p_none=[0.25, None]), fields={"ikzf1_p_none": share})
    np.testing.assert_array_equal(out.frame["ikzf1_p_none"], [np.nan, np.nan, 0.25])
    with pytest.raises(InputError, match="row 2"):
        add_alterations(patients(), calls(ikzf1_p_none=[0.25, 1.5]), fields={"ikzf1_p_none": share})


def test_the_sample_may_be_dated_by_the_laboratory():
    cohort = cohort_from_frame(pd.DataFrame({"id": ["a", "b"]}))
    out = add_alterations(cohort, calls(("a", "b")), sampled=pd.Series([0.0, -10 * DAY], index=["a", "b"]))
    assert out.frame["ikzf1_class"].tolist() == ["ik6", "none"]


@pytest.mark.parametrize(("days", "fine"), [(-30, True), (-31, False), (0, True), (7, True), (8, False), (400, False)])
def test_samples_of_diagnosis_alone(days, fine):
    cohort = cohort_from_frame(pd.DataFrame({"id": ["a", "b"]}))
    sampled = pd.Series([0.0, days * DAY], index=["a", "b"])
    if fine:
        assert len(add_alterations(cohort, calls(("a", "b")), sampled=sampled)) == 2
    else:
        with pytest.raises(InputError, match=r"not of diagnosis.*row 2"):
            add_alterations(cohort, calls(("a", "b")), sampled=sampled)


def test_a_late_sample_of_somebody_left_out_does_not_matter():
    sampled = pd.Series([3.0, 0.0], index=["x", "a"])
    assert len(add_alterations(patients(), calls(("x", "a")), sampled=sampled)) == 3


def test_undated_samples_are_refused():
    with pytest.raises(InputError, match="without a date; row 2"):
        add_alterations(patients(sample=(None, 0.0, 0.0)), calls())
    with pytest.raises(InputError, match="nobody says when"):
        add_alterations(cohort_from_frame(pd.DataFrame({"id": ["a", "c"]})), calls())


def test_what_else_is_refused():
    with pytest.raises(InputError, match="more than one sample; rows 1, 2"):
        add_alterations(patients(), calls(("a", "a")))
    with pytest.raises(InputError, match="no sample belongs"):
        add_alterations(patients(), calls(("x", "y")))
    with pytest.raises(InputError, match="has pax5 already"):
        add_alterations(patients(pax5=["normal"] * 3), calls())
    with pytest.raises(ColumnError, match="no field is known for odd"):
        add_alterations(patients(), calls(odd=["x", "y"]))
    with pytest.raises(InputError, match="'pax5' holds what its field does not allow; row 1"):
        add_alterations(patients(), calls(pax5=["lost", "normal"]))


def test_errors_bear_no_identifier():
    with pytest.raises(InputError) as caught:
        add_alterations(patients(), calls(("patient-77", "patient-77")))
    assert "77" not in str(caught.value)
