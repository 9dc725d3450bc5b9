"""MLPA on paper: quotients, ranges, the purity model, P(class), quality, and what is refused."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import DeletionPrior, call_mlpa
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.copy_number import copy_number_probabilities, expected_quotient, log_likelihood
from ikzf1_outcomes.genome.deletion_states import KNOWN_CLASSES, RUNS, class_probabilities, states_of
from ikzf1_outcomes.genome.dosage import probe_errors, robust_quotients, run_mean_quotients
from ikzf1_outcomes.genome.dose_calls import DOSE_RANGES, calls_of_ranges
from ikzf1_outcomes.genome.exons import class_of
from ikzf1_outcomes.genome.mlpa_quality import replicate_correlation

EXONS = [f"IKZF1_e{exon}" for exon in range(1, 9)]
CONTROLS = ["control_1", "control_2", "control_3"]
WORDS = ("normal", "deleted", "homozygous", "gain", "ambiguous", "failed", "not_tested")


def run(*profiles, controls=(100.0, 100.0, 100.0), **columns):
    """Reactions from eight relative doses each; peaks are 100 for two copies."""
    rows = [[100.0 * dose for dose in profile] + list(controls) for profile in profiles]
    frame = pd.DataFrame(rows, columns=EXONS + CONTROLS)
    frame.insert(0, "sample", [f"s{number}" for number in range(len(rows))])
    return frame.assign(**columns)


FLAT = [1.0] * 8


def test_run_mean_is_biased_where_a_locus_is_often_lost_and_the_robust_one_is_not():
    # four samples, one control level; the locus reads 100, 100, 100, 50: the run mean is 350/4 = 87.5
    peaks = np.array([[100.0, 100, 100, 100], [200, 200, 200, 200], [50, 50, 50, 50], [100, 100, 100, 50]])
    controls = np.array([True, True, True, False])
    np.testing.assert_allclose(run_mean_quotients(peaks, controls)[:, 3], [8 / 7, 8 / 7, 8 / 7, 4 / 7], rtol=1e-14)
    np.testing.assert_allclose(robust_quotients(peaks, controls)[:, 3], [1, 1, 1, 0.5], rtol=1e-14)


def test_named_reference_samples_alone_make_the_reference():
    peaks = np.array([[100.0, 100, 100, 50], [100, 100, 100, 50], [100, 100, 100, 100]])
    controls = np.array([True, True, True, False])
    out = robust_quotients(peaks, controls, np.array([False, False, True]))
    np.testing.assert_allclose(out[:, 3], [0.5, 0.5, 1.0], rtol=1e-14)


def test_the_robust_reference_drops_what_is_far_from_the_first_median():
    # median of 100, 100, 100, 60, 60 is 100; within 0.8 to 1.2 of it are the three hundreds: median 100.
    # with 110, 100, 96, 60, 60 the median is 96; within [76.8, 115.2] are 110, 100, 96: median 100
    peaks = np.array([[100.0] * 3 + [locus] for locus in (110, 100, 96, 60, 60)])
    out = robust_quotients(peaks, np.array([True, True, True, False]))
    np.testing.assert_allclose(out[:, 3], [1.1, 1.0, 0.96, 0.6, 0.6], rtol=1e-14)


def test_spread_of_a_probe_is_the_scaled_median_deviation_over_normal_samples():
    # 0.9, 0.95, 1, 1.05, 1.1 deviate from 1 by 0.1, 0.05, 0, 0.05, 0.1: median 0.05; 0.5 does not read normal
    quotients = np.array([[0.9], [0.95], [1.0], [1.05], [1.1], [0.5]])
    spread = probe_errors(quotients, np.ones((6, 1), dtype=bool))
    np.testing.assert_allclose(spread, [0.05 * 1.4826022185056018], rtol=1e-12)
    assert np.isnan(probe_errors(quotients[:4], np.ones((4, 1), dtype=bool))).all()


@pytest.mark.parametrize(
    ("preset", "quotient", "call"),
    [
        ("mrc", 0.0, "homozygous"),
        ("mrc", 0.1, "ambiguous"),
        ("mrc", 0.4, "ambiguous"),
        ("mrc", 0.41, "deleted"),
        ("mrc", 0.65, "ambiguous"),
        ("mrc", 0.7, "ambiguous"),
        ("mrc", 0.81, "normal"),
        ("mrc", 1.25, "ambiguous"),
        ("mrc", 1.4, "gain"),
        ("mrc", 1.7, "ambiguous"),
        ("mrc", 2.0, "gain"),
        ("mrc", 2.2, "ambiguous"),
        ("mrc_legacy_35_50", 0.5, "deleted"),
        ("mrc_legacy_35_50", 0.65, "deleted"),
        ("mrc_legacy_35_50", 0.45, "ambiguous"),
        ("all_0.75", 0.24, "homozygous"),
        ("all_0.75", 0.25, "deleted"),
        ("all_0.75", 0.74, "deleted"),
        ("all_0.75", 0.75, "normal"),
        ("all_0.75", 1.3, "normal"),
        ("all_0.75", 1.31, "gain"),
    ],
)
def test_presets(preset, quotient, call):
    calls, sure = calls_of_ranges(np.array([quotient]), np.array([0.05]), DOSE_RANGES[preset])
    assert WORDS[calls[0]] == call
    assert 0 <= sure[0] <= 1


def test_confidence_of_a_range_is_the_normal_probability_of_lying_in_it():
    # 0.5 with error 0.05 in (0.40, 0.65): Phi(3) - Phi(-2)
    _, sure = calls_of_ranges(np.array([0.5]), np.array([0.05]), DOSE_RANGES["mrc"])
    np.testing.assert_allclose(sure, 0.9986501019683699 - 0.02275013194817921, rtol=1e-12)


def test_expected_doses_are_those_of_the_blast_table():
    table = {1.0: (0, 0.5, 1, 1.5), 0.8: (0.2, 0.6, 1, 1.4), 0.5: (0.5, 0.75, 1, 1.25), 0.3: (0.7, 0.85, 1, 1.15)}
    for purity, doses in table.items():
        np.testing.assert_allclose(expected_quotient([0, 1, 2, 3], purity), doses, atol=1e-15)


def test_copy_number_probabilities_by_bayes():
    # DQ 0.9 at p = 0.4, error 0.1: expected 0.6, 0.8, 1, 1.2; z = 3, 1, -1, -3: weights e^-4.5, e^-0.5, e^-0.5, e^-4.5
    far, near = np.exp(-4.5), np.exp(-0.5)
    expected = np.array([far, near, near, far]) / (2 * far + 2 * near)
    np.testing.assert_allclose(copy_number_probabilities(0.9, 0.1, 0.4), expected, rtol=1e-12)


def test_a_loss_at_few_blasts_is_ambiguous_and_never_normal():
    profile = [1, 1, 1, 0.9, 0.9, 0.9, 0.9, 1]
    peaks = run(FLAT, FLAT, FLAT, FLAT, FLAT, profile)
    calls = call_mlpa(peaks, blasts=0.2, error=0.05)
    assert calls.exons.loc["s5", ["4", "5", "6", "7"]].tolist() == ["ambiguous"] * 4
    assert calls.classes.loc["s5", "ikzf1_class"] == "ambiguous"
    assert call_mlpa(peaks, thresholds="all_0.75", error=0.05).classes.loc["s5", "ikzf1_class"] == "none"


def naive_class_probabilities(quotients, error, purity, prior):
    """Every pair of alleles written out: 37 x 37 ordered pairs and a gain."""
    weights = prior.weights
    alleles = [frozenset()] + [frozenset(range(first, last + 1)) for first, last in RUNS]
    total = dict.fromkeys(KNOWN_CLASSES, 0.0)

    def density(copies):
        z = (quotients - (1 - purity * (1 - np.array(copies) / 2))) / error
        return float(np.exp(-0.5 * (z**2).sum()))

    for one, two in product(range(37), repeat=2):
        if one == 0 and two == 0:
            chance = 1 - prior.deleted - prior.gain
        elif one == 0 or two == 0:
            chance = prior.deleted * (1 - prior.second) * weights[max(one, two) - 1] / 2
        else:
            chance = prior.deleted * prior.second * weights[one - 1] * weights[two - 1]
        copies = [2 - (e in alleles[one]) - (e in alleles[two]) for e in range(1, 9)]
        lost = frozenset(e for e in range(1, 9) if copies[e - 1] < 2)
        both = {e for e in range(1, 9) if copies[e - 1] == 0}
        runs = sum(1 for e in lost if e - 1 not in lost)
        word = "other" if (both and both != lost) or runs > 1 else class_of(lost)
        total[word] += chance * density(copies)
    total["gain"] += prior.gain * density([3] * 8)
    values = np.array([total[word] for word in KNOWN_CLASSES])
    return values / values.sum()


@pytest.mark.parametrize(
    "quotients",
    [
        [1.0, 0.98, 1.05, 0.62, 0.55, 0.6, 0.58, 0.97],
        [0.8, 0.85, 0.9, 0.85, 0.8, 0.83, 0.88, 0.8],
        [0.6, 0.6, 0.6, 0.2, 0.25, 0.2, 0.22, 0.6],
        [1.39, 1.38, 1.35, 1.3, 1.39, 1.3, 1.35, 1.39],
    ],
)
def test_class_probabilities_equal_those_of_all_allele_pairs_written_out(quotients):
    prior = DeletionPrior(second=0.2)
    scores = log_likelihood(np.array([quotients]), np.full((1, 8), 0.08), np.array([[0.8]]))
    got = class_probabilities(scores, prior)[0]
    # the kernel takes a dose beyond the extremes as the extreme; these doses lie within
    np.testing.assert_allclose(got, naive_class_probabilities(np.array(quotients), 0.08, 0.8, prior), rtol=1e-10)


def test_without_leukaemic_cells_the_class_probabilities_are_the_prior():
    prior = DeletionPrior()
    scores = log_likelihood(np.ones((1, 8)), np.full((1, 8), 0.05), np.zeros((1, 1)))
    got = dict(zip(KNOWN_CLASSES, class_probabilities(scores, prior)[0], strict=True))
    assert got["none"] == pytest.approx(1 - 0.14 - 1 / 109, rel=1e-12)
    assert got["gain"] == pytest.approx(1 / 109, rel=1e-12)
    assert np.exp(states_of(prior).log_prior).sum() == pytest.approx(1.0, rel=1e-12)


def test_prior_shares_follow_the_published_ones():
    weights = dict(zip(RUNS, DeletionPrior().weights, strict=True))
    assert weights[1, 8] == pytest.approx(0.30)
    assert weights[4, 7] == pytest.approx(0.37)
    assert weights[4, 8] == pytest.approx(0.33 * 27 / 134)
    # the 30 other runs share the 34 of 134 rare deletions
    assert weights[5, 5] == pytest.approx(0.33 * 34 / 134 / 30)


@pytest.mark.parametrize("prior", [DeletionPrior(deleted=1.2), DeletionPrior(runs=(("Δ9", 0.1),)), DeletionPrior(gain=0.9)])
def test_a_prior_that_is_none_is_refused(prior):
    with pytest.raises(InputError, match="prior"):
        call_mlpa(run(FLAT, FLAT), blasts=0.9, error=0.05, prior=prior)


def test_two_probes_of_an_exon_are_averaged_and_ambiguous_where_they_disagree():
    frame = run(FLAT, FLAT, FLAT, FLAT, FLAT).rename(columns={"IKZF1_e3": "IKZF1_e4_2", "IKZF1_e4": "IKZF1_e4_1"})
    frame.loc[0, ["IKZF1_e4_1", "IKZF1_e4_2"]] = [48.0, 52.0]
    frame.loc[1, ["IKZF1_e4_1", "IKZF1_e4_2"]] = [50.0, 100.0]
    calls = call_mlpa(frame, thresholds="all_0.75", error=0.06).tidy()
    rows = calls[(calls["gene"] == "ikzf1") & (calls["exon"] == 4)].set_index("sample")
    assert rows.loc["s0", "estimate"] == pytest.approx(0.5)
    assert rows.loc["s0", "std_error"] == pytest.approx(0.06 / np.sqrt(2))
    assert rows.loc[["s0", "s1"], "call"].tolist() == ["deleted", "ambiguous"]
    assert rows.loc["s1", "note"] == "probes disagree"
    assert rows.loc["s0", "n_probe"] == 2
    # exon 3 has no probe left: not tested, so that the pattern stays open
    assert call_mlpa(frame, thresholds="all_0.75", error=0.06).exons["3"].tolist() == ["not_tested"] * 5


def test_replicates_are_averaged_and_ambiguous_where_they_disagree():
    frame = run(*[FLAT] * 8)
    frame["sample"], frame["replicate"] = list("aabbccdd"), [1, 2] * 4
    frame.loc[[0, 1], "IKZF1_e4"] = [45.0, 55.0]
    frame.loc[[2, 3], "IKZF1_e4"] = [40.0, 95.0]
    calls = call_mlpa(frame, replicate="replicate", thresholds="all_0.75", error=0.05)
    assert calls.quotients.loc["a", "IKZF1_e4"] == pytest.approx(0.5)
    assert calls.exons["4"].tolist() == ["deleted", "ambiguous", "normal", "normal"]
    assert calls.quality["n_disagree"].tolist() == [0, 1, 0, 0]
    assert calls.quality["n_reaction"].tolist() == [2, 2, 2, 2]


def test_replicate_correlation_is_the_mean_over_pairs():
    profiles = np.array([[1.0, 2, 3], [2, 4, 6], [3, 2, 1], [1, 5, 1]])
    got = replicate_correlation(profiles, np.array([0, 0, 0, 1]), 2)
    # pairs: +1, -1, -1; a single reaction has no pair
    assert got[0] == pytest.approx(-1 / 3)
    assert np.isnan(got[1])


def test_samples_with_restless_controls_fail_and_are_never_normal():
    frame = run(FLAT, FLAT, FLAT, FLAT, FLAT, FLAT)
    frame.loc[5, CONTROLS] = [70.0, 100.0, 130.0]
    calls = call_mlpa(frame, blasts=0.9)
    # quotients of the controls 0.7, 1, 1.3: standard deviation 0.3
    assert calls.quality.loc["s5", "control_sd"] == pytest.approx(0.3)
    assert calls.quality["failed"].tolist() == [False] * 5 + [True]
    assert calls.classes.loc["s5", "ikzf1_class"] == "failed"
    assert calls.probabilities.loc["s5"].isna().all()
    assert "control probes spread" in calls.quality.loc["s5", "note"]


def test_a_reaction_with_a_control_peak_of_zero_is_set_aside_and_counted():
    frame = run(FLAT, FLAT, FLAT, FLAT, FLAT, FLAT)
    frame.loc[5, "control_2"] = 0.0
    calls = call_mlpa(frame, blasts=0.9)
    assert calls.set_aside.set_index("reason")["n"].to_dict() == {
        "probes of the table without a column": 0,
        "reactions with control peaks zero or missing": 1,
    }
    assert calls.classes.loc["s5", "ikzf1_class"] == "failed"
    assert calls.quality.loc["s5", "note"] == "no usable reaction"


def test_a_zero_peak_of_a_target_is_a_dose_of_zero():
    frame = run(*[FLAT] * 5, [1, 1, 1, 0, 0, 0, 0, 1])
    calls = call_mlpa(frame, thresholds="mrc")
    assert calls.exons.loc["s5", "4"] == "homozygous"
    assert calls.classes.loc["s5", "biallelic"]


def test_an_unknown_leukaemic_fraction_leaves_everything_open():
    calls = call_mlpa(run(*[FLAT] * 6), blasts=pd.Series({"s0": 0.9, "s1": 0.9, "s2": 0.9, "s3": 0.9, "s4": 0.9}))
    assert calls.classes["ikzf1_class"].tolist() == ["none"] * 5 + ["ambiguous"]
    assert calls.probabilities.loc["s5"].isna().all()
    assert "fraction unknown" in calls.quality.loc["s5", "note"]


def test_a_dose_between_two_copy_numbers_is_ambiguous():
    calls = call_mlpa(run(*[FLAT] * 5, [0.75] + [1] * 7), blasts=1.0, error=0.05)
    row = calls.tidy().query("sample == 's5' and exon == 1").iloc[0]
    # 0.75 lies 5 errors from 0.5 and from 1: the other exons alone would make "none" near certain
    assert calls.probabilities.loc["s5"].isna().all()
    assert (row["call"], row["note"][:22]) == ("ambiguous", "fits no copy number: s")


def test_par1_is_read_from_its_segment():
    names = {"IKZF1_e1": "CSF2RA_e1", "IKZF1_e2": "IL3RA_e1", "IKZF1_e3": "CRLF2_e4"}
    profiles = [FLAT, [0.5, 0.5, 1, 1, 1, 1, 1, 1], [0.5, 1, 1, 1, 1, 1, 1, 1], FLAT, FLAT, FLAT]
    calls = call_mlpa(run(*profiles).rename(columns=names), thresholds="all_0.75")
    assert calls.genes["par1"].tolist() == ["normal", "deleted", "ambiguous", "normal", "normal", "normal"]


def test_the_gravest_exon_calls_the_gene_and_single_probes_can_be_asked_to_agree():
    names = {"IKZF1_e1": "PAX5_e1", "IKZF1_e2": "PAX5_e2", "IKZF1_e3": "RB1_e6"}
    profiles = [[0.5, 1, 0.5, 1, 1, 1, 1, 1], [0.5, 0.1, 1, 1, 1, 1, 1, 1], [1.5, 1, 1, 1, 1, 1, 1, 1], FLAT, FLAT, FLAT]
    frame = run(*profiles).rename(columns=names)
    one = call_mlpa(frame, thresholds="all_0.75").genes
    assert one["pax5"].tolist()[:3] == ["deleted", "homozygous", "gain"]
    two = call_mlpa(frame, thresholds="all_0.75", min_units=2).genes
    # one exon of PAX5 lost is not enough; RB1 has a single probe, so one is all there is
    assert two["pax5"].tolist()[:3] == ["ambiguous", "homozygous", "gain"]
    assert two["rb1"].tolist()[0] == "deleted"


def test_old_numbering_moves_the_exons():
    frame = run(*[FLAT] * 5, [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 1])
    old = frame.rename(columns={f"IKZF1_e{exon}": f"IKZF1_e{exon - 1}" for exon in range(1, 9)})
    assert call_mlpa(old, thresholds="mrc", numbering="0-7").classes.loc["s5", "pattern"] == "Δ4-7"


def test_the_share_of_blasts_that_carries_the_deletion():
    # p = 0.8 and a dose of 0.8 in four exons: f = 2 x 0.2 / 0.8 = 0.5, below 0.8 of the cells
    calls = call_mlpa(
        run(*[FLAT] * 5, [1, 1, 1, 0.8, 0.8, 0.8, 0.8, 1]),
        blasts=0.8,
        thresholds=(("deleted", 0.3, 0.85), ("normal", 0.85, 1.3)),
    )
    assert calls.classes.loc["s5", "share_of_blasts"] == pytest.approx(0.5)
    assert calls.classes.loc["s5", "subclonal"]
    assert calls.classes["share_of_blasts"].isna().tolist() == [True] * 5 + [False]


def test_probes_of_the_arms_tell_a_monosomy_from_a_focal_loss():
    table = pd.DataFrame({"probe": EXONS + CONTROLS + ["arm_p", "arm_q"], "gene": ["IKZF1"] * 8 + [""] * 3 + ["7p", "7q"]})
    table["exon"], table["control"] = [*range(1, 9), *[None] * 5], [False] * 8 + [True] * 3 + [False] * 2
    frame = run(*[FLAT] * 4, *[[0.5] * 8] * 2).assign(arm_p=[100.0] * 4 + [100.0, 50.0], arm_q=[100.0] * 5 + [50.0])
    calls = call_mlpa(frame, probes=table, thresholds="mrc")
    assert calls.classes["extent"].tolist() == [""] * 4 + ["focal", "monosomy 7"]


def test_glance_counts():
    row = call_mlpa(run(*[FLAT] * 6), blasts=0.9).glance().iloc[0]
    assert (row["n"], row["n_failed"], row["n_ambiguous"], row["n_set_aside"]) == (6, 0, 0, 0)


BAD = {
    "purity model": (run(FLAT, FLAT), {}, "purity model"),
    "unknown probe": (run(FLAT, FLAT).assign(odd=1.0), {"blasts": 0.9}, "no locus is known for the probe odd"),
    "exon 4.5": (run(FLAT, FLAT).rename(columns={"IKZF1_e4": "IKZF1_e4.5"}), {"blasts": 0.9}, "no whole numbers"),
    "exon 9": (run(FLAT, FLAT).rename(columns={"IKZF1_e4": "IKZF1_e9"}), {"blasts": 0.9}, "IKZF1 does not have"),
    "few controls": (run(FLAT, FLAT).drop(columns="control_1"), {"blasts": 0.9}, "fewer than 3 control probes"),
    "one sample": (run(FLAT), {"blasts": 0.9}, "runs of one sample.*row 1"),
    "sample twice": (run(FLAT, FLAT).assign(sample="a"), {"blasts": 0.9}, "same reaction.*rows 1, 2"),
    "negative": (run(FLAT, [-1.0, *FLAT[1:]]), {"blasts": 0.9}, "IKZF1_e1.*row 2"),
    "text": (run(FLAT, FLAT).assign(IKZF1_e2=["100", "high"]), {"blasts": 0.9}, "IKZF1_e2.*row 2"),
    "percent": (run(FLAT, FLAT), {"blasts": 85.0}, "fractions outside 0 to 1"),
    "no sample": (run(FLAT, FLAT).assign(sample=["a", None]), {"blasts": 0.9}, "without a 'sample'.*row 2"),
    "preset": (run(FLAT, FLAT), {"thresholds": "none"}, "no preset"),
    "normalisation": (run(FLAT, FLAT), {"blasts": 0.9, "normalisation": "x"}, "normalisation is"),
    "reference": (run(FLAT, FLAT), {"blasts": 0.9, "reference": ["q"]}, "reference samples that are not in the run"),
    "only controls": (run(FLAT, FLAT)[["sample", *CONTROLS]], {"blasts": 0.9}, "no probe but control"),
    "all zero": (run(FLAT, FLAT, controls=(0.0, 1.0, 1.0)), {"blasts": 0.9}, "every reaction"),
    "ranges": (run(FLAT, FLAT), {"thresholds": (("deleted", 0.0, 0.9), ("normal", 0.8, 2.0))}, "overlap"),
    "confidence": (run(FLAT, FLAT), {"blasts": 0.9, "error": 0.05, "confidence": 0.4}, "confidence"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_runs_are_refused_with_their_places(case):
    frame, options, message = BAD[case]
    with pytest.raises(InputError, match=message):
        call_mlpa(frame, **options)


def test_bad_runs_never_print_a_sample_or_a_peak():
    with pytest.raises(InputError) as caught:
        call_mlpa(run(FLAT, [-77.25, *FLAT[1:]]).assign(sample=["secret1", "secret2"]), blasts=0.9)
    assert "secret" not in str(caught.value)
    assert "77.25" not in str(caught.value)


def test_ratios_without_controls_need_an_error():
    frame = run(FLAT, FLAT).drop(columns=CONTROLS)
    with pytest.raises(InputError, match="error of the quotients cannot be estimated"):
        call_mlpa(frame.assign(**dict.fromkeys(EXONS, 1.0)), scale="ratio", blasts=0.9)
    calls = call_mlpa(frame.assign(**dict.fromkeys(EXONS, 1.0)), scale="ratio", blasts=0.9, error=0.05)
    assert calls.classes["ikzf1_class"].tolist() == ["none", "none"]


def test_a_missing_column_is_named():
    with pytest.raises(ColumnError, match="no column 'id'"):
        call_mlpa(run(FLAT, FLAT), sample="id", blasts=0.9)


def test_a_probe_of_the_table_without_a_column_is_counted():
    frame = run(*[FLAT] * 5)
    table = pd.DataFrame({"probe": EXONS + CONTROLS + ["PAX5_e5"], "gene": ["IKZF1"] * 8 + [""] * 3 + ["PAX5"]})
    table["exon"], table["control"] = [*range(1, 9), None, None, None, 5], [False] * 8 + [True] * 3 + [False]
    calls = call_mlpa(frame, probes=table, blasts=0.9)
    assert calls.set_aside["n"].tolist() == [1, 0]


def test_blasts_may_be_a_column():
    frame = run(*[FLAT] * 5).assign(blasts=[0.9, 0.8, 0.7, 0.6, 0.5])
    assert call_mlpa(frame, blasts="blasts").quality["blasts"].tolist() == [0.9, 0.8, 0.7, 0.6, 0.5]
