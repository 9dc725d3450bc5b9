"""Classes estimated together: the section of the hierarchical model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd

from ikzf1_outcomes.definitions import ENDPOINTS
from ikzf1_outcomes.report.bayes_reporting import Facts, reporting_table_of
from ikzf1_outcomes.report.document import Picture, Section
from ikzf1_outcomes.report.hierarchical import (
    NOT_CONVERGED,
    Words,
    class_name,
    diagnostic_table_of,
    effect_table_of,
    headline,
    meaning,
    prior_table_of,
    risk_table_of,
    sensitivity_table_of,
    story,
    who_is_in,
)
from ikzf1_outcomes.report.hierarchical_checks import (
    bound_table_of,
    check_sentence,
    check_table_of,
    evidence,
    prior_sentence,
)
from ikzf1_outcomes.report.labels import level_label
from ikzf1_outcomes.report.tables import Table
from ikzf1_outcomes.study.effects_page import FOLDER, Found, labelled, taken_up, treated, write_rows
from ikzf1_outcomes.study.folder import Workspace
from ikzf1_outcomes.study.hierarchical import (
    Asked,
    asked_of,
    diagnostic_rows,
    difference_rows,
    effect_rows,
    fits_of,
    prior_rows,
    risk_rows,
    sensitivity_rows,
)
from ikzf1_outcomes.study.hierarchical_checks import bound_rows, check_rows, prior_curve_rows, prior_risk_rows
from ikzf1_outcomes.study.hierarchical_evidence import evidence_rows
from ikzf1_outcomes.study.hierarchical_plan import HierarchicalPlan
from ikzf1_outcomes.study.load import Study, together
from ikzf1_outcomes.study.manifest import versions
from ikzf1_outcomes.study.pictures import kept, note_of, simulated

NAME = "hierarchical"
HEADING = "Small classes, estimated together"
KINDS = (
    "effects", "risks", "differences", "check", "sensitivity", "bounds", "diagnostics", "priors", "prior_risks",
    "prior_curves",
)  # fmt: skip


def hierarchical_section(work: Workspace, study: Study) -> Found | None:
    """The section and its tables; None for a study without the part."""
    plan = study.plan.hierarchical
    if plan is None:
        return None
    asked = asked_of(plan, together(study))
    rows = rows_of(work, study, plan, asked)
    words = Words(plan.classes, asked.interest, study.plan.settings.horizon)
    who = conditions(study, plan, asked, rows["diagnostics"])
    facts = Facts(rows, words, ENDPOINTS[asked.name].label, who, versions(), plan.seed)
    tables = [labelled(table, study) for table in tables_of(facts)]
    for kind in KINDS:
        write_rows(work, study, NAME if kind == "effects" else f"{NAME}_{kind}", [rows[kind]])
    told = (
        headline(rows["effects"], rows["differences"], rows["diagnostics"], words),
        who,
        meaning(rows["effects"], words),
        prior_sentence(rows["prior_curves"], words),
        evidence(rows["effects"], words),
        check_sentence(rows["check"], words),
        treated(study),
    )
    figures = (
        shrinkage_plot(work, study, rows["effects"], words),
        prior_plot(work, study, rows["prior_curves"], words, asked),
        *check_plots(work, study, rows, words, asked),
    )
    return Section(NAME, HEADING, story(told, rows["diagnostics"]), tuple(tables), figures, (), FOLDER), tables


def rows_of(work: Workspace, study: Study, plan: HierarchicalPlan, asked: Asked) -> dict[str, pd.DataFrame]:
    """The numbers of the section; the model is sampled only for those that no earlier run has finished."""
    settings = study.plan.settings
    at, level = settings.horizon, settings.conf_level
    fits = fits_of(plan, asked, at)
    makers: dict[str, Callable[[], pd.DataFrame]] = {
        "effects": lambda: effect_rows(fits(1.0), level),
        "risks": lambda: risk_rows(fits(1.0), asked, settings),
        "differences": lambda: difference_rows(fits(1.0), asked, at, level),
        "check": lambda: check_rows(fits(1.0), asked, at, plan.seed, level),
        "bounds": partial(bound_rows, fits, plan, asked, at, level),
        "prior_risks": partial(prior_risk_rows, plan, asked, at, level),
        "prior_curves": partial(prior_curve_rows, plan, asked, at),
        "sensitivity": lambda: pd.concat(
            [sensitivity_rows(fits, asked, at, level), evidence_rows(fits, plan, asked, at, level)], ignore_index=True
        ),
        "diagnostics": lambda: diagnostic_rows(fits(1.0)),
        "priors": lambda: prior_rows(fits(1.0)),
    }
    return {kind: taken_up(work, f"{NAME}_{kind}", makers[kind]) for kind in KINDS}


def tables_of(facts: Facts) -> list[Table]:
    """The tables in the order of the page."""
    rows, words, effects = facts.rows, facts.words, facts.rows["effects"]
    return [
        effect_table_of(effects, words, f"{NAME}_effects", f"Classes alone and together: {facts.endpoint}"),
        risk_table_of(rows["risks"], effects, words, f"{NAME}_risks", "What is expected of each class, and what was seen"),
        check_table_of(rows["check"], words, f"{NAME}_check", "Whether the model describes each class"),
        sensitivity_table_of(rows["sensitivity"], words, f"{NAME}_sensitivity", "Any deletion, with other priors"),
        bound_table_of(rows["bounds"], words, f"{NAME}_bounds", "Any deletion, were nobody to fail after some years"),
        diagnostic_table_of(rows["diagnostics"], f"{NAME}_diagnostics", "Whether the chains have converged"),
        prior_table_of(rows["priors"], f"{NAME}_priors", "What was assumed before the data"),
        reporting_table_of(facts, f"{NAME}_reporting", "What a report of a Bayesian analysis must say"),
    ]


def conditions(study: Study, plan: HierarchicalPlan, asked: Asked, diagnostics: pd.DataFrame) -> str:
    """Who is in the model, and what it is adjusted for."""
    names = [name for name in (plan.subtype, plan.protocol) if name]
    adjusted = [study.labels[name] for name in names] + ([plan.covariates] if plan.covariates else [])
    adjusted += [study.labels[name] for name in plan.alterations]
    there = set(asked.endpoint.frame[plan.classes].dropna().astype(str))
    undeleted = [level_label(plan.classes, level) for level in plan.undeleted if level in there]
    overall = diagnostics.iloc[0]
    return who_is_in(overall["n"], asked.n_before, int(overall["n_excluded"]), plan.landmark, undeleted, adjusted)


def shrinkage_plot(work: Workspace, study: Study, effects: pd.DataFrame, words: Words) -> Picture:
    """The picture of the effects."""
    from ikzf1_outcomes.report.hierarchical_figures import shrinkage_alt, shrinkage_figure

    lost = "Chains not converged." if effects["note"].str.contains(NOT_CONVERGED).any() else ""
    note = " ".join(filter(None, (note_of(study), lost)))
    path = kept(work, f"figures/{NAME}", lambda: shrinkage_figure(effects, words, note=note))
    caption = "Hazard ratios of each class alone (Cox, Firth) and estimated together, with intervals."
    return Picture(path, shrinkage_alt(effects, words), simulated(caption, study), broad=True)


def prior_plot(work: Workspace, study: Study, curves: pd.DataFrame, words: Words, asked: Asked) -> Picture:
    """What the priors hold of curves, before the data."""
    from ikzf1_outcomes.report.prior_figures import prior_curves_alt, prior_curves_figure

    named = curves.assign(group=[class_name(str(group), words) for group in curves["group"]])
    cause, at = words.interest, words.horizon
    draw = partial(prior_curves_figure, named, start=asked.landmark, note=note_of(study), cause=cause, horizon=at)
    caption = (
        "What the priors hold before the data, for these patients: median and bands of 95 % and 50 % of event-free "
        f"survival and of the incidence of {cause}, without and with a deletion."
    )
    alt = prior_curves_alt(named, cause=cause, horizon=at)
    return Picture(kept(work, f"figures/{NAME}_priors", draw), alt, simulated(caption, study), broad=True)


def check_plots(
    work: Workspace, study: Study, rows: dict[str, pd.DataFrame], words: Words, asked: Asked
) -> tuple[Picture, ...]:
    """The predictive check as two pictures: event-free survival, and the incidence of the cause of interest."""
    from ikzf1_outcomes.report.hierarchical_check_figures import ALIVE, FAILED, check_alt, check_figure, measure_name

    shown, pictures = rows["check"], []
    lost = "Chains not converged." if shown["note"].str.contains(NOT_CONVERGED).any() else ""
    note = " ".join(filter(None, (note_of(study), lost)))
    for measure, stem in ((ALIVE, "check_survival"), (FAILED, "check_incidence")):
        draw = partial(check_figure, shown, words, measure, start=asked.landmark, note=note)
        caption = (
            f"Predictive check, {measure_name(measure, words)}: observed in each class (step), cohorts of the same "
            "patients replicated from the model (band), and what the model expects of these patients (dashed)."
        )
        path = kept(work, f"figures/{NAME}_{stem}", draw)
        pictures.append(Picture(path, check_alt(shown, words, measure), simulated(caption, study)))
    return tuple(pictures)
