"""Classes that are estimated together: their sentences and their tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.labels import NO_DELETION, level_label
from ikzf1_outcomes.report.tables import SPAN, Table

DELETED, UNDELETED = "any deletion", "not deleted"
POOLED = "hierarchical"
NOT_CONVERGED = "not converged"
PRIOR_NAMES = {
    "level": "Hazard up to the horizon, without a deletion",
    "drift": "Change of the hazard over a year",
    "deletion": "Any deletion",
    "class_spread": "How much classes differ",
    "subtype_spread": "How much subtypes differ",
    "cell_spread": "How much classes differ by subtype",
    "protocol_spread": "How much protocols differ",
    "covariate": "A covariate, per standard deviation",
    "alteration": "Another alteration",
}
WIDTHS = {0.5: "half as wide", 1.0: "as on this page", 2.0: "twice as wide"}
WITH_EVIDENCE = "with published evidence"
NOT_POSSIBLE = "not possible"
LIMITS = ["estimate", "low", "high"]


class Words(NamedTuple):
    """What a page calls its things."""

    classes: str
    """Column of the classes."""
    interest: str
    horizon: float


def probability(value: float) -> str:
    """A probability of the draws with two decimals, never 0.00 or 1.00: so many draws there are not.

    Examples
    --------
    >>> [probability(p) for p in (0.5, 0.9876, 0.9991, 0.0, float("nan"))]
    ['0.50', '0.99', '>0.99', '<0.01', '–']
    """
    if math.isnan(value):
        return "–"
    return "<0.01" if value < 0.005 else ">0.99" if value >= 0.995 else f"{value:.2f}"


def class_name(text: str, words: Words) -> str:
    """A class, or the left side of a contrast, in words."""
    level = text.split(" vs ", 1)[0]
    if level in (DELETED, UNDELETED):
        return NO_DELETION if words.classes.startswith("ikzf1") and level == UNDELETED else level
    return level_label(words.classes, level)


def shown_effects(effects: pd.DataFrame, words: Words) -> pd.DataFrame:
    """Effects of any deletion and of the classes on the cause of interest."""
    return effects[effects["term"].isin(["deletion", "class"]) & (effects["cause"] == words.interest)]


def only(rows: pd.DataFrame, **values: object) -> pd.Series:
    """The first row with some values."""
    for name, value in values.items():
        rows = rows[rows[name] == value]
    return rows.iloc[0]


def headline(effects: pd.DataFrame, differences: pd.DataFrame, diagnostics: pd.DataFrame, words: Words) -> str:
    """The finding: the difference in risk between any deletion and none, and what the data added to the prior."""
    contrast, measure = f"{DELETED} vs {UNDELETED}", "cumulative incidence"
    difference = only(differences, contrast=contrast, measure=measure, cause=words.interest)
    effect = only(effects, term="deletion", cause=words.interest, method=POOLED)
    overall = only(diagnostics, cause=words.interest)
    level = f"{100 * difference['conf_level']:g} %"
    low, high = (f"{100 * difference[name]:+.0f}".replace("-", "−") for name in ("low", "high"))
    low, high = (text if text[1:] != "0" else "0" for text in (low, high))
    return (
        f"Standardised to the case mix of these patients, the {words.horizon:g}-year risk of {words.interest} is "
        f"{points(difference['estimate'])} ({level} credible interval {low} to {high} points); the probability that it is "
        f"higher with a deletion is {probability(difference['p_above_0'])}. That the hazard is higher had a probability of "
        f"{probability(effect['prior_p_above_1'])} before the data, and has {probability(effect['p_above_1'])} after them "
        f"({people(overall['n'])}, {events(overall['n_event'])}; with a deletion {people(effect['n'])}, "
        f"{events(effect['n_event'])})."
    )


def points(value: float) -> str:
    """How the risk with a deletion stands to that without.

    Examples
    --------
    >>> points(-0.01)
    '1 percentage point lower with any deletion than without'
    """
    size = f"{100 * abs(value):.0f}"
    if size == "0":
        return "0 percentage points different between any deletion and none"
    unit = "percentage point" if size == "1" else "percentage points"
    return f"{size} {unit} {'higher' if value > 0 else 'lower'} with any deletion than without"


def people(n: float) -> str:
    """Patients, counted."""
    return f"{cells.count(n)} patient{'' if n == 1 else 's'}"


def events(n: float) -> str:
    """Events, counted."""
    return f"{cells.count(n)} event{'' if n == 1 else 's'}"


def verdict(diagnostics: pd.DataFrame) -> str:
    """Whether the draws can be relied on."""
    failed = diagnostics[diagnostics["failed"] != ""]
    if len(failed):
        reasons = "; ".join(f"{row.cause}: {row.failed}" for row in failed.itertuples(index=False))
        return f"The chains have not converged ({reasons}): do not rely on the numbers of this section."
    greatest, least = diagnostics["r_hat"].max(), diagnostics[["ess_bulk", "ess_tail"]].min().min()
    return (
        f"The chains have converged (R-hat {greatest:.3f} or less, effective sample size {least:.0f} or more, "
        "no divergences)."
    )


def story(sentences: Sequence[str], diagnostics: pd.DataFrame) -> tuple[str, ...]:
    """The paragraphs of the section; the verdict on the draws comes first where they are not to be relied on."""
    said, last = tuple(filter(None, sentences)), verdict(diagnostics)
    return (last, *said) if (diagnostics["failed"] != "").any() else (*said, last)


def meaning(effects: pd.DataFrame, words: Words) -> str:
    """What "any deletion" is a mean of."""
    own = effects[(effects["term"] == "class") & (effects["cause"] == words.interest) & (effects["method"] == POOLED)]
    if not len(own):
        return "There is one deleted class only: its effect is that of any deletion."
    listed = ", ".join(f"{class_name(row.contrast, words)} {cells.count(row.n)}" for row in own.itertuples(index=False))
    return (
        "Classes with few patients are estimated together: each is drawn towards the mean of all, the more so the fewer "
        f"events it has. In risks, any deletion is the classes as they are among the deleted here ({listed}); as a hazard "
        "ratio it is their mean with equal weights."
    )


def effect_table_of(effects: pd.DataFrame, words: Words, name: str, title: str) -> Table:
    """Hazard ratios of any deletion and of each class: Cox, Firth and the hierarchical model."""
    shown = shown_effects(effects, words)
    body, missing = [], []
    for contrast, own in shown.groupby("contrast", sort=False):
        found = {method: only(own, method=method) for method in ("Cox", "Firth", POOLED)}
        pooled = found[POOLED]
        row = class_name(str(contrast), words)
        body.append(
            {
                "section": "", "row": sentence(row), "Patients": cells.count(pooled["n"]),
                "Events": cells.count(pooled["n_event"]),
                f"Hazard ratio{SPAN}Cox (confidence)": ratio_of(found["Cox"]),
                f"Hazard ratio{SPAN}Firth (confidence)": ratio_of(found["Firth"]),
                f"Hazard ratio{SPAN}estimated together (credible)": ratio_of(pooled),
                f"Probability of a ratio above 1{SPAN}before the data": probability(pooled["prior_p_above_1"]),
                f"Probability of a ratio above 1{SPAN}after them": probability(pooled["p_above_1"]),
            }
        )  # fmt: skip
        missing += [(method, plain_note(found[method]["note"], str(contrast)), row) for method in ("Cox", "Firth")]
    notes = [
        "Cox and Firth have the same patients and the same adjustment, each class on its own. Confidence and credible "
        "intervals are different things: the credible one holds the ratio with the probability given, under the priors "
        "below. NE, not estimable.",
        *gathered(missing),
    ]
    notes += ["Estimates of chains that have not converged."] if NOT_CONVERGED in "".join(shown["note"]) else []
    level = f"{100 * effects['conf_level'].max():g} % intervals; against {class_name(UNDELETED, words)}"
    return Table(name, title, level, pd.DataFrame(body), tuple(notes))


def plain_note(note: str, contrast: str) -> str:
    """A note of an estimate without the code of its class, which the page calls otherwise."""
    level = contrast.split(" vs ", 1)[0]
    return str(note).replace(f" in {level}", "").replace(" in this level", "")


def gathered(noted: Iterable[tuple[str, str, str]]) -> list[str]:
    """Method, note and class: each note once, with all classes that it is of."""
    classes: dict[tuple[str, str], list[str]] = {}
    for method, note, row in noted:
        if note:
            classes.setdefault((method, note), []).append(row)
    return [f"{method}: {note} ({', '.join(rows)})." for (method, note), rows in classes.items()]


def sentence(text: str) -> str:
    """A text with a capital at its start; names such as IK6 or Δ4-8 stay as they are."""
    return text[:1].upper() + text[1:]


def ratio_of(row: pd.Series) -> str:
    """A ratio with its interval, from logarithms."""
    return cells.hazard_text(row.to_frame().T) or cells.NOT_ESTIMABLE


def risk_table_of(risks: pd.DataFrame, effects: pd.DataFrame, words: Words, name: str, title: str) -> Table:
    """Event-free survival and incidence of each class: of the model, and as observed."""
    shown = shown_effects(effects, words)
    shown = shown[shown["method"] == POOLED]
    sizes = {str(row.contrast).split(" vs ", 1)[0]: row.n for row in shown.itertuples(index=False)}
    measures = {"Event-free survival, %": ("event-free survival", "any", "Kaplan-Meier")}
    measures[f"Incidence of {words.interest}, %"] = ("cumulative incidence", words.interest, "Aalen-Johansen")
    body = []
    for group in dict.fromkeys(risks.loc[risks["method"] == POOLED, "group"]):
        own = risks[risks["group"] == group]
        line = {"section": "", "row": sentence(class_name(str(group), words))}
        line["Patients"] = cells.count(sizes.get(str(group), math.nan))
        for place, (head, (measure, cause, classical)) in enumerate(measures.items()):
            same = own[(own["measure"] == measure) & (own["cause"] == cause)]
            for method, label in ((POOLED, "adjusted for case mix (CrI)"), (classical, "as observed (CI)")):
                found = same[same["method"] == method]
                text = cells.percent(*found[LIMITS].iloc[0]) if len(found) else cells.NOT_ESTIMABLE
                line[f"{head}{SPAN}{label}{' ' * place}"] = text
        body.append(line)
    frame = pd.DataFrame(body)
    frame["Patients"] = [text or undeleted_count(sizes, effects) for text in frame["Patients"]]
    notes = [
        "Adjusted for case mix: what the model expects, were all patients of that class, with their subtypes, protocols "
        "and covariates as they are. As observed: Kaplan-Meier and Aalen-Johansen for the patients of that class. Both "
        "are of those who were event-free at the landmark.",
        *remarks(risks, words),
    ]
    level = f"{100 * risks['conf_level'].max():g} %"
    level = f"At {words.horizon:g} years; CrI: {level} credible interval, CI: {level} confidence interval"
    return Table(name, title, level, frame, tuple(notes))


def undeleted_count(sizes: Mapping[str, float], effects: pd.DataFrame) -> str:
    """Patients without a deletion: all but those with one."""
    everybody = effects.loc[effects["term"] == "level", "n"].max()
    return cells.count(float(everybody) - sizes.get(DELETED, math.nan))


def remarks(risks: pd.DataFrame, words: Words) -> list[str]:
    """What the rows say of themselves, with whom it concerns."""
    noted = risks[(risks["note"] != "") & risks["cause"].isin(["any", words.interest])]
    return [
        f"{sentence(str(note))} ({', '.join(dict.fromkeys(class_name(str(g), words) for g in own['group']))})."
        for note, own in noted.groupby("note", sort=False)
    ]


def sensitivity_table_of(rows: pd.DataFrame, words: Words, name: str, title: str) -> Table:
    """The effect of any deletion under priors of several widths."""
    body = []
    for factor, own in rows.groupby("factor", sort=False, dropna=False):
        ratio, risk = (only(own, measure=measure) for measure in ("hazard ratio", "cumulative incidence"))
        texts = [cells.ratio(*(math.exp(ratio[name]) for name in LIMITS)), cells.signed_percent(*risk[LIMITS])]
        if str(ratio["note"]).startswith(NOT_POSSIBLE):
            texts = [NOT_POSSIBLE] * 2
        body.append(
            {
                "section": "", "row": sentence(priors_name(float(factor))),
                f"Hazard ratio{SPAN}any deletion (credible)": texts[0],
                f"Hazard ratio{SPAN}above 1: before the data": probability(ratio["prior_p_above"]),
                f"Hazard ratio{SPAN}above 1: after them": probability(ratio["p_above"]),
                f"Difference in risk, points{SPAN}any deletion (credible)": texts[1],
                f"Difference in risk, points{SPAN}above 0": probability(risk["p_above"]),
                "Chains": chains_of(str(own["note"].iloc[0])),
            }
        )  # fmt: skip
    level = f"{sentence(words.interest)} within {words.horizon:g} years; {100 * rows['conf_level'].max():g} % intervals"
    told = "All priors have half, once and twice the scale of the table of priors. Numbers that move rest on the priors."
    return Table(name, title, level, pd.DataFrame(body), (told, *evidence_notes(rows)))


def priors_name(factor: float) -> str:
    """The priors of a row: their width, or where the evidence is that has none."""
    return WITH_EVIDENCE if math.isnan(factor) else WIDTHS[factor]


def chains_of(note: str) -> str:
    """How the chains of a row went, if there were any."""
    return "–" if note.startswith(NOT_POSSIBLE) else NOT_CONVERGED if NOT_CONVERGED in note else "converged"


def evidence_notes(rows: pd.DataFrame) -> list[str]:
    """What published evidence the prior of any deletion is from, or why there is none."""
    own = rows[rows["factor"].isna()]
    if not len(own):
        return []
    row = own.iloc[0]
    if str(row["note"]).startswith(NOT_POSSIBLE):
        return [f"{sentence(WITH_EVIDENCE)}, {row['note']}."]
    return [f"{sentence(WITH_EVIDENCE)}: any deletion alone has another prior, the {row['reason']} ({row['source']})."]


def diagnostic_table_of(rows: pd.DataFrame, name: str, title: str) -> Table:
    """How the chains went, a row a cause."""
    body = [
        {
            "section": "", "row": sentence(str(row.cause)),
            "Patients": cells.count(row.n), "Events": cells.count(row.n_event),
            "Chains": f"{row.chains:g} × {row.draws:g}", "R-hat, greatest": f"{row.r_hat:.3f}",
            f"Effective sample size, least{SPAN}bulk": f"{row.ess_bulk:.0f}",
            f"Effective sample size, least{SPAN}tails": f"{row.ess_tail:.0f}",
            "Divergences": f"{row.divergences:g}", "E-BFMI, least": f"{row.bfmi:.2f}", "Tries": f"{row.tries:g}",
            "Converged": "no" if row.failed else "yes",
        }
        for row in rows.itertuples(index=False)
    ]  # fmt: skip
    asked = "Asked of the draws: R-hat below 1.01, effective sample sizes above 400, no divergences, E-BFMI above 0.3."
    notes = [f"{sentence(str(row.cause))}: {row.note}." for row in rows.itertuples(index=False) if row.note]
    return Table(name, title, "No-U-turn sampler; each cause is sampled by itself", pd.DataFrame(body), (asked, *notes))


def prior_table_of(rows: pd.DataFrame, name: str, title: str) -> Table:
    """The priors, with what 95 % of each means."""
    body = [
        {
            "section": "", "row": PRIOR_NAMES.get(row.term, row.term),
            "Prior": f"{row.prior} ({row.prior_location:.2f}, {row.prior_scale:.2f})".replace("(-", "(−"),
            "Of": row.unit, "95 % of it": reach(row), "Why": row.reason,
        }
        for row in rows.itertuples(index=False)
    ]  # fmt: skip
    told = "Normal (mean, SD); half-normal: the positive half of a normal (0, SD). Ratios and shares are of the 95 %."
    sources = [
        f"{sentence(str(source))}: {', '.join(PRIOR_NAMES.get(str(term), str(term)) for term in own['term'])}."
        for source, own in rows.groupby("source", sort=False)
    ]
    if len(sources) == 1:
        sources = [f"All: {rows['source'].iloc[0]}."]
    return Table(name, title, "Of the models of this section", pd.DataFrame(body), (told, *sources))


def reach(row: object) -> str:
    """The middle 95 % of a prior, as a reader thinks of it: ratios, and shares of patients."""
    low, high, unit = float(row.low), float(row.high), str(row.unit)  # type: ignore[attr-defined]
    if unit.startswith("log hazard ratio"):
        return f"hazard ratio {cells.ratio_number(math.exp(low))}–{cells.ratio_number(math.exp(high))}"
    if unit.startswith("log cumulative hazard"):
        shares = [100 * -math.expm1(-math.exp(value)) for value in (low, high)]
        return f"{shares[0]:.0f}–{shares[1]:.0f} % of patients"
    return f"{low:.2f}–{high:.2f}"


def who_is_in(
    n: float, n_before: int, n_unknown: int, landmark: float, undeleted: Sequence[str], adjusted: Sequence[str]
) -> str:
    """The patients of the model, who was left out, and what the model has beside the class."""
    out = []
    if n_before:
        out.append(f"{n_before} whose follow-up ended before")
    if n_unknown:
        out.append(f"{n_unknown} of whom the class, or another column of the model, is not known")
    left = f"; left out are {' and '.join(out)}" if out else ""
    beside = f" Adjusted for: {', '.join(adjusted)}." if adjusted else " Adjusted for nothing."
    compared = f" Counted as without a deletion: {', '.join(undeleted)}." if len(undeleted) > 1 else ""
    starts = f"{people(n)} who were event-free at the landmark of {landmark:g} years"
    return f"Model and risks are of the {starts}{left}.{compared}{beside}"
