"""Draws in a file, with what they were drawn from and how."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ikzf1_outcomes import __version__
from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.models.bayes.convergence import with_group
from ikzf1_outcomes.models.bayes.nuts import Chains
from ikzf1_outcomes.models.bayes.quantities import CauseDraws, in_own_terms
from ikzf1_outcomes.models.bayes.reduction import CauseModel, Reduced
from ikzf1_outcomes.models.bayes.spec_file import as_text, fingerprint

GROUP = "unconstrained_posterior"
MARK = "ikzf1_outcomes"
FORM = 1
"""Of the file; another number is another order of its parts."""


class Head(NamedTuple):
    """What a file says of its draws."""

    form: int
    version: str
    kind: str
    """Name of the class of the posterior."""
    seed: int
    spec: str
    fingerprint: str
    causes: tuple[Mapping[str, Any], ...]
    """One a cause: cause, tune, seconds, complete, target_accept, tries, lost, centring (of each family), walk (whether
    centred, and where)."""


def with_draws(made: Any, endpoint: Endpoint, reduced: Reduced, sampled: Sequence[Any], seed: int, kind: str) -> Any:
    """InferenceData with the draws as they were sampled, and a head that says of what; `sampled` has one a cause."""
    arrays: dict[str, tuple[Sequence[str], np.ndarray]] = {}
    causes = []
    for k, own in enumerate(sampled):
        dims = [f"chain {k}", f"draw {k}"]
        arrays[f"position {k}"] = ([*dims, f"number {k}"], own.drawn.position)
        for name in ("diverging", "energy", "n_steps"):
            arrays[f"{name} {k}"] = (dims, np.asarray(getattr(own.chains, name)))
        arrays[f"step_size {k}"] = (dims[:1], own.chains.step_size)
        causes.append(
            {
                "cause": own.drawn.model.cause, "tune": int(own.chains.tune), "seconds": float(own.chains.seconds),
                "complete": bool(own.chains.complete), "target_accept": float(own.target_accept), "tries": int(own.tries),
                "lost": list(own.lost), "centring": [float(family.centring) for family in own.drawn.model.families],
                "walk": [bool(own.drawn.model.baseline.centred), int(own.drawn.model.baseline.anchor)],
            }
        )  # fmt: skip
    head = Head(FORM, __version__, kind, int(seed), as_text(reduced.spec), fingerprint(endpoint, reduced), tuple(causes))
    return with_group(made, GROUP, arrays, {MARK: json.dumps(head._asdict(), sort_keys=True)})


def head_of(made: Any, name: str) -> Head:
    """The head of a file.

    Raises
    ------
    InputError
        It has none, or one of another form.
    """
    try:
        found = Head(**json.loads(made[GROUP].attrs[MARK]))
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{name!r} holds no posterior to load", next_step="Write one with `.save`.") from None
    if found.form != FORM:
        raise InputError(
            f"{name!r} was written in another form", next_step=f"Load it with version {found.version} of the package."
        )
    return found


def as_sampled(model: CauseModel, own: Mapping[str, Any]) -> CauseModel | None:
    """The model of one cause, centred as it was when its draws were made; None where it has other families."""
    if len(own["centring"]) != len(model.effects):
        return None
    effects = tuple(
        labelled._replace(family=labelled.family._replace(centring=centring))
        for labelled, centring in zip(model.effects, own["centring"], strict=True)
    )
    centred, anchor = own["walk"]
    return model._replace(effects=effects, baseline=model.baseline._replace(centred=centred, anchor=anchor))


def drawn_in(made: Any, k: int, own: Mapping[str, Any], model: CauseModel) -> tuple[CauseDraws, Chains] | None:
    """The draws of one cause in the terms of its model, and its chains; None where they are not of this model."""
    chains, then = chains_in(made, k, own), as_sampled(model, own)
    if then is None or chains.position.shape[-1] != then.n_dim:
        return None
    return in_own_terms(then, chains.position), chains


def chains_in(made: Any, k: int, own: Mapping[str, Any]) -> Chains:
    """The chains of one cause as they were sampled."""
    parts = {
        name: made[GROUP][f"{name} {k}"].to_numpy() for name in ("position", "diverging", "energy", "n_steps", "step_size")
    }
    return Chains(
        np.ascontiguousarray(parts["position"]), parts["diverging"].astype(bool), parts["energy"],
        parts["n_steps"].astype(np.int64), parts["step_size"], own["tune"], own["seconds"], own["complete"],
    )  # fmt: skip
