"""Event-free survival and relapse in childhood leukaemia by IKZF1 class.

The public names, in the order of the road: patients -> endpoint -> curves and tests -> regression -> tables. Each is
imported on first use, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "errors": "OutcomesError InputError ColumnError CohortError StudyError ConvergenceError",
    "glossary": "GLOSSARY",
    "genome.mlpa_files": "read_mlpa MlpaFile",
    "genome.mlpa": "call_mlpa",
    "genome.mlpa_calls": "MlpaCalls",
    "genome.dose_calls": "DOSE_RANGES DoseRange",
    "genome.deletion_states": "DeletionPrior",
    "genome.segment_files": "read_segments",
    "genome.segments": "call_segments SegmentCalls",
    "genome.exon_tables": "read_exon_calls",
    "genome.exons": "classify_ikzf1",
    "genome.profiles": "ikzf1_plus ikzf1_plus_variants ikzf1_par1 uk_all_cna PROFILE_VERSIONS",
    "genome.cytogenetics": "cytogenetic_hierarchy possible_subtypes",
    "genome.integration": "uk_all_genetics",
    "cohort": "Cohort read_cohort cohort_from_frame nci_risk",
    "cohort.alterations": "add_alterations",
    "cohort.cbioportal": "read_cbioportal cbioportal_attributes",
    "endpoint": "Endpoint endpoint_from_columns",
    "simulate": "simulate_cohort simulate_mlpa",
    "interchange": "to_lifelines",
    "definitions": "define_endpoint ENDPOINTS",
    "timeline": "landmark landmark_losses split_follow_up time_dependent",
    "curves.survival": "SurvivalCurve kaplan_meier",
    "curves.incidence": "IncidenceCurve cumulative_incidence",
    "curves.follow": "follow_up",
    "curves.comparisons": "logrank_test trend_test gray_test pairwise_tests",
    "curves.differences": "rmst_difference years_lost_difference risk_difference failure_ledger",
    "curves.transplant": "simon_makuch mantel_byar",
    "relapses": "split_cause relapse_timing relapse_site after_relapse",
    "formula": "Design design",
    "describe.frequencies": "frequency_table was_tested",
    "describe.pairs": "cooccurrence",
    "describe.characteristics": "table_one",
    "describe.matched_sets": "match_cohort MatchedCohort",
    "describe.selection": "tested_against_untested testing_weights TestingWeights",
    "evidence.published_table": "published_outcomes",
    "evidence.consistency": "check_published",
    "evidence.from_curves": "ratio_from_curves",
    "evidence.study_effects": "published_effects",
    "evidence.pooled_studies": "meta_analysis MetaAnalysis",
    "models.bayes.patterns": "aggregate Aggregate",
    "models.bayes.priors": "Prior Priors",
    "models.bayes.published": "published_priors",
    "models.bayes.specification": "HierarchicalSpec hierarchical_spec",
    "models.bayes.graph": "hierarchical_model",
    "models.bayes.sampling": "sample",
    "models.bayes.any_model": "sample_model",
    "models.bayes.posterior": "Posterior",
    "models.bayes.pooled_and_raw": "shrinkage",
    "models.bayes.left_out": "leave_one_out",
    "models.bayes.groups_left_out": "leave_one_group_out",
    "models.bayes.comparisons": "compare_posteriors",
    "models.bayes.aggregate_posterior": "AggregatePosterior release_shift sample_aggregate",
    "models.bayes.imputed": "ImputedPosterior sample_imputed stack_imputed",
    "models.bayes.posterior_files": "load_posterior",
    "models.bayes.prior_draws": "sample_prior",
    "models.bayes.replicated_cohorts": "predictive_check",
    "models.bayes.aggregate_files": "release_aggregate read_aggregate write_aggregate pool_aggregates",
    "impute.draws": "call_draws",
    "impute.chained": "impute_missing",
    "impute.imputed_fits": "Imputations complete_and_imputed",
    "impute.pooled_tests": "d1_test PooledTest",
    "impute.pooling": "PooledFit pool",
    "impute.pooled_curves": "pool_curves",
    "impute.uncertain_calls": "CallUncertainty call_uncertainty",
    "results": "Settings outcome_results",
    "study.load": "load_study",
    "study.run": "run_study",
    "models.proportional_hazards": "cox",
    "models.cox_fit": "CoxFit",
    "models.penalised": "FirthFit",
    "models.subdistribution": "fine_gray",
    "models.subdistribution_fit": "SubdistributionFit",
    "models.ridge": "RidgeFit",
    "models.parametric_families": "parametric ParametricFit compare_families",
    "models.cured_fraction": "mixture_cure CureFit",
    "models.plateau": "sufficient_follow_up",
    "models.penalised_path": "elastic_net",
    "models.path_fit": "ElasticNetPath",
    "models.feature_screen": "screen ScreenResult",
    "multiplicity": "adjust_p null_share",
    "models.shared_frailty": "FrailtyFit",
    "models.cause_specific": "cause_specific_cox CauseSpecificFit",
    "models.combinations": "contrasts Contrasts",
    "models.interactions": "interaction_effects InteractionEffects",
    "models.standardised": "standardised_risk",
    "models.assumptions": "proportional_hazards_test ProportionalHazardsTest schoenfeld_residuals",
    "models.nested": "compare_nested NestedComparison",
    "prognosis.landmarks": "landmark_supermodel LandmarkSupermodel",
    "prognosis.discrimination": "concordance ConcordanceResult",
    "prognosis.validation": "validate",
    "effects.side_by_side": "effect_table",
    "effects.subgroups": "subgroup_effects",
    "effects.after_baseline": "effects_after_baseline",
}
_WHERE = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("ikzf1-outcomes")
    if name not in _WHERE:
        raise AttributeError(f"module 'ikzf1_outcomes' has no attribute {name!r}")
    value = getattr(import_module(f"ikzf1_outcomes.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
