"""The simulator: quotas, hazards and calibration against fractions and naive twins, and the embedded files."""

import importlib.util
import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

from ikzf1_outcomes.cohort import read_cohort
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.simulate import REFERENCE, Figures, Hazard, hospital_file, simulate_cohort, simulation_truth
from ikzf1_outcomes.simulate.calibration import calibrate, first_event_curves, years_since_induction
from ikzf1_outcomes.simulate.parameters import age_gamma, locus_shares, subtype_shares
from ikzf1_outcomes.simulate.patients import Draws, largest_remainder
from ikzf1_outcomes.simulate.truth import CAUSES, TRUTH_COLUMN

FOLDER = Path(__file__).parents[2] / "analyses" / "01_simulated_reference"
STEP = Hazard("step", (1.0, 3.0), (0.1, 0.2, 0.0), "assumed")

# What a study file must say to read patients.csv.
CODES = {"N": "normal", "D": "deleted", "HD": "homozygous", "nt": "not_tested"}
LOCI = ("cdkn2a", "cdkn2b", "pax5", "etv6", "rb1", "btg1", "ebf1", "par1", "erg")
READING = {
    "columns": {
        "id": "Patient",
        "sex": "Sex",
        "age": "Age",
        "wbc": "Leukocytes",
        "cns_status": "CNS",
        "cytogenetic_subtype": "Cytogenetics",
        "protocol": "Protocol",
        "ikzf1_class": "IKZF1",
        **{locus: locus.upper() for locus in LOCI},
        "sample": "Date_sample",
        "sample_type": "Sample_type",
        "end_of_induction": "Date_end_induction",
        "non_response": "Response",
        "remission": "Date_remission",
        "relapse": "Date_relapse",
        "relapse_site": "Relapse_site",
        "second_malignancy": "Date_second_malignancy",
        "transplant": "Date_SCT",
        "death": "Date_death",
        "last_contact": "Date_last_contact",
        "cutoff": "Date_cut_off",
    },
    "codes": {
        "sex": {"M": "male", "F": "female"},
        "ikzf1_class": {
            "none": "none",
            "1-8": "whole_gene",
            "4-7": "ik6",
            "4-8": "del_4_8",
            "other": "other",
            "gain": "gain",
        },
        "non_response": {"NR": True, "CR": False, "": False},
        **dict.fromkeys(LOCI, CODES),
    },
    "dates": {"format": "year-month-day", "diagnosis": "Date_diagnosis"},
    "mrd": [
        {
            "timepoint": name,
            "day": day,
            "column": f"MRD_day{day}",
            "limit_of_detection": 1e-5,
            "quantifiable": 1e-4,
            "assay": "simulated PCR",
            "codes": {
                "negative": "negative",
                "positive, not quantifiable": "positive_not_quantifiable",
                "not done": "not_done",
                "not reached": "not_reached",
            },
        }
        for name, day in (("TP1", 33), ("TP2", 78))
    ],
    "simulated": True,
}


@pytest.fixture(scope="module")
def reference():
    return simulate_cohort(109, seed=109, margins="exact")


@pytest.fixture(scope="module")
def many():
    return simulate_cohort(2000, seed=3)


def outcome(truth, term, cause="", group="all", time=5.0):
    rows = truth.outcomes
    row = rows[(rows.term == term) & (rows.cause == cause) & (rows.group == group) & (rows.time == time)]
    assert len(row) == 1
    return float(row["estimate"].iloc[0])


# Quotas


@pytest.mark.parametrize(
    ("n", "shares", "expected"),
    [
        (109, [91, 17, 1], [91, 17, 1]),
        # 17 x 4/13 = 5.23 and 17 x 3/13 = 3.92: whole parts 5 3 3 3, and the last three patients to the 0.92s.
        (17, [4, 3, 3, 3], [5, 4, 4, 4]),
        # 20 x (91, 17, 1)/109 = 16.70, 3.12, 0.18
        (20, [91, 17, 1], [17, 3, 0]),
        # Equal remainders of 1/3: the earlier level first.
        (4, [1, 1, 1], [2, 1, 1]),
        (1, [0.2, 0.5, 0.3], [0, 1, 0]),
        (0, [0.5, 0.5], [0, 0]),
    ],
)
def test_largest_remainders(n, shares, expected):
    assert largest_remainder(n, np.array(shares, dtype=float)).tolist() == expected


