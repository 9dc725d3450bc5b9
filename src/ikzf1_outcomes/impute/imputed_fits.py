"""Completed data sets and what is made of them: pooled fits, and complete cases beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.impute.incomplete_columns import IncompleteColumn
from ikzf1_outcomes.impute.pooling import PooledFit, pool
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.cox_fit import CoxFit

Passive = Callable[[pd.DataFrame], pd.Series]
COMPLETE, IMPUTED = "complete cases", "imputed"


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Imputations:
    """An endpoint completed several times; made by `impute_missing`. Iterating gives the completed endpoints."""

    endpoint: Endpoint
    columns: tuple[IncompleteColumn, ...]
    analysed: tuple[str, ...]
    """Names of the columns that are no auxiliary ones."""
    values: tuple[Mapping[str, Floats], ...]
    """For each draw: column to the values of its completed rows, on the scale of its model."""
    visited: tuple[str, ...]
    """Columns with rows to complete, in the order in which the chains visit them."""
    means: Floats
    """(draws, cycles, visited, 2)."""
    passive: Mapping[str, Passive]
    substantive: str | None

    def __repr__(self) -> str:
        return f"Imputations({self.endpoint.name!r}: {len(self)} draws of {', '.join(self.visited) or 'nothing'})"

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Endpoint]:
        return (self.completed(draw) for draw in range(len(self)))

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The completed endpoints, made anew at each call."""
        return tuple(self)

    def completed(self, draw: int) -> Endpoint:
        """The endpoint of one draw, counted from 0, with the passive columns."""
        drawn = self.values[draw]
        own = {column.name: column.completed(drawn[column.name]) for column in self.columns if column.name in drawn}
        full = replace(self.endpoint, frame=self.endpoint.frame.assign(**own))
        return with_passive(full, self.passive)

    def fit(self, function: Callable[[Endpoint], CoxFit], *, conf_level: float = 0.95) -> PooledFit:
        """A Cox model of every completed data set, pooled by Rubin's rules (`pool`).

        Parameters
        ----------
        function
            From an endpoint to a fit of `cox`, as in `lambda completed: cox(completed, "age + wbc")`.
        conf_level
            Level of the intervals.

        Returns
        -------
        PooledFit
        """
        return pool([function(completed) for completed in self], conf_level=conf_level)

    def tidy(self) -> pd.DataFrame:
        """One row a column: variable, n_missing, n_imputed, n_undefined, n_interval, method, note.

        `n_interval` of the `n_imputed` are known to an interval. `method` is empty where nothing is missing.
        """
        rows = [
            {
                "variable": column.name,
                "n_missing": int(column.absent.sum() + column.undefined.sum()),
                "n_imputed": int(column.absent.sum()),
                "n_undefined": int(column.undefined.sum()),
                "n_interval": int(column.bounded.sum()),
                "method": self.method_of(column),
                "note": "; ".join(filter(None, ("" if column.name in self.analysed else "auxiliary", column.note))),
            }
            for column in self.columns
        ]
        return pd.DataFrame(rows)

    def method_of(self, column: IncompleteColumn) -> str:
        """The model of a column in words."""
        if not column.absent.any():
            return ""
        return f"{column.method}, within intervals" if column.bounded.any() else column.method

    def glance(self) -> pd.DataFrame:
        """One row: method, n, n_event, n_incomplete (rows with a completed value), n_draws, n_cycles, note."""
        n, share = len(self.endpoint), self.incomplete.mean()
        few = len(self) < 100 * share
        note = f"fewer draws than per cent of incomplete rows ({100 * share:.0f})" if few else ""
        how = "chained equations, the outcome in every model"
        if self.substantive is not None:
            how = f"chained equations in accordance with a Cox model of {self.substantive}"
        row = {"method": how, "n": n, "n_event": self.endpoint.n_event, "n_incomplete": int(self.incomplete.sum())}
        row |= {"n_draws": len(self), "n_cycles": self.means.shape[1]}
        return pd.DataFrame([row | {"note": note if self.visited else "nothing is missing"}])

    @property
    def incomplete(self) -> np.ndarray:
        """Rows with a completed value."""
        return np.any([column.absent for column in self.columns], axis=0)

    def trace(self) -> pd.DataFrame:
        """Mean and spread of the drawn values by draw, cycle and column, to see whether the chains have settled.

        Returns
        -------
        DataFrame
            draw, cycle (both from 1), variable, mean, spread (standard deviation). Logarithms for "log-normal", positions
            of the levels, from 0, for categories.
        """
        draws, cycles, places = np.indices(self.means.shape[:3]).reshape(3, -1)
        flat = self.means.reshape(-1, 2)
        names = np.array(self.visited, dtype=object)[places] if self.visited else np.array([], dtype=object)
        return pd.DataFrame(
            {"draw": draws + 1, "cycle": cycles + 1, "variable": names, "mean": flat[:, 0], "spread": flat[:, 1]}
        )

    def _repr_html_(self) -> str:
        return self.tidy().to_html(index=False)


