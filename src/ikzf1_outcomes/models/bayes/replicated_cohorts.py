"""Does the model say what was seen? Cohorts replicated from a posterior, class by class, beside Kaplan-Meier."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.incidence import cumulative_incidence
from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.curves.survival import kaplan_meier
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.piecewise_risks import Risks, piecewise_risks
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.bayes.effects import DELETED
from ikzf1_outcomes.models.bayes.pooled_and_raw import compared
from ikzf1_outcomes.models.bayes.posterior import Posterior
from ikzf1_outcomes.models.bayes.replicated_curves import Rows, replicated_curves, replicated_rows, reverse_curve
from ikzf1_outcomes.models.bayes.scenario_tables import NOT_CONVERGED, checked_times
from ikzf1_outcomes.models.bayes.scenarios import (
    AT_ONCE,
    NOT_DELETED,
    Pieces,
    baseline_over,
    check_causes,
    pieces_of,
    scenarios_of,
)
from ikzf1_outcomes.resampling import generator_of
from ikzf1_outcomes.timeline import entries

COLUMNS = (
    "group", "measure", "cause", "time", "n", "n_event", "observed", "estimate", "low", "high", "conf_level", "interval",
    "scale", "fitted", "fitted_low", "fitted_high", "p_above_observed", "note",
)  # fmt: skip
BEYOND = "beyond the follow-up of the group"
FEW = 20
"""Replicates that there must be for an interval of them."""


class Checked(NamedTuple):
    """The patients of a check, as the model has them."""

    rows: Rows
    """Strata whose effects change apart are strata of their own."""
    cause: Integers
    """0 where a row was censored, else the cause counted from 1 (n)."""
    group: Integers
    """0 not deleted, then the classes, of each pattern (patterns)."""


class Hazards(NamedTuple):
    """Log hazards of some draws."""

    level: Floats
    """(draws, causes, strata, pieces)."""
    effect: Floats
    """(draws, causes, patterns)."""


def predictive_check(
    posterior: Posterior,
    times: float | Iterable[float],
    *,
    replicates: int = 200,
    seed: int | np.random.Generator,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    r"""Replicate the cohort from the posterior, and set what was seen of each class beside it (posterior predictive check).

    Estimand: for each group g and time t, the distribution of the Kaplan-Meier (or Aalen-Johansen) estimate that another
    cohort of the same patients would give, were the model true. A replicate takes one draw of all parameters; each patient,
    with the class, subtype, protocol and covariates that he has, gets a time T and a cause from its hazards,

    .. math:: T = H^{-1}\big(H(\text{entry}) + E\big), \quad E \sim \text{Exp}(1), \qquad
        P(\text{cause } c \mid T) = h_c(T) / \textstyle\sum_k h_k(T)

    and is censored at his potential follow-up. Of a censored patient that is his own time, known. Of one with an event it
    is later than the event, and drawn in each replicate from the reverse Kaplan-Meier curve of all patients, given that it
    is later; where that curve ends above 0, the rest ends at the longest follow-up. Censoring is taken not to depend on
    class, covariates or outcome.

    `curves` answers another question: it gives every class the case mix of the whole cohort.

    Parameters
    ----------
    posterior
        Made by `sample`, with a model of every event. Of draws from the priors (`sample_prior`) it is the prior predictive
        check.
    times
        In years.
    replicates
        Number of replicated cohorts, 20 or more.
    seed
        Number or generator.
    conf_level
        Share of the replicates within the interval, the middle one.

    Returns
    -------
    DataFrame
        group ("not deleted", "any deletion", classes), measure ("event-free survival", "cumulative incidence"), cause,
        time, n and n_event (of the group; events of the cause), observed (Kaplan-Meier or Aalen-Johansen of the group),
        estimate, low, high (median and interval of the same estimate in the replicates), conf_level, interval
        ("posterior predictive"), scale, fitted, fitted_low, fitted_high (what the model expects: the mean over the group's
        own patients of their curves; median and credible interval of all draws), p_above_observed (share of the
        replicates above what was observed, those equal to it by half), note.

    Raises
    ------
    InputError
        Some events have no model; several rows a patient; weights; failures of induction with a part of their own; mixture
        cure; draws of several completed data sets, or of an aggregate; times that are not above 0; fewer than 20
        replicates.

    Notes
    -----
    The data are used twice, for the draws and for the check: in a model that is right `p_above_observed` lies nearer to
    0.5 than a uniform number would. Values near 0 or 1 speak against the model, values near 0.5 hardly for it. The times of
    a group are not independent of each other, nor is any deletion of its classes.

    Where the last patient of a group is censored its observed curve ends, and with it the comparison (note). A replicate
    that ends earlier keeps its last value: without those, the rest would be replicates in which nearly all have failed.

    Source: Gelman, Meng and Stern 1996 (recalled, not verified).

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.simulate_cohort(200, seed=1)
    >>> endpoint = iko.landmark(iko.define_endpoint(cohort, "RELAPSE"), 0.1)
    >>> spec = iko.hierarchical_spec(causes=("relapse", "other"))
    >>> posterior = iko.sample(endpoint, spec, seed=1, draws=300, tune=300, chains=2)
    >>> table = iko.predictive_check(posterior, [1, 3, 5], seed=1)
    >>> whole = table[(table["group"] == "not deleted") & (table["measure"] == "event-free survival")]
    >>> bool(((whole["low"] < whole["observed"]) & (whole["observed"] < whole["high"])).all())
    True
    """
    normal_quantile(conf_level)
    if isinstance(replicates, bool) or not isinstance(replicates, int | np.integer) or replicates < FEW:
        raise InputError(f"replicates must be a whole number of {FEW} or more", next_step="200 are usual.")
    wanted, rng = checked_times(times), generator_of(seed)
    check_causes(posterior.reduced)
    check_rows(posterior)
    ends = np.unique(np.append(wanted, posterior.reduced.longest))
    own, pieces = checked_of(posterior), pieces_of(posterior.reduced, ends)
    fitted = fitted_risks(posterior, own, pieces, wanted)
    found = replicated(posterior, own, pieces, wanted, int(replicates), rng)
    tables = rows_of(posterior, own, wanted, fitted, found, conf_level)
    table = tables.merge(observed_rows(posterior, wanted), on=["group", "measure", "cause", "time"], how="left")
    ended = table["observed"].isna() | (table["time"] > posterior.reduced.longest + 1e-9)
    table.loc[ended, ["observed", "estimate", "low", "high"]] = np.nan
    said = [NOT_CONVERGED] * posterior.lost
    table["note"] = ["; ".join([*said, *([BEYOND] * own)]) for own in ended]
    table["p_above_observed"] = shares_above(found, table)
    return table[list(COLUMNS)]


def check_rows(posterior: Posterior) -> None:
    """Refuse endpoints whose rows cannot be replicated one by one."""
    posterior.check_rows()
    endpoint = posterior.endpoint
    if posterior.reduced.parts is not None:
        raise InputError(
            "failures of induction are no part of replicated cohorts",
            next_step="Check a model of those who came through: landmark(endpoint, at), without induction=.",
        )
    if posterior.reduced.spec.cure:
        raise InputError(
            "cohorts are not replicated under mixture cure",
            next_step="Compare its curves with kaplan_meier, or check a model of the hazards without cure.",
        )
    if endpoint.subject is not None and endpoint.n < len(endpoint):
        raise InputError(
            "patients have several rows, whose later ones are known only of those without an event",
            next_step="Check a model with one row a patient.",
        )
    if endpoint.weights is not None and not (endpoint.weights == 1.0).all():
        raise InputError("rows have weights, and cannot be replicated", next_step="Check a model without weights.")


def checked_of(posterior: Posterior) -> Checked:
    """The rows analysed, with the patterns of the first period.

    Effects that change do so for a class as a whole: each class has a stratum of its own then.
    """
    reduced, keep = posterior.reduced, posterior.reduced.patients.keep
    same = compared(posterior)
    groups = {g.term: g for block in reduced.patients.blocks for g in block}
    columns = (groups["class"] if "class" in groups else groups["deletion"]).columns
    code = np.where(groups["deletion"].columns[:, 0] > 0, 1 + columns.argmax(axis=1), 0)
    distinct, first, pattern = np.unique(reduced.patterns[0], return_index=True, return_inverse=True)
    stratum = reduced.models[0].sums.stratum[distinct]
    if reduced.spec.changes_at is not None:
        stratum = stratum * (columns.shape[1] + 1) + code[first]
    entry = np.maximum(entries(posterior.endpoint)[keep], 0.0)
    cause = np.maximum(same.cause, 0)
    return Checked(Rows(entry, same.time, cause > 0, pattern.ravel(), stratum), cause, code[first])


def hazards_of(posterior: Posterior, pieces: Pieces, some: Integers) -> Hazards:
    """Log hazards of the patterns in some draws."""
    reduced, size = posterior.reduced, posterior.n_draws
    distinct = np.unique(reduced.patterns[0])
    levels, effects = [], []
    for sampled in posterior.sampled:
        drawn = sampled.drawn
        beta = drawn.effect[:, :size].reshape(-1, drawn.effect.shape[-1])[some]
        log_hazard = drawn.log_hazard[:, :size].reshape(-1, *drawn.log_hazard.shape[2:])[some]
        level = baseline_over(reduced, drawn, log_hazard, pieces)
        levels.append(changed(posterior, pieces, level, beta))
        effects.append(of_patterns(posterior, distinct, beta))
    return Hazards(np.stack(levels, axis=1), np.stack(effects, axis=1))


def of_patterns(posterior: Posterior, distinct: Integers, beta: Floats) -> Floats:
    """Effects of patterns, with class and deletion, in the first period (draws, patterns)."""
    sums = posterior.reduced.models[0].sums
    out, column = np.zeros((len(beta), len(distinct))), 0
    for b, rows in enumerate(sums.blocks):
        out += (beta[:, column : column + rows.shape[1]] @ rows.T)[:, sums.row[distinct, b]]
        column += rows.shape[1]
    return out


def changed(posterior: Posterior, pieces: Pieces, level: Floats, beta: Floats) -> Floats:
    """Levels with what the effects of each class have become after the change, where they change.

    Strata are then the strata of the model times not deleted and the classes (draws, strata, pieces).
    """
    reduced = posterior.reduced
    if reduced.spec.changes_at is None:
        return level
    by_term = {labelled.term: labelled for labelled in reduced.models[0].effects}
    n_classes = len(scenarios_of(reduced)) - 2 if "class" in by_term else 1
    mean, later = by_term["deletion"].family.begin, pieces.period > 0
    shift = np.zeros((len(beta), n_classes + 1, len(later)))
    shift[:, 1:, later] += (beta[:, mean + 1] - beta[:, mean])[:, None, None]
    if "class" in by_term:
        begin = by_term["class"].family.begin + np.arange(n_classes)
        shift[:, 1:, later] += (beta[:, begin + n_classes] - beta[:, begin])[..., None]
    return (level[:, :, None] + shift[:, None]).reshape(len(beta), -1, len(later))


def fitted_risks(posterior: Posterior, own: Checked, pieces: Pieces, times: Floats) -> Risks:
    """Curves of each draw, the mean over a group's own patients; then those of any deletion as the last group."""
    n_draws = posterior.n_chains * posterior.n_draws
    weight = np.bincount(own.rows.pattern, minlength=len(own.group)).astype(float)
    step = max(1, AT_ONCE // (len(weight) * len(posterior.sampled)))
    parts = []
    for begin in range(0, n_draws, step):
        level, effect = hazards_of(posterior, pieces, np.arange(begin, min(begin + step, n_draws)))
        parts.append(piecewise_risks(level, effect, own.rows.stratum, weight, own.group, pieces.cuts, times))
    each = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    mix = np.bincount(own.group, weight)[1:]
    deleted = [np.einsum("...gm,g->...m", part[..., 1:, :], mix / mix.sum())[..., None, :] for part in each]
    return Risks(*(np.concatenate(pair, axis=-2) for pair in zip(each, deleted, strict=True)))


def replicated(
    posterior: Posterior, own: Checked, pieces: Pieces, times: Floats, number: int, rng: np.random.Generator
) -> Risks:
    """Kaplan-Meier and Aalen-Johansen of each replicate, with groups as in `fitted_risks`."""
    n_draws, rows = posterior.n_chains * posterior.n_draws, own.rows
    which = rng.choice(n_draws, number, replace=number > n_draws)
    size = len(rows.time) * max(len(pieces.period), len(posterior.sampled))
    step, curve = max(1, AT_ONCE // size), reverse_curve(rows.entry, rows.time, rows.died)
    group = own.group[rows.pattern]
    members = np.stack([*(group == g for g in range(own.group.max() + 1)), group > 0])
    parts = []
    for begin in range(0, number, step):
        hazards = hazards_of(posterior, pieces, which[begin : begin + step])
        time, cause = replicated_rows(rows, *hazards, pieces.cuts, curve, rng)
        parts.append(replicated_curves(time, cause, rows.entry, members, len(posterior.sampled), times))
    survival, incidence = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Risks(survival, incidence, np.empty(0), np.empty(0))


def group_order(posterior: Posterior) -> list[tuple[str, int]]:
    """Names of the groups in the order of the tables, and where they stand in the arrays."""
    names = scenarios_of(posterior.reduced)
    classes = list(names[2:])
    return [(NOT_DELETED, 0), (DELETED, max(len(classes), 1) + 1), *((name, k + 1) for k, name in enumerate(classes))]


def rows_of(
    posterior: Posterior, own: Checked, times: Floats, fitted: Risks, found: Risks, conf_level: float
) -> pd.DataFrame:
    """One row a group, measure, cause and time, without what was observed."""
    tail, code = (1.0 - conf_level) / 2.0, own.group[own.rows.pattern]
    level, tables = [tail, 0.5, 1.0 - tail], []
    for name, place in group_order(posterior):
        who = code > 0 if name == DELETED else code == place
        for measure, cause, c in measures_of(posterior):
            model = fitted.survival[:, place] if c < 0 else fitted.incidence[:, c, place]
            again = found.survival[:, place] if c < 0 else found.incidence[:, c, place]
            low, middle, high = np.quantile(again, level, axis=0)
            at_least, expected, at_most = np.quantile(model, level, axis=0)
            events = own.cause[who] > 0 if c < 0 else own.cause[who] == c + 1
            tables.append(
                pd.DataFrame(
                    {
                        "group": name, "measure": measure, "cause": cause, "time": times, "n": float(who.sum()),
                        "n_event": float(events.sum()), "estimate": middle, "low": low,
                        "high": high, "conf_level": conf_level, "interval": "posterior predictive",
                        "scale": "probability", "fitted": expected, "fitted_low": at_least, "fitted_high": at_most,
                    }
                )
            )  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def measures_of(posterior: Posterior) -> list[tuple[str, str, int]]:
    """Measure, cause and its place: -1 for survival."""
    causes = [("cumulative incidence", cause, c) for c, cause in enumerate(posterior.causes)]
    return [("event-free survival", "any", -1), *causes]


def observed_rows(posterior: Posterior, times: Floats) -> pd.DataFrame:
    """Kaplan-Meier and Aalen-Johansen of the same groups."""
    same, tables = compared(posterior), []
    for variable in ("deletion", "class"):
        alive = kaplan_meier(same, variable).tidy(times).assign(measure="event-free survival", cause="any")
        failed = cumulative_incidence(same, variable).tidy(times).assign(measure="cumulative incidence")
        tables += [alive, failed]
    table = pd.concat([part.astype({"group": str, "cause": str}) for part in tables], ignore_index=True)
    table = table.drop_duplicates(["group", "measure", "cause", "time"])
    return table.rename(columns={"estimate": "observed"})[["group", "measure", "cause", "time", "observed"]]


def shares_above(found: Risks, table: pd.DataFrame) -> Floats:
    """Share of the replicates above what was observed, those equal to it by half; NaN where that ends."""
    parts = [found.survival[:, None], found.incidence]
    # (replicates, measures, groups, times): groups in the order of the table
    again = np.concatenate(parts, axis=1)
    order = [0, again.shape[2] - 1, *range(1, again.shape[2] - 1)][: table["group"].nunique()]
    again = again[:, :, order].transpose(0, 2, 1, 3).reshape(len(again), -1)
    seen = table["observed"].to_numpy()
    above = ((again > seen + 1e-12) + 0.5 * (np.abs(again - seen) <= 1e-12)).mean(axis=0)
    share: Floats = np.where(np.isnan(seen), np.nan, above)
    return share