def test_chosen_by_quota_keeps_the_expected_number_in_every_stratum():
    share = np.repeat([0.25, 0.5], [40, 20])
    chosen = Draws(60, np.random.default_rng(5), exact=True).chosen(share)
    assert [chosen[:40].sum(), chosen[40:].sum()] == [10, 10]
    again = Draws(60, np.random.default_rng(6), exact=True).chosen(share)
    assert (chosen != again).any()


def test_exact_margins_of_the_founding_study(reference):
    counts = reference.frame["ikzf1_class"].value_counts()
    shown = ["none", "whole_gene", "ik6", "del_4_8", "other", "gain"]
    assert counts.loc[shown].tolist() == [91, 5, 4, 4, 4, 1]
    assert reference.frame["ikzf1_deletion"].value_counts().to_dict() == {"not deleted": 92, "deleted": 17}
    assert reference.frame["sex"].value_counts().to_dict() == {"male": 60, "female": 49}
    assert reference.frame["cns_status"].value_counts().to_dict() == {"CNS1": 90, "CNS2": 16, "CNS3": 3}


@pytest.mark.parametrize(
    ("locus", "column"), [("cdkn2ab", "cdkn2a"), ("etv6", "etv6"), ("pax5", "pax5"), ("par1", "par1"), ("ebf1", "ebf1")]
)
def test_exact_copy_numbers_are_the_rounded_expectation(reference, locus, column):
    frame = reference.frame
    rows = (frame["ikzf1_deletion"] == "deleted").to_numpy(dtype=int)
    subtype = [REFERENCE.subtypes.names.index(name) for name in frame["cytogenetic_subtype"]]
    expected = locus_shares(REFERENCE, locus)[rows, subtype].sum()
    lost = frame[column].isin(["deleted", "homozygous"]).sum()
    assert abs(lost - expected) <= 0.5 + 1e-6


# Shares that follow from the parameters


def test_subtype_shares_keep_their_margin():
    shares = subtype_shares(REFERENCE)
    assert shares.sum(axis=1) == pytest.approx([1, 1], abs=1e-14)
    assert pytest.approx(REFERENCE.subtypes.array, abs=1e-14) == shares.T @ [92 / 109, 17 / 109]
    fusion = REFERENCE.subtypes.names.index("ETV6::RUNX1")
    # Weights add up to 1.0815 over the margins, 0.25 x 0.15 of it ETV6::RUNX1.
    assert shares[1, fusion] == pytest.approx(0.0375 / 1.0815)


@pytest.mark.parametrize("locus", REFERENCE.copy_numbers.names)
def test_locus_shares_keep_the_published_margin_and_the_odds_ratio(locus):
    joint = subtype_shares(REFERENCE) * np.array([[92 / 109], [17 / 109]])
    p = locus_shares(REFERENCE, locus)
    assert (joint * p).sum() == pytest.approx(REFERENCE.copy_numbers[locus], abs=1e-12)
    odds = p / (1 - p)
    assert odds[1] / odds[0] == pytest.approx(np.full(10, REFERENCE.copy_number_odds[locus]))


@pytest.mark.parametrize(("group", "mean"), [("not deleted", 5.7), ("deleted", 8.4)])
def test_age_has_the_published_mean(group, mean):
    shape, scale = age_gamma(REFERENCE, group)
    # The density above 1 year, cut at 17 years further, by numerical integration.
    weight = quad(lambda x: x ** (shape - 1) * np.exp(-x / scale), 0, 17)[0]
    first = quad(lambda x: x**shape * np.exp(-x / scale), 0, 17)[0]
    assert 1 + first / weight == pytest.approx(mean, abs=1e-7)
    assert shape == pytest.approx(((mean - 1) / 3.9) ** 2)


