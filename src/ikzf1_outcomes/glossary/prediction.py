"""What models predict, and how many patients it takes."""

from __future__ import annotations

from ikzf1_outcomes.glossary.column import Column

COLUMNS = {
    "concordant": Column("Pairs in which the higher score has the earlier event", "pairs, weighted"),
    "discordant": Column("Pairs in which the higher score has the later event", "pairs, weighted"),
    "tied_score": Column("Comparable pairs with equal scores", "pairs, weighted"),
    "tied_time": Column("Pairs with events at one time", "pairs, weighted"),
    "tied_both": Column("Pairs with events at one time and equal scores", "pairs, weighted"),
    "concordance": Column("Concordance of a model's score with what it predicts", "share"),
    "concordance_std_error": Column("Standard error of `concordance`", "share"),
    "apparent": Column("Measure of a model among the patients it was fitted to", "see scale"),
    "training": Column("Measure of the models of resamples among their own patients, mean", "see scale"),
    "test": Column("Measure of the models of resamples among all patients, mean", "see scale"),
    "optimism": Column("Mean of `training` less `test`", "see scale"),
    "corrected": Column("Measure less its optimism: what is to be expected among new patients", "see scale"),
    "n_resamples": Column("Resamples, or repeated cross-validations, with the measure", "count"),
    "n_parameters": Column("Columns of a model, candidates among them", "count"),
    "p_chi_square": Column("p-value of the likelihood ratio by the chi-square distribution", "share"),
    "p_simulated": Column("p-value of the likelihood ratio among studies simulated from the smaller model", "share"),
    "n_simulations": Column("Studies simulated", "count"),
    "n_absent": Column("Members of a set of features that are not analysed", "count"),
    "p_permutation": Column("p-value by permutation", "share"),
    "contribution": Column("Share of a global test's quadratic form that a feature adds", "share"),
    "ratio": Column("Hazard ratio of a design: the smallest that is seen, or the true one", "ratio"),
    "schoenfeld": Column("The smallest ratio by Schoenfeld's formula, a check", "ratio"),
    "power": Column("Power asked for", "share"),
    "risk_reference": Column("Incidence of the cause at 0 of the covariate, by the alternative", "probability"),
    "risk_compared": Column("Incidence of the cause at 1 of the covariate, by the alternative", "probability"),
    "risk_difference": Column("The latter less the former", "probability"),
    "log_ratio_error": Column("Standard error of a log ratio that a design has", "none"),
    "n_measured": Column("Patients with an assay", "rows"),
    "simulations": Column("Simulations behind a row", "count"),
    "r_squared": Column("Share of the variation that a model is expected to explain, Cox and Snell", "share"),
    "r_squared_max": Column("The largest such share there can be", "share"),
    "limit": Column("What a criterion of sample size asks for", "share"),
    "reached": Column(
        "What the patients there are give of it; of all criteria, their events per parameter", "share, events"
    ),
    "threshold": Column("Predicted risk from which on patients are treated", "probability"),
    "true_positive": Column("Patients treated who have the event by `time`", "share of all patients"),
    "false_positive": Column("Patients treated who do not have the event by `time`", "share of all patients"),
    "n_thresholds": Column("Thresholds looked at", "count"),
    "predicted": Column("Predicted risk: the mean of a group, or that of a point of a curve", "probability"),
    "n_unknown": Column("Patients censored before `time`, whose state then is not known", "rows"),
    "smallest_chance": Column("Smallest chance of not being censored by whose inverse patients are weighted", "share"),
}
