"""First events, derived and stated, on courses that fit on a sheet of paper."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes.cohort import cohort_from_frame, nci_risk, read_cohort
from ikzf1_outcomes.cohort.derived import ikzf1_deletion
from ikzf1_outcomes.errors import CohortError

NAN = np.nan


def course(**columns):
    n_rows = len(next(iter(columns.values())))
    return cohort_from_frame(pd.DataFrame({"id": [f"p{k}" for k in range(n_rows)], **columns}))


def events_of(cohort):
    frame = cohort.frame
    return list(zip(frame["first_event"].astype(object), frame["first_event_time"], strict=True))


def problems_of(**columns):
    with pytest.raises(CohortError) as raised:
        course(**columns)
    return [(problem.problem, problem.where) for problem in raised.value.problems]


def test_the_earliest_event_is_the_first():
    cohort = course(
        remission=[0.1, 0.1, 0.1, 0.1, NAN, 0.1],
        relapse=[1.0, 3.0, NAN, NAN, NAN, NAN],
        second_malignancy=[2.0, 2.0, NAN, NAN, NAN, NAN],
        abandonment=[NAN, NAN, NAN, NAN, NAN, 0.5],
        death=[4.0, NAN, 1.5, NAN, 0.08, NAN],
        last_contact=[4.0, 5.0, 1.5, 6.0, 0.08, 0.45],
    )
    assert events_of(cohort) == [
        ("relapse", 1.0),
        ("second_malignancy", 2.0),
        ("death_in_remission", 1.5),
        ("none", 6.0),
        ("induction_death", 0.08),
        ("abandonment", 0.5),
    ]
    assert cohort.provenance.rules == ("first_event: earliest recorded event, version 1",)
    assert cohort.provenance.notes == ()


def test_ties_on_one_day():
    # non-response, relapse, second malignancy, death, abandonment: in this order
    cohort = course(
        non_response=[True, False, False, False],
        remission=[0.1] * 4,
        relapse=[1.0, 1.0, NAN, NAN],
        second_malignancy=[1.0, 1.0, 1.0, NAN],
        death=[1.0, 1.0, 1.0, 1.0],
        abandonment=[NAN, 1.0, 1.0, 1.0],
        last_contact=[1.0] * 4,
    )
    names = [name for name, _ in events_of(cohort)]
    assert names == ["non_response", "relapse", "second_malignancy", "death_in_remission"]
    assert np.isnan(cohort.frame["first_event_time"].iloc[0])


def test_events_at_time_zero_are_events():
    cohort = course(relapse=[0.0, NAN], death=[NAN, 0.0], last_contact=[0.0, 0.0])
    assert events_of(cohort) == [("relapse", 0.0), ("death_in_remission", 0.0)]


def test_without_a_column_for_remission_induction_deaths_are_not_told_apart():
    cohort = course(death=[0.05, NAN], last_contact=[0.05, 3.0])
    assert events_of(cohort) == [("death_in_remission", 0.05), ("none", 3.0)]
    assert cohort.provenance.notes == (
        "relapse is not recorded in the file: it cannot be a first event",
        "second_malignancy is not recorded in the file: it cannot be a first event",
        "remission is not recorded: induction deaths cannot be told from deaths in remission",
    )


def test_relapses_without_a_recorded_remission_are_counted_in_a_note():
    cohort = course(
        remission=[NAN, 0.1], relapse=[1.0, 1.0], second_malignancy=[NAN, NAN], death=[NAN, NAN], last_contact=[2.0, 2.0]
    )
    assert cohort.provenance.notes == ("1 patients relapsed and have no recorded remission",)


def test_death_from_vital_status():
    cohort = course(vital_status=["dead", "alive"], relapse=[1.0, NAN], last_contact=[2.0, 3.0])
    assert cohort.frame["death"].iloc[0] == 2.0
    assert np.isnan(cohort.frame["death"].iloc[1])
    assert events_of(cohort) == [("relapse", 1.0), ("none", 3.0)]
    assert "death: last contact of the dead, version 1" in cohort.provenance.rules


def test_a_vital_status_that_disagrees_or_is_missing():
    found = problems_of(vital_status=["dead", "alive", None], death=[NAN, 1.0, NAN], last_contact=[2.0, 2.0, 2.0])
    assert found == [
        ("vital_status is missing", (3,)),
        ("vital_status says dead and death has no time", (1,)),
        ("vital_status says alive and death has a time", (2,)),
    ]


def test_a_patient_without_event_and_last_contact_is_an_error():
    assert problems_of(relapse=[1.0, NAN], last_contact=[NAN, NAN]) == [("no event and no last contact", (2,))]


def test_stated_events_take_the_times_that_the_file_has():
    cohort = course(
        first_event=["relapse", "none", "non_response", "induction_death"],
        relapse=[1.0, NAN, NAN, NAN],
        death=[2.0, NAN, 0.5, 0.1],
        last_contact=[2.0, 4.0, 0.5, 0.1],
    )
    assert cohort.frame["first_event_time"].iloc[[0, 1, 3]].tolist() == [1.0, 4.0, 0.1]
    assert np.isnan(cohort.frame["first_event_time"].iloc[2])
    assert cohort.provenance.rules == ()


def test_stated_events_alone_are_enough():
    cohort = course(first_event=["relapse", "none", "non_response"], first_event_time=[0.0, 4.0, NAN])
    assert events_of(cohort)[:2] == [("relapse", 0.0), ("none", 4.0)]
    assert list(cohort.frame) == ["id", "first_event", "first_event_time"]


def test_a_missing_status_and_a_missing_time_are_errors():
    found = problems_of(first_event=[None, "relapse", "none"], first_event_time=[1.0, NAN, NAN])
    assert found == [
        ("first_event is missing", (1,)),
        ("no event and no last contact", (3,)),
        ("first_event has no time", (2,)),
    ]


@pytest.mark.parametrize(
    ("event", "time", "relapse", "death"),
    [
        ("relapse", 1.0, NAN, NAN),  # the file has no such relapse
        ("relapse", 1.0, 1.5, NAN),  # or another time for it
        ("none", 3.0, 1.0, NAN),  # an event, and none stated
        ("none", 3.0, NAN, 3.0),
        ("second_malignancy", 2.0, 1.0, NAN),  # something came before
        ("death_in_remission", 2.0, 1.0, 2.0),
        ("induction_death", NAN, 1.0, 2.0),  # nobody relapses before an induction death
    ],
)
def test_a_file_that_disagrees_with_itself(event, time, relapse, death):
    found = problems_of(first_event=[event], first_event_time=[time], relapse=[relapse], death=[death], last_contact=[3.0])
    assert found == [("first_event and the times of the single events disagree", (1,))]


def test_a_flag_of_non_response_must_agree_with_the_first_event():
    found = problems_of(first_event=["relapse"], first_event_time=[1.0], non_response=[True])
    assert found == [("first_event and the times of the single events disagree", (1,))]


def test_half_a_day_is_rounding_and_a_day_is_not():
    day = 1 / 365.25
    course(relapse=[2.0 + 0.4 * day], last_contact=[2.0])
    assert problems_of(relapse=[2.0 + day], last_contact=[2.0]) == [("last_contact before relapse", (1,))]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("remission", "relapse"),
        ("relapse", "death"),
        ("remission", "death"),
        ("transplant", "death"),
        ("second_malignancy", "death"),
        ("abandonment", "death"),
        ("sample", "death"),
    ],
)
def test_impossible_orders(earlier, later):
    found = problems_of(**{earlier: [1.0, 2.0], later: [2.0, 1.0], "last_contact": [5.0, 5.0]})
    assert found == [(f"{later} before {earlier}", (2,))]


@pytest.mark.parametrize("event", ["remission", "relapse", "second_malignancy", "transplant", "death", "sample"])
def test_nothing_happens_after_the_last_contact(event):
    assert problems_of(**{event: [1.0, 5.1], "last_contact": [5.0, 5.0]}) == [(f"last_contact before {event}", (2,))]


def test_abandonment_may_be_dated_after_the_last_contact():
    assert events_of(course(abandonment=[1.1], last_contact=[1.0])) == [("abandonment", 1.1)]
    assert events_of(course(first_event=["abandonment"], first_event_time=[1.1], last_contact=[1.0]))
    assert problems_of(first_event=["relapse"], first_event_time=[1.1], last_contact=[1.0]) == [
        ("last_contact before first_event_time", (1,))
    ]


def test_times_are_not_negative_but_a_sample_may_precede_the_diagnosis_by_a_month():
    course(sample=[-29 / 365.25], last_contact=[1.0])
    assert problems_of(sample=[-31 / 365.25])[0][0].startswith("sample: below")
    assert problems_of(relapse=[0.5, -0.01], last_contact=[1.0, 1.0]) == [
        ("relapse: a negative time (before diagnosis)", (2,))
    ]


def test_a_cohort_without_any_event_has_no_first_event():
    assert list(course(age=[4.0], last_contact=[2.0]).frame) == ["id", "age", "last_contact"]


def test_nci_risk_and_its_completions():
    age = pd.Series([1.0, 9.99, 10.0, 4.0, 0.99, 12.0, NAN, 4.0, NAN, 0.5])
    wbc = pd.Series([49.9, 49.9, 1.0, 50.0, 500.0, NAN, 80.0, NAN, NAN, NAN])
    found = nci_risk(age, wbc)
    assert found.iloc[:6].tolist() == ["standard", "standard", "high", "high", "infant", "high"]
    # A high count without an age may be an infant's; a child's risk hangs on its count.
    assert found.iloc[6:9].isna().all()
    assert found.iloc[9] == "infant"
    assert found.cat.categories.tolist() == ["standard", "high", "infant"]


def test_ikzf1_deletion_from_its_class():
    classes = ["none", "gain", "whole_gene", "ik6", "del_4_8", "other", "ambiguous", "failed", "not_tested", None]
    found = ikzf1_deletion(pd.Series(classes))
    assert found.iloc[:6].tolist() == ["not deleted"] * 2 + ["deleted"] * 4
    assert found.iloc[6:].isna().all()


def test_the_groups_of_the_file_are_kept_and_differences_counted(tmp_path):
    path = tmp_path / "patients.csv"
    path.write_text("pat,age,wbc,nci\n1,4,20,standard\n2,4,20,high\n3,4,20,\n")
    cohort = read_cohort(path, columns={"id": "pat", "age": "age", "wbc": "wbc", "nci_risk": "nci"})
    assert cohort.frame["nci_risk"].iloc[:2].tolist() == ["standard", "high"]
    assert cohort.frame["nci_risk"].isna().iloc[2]
    assert cohort.provenance.notes == ("nci_risk of the file differs from the rule in 1 patients; the file's is kept",)
