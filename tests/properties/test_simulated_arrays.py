"""Simulated arrays hold what their truth says, and the same seed gives the same spots."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.simulate import ArrayEffect
from ikzf1_outcomes.simulate.arrays import ARRAY

COHORT = iko.simulate_cohort(109, seed=1)
EFFECTS = [ArrayEffect("ikzf1_deletion", "deleted", 60, 1.0), ArrayEffect("sex", "male", 10, 0.8, "JAK/STAT5")]
RUN = iko.simulate_arrays(COHORT, seed=2, arrays=100, peptides=400, effects=EFFECTS)
OPTIONS = {"replicate": "replicate", "control": "control", "saturated": "saturated", "batch": "batch"}


def values(run):
    return iko.normalise_spots(run.spots, annotation=["gene"], **OPTIONS)


ARRAYS = values(RUN)


def test_one_spot_a_replicate_and_the_slide_is_full():
    assert len(RUN.spots) == 100 * (400 + 16) * 3
    assert not RUN.spots.duplicated(["sample", "peptide", "replicate"]).any()
    assert not RUN.spots.duplicated(["sample", "row", "column"]).any()
    assert RUN.provenance == "simulated"


def test_patients_without_an_array_are_of_the_cohort():
    there = set(RUN.samples["sample"])
    assert len(there) == 100
    assert there < set(COHORT.frame["id"])


def test_the_same_seed_gives_the_same_spots():
    again = iko.simulate_arrays(COHORT, seed=2, arrays=100, peptides=400, effects=EFFECTS)
    pd.testing.assert_frame_equal(RUN.spots, again.spots)
    other = iko.simulate_arrays(COHORT, seed=3, arrays=100, peptides=400, effects=EFFECTS)
    assert not RUN.spots["foreground"].equals(other.spots["foreground"])


@pytest.mark.parametrize(("column", "level", "n"), [("ikzf1_deletion", "deleted", 60), ("sex", "male", 10)])
def test_differences_are_those_of_the_truth(column, level, n):
    truth = RUN.truth.set_index("peptide")[f"{column}={level}"]
    assert (truth != 0).sum() == n
    of_patient = COHORT.frame.set_index("id")[column].reindex(ARRAYS.values.columns).astype(str)
    there = (of_patient == level).to_numpy()
    seen = ARRAYS.values.loc[:, there].mean(axis=1) - ARRAYS.values.loc[:, ~there].mean(axis=1)
    # one difference has a standard error of at most 0.13 (SD 0.45, 14 patients or more), and the slope far less; what a
    # pathway shares (SD 0.25) is common to its 10 peptides: 0.25 * 2 / sqrt(100) / 0.8 is 0.06
    slope = np.polyfit(truth, seen, 1)[0]
    assert abs(slope - 1.0) < (0.1 if column == "ikzf1_deletion" else 0.2)
    if column == "sex":
        assert set(RUN.truth.loc[RUN.truth["sex=male"] != 0, "pathway"]) == {"JAK/STAT5"}


def test_peptides_of_a_pathway_correlate_and_others_do_not():
    sets = iko.pathway_sets(ARRAYS)
    inside = np.mean([correlation(ARRAYS.values.loc[list(members)]) for members in sets.values()])
    outside = correlation(ARRAYS.values.loc[RUN.truth.loc[RUN.truth["pathway"] == "none", "peptide"]])
    # 0.25^2 of 0.25^2 + 0.4^2 + 0.15^2 + 0.25^2 / 3 is 0.23
    assert 0.12 < inside < 0.35
    assert abs(outside) < 0.03


def correlation(table):
    r = np.corrcoef(table)
    return (r.sum() - len(r)) / (len(r) * (len(r) - 1))


def test_arrays_that_fail_are_left_out_by_their_replicates():
    figures = ARRAY.but({"share of arrays that fail": 0.3})
    run = iko.simulate_arrays(30, seed=4, peptides=200, figures=figures)
    kept = values(run).samples["kept"].to_numpy()
    assert 0 < run.samples["failed"].sum() < 30
    np.testing.assert_array_equal(kept, ~run.samples["failed"].to_numpy())


def test_bright_spots_are_cut_and_marked():
    run = iko.simulate_arrays(3, seed=4, peptides=60, figures=ARRAY.but({"brightest reading": 900.0}))
    assert run.spots["foreground"].max() == 900.0
    assert (run.spots.loc[run.spots["saturated"], "foreground"].dropna() == 900.0).all()
    assert run.spots["saturated"].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cohort": iko.cohort_from_frame(pd.DataFrame({"id": ["a", "b"]}))}, "simulated patients only"),
        ({"cohort": COHORT, "arrays": 110}, "110 arrays of 109 patients"),
        ({"cohort": 3, "peptides": 10}, "24 or more"),
        ({"cohort": 0}, "1 or more"),
        ({"cohort": 3, "effects": EFFECTS}, "need patients"),
        ({"cohort": COHORT, "effects": [ArrayEffect("nothing", 1, 1, 1.0)]}, "no column 'nothing'"),
        ({"cohort": COHORT, "effects": [ArrayEffect("sex", "other", 1, 1.0)]}, "nobody with an array"),
        ({"cohort": COHORT, "effects": [ArrayEffect("sex", "male", 99, 1.0, "BCR")]}, "99 of"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(iko.InputError, match=message):
        iko.simulate_arrays(**options, seed=1)
