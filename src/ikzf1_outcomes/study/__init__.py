"""A study file and what runs it: plan, run, manifest."""
