"""Typed names of the package; `__init__.py` resolves them on first use."""

from ikzf1_outcomes.errors import (
    CohortError as CohortError,
    ColumnError as ColumnError,
    ConvergenceError as ConvergenceError,
    InputError as InputError,
    OutcomesError as OutcomesError,
    StudyError as StudyError,
)
from ikzf1_outcomes.glossary import (
    GLOSSARY as GLOSSARY,
)
from ikzf1_outcomes.cohort import (
    Cohort as Cohort,
    cohort_from_frame as cohort_from_frame,
    read_cohort as read_cohort,
)
from ikzf1_outcomes.endpoint import (
    Endpoint as Endpoint,
    endpoint_from_columns as endpoint_from_columns,
)
from ikzf1_outcomes.simulate import (
    simulate_cohort as simulate_cohort,
)
from ikzf1_outcomes.definitions import (
    ENDPOINTS as ENDPOINTS,
    define_endpoint as define_endpoint,
)
from ikzf1_outcomes.timeline import (
    landmark as landmark,
    landmark_losses as landmark_losses,
    split_follow_up as split_follow_up,
    time_dependent as time_dependent,
)
from ikzf1_outcomes.curves.survival import (
    SurvivalCurve as SurvivalCurve,
    kaplan_meier as kaplan_meier,
)
from ikzf1_outcomes.curves.incidence import (
    IncidenceCurve as IncidenceCurve,
    cumulative_incidence as cumulative_incidence,
)
from ikzf1_outcomes.curves.follow import (
    follow_up as follow_up,
)
from ikzf1_outcomes.curves.comparisons import (
    gray_test as gray_test,
    logrank_test as logrank_test,
    pairwise_tests as pairwise_tests,
    trend_test as trend_test,
)
from ikzf1_outcomes.curves.differences import (
    failure_ledger as failure_ledger,
    risk_difference as risk_difference,
    rmst_difference as rmst_difference,
    years_lost_difference as years_lost_difference,
)
from ikzf1_outcomes.curves.transplant import (
    mantel_byar as mantel_byar,
    simon_makuch as simon_makuch,
)
from ikzf1_outcomes.formula import (
    Design as Design,
    design as design,
)
from ikzf1_outcomes.results import (
    Settings as Settings,
    outcome_results as outcome_results,
)
from ikzf1_outcomes.study.run import (
    load_study as load_study,
    run_study as run_study,
)
from ikzf1_outcomes.models.proportional_hazards import (
    CoxFit as CoxFit,
    cox as cox,
)

__version__: str
__all__: list[str]
