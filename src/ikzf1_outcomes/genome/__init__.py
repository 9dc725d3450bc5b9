"""From copy-number calls to IKZF1 classes and the profiles that trials use. Frames in, frames out; no Cohort."""
