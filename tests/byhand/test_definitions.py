"""EFS, OS and the other endpoints of eight patients, policy by policy."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import ENDPOINTS, InputError, cohort_from_frame, cox, define_endpoint, kaplan_meier, landmark

N = np.nan
COLUMNS = {
    # relapse, second malignancy, death in remission, induction death, non-response, abandonment, none, none
    "remission": [0.1, 0.1, 0.2, N, N, 0.1, 0.1, 0.15],
    "relapse": [2.0, N, N, N, N, N, N, N],
    "second_malignancy": [N, 4.0, N, N, N, N, N, N],
    "death": [3.0, N, 1.5, 0.05, 2.5, N, N, N],
    "abandonment": [N, N, N, N, N, 0.75, N, N],
    "non_response": [False, False, False, False, True, False, False, False],
    "end_of_induction": [0.1, 0.1, 0.1, 0.1, 0.125, 0.1, 0.1, 0.1],
    "transplant": [1.0, N, 0.5, N, 1.5, N, N, 2.0],
    "last_contact": [3.0, 6.0, 1.5, 0.05, 2.5, 0.7, 5.0, 7.0],
    "risk_arm": ["HR", "MR", "HR", "MR", "HR", "MR", "MR", "HR"],
}


def cohort(**changes):
    columns = {name: column for name, column in {**COLUMNS, **changes}.items() if column is not None}
    return cohort_from_frame(pd.DataFrame({"id": [f"p{i}" for i in range(8)], **columns}))


def told(endpoint):
    names = ("none", *endpoint.causes)
    return [(float(t), names[c]) for t, c in zip(endpoint.time.round(10), endpoint.cause, strict=True)]


EFS = [
    (2, "relapse"),
    (4, "second malignancy"),
    (1.5, "death in remission"),
    (0, "induction death"),
    (0, "non-response"),
    (0.75, "abandonment"),
    (5, "none"),
    (7, "none"),
]


def changed(rows, **at):
    return [at.get(f"p{i}", row) for i, row in enumerate(rows)]


def test_efs_counts_every_first_event():
    e = define_endpoint(cohort(), "EFS")
    assert told(e) == EFS
    assert e.causes == (
        "non-response", "induction death", "relapse", "second malignancy", "death in remission", "abandonment",
    )  # fmt: skip
    assert (e.name, e.origin, e.time_unit, e.interest, e.n, e.n_excluded) == ("EFS", "diagnosis", "years", None, 8, 0)
    assert e.entry is None
    assert e.start.tolist() == [0] * 8
    # both events at time 0 count: 6 of 8 are left
    assert kaplan_meier(e).tidy(times=[0])["estimate"].tolist() == [6 / 8]
    assert e.policy == (
        "Time counts from diagnosis.",
        "Non-response counts at time 0.",
        "Induction deaths count at time 0.",
        "Transplants are ignored: patients stay in follow-up.",
    )


def test_when_non_response_and_induction_death_count():
    e = define_endpoint(cohort(), "EFS", non_response="end_of_induction", induction_death="own_date")
    assert told(e) == changed(EFS, p3=(0.05, "induction death"), p4=(0.125, "non-response"))
    assert e.policy[1:3] == ("Non-response counts at the end of induction.", "Induction deaths count at their own date.")
    e = define_endpoint(cohort(), "EFS", induction_death="end_of_induction")
    assert told(e) == changed(EFS, p3=(0.1, "induction death"))
    given = define_endpoint(cohort(end_of_induction=None), "EFS", non_response="end_of_induction", end_of_induction=0.08)
    assert told(given) == changed(EFS, p4=(0.08, "non-response"))


def test_a_non_response_without_a_date_cannot_count_at_its_own():
    with pytest.raises(InputError) as raised:
        define_endpoint(cohort(), "EFS", non_response="own_date")
    assert raised.value.where == (5,)


def test_the_end_of_induction_must_be_known():
    with pytest.raises(InputError, match="non_response at the end of induction needs the column 'end_of_induction'"):
        define_endpoint(cohort(end_of_induction=None), "EFS", non_response="end_of_induction")
    unknown = cohort(end_of_induction=[0.1, 0.1, 0.1, 0.1, N, 0.1, 0.1, 0.1])
    with pytest.raises(InputError) as raised:
        define_endpoint(unknown, "EFS", non_response="end_of_induction")
    assert raised.value.where == (5,)


def test_overall_survival_counts_deaths_only():
    e = define_endpoint(cohort(), "OS")
    assert told(e) == [
        (3, "death"),
        (6, "none"),
        (1.5, "death"),
        (0.05, "death"),
        (2.5, "death"),
        (0.7, "none"),
        (5, "none"),
        (7, "none"),
    ]
    assert "Death of any cause is the event." in e.policy
    later = define_endpoint(cohort(), "OS", origin="remission")
    assert told(later)[:2] == [(2.9, "death"), (5.9, "none")]
    assert (later.n, later.n_excluded, later.origin) == (6, 2, "remission")
    assert "Patients without a remission are left out and counted." in later.policy


def test_dfs_starts_at_remission_and_counts_those_without_one():
    e = define_endpoint(cohort(), "DFS")
    assert told(e) == [
        (1.9, "relapse"),
        (3.9, "second malignancy"),
        (1.3, "death in remission"),
        (0.65, "abandonment"),
        (4.9, "none"),
        (6.85, "none"),
    ]
    assert (e.n, e.n_excluded, e.origin) == (6, 2, "remission")
    assert e.causes == ("relapse", "second malignancy", "death in remission", "abandonment")
    np.testing.assert_allclose(e.start, [0.1, 0.1, 0.2, 0.1, 0.1, 0.15])
    assert e.policy[1] == "Patients without a remission are left out and counted."
    with pytest.raises(InputError, match="EFS: origin cannot be 'remission'"):
        define_endpoint(cohort(), "EFS", origin="remission")
    with pytest.raises(InputError, match="DFS: origin cannot be 'diagnosis'"):
        define_endpoint(cohort(), "DFS", origin="diagnosis")


def test_relapse_and_second_malignancy_name_their_cause():
    relapse = define_endpoint(cohort(), "RELAPSE")
    assert (relapse.interest, relapse.causes[0]) == ("relapse", "relapse")
    assert told(relapse) == EFS
    assert define_endpoint(cohort(), "RELAPSE", origin="remission").causes[0] == "relapse"
    second = define_endpoint(cohort(), "SMN")
    assert (second.interest, second.causes[0]) == ("second malignancy", "second malignancy")
    assert told(second) == EFS


def test_treatment_related_mortality_must_declare_induction_deaths():
    with pytest.raises(InputError, match="TRM from diagnosis: say whether induction deaths count"):
        define_endpoint(cohort(), "TRM")
    with_them = define_endpoint(cohort(), "TRM", induction_deaths_in_trm=True)
    assert told(with_them) == changed(EFS, p2=(1.5, "treatment-related death"), p3=(0, "treatment-related death"))
    assert with_them.interest == with_them.causes[0] == "treatment-related death"
    assert "Treatment-related deaths include induction deaths." in with_them.policy
    without = define_endpoint(cohort(), "TRM", induction_deaths_in_trm=False)
    assert told(without) == EFS
    assert without.interest == without.causes[0] == "death in remission"
    assert "Treatment-related deaths do not include induction deaths." in without.policy
    assert define_endpoint(cohort(), "TRM", origin="remission").interest == "death in remission"


def test_policies_of_transplant():
    competing = define_endpoint(cohort(), "EFS", transplant="competing")
    # p4 (non-response at 0) and p8's event-free time come before or after: a transplant at 1.5 is no first event
    moved = {"p0": (1.0, "transplant"), "p2": (0.5, "transplant"), "p7": (2.0, "transplant")}
    assert told(competing) == changed(EFS, **moved)
    assert competing.causes[-1] == "transplant"
    censored = define_endpoint(cohort(), "EFS", transplant="censor")
    assert told(censored) == changed(EFS, **{p: (t, "none") for p, (t, _) in moved.items()})
    assert any(text.startswith("WARNING: patients are censored at transplant.") for text in censored.policy)
    e = define_endpoint(cohort(), "EFS", transplant="time_dependent")
    assert (len(e), e.n, e.n_event) == (11, 8, 6)
    after = e.frame["state"] == "transplanted"
    assert list(zip(e.entry[after], e.time[after], strict=True)) == [(1, 2), (0.5, 1.5), (2, 7)]
    # from remission the clock of the transplant moves too
    dfs = define_endpoint(cohort(), "DFS", transplant="competing")
    assert told(dfs)[0] == (0.9, "transplant")


def test_a_transplant_before_remission_is_named_by_its_row_in_the_cohort():
    # p4 has no remission and is left out; p5 was transplanted before remission
    early = cohort(transplant=[N, N, N, N, N, 0.05, N, N])
    for policy in ("competing", "censor"):
        with pytest.raises(InputError) as raised:
            define_endpoint(early, "DFS", transplant=policy)
        assert raised.value.where == (6,)
    e = define_endpoint(early, "DFS", transplant="time_dependent")
    assert e.frame.loc[e.frame["id"] == "p5", "state"].tolist() == ["transplanted"]


@pytest.mark.parametrize("policy", ["competing", "time_dependent", "censor"])
def test_a_policy_of_transplant_needs_the_dates_of_transplant(policy):
    with pytest.raises(InputError, match="transplant"):
        define_endpoint(cohort(transplant=None), "EFS", transplant=policy)


def test_abandonment_and_administrative_censoring():
    e = define_endpoint(cohort(), "EFS", abandonment="censor")
    assert told(e) == changed(EFS, p5=(0.75, "none"))
    assert "abandonment" not in e.causes
    assert "Abandonment of treatment is censored." in e.policy
    cut = define_endpoint(cohort(), "EFS", censor_at=2.0)
    # an event at the horizon itself counts
    late = dict.fromkeys(("p1", "p6", "p7"), (2.0, "none"))
    assert told(cut) == changed(EFS, **late)
    assert "Follow-up is censored at 2 years." in cut.policy
    # from remission the horizon counts from remission
    assert told(define_endpoint(cohort(), "DFS", censor_at=1.9))[0] == (1.9, "relapse")


def test_every_endpoint_can_be_defined_from_every_origin_it_allows():
    assert list(ENDPOINTS) == ["EFS", "OS", "DFS", "RELAPSE", "TRM", "SMN"]
    for name, definition in ENDPOINTS.items():
        for origin in definition.origins:
            e = define_endpoint(cohort(), name, origin=origin, induction_deaths_in_trm=True)
            assert (e.name, e.origin, e.n) == (name, origin, 8 if origin == "diagnosis" else 6)
            assert e.policy[0] == f"Time counts from {origin}."


def test_what_is_not_known_is_refused_by_name():
    with pytest.raises(InputError, match="no endpoint is called 'efs'"):
        define_endpoint(cohort(), "efs")
    for option in ("non_response", "induction_death", "transplant", "abandonment", "origin"):
        with pytest.raises(InputError, match=f"{option} cannot be 'sometimes'"):
            define_endpoint(cohort(), "OS", **{option: "sometimes"})
    for years in (0, -1, N):
        with pytest.raises(InputError, match="censor_at must be a positive number"):
            define_endpoint(cohort(), "OS", censor_at=years)
    with pytest.raises(InputError, match="needs the column 'remission'"):
        define_endpoint(cohort(remission=None), "DFS")


def test_the_risk_arm_is_known_after_a_landmark_only():
    e = define_endpoint(cohort(), "EFS", non_response="end_of_induction", induction_death="own_date")
    for analysis in (kaplan_meier, cox):
        with pytest.raises(InputError, match="'risk_arm' is known only after follow-up has begun") as raised:
            analysis(e, "risk_arm")
        assert (raised.value.count, "Use landmark(endpoint, 0.25)" in str(raised.value)) == (8, True)
    later = landmark(e, 0.25)
    curve = kaplan_meier(later, "risk_arm").tidy(times=[1.5])
    # HR: p0, p2, p7 at risk, one event at 1.5; MR: p1, p5 (event at 0.75), p6
    assert curve["group"].tolist() == ["HR", "MR"]
    np.testing.assert_allclose(curve["estimate"], [2 / 3, 2 / 3])
    assert len(cox(later, "risk_arm").tidy()) == 2


def test_from_remission_the_start_is_each_patients_own():
    e = define_endpoint(cohort(remission=[0.3, 0.3, 0.2, N, N, 0.3, 0.3, 0.3]), "DFS")
    with pytest.raises(InputError, match="known only after") as raised:
        kaplan_meier(e, "risk_arm")
    assert raised.value.count == 1
    # p2 started at 0.2: a landmark at 0.05 years from remission brings everybody to 0.25 from diagnosis
    assert kaplan_meier(landmark(e, 0.05), "risk_arm").glance()["n"].tolist() == [3, 3]


def test_a_value_whose_own_date_is_missing_is_not_known_at_the_start():
    """`non_response` is known at the end of induction; where that date is missing, nobody can say it was known."""
    undated = define_endpoint(cohort(end_of_induction=[N] * 8), "OS")
    with pytest.raises(InputError, match="known only after follow-up has begun"):
        kaplan_meier(undated, "non_response")
    unmapped = define_endpoint(cohort(end_of_induction=None), "OS")
    with pytest.raises(InputError, match="known only after follow-up has begun"):
        kaplan_meier(unmapped, "non_response")