# Hazards


def test_hazard_adds_up_and_turns_round():
    # 0.1 a year for a year, 0.2 for two, then none: 0.05, 0.1, 0.3, 0.5, 0.5
    assert STEP.cumulative([0.0, 0.5, 1.0, 2.0, 3.0, 9.0]) == pytest.approx([0, 0.05, 0.1, 0.3, 0.5, 0.5])
    assert STEP.inverse([0.0, 0.05, 0.1, 0.3, 0.5]) == pytest.approx([0, 0.5, 1, 2, 3])
    assert np.isinf(STEP.inverse([0.6, np.inf])).all()
    assert STEP.rate(np.array([0.0, 0.99, 1.0, 3.0])).tolist() == [0.1, 0.1, 0.2, 0.0]


def test_inverse_of_a_hazard_that_starts_at_zero():
    late = Hazard("late", (1.0,), (0.0, 0.5), "assumed")
    assert late.inverse([0.0, 0.25]).tolist() == [0.0, 1.5]


def test_two_constant_hazards():
    # Rates 0.3 and 0.1: S = exp(-0.4 t), incidences 3/4 and 1/4 of 1 - S.
    hazards = [Hazard("a", (), (0.1,), "assumed"), Hazard("b", (), (0.1,), "assumed")]
    survival, (first, second) = first_event_curves([np.array([3.0]), np.ones(1)], hazards, np.array([2.0, 5.0]))
    free = np.exp(-0.4 * np.array([2.0, 5.0]))
    assert survival[0] == pytest.approx(free, rel=1e-14)
    assert first[0] == pytest.approx(0.75 * (1 - free), rel=1e-14)
    assert second[0] == pytest.approx(0.25 * (1 - free), rel=1e-14)


def test_closed_form_is_the_integral():
    hazards = (REFERENCE.relapse, REFERENCE.second_malignancy, REFERENCE.death_in_remission)
    factors = (0.04, 1.0, 0.006)
    _, closed = first_event_curves([np.array([f]) for f in factors], hazards, np.array([4.9]))

    def free(t):
        return np.exp(-sum(f * h.cumulative([t])[0] for f, h in zip(factors, hazards, strict=True)))

    breaks = sorted({cut for hazard in hazards for cut in hazard.cuts if cut < 4.9})
    for k, (factor, hazard) in enumerate(zip(factors, hazards, strict=True)):
        edges = [0.0, *breaks, 4.9]
        pieces = [
            quad(lambda t, f=factor, h=hazard: f * h.rate(np.array([t]))[0] * free(t), a, b - 1e-12, epsabs=1e-13)[0]
            for a, b in itertools.pairwise(edges)
        ]
        assert closed[k][0, 0] == pytest.approx(sum(pieces), abs=1e-10)


def test_times_count_whole_days_from_the_end_of_induction():
    # 5 years are 1826.25 days: the last whole day is 1826, 1793 days after day 33.
    assert years_since_induction([5.0])[0] == 1793 / 365.25
    assert years_since_induction([4.0])[0] == 1428 / 365.25
    with pytest.raises(InputError, match="day 34"):
        years_since_induction([0.05])


# Calibration


@pytest.mark.parametrize(("n", "seed", "margins"), [(109, 109, "exact"), (20, 4, "exact"), (2000, 3, "sampled")])
def test_targets_are_hit_for_the_very_patients(n, seed, margins):
    truth = simulation_truth(simulate_cohort(n, seed=seed, margins=margins))
    for group, event_free, relapse in (("not deleted", 0.88, 0.08), ("deleted", 0.63, 0.29)):
        assert outcome(truth, "event-free survival", group=group) == pytest.approx(event_free, abs=1e-10)
        assert outcome(truth, "cumulative incidence", "relapse", group) == pytest.approx(relapse, abs=1e-10)


