"""The numbers of a ladder as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.prognosis.reclassification import IDI, NRI, WARNING, reclassified
from ikzf1_outcomes.prognosis.rung_fits import Fitted, Study
from ikzf1_outcomes.prognosis.rung_measures import SCALE, SLOPE, Measuring
from ikzf1_outcomes.prognosis.rung_tests import RungTest
from ikzf1_outcomes.prognosis.rung_validation import Validated

RATIO, NEW, NAGELKERKE = "likelihood ratio", "share of new information", "Nagelkerke's R2"
SHIFTED = "quantiles over resamples, less the optimism"
FEW = 10
"""Events per parameter below which a rung is marked."""
CHOSEN = "no likelihood ratio where terms were chosen by the outcome"
FEWEST = 20
"""Repetitions below which no interval is given."""


class Climbed(NamedTuple):
    """A ladder, fitted, tested and validated."""

    study: Study
    measuring: Measuring
    fits: Sequence[Fitted]
    tests: Sequence[RungTest | None]
    log_likelihood_null: float
    apparent: Floats
    """(rungs, measures)."""
    validated: Validated
    conf_level: float
    reclassification: bool = False

    @property
    def cause(self) -> str:
        """Name of the event of interest."""
        return self.study.cause or "any"


def measure_table(climbed: Climbed) -> pd.DataFrame:
    """One row a rung or difference, measure and time."""
    rungs = climbed.study.ladder.rungs
    out: list[dict[str, Any]] = []
    for k, rung in enumerate(rungs):
        before = climbed.study.ladder.before(k)
        contrast = f"{rung.name} vs {before}"
        out += information_rows(climbed, k, contrast)
        turn = np.zeros(len(rungs))
        turn[k] = 1.0
        out += performance_rows(climbed, rung.name, "", turn)
        if k:
            turn[k - 1] = -1.0
            out += performance_rows(climbed, rung.name, contrast, turn)
            if climbed.reclassification:
                out += reclassification_rows(climbed, k, contrast)
    table = pd.DataFrame(out)
    table.insert(3, "cause", climbed.cause)
    table["n"], table["n_event"] = len(climbed.study.endpoint), int(climbed.study.events[0].sum())
    table["conf_level"], table["interval"] = climbed.conf_level, np.where(table["low"].notna(), SHIFTED, "")
    columns = ["term", "contrast", "measure", "cause", "time", "n", "n_event", "estimate", "std_error", "low", "high"]
    columns += [
        "conf_level",
        "interval",
        "optimism",
        "corrected",
        "n_resamples",
        "statistic",
        "df",
        "p_value",
        "scale",
        "note",
    ]
    return table[columns]


def information_rows(climbed: Climbed, k: int, contrast: str) -> list[dict[str, Any]]:
    """Likelihood ratio against the rung before, share of new information and explained variation."""
    rung, test, value = climbed.study.ladder.rungs[k], climbed.tests[k], climbed.fits[k].log_likelihood
    null, n = climbed.log_likelihood_null, len(climbed.study.endpoint)
    note = "" if test is not None else CHOSEN
    ratio = np.nan if test is None else test.statistic
    out = [
        plain(rung.name, contrast, RATIO, ratio, "chi-square", note) | {
            "statistic": ratio,
            "df": np.nan if test is None else float(test.df),
            "p_value": np.nan if test is None else test.p_value,
            "note": note if test is None else f"p-value by {test.primary}",
        }
    ]  # fmt: skip
    total = 2.0 * (value - null)
    if k:
        share = ratio / total if total > 0 else np.nan
        out.append(plain(rung.name, contrast, NEW, share, "share", note))
    r2 = -np.expm1(-total / n) / -np.expm1(2.0 * null / n)
    out.append(plain(rung.name, "", NAGELKERKE, r2, "share", CHOSEN if np.isnan(r2) else ""))
    return out


def plain(term: str, contrast: str, measure: str, estimate: float, scale: str, note: str) -> dict[str, Any]:
    """A row without validation."""
    names = ("time", "std_error", "low", "high", "optimism", "corrected", "statistic", "df", "p_value")
    row = {"term": term, "contrast": contrast, "measure": measure, "estimate": estimate, "scale": scale, "note": note}
    return row | dict.fromkeys(names, np.nan) | {"n_resamples": 0}


def performance_rows(climbed: Climbed, term: str, contrast: str, turn: Floats) -> list[dict[str, Any]]:
    """Measures of one rung, or differences of two: apparent, corrected, with the interval of what is corrected."""
    training, test = (turn @ part for part in climbed.validated[:2])
    apparent = turn @ climbed.apparent
    tail = (1.0 - climbed.conf_level) / 2.0
    out = []
    for m, (measure, time) in enumerate(climbed.measuring.names):
        if contrast and measure == SLOPE:
            continue
        both = ~np.isnan(training[:, m] - test[:, m])
        inside, outside = training[both, m], test[both if both.any() else ~np.isnan(test[:, m]), m]
        row = plain(term, contrast, measure, float(apparent[m]), SCALE.get(measure, "probability"), "")
        row |= {"time": time, "n_resamples": len(outside)}
        if len(inside):
            row["optimism"] = float(inside.mean() - outside.mean())
            if len(inside) >= FEWEST and measure != SLOPE:  # where it was fitted it is 1
                limits = np.quantile(inside, [tail, 1.0 - tail]) - row["optimism"]
                row |= {"std_error": float(inside.std(ddof=1)), "low": float(limits[0]), "high": float(limits[1])}
        elif len(outside):
            row["optimism"] = float(apparent[m] - outside.mean())
        row["corrected"] = row["estimate"] - row["optimism"]
        missing = len(test) - len(outside)
        nothing = "not estimable: no case, no control, or no pair" if np.isnan(apparent[m]) else ""
        some = f"not estimable in {missing} of {len(test)} repetitions" if missing else ""
        row["note"] = nothing or some
        out.append(row)
    return out


def reclassification_rows(climbed: Climbed, k: int, contrast: str) -> list[dict[str, Any]]:
    """Net reclassification and integrated discrimination improvement against the rung before, with their warning."""
    out, measuring = [], climbed.measuring
    old, new = climbed.fits[k - 1].risk, climbed.fits[k].risk
    for place in measuring.asked:
        found = reclassified(measuring.states, int(place), old[:, place], new[:, place])
        for measure, value, scale in (
            (NRI, found.net, "net share of patients"),
            (IDI, found.discrimination, "probability"),
        ):
            row = plain(climbed.study.ladder.rungs[k].name, contrast, measure, value, scale, WARNING)
            out.append(row | {"time": float(climbed.study.times[place])})
    return out


def rung_table(climbed: Climbed) -> pd.DataFrame:
    """One row a rung: patients, parameters, likelihood, both p-values, and what the reader must know."""
    ladder, n_event = climbed.study.ladder, int(climbed.study.events[0].sum())
    validation, smallest = climbed.validated.method, float(climbed.measuring.states.standing().smallest.min())
    out = []
    for k, rung in enumerate(ladder.rungs):
        test, size = climbed.tests[k], len(rung.every)
        out.append(
            {
                "term": rung.name,
                "contrast": f"{rung.name} vs {ladder.before(k)}",
                "cause": climbed.cause,
                "n": len(ladder.endpoint),
                "n_event": n_event,
                "n_excluded": ladder.n_excluded,
                "n_missing": rung.n_missing,
                "n_parameters": size,
                "n_selected": len(climbed.fits[k].taken) - len(rung.columns) if rung.choice else 0,
                "events_per_parameter": n_event / size,
                "log_likelihood": climbed.fits[k].log_likelihood,
                "statistic": np.nan if test is None else test.statistic,
                "df": np.nan if test is None else float(test.df),
                "p_value": np.nan if test is None else test.p_value,
                "p_chi_square": np.nan if test is None else test.p_chi_square,
                "p_simulated": np.nan if test is None else test.p_simulated,
                "n_simulations": 0 if test is None else test.simulations,
                "smallest_chance": smallest,
                "method": f"Cox, Efron ties; validated by {validation}",
                "note": "; ".join(notes_of(climbed, k)),
            }
        )
    return pd.DataFrame(out)


def notes_of(climbed: Climbed, k: int) -> list[str]:
    """What the reader must know of a rung."""
    ladder, n_event = climbed.study.ladder, int(climbed.study.events[0].sum())
    rung = ladder.rungs[k]
    notes = []
    if n_event < FEW * len(rung.every):
        notes.append(f"{n_event} events for {len(rung.every)} parameters: fewer than {FEW} per parameter")
    if ladder.notes[k]:
        notes.append(f"{', '.join(rung.terms[:3])}{', ...' if len(rung.terms) > 3 else ''} {ladder.notes[k]}")
    if rung.choice:
        way, taken = rung.choice
        how = "an elastic net" if way == "elastic_net" else f"a screen at q < {taken:g}"
        notes.append(f"terms chosen among {len(rung.candidates)} columns by {how}")
    problems = Counter(climbed.validated.problems)
    if problems:
        first = problems.most_common(1)[0][0]
        notes.append(f"{problems.total()} repetitions without a model (the most frequent reason: {first})")
    return notes
