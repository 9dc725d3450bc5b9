"""Models of all features, those that are known in the same rows together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.formula import Design
from ikzf1_outcomes.kernels.risk import Floats, Integers, Positions
from ikzf1_outcomes.models.analysed_rows import analysed
from ikzf1_outcomes.models.estimability import rows_of
from ikzf1_outcomes.models.feature_fits import Found, Members, Setting, cox_features, place
from ikzf1_outcomes.models.feature_loops import fine_gray_features, firth_features
from ikzf1_outcomes.models.screened_features import Adjust, Features, References, known_rows

FITS = {"cox": cox_features, "firth": firth_features, "fine_gray": fine_gray_features}


class Screened(NamedTuple):
    """What was found of each feature, and among how many."""

    found: Found
    spread: Floats
    """Standard deviation (n - 1) among the rows analysed (features)."""
    n: Floats
    n_event: Integers


def fit_features(
    setting: Setting, method: str, read: Features, base: Design, adjust: Adjust, references: References
) -> Screened:
    """Models of all features, pattern of missing values by pattern.

    What the adjusters cannot do on all rows is an error; on the rows of some features it is their note.
    """
    m = len(read.names)
    out = Screened(Found.nothing(m), np.full(m, np.nan), np.zeros(m), np.zeros(m, dtype=np.int64))
    for known, features in read.patterns():
        try:
            part = known_rows(setting.endpoint, base, adjust, references, known)
        except InputError as error:
            out.found.note[features] = error.problem
            continue
        own = of_pattern(setting, method, read, part, features, bool(known.all()))
        place(out.found, features, own.found)
        for whole, some in zip(out[1:], own[1:], strict=True):
            whole[features] = some
    for j, note in read.refused.items():
        out.found.note[j] = note
    return out


def of_pattern(
    setting: Setting, method: str, read: Features, part: Design, features: Positions, everything: bool
) -> Screened:
    """Models of the features that are known in the rows of `part`; `everything` says that these are all rows."""
    n, n_event, complete = count(setting, part)
    names = tuple(read.names[j] for j in features)
    all_of_it = len(features) == len(read.names) and bool(part.keep.all())
    x = read.values if all_of_it else read.values[np.ix_(part.keep, features)]
    try:
        found = FITS[method](setting, Members(names, part, x))
    except (InputError, ConvergenceError) as error:
        if everything:
            raise
        found = Found.nothing(len(names), error.problem)
    analysed_rows = x if complete.all() else x[complete]
    few = len(analysed_rows) < 2
    spread = np.full(len(names), np.nan) if few else analysed_rows.std(axis=0, ddof=1)
    return Screened(found, spread, np.full(len(names), n), np.full(len(names), n_event))


def count(setting: Setting, part: Design) -> tuple[float, int, np.ndarray]:
    """Patients and events among the rows analysed, and which of the rows of the design these are."""
    endpoint = setting.endpoint
    complete = analysed(endpoint, part, setting.strata, None, False, None).complete
    event = endpoint.ends_with(setting.cause)
    return endpoint.patients(rows_of(part.keep, complete)), int((event[part.keep] & complete).sum()), complete