def test_calibration_by_a_naive_twin(reference):
    frame = reference.frame[reference.frame["ikzf1_deletion"] == "deleted"]
    x = frame[TRUTH_COLUMN].to_numpy(dtype=float)
    found = calibrate(x, np.ones(len(x), dtype=np.intp), REFERENCE)
    assert np.isnan(found.intercept[0])
    years = 1793 / 365.25
    relapse, deaths = REFERENCE.relapse, REFERENCE.death_in_remission
    second = REFERENCE.second_malignancy.cumulative([years])[0]
    spent = [
        np.exp(found.intercept[1] + one) * relapse.cumulative([years])[0]
        + found.scale[1] * deaths.cumulative([years])[0]
        + second
        for one in x
    ]
    assert np.mean([(1 - 0.05 - 0.02) * np.exp(-h) for h in spent]) == pytest.approx(0.63, abs=1e-10)


def test_targets_that_nothing_can_give_are_refused():
    # 63 % free and 36 % relapsed leave 1 % for 7 % of induction failure.
    impossible = replace(REFERENCE, relapse_incidence=REFERENCE.relapse_incidence.but({"deleted": 0.36}))
    with pytest.raises(InputError, match="no hazards give both"):
        simulate_cohort(200, seed=1, parameters=impossible)


# Truth


def test_truth_adds_up_at_every_time_in_every_group(many):
    truth = simulation_truth(many, by=("ikzf1_class", "cytogenetic_subtype", "protocol"), at=(0.5, 2.0, 5.0, 9.0))
    rows = truth.outcomes[truth.outcomes["term"] != "overall survival"]
    assert sorted(rows["cause"].unique()) == sorted(["", *CAUSES])
    sums = rows.groupby(["variable", "group", "time"])["estimate"].sum()
    assert len(sums) > 60
    assert sums.to_numpy() == pytest.approx(np.ones(len(sums)), abs=1e-12)
    assert ((truth.outcomes["estimate"] >= 0) & (truth.outcomes["estimate"] <= 1)).all()


def test_truth_of_the_whole_is_the_weighted_mean_of_its_parts(reference):
    truth = simulation_truth(reference)
    parts = 92 / 109 * 0.88 + 17 / 109 * 0.63
    assert outcome(truth, "event-free survival") == pytest.approx(parts, abs=1e-10)
    gain = outcome(truth, "event-free survival", group="gain")
    none = outcome(truth, "event-free survival", group="none")
    assert (91 * none + gain) / 92 == pytest.approx(0.88, abs=1e-10)


def test_nobody_relapses_after_seven_years(reference):
    truth = simulation_truth(reference, at=(5.0, 7.2, 11.0))
    early, plateau, late = (outcome(truth, "cumulative incidence", "relapse", time=t) for t in (5.0, 7.2, 11.0))
    assert early < plateau
    assert plateau == pytest.approx(late, abs=1e-14)


def test_overall_survival_by_a_naive_twin():
    cohort = simulate_cohort(1, seed=8, margins="exact")
    x = cohort.frame[TRUTH_COLUMN].to_numpy(dtype=float)
    found = calibrate(x, np.zeros(1, dtype=np.intp), REFERENCE)
    hazards = (REFERENCE.relapse, REFERENCE.second_malignancy, REFERENCE.death_in_remission)
    factors = [np.exp(found.intercept[:1] + x), np.ones(1), found.scale[:1]]
    last = 1826 - 33

    def incidence(day):
        return [0.99 * part[0, 0] for part in first_event_curves(factors, hazards, np.array([day / 365.25]))[1]]

    dead = 0.003 + incidence(last)[2] + 0.007 * (1 - np.exp(-(0.3 * 2 + 0.03 * (last / 365.25 - 2))))
    before = [0.0, 0.0, 0.0]
    for day in range(1, last):
        now, left = incidence(day), [(last - day) / 365.25]
        dead += (now[0] - before[0]) * (1 - np.exp(-REFERENCE.death_after_relapse.cumulative(left)[0]))
        dead += (now[1] - before[1]) * (1 - np.exp(-REFERENCE.death_after_second_malignancy.cumulative(left)[0]))
        before = now
    assert outcome(simulation_truth(cohort), "overall survival") == pytest.approx(1 - dead, abs=1e-10)


