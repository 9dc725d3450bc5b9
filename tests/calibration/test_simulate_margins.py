"""Twenty thousand simulated patients have the published margins, and estimates that agree with their truth."""

import numpy as np
import pytest

from ikzf1_outcomes import cumulative_incidence, endpoint_from_columns, kaplan_meier
from ikzf1_outcomes.simulate import REFERENCE, simulate_cohort, simulation_truth
from ikzf1_outcomes.simulate.truth import CAUSES, TRUTH_COLUMN

N = 20_000
TIMES = (1.0, 3.0, 5.0, 8.0)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cohort():
    return simulate_cohort(N, seed=20150701)


@pytest.fixture(scope="module")
def truth(cohort):
    return simulation_truth(cohort, at=TIMES)


@pytest.fixture(scope="module")
def endpoint(cohort):
    frame = cohort.frame
    # Non-response has no time of its own: it counts at the end of induction, as in the closed form.
    frame["time"] = frame["first_event_time"].fillna(frame["end_of_induction"])
    frame["status"] = frame["first_event"].astype(object).map({"none": 0, **{c: k for k, c in enumerate(CAUSES, 1)}})
    return endpoint_from_columns(frame, time="time", status="status", causes=dict(enumerate(CAUSES, 1)))


def share_agrees(observed, expected, n):
    assert abs(observed - expected) < 4 * np.sqrt(expected * (1 - expected) / n)


def agree(estimates, truths, key):
    joined = estimates.merge(truths, on=key, suffixes=("", "_true"))
    assert len(joined) == len(truths)
    # An estimated error means nothing after one or two events: the true binomial one is the least that is believed.
    chance = joined["estimate_true"]
    spread = np.maximum(joined["std_error"], np.sqrt(chance * (1 - chance) / joined["n"]))
    far = ((joined["estimate"] - joined["estimate_true"]) / spread).abs()
    assert far.max() < 4, joined.loc[far.idxmax()].to_dict()
    return far


@pytest.mark.parametrize("by", ["ikzf1_deletion", "ikzf1_class"])
def test_event_free_survival_agrees_with_the_truth(endpoint, truth, by):
    rows = truth.outcomes
    rows = rows[(rows["term"] == "event-free survival") & (rows["variable"] == by)]
    agree(kaplan_meier(endpoint, by=by).tidy(TIMES), rows[["group", "time", "estimate"]], ["group", "time"])


@pytest.mark.parametrize("by", ["ikzf1_deletion", "ikzf1_class"])
def test_incidence_of_every_first_event_agrees_with_the_truth(endpoint, truth, by):
    rows = truth.outcomes
    rows = rows[(rows["term"] == "cumulative incidence") & (rows["variable"] == by)]
    key = ["group", "cause", "time"]
    far = agree(cumulative_incidence(endpoint, by=by).tidy(TIMES), rows[[*key, "estimate"]], key)
    assert far.mean() < 1.2


def test_overall_survival_agrees_with_the_truth(cohort, truth):
    frame = cohort.frame
    frame["status"] = frame["death"].notna().astype(int)
    alive = endpoint_from_columns(frame, time="last_contact", status="status", causes={1: "death"})
    rows = truth.outcomes
    rows = rows[(rows["term"] == "overall survival") & (rows["variable"] == "ikzf1_deletion")]
    curve = kaplan_meier(alive, by="ikzf1_deletion").tidy(TIMES)
    agree(curve, rows[["group", "time", "estimate"]], ["group", "time"])


def test_margins_of_the_founding_study(cohort):
    frame = cohort.frame
    share_agrees((frame["ikzf1_deletion"] == "deleted").mean(), 17 / 109, N)
    share_agrees((frame["ikzf1_class"] == "gain").mean(), 1 / 109, N)
    kinds = frame.loc[frame["ikzf1_deletion"] == "deleted", "ikzf1_class"]
    for name, count in (("whole_gene", 4), ("ik6", 3), ("del_4_8", 3), ("other", 3)):
        share_agrees((kinds == name).mean(), count / 13, len(kinds))
    for group, mean in (("not deleted", 5.7), ("deleted", 8.4)):
        age = frame.loc[frame["ikzf1_deletion"] == group, "age"]
        assert abs(age.mean() - mean) < 4 * age.std() / np.sqrt(len(age))


@pytest.mark.parametrize("locus", REFERENCE.copy_numbers.names)
def test_copy_numbers_have_the_published_frequency(cohort, locus):
    column = cohort.frame["cdkn2a" if locus == "cdkn2ab" else locus]
    share_agrees(column.isin(["deleted", "homozygous"]).mean(), REFERENCE.copy_numbers[locus], N)


def test_other_margins(cohort):
    frame = cohort.frame
    share_agrees((frame["sex"] == "male").mean(), 0.55, N)
    for name, share in REFERENCE.subtypes.values:
        share_agrees((frame["cytogenetic_subtype"] == name).mean(), share, N)
    for group in ("not deleted", "deleted"):
        mine = frame[frame["ikzf1_deletion"] == group]
        share_agrees((mine["first_event"] == "non_response").mean(), REFERENCE.non_response[group], len(mine))
        share_agrees((mine["first_event"] == "induction_death").mean(), REFERENCE.induction_death[group], len(mine))
        log_wbc = np.log(mine["wbc"])
        centre = np.log(REFERENCE.wbc_median[group])
        # Rounding to a tenth and the floor of 0.5 move the median by less than its own error.
        assert abs(log_wbc.median() - centre) < 4 * 1.2533 * 1.3 / np.sqrt(len(mine))


def test_relapse_depends_on_the_log_hazard_ratio_as_declared(cohort, truth):
    """Observed relapses against those expected by the true hazards, in quarters of the true risk."""
    from ikzf1_outcomes.simulate.calibration import calibrate

    frame = cohort.frame
    deleted = (frame["ikzf1_deletion"] == "deleted").to_numpy(dtype=np.intp)
    x = frame[TRUTH_COLUMN].to_numpy(dtype=float)
    factor = np.exp(calibrate(x, deleted, REFERENCE).intercept[deleted] + x)
    responder = frame["remission"].notna().to_numpy()
    end = np.where(frame["first_event"] == "none", frame["last_contact"], frame["first_event_time"])
    spent = REFERENCE.relapse.cumulative(np.where(responder, np.maximum(end - 33 / 365.25, 0), 0.0))
    expected, observed = factor * spent, (frame["first_event"] == "relapse").to_numpy()
    quarter = np.digitize(factor, np.quantile(factor, [0.25, 0.5, 0.75]))
    for k in range(4):
        mine = quarter == k
        # The compensated count is a martingale: its variance is its expectation.
        assert abs(observed[mine].sum() - expected[mine].sum()) < 4 * np.sqrt(expected[mine].sum())
