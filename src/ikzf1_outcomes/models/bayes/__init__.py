"""Bayesian hierarchical models of survival: what the likelihood needs of the patients."""
