"""Every column of every result is in the glossary, on a named scale, under a key that is never there twice."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.glossary import GLOSSARY, check_columns
from ikzf1_outcomes.results import RESULT_COLUMNS

KEY = ["term", "contrast", "group", "cause", "time", "tau", "quantile", "analysis"]
KEY += ["measure", "method", "model", "row", "case_row", "part", "data", "draw", "cycle", "lambda", "period", "landmark"]
KEY += ["variable", "level", "first", "second", "sample", "gene", "exon", "probe", "locus", "variant", "from", "to"]
KEY += ["study", "population", "endpoint", "threshold"]
KEY += ["study", "population", "endpoint", "peptide", "component", "site", "pathway", "reason"]
KEY += ["study", "population", "endpoint", "direction"]
SCALES = {"probability", "time", "log hazard ratio", "hazard ratio", "log odds ratio", "dosage quotient"}
SCALES |= {"standardised difference", "count", "share", "value", "cumulative hazard", "log subdistribution hazard ratio"}
SCALES |= {"subdistribution hazard ratio", "cumulative subdistribution hazard"}
SCALES |= {"squared probability", "share of the null model's score", "ratio of risks", "net share of patients"}
SCALES |= {"chi-square"}
SCALES |= {"linear predictor", "partial likelihood deviance"}
SCALES |= {"log cumulative hazard at 5 years", "SD of log hazard ratios", "SD of the log hazard over a year", "years"}
SCALES |= {"log2 difference", "standard deviations", "component score"}
SCALES |= {"odds ratio", "odds ratio per SD", "log odds ratio per SD", "log odds", "SD of log odds ratios"}
SCALES |= {"SD of log hazard ratios per SD", "times the feature spread"}
SCALES |= {f"{log}{kind}hazard ratio per SD" for log in ("", "log ") for kind in ("", "subdistribution ")}
SCALES |= {f"{log}{name}" for log in ("", "log ") for name in ("odds of cure", "odds ratio of cure")}
SCALES |= {"log odds of not being cured", "log2 intensity", "intensity", "correlation"}
SCALES |= {"log odds of not being cured", "times the true size"}
SCALES |= {
    f"{log}{name}"
    for log in ("", "log ")
    for name in (
        "time ratio",
        "rate",
        "shape",
        "standard deviation",
        "hazard",
        "odds of cure",
        "odds ratio of cure",
        "time",
    )
}


def endpoint():
    rng = np.random.default_rng(20)
    n = 60
    frame = pd.DataFrame(
        {
            "t": rng.integers(1, 40, n) / 4,
            "s": rng.integers(0, 3, n),
            "arm": rng.choice(list("abc"), n),
            "sex": rng.choice(list("fm"), n),
            "x": rng.normal(size=n),
            "cutoff": 12.0,
            "switch": np.where(rng.random(n) < 0.4, rng.integers(0, 20, n) / 4, np.nan),
        }
    )
    return iko.endpoint_from_columns(
        frame, time="t", status="s", causes={1: "relapse", 2: "death"}, time_unit="years", name="EFS"
    )


E = endpoint()
KM, CI = iko.kaplan_meier(E, "arm"), iko.cumulative_incidence(E, "arm")
TWO = ["arm", "sex"]
FIT = iko.cox(E, "arm + x")
GRAY = iko.fine_gray(E, "arm + x", cause="relapse")
ALL_CAUSES = iko.cause_specific_cox(E, "arm + x")
MARKED = E.with_column("mark", np.where(np.arange(60) % 3 == 0, "high", "low"))
SUPERMODEL: iko.LandmarkSupermodel = iko.landmark_supermodel(
    MARKED, "sex", marks={"mark": 1.0}, cause="relapse", horizon=5.0, threshold=0.3, resamples=0, seed=1
)
RIDGE: iko.RidgeFit = iko.cox(E, "arm + x", penalty=("ridge", 2.0))
FRAILTY: iko.FrailtyFit = iko.cox(E, "x", frailty="arm")
PLATEAU = pd.DataFrame({"t": [1.0, 1, 2, 2, 3, 9, 9, 9, 9, 9], "s": [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]})
CURED = iko.endpoint_from_columns(PLATEAU, time="t", status="s", causes={1: "relapse"})
CURE: iko.CureFit = iko.mixture_cure(CURED, [], latency="piecewise", cuts=[])
WEIBULL: iko.ParametricFit = iko.parametric(E, "x")
IMPUTED: iko.Imputations = iko.impute_missing(
    E.with_column("x", E.frame["x"].where(np.arange(60) % 5 > 0)), ["x", "arm"], draws=2, cycles=2, seed=1
)
D1: iko.PooledTest = iko.d1_test([iko.cox(done, "x + arm") for done in IMPUTED], "arm")
PATH: iko.ElasticNetPath = iko.elastic_net(E, ["x", "cutoff"], adjust="arm", folds=3, n_lambdas=5, seed=1)
SCREEN: iko.ScreenResult = iko.screen(E, ["x"], adjust="arm", permutations=9, seed=1)
DIFFERENCES: iko.DifferentialFit = iko.differential_phosphorylation(
    pd.DataFrame(np.random.default_rng(6).normal(size=(9, 8))), [True, False] * 4, permutations=9, seed=1
)
NEARNESS: iko.Equivalence = iko.equivalence(DIFFERENCES, 1.0)
NONNULL: iko.NonnullShare = iko.share_of_nonnull(DIFFERENCES)
GLOBAL: iko.GlobalTest = iko.global_test(E, ["x", "cutoff"], adjust="arm", sets={"one": ["x"]}, permutations=9, seed=1)
WITHIN: iko.InteractionEffects = iko.interaction_effects(E, "arm", "sex", cause="relapse")
LADDER: iko.AddedValue = iko.added_value(
    E, "x", "sex", times=[1.0, 3.0], cause="relapse", resamples=20, simulations=19, seed=1
)
CONTRASTS = iko.contrasts(FIT, {"c vs b": ({"arm": "c"}, {"arm": "b"})})
COHORT = iko.simulate_cohort(60, seed=3)
MATCHED: iko.MatchedCohort = iko.match_cohort(COHORT, case=("ikzf1_class", "whole_gene"), on="sex", ratio=1, seed=1)
MLPA = iko.call_mlpa(iko.simulate_mlpa(COHORT, seed=3).peaks, run="run", blasts="blasts")
CHANCE = np.random.default_rng(5).random(60)
UNCERTAIN = iko.call_uncertainty(E, pd.DataFrame({"none": 1 - CHANCE, "ik6": CHANCE}), at=3.0, draws=5, seed=1)
LOCI = ["ikzf1_class", "cdkn2a", "pax5"]
SEGMENTS = pd.DataFrame(
    [["a", "7", 50_000_000, 51_000_000, 500, -0.9]], columns=["sample", "chromosome", "start", "end", "probes", "value"]
)
SEG = iko.call_segments(SEGMENTS, build="hg19")
WEIGHTS = iko.testing_weights(COHORT.frame.assign(done=np.arange(60) % 3 > 0), ["age", "sex"], tested="done")
POSTERIOR: iko.Posterior = iko.sample(
    E.with_column("class", np.where(E.frame["arm"] == "a", "none", E.frame["arm"])),
    iko.hierarchical_spec(classes="class", subtype="sex", covariates="x", cuts=[2.0]), seed=1, draws=50, tune=50, chains=2,
)  # fmt: skip
STACKED: iko.ImputedPosterior = iko.stack_imputed([POSTERIOR, POSTERIOR])
PATTERNS = iko.aggregate(POSTERIOR.endpoint, ["class", "sex"], [2.0])
PLAIN = iko.hierarchical_spec(classes="class", undeleted="none", subtype="sex", cuts=[2.0], causes="any")
WITH_INDUCTION = iko.sample(
    iko.define_endpoint(iko.simulate_cohort(300, seed=1), "EFS"),
    iko.hierarchical_spec(
        cuts=[2.0], causes="any", covariates=["age"], induction=("non-response", "induction death")
    ),
    seed=1, draws=50, tune=50, chains=2,
)  # fmt: skip
FEATURES = iko.sample(
    POSTERIOR.endpoint.with_column("lost", np.arange(60) % 3 > 0),
    iko.hierarchical_spec(
        classes="class", alterations="lost", alterations_prior="r2d2", features=["x"], pathways={"one": ["x"]}, cuts=[2.0]
    ),
    seed=1, draws=50, tune=50, chains=2,
)  # fmt: skip
META: iko.MetaAnalysis = iko.meta_analysis(
    pd.DataFrame({"cohort_id": list("abc"), "estimate": [0.1, 0.9, 0.5], "std_error": [0.2, 0.3, 0.2]})
)
CURED_SHARES: iko.Posterior = iko.sample_prior(
    POSTERIOR.endpoint,
    iko.hierarchical_spec(classes="class", covariates="x", baseline="weibull", cure=True),
    seed=1,
    draws=50,
)
RISKS = {"one": CHANCE, "two": CHANCE**2}
AUC: iko.AucOverTime = iko.auc_over_time(E, RISKS, times=[2.0, 4.0], cause="relapse", controls="event-free or competing")
BRIER: iko.BrierScore = iko.brier_score(E, dict.fromkeys("ab", lambda at: CHANCE[:, None] ** at), times=[2.0, 4.0])
CALIBRATION: iko.CalibrationCurve = iko.calibration_curve(E, RISKS, at=4.0, cause="relapse", groups=3)
SMOOTH = iko.calibration_curve(E, RISKS, at=4.0, groups="smooth")
DECISIONS: iko.DecisionCurve = iko.decision_curve(E, RISKS, at=4.0, thresholds=[0.1, 0.3, 0.99], resamples=20)
SPOTS = iko.simulate_arrays(COHORT, seed=1, arrays=9, peptides=40).spots
ARRAYS: iko.PeptideArrays = iko.normalise_spots(
    SPOTS, replicate="replicate", control="control", batch="batch", annotation=["gene"]
)
MATCH: iko.MatchReport = iko.join_arrays(COHORT, ARRAYS, known_at=0.0)[1]
SMALL = pd.DataFrame(np.random.default_rng(6).normal(9, 1, (12, 8)), index=[f"p{k}" for k in range(12)])
SETS = {"one": ["p1", "p2", "p3"], "two": ["p4", "p5", "gone"]}
PATHWAYS: iko.PathwayScores = iko.pathway_scores(SMALL, SETS, method="first_component")
SET_TESTS: iko.PathwayTests = iko.pathway_tests(SMALL, SETS, [True, False] * 4)
TREE: iko.KinomeClusters = iko.cluster_kinome(SMALL)
ANNOTATED = pd.DataFrame({"sex": list("mmffmfmf"), "age": np.arange(8.0)})
BANDS = pd.DataFrame([[0, 1, 2, 3], [1, 1, 1, 1]], index=["STAT5_Y694", "Akt_S473"])
TABLES = {
    "pathway_scores.tidy": PATHWAYS.tidy(),
    "pathway_scores.glance": PATHWAYS.glance(),
    "pathway_tests.tidy": SET_TESTS.tidy(),
    "pathway_tests.tidy, mean": iko.pathway_tests(SMALL, SETS, [True, False] * 4, method="mean").tidy(),
    "pathway_tests.glance": SET_TESTS.glance(),
    "cluster_kinome.tidy": TREE.tidy(3),
    "cluster_kinome.glance": TREE.glance(),
    "cluster_association": iko.cluster_association(TREE, ANNOTATED, 2, permutations=9, seed=1),
    "blot_tests": iko.blot_tests(BANDS, [True, True, False, False]),
    "normalise_spots.tidy": ARRAYS.tidy(),
    "normalise_spots.glance": ARRAYS.glance(),
    "normalise_spots.peptides": ARRAYS.peptides,
    "normalise_spots.samples": ARRAYS.samples,
    "normalise_spots.ledger": ARRAYS.ledger,
    "array_checks": iko.array_checks(ARRAYS, batch="batch", permutations=9, seed=1),
    "spatial_check": iko.spatial_check(SPOTS, replicate="replicate", control="control"),
    "join_arrays.tidy": MATCH.tidy(),
    "join_arrays.glance": MATCH.glance(),
    "pathway_genes": iko.pathway_genes(),
    "pathway_coverage": iko.pathway_coverage(ARRAYS),
    "parse_sites": iko.parse_sites(["STAT5_Y694", "nothing"]),
    "blot_sites": iko.blot_sites(),
    "target_enrichment": iko.target_enrichment(
        iko.mark_targets(ARRAYS, ["SRC"]), ["SRC_1"], statistics=ARRAYS.values.iloc[:, 0]
    ),
    "cause_specific_cox.tidy": ALL_CAUSES.tidy(),
    "cause_specific_cox.glance": ALL_CAUSES.glance(),
    "cause_specific_cox.predict": ALL_CAUSES.predict(E.frame.iloc[:2], [1.0, 3.0]),
    "standardised_risk": iko.standardised_risk(ALL_CAUSES, "arm", at=3.0, cause="relapse"),
    "match_cohort.balance": MATCHED.balance(),
    "match_cohort.glance": MATCHED.glance(),
    "match_cohort.pairs": MATCHED.pairs,
    "ridge.tidy": RIDGE.tidy(),
    "ridge.glance": RIDGE.glance(),
    "frailty.tidy": FRAILTY.tidy(),
    "frailty.glance": FRAILTY.glance(),
    "frailty.frailties": FRAILTY.frailties(),
    "mixture_cure.tidy": CURE.tidy(),
    "mixture_cure.glance": CURE.glance(),
    "mixture_cure.cured": CURE.cured(),
    "mixture_cure.predict": CURE.predict(PLATEAU.iloc[:2], [1.0, 2.0]),
    "parametric.tidy": WEIBULL.tidy(),
    "parametric.glance": WEIBULL.glance(),
    "parametric.predict": WEIBULL.predict(E.frame.iloc[:2], [1.0, 2.0]),
    "compare_families": iko.compare_families(E, "x"),
    "sufficient_follow_up": iko.sufficient_follow_up(E, "arm"),
    "impute_missing.tidy": IMPUTED.tidy(),
    "impute_missing.glance": IMPUTED.glance(),
    "impute_missing.trace": IMPUTED.trace(),
    "complete_and_imputed": iko.complete_and_imputed(IMPUTED, lambda done: iko.cox(done, "x + arm")),
    "d1_test": D1.glance(),
    "elastic_net.tidy": PATH.tidy(),
    "elastic_net.glance": PATH.glance(),
    "elastic_net.path": PATH.path(),
    "elastic_net.cross_validation": PATH.cross_validation(),
    "screen.tidy": SCREEN.tidy(),
    "screen.glance": SCREEN.glance(),
    "differential_phosphorylation.tidy": DIFFERENCES.tidy(),
    "differential_phosphorylation.glance": DIFFERENCES.glance(),
    "equivalence.tidy": NEARNESS.tidy(),
    "equivalence.glance": NEARNESS.glance(),
    "share_of_nonnull.tidy": NONNULL.tidy(),
    "share_of_nonnull.glance": NONNULL.glance(),
    "minimum_detectable_ratio": iko.minimum_detectable_ratio(E, cause="relapse", by="arm", splits=[0.5, 0.2], at=3.0),
    "minimum_detectable_ratio, any cause": iko.minimum_detectable_ratio(E, at=3.0),
    "sample_size_criteria": iko.sample_size_criteria(10, rate=0.1, mean_follow_up=3.0, at=5.0, n=100),
    "sign_and_size_errors": iko.sign_and_size_errors(1.5, 0.3),
    "power": iko.power(40, ratio=1.5, simulations=20, seed=1),
    "global_test.tidy": GLOBAL.tidy(),
    "global_test.components": GLOBAL.components(),
    "global_test.glance": GLOBAL.glance(),
    "fine_gray, time effects": iko.fine_gray(E, "x", cause="relapse", time_effects={"x": "linear"}).tidy(),
    "proportional_hazards_test, Fine-Gray": iko.proportional_hazards_test(GRAY).tidy(),
    "aggregate.tidy": iko.aggregate(E.with_column("level", E.frame["arm"]), "level", [1.0, 2.0]).tidy(),
    "landmark_supermodel.tidy": SUPERMODEL.tidy(),
    "landmark_supermodel.effects": SUPERMODEL.effects(),
    "landmark_supermodel.glance": SUPERMODEL.glance(),
    "landmark_supermodel.crossing": SUPERMODEL.crossing(),
    "interaction_effects.tidy": WITHIN.tidy(),
    "interaction_effects.glance": WITHIN.glance(),
    "contrasts.tidy": CONTRASTS.tidy(),
    "contrasts.glance": CONTRASTS.glance(),
    "kaplan_meier.tidy": KM.tidy(),
    "kaplan_meier.tidy(times)": KM.tidy(times=[1, 5]),
    "kaplan_meier.tidy, everybody": iko.kaplan_meier(E).tidy(),
    "kaplan_meier.tidy, two columns": iko.kaplan_meier(E, TWO).tidy(),
    "kaplan_meier.quantile": KM.quantile([0.25, 0.5]),
    "kaplan_meier.rmst": KM.rmst(3),
    "kaplan_meier.glance": KM.glance(),
    "cumulative_incidence.tidy": CI.tidy(),
    "cumulative_incidence.tidy, two columns": iko.cumulative_incidence(E, TWO).tidy(times=[2]),
    "cumulative_incidence.years_lost": CI.years_lost(3),
    "cumulative_incidence.glance": CI.glance(),
    "follow_up": iko.follow_up(E, "arm", potential="cutoff"),
    "logrank_test.glance": iko.logrank_test(E, "arm").glance(),
    "logrank_test.tidy": iko.logrank_test(E, TWO).tidy(),
    "trend_test.glance": iko.trend_test(E, "arm").glance(),
    "gray_test.glance": iko.gray_test(E, "arm", cause="relapse").glance(),
    "gray_test.tidy": iko.gray_test(E, "arm", cause="relapse").tidy(),
    "pairwise_tests": iko.pairwise_tests(E, "arm"),
    "rmst_difference": iko.rmst_difference(E, "arm", tau=3),
    "years_lost_difference": iko.years_lost_difference(E, "arm", tau=3),
    "risk_difference": iko.risk_difference(E, "arm", at=3),
    "risk_difference, cause": iko.risk_difference(E, "arm", at=3, cause="death"),
    "failure_ledger": iko.failure_ledger(E, "arm", at=3),
    "failure_ledger, everybody": iko.failure_ledger(E, at=3),
    "simon_makuch": iko.simon_makuch(E, "switch").tidy(times=[2]),
    "mantel_byar": iko.mantel_byar(E, "switch").glance(),
    "landmark_losses": iko.landmark_losses(E, 2.0, "arm"),
    "cox.tidy": FIT.tidy(),
    "cox.tidy, ratios": FIT.tidy(exponentiate=True),
    "cox.glance": FIT.glance(),
    "cox.baseline": FIT.baseline(),
    "cox.predict": FIT.predict(E.frame.head(2), [1.0, 3.0]),
    "fine_gray.tidy": GRAY.tidy(),
    "fine_gray.tidy, ratios": GRAY.tidy(exponentiate=True),
    "fine_gray.glance": GRAY.glance(),
    "fine_gray.baseline": GRAY.baseline(),
    "fine_gray.predict": GRAY.predict(E.frame.head(2), [1.0, 3.0]),
    "proportional_hazards_test.tidy": iko.proportional_hazards_test(FIT).tidy(),
    "proportional_hazards_test.glance": iko.proportional_hazards_test(FIT).glance(),
    "concordance.tidy": iko.concordance(E, "x").tidy(),
    "concordance.glance": iko.concordance(E, "x").glance(),
    "auc_over_time.tidy": AUC.tidy(),
    "auc_over_time.glance": AUC.glance(),
    "concordance.tidy, competing": iko.concordance(E, "x", cause="relapse", weighting="wolbers", tau=4.0).tidy(),
    "brier_score.tidy": BRIER.tidy(),
    "brier_score.glance": BRIER.glance(),
    "added_value.tidy": LADDER.tidy(),
    "added_value.glance": LADDER.glance(),
    "calibration_curve.tidy": CALIBRATION.tidy(),
    "calibration_curve.glance": CALIBRATION.glance(),
    "calibration_curve.tidy, smooth": SMOOTH.tidy(),
    "calibration_curve.glance, smooth": SMOOTH.glance(),
    "decision_curve.tidy": DECISIONS.tidy(),
    "decision_curve.glance": DECISIONS.glance(),
    "validate": iko.validate(E, "arm + x", strata="sex", resamples=20, seed=1),
    "validate, imputed": iko.validate(IMPUTED.endpoint, "x", resamples=20, imputations=2, cycles=2, seed=1),
    "compare_nested.glance": iko.compare_nested(iko.cox(E, "arm"), FIT).glance(),
    "compare_nested.tidy": iko.compare_nested(iko.cox(E, "arm"), FIT).tidy(),
    "effect_table": iko.effect_table(E, ["arm", "x"], cause="relapse"),
    "effect_table, multivariable": iko.effect_table(E, ["arm", "x"], strata="sex"),
    "subgroup_effects": iko.subgroup_effects(E, "arm", ["sex"], at=3.0, cause="relapse"),
    "subgroup_effects, any cause": iko.subgroup_effects(E, "sex", ["arm"], at=3.0),
    "effects_after_baseline": iko.effects_after_baseline(E, "arm", "sex", cause="relapse"),
    "frequency_table": iko.frequency_table(COHORT, LOCI),
    "frequency_table, by": iko.frequency_table(COHORT, LOCI, by="sex"),
    "cooccurrence": iko.cooccurrence(COHORT, LOCI),
    "table_one": iko.table_one(COHORT, ["age", "sex", "pax5"], by="ikzf1_deletion"),
    "testing_weights.balance": WEIGHTS.balance,
    "testing_weights.diagnostics": WEIGHTS.diagnostics,
    "call_mlpa.tidy": MLPA.tidy(),
    "call_mlpa.glance": MLPA.glance(),
    "call_segments.tidy": SEG.tidy(),
    "call_segments.glance": SEG.glance(),
    "pool": iko.pool([FIT, FIT]).tidy(),
    "pool.glance": iko.pool([FIT, FIT]).glance(),
    "pool_curves": iko.pool_curves([KM, KM], times=[1, 5]),
    "call_uncertainty.tidy": UNCERTAIN.tidy(),
    "call_uncertainty.glance": UNCERTAIN.glance(),
    "ikzf1_plus_variants": iko.ikzf1_plus_variants(COHORT.frame),
    "hierarchical.tidy": POSTERIOR.tidy(),
    "hierarchical.tidy, ratios": POSTERIOR.tidy(exponentiate=True),
    "hierarchical.tidy, induction": WITH_INDUCTION.tidy(),
    "hierarchical.tidy, odds ratios": WITH_INDUCTION.tidy(exponentiate=True),
    "hierarchical.curves, induction": WITH_INDUCTION.curves([1.0, 5.0]),
    "hierarchical.glance": POSTERIOR.glance(),
    "hierarchical.curves": POSTERIOR.curves([1.0, 5.0]),
    "hierarchical.contrasts": POSTERIOR.contrasts([1.0, 5.0]),
    "hierarchical.predict": POSTERIOR.predict(POSTERIOR.endpoint.frame.iloc[:3], [1.0, 5.0]),
    "predictive_check": iko.predictive_check(POSTERIOR, [1.0, 5.0], replicates=20, seed=1),
    "hierarchical.tidy, features": FEATURES.tidy(),
    "hierarchical.priors": iko.Priors().tidy(),
    "published_outcomes": iko.published_outcomes(),
    "check_published": iko.check_published(iko.published_outcomes()),
    "published_effects": iko.published_effects(iko.published_outcomes(), cause="any"),
    "ratio_from_curves": iko.ratio_from_curves([0.6, 0.8], [0.05, 0.02], cause="any"),
    "meta_analysis.tidy": META.tidy(),
    "meta_analysis.tidy, ratios": META.tidy(exponentiate=True),
    "meta_analysis.glance": META.glance(),
    "hierarchical.tidy, cure": CURED_SHARES.tidy(),
    "hierarchical.tidy, cure, ratios": CURED_SHARES.tidy(exponentiate=True),
    "hierarchical.glance, cure": CURED_SHARES.glance(),
    "leave_one_out": iko.leave_one_out(POSTERIOR),
    "leave_one_out, pointwise": iko.leave_one_out(POSTERIOR, pointwise=True),
    "leave_one_group_out": iko.leave_one_group_out(POSTERIOR, "arm"),
    "imputed.tidy": STACKED.tidy(),
    "imputed.glance": STACKED.glance(),
    "imputed.curves": STACKED.curves([1.0, 5.0]),
    "imputed.contrasts": STACKED.contrasts([1.0, 5.0]),
    "release_shift": iko.release_shift(PATTERNS, PATTERNS, PLAIN, seed=1, draws=50, tune=50, chains=2),
    "compare_posteriors": iko.compare_posteriors({"one": POSTERIOR, "two": POSTERIOR}),
    "shrinkage": iko.shrinkage(POSTERIOR),
    "shrinkage, ratios": iko.shrinkage(POSTERIOR, exponentiate=True),
    "outcome_results": iko.outcome_results({"EFS": E}, "arm"),
    "outcome_results, everybody": iko.outcome_results({"EFS": E}),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_in_the_glossary(name):
    columns = [column for column in TABLES[name].columns if column not in TWO]
    assert check_columns(columns) == []
    assert all(isinstance(column, str) for column in columns)


@pytest.mark.parametrize("name", TABLES)
def test_a_row_has_one_key(name):
    table = TABLES[name]
    if name.startswith("outcome_results"):
        key = ["variable", "endpoint", "method", "term", "group", "contrast", "cause", "time"]
    else:
        key = [column for column in KEY if column in table]
    assert not table.duplicated(key or None).any()


@pytest.mark.parametrize("name", TABLES)
def test_estimates_name_their_scale(name):
    table = TABLES[name]
    if "estimate" not in table:
        if "prior" in table or "elpd" in table:
            # 95 % of a prior, whose `scale` is a number; a log density has its name and unit
            return
        # a balance table has its values, with a scale, in `before` and `after`
        alone = {"low", "high", "std_error"} if "before" in table else {"low", "high", "std_error", "scale"}
        assert not alone & set(table.columns)
        return
    assert {"scale", "note"} <= set(table.columns)
    assert set(table.loc[table["estimate"].notna(), "scale"]) <= SCALES
    if "low" in table:
        assert {"high", "conf_level", "interval"} <= set(table.columns)
    for scale, low, high in (("probability", -1, 1), ("share", 0, 1)):
        values = table.loc[table["scale"] == scale, "estimate"].dropna()
        assert values.between(low, high).all()


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_plain_frames_with_notes_of_text(name):
    table = TABLES[name]
    assert type(table) is pd.DataFrame
    assert list(table.index) == list(range(len(table)))
    if "note" in table:
        assert table["note"].map(type).eq(str).all()


def test_the_long_table_has_its_columns():
    assert check_columns(list(RESULT_COLUMNS)) == []
    assert tuple(TABLES["outcome_results"].columns) == RESULT_COLUMNS


def test_every_entry_says_what_and_in_which_unit():
    for name, (meaning, unit) in GLOSSARY.items():
        assert name.isidentifier()
        assert len(meaning) > 3, name
        assert unit, name
    assert check_columns(["estimate", "estimated"]) == ["estimated"]