def with_passive(endpoint: Endpoint, passive: Mapping[str, Passive]) -> Endpoint:
    """The endpoint with columns made from its others, missing where an ingredient is, and known no earlier."""
    for name, make in passive.items():
        frame = endpoint.frame
        if name in frame.columns and frame[name].notna().all():
            raise InputError(f"the passive column {name!r} is there and complete", next_step="Give it another name.")
        values = made(make, frame, name)
        parts = ingredients(make, frame.drop(columns=name, errors="ignore"))
        missing = frame[parts].isna().any(axis=1).to_numpy()
        if missing.any():
            nullable = {"b": "boolean", "i": "Int64", "u": "Int64"}.get(values.dtype.kind)
            values = (values.astype(nullable) if nullable else values).mask(missing)
        endpoint = endpoint.with_column(name, values)
        late = [np.asarray(endpoint.known_at[part], dtype=float) for part in parts if part in endpoint.known_at]
        if late:
            known = np.maximum.reduce([np.broadcast_to(part, len(endpoint)) for part in late])
            endpoint = replace(endpoint, known_at={**endpoint.known_at, name: known})
    return endpoint


def made(make: Passive, frame: pd.DataFrame, name: str) -> pd.Series:
    """A passive column, refused where it is not one value a row."""
    values = make(frame.copy())
    if not isinstance(values, pd.Series) or not values.index.equals(frame.index):
        raise InputError(
            f"the passive column {name!r} is no Series over the rows of the frame",
            next_step='As in lambda frame: frame["wbc"] >= 50.',
        )
    return values


def ingredients(make: Passive, frame: pd.DataFrame) -> list[str]:
    """The columns without which a passive column cannot be made."""
    found = []
    for name in frame.columns:
        try:
            make(frame.drop(columns=name))
        except Exception:  # whatever fails without the column needs it
            found.append(name)
    return found


def complete_and_imputed(
    imputations: Imputations,
    fit: Callable[[Endpoint], CoxFit],
    *,
    exponentiate: bool = False,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """One analysis of the complete cases and of the imputed data, side by side.

    The complete cases are the rows that `fit` keeps of the endpoint as it was: those in which its own terms are known.

    Parameters
    ----------
    imputations
        Made by `impute_missing`.
    fit
        From an endpoint to a fit of `cox`.
    exponentiate
        Give estimate, low and high as hazard ratios.
    conf_level
        Level of the pooled intervals; that of the complete cases is the fit's own.

    Returns
    -------
    DataFrame
        data ("complete cases", "imputed"), then the columns of `CoxFit.tidy` with df and fraction_missing, which the
        complete cases do not have.

    Raises
    ------
    InputError, ConvergenceError
        Whatever the fits raise.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.impute.chained import impute_missing
    >>> from ikzf1_outcomes.impute.imputed_fits import complete_and_imputed
    >>> rng = np.random.default_rng(1)
    >>> d = pd.DataFrame({"t": rng.exponential(5, 80), "s": rng.integers(0, 2, 80), "wbc": rng.normal(size=80)})
    >>> d.loc[::4, "wbc"] = np.nan
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> both = complete_and_imputed(impute_missing(endpoint, "wbc", draws=5, seed=1), lambda e: iko.cox(e, "wbc"))
    >>> both[["data", "n"]].values.tolist()
    [['complete cases', 60.0], ['imputed', 80.0]]
    """
    before = with_passive(imputations.endpoint, imputations.passive)
    alone = fit(before).tidy(exponentiate=exponentiate)
    pooled = imputations.fit(fit, conf_level=conf_level).tidy(exponentiate=exponentiate)
    columns = [*(name for name in alone.columns if name != "note"), "df", "fraction_missing", "note"]
    parts = [table.reindex(columns=columns).assign(data=word) for table, word in ((alone, COMPLETE), (pooled, IMPUTED))]
    out = pd.concat([part.astype({"df": float, "fraction_missing": float}) for part in parts], ignore_index=True)
    return out[["data", *columns]]
