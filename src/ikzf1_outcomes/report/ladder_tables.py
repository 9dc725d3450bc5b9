"""A ladder of models: its sentences and its tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ikzf1_outcomes.prognosis.net_benefit import ALL, BENEFIT, NONE
from ikzf1_outcomes.prognosis.rung_measures import AUC, BRIER, HARRELL, IPA
from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.effects import coefficient_name, level_of
from ikzf1_outcomes.report.labels import variable_label
from ikzf1_outcomes.report.tables import SPAN, Table

MOST_THRESHOLDS = 8
"""A table with more thresholds is not printed; the figure and the raw rows have them all."""
NO_P = (
    "No P belongs to a change of concordance, AUC or Brier score: tests of them between nested models do not hold their "
    "size. The likelihood ratio is the test."
)


def number(estimate: float, low: float = math.nan, high: float = math.nan, digits: int = 3) -> str:
    """A measure with its interval: "0.712 (0.640 to 0.781)".

    Examples
    --------
    >>> number(0.7123, 0.64, 0.781), number(0.2), number(float("nan"))
    ('0.712 (0.640 to 0.781)', '0.200', 'NE')
    """
    if math.isnan(estimate):
        return cells.NOT_ESTIMABLE
    limits = "" if math.isnan(low) else f" ({low:.{digits}f} to {high:.{digits}f})"
    return f"{estimate:.{digits}f}{limits}".replace("-", "−")


def without_poor_limits(measures: pd.DataFrame) -> pd.DataFrame:
    """Measures without the limits between which their own estimate does not lie: a sign of few events, no interval."""
    best = best_of(measures)
    poor = (best < measures["low"]) | (best > measures["high"])
    return measures.assign(low=measures["low"].mask(poor), high=measures["high"].mask(poor))


def best_of(rows: pd.DataFrame) -> pd.Series:
    """What is corrected for optimism, as measured where nothing was."""
    return rows["corrected"].where(rows["corrected"].notna(), rows["estimate"])


def measured(measures: pd.DataFrame, rung: str, measure: str, *, change: bool = False) -> str:
    """A measure of a rung, or its change from the rung before, at the last of its times."""
    own = measures[(measures["term"] == rung) & (measures["measure"] == measure)]
    own = own[(own["contrast"] != "") == change]
    if not len(own):
        return ""
    own = own.iloc[[-1]]
    best = float(best_of(own).iloc[0])
    if change and math.isfinite(best):
        return cells.signed(best, own["low"].iloc[0], own["high"].iloc[0], lambda value: f"{value:+.3f}", "0.000")
    return number(best, own["low"].iloc[0], own["high"].iloc[0])


def ladder_table(measures: pd.DataFrame, rungs: pd.DataFrame, name: str, title: str) -> Table:
    """The rungs with their tests first, then how they predict new patients.

    Parameters
    ----------
    measures, rungs
        Of `added_value`: `.tidy()` and `.glance()`.
    name, title
        Of the table.

    Returns
    -------
    Table
        A row a rung.
    """
    last = f"{measures.loc[measures['measure'] == AUC, 'time'].max():g} years"
    shares = measures[measures["measure"] == "share of new information"].set_index("term")["estimate"]
    body = []
    for rung in rungs.itertuples():
        share = float(shares.get(rung.term, math.nan))
        test = "–" if math.isnan(rung.statistic) else f"{rung.statistic:.2f} ({rung.df:.0f})"
        body.append(
            {
                "section": "",
                "row": rung.term,
                "Parameters": cells.count(rung.n_parameters),
                f"Likelihood ratio{SPAN}chi-square (df)": test,
                f"Likelihood ratio{SPAN}P": cells.p_value(rung.p_value),
                f"Likelihood ratio{SPAN}new information, %": "" if math.isnan(share) else f"{100 * share:.0f}",
                f"{HARRELL}{SPAN}of the rung": measured(measures, rung.term, HARRELL),
                f"{HARRELL}{SPAN}change": measured(measures, rung.term, HARRELL, change=True),
                f"At {last}{SPAN}{AUC}": measured(measures, rung.term, AUC),
                f"At {last}{SPAN}{BRIER}": measured(measures, rung.term, BRIER),
                f"At {last}{SPAN}{IPA}": measured(measures, rung.term, IPA),
            }
        )
    level = f"{cells.count(rungs['n'].iloc[0])} patients, {cells.count(rungs['n_event'].iloc[0])} events"
    subtitle = f"{level} · {100 * measures['conf_level'].max():g} % CI"
    return Table(name, title, subtitle, pd.DataFrame(body).fillna(""), ladder_notes(measures, rungs))


def ladder_notes(measures: pd.DataFrame, rungs: pd.DataFrame) -> tuple[str, ...]:
    """How the table was made."""
    first = rungs.iloc[0]
    simulated = rungs[rungs["p_value"] == rungs["p_simulated"]]
    told = ["Each rung has the terms of the one before and more, and all have the same patients."]
    if len(simulated):
        told.append(
            f"P of {', '.join(simulated['term'])}: parametric bootstrap, {cells.count(first['n_simulations'])} studies, "
            "because chi-square rejects too often with fewer than 20 events per parameter."
        )
    done = int(measures["n_resamples"].max())
    if done:
        told.append(f"Measures are corrected for optimism ({first['method']}, {done} repetitions); intervals approximate.")
        lost = measures["low"].isna() & measures["std_error"].notna()
        if lost.any():
            told.append("No interval where that of the resamples does not hold the corrected estimate: events are too few.")
    else:
        told.append("Measures are those among the patients themselves: not corrected, and too good.")
    return (*told, NO_P, f"{IPA}: 1 less the Brier score over that of no covariates; 0 says nothing.")


def guard_rails(rungs: pd.DataFrame) -> list[str]:
    """What the reader must know of single rungs."""
    return [f"{rung.term}: {rung.note}." for rung in rungs.itertuples() if rung.note]


def calibration_table(rows: pd.DataFrame, name: str, title: str) -> Table | None:
    """Observed over expected risk and calibration slope of each rung; None where no risk could be predicted."""
    own = rows[rows["measure"] != ""]
    if not len(own):
        return None
    body = []
    for rung, part in own.groupby("term", sort=False):
        line = {"section": "", "row": str(rung)}
        for measure, values in part.groupby("measure", sort=False):
            row = values.iloc[0]
            line[str(measure).capitalize()] = number(row["estimate"], row["low"], row["high"], 2)
        body.append(line)
    level = f"{100 * own['conf_level'].max():g} % CI"
    told = (
        "Each patient's risk is predicted by models made without the patient (tenfold cross-validation, mean of 10).",
        "Observed / expected above 1: more events than predicted. Slope below 1: predictions lie too far apart.",
    )
    return Table(name, title, level, pd.DataFrame(body).fillna(""), told)


def benefit_table(rows: pd.DataFrame, name: str, title: str) -> Table | None:
    """Net benefit of each strategy at each threshold; None with too many of them."""
    own = rows[(rows["measure"] == BENEFIT) & (rows["contrast"] == "")]
    if own["threshold"].nunique() > MOST_THRESHOLDS:
        return None
    body = []
    for strategy, part in own.groupby("term", sort=False):
        line = {"section": "", "row": str(strategy)}
        for row in part.itertuples():
            shown = "0" if strategy == NONE else number(100 * row.estimate, 100 * row.low, 100 * row.high, 1)
            line[f"Threshold{SPAN}{row.threshold:.0%}"] = shown
        body.append(line)
    told = (
        "Net benefit in events found per 100 patients, less the patients treated in vain, weighed by the odds of the "
        "threshold. Risks are predicted by models made without the patient.",
    )
    return Table(name, title, f"{100 * own['conf_level'].max():g} % CI", pd.DataFrame(body).fillna(""), told)


def decision_words(rows: pd.DataFrame, rungs: Sequence[str], what: str) -> str:
    """The decision, and what the rungs do for it."""
    own = rows[(rows["measure"] == BENEFIT) & (rows["contrast"] == "")]
    wide = own.pivot(index="threshold", columns="term", values="estimate")  # noqa: PD010
    last, at = rungs[-1], own["time"].iloc[0]
    better = int((wide[last] > np.maximum(wide[ALL], wide[NONE])).sum())
    gap = 100 * (wide[last] - wide[rungs[0]])
    range_of = f"{100 * wide.index[0]:g} % to {100 * wide.index[-1]:g} %"
    said = f"Decision: {what.rstrip('.')}; thresholds from {range_of} of the risk by {at:g} years."
    if gap.isna().all():
        return f"{said} The net benefit is not estimable."
    gained = f"{gap.min():+.1f} to {gap.max():+.1f}".replace("-", "−")
    return (
        f"{said} Deciding by {last} does better than treating all and treating none at {better} of {len(wide)} thresholds; "
        f"its net benefit less that of {rungs[0]} is {gained} per 100 patients."
    )


def ratio_words(rows: pd.DataFrame, effect: str, labels: Mapping[str, str]) -> str:
    """The ratio of the effect before and after adjustment for the scores."""
    own = rows[(rows["term"] == effect) & (rows["note"] != "reference")]
    said = []
    for contrast, part in own.groupby("contrast", sort=False):
        before, after = (cells.hazard_text(part.iloc[[place]]) or "not estimable" for place in (0, 1))
        said.append(f"{coefficient_name(effect, str(contrast), labels)} {before} before and {after} after")
    n, events = cells.count(own["n"].max()), cells.count(own["n_event"].max())
    n_scores = rows.loc[rows["term"] != effect, "term"].nunique()
    return (
        (
            f"Hazard ratio of {'; '.join(said)} adjustment for {n_scores} scores, in the patients in whom all are known. "
            "Ratios are penalised (Firth), for events are few."
        )
        if n and events
        else ""
    )


def ratio_table(rows: pd.DataFrame, labels: Mapping[str, str], name: str, title: str) -> Table:
    """Ratios of effect and scores: without and with the others, in all and within levels."""
    body = []
    for (term, contrast), part in rows[rows["note"] != "reference"].groupby(["term", "contrast"], sort=False):
        alone, adjusted = (part[part["model"] == model] for model in ("univariable", "multivariable"))
        p = float(adjusted["p_value"].iloc[0]) if len(adjusted) else math.nan
        body.append(
            {
                "section": variable_label(str(term), labels),
                "row": level_of(str(term), str(contrast)) if contrast else "all, per SD",
                "N": cells.count(part["n"].iloc[-1]),
                "Events": cells.count(part["n_event"].iloc[-1]),
                f"Hazard ratio{SPAN}before": ratio_cell(alone),
                f"Hazard ratio{SPAN}after": ratio_cell(adjusted),
                "P": cells.p_value(p),
            }
        )
    told = (
        "Before and after: the effect without and with all scores; a score without and with the effect. Within a level: "
        "the score in its patients, per SD of all of them. P is of the last ratio, not adjusted for how many there are.",
    )
    return Table(name, title, f"{100 * rows['conf_level'].max():g} % CI", pd.DataFrame(body).fillna(""), told)


def ratio_cell(part: pd.DataFrame) -> str:
    """One ratio, "NE", or nothing where there is no such model."""
    return (cells.hazard_text(part) or cells.NOT_ESTIMABLE) if len(part) else ""


def set_words(rows: pd.DataFrame, first: str) -> str:
    """What the global tests say."""
    everything, sets = rows.iloc[0], rows.iloc[1:]
    hits = sets[sets["p_adjusted"] < 0.05]
    found = ", ".join(f"{row.term} ({cells.p_text(row.p_adjusted)})" for row in hits.itertuples())
    of_sets = f"of {len(sets)} sets, corrected by Holm, {found or 'none'} at 0.05" if len(sets) else "no sets"
    return (
        f"Peptides beside {first}, each set as one hypothesis ({cells.count(everything['n'])} patients, "
        f"{cells.count(everything['n_event'])} events): all together "
        f"{cells.p_text(everything['p_permutation'])}; {of_sets}."
    )


def set_table(rows: pd.DataFrame, name: str, title: str) -> Table:
    """Global tests: one row a set."""
    body = [
        {
            "section": "",
            "row": row.term,
            "Peptides": cells.count(row.n_features),
            "Not measured": cells.count(row.n_absent),
            "P": cells.p_value(row.p_permutation),
            "P, Holm": cells.p_value(row.p_adjusted),
        }
        for row in rows.itertuples()
    ]
    told = (
        "Null hypothesis: no peptide of the set is associated with the hazard, beside the terms of the first rung.",
        "By permutation of the residuals: beside adjusters the normal approximation does not hold its size.",
        "It has power where many peptides have small effects, in whatever direction.",
        *(f"{row.term}: {row.note}." for row in rows.itertuples() if row.note),
    )
    return Table(name, title, f"{cells.count(rows['n'].iloc[0])} patients", pd.DataFrame(body).fillna(""), told)
