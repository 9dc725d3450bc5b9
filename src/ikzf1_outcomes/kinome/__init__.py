"""Peptides by samples: spots to arrays, differences between groups, pathways, clusters. Frames in and out; no Cohort."""
