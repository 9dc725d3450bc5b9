"""Every column that a tidy table may have: what it means, and its unit.

A tidy table has one row a number. Its key is (term, contrast, group, cause, time); columns that do not apply are absent.
"""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """One column of a tidy table."""

    meaning: str
    unit: str


GLOSSARY: dict[str, Column] = {
    "term": Column("The covariate as written in the model, or the quantity of a row", "text"),
    "contrast": Column("Two levels that are compared, as in 'ik6 vs none'", "text"),
    "group": Column("Level of the grouping column as given; several columns: a tuple", "text"),
    "cause": Column("The first event that a row speaks of", "text"),
    "time": Column("Time since the origin", "the endpoint's time unit"),
    "n": Column("Rows analysed (sum of weights where weights are declared)", "rows"),
    "n_risk": Column("At risk just before `time`", "rows"),
    "n_event": Column("Events: at `time` on a full curve, since the previous requested time otherwise", "rows"),
    "n_censor": Column("Censored: counted as events are", "rows"),
    "n_excluded": Column("Rows left out because a group, stratum or covariate is missing", "rows"),
    "estimate": Column("The estimate, on the scale named in `scale`", "see scale"),
    "std_error": Column("Standard error on that scale", "see scale"),
    "low": Column("Lower confidence limit on that scale", "see scale"),
    "high": Column("Upper confidence limit on that scale", "see scale"),
    "conf_level": Column("Confidence level of low and high", "share"),
    "interval": Column("How the interval was made", "text"),
    "scale": Column(
        "probability, time, log hazard ratio, hazard ratio, log odds ratio, dosage quotient, standardised difference, "
        "log subdistribution hazard ratio, subdistribution hazard ratio, cumulative hazard, "
        "cumulative subdistribution hazard, "
        "count, share, value (in the unit of the variable)",
        "text",
    ),
    "statistic": Column("Test statistic", "none"),
    "df": Column("Degrees of freedom", "none"),
    "p_value": Column("Two-sided p-value", "share"),
    "p_adjusted": Column("p-value after adjustment for multiple comparisons", "share"),
    "model": Column("univariable or multivariable", "text"),
    "method": Column("Name of the test or estimator", "text"),
    "observed": Column("Observed events, weighted as the test weights them", "events"),
    "expected": Column("Events expected under the hypothesis of no difference", "events"),
    "quantile": Column("Share of patients with the event by the time in `estimate`", "share"),
    "tau": Column("Horizon to which a mean is restricted", "the endpoint's time unit"),
    "log_likelihood": Column("Log (partial) likelihood at the estimate", "nats"),
    "log_likelihood_null": Column("Log (partial) likelihood with all coefficients at 0", "nats"),
    "likelihood_ratio": Column("Likelihood-ratio statistic against the null model", "none"),
    "wald": Column("Wald statistic against the null model", "none"),
    "score": Column("Score statistic against the null model", "none"),
    "bic": Column("Schwarz criterion with the number of events", "none"),
    "aic": Column("Akaike's information criterion", "none"),
    "iterations": Column("Newton steps taken", "count"),
    "events_per_parameter": Column("Events divided by the number of coefficients", "events"),
    "note": Column("What the reader must know about the row; empty when nothing", "text"),
    "endpoint": Column("Name of the endpoint", "text"),
    "origin": Column("Event from which time is counted", "text"),
    "variable": Column("The variable that a row describes or groups by", "text"),
    "data": Column("'simulated' or 'patients'", "text"),
    "label": Column("A step of the patient flow", "text"),
    "left_out": Column("Rows left out at a step of the patient flow", "rows"),
    "reason": Column("Why rows were left out", "text"),
    "level": Column("Level of the variable that a row speaks of", "text"),
    "n_known": Column("Rows in which the variable is known: the denominator", "rows"),
    "n_missing": Column("Rows in which the variable is not known", "rows"),
    "first": Column("First alteration of a pair", "text"),
    "second": Column("Second alteration of a pair", "text"),
    "n_both": Column("Patients with both alterations", "rows"),
    "n_first_only": Column("Patients with the first alteration alone", "rows"),
    "n_second_only": Column("Patients with the second alteration alone", "rows"),
    "n_neither": Column("Patients with neither alteration", "rows"),
    "n_tested": Column("Patients who were tested", "rows"),
    "n_effective": Column("Effective number of patients: (sum of weights) squared over the sum of squares", "rows"),
    "weight_mean": Column("Mean weight of the tested", "none"),
    "weight_min": Column("Least weight", "none"),
    "weight_max": Column("Greatest weight", "none"),
    "share_truncated": Column("Share of the weights that were cut", "share"),
    "concordant": Column("Pairs in which the higher score has the earlier event", "pairs, weighted"),
    "discordant": Column("Pairs in which the higher score has the later event", "pairs, weighted"),
    "tied_score": Column("Comparable pairs with equal scores", "pairs, weighted"),
    "tied_time": Column("Pairs with events at one time", "pairs, weighted"),
    "tied_both": Column("Pairs with events at one time and equal scores", "pairs, weighted"),
    "concordance": Column("Concordance of a model's score with what it predicts", "share"),
    "concordance_std_error": Column("Standard error of `concordance`", "share"),
    "theta": Column("Weight of a ridge penalty, or variance of a frailty", "none"),
    "penalty": Column("What a penalty takes from the log-likelihood", "nats"),
    "n_clusters": Column("Clusters that share a frailty", "count"),
    "log_likelihood_no_frailty": Column("Log likelihood of the fit without frailty", "nats"),
    "before": Column("Before weighting or matching: standardised difference, mean, share or number", "see scale"),
    "after": Column("After weighting or matching, as `before`", "see scale"),
    "n_case": Column("Cases to be matched", "rows"),
    "n_matched": Column("Cases with at least one control", "rows"),
    "n_unmatched": Column("Cases without a control", "rows"),
    "n_incomplete": Column("Cases without a value of what they are matched on", "rows"),
    "n_alone": Column("Cases that nobody is like", "rows"),
    "n_taken": Column("Cases whose controls all went to others", "rows"),
    "n_candidate": Column("Possible controls", "rows"),
    "n_control": Column("Controls: used in all, or of a set", "rows"),
    "distance": Column("Distance between cases and their controls", "standard deviations"),
    "matched_set": Column("Number of a matched set", "count"),
    "case_row": Column("Row of a case, counted from 1", "count"),
    "sample": Column("A sample of the laboratory", "text"),
    "gene": Column("Gene of a probe, lower case", "text"),
    "exon": Column("Exon; of IKZF1 in the numbering 1-8", "count"),
    "probe": Column("Probe, where it stands for itself", "text"),
    "n_probe": Column("Probes behind a dose", "count"),
    "n_failed": Column("Samples that failed", "count"),
    "n_ambiguous": Column("Samples with an open IKZF1 class", "count"),
    "n_set_aside": Column("Reactions, probes or segments that were not used", "count"),
    "normalisation": Column("How peaks became dosage quotients", "text"),
    "thresholds": Column("How dosage quotients became calls", "text"),
    "measured": Column("What the run holds: peaks, or ratio", "text"),
    "call": Column("Call of copy number, a word of COPY_NUMBERS", "text"),
    "confidence": Column("Probability that the call is right, given the error of the dose", "share"),
    "locus": Column("A gene, an exon of IKZF1, or an arm of chromosome 7", "text"),
    "quotient": Column("Mean dose relative to two copies", "none"),
    "probes": Column("Probes of the segments over a locus", "count"),
    "overlap": Column("Share of the locus that is covered", "share"),
    "lost": Column("Share of the covered bases that is lost", "share"),
    "build": Column("Build of the genome", "text"),
    "n_samples": Column("Samples", "count"),
    "n_segments": Column("Segments given", "count"),
    "variant": Column("A rule with one switch away from its default", "text"),
    "from": Column("Level by the default rule", "text"),
    "to": Column("Level under the variant", "text"),
    "analysis": Column("Hard call, or with call uncertainty", "text"),
    "fraction_missing": Column("Share of the variance that comes from what is not known", "share"),
    "variance_increase": Column("Relative increase of the variance by what is not known", "none"),
    "information_missing": Column("Share of the information that is missing, with the finite number of draws", "share"),
    "n_draws": Column("Draws that were pooled", "count"),
    "row": Column("Row of the new patients, counted from 1", "count"),
    "policy": Column("How the endpoint was defined, in words", "text"),
}


def check_columns(columns: list[str]) -> list[str]:
    """Names in `columns` that the glossary does not know."""
    return [name for name in columns if name not in GLOSSARY]
