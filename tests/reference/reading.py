"""A case folder of R values, read: `values` as dicts, `table` as a data frame, `inputs` as the data behind them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parent


def values(case: str, file: str = "values") -> dict[str, Any]:
    """The values of one case; those of `founding` lie one file a family, under their entry names."""
    content = json.loads((HERE / case / f"{file}.json").read_text(encoding="utf-8"))
    entries = content.get("entries")
    return content if entries is None else {name: entry["values"] for name, entry in entries.items()}


def inputs(case: str, name: str) -> pd.DataFrame:
    """The data set `name` of a case; only NA is missing."""
    return pd.read_csv(HERE / case / f"{name}.csv", na_values=["NA"], keep_default_na=False)


def numbers(x: Any) -> np.ndarray:
    """A scalar, vector or matrix of R as floats; null is NaN."""
    if isinstance(x, dict):
        x = x["data"] if "data" in x else list(x.values())
    array = np.array(x, dtype=object)
    return np.array([np.nan if v is None else float(v) for v in array.ravel()]).reshape(array.shape)


def table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A data frame of R (a list of rows, absent cells are NA)."""
    frame = pd.DataFrame(rows)
    return frame.astype({c: float for c in frame if not frame[c].map(lambda v: isinstance(v, str | bool)).any()})


def agree(ours: Any, theirs: Any, what: str = "") -> None:
    """Equal to 1e-8, relative; 1e-14 absolute, where R gives a rounded zero. NaN only where R has it."""
    ours, theirs = np.asarray(ours, dtype=float).squeeze(), numbers(theirs).squeeze()
    assert ours.shape == theirs.shape, what
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-14, err_msg=what)


def agree_in(ours: pd.DataFrame, theirs: pd.DataFrame, on: Sequence[str], columns: Sequence[str]) -> None:
    """Each row of R found in `ours` by the key `on`, and its columns equal. Rows may come in any order.

    Where R carries a curve beyond the last follow-up (column `beyond`), ours must be NaN.
    """
    keys = list(on)
    if keys:
        ours, theirs = (part.assign(**{k: _key(part[k]) for k in keys}).set_index(keys) for part in (ours, theirs))
        assert ours.index.is_unique
        ours = ours.loc[theirs.index]
    beyond = theirs["beyond"].to_numpy(bool) if "beyond" in theirs else np.zeros(len(theirs), dtype=bool)
    assert not beyond.any() or ours.loc[beyond, "estimate"].isna().all(), "carried beyond the last follow-up"
    for column in columns:
        agree(ours.loc[~beyond, column], theirs.loc[~beyond, column].to_numpy(), column)


def _key(column: pd.Series) -> pd.Series:
    """Keys compare as text, numbers to nine digits (R writes 15)."""
    return column.map(lambda v: v if isinstance(v, str) else f"{float(v):.9g}")
