"""A missing day count once made pandas round memory that nobody had written; with warnings as errors this
failed now and then, whenever that memory happened to hold huge numbers."""

import warnings

import numpy as np

from ikzf1_outcomes.simulate import hospital_file, simulate_cohort


def test_dates_of_a_hospital_file_read_no_unwritten_memory():
    cohort = simulate_cohort(300, seed=6)
    written = hospital_file(cohort)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(50):
            huge = [np.full(300, 1e308) for _ in range(40)]
            del huge  # what is handed back now is what the next array without values is made of
            assert hospital_file(cohort).equals(written)
