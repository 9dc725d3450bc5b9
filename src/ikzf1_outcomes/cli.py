"""The command line: parse, call, write. No statistics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ikzf1_outcomes.errors import OutcomesError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="From a patient file to the EFS and relapse table.",
)
StudyFile = Annotated[Path, typer.Argument(help="The study file (TOML).", show_default=False)]
Out = Annotated[Path, typer.Option(help="Folder for the results.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace earlier results in that folder.")]


@contextmanager
def explained() -> Iterator[None]:
    """Turn our errors into a message and exit status 1; other errors stay what they are."""
    try:
        yield
    except OutcomesError as error:
        typer.secho(f"error: {error}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from None


@app.command()
def run(study: StudyFile, out: Out = Path("results"), overwrite: Overwrite = False) -> None:
    """Run a study file: tables, figures, report, manifest."""
    with explained():
        run_with_progress(study, out, overwrite=overwrite)


def run_with_progress(study: Path, out: Path, *, overwrite: bool) -> None:
    """Run and show how far it is."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from ikzf1_outcomes.study.run import run_study

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<40.40}"), BarColumn(), TextColumn("{task.completed:g}/{task.total:g}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("reading", total=1)

        def tell(step: str, done: int, total: int) -> None:
            bar.update(task, description=step, completed=done, total=total)

        run_study(study, out, overwrite=overwrite, progress=tell)
    typer.echo(f"{out / 'report.html'}")


@app.command()
def validate(study: StudyFile) -> None:
    """Check a study file and its patients without running anything."""
    with explained():
        from ikzf1_outcomes.study.load import load_study

        loaded = load_study(study)
        typer.echo(f"{len(loaded.cohort)} patients, {loaded.cohort.provenance.n_rows} rows in the file")
        if loaded.kinome is not None:
            typer.echo(f"arrays: {loaded.kinome.told()}")
        for endpoint in loaded.endpoints.values():
            typer.echo(f"{endpoint}, {endpoint.n_excluded} left out")
        typer.echo("The study file and the patients are in order.")


@app.command()
def demo(out: Out = Path("ikzf1_demo"), overwrite: Overwrite = False) -> None:
    """Run the embedded study of 109 simulated patients."""
    with explained():
        from ikzf1_outcomes.study.demo import demo_study

        run_with_progress(demo_study(), out, overwrite=overwrite)


@app.command()
def schema() -> None:
    """List every key of a study file and every field of the data dictionary."""
    from ikzf1_outcomes.study.schema import schema_text

    typer.echo(schema_text())
