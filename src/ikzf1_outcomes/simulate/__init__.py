"""Cohorts whose truth is known: simulated patients, calibrated to published margins. Nobody in them is real."""

from __future__ import annotations

from ikzf1_outcomes.simulate.arrays import ArrayEffect, SimulatedArrays, simulate_arrays
from ikzf1_outcomes.simulate.cohorts import simulate_cohort
from ikzf1_outcomes.simulate.export import hospital_file
from ikzf1_outcomes.simulate.figures import Figures, Hazard
from ikzf1_outcomes.simulate.parameters import SimulationParameters
from ikzf1_outcomes.simulate.peaks import SimulatedRun, simulate_mlpa
from ikzf1_outcomes.simulate.reference import REFERENCE
from ikzf1_outcomes.simulate.truth import SimulationTruth, simulation_truth

__all__ = [
    "REFERENCE",
    "ArrayEffect",
    "Figures",
    "Hazard",
    "SimulatedArrays",
    "SimulatedRun",
    "SimulationParameters",
    "SimulationTruth",
    "hospital_file",
    "simulate_arrays",
    "simulate_cohort",
    "simulate_mlpa",
    "simulation_truth",
]
