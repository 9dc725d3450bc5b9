"""Risks that rungs predict for patients whom they had not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ikzf1_outcomes import resampling
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.prognosis.rung_fits import Study
from ikzf1_outcomes.prognosis.rung_validation import FOLDS, folds_of, unseen

REPEATS = 10


@dataclass(frozen=True, eq=False, slots=True)
class HeldOut:
    """One cross-validation of all rungs."""

    study: Study
    folds: int

    def __call__(self, rng: np.random.Generator) -> Floats:
        """Risks (rungs, n, t)."""
        fold = folds_of(self.study.events[0], self.folds, rng)
        return np.array([unseen(self.study, rung, fold, rng)[1] for rung in self.study.ladder.rungs])


def held_out_risks(study: Study, *, repeats: int = REPEATS, seed: int | np.random.Generator) -> Floats:
    """Risks of every patient by models made without the patient, for calibration and decisions.

    Tenfold cross-validation, fewer folds with fewer than ten events; every rung is fitted to the other folds, its choices
    included. The mean over `repeats` ways of cutting the folds.

    Parameters
    ----------
    study
        Of `study_of`.
    repeats
        How often the folds are cut anew.
    seed
        Number or generator.

    Returns
    -------
    ndarray
        Probabilities (rungs, n, t), patients as in `study.ladder.endpoint`.

    Raises
    ------
    InputError
        Fewer than two events.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.prognosis.rung_fits import study_of
    >>> from ikzf1_outcomes.prognosis.rungs import ladder_of
    >>> rng = np.random.default_rng(1)
    >>> d = pd.DataFrame({"age": rng.normal(size=60), "kinase": rng.normal(size=60), "t": rng.exponential(size=60), "s": 1})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> study = study_of(ladder_of(endpoint, "age", "kinase", None, None), None, np.array([0.5, 1.0]))
    >>> held_out_risks(study, repeats=2, seed=1).shape
    (2, 60, 2)
    """
    folds = min(FOLDS, int(study.events[0].sum()))
    if folds < 2:
        raise InputError("fewer than two events to validate with", next_step="There is nothing to predict by.")
    risks: Floats = np.mean(resampling.replicates(HeldOut(study, folds), repeats, seed=seed), axis=0)
    return risks
