"""A posterior from its file and the endpoint that it is of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import InputError, OutcomesError
from ikzf1_outcomes.models.bayes.convergence import load
from ikzf1_outcomes.models.bayes.draw_files import Head, drawn_in, head_of
from ikzf1_outcomes.models.bayes.induction import models_of
from ikzf1_outcomes.models.bayes.posterior import Posterior, Sampled
from ikzf1_outcomes.models.bayes.prior_draws import PriorDraws
from ikzf1_outcomes.models.bayes.quantities import quantities
from ikzf1_outcomes.models.bayes.quantity_tables import variable
from ikzf1_outcomes.models.bayes.reduction import Reduced, reduce_endpoint
from ikzf1_outcomes.models.bayes.spec_file import fingerprint, from_text

KINDS: dict[str, type[Posterior]] = {"Posterior": Posterior, "PriorDraws": PriorDraws}


def load_posterior(path: str | Path, endpoint: Endpoint) -> Posterior:
    """Read a posterior that `.save` wrote, for the endpoint that it was sampled from.

    The file has the draws, the description with its priors, the seed and the settings, but no patient: the endpoint is
    given anew, made from the same data in the same order. It is the same if a hash of all that the model reads of it is:
    times, entries, weights, events and the columns that the description names.

    Parameters
    ----------
    path
        Written by `.save`.
    endpoint
        The endpoint that was sampled from.

    Returns
    -------
    Posterior
        With the tables of the one that was saved, to the last bit.

    Raises
    ------
    InputError
        No such file, or none of a posterior; another endpoint; a file of a version whose draws mean something else.

    Examples
    --------
    >>> import tempfile
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.simulate_cohort(200, seed=1)
    >>> endpoint = iko.landmark(iko.define_endpoint(cohort, "RELAPSE"), 0.1)
    >>> posterior = iko.sample(endpoint, iko.hierarchical_spec(causes="relapse"), seed=1, draws=200, tune=200, chains=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = iko.load_posterior(posterior.save(f"{folder}/relapse.nc"), endpoint)
    >>> again.tidy().equals(posterior.tidy())
    True
    """
    made, name = load(path), Path(path).name
    head = head_of(made, name)
    if head.kind not in KINDS:
        raise InputError(f"{name!r} holds another kind of posterior", next_step="Load it where it was made.")
    reduced = the_same(endpoint, head)
    sampled, models = [], models_of(reduced)
    for k, own in enumerate(head.causes):
        there = drawn_in(made, k, own, models[k])
        if there is None:
            raise other_meaning(name, head)
        sampled.append(Sampled(*there, own["target_accept"], own["tries"], tuple(own["lost"])))
    found = KINDS[head.kind](endpoint, reduced, tuple(sampled), head.seed)
    check_meaning(made, found, name, head)
    return found


def the_same(endpoint: Endpoint, head: Head) -> Reduced:
    """The endpoint as the model of the file sees it.

    Raises
    ------
    InputError
        It is another endpoint.
    """
    spec = from_text(head.spec)
    other = InputError(
        "the draws are of another endpoint", next_step="Make it from the same data, rows in the same order, as it was made."
    )
    try:
        reduced = reduce_endpoint(endpoint, spec)
    except OutcomesError as problem:
        raise other from problem
    if fingerprint(endpoint, reduced) != head.fingerprint:
        raise other
    if len(head.causes) < len(models_of(reduced)):  # interrupted while the first causes were sampled
        reduced = reduced._replace(models=reduced.models[: len(head.causes)], every_event=False)
    return reduced


def check_meaning(made: Any, found: Posterior, name: str, head: Head) -> None:
    """Refuse draws from which this version reads other numbers than the version that wrote them.

    Raises
    ------
    InputError
        With the version to use.
    """
    size = found.n_draws
    for own in found.sampled:
        then = made.posterior[f"{variable(own.drawn.model.cause)}: quantity"].to_numpy()
        now = [part.values[:, :size] for part in quantities(found.reduced, own.drawn)]
        if then.shape != (*now[0].shape, len(now)) or not np.allclose(np.stack(now, axis=-1), then, rtol=1e-9, atol=1e-9):
            raise other_meaning(name, head)


def other_meaning(name: str, head: Head) -> InputError:
    """The refusal of a file whose draws mean something else here."""
    return InputError(
        f"the draws of {name!r} mean something else in this version",
        next_step=f"Load it with version {head.version} of the package, or sample anew.",
    )
