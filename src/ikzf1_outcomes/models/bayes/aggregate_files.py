"""Aggregates as files: exact for those who may see them, or released without small cells; pooled over trial groups."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import frozen
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.bayes.patterns import FORMS, Aggregate, added

MARK = b"ikzf1_outcomes aggregate"
VERSION = 1


def release_aggregate(made: Aggregate, *, least: int = 5) -> Aggregate:
    """Merge patterns and intervals until no cell is small, so that the aggregate may leave the group that made it.

    Rule: every pattern has at least `least` patients, and every number of events, of a pattern, an interval and a cause, is
    0 or at least `least`. Intervals are merged from the left until that holds; where no merging suffices, the last column
    of the patterns is dropped and merging starts anew. What the likelihood loses by it depends on the data; compare with
    the exact form before relying on it.

    Rows that were left out are not counted. This hides small cells of one file. It does not keep two files apart: of two
    releases that differ in a few patients the difference may show them.

    Parameters
    ----------
    made
        Made by `aggregate`, with the most important columns first.
    least
        Smallest number that may be shown.

    Returns
    -------
    Aggregate
        Of the form "release".

    Raises
    ------
    InputError
        Not even all patients in one cell are enough; `least` below 2.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0 + k % 4 for k in range(24)], "s": 1, "sex": ["f", "m"] * 12, "arm": ["a"] * 23 + ["b"]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> iko.release_aggregate(iko.aggregate(endpoint, ["sex", "arm"], [1.5, 2.5])).by
    ('sex',)
    """
    if isinstance(least, bool) or not isinstance(least, int | np.integer) or least < 2:
        raise InputError("least must be a whole number of 2 or more", next_step="5 is usual.")
    for kept in range(len(made.by), -1, -1):
        coarse = with_columns(made, kept)
        merged = merged_intervals(coarse, least) if (coarse.n >= least).all() else None
        if merged is not None:
            return replace(merged, form="release", n_excluded=0)
    raise InputError(
        "all patients together are too few to be released", count=round(float(made.n.sum())),
        next_step="Keep the exact form, under an agreement on the data.",
    )  # fmt: skip


def with_columns(made: Aggregate, kept: int) -> Aggregate:
    """The aggregate by its first columns only."""
    if kept == len(made.by):
        return made
    names = made.by[:kept] or ("all",)
    patterns = made.patterns[list(names)] if kept else pd.DataFrame({"all": ["all"] * len(made.patterns)})
    return added([replace(made, by=names, patterns=patterns)])


def merged_intervals(made: Aggregate, least: int) -> Aggregate | None:
    """The finest intervals, merged from the left, in which no number of events is small; None where there are none."""
    bounds, begin = [], 0
    size = made.events.shape[1]
    for end in range(1, size + 1):
        here = made.events[:, begin:end].sum(axis=1)
        rest = made.events[:, end:].sum(axis=1)
        fine = ((here == 0) | (here >= least)).all() and ((rest == 0) | (rest >= least)).all()
        if fine:
            bounds.append(end)
            begin = end
    if not bounds or bounds[-1] != size:
        return None
    starts = [0, *bounds[:-1]]
    exposure, events = (np.add.reduceat(part, starts, axis=1) for part in (made.exposure, made.events))
    cuts: Floats = made.cuts[[end - 1 for end in bounds[:-1]]]
    return replace(made, cuts=frozen(cuts), exposure=frozen(exposure), events=frozen(events))


def write_aggregate(made: Aggregate, path: str | Path) -> Path:
    """Write an aggregate to a Parquet file that names its form.

    Parameters
    ----------
    made
        Made by `aggregate` or `release_aggregate`.
    path
        The file.

    Returns
    -------
    Path

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 3.0], "s": [1, 0], "arm": ["a", "b"]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = iko.write_aggregate(iko.aggregate(endpoint, "arm", []), f"{folder}/group.parquet")
    ...     iko.pool_aggregates([path, path]).n.tolist()
    [2.0, 2.0]
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    head = {"version": VERSION, "form": made.form, "by": list(made.by), "cuts": made.cuts.tolist()}
    head |= {"causes": list(made.causes), "time_unit": made.time_unit, "n_excluded": made.n_excluded}
    table = pa.Table.from_pandas(made.patterns.reset_index(drop=True), preserve_index=False)
    for name, values in (("n", made.n), ("exposure", made.exposure), ("events", made.events)):
        flat = values.reshape(len(made.patterns), -1)
        table = table.append_column(f"__{name}", pa.array(list(flat), type=pa.list_(pa.float64())))
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), MARK: json.dumps(head)})
    target = Path(path)
    pq.write_table(table, target)
    return target


def read_aggregate(path: str | Path) -> Aggregate:
    """Read a file of `write_aggregate`.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Aggregate

    Raises
    ------
    InputError
        No such file, or no aggregate of this version.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 3.0], "s": [1, 0], "arm": ["a", "b"]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     iko.read_aggregate(iko.write_aggregate(iko.aggregate(endpoint, "arm", [2.0]), f"{folder}/group.parquet"))
    Aggregate(2 patterns x 2 intervals, exact)
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(Path(path))
    except (OSError, pa.ArrowInvalid):
        raise InputError(f"{Path(path).name!r} is no aggregate", next_step="Write one with write_aggregate.") from None
    head = json.loads((table.schema.metadata or {}).get(MARK, b"{}"))
    if head.get("version") != VERSION or head.get("form") not in FORMS:
        raise InputError(f"{Path(path).name!r} is no aggregate of this version", next_step="Write it anew.")
    size = (table.num_rows, len(head["cuts"]) + 1)
    n, exposure, events = (
        np.array(table.column(f"__{name}").to_pylist(), dtype=float).reshape(shape)
        for name, shape in (("n", size[:1]), ("exposure", size), ("events", (*size, len(head["causes"]))))
    )
    patterns = table.select(head["by"]).to_pandas()
    parts = (tuple(head["by"]), patterns, frozen(np.array(head["cuts"], dtype=float)), tuple(head["causes"]))
    arrays = (frozen(n), frozen(exposure), frozen(events))
    return Aggregate(*parts, head["time_unit"], *arrays, head["n_excluded"], head["form"])


def pool_aggregates(parts: Iterable[Aggregate | str | Path]) -> Aggregate:
    """Add up the aggregates of several groups, as objects or files.

    The log-likelihood of the pooled aggregate is that of all their patients together. To keep the groups apart, as strata
    or with effects of their own, let a column that names them be among the patterns.

    Parameters
    ----------
    parts
        Aggregates, or paths of their files.

    Returns
    -------
    Aggregate

    Raises
    ------
    InputError
        None, files that are no aggregates, or aggregates of different columns, cuts, causes, units or forms.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 3.0, 2.0, 4.0], "s": [1, 0, 1, 0], "arm": list("abab")})
    >>> halves = [
    ...     iko.aggregate(iko.endpoint_from_columns(part, time="t", status="s", causes={1: "relapse"}), "arm", [2.0])
    ...     for part in (d[:2], d[2:])
    ... ]
    >>> iko.pool_aggregates(halves).n.tolist()
    [2.0, 2.0]
    """
    found = [part if isinstance(part, Aggregate) else read_aggregate(part) for part in parts]
    if not found:
        raise InputError("no aggregate is given")
    return added(found)