def test_true_hazard_ratios(reference):
    table = simulation_truth(reference).hazard_ratios
    ratio = table[table["cause"] == "relapse"].set_index("contrast")["estimate"]
    assert np.exp(ratio["del_4_8 vs none"] - ratio["ik6 vs none"]) == pytest.approx(1.2)
    assert ratio["gain vs none"] == 0
    assert np.exp(ratio["ETV6::RUNX1 vs B-other, other"]) == pytest.approx(0.5)
    assert np.exp(ratio["wbc >= 50"]) == pytest.approx(1.6)
    # Harmful, and below the crude ratio of about 3.6, part of which is MRD, age, WBC and subtype.
    assert 1 < np.exp(ratio["ik6 vs none"]) < 3.6


def test_log_ratio_of_a_patient_is_the_sum_of_its_parts(many):
    frame = many.frame.set_index("id")
    # By eye from the file: kind x subtype x WBC x age x MRD.
    product = {
        "S0049": 1.2 * 1.8 * 1.6 * 1.5,  # other deletion, JAK/CRLF2, WBC 53.7, 10.8 years, MRD negative
        "S0084": 1.2 * 0.5 * 3.5,  # del_4_8, ETV6::RUNX1, MRD 3.8e-3
        "S0145": 1.2 * 0.5 * 1.5 * 1.6,  # del_4_8, ETV6::RUNX1, 11.1 years, MRD 4.0e-4
        "S0165": 0.7 * 1.5 * 1.6,  # ik6, high hyperdiploid, 10.8 years, MRD positive, not quantifiable
        "S0184": 0.7 * 3.5,  # ik6, high hyperdiploid, MRD 1.0e-3, which is high
        "S0009": 1.0,  # no deletion, B-other, MRD negative
    }
    for patient, expected in product.items():
        assert frame.loc[patient, TRUTH_COLUMN] == pytest.approx(np.log(expected)), patient


def test_truth_is_refused_where_it_is_not_known(reference):
    with pytest.raises(InputError, match="their truth is not known"):
        simulation_truth(reference.frame.drop(columns=TRUTH_COLUMN))
    other = replace(REFERENCE, wbc_spread=REFERENCE.wbc_spread.but({"value": 1.0}))
    with pytest.raises(InputError, match="other parameters"):
        simulation_truth(reference, other)


def test_truth_of_a_frame_is_that_of_its_cohort(reference):
    assert simulation_truth(reference.frame).outcomes.equals(simulation_truth(reference).outcomes)


def test_the_truth_is_known_after_every_follow_up(reference):
    assert reference.known_at(TRUTH_COLUMN) == 90.0


# The cohort


@pytest.mark.parametrize("n", [1, 20, 109, 2000])
@pytest.mark.parametrize("margins", ["sampled", "exact"])
def test_cohorts_of_any_size_are_valid(n, margins):
    cohort = simulate_cohort(n, seed=n, margins=margins)
    assert len(cohort) == n
    assert cohort.provenance.simulated
    assert cohort.provenance.source == "simulate_cohort"
    assert len(set(cohort.frame["id"])) == n
    assert cohort.frame["id"].iloc[0] == ("S0001" if n == 2000 else "S001")


def test_same_seed_same_patients():
    first = simulate_cohort(60, seed=5).frame
    assert first.equals(simulate_cohort(60, seed=5).frame)
    assert first.equals(simulate_cohort(60, seed=np.random.default_rng(5)).frame)
    assert not first.equals(simulate_cohort(60, seed=6).frame)


def test_the_global_generator_is_not_touched():
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    simulate_cohort(30, seed=5)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_times_are_whole_days_and_events_are_in_order(many):
    frame = many.frame
    times = ["remission", "relapse", "second_malignancy", "transplant", "death", "last_contact", "cutoff"]
    for name in times:
        days = frame[name].dropna() * 365.25
        assert len(days)
        assert days.to_numpy() == pytest.approx(days.round().to_numpy(), abs=1e-9)
    assert (frame["first_event_time"] * 365.25).round().duplicated().any()
    died = frame["death"].notna()
    assert (frame.loc[died, "last_contact"] == frame.loc[died, "death"]).all()
    assert (frame["relapse"].dropna() * 365.25).min() > 33.5
    assert (frame["relapse"].dropna() <= 7 + 34 / 365.25).all()
    assert not (frame["transplant"] >= frame["death"]).any()
    assert not (frame["last_contact"] > frame["cutoff"]).any()
    assert frame["cutoff"].between(4.99, 12.0).all()


