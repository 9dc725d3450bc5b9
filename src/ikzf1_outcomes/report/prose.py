"""Sentences of the report, written from the same rows as the tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from ikzf1_outcomes.definitions import ENDPOINTS
from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.labels import (
    estimate_name,
    level_label,
    ordered_variables,
    shown_origins,
    variable_label,
)
from ikzf1_outcomes.report.outcome import SURVIVAL, total_events
from ikzf1_outcomes.results import EVERYBODY, Settings, select

INTERVALS = {
    "plain": "untransformed",
    "log": "log-transformed",
    "log-log": "log(-log)-transformed",
    "logit": "logit-transformed",
    "arcsin": "arcsine-transformed",
}


def summary(results: pd.DataFrame, labels: Mapping[str, str], settings: Settings) -> list[str]:
    """The findings in plain words: everybody, then each level of the first grouping variable, effect sizes first."""
    lines = []
    shown = ordered_variables(results)[:2]
    origins = shown_origins(results)
    for variable in shown:
        part = select(results, variable=variable)
        for endpoint, origin in origins.items():
            name = f"{settings.horizon:g}-year {estimate_name(endpoint, origin)}"
            own = select(part, endpoint=endpoint)
            term = "survival" if endpoint in SURVIVAL else "incidence"
            at = select(own, term=term, time=settings.horizon)
            at = at[at["n"] > 0]
            if variable == EVERYBODY:
                lines.append(everybody(at, own, name))
            elif len(at) > 1:
                lines += contrasts(at, own, endpoint, name, variable, labels)
    rest = [variable_label(name, labels) for name in ordered_variables(results)[2:]]
    if rest:
        lines.append(f"In the outcome table also: {', '.join(rest)}.")
    return [line for line in lines if line]


def everybody(at: pd.DataFrame, own: pd.DataFrame, name: str) -> str:
    """The sentence for all patients."""
    if not len(at):
        return ""
    row = at.iloc[0]
    events = cells.count(total_events(own, "all", row["term"]))
    estimate = in_percent(row)
    return f"All patients: {name} {estimate} ({patients(row['n'])}, {events} events)."


def contrasts(
    at: pd.DataFrame, own: pd.DataFrame, endpoint: str, name: str, variable: str, labels: Mapping[str, str]
) -> list[str]:
    """A sentence for each level against the reference level."""
    reference = at.iloc[0]
    ratios = select(own, term="hazard ratio")
    tests = select(own, term="test")
    kind = "hazard ratio" if endpoint in SURVIVAL else "cause-specific hazard ratio"
    lines = []
    for _, row in at.iloc[1:].iterrows():
        effect = select(ratios, group=row["group"])
        shown = cells.hazard_text(effect) if len(effect) else ""
        head = f"{variable_label(variable, labels)}, {level_label(variable, row['group'])}: "
        against = f"{in_percent(reference)} in {level_label(variable, reference['group'])}"
        lines.append(
            f"{head}{kind} {shown or 'not estimable'}; {name} {in_percent(row)} ({patients(row['n'])}) against {against}."
        )
    if len(tests) and not np.isnan(tests["p_value"].iloc[0]):
        test = "log-rank" if endpoint in SURVIVAL else "Gray"
        p = cells.p_value(tests["p_value"].iloc[0])
        joined = p if p[0] in "<>" else f"= {p}"
        lines[-1] = lines[-1].removesuffix(".") + f" ({test} test over all levels: p {joined})."
    return lines


def patients(n: float) -> str:
    """A number of patients in words."""
    return "1 patient" if n == 1 else f"{cells.count(n)} patients"


def in_percent(row: pd.Series) -> str:
    """An estimate in words: "63 % (95 % CI 49–74)", or "not estimable"."""
    text = cells.percent(row["estimate"], row["low"], row["high"])
    if text == cells.NOT_ESTIMABLE:
        return "not estimable"
    number, limits = text.split(" ", 1)
    if limits == "(–)":
        return f"{number} % (no interval)"
    return f"{number} % ({100 * row['conf_level']:g} % CI {limits[1:]}"


def statistics(settings: Settings, endpoints: Iterable[str]) -> list[str]:
    """How the numbers were made: one paragraph a line."""
    names = list(endpoints)
    survival = [name for name in names if name in SURVIVAL]
    incidence = [name for name in names if name not in SURVIVAL]
    lines = []
    interval = f"{100 * settings.conf_level:g} % confidence intervals are {INTERVALS[settings.conf_type]}"
    if survival:
        lines.append(
            f"{', '.join(survival)}: Kaplan-Meier estimates with {settings.std_error.capitalize()} standard errors; "
            f"{interval}; groups are compared by the log-rank test."
        )
    if incidence:
        lines.append(
            f"{', '.join(incidence)}: cumulative incidence by the Aalen-Johansen estimator, every other first event "
            f"competing, Greenwood-type standard errors; {interval}; groups are compared by Gray's test."
        )
    lines.append(
        "Hazard ratios come from Cox models with Efron's ties and Wald intervals; for an incidence they are "
        "cause-specific: other first events are censored, and the ratio speaks of the rate of the event among those still "
        "event-free, not of its cumulative incidence."
    )
    if settings.strata:
        lines.append(f"Tests are stratified by {', '.join(settings.strata)}.")
    lines.append(
        "Median follow-up is the reverse Kaplan-Meier median. P-values are two-sided and not adjusted for the number of "
        "comparisons. Beyond the last follow-up of a group an estimate is not estimable. Events at time 0 count."
    )
    return lines


def methods(
    settings: Settings,
    endpoints: Mapping[str, tuple[str, ...]],
    versions: Mapping[str, str],
    *,
    simulated: bool,
    notice: str,
    genome: Sequence[str] = (),
    kinome: Sequence[str] = (),
) -> str:
    """The methods section, in Markdown: genome, kinome, endpoints with their policies, statistics, software."""
    lines = ["# Methods", ""]
    if simulated:
        lines += ["**The data are simulated.**", ""]
    if notice:
        lines += [notice, ""]
    if genome:
        lines += ["## Genome", "", *genome, ""]
    if kinome:
        lines += ["## Kinome", "", *kinome, ""]
    lines += ["## Endpoints", ""]
    for name, policy in endpoints.items():
        lines.append(f"- **{name}** ({ENDPOINTS[name].label}). {' '.join(policy)}")
    lines += ["", "## Statistics", "", *statistics(settings, endpoints), "", "## Software", ""]
    lines += [", ".join(f"{name} {number}" for name, number in versions.items()) + ".", ""]
    return "\n".join(lines)
