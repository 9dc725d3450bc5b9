"""Draws of a posterior."""

from __future__ import annotations

from ikzf1_outcomes.glossary.column import Column

COLUMNS = {
    "posterior_sd": Column("Standard deviation of the draws; of effects on the log scale, also beside ratios", "see scale"),
    "p_above_1": Column("Posterior probability that the hazard or odds ratio is above 1", "share"),
    "prior_p_above_1": Column("The same before the data: what the priors alone say", "share"),
    "p_above_margin": Column("Posterior probability that the hazard or odds ratio is above `margin`", "share"),
    "p_above_0": Column("Posterior probability that the difference is above 0", "share"),
    "fitted": Column("What a model expects of a group's own patients: median of the draws", "probability"),
    "fitted_low": Column("Lower end of its credible interval", "probability"),
    "fitted_high": Column("Upper end of its credible interval", "probability"),
    "p_above_observed": Column("Share of the replicates above what was observed, those equal to it by half", "share"),
    "r_hat": Column("Split R-hat of the rank-normalised draws, or of the folded ones; 1 where the chains agree", "none"),
    "ess_bulk": Column("Independent draws that would know the middle of the posterior as well", "draws"),
    "ess_tail": Column("The same of its 5 % and 95 % quantiles, the lesser", "draws"),
    "chains": Column("Chains sampled", "count"),
    "draws": Column("Draws kept of each chain", "count"),
    "tune": Column("Draws of each chain before those kept, to tune the sampler", "count"),
    "target_accept": Column("Acceptance that the sampler was tuned to", "share"),
    "tries": Column("How often was sampled: up to three times, where draws failed the gate", "count"),
    "divergences": Column("Draws kept at which the sampler left the posterior", "count"),
    "bfmi": Column("Bayesian fraction of missing information of the chain with the least", "none"),
    "seconds": Column("Time that sampling took, all tries", "seconds"),
    "prior": Column("Family of a prior: normal, half-normal, half-cauchy, inverse-gamma, beta; or fixed, a number", "text"),
    "prior_location": Column("Mean of the prior; 0 for a spread; the number itself where it is fixed", "see unit"),
    "prior_scale": Column(
        "SD of the normal prior; of a half-normal, that of the normal it is half of; precision of a beta",
        "see unit",
    ),
    "causes": Column("Causes that a model has", "text"),
    "elpd": Column("Expected log predictive density of patients left out, summed; of a group left out, jointly", "nats"),
    "p_loo": Column("Effective number of parameters: how much better patients are known than predicted", "none"),
    "n_influential": Column("Patients whose leaving the draws cannot tell: k-hat above 0.7", "count"),
    "release_estimate": Column("The estimate from a released aggregate", "see scale"),
    "release_sd": Column("Standard deviation of the draws from a released aggregate", "see scale"),
    "shift": Column(
        "Estimate from the release less that from the exact aggregate, by the posterior SD of the latter", "none"
    ),
    "n_refits": Column("Patients without whom the model was fitted again", "count"),
    "pointwise": Column("Sum of the log predictive densities of the patients of a group, each on its own", "nats"),
    "mcse": Column("Monte Carlo error of the estimate beside it", "as the estimate"),
    "k_hat": Column("Shape of the tail of the importance weights, the largest of the patients", "none"),
    "difference": Column("Difference from the best model", "nats"),
}
