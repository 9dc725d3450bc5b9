"""Causes that were sampled before a run died, kept in a folder and taken up by the next."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.models.bayes.convergence import load, save
from ikzf1_outcomes.models.bayes.draw_files import FORM, drawn_in, head_of, with_draws
from ikzf1_outcomes.models.bayes.posterior import Posterior, Sampled
from ikzf1_outcomes.models.bayes.posterior_files import check_meaning, other_meaning
from ikzf1_outcomes.models.bayes.reduction import CauseModel, Reduced
from ikzf1_outcomes.models.bayes.spec_file import as_text, fingerprint

KIND = "one cause"


class Kept(NamedTuple):
    """A folder of causes, and what they are of."""

    folder: Path
    endpoint: Endpoint
    reduced: Reduced
    known: str
    """Form, description and hash of the data."""


def kept_in(folder: str | Path, endpoint: Endpoint, reduced: Reduced) -> Kept:
    """A folder to keep causes in; it is made where its parent is there.

    Raises
    ------
    InputError
        There is no such parent, or a file has its name.
    """
    target = Path(folder)
    if not target.parent.is_dir() or (target.exists() and not target.is_dir()):
        raise InputError("there is no such folder to keep draws in", next_step="Make the one that it is to lie in.")
    target.mkdir(exist_ok=True)
    known = json.dumps([FORM, as_text(reduced.spec), fingerprint(endpoint, reduced)])
    return Kept(target, endpoint, reduced, known)


def place_of(kept: Kept, model: CauseModel, run: Mapping[str, Any]) -> Path:
    """The file of one cause: another name for other data, descriptions, seeds and settings."""
    drawn_by = {name: run[name] for name in ("seed", "draws", "tune", "chains", "target_accept")}
    text = json.dumps([kept.known, model.cause, drawn_by], sort_keys=True)
    return kept.folder / f"cause_{hashlib.sha256(text.encode()).hexdigest()[:20]}.nc"


def taken_up(kept: Kept, model: CauseModel, run: Mapping[str, Any]) -> Sampled | None:
    """The draws of one cause as an earlier run with the same data, description, seed and settings kept them, if it did.

    Raises
    ------
    InputError
        The file cannot be read, or its draws mean something else in this version.
    """
    path = place_of(kept, model, run)
    if not path.exists():
        return None
    made = load(path)
    head = head_of(made, path.name)
    own, there = head.causes[0], drawn_in(made, 0, head.causes[0], model)
    if there is None:
        raise other_meaning(path.name, head)
    found = Sampled(*there, own["target_accept"], own["tries"], tuple(own["lost"]))
    check_meaning(made, alone(kept, model, found, head.seed), path.name, head)
    return found


def keep_cause(kept: Kept, model: CauseModel, run: Mapping[str, Any], found: Sampled) -> None:
    """Write the draws of one cause; the file is there whole or not at all."""
    one = alone(kept, model, found, int(run["seed"]))
    made = with_draws(one.to_arviz(), kept.endpoint, one.reduced, one.sampled, one.seed, KIND)
    path = place_of(kept, model, run)
    half = path.with_name(f"{path.stem}.{os.getpid()}.half")
    save(made, half)
    os.replace(half, path)


def alone(kept: Kept, model: CauseModel, found: Sampled, seed: int) -> Posterior:
    """A posterior of one cause."""
    return Posterior(kept.endpoint, kept.reduced._replace(models=(model,), every_event=False), (found,), seed)