def test_induction(many):
    frame = many.frame
    refused = frame["non_response"].astype(bool)
    assert refused.sum() > 5
    assert frame.loc[refused, "remission"].isna().all()
    assert (frame.loc[refused, "first_event"] == "non_response").all()
    assert frame.loc[refused, ["relapse", "second_malignancy"]].isna().all(axis=None)
    assert frame.loc[refused, "mrd_TP1_value"].dropna().ge(0.05).all()
    early = frame["first_event"] == "induction_death"
    assert early.sum() > 2
    assert (frame.loc[early, "death"] * 365.25).round().between(1, 32).all()
    assert (frame.loc[early, "mrd_TP1_status"] == "not reached").all()


def test_relapses_have_sites_and_girls_no_testes(many):
    frame = many.frame
    assert (frame["relapse_site"].notna() == frame["relapse"].notna()).all()
    assert not ((frame["relapse_site"] == "testis") & (frame["sex"] == "female")).any()


def test_mrd_is_reached_before_the_event_only(many):
    frame = many.frame
    event = frame["first_event"].isin(["relapse", "second_malignancy", "death_in_remission"])
    late = (frame["first_event_time"] * 365.25).round() < 78
    assert (event & late).any()
    assert (frame.loc[event & late, "mrd_TP2_status"] == "not reached").all()
    followed = ~late & ~frame["first_event"].isin(["induction_death", "non_response"])
    assert not (frame.loc[followed, "mrd_TP2_status"] == "not reached").any()


def test_cdkn2b_goes_with_cdkn2a_and_erg_may_be_untested(many):
    frame = many.frame
    lost = frame["cdkn2b"] != "normal"
    assert (frame.loc[lost, "cdkn2a"].astype(str) == frame.loc[lost, "cdkn2b"].astype(str)).all()
    assert (frame.loc[frame["erg"] == "deleted", "cytogenetic_subtype"] == "B-other DUX4/ERG").all()
    assert set(frame["erg"].astype(str)) == {"deleted", "normal", "not_tested"}


def test_earlier_patients_are_on_protocol_a(many):
    late = many.frame.groupby("protocol", observed=True)["cutoff"].agg(["min", "max"])
    assert late.loc["protocol B", "max"] < 8.5 <= late.loc["protocol A", "min"] + 1 / 365.25


def test_a_cohort_without_deletions_has_truth_and_no_class_ratios():
    none = replace(REFERENCE, classes=REFERENCE.classes.but({"deleted": 0, "gain": 0}))
    truth = simulation_truth(simulate_cohort(30, seed=2, parameters=none), none)
    assert outcome(truth, "event-free survival") == pytest.approx(0.88, abs=1e-10)
    assert "ik6 vs none" not in set(truth.hazard_ratios["contrast"])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"n": 0, "seed": 1}, "`n`"),
        ({"n": 2.5, "seed": 1}, "`n`"),
        ({"n": True, "seed": 1}, "`n`"),
        ({"n": 5, "seed": None}, "`seed`"),
        ({"n": 5, "seed": -1}, "`seed`"),
        ({"n": 5, "seed": 1, "margins": "quota"}, "margins"),
    ],
)
def test_bad_arguments(arguments, problem):
    with pytest.raises(InputError, match=problem):
        simulate_cohort(**arguments)


# Parameters


def test_every_number_carries_its_status():
    assert len(REFERENCE.assumptions) == 31
    assert len(REFERENCE.sourced) == 7
    assert any("incidence of relapse at 5 years" in sentence for sentence in REFERENCE.assumptions)
    assert "event-free survival at 5 years: not deleted 0.88, deleted 0.63 (seen in the source; Vrooman 2018)" in (
        REFERENCE.sourced
    )


