"""Regression models: one function a method, a frozen fit with `tidy()` and `glance()`."""
