"""From a study file to a folder of results."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from ikzf1_outcomes.definitions import ENDPOINTS
from ikzf1_outcomes.report import prose
from ikzf1_outcomes.report.document import Block, html_page
from ikzf1_outcomes.report.labels import variable_label
from ikzf1_outcomes.report.ledger import difference_table, flow_table, follow_up_table, ledger_table
from ikzf1_outcomes.report.outcome import outcome_table
from ikzf1_outcomes.report.tables import Table, escape_formulas
from ikzf1_outcomes.results import EVERYBODY, RESULT_COLUMNS, outcome_results
from ikzf1_outcomes.study.added_value_page import added_value_section
from ikzf1_outcomes.study.after_page import after_section
from ikzf1_outcomes.study.effects_page import effects_section, treated
from ikzf1_outcomes.study.folder import Workspace, slug, write
from ikzf1_outcomes.study.genome_page import genome_section
from ikzf1_outcomes.study.hierarchical_page import hierarchical_section
from ikzf1_outcomes.study.kinome_page import kinome_section
from ikzf1_outcomes.study.load import Study, endpoints_of, load_study
from ikzf1_outcomes.study.manifest import NAME, fingerprint, manifest, sha256, versions
from ikzf1_outcomes.study.mrd_page import mrd_section
from ikzf1_outcomes.study.pictures import draw_block
from ikzf1_outcomes.study.subgroups_page import subgroups_section

Progress = Callable[[str, int, int], None]
EFFECTS = (effects_section, hierarchical_section, subgroups_section, mrd_section, after_section, added_value_section)
"""Sections that follow the outcome, in their order."""
TEXT_COLUMNS = (
    "variable", "endpoint", "origin", "method", "term", "group", "contrast", "cause", "interval", "scale", "policy", "note",
)  # fmt: skip


def run_study(path: str | Path, out: str | Path, *, overwrite: bool = False, progress: Progress | None = None) -> Path:
    """Run a study file and write its results.

    The folder gets report.html, results.csv, tables/, figures/, methods.md and manifest.json. It is filled beside its
    final place and swapped in at the end: a run that fails or is killed leaves earlier results whole, and running it
    again with the same inputs takes up what was finished. The same inputs give the same bytes.

    Parameters
    ----------
    path
        The study file.
    out
        Folder of the results.
    overwrite
        Replace earlier results of this program in that folder.
    progress
        Called with the step, its number and the number of steps.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StudyError, CohortError, InputError
        Whatever is wrong with the input, before anything is written.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> iko.run_study("no_such_study.toml", "results")
    Traceback (most recent call last):
    ...
    ikzf1_outcomes.errors.StudyError: there is no study file 'no_such_study.toml'. Check the path.
    """
    tell = progress or (lambda step, done, total: None)
    study = load_study(path)
    work = Workspace(Path(out), fingerprint(study.plan), overwrite=overwrite)
    variables: list[str | None] = [None, *study.plan.groups]
    total = 2 * len(variables) + 2
    parts, blocks = [], []
    for place, variable in enumerate(variables):
        name = variable or EVERYBODY
        tell(f"numbers: {name}", place, total)
        parts.append(result_part(work, study, variable, place))
    results = pd.concat(parts, ignore_index=True)
    for place, variable in enumerate(variables):
        name = variable or EVERYBODY
        tell(f"figures: {name}", len(variables) + place, total)
        heading = "All patients" if variable is None else variable_label(variable, study.labels)
        pictures = draw_block(work, endpoints_of(study, variable), variable, f"{place:02d}_{slug(name)}", study)
        blocks.append(Block(heading, pictures))
    tell("report", total - 2, total)
    write_documents(work, study, results, blocks)
    tell("manifest", total - 1, total)
    work.drop("parts")
    outputs = {p.relative_to(work.folder).as_posix(): sha256(p) for p in work.files() if p.name != NAME}
    content = manifest(study.plan, study.cohort.provenance.n_rows, len(study.cohort), study.simulated, outputs)
    write(work.path(NAME), json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
    work.finish()
    tell("done", total, total)
    return work.out


def result_part(work: Workspace, study: Study, variable: str | None, place: int) -> pd.DataFrame:
    """The rows of one variable, computed or taken up from an earlier run."""

    def make() -> str:
        rows = outcome_results(endpoints_of(study, variable), variable, study.plan.settings)
        return rows.to_csv(index=False, lineterminator="\n")

    return read_results(work.step(f"parts/{place:02d}.csv", make).read_text(encoding="utf-8"))


def read_results(content: str) -> pd.DataFrame:
    """Results from their CSV text, to the last digit; a level called "NA" stays a level."""
    table = pd.read_csv(io.StringIO(content), dtype=str, keep_default_na=False)
    for name in RESULT_COLUMNS:
        if name not in TEXT_COLUMNS:
            table[name] = np.array([float(cell) if cell else np.nan for cell in table[name]])
    return table


def write_documents(work: Workspace, study: Study, results: pd.DataFrame, blocks: list[Block]) -> None:
    """results.csv, the tables, methods.md and report.html."""
    plan = study.plan
    labelled = results.assign(data="simulated" if study.simulated else "patients")
    write(work.path("results.csv"), escape_formulas(labelled).to_csv(index=False, lineterminator="\n"))
    horizon = plan.settings.horizon
    flow = flow_table(study.cohort.flow_table())
    outcome = outcome_table(results, study.labels, horizon, style=plan.style)
    outcome = outcome._replace(footnotes=(*outcome.footnotes, *filter(None, [treated(study)])))
    ledger = ledger_table(results, study.labels, horizon)
    differences = difference_table(results, study.labels, horizon)
    followed = follow_up_table(results, study.labels)
    made = (flow, outcome, ledger, differences, followed)
    tables = [labelled_table(table, study.simulated) for table in made if table is not None]
    genome, kinome = genome_section(work, study), kinome_section(work, study)
    before = [found for found in (genome, kinome) if found]
    effects = [found for section in EFFECTS if (found := section(work, study))]
    for _, own in before + effects:
        tables += own
    for table in tables:
        write(work.path(f"tables/{table.name}.csv"), table.to_csv())
        write(work.path(f"tables/{table.name}.html"), standalone(table))
    by_name = {table.name: table for table in tables}
    policies = {name: endpoint.policy for name, endpoint in study.endpoints.items()}
    told = [*genome[0].paragraphs, *genome[0].notes] if genome else []
    arrays = kinome[0].notes if kinome else ()
    text = prose.methods(
        plan.settings, policies, versions(), simulated=study.simulated, notice=plan.notice, genome=told, kinome=arrays
    )
    write(work.path("methods.md"), text)
    page = html_page(
        title=plan.title,
        question=plan.question,
        notice=plan.notice,
        simulated=study.simulated,
        summary=prose.summary(results, study.labels, plan.settings),
        flow=by_name["flow"],
        sections=[section for section, _ in before],
        effects=[section for section, _ in effects],
        outcome=by_name["outcome"],
        blocks=blocks,
        ledger=by_name.get("ledger"),
        differences=by_name.get("differences"),
        followed=by_name.get("follow_up"),
        endpoints={f"{name}: {ENDPOINTS[name].label}": policy for name, policy in policies.items()},
        methods=prose.statistics(plan.settings, policies),
        notes=[*study.cohort.provenance.notes, *(f"Rule applied: {rule}" for rule in study.cohort.provenance.rules)],
    )
    write(work.path("report.html"), page)


def labelled_table(table: Table, simulated: bool) -> Table:
    """The table, saying so when its data are simulated."""
    return table._replace(subtitle=f"{table.subtitle} · simulated data") if simulated else table


def standalone(table: Table) -> str:
    """A table as an HTML file of its own."""
    head = '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>'
    return f"{head}{table.title}</title></head><body>\n{table.to_html()}\n</body></html>\n"
