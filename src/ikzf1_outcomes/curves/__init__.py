"""Kaplan-Meier and incidence curves, years lost, their tests and differences."""
