"""Sample a PyMC model of one's own, with the same sampler and the same gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.models.bayes.convergence import bfmi, described, diagnose, gate
from ikzf1_outcomes.models.bayes.nuts import run_pymc
from ikzf1_outcomes.models.bayes.quantity_tables import extreme

if TYPE_CHECKING:
    import arviz
    import pymc as pm

INTERRUPTED = "sampling was interrupted: fewer draws than asked for"


def sample_model(
    model: pm.Model,
    *,
    seed: int,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    target_accept: float = 0.9,
    progress: bool = False,
) -> arviz.InferenceData:
    """Sample any PyMC model by the no-U-turn sampler, and say whether the draws are to be trusted.

    The model is compiled for nutpie; where that cannot be, as with discrete variables, PyMC's own sampler runs and the note
    says so. The gate is that of `sample`: R-hat at most 1.01, effective sample sizes of at least 400, no divergence, E-BFMI
    of at least 0.3, over all variables and deterministics. There is one try: what would mend the draws is in the note.

    Edge rules: quantities that are constant are passed over. After Ctrl-C the draws so far are kept, and said to be fewer;
    before all chains have one it is raised.

    Parameters
    ----------
    model
        A `pymc.Model`, such as one of `hierarchical_model` with parts of one's own.
    seed
        The same seed gives the same draws.
    draws, tune, chains
        Draws kept of each chain, draws before them, and chains.
    target_accept
        Mean acceptance that the step size aims at, between 0 and 1.
    progress
        Show a line of progress.

    Returns
    -------
    InferenceData
        Groups posterior and sample_stats. Attributes of each: passed (1 or 0), note (what the gate found; empty where it
        found nothing), r_hat (greatest), ess_bulk, ess_tail (least), bfmi (least of the chains), divergences, complete,
        sampling_time in seconds, tuning_steps, inference_library and its version.

    Raises
    ------
    InputError
        No PyMC model, one without free variables, or settings out of range.
    ConvergenceError
        No first point with a finite density.

    Notes
    -----
    Hoffman and Gelman (2014); Vehtari and others (2021); recalled, not verified. By nutpie, PyMC and ArviZ.

    Examples
    --------
    >>> import pymc as pm
    >>> import ikzf1_outcomes as iko
    >>> with pm.Model() as model:
    ...     mean = pm.Normal("mean", 0.0, 1.0)
    ...     seen = pm.Normal("seen", mean, 1.0, observed=[1.0, 2.0, 3.0])
    >>> found = iko.sample_model(model, seed=1, draws=500, tune=300)
    >>> round(float(found.posterior["mean"].mean()), 1)  # 6 / (3 + 1)
    1.5
    >>> found.posterior.attrs["note"]
    ''
    """
    import pymc

    if not isinstance(model, pymc.Model):
        raise InputError("this is no PyMC model", next_step="Make one by hierarchical_model, or with pymc.Model().")
    if not model.free_RVs:
        raise InputError("the model has no free variable", next_step="Give it one with a prior.")
    found = run_pymc(
        model, seed=seed, draws=draws, tune=tune, chains=chains, target_accept=target_accept, progress=progress
    )
    return described(found, verdict(found))


def verdict(found: Any) -> dict[str, Any]:
    """What the gate says of draws, as attributes."""
    parts = [found.posterior[name].to_numpy() for name in found.posterior.data_vars]
    values = np.concatenate([part.reshape(*part.shape[:2], -1).astype(float) for part in parts], axis=2)
    statistics, before = found.sample_stats, found.posterior.attrs
    diverging = statistics["diverging"].to_numpy() if "diverging" in statistics else np.zeros(values.shape[:2])
    energy = bfmi(statistics["energy"].to_numpy()) if "energy" in statistics else np.full(values.shape[0], np.nan)
    seen = diagnose(values)
    lost = gate(seen.r_hat, seen.ess_bulk, seen.ess_tail, diverging, energy)
    lost = lost if before["complete"] else (*lost, INTERRUPTED)
    return {
        "passed": int(not lost), "note": "; ".join(filter(None, (before["note"], *lost))),
        "r_hat": extreme(seen.r_hat, np.max), "ess_bulk": extreme(seen.ess_bulk, np.min),
        "ess_tail": extreme(seen.ess_tail, np.min), "bfmi": extreme(energy, np.min),
        "divergences": int(np.sum(diverging)),
    }  # fmt: skip
