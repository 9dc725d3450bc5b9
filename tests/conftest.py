"""One Hypothesis profile for the whole suite: the same examples on every machine, and no clock."""

from hypothesis import settings

settings.register_profile("suite", max_examples=40, deadline=None, derandomize=True, database=None)
settings.load_profile("suite")
