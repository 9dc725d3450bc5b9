"""The tables of a landmark supermodel: risks, hazard ratios, tests, and moves across a threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.comparisons import two_sided
from ikzf1_outcomes.curves.intervals import normal_quantile, probability_limits
from ikzf1_outcomes.endpoint import label
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.combinations import contrasts
from ikzf1_outcomes.models.cox_fit import CoxFit
from ikzf1_outcomes.prognosis.landmark_risks import MOVES, Answers, CauseHazard
from ikzf1_outcomes.prognosis.landmark_sets import STRATUM, Stack

BEYOND = "beyond the last follow-up of a stratum"
NO_RESAMPLES = "no interval: no resamples"
TOO_FEW = "no interval: most resamples could not be fitted"
FEWEST_PATIENTS = 2
MODELS = ("total", "not through the marks")
SAME_DATA = 1e-9
"""Share of the variance of two coefficients below which the variance of their difference is rounding."""
ZERO = "hazard 0 in a class or group without such events"
SEPARATED = "groups separate, limit by a small ridge"
AT_RISK, SAME = "at risk", "same effect at all landmarks"


class Asked(NamedTuple):
    """The questions put to a supermodel."""

    by: str
    marks: Mapping[str, float]
    cause: str
    position: int
    """Of the cause among those of the endpoint."""
    horizon: float
    threshold: float | None
    conf_level: float


def not_estimable(stack: Stack, hazards: Sequence[CauseHazard], asked: Asked, s: int, codes: Sequence[int], n: int) -> str:
    """Why a class, or a class with groups of marks, has no risk at a landmark; empty where it has one."""
    one, own = stack.sets[s], hazards[asked.position]
    here = stack.own(s)
    last = np.full(stack.n_strata, -np.inf)
    stratum = stack.frame[STRATUM].to_numpy()[here] - s * stack.n_strata
    np.maximum.at(last, stratum, stack.time[here])
    if (asked.horizon > last[np.unique(stratum)]).any():
        return BEYOND
    if n < FEWEST_PATIENTS:
        return f"not estimable: fewer than {FEWEST_PATIENTS} patients"
    for f, code in enumerate(codes):
        if np.isneginf(own.effect[s][f][code]):
            return f"not estimable: no events in {one.factors[f].name(code)}"
    return ""


def limits_taken(stack: Stack, hazards: Sequence[CauseHazard], s: int, codes: Sequence[int]) -> str:
    """Causes whose hazard is 0, or was taken to its limit, in a class or in groups that it is averaged over.

    A cause that nobody at the landmark had is not spoken of: there was nothing to take to its limit.
    """
    one, zero = stack.sets[s], []
    for part in hazards:
        empty = [np.isneginf(effect) for effect in part.effect[s]]
        met = [one.cells[one.cells[:, 0] == codes[0], f] for f in range(len(codes), len(empty))]
        reached = [np.array([code]) for code in codes] + met
        if not empty[0].all() and any(flag[own].any() for flag, own in zip(empty, reached, strict=True)):
            zero.append(part.cause)
    settled = [part.cause for part in hazards if part.settled]
    notes = [f"{ZERO}: {', '.join(zero)}"] * bool(zero) + [f"{SEPARATED}: {', '.join(settled)}"] * bool(settled)
    return "; ".join(notes)


class Row(NamedTuple):
    """What a row of risks is about."""

    s: int
    codes: tuple[int, ...]
    """The class, or a cell."""
    member: np.ndarray
    """Rows of the landmark set."""
    place: int
    """Among the answers in a row."""


def rows_asked(stack: Stack, found: Answers) -> list[Row]:
    """Classes, then cells, of each landmark."""
    begin = np.concatenate(([0], np.cumsum([len(one) for one in found.cells])))
    rows, classes = [], found.classes.shape[1]
    for s, one in enumerate(stack.sets):
        for j in range(classes):
            rows.append(Row(s, (j,), one.factors[0].codes == j, int(begin[-1]) + s * classes + j))
        if s:
            for c, codes in enumerate(one.cells):
                rows.append(Row(s, tuple(int(code) for code in codes), one.cell == c, int(begin[s]) + c))
    return rows


def risk_table(
    stack: Stack, hazards: Sequence[CauseHazard], found: Answers, draws: Floats, failed: str, asked: Asked
) -> pd.DataFrame:
    """The table of `LandmarkSupermodel.tidy`."""
    flat, marks, out, places = found.flat(), list(asked.marks), [], []
    for row in rows_asked(stack, found):
        one, here = stack.sets[row.s], stack.own(row.s)
        soon = (stack.cause[here] == asked.position + 1) & (stack.time[here] <= asked.horizon)
        levels = tuple(factor.levels[code] for factor, code in zip(one.factors, row.codes, strict=False))[1:]
        reason = not_estimable(stack, hazards, asked, row.s, row.codes, int(row.member.sum()))
        notes = [reason] if reason else [limits_taken(stack, hazards, row.s, row.codes), failed]
        out.append(
            {
                "landmark": one.at,
                "variable": ", ".join(marks[: len(levels)]),
                "level": levels[0] if len(levels) == 1 else levels or "",
                "group": one.factors[0].levels[row.codes[0]],
                "n": float(stack.weight[one.row][row.member].sum()),
                "n_event": int((soon & row.member).sum()),
                "estimate": np.nan if reason else flat[row.place],
                "note": "; ".join(filter(None, notes)),
            }
        )
        places.append(row.place)
    table = pd.DataFrame(out)
    table["std_error"] = spread(draws[:, places], table)
    low, high = probability_limits(
        table["estimate"].to_numpy(dtype=float), table["std_error"].to_numpy(dtype=float), "log-log", asked.conf_level
    )
    table = table.assign(
        cause=asked.cause, time=asked.horizon, low=low, high=high, conf_level=asked.conf_level,
        interval="log-log, bootstrap", scale="probability",
    )  # fmt: skip
    names = ("landmark", "variable", "level", "group", "cause", "time", "n", "n_event", "estimate", "std_error")
    return table[[*names, "low", "high", "conf_level", "interval", "scale", "note"]]


def failures(draws: Floats, settled: np.ndarray) -> str:
    """What is to be said of the resamples; `settled`: which of them needed the ridge for the cause itself."""
    if not len(draws):
        return NO_RESAMPLES
    lost, near = int(np.isnan(draws).all(axis=1).sum()), int(np.nansum(settled))
    notes = [f"{lost} of {len(draws)} resamples could not be fitted"] * bool(lost)
    notes += [f"{SEPARATED}: {near} of {len(draws)} resamples"] * bool(near)
    return "; ".join(notes)


def usable(draws: Floats) -> np.ndarray:
    """Columns with a value in at least half of the resamples."""
    return np.asarray((~np.isnan(draws)).sum(axis=0) >= max(2.0, len(draws) / 2.0))


def spread(draws: Floats, table: pd.DataFrame) -> Floats:
    """Standard deviation over the resamples, where there is an estimate and most resamples have one."""
    out = np.full(draws.shape[1], np.nan)
    good = usable(draws) & table["estimate"].notna().to_numpy()
    if good.any():
        out[good] = np.nanstd(draws[:, good], axis=0, ddof=1)
    if len(draws):
        table.loc[~usable(draws) & table["estimate"].notna(), "note"] += f"; {TOO_FEW}"
    return out


def move_table(
    stack: Stack, hazards: Sequence[CauseHazard], found: Answers, draws: Floats, failed: str, asked: Asked
) -> pd.DataFrame:
    """The table of `LandmarkSupermodel.crossing`."""
    tail = (1.0 - asked.conf_level) / 2.0
    begin, size = len(found.flat()) - found.moves.size, found.moves[0].size
    named, out = f"threshold {asked.threshold:g}: an assumption", []
    for s, (mark, one) in enumerate(zip(asked.marks, stack.sets[1:], strict=True), 1):
        for j, level in enumerate(one.factors[0].levels):
            own = one.factors[0].codes == j
            reason = not_estimable(stack, hazards, asked, s, (j,), int(own.sum()))
            for k, kind in enumerate(MOVES):
                place = begin + (s - 1) * size + j * len(MOVES) + k
                drawn = draws[:, place]
                good = not reason and bool(usable(drawn[:, None])[0])
                low, high = np.nanquantile(drawn, [tail, 1.0 - tail]) if good else (np.nan, np.nan)
                few = TOO_FEW if len(draws) and not good else ""
                out.append(
                    {
                        "landmark": one.at, "variable": mark, "group": level, "term": kind, "cause": asked.cause,
                        "time": asked.horizon, "n": float(stack.weight[one.row][own].sum()),
                        "estimate": np.nan if reason else found.moves[s - 1, j, k], "low": low, "high": high,
                        "conf_level": asked.conf_level, "interval": "percentile, bootstrap", "scale": "share",
                        "note": "; ".join(filter(None, [named, reason or few, "" if reason else failed])),
                    }
                )  # fmt: skip
    return pd.DataFrame(out)


def ratio_table(
    stack: Stack, with_marks: Sequence[CauseHazard], without: Sequence[CauseHazard], asked: Asked
) -> pd.DataFrame:
    """The table of `LandmarkSupermodel.effects`, without limits from fits that do not exist."""
    out: list[dict[str, Any]] = []
    for s, one in enumerate(stack.sets):
        factor, here = one.factors[0], stack.own(s)
        for model, hazards in zip(MODELS, (without, with_marks), strict=True):
            if not s and model != MODELS[0]:
                continue
            for k, part in enumerate(hazards, 1):
                for j, level in enumerate(factor.levels):
                    own = factor.codes == j
                    estimate, error, note = log_ratio(part, s, one.column(factor, j), j, factor.name(j), factor.name(0))
                    out.append(
                        {
                            "landmark": one.at, "model": model, "term": asked.by,
                            "contrast": f"{label(level)} vs {label(factor.levels[0])}" if j else label(level),
                            "cause": part.cause, "n": float(stack.weight[one.row][own].sum()),
                            "n_event": int((own & (stack.cause[here] == k)).sum()),
                            "estimate": estimate, "std_error": error, "note": note,
                        }
                    )  # fmt: skip
    table = pd.DataFrame(out)
    half = normal_quantile(asked.conf_level) * table["std_error"]
    with np.errstate(invalid="ignore", divide="ignore"):
        statistic = table["estimate"] / table["std_error"]
    table = table.assign(
        low=table["estimate"] - half, high=table["estimate"] + half, conf_level=asked.conf_level, interval="wald",
        scale="log hazard ratio", statistic=statistic, p_value=two_sided(statistic.to_numpy(dtype=float)),
    )  # fmt: skip
    names = ("landmark", "model", "term", "contrast", "cause", "n", "n_event", "estimate", "std_error", "low", "high")
    return table[[*names, "conf_level", "interval", "scale", "statistic", "p_value", "note"]]


def log_ratio(part: CauseHazard, s: int, column: str, j: int, level: str, reference: str) -> tuple[float, float, str]:
    """Log hazard ratio of a class at a landmark, its robust standard error, and why there is none."""
    effect = part.effect[s][0]
    if not j:
        return 0.0, np.nan, "reference"
    for code, name in ((j, level), (0, reference)):
        if np.isneginf(effect[code]):
            return np.nan, np.nan, f"not estimable: no events in {name}"
    if part.fit is None:
        return np.nan, np.nan, f"not estimable: {SEPARATED}"
    place = part.fit.position[part.fit.design.names.index(column)]
    return float(effect[j]), float(np.sqrt(part.fit.covariance[place, place])), ""


def glance_table(
    stack: Stack, with_marks: Sequence[CauseHazard], without: Sequence[CauseHazard], asked: Asked
) -> pd.DataFrame:
    """The table of `LandmarkSupermodel.glance`."""
    out: list[dict[str, Any]] = []
    blank = {"model": "", "statistic": np.nan, "df": np.nan, "p_value": np.nan}
    gone = f"{stack.n_excluded} left out throughout: a class, stratum or covariate is missing" if stack.n_excluded else ""
    for s, one in enumerate(stack.sets):
        events = int((stack.cause[stack.own(s)] == asked.position + 1).sum())
        note = "; ".join(filter(None, [one.note, gone]))
        row = {"term": AT_RISK, "landmark": one.at, "cause": asked.cause, "n": float(stack.weight[one.row].sum())}
        out.append({**row, "n_event": events, "n_excluded": one.n_missing, **blank, "note": note})
    patients = float(stack.weight.sum())
    for model, hazards in zip(MODELS, (without, with_marks), strict=True):
        for k, part in enumerate(hazards, 1):
            events = int((stack.cause[stack.own(0)] == k).sum())
            row = {"term": SAME, "landmark": np.nan, "model": model, "cause": part.cause, "n": patients, "n_event": events}
            out.append({**row, "n_excluded": stack.n_excluded, **same_effect(stack, part)})
    names = ("term", "landmark", "model", "cause", "n", "n_event", "n_excluded", "statistic", "df", "p_value", "note")
    return pd.DataFrame(out)[list(names)]


def same_effect(stack: Stack, part: CauseHazard) -> dict[str, Any]:
    """Robust Wald test that each class has the hazard ratio of the first landmark at all of them."""
    nothing = {"statistic": np.nan, "df": np.nan, "p_value": np.nan}
    asked: dict[str, dict[str, float]] = {}
    notes = set()
    first = stack.sets[0]
    for s, one in enumerate(stack.sets[1:], 1):
        factor = one.factors[0]
        for j in range(1, len(factor.levels)):
            pair = (one.column(factor, j), first.column(first.factors[0], j))
            finite = np.isfinite([part.effect[at][0][code] for at in (0, s) for code in (0, j)]).all()
            if part.fit is None or not finite:
                notes.add("without classes that had no events at a landmark")
            elif told_apart(part.fit, *pair):
                asked[pair[0]] = dict(zip(pair, (1.0, -1.0), strict=True))
            else:
                notes.add("without landmarks at which nothing had changed")
    if part.fit is None or not asked:
        return {**nothing, "note": f"not estimable: {SEPARATED if part.settled else 'no landmarks to compare'}"}
    table = contrasts(part.fit, asked).glance().iloc[0]
    found = {name: float(table[name]) for name in nothing}
    return {**found, "note": "; ".join(filter(None, [*sorted(notes), str(table["note"])]))}


def told_apart(fit: CoxFit, first: str, second: str) -> bool:
    """Whether the difference of two coefficients varies at all: without an event between two landmarks it does not."""
    a, b = (fit.position[fit.design.names.index(name)] for name in (first, second))
    own, other = fit.covariance[a, a], fit.covariance[b, b]
    return bool(own + other - 2.0 * fit.covariance[a, b] > SAME_DATA * (own + other))