@pytest.mark.parametrize(
    ("field", "changes", "problem"),
    [
        ("sex", {"male": 0.6}, "do not add up to 1"),
        ("event_free", {"deleted": 1.2}, "outside 0 to 1"),
        ("class_ratios", {"ik6": 0.0}, "not positive"),
        ("subtype_weights", {"B-other ABL-class": 40.0}, "more deleted patients than a subtype has"),
        ("classes", {"none": 0.0, "gain": 0.0}, "somebody without a deletion"),
    ],
)
def test_parameters_that_do_not_fit(field, changes, problem):
    with pytest.raises(InputError, match=problem):
        replace(REFERENCE, **{field: getattr(REFERENCE, field).but(changes)})


def test_tables_that_do_not_fit():
    with pytest.raises(ColumnError, match="there is no 'girls'"):
        REFERENCE.sex["girls"]
    with pytest.raises(InputError, match="given twice"):
        Figures("x", (("a", 1.0), ("a", 2.0)), "S")
    with pytest.raises(InputError, match="status 'sure'"):
        Figures("x", (("a", 1.0),), "sure")
    with pytest.raises(InputError, match="one rate more"):
        Hazard("x", (1.0,), (0.1,), "S")
    with pytest.raises(InputError, match="must rise"):
        Hazard("x", (2.0, 1.0), (0.1, 0.1, 0.1), "S")
    with pytest.raises(InputError, match="no rate is negative"):
        Hazard("x", (), (-0.1,), "S")


# The embedded files


def script():
    spec = importlib.util.spec_from_file_location("make_cohort", FOLDER / "make_cohort.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_embedded_files_come_out_again_byte_for_byte(tmp_path):
    script().write(tmp_path)
    for name in ("patients.csv", "mlpa_peaks.csv", "kinome_arrays.csv", "truth.json"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


@pytest.fixture
def whole_file(reference, tmp_path):
    """What a hospital would keep that has the laboratory's classes too."""
    file = tmp_path / "patients.csv"
    hospital_file(reference).to_csv(file, index=False)
    return file


def test_the_file_of_the_hospital_gives_the_cohort_back(reference, whole_file):
    read = read_cohort(whole_file, **READING)
    assert read.provenance.simulated
    expected = reference.frame.drop(columns=TRUTH_COLUMN)
    pd.testing.assert_frame_equal(read.frame[list(expected.columns)], expected, check_exact=True)
    assert list(read.frame.columns) == list(expected.columns)


def test_the_file_says_on_every_row_that_it_is_simulated():
    file = pd.read_csv(FOLDER / "patients.csv", dtype=str, keep_default_na=False)
    assert len(file) == 109
    assert set(file["data"]) == {"simulated"}
    assert file["Date_cut_off"].unique().tolist() == ["2014-12-31"]
    assert TRUTH_COLUMN not in file
    # what the laboratory measures stands in its own file
    assert "IKZF1" not in file
    peaks = pd.read_csv(FOLDER / "mlpa_peaks.csv", dtype=str)
    assert set(peaks["data"]) == {"simulated"}
    assert peaks["Patient"].tolist() == file["Patient"].tolist()


def test_the_truth_file_says_what_is_assumed():
    truth = json.loads((FOLDER / "truth.json").read_text(encoding="utf-8"))
    assert truth["simulated"] is True
    assert truth["parameters"] == REFERENCE.digest
    assert truth["assumptions"] == list(REFERENCE.assumptions)
    rows = {(row["term"], row["group"], row["cause"]): row["estimate"] for row in truth["outcomes"]}
    assert rows["event-free survival", "not deleted", ""] == 0.88
    assert rows["cumulative incidence", "deleted", "relapse"] == 0.29


def test_a_real_cohort_is_not_written_as_simulated(whole_file):
    read = read_cohort(whole_file, **{**READING, "simulated": False})
    with pytest.raises(InputError, match="only a cohort of simulate_cohort"):
        hospital_file(read)
