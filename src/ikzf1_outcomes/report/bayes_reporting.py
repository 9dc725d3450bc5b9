"""What a reader of a Bayesian analysis must be told, item by item: filled from the run, or left for the authors to write.

The items follow the Bayesian analysis reporting guidelines (Kruschke 2021, doi:10.1038/s41562-021-01177-7), in words of our
own; those of steps 3 to 6 are recalled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import pandas as pd

from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.hierarchical import (
    DELETED,
    NOT_POSSIBLE,
    PRIOR_NAMES,
    UNDELETED,
    Words,
    only,
    people,
    points,
    priors_name,
    probability,
    sentence,
    verdict,
)
from ikzf1_outcomes.report.hierarchical_checks import check_sentence
from ikzf1_outcomes.report.tables import Table

NOTHING = "–"
SHOWN = ("ikzf1-outcomes", "python", "nutpie", "numba", "numpy", "scipy", "arviz")
"""Of the versions, those that the draws depend on."""


class Facts(NamedTuple):
    """What a run knows of itself."""

    rows: Mapping[str, pd.DataFrame]
    """Tables of the section: effects, differences, diagnostics, priors, check, bounds, sensitivity, prior_risks."""
    words: Words
    endpoint: str
    conditions: str
    """Who is in the model, and what it is adjusted for."""
    versions: Mapping[str, str]
    seed: int


class Item(NamedTuple):
    """One thing to report."""

    step: str
    name: str
    fill: Callable[[Facts], str] | None
    """None where no program can know it."""
    ask: str
    """What the authors must write; empty where nothing is left."""


def reporting_table_of(facts: Facts, name: str, title: str) -> Table:
    """All items, each with what the run says of it and what is left to write.

    Nothing is filled that the run does not know: goals, reasons and decisions are the authors'.
    """
    body = [
        {
            "section": item.step, "row": item.name,
            "Filled by the program": (sentence(item.fill(facts)) if item.fill is not None else "") or NOTHING,
            "To write by the authors": sentence(item.ask) or NOTHING,
        }
        for item in ITEMS
    ]  # fmt: skip
    note = (
        "After the Bayesian analysis reporting guidelines (Kruschke 2021, doi:10.1038/s41562-021-01177-7). What is left to "
        "write is not known to any program."
    )
    left = sum(bool(item.ask) for item in ITEMS)
    return Table(name, title, f"{len(ITEMS)} items, {left} with something to write", pd.DataFrame(body), (note,))


def data_of(facts: Facts) -> str:
    """Outcome and predictors."""
    counts = ", ".join(
        f"{row.cause} {cells.count(row.n_event)}" for row in facts.rows["diagnostics"].itertuples(index=False)
    )
    return f"outcome: {facts.endpoint}; events by cause: {counts}. {facts.conditions}"


def likelihood_of(facts: Facts) -> str:
    """The likelihood and its parameters."""
    causes = list(facts.rows["diagnostics"]["cause"])
    each = " and ".join(causes) if len(causes) < 3 else ", ".join(causes)
    terms = set(facts.rows["effects"]["term"])
    pooled = [word for word in ("class", "cell", "subtype", "protocol") if word in terms]
    names = {"class": "class", "cell": "class within subtype", "subtype": "subtype", "protocol": "protocol"}
    single = [word for word in ("covariate", "alteration") if word in terms]
    rest = f"; with a coefficient each: {' and '.join(f'{word}s' for word in single)}" if single else ""
    return (
        f"proportional cause-specific hazards of {each}, each with a baseline that is constant between cuts; hierarchical "
        f"effects, whose spread is estimated: {', '.join(names[word] for word in pooled) or 'none'}{rest}. Of interest is "
        f"the effect of any deletion and of each class on {facts.words.interest}; baselines and spreads are ancillary."
    )


def priors_of(facts: Facts) -> str:
    """Priors and why."""
    table = facts.rows["priors"]
    names = [PRIOR_NAMES.get(str(term), str(term)).lower() for term in table["term"]]
    sources = "; ".join(dict.fromkeys(str(source) for source in table["source"]))
    return f"{len(table)} priors ({'; '.join(names)}), each with its reason, in the table of priors; source: {sources}."


def prior_check_of(facts: Facts) -> str:
    """What the priors say of risks."""
    rows, words = facts.rows["prior_risks"], facts.words
    own = rows[(rows["measure"] == "cumulative incidence") & (rows["cause"] == words.interest)]
    said = [
        f"{'without a deletion' if group == UNDELETED else 'with any deletion'} {100 * row['low']:.0f} to "
        f"{100 * row['high']:.0f} %"
        for group in (UNDELETED, DELETED)
        for row in [only(own, group=group)]
    ]
    level = f"{100 * own['conf_level'].max():g} %"
    return (
        f"before the data, the {words.horizon:g}-year risk of {words.interest} lies with probability {level} between: "
        f"{', '.join(said)}; drawn as curves in the picture of what the priors hold."
    )


def software_of(facts: Facts) -> str:
    """Programs and versions."""
    listed = ", ".join(f"{name} {facts.versions[name]}" for name in SHOWN if name in facts.versions)
    return f"this program and what its draws depend on: {listed}; all others in manifest.json."


def convergence_of(facts: Facts) -> str:
    """Whether chains agree."""
    table = facts.rows["diagnostics"]
    sampled = "; ".join(
        f"{row.cause} {row.chains:g} chains of {row.draws:g} draws after {row.tune:g}"
        for row in table.itertuples(index=False)
    )
    return f"{verdict(table)} Sampled: {sampled}."


def resolution_of(facts: Facts) -> str:
    """Effective sample sizes."""
    table = facts.rows["diagnostics"]
    said = "; ".join(
        f"{row.cause} {row.ess_bulk:.0f} (middle) and {row.ess_tail:.0f} (tails)" for row in table.itertuples(index=False)
    )
    return f"least effective sample size of all effects, spreads and hazards: {said}."


def posterior_of(facts: Facts) -> str:
    """The headline with its interval."""
    difference = headline_row(facts)
    level = f"{100 * difference['conf_level']:g} %"
    interval = cells.signed_percent(*(difference[name] for name in ("estimate", "low", "high")))
    return (
        f"medians and {level} credible intervals (the middle ones) of every effect, risk and difference in the tables; "
        f"headline: {interval} points at {facts.words.horizon:g} years."
    )


def headline_row(facts: Facts) -> pd.Series:
    """The difference in risk between any deletion and none."""
    return only(
        facts.rows["differences"],
        contrast=f"{DELETED} vs {UNDELETED}",
        measure="cumulative incidence",
        cause=facts.words.interest,
    )


def sensitivity_of(facts: Facts) -> str:
    """How far other priors and a bound move the headline."""
    rows = facts.rows["sensitivity"]
    risks = rows[rows["measure"] == "cumulative incidence"]
    said = [
        f"{priors_name(float(row.factor))} {NOT_POSSIBLE if math.isnan(row.estimate) else in_points(row.estimate)}"
        for row in risks.itertuples(index=False)
    ]
    bounds = facts.rows["bounds"]
    at = bounds[(bounds["time"] == facts.words.horizon) & bounds["estimate"].notna() & bounds["bound"].notna()]
    ended = [f"{row.bound:g} years {in_points(row.estimate)}" for row in at.itertuples(index=False)]
    rest = f"; were the hazard 0 after {', '.join(ended)}" if ended else ""
    return f"difference in risk, points, with priors {', '.join(said)}{rest}."


def in_points(difference: float) -> str:
    """A difference in points with its sign."""
    return cells.signed_percent(difference, math.nan, math.nan).split(" ")[0]


def decision_of(facts: Facts) -> str:
    """What could enter a decision."""
    chance = probability(headline_row(facts)["p_above_0"])
    return (
        f"no decision is taken; probabilities are given instead (difference above 0: {chance}). The risk is "
        f"{points(headline_row(facts)['estimate'])}."
    )


def reproduction_of(facts: Facts) -> str:
    """What gives the same numbers again."""
    n = people(float(facts.rows["diagnostics"]["n"].iloc[0]))
    return (
        f"seed {facts.seed}, the study file and the patients' file ({n} analysed), whose checksums and all settings are in "
        "manifest.json; the same versions give the same draws on any number of cores."
    )


SPECIFICATION = "written out in docs/methods/hierarchical.md, and as a PyMC model (hierarchical_model)."
BEGIN, MODEL, COMPUTED = "Before the analysis", "1 The model", "2 The computation"
FOUND, DECIDED, VARIED, AGAIN = "3 The posterior", "4 Decisions", "5 Sensitivity", "6 Reproduction"
ITEMS = (
    Item(BEGIN, "Why a Bayesian analysis", None, "what is gained here; small classes that share what they know, for one."),
    Item(BEGIN, "Goals", None, "the question, and whether it was fixed before the data were seen."),
    Item(MODEL, "Data", data_of, ""),
    Item(MODEL, "Likelihood and parameters", likelihood_of, ""),
    Item(MODEL, "Priors and their reasons", priors_of, "why these suit your patients, or which others would."),
    Item(MODEL, "Formal specification", lambda _: SPECIFICATION, ""),
    Item(MODEL, "Prior predictive check", prior_check_of, "whether a clinician would hold that."),
    Item(COMPUTED, "Software", software_of, ""),
    Item(COMPUTED, "Convergence of the chains", convergence_of, ""),
    Item(COMPUTED, "Resolution of the chains", resolution_of, ""),
    Item(FOUND, "Posterior predictive check", lambda facts: check_sentence(facts.rows["check"], facts.words), ""),
    Item(FOUND, "Summary", posterior_of, ""),
    Item(FOUND, "Bayes factors, model probabilities", lambda _: "none are computed.", ""),
    Item(DECIDED, "Decision and its rule", decision_of, "if a decision is taken: its rule, losses, and when it was fixed."),
    Item(DECIDED, "Region of practical equivalence", None, "which differences do not matter to patients, if one is used."),
    Item(VARIED, "Other priors and a hazard that ends", sensitivity_of, "other models that were tried."),
    Item(AGAIN, "Data and seed", reproduction_of, "where study file, data and program can be had."),
)
