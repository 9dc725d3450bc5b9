"""Typed names of the package; `__init__.py` resolves them on first use."""

from ikzf1_outcomes.cohort import Cohort as Cohort
from ikzf1_outcomes.cohort import cohort_from_frame as cohort_from_frame
from ikzf1_outcomes.cohort import read_cohort as read_cohort
from ikzf1_outcomes.curves.comparisons import gray_test as gray_test
from ikzf1_outcomes.curves.comparisons import logrank_test as logrank_test
from ikzf1_outcomes.curves.comparisons import pairwise_tests as pairwise_tests
from ikzf1_outcomes.curves.comparisons import trend_test as trend_test
from ikzf1_outcomes.curves.differences import failure_ledger as failure_ledger
from ikzf1_outcomes.curves.differences import risk_difference as risk_difference
from ikzf1_outcomes.curves.differences import rmst_difference as rmst_difference
from ikzf1_outcomes.curves.differences import years_lost_difference as years_lost_difference
from ikzf1_outcomes.curves.follow import follow_up as follow_up
from ikzf1_outcomes.curves.incidence import IncidenceCurve as IncidenceCurve
from ikzf1_outcomes.curves.incidence import cumulative_incidence as cumulative_incidence
from ikzf1_outcomes.curves.survival import SurvivalCurve as SurvivalCurve
from ikzf1_outcomes.curves.survival import kaplan_meier as kaplan_meier
from ikzf1_outcomes.curves.transplant import mantel_byar as mantel_byar
from ikzf1_outcomes.curves.transplant import simon_makuch as simon_makuch
from ikzf1_outcomes.definitions import ENDPOINTS as ENDPOINTS
from ikzf1_outcomes.definitions import define_endpoint as define_endpoint
from ikzf1_outcomes.endpoint import Endpoint as Endpoint
from ikzf1_outcomes.endpoint import endpoint_from_columns as endpoint_from_columns
from ikzf1_outcomes.errors import CohortError as CohortError
from ikzf1_outcomes.errors import ColumnError as ColumnError
from ikzf1_outcomes.errors import ConvergenceError as ConvergenceError
from ikzf1_outcomes.errors import InputError as InputError
from ikzf1_outcomes.errors import OutcomesError as OutcomesError
from ikzf1_outcomes.errors import StudyError as StudyError
from ikzf1_outcomes.formula import Design as Design
from ikzf1_outcomes.formula import design as design
from ikzf1_outcomes.genome.exons import classify_ikzf1 as classify_ikzf1
from ikzf1_outcomes.genome.profiles import ikzf1_plus as ikzf1_plus
from ikzf1_outcomes.genome.profiles import uk_all_cna as uk_all_cna
from ikzf1_outcomes.glossary import GLOSSARY as GLOSSARY
from ikzf1_outcomes.interchange import to_lifelines as to_lifelines
from ikzf1_outcomes.models.proportional_hazards import CoxFit as CoxFit
from ikzf1_outcomes.models.proportional_hazards import cox as cox
from ikzf1_outcomes.results import Settings as Settings
from ikzf1_outcomes.results import outcome_results as outcome_results
from ikzf1_outcomes.simulate import simulate_cohort as simulate_cohort
from ikzf1_outcomes.study.load import load_study as load_study
from ikzf1_outcomes.study.run import run_study as run_study
from ikzf1_outcomes.timeline import landmark as landmark
from ikzf1_outcomes.timeline import landmark_losses as landmark_losses
from ikzf1_outcomes.timeline import split_follow_up as split_follow_up
from ikzf1_outcomes.timeline import time_dependent as time_dependent

__version__: str
__all__: list[str]
