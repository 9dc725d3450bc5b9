"""What a finished table is, and how it becomes HTML and CSV."""

from __future__ import annotations

import html
from typing import NamedTuple

import pandas as pd

SPAN = " | "
"""Between the heading above several columns and the heading of one."""


class Table(NamedTuple):
    """A finished table: strings, what heads it, what stands below it."""

    name: str
    title: str
    subtitle: str
    body: pd.DataFrame
    """Columns `section` and `row` first, then the columns as headed; "EFS | Events" stands under the heading EFS."""
    footnotes: tuple[str, ...]

    def to_html(self, *, footnotes: bool = True) -> str:
        """The table as HTML with its own style; every text of the data is escaped.

        Parameters
        ----------
        footnotes
            Put them into the table; a page that has its own place for them leaves them out.
        """
        from great_tables import GT
        from great_tables import html as raw

        def safe(text: str) -> object:
            return raw(html.escape(text, quote=False))

        body = self.body.astype(str)
        grouped = bool(body["section"].any()) if len(body) else False
        body = body if grouped else body.drop(columns="section")
        table = GT(body, rowname_col="row", groupname_col="section" if grouped else None, id=self.name)
        table = table.tab_header(safe(self.title), safe(self.subtitle))  # type: ignore[arg-type]
        table = table.tab_spanner_delim(SPAN)
        for note in self.footnotes if footnotes else ():
            table = table.tab_source_note(safe(note))  # type: ignore[arg-type]
        table = table.tab_options(table_font_size="14px", data_row_padding="3px", heading_align="left")
        return table.cols_align("left").as_raw_html()

    def to_csv(self) -> str:
        """The table as CSV text, without what a spreadsheet would take for a formula."""
        return escape_formulas(self.body).to_csv(index=False, lineterminator="\n")


def escape_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before texts that begin as a formula does (=, +, -, @, tab, carriage return); numbers stay."""

    def safe(value: object) -> object:
        return f"'{value}" if isinstance(value, str) and value[:1] and value[:1] in "=+-@\t\r" else value

    columns = {name: [safe(value) for value in frame[name]] for name in frame.columns if not is_number(frame[name])}
    return frame.assign(**columns).rename(columns=lambda name: str(safe(str(name))))


def is_number(column: pd.Series) -> bool:
    """Whether a column holds numbers or truth values."""
    return pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
