"""Relapse by time and site, and survival after it, on a few patients."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import (
    InputError,
    cohort_from_frame,
    cumulative_incidence,
    define_endpoint,
    endpoint_from_columns,
    kaplan_meier,
    landmark,
    time_dependent,
)
from ikzf1_outcomes.cohort import Field
from ikzf1_outcomes.relapses import after_relapse, relapse_site, relapse_timing, split_cause

NA = None

EIGHT = pd.DataFrame(
    {
        "id": list("abcdefgh"),
        "remission": [0.1] * 8,
        "relapse": [1.0, 1.5, 2.4, 2.5, 4.0, NA, NA, NA],
        "relapse_site": ["CNS", "bone marrow", "bone marrow", NA, "testis", NA, NA, NA],
        "second_malignancy": [NA, NA, NA, 2.2, NA, NA, NA, NA],
        "transplant": [1.4, 1.0, NA, NA, NA, NA, NA, NA],
        "death": [2.0, 1.5, NA, NA, 7.0, 0.5, NA, NA],
        "last_contact": [2.0, 1.5, 3.4, 5.5, 7.0, 0.5, 6.0, 6.0],
        "ikzf1_class": ["ik6", "ik6", "none", "none", "none", "none", "none", "ik6"],
        "therapy_end": [2.0, 2.0, 1.9, 2.1, NA, 2.0, 2.0, 2.0],
    }
)
FIELDS = {"therapy_end": Field("therapy_end", "time", "Planned end of therapy", known_at=0.0)}
COHORT = cohort_from_frame(EIGHT, dictionary=FIELDS)


def causes(endpoint):
    return [("censored", *endpoint.causes)[code] for code in endpoint.cause]


def relapses(endpoint):
    return [cause.removeprefix("relapse: ") for cause in causes(endpoint) if cause.startswith("relapse")]


def test_very_early_early_and_late():
    # 18 months (1.5 years) is no longer very early. The second malignancy of d came before its relapse.
    endpoint = relapse_timing(define_endpoint(COHORT, "RELAPSE"))
    assert relapses(endpoint) == ["very early", "early", "early", "late"]
    assert endpoint.causes[:3] == ("relapse: very early", "relapse: early", "relapse: late")
    assert endpoint.causes[3:] == define_endpoint(COHORT, "RELAPSE").causes[1:]
    assert causes(endpoint)[3] == "second malignancy"
    assert endpoint.interest == "relapse: very early"
    assert relapse_timing(define_endpoint(COHORT, "RELAPSE"), interest="late").interest == "relapse: late"
    assert relapse_timing(define_endpoint(COHORT, "EFS")).interest is None
    assert endpoint.policy[-1] == "The cause 'relapse' is split into relapse: very early, relapse: early, relapse: late."


def test_incidences_of_the_parts():
    # 8 at risk. Death at 0.5: 1/8. Relapse at 1: 1/8 (very early); at 1.5: 1/8 (early). Second malignancy at 2.2.
    # At 2.4 one of 4 at S = 1/2: 1/8 (early). At 4 one of 3 at S = 3/8: 1/8 (late).
    endpoint = relapse_timing(define_endpoint(COHORT, "RELAPSE"))
    table = cumulative_incidence(endpoint).tidy(times=[5.0]).set_index("cause")["estimate"]
    found = [table[f"relapse: {name}"] for name in ("very early", "early", "late")]
    np.testing.assert_allclose(found, [1 / 8, 2 / 8, 1 / 8], rtol=1e-14)


def test_time_counts_from_diagnosis_whatever_the_origin():
    # From remission at 0.1 the relapse at 1.5 years stands at 1.4.
    for name, options in (("DFS", {}), ("RELAPSE", {"origin": "remission"})):
        assert relapses(relapse_timing(define_endpoint(COHORT, name, **options))) == [
            "very early",
            "early",
            "early",
            "late",
        ]
    late = landmark(define_endpoint(COHORT, "DFS"), 1.2)
    assert relapses(relapse_timing(late)) == ["early", "early", "late"]


def test_six_months_after_the_end_of_each_therapy():
    # c: end at 1.9, so that a relapse at 2.4 is late; e: no end of therapy. b at 1.5 is not very early, nor past 2.5.
    endpoint = relapse_timing(define_endpoint(COHORT, "RELAPSE"), end_of_therapy="therapy_end")
    assert relapses(endpoint) == ["very early", "early", "late", "timing unknown"]
    assert endpoint.notes[-1] == "1 of 4 events of 'relapse' have the cause 'relapse: timing unknown'"
    same = relapse_timing(define_endpoint(COHORT, "RELAPSE"), end_of_therapy=2.0)
    assert relapses(same) == ["very early", "early", "early", "late"]
    # very early comes first, also after a therapy that ended early
    short = relapse_timing(define_endpoint(COHORT, "RELAPSE"), end_of_therapy=0.2)
    assert relapses(short) == ["very early", "late", "late", "late"]
    later = relapse_timing(define_endpoint(COHORT, "RELAPSE"), end_of_therapy=2.0, after_therapy=3.0)
    assert relapses(later) == ["very early", "early", "early", "early"]


def test_other_cuts_and_units():
    months = endpoint_from_columns(
        pd.DataFrame({"m": [6.0, 20.0, 40.0], "s": [1, 1, 1]}),
        time="m",
        status="s",
        causes={1: "relapse"},
        time_unit="months",
    )
    assert relapses(relapse_timing(months, cuts=(18, 36))) == ["very early", "early", "late"]
    two = relapse_timing(define_endpoint(COHORT, "RELAPSE"), cuts=[3], labels=("within 3 years", "after"))
    assert relapses(two) == ["within 3 years"] * 3 + ["after"]


def test_site_with_one_unknown():
    blank = EIGHT.assign(relapse_site=["CNS", NA, "bone marrow", NA, "testis", NA, NA, NA])
    endpoint = relapse_site(define_endpoint(cohort_from_frame(blank, dictionary=FIELDS), "EFS"))
    assert relapses(endpoint) == ["CNS", "site unknown", "bone marrow", "testis"]
    # the sites of the dictionary stay, also those without a relapse
    sites = ("bone marrow", "CNS", "testis", "combined", "other", "site unknown")
    assert endpoint.causes == ("non-response", "induction death", *(f"relapse: {s}" for s in sites), "second malignancy",
                               "death in remission")  # fmt: skip
    assert endpoint.notes[-1] == "1 of 4 events of 'relapse' have the cause 'relapse: site unknown'"
    assert [causes(endpoint)[i] for i in (3, 5, 6)] == ["second malignancy", "death in remission", "censored"]


def test_parts_by_an_array_and_rows_that_continue():
    d = pd.DataFrame({"t": [1.0, 2, 3], "s": [0, 1, 2], "e": [0.0, 1, 0], "who": [1, 1, 2]})
    endpoint = endpoint_from_columns(d, time="t", status="s", causes={1: "relapse", 2: "death"}, entry="e", subject="who")
    assert endpoint.cause.tolist() == [-1, 1, 2]
    split = split_cause(endpoint, "relapse", [5, 1, 7], labels=("isolated", "combined"))
    assert split.cause.tolist() == [-1, 2, 3]
    assert split.causes == ("relapse: isolated", "relapse: combined", "death")
    assert split_cause(endpoint, "death", [0, 0, np.nan], labels=("toxic",)).causes == (
        "relapse",
        "death: toxic",
        "death: unknown",
    )
    assert split_cause(endpoint, "relapse", ["x", "y", "z"]).causes == ("relapse: y", "death")
    assert endpoint.causes == ("relapse", "death")
    assert not split.cause.flags.writeable


def test_survival_after_relapse():
    # a: dead 1 year after; b: dead on the day of relapse; c: alive 1 year after; d: alive 3 years; e: dead 3 years after.
    endpoint = after_relapse(COHORT)
    assert endpoint.time.round(9).tolist() == [1, 0, 1, 3, 3]
    assert causes(endpoint) == ["death", "death", "censored", "censored", "death"]
    assert (endpoint.n_excluded, endpoint.origin, endpoint.time_unit, endpoint.name) == (
        3,
        "relapse",
        "years",
        "OS after relapse",
    )
    assert endpoint.start.tolist() == [1, 1.5, 2.4, 2.5, 4]
    # 5 at risk at 0, 4 at 1, 2 at 3: 4/5, 3/5, 3/10
    curve = kaplan_meier(endpoint).tidy(times=[0.0, 1.0, 3.0])["estimate"]
    np.testing.assert_allclose(curve, [4 / 5, 3 / 5, 3 / 10], rtol=1e-14)
    assert endpoint.frame["relapse_timing"].tolist() == ["very early", "early", "early", "late", "late"]
    assert endpoint.frame["time_to_relapse"].tolist() == [1, 1.5, 2.4, 2.5, 4]
    assert endpoint.notes[-2].startswith("only patients who relapsed")
    assert endpoint.notes[-1] == "1 of 5 had another first event before their relapse"
    assert endpoint.policy == (
        "Time counts from relapse.",
        "Death of any cause is the event.",
        "Every recorded relapse counts.",
    )


def test_what_is_known_at_relapse_may_group_and_what_comes_later_may_not():
    endpoint = after_relapse(COHORT)
    for name in ("relapse_site", "relapse_timing", "time_to_relapse", "ikzf1_class", "first_event"):
        assert len(endpoint.column(name)) == 5
    for name in ("death", "last_contact", "transplant"):
        with pytest.raises(InputError, match="known only after follow-up has begun"):
            endpoint.column(name)
    # a transplants 0.4 years after relapse; b was transplanted before it
    states = time_dependent(endpoint, "transplant_clock")
    assert states.frame["state"].tolist() == ["before", "after", "after", "before", "before", "before"]


def test_relapse_as_the_first_event_only():
    endpoint = after_relapse(COHORT, start="first_event", censor_at=2.0)
    assert endpoint.time.round(9).tolist() == [1, 0, 1, 2]
    assert causes(endpoint) == ["death", "death", "censored", "censored"]
    assert endpoint.n_excluded == 4
    assert endpoint.policy[2:] == ("Relapse was the first event.", "Follow-up is censored at 2 years.")
    # nor is the column `relapse` needed then
    stated = EIGHT.drop(columns=["relapse", "second_malignancy", "remission"]).assign(
        first_event=["relapse", "relapse", "relapse", "second_malignancy", "relapse", "death_in_remission", "none", "none"],
        first_event_time=[1.0, 1.5, 2.4, 2.2, 4.0, 0.5, 6.0, 6.0],
    )
    same = after_relapse(cohort_from_frame(stated, dictionary=FIELDS), start="first_event", censor_at=2.0)
    assert same.time.tolist() == endpoint.time.tolist()
    assert len(same.column("relapse_site")) == 4


def test_timing_after_relapse_by_the_end_of_therapy():
    endpoint = after_relapse(COHORT, end_of_therapy="therapy_end")
    timing = endpoint.frame["relapse_timing"]
    assert timing.tolist()[:4] == ["very early", "early", "late", "early"]
    assert timing.isna().tolist() == [False] * 4 + [True]


def test_an_end_some_hours_before_relapse_is_rounding():
    # death a third of a day before relapse, as months turned into years may have it
    dated = EIGHT.assign(death=[1.0 - 1 / 3 / 365.25, *EIGHT["death"][1:]], last_contact=[1.0, *EIGHT["last_contact"][1:]])
    endpoint = after_relapse(cohort_from_frame(dated.drop(columns="transplant"), dictionary=FIELDS))
    assert (endpoint.time[0], causes(endpoint)[0]) == (0, "death")
