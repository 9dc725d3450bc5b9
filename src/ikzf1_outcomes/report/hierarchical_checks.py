"""Tables and sentences that speak about a hierarchical model: what the data added, replicates, a hazard that ends."""

from __future__ import annotations

import math

import pandas as pd

from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.hierarchical import (
    DELETED,
    LIMITS,
    NOT_CONVERGED,
    POOLED,
    UNDELETED,
    Words,
    class_name,
    events,
    people,
    probability,
    sentence,
    shown_effects,
)
from ikzf1_outcomes.report.tables import SPAN, Table

UNUSUAL = 0.025
"""Share of the replicates above, or below, what was observed, from which on the page points to it."""
MEASURES = {"event-free survival": "Event-free survival, %", "cumulative incidence": "Incidence of {}, %"}
BEYOND = "beyond the follow-up"


def evidence(effects: pd.DataFrame, words: Words) -> str:
    """What the data added to the prior, class by class."""
    shown = shown_effects(effects, words)
    said = [
        f"{class_name(row.contrast, words)} {probability(row.prior_p_above_1)} → {probability(row.p_above_1)} "
        f"({people(row.n)}, {events(row.n_event)})"
        for row in shown[shown["method"] == POOLED].itertuples(index=False)
    ]
    begin = f"Probability that the hazard of {words.interest} is higher than without a deletion, before → after the data: "
    without = [row for row in shown[shown["method"] == POOLED].itertuples(index=False) if row.n_event == 0]
    end = " A class without events has the numbers of the other classes and of the prior." if without else ""
    return f"{begin}{'; '.join(said)}.{end}" if said else ""


def prior_sentence(curves: pd.DataFrame, words: Words) -> str:
    """What the priors expect of patients without a deletion."""
    own = curves[(curves["measure"] == "event-free survival") & (curves["group"] == UNDELETED)]
    # the horizon is one of the times but for its last digit
    own = own[(own["time"] - words.horizon).abs() < 1e-6]
    row = own.loc[own["conf_level"].idxmax()]
    middle, low, high = (f"{100 * row[limit]:.0f}" for limit in LIMITS)
    return (
        f"Before the data, the priors expect a {words.horizon:g}-year event-free survival without a deletion of {middle} % "
        f"(median; {low} to {high} % with probability {row['conf_level']:g})."
    )


def at_horizon(rows: pd.DataFrame, words: Words) -> pd.DataFrame:
    """The rows of the check at the horizon, or at the last time before it to which there is follow-up on both sides.

    The sides are those with and without a deletion; a class may end before.
    """
    sides = rows[rows["group"].isin([UNDELETED, DELETED])]
    followed = sides["observed"].notna().groupby(sides["time"]).all()
    # the horizon is one of the times but for its last digit
    times = followed.index[followed & (followed.index <= words.horizon + 1e-6)]
    at = times.max() if len(times) else rows["time"].min()
    return rows[(rows["time"] == at) & rows["cause"].isin(["any", words.interest])]


def years_of(shown: pd.DataFrame) -> str:
    """The one time of some rows, as a text has it."""
    return f"{shown['time'].iloc[0]:.3g}"


def check_sentence(rows: pd.DataFrame, words: Words) -> str:
    """Whether what was seen up to the horizon is usual under the model."""
    shown = at_horizon(rows, words)
    share = shown["p_above_observed"].astype(float)
    known, odd = shown[share.notna()], shown[(share < UNUSUAL) | (share > 1 - UNUSUAL)]
    if not len(known):
        return "No class is followed: the model cannot be checked."
    begin = f"In cohorts replicated from the model, {years_of(shown)}-year risks "
    if not len(odd):
        return (
            f"{begin}as observed are usual in every class (replicates above the observed: "
            f"{probability(share.min())} to {probability(share.max())}); in small classes that says little."
        )
    names = dict.fromkeys(class_name(str(group), words) for group in odd["group"])
    return (
        f"{begin}as observed are rare in {', '.join(names)} (fewer than 1 in 40 replicates lie as far out): the model may "
        f"not describe {'it' if len(names) == 1 else 'them'} well."
    )


def check_table_of(rows: pd.DataFrame, words: Words, name: str, title: str) -> Table:
    """Observed and replicated risks of each class at the horizon."""
    shown, body = at_horizon(rows, words), []
    for group, own in shown.groupby("group", sort=False):
        line = {"section": "", "row": sentence(class_name(str(group), words))}
        for measure, head in MEASURES.items():
            row = own[own["measure"] == measure].iloc[0]
            span = head.format(words.interest)
            if measure == "event-free survival":
                line |= {"Patients": cells.count(row["n"])}
            columns = {
                "observed": cells.percent(row["observed"]).split(" ")[0],
                "replicates": cells.percent(*(row[limit] for limit in LIMITS)),
                "expected (CrI)": cells.percent(row["fitted"], row["fitted_low"], row["fitted_high"]),
                "share above": probability(float(row["p_above_observed"])),
            }
            line |= {f"{span}{SPAN}{key}{' ' * (measure != 'event-free survival')}": v for key, v in columns.items()}
        body.append(line)
    notes = [
        "Replicates: cohorts of the same patients, with times and causes of events drawn from the model and censored where "
        "these patients would be; median and interval of Kaplan-Meier or Aalen-Johansen. Share above: replicates above "
        "what was observed, those equal to it by half; values near 0 or 1 speak against the model. Expected: the mean over "
        "the patients of the class, with the credible interval of the model (CrI).",
        *(["Replicates of chains that have not converged."] if NOT_CONVERGED in "".join(rows["note"]) else []),
    ]
    level = f"{100 * rows['conf_level'].max():g} %"
    return Table(name, title, f"At {years_of(shown)} years; {level} intervals", pd.DataFrame(body), tuple(notes))


def bound_table_of(rows: pd.DataFrame, words: Words, name: str, title: str) -> Table:
    """The difference in risk, were nobody to fail after some years."""
    body = []
    times = list(dict.fromkeys(rows["time"]))
    for bound, own in rows.groupby("bound", sort=False, dropna=False):
        none = math.isnan(float(bound))
        line = {"section": "", "row": "No bound: as on this page" if none else f"Nobody fails after {bound:g} years"}
        for at in times:
            row = own[own["time"] == at].iloc[0]
            line[f"Difference in risk, points{SPAN}at {at:g} years (credible)"] = cells.signed_percent(*row[LIMITS])
            line[f"Difference in risk, points{SPAN}at {at:g} years: above 0"] = probability(row["p_above_0"])
        line["Remark"] = remark(own)
        body.append(line)
    frame = pd.DataFrame(body)
    if not frame["Remark"].any():
        frame = frame.drop(columns="Remark")
    notes = [
        "A hazard of 0 after the bound assumes cure: the data do not say it, and late relapses and second malignancies "
        "exist. Numbers that move with the bound rest on that assumption.",
        "Any deletion against none, standardised to the case mix of these patients.",
    ]
    level = f"{sentence(words.interest)}; {100 * rows['conf_level'].max():g} % credible intervals"
    return Table(name, title, level, frame, tuple(notes))


def remark(own: pd.DataFrame) -> str:
    """What the rows of a bound say of themselves."""
    said = []
    for row in own[own["note"] != ""].itertuples(index=False):
        for piece in str(row.note).split("; "):
            decides = "the assumption" if row.bound <= row.time else "the prior"
            late = f"{row.time:g} years lie beyond the follow-up: {decides} decides"
            said.append(late if piece.startswith(BEYOND) else piece)
    return "; ".join(dict.fromkeys(said))
