"""How to sample, and how far the sampler is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Real
from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.errors import InputError

COUNTS = "{{ total_finished_draws }} {{ total_draws }} {% for chain in chains %}{{ chain.divergences }} {% endfor %}"
"""What the sampler is to say of itself, as `progress_line` reads it: draws done, of how many, divergences of each chain."""


class Settings(NamedTuple):
    """How to sample."""

    seed: int
    draws: int
    tune: int
    chains: int
    target_accept: float
    cores: int
    progress: bool


def settings_of(
    seed: int, draws: int, tune: int, chains: int, target_accept: float, cores: int | None, progress: bool
) -> Settings:
    """Settings that the sampler takes.

    Raises
    ------
    InputError
        One is out of range.
    """
    whole = {"seed": (seed, 0, 2**64 - 1), "draws": (draws, 1, None), "tune": (tune, 1, None), "chains": (chains, 1, None)}
    if cores is not None:
        whole["cores"] = (cores, 1, None)
    for name, (value, least, most) in whole.items():
        right = isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= least
        if not right or (most is not None and value > most):
            raise InputError(
                f"{name} must be a whole number of {least} or more", next_step=f"As in {name}={max(least, 1)}."
            )
    if not isinstance(target_accept, Real) or not 0.0 < target_accept < 1.0:
        raise InputError("target_accept must lie between 0 and 1", next_step="0.9 is usual; 0.99 diverges least.")
    at_once = int(chains) if cores is None else min(int(cores), int(chains))
    return Settings(int(seed), int(draws), int(tune), int(chains), float(target_accept), at_once, progress)


@contextmanager
def progress_line(how: Settings) -> Iterator[Callable[[str], None] | None]:
    """A line on standard error with draws and divergences, and what nutpie calls to move it."""
    if not how.progress:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:g}/{task.total:g} draws"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("sampling", total=how.chains * (how.draws + how.tune))

        def tell(counts: str) -> None:
            done, total, *diverged = (int(number) for number in counts.split())
            tail = f", {sum(diverged)} diverged" if sum(diverged) else ""
            bar.update(task, completed=done, total=total, description=f"sampling{tail}")

        yield tell


@contextmanager
def counting_line(progress: bool, what: str, total: int) -> Iterator[Callable[[], None]]:
    """A line on standard error that counts fits, and what moves it by one."""
    if not progress:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:g}/{task.total:g}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
