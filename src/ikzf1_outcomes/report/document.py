"""The report as one HTML page that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ikzf1_outcomes.report.tables import Table


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure on the page: the SVG file, what it shows in words, its caption."""

    path: Path
    alt: str
    caption: str
    broad: bool = False
    """Over the whole width of the page."""

    @property
    def data(self) -> str:
        """The SVG, encoded for the page."""
        return base64.b64encode(self.path.read_bytes()).decode()


@dataclass(frozen=True, slots=True)
class Block:
    """The figures of one grouping variable."""

    heading: str
    figures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with tables and figures of its own."""

    id: str
    heading: str
    paragraphs: tuple[str, ...]
    tables: tuple[Table, ...]
    figures: tuple[Picture, ...]
    notes: tuple[str, ...]
    folder: str = ""
    """Where the raw numbers lie; in a folder of the section's own name when left out."""


def html_page(
    *,
    title: str,
    question: str,
    notice: str,
    simulated: bool,
    summary: Sequence[str],
    flow: Table,
    outcome: Table,
    sections: Sequence[Section],
    effects: Sequence[Section],
    blocks: Sequence[Block],
    ledger: Table | None,
    differences: Table | None,
    followed: Table | None,
    endpoints: Mapping[str, Sequence[str]],
    methods: Sequence[str],
    notes: Sequence[str],
) -> str:
    """Fill the page. Every text is escaped; tables come escaped already.

    Returns
    -------
    str
        A complete HTML document whose content policy forbids scripts and the network.
    """
    from jinja2 import Environment

    source = files("ikzf1_outcomes.report").joinpath("page.html.jinja").read_text(encoding="utf-8")
    template = Environment(autoescape=True, trim_blocks=True, keep_trailing_newline=True).from_string(source)
    contents = [("summary", "Summary"), ("patients", "Patients")]
    contents += [(section.id, section.heading) for section in sections] + [("outcome", "Outcome")]
    contents += [(section.id, section.heading) for section in effects]
    contents += [("ledger", "Failure ledger")] if ledger else []
    contents += [("follow-up", "Follow-up")] if followed else []
    contents += [("endpoints", "Endpoints"), ("methods", "Methods")]
    return template.render(
        title=title,
        question=question,
        notice=notice,
        simulated=simulated,
        contents=contents,
        summary=summary,
        flow=flow.to_html(footnotes=False),
        sections=sections,
        effects=effects,
        outcome=outcome.to_html(footnotes=False),
        outcome_notes=outcome.footnotes,
        figures=blocks,
        folders=list(dict.fromkeys(section.folder or section.id for section in (*sections, *effects))),
        ledger=ledger.to_html(footnotes=False) if ledger else "",
        ledger_notes=(*ledger.footnotes, *(differences.footnotes if differences else ())) if ledger else (),
        differences=differences.to_html(footnotes=False) if differences else "",
        followed=followed.to_html(footnotes=False) if followed else "",
        followed_notes=followed.footnotes if followed else (),
        endpoints=[(name, " ".join(sentences)) for name, sentences in endpoints.items()],
        methods=methods,
        notes=notes,
    )
