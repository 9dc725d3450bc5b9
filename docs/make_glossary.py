"""Write the page of the glossary from `ikzf1_outcomes.glossary`: to standard output, or into docs/ with --write."""

from __future__ import annotations

import sys
from pathlib import Path

from ikzf1_outcomes.glossary import GLOSSARY

PAGE = Path(__file__).with_name("glossary.md")

HEAD = """# Glossary of columns

Every tidy table of the package takes its columns from this list. A table has one row a number. Its key is (term, contrast,
group, cause, time); columns that do not apply are absent. `estimate`, `std_error`, `low` and `high` of a row are on the
scale named in `scale`; only `tidy(exponentiate=True)` of a regression leaves `std_error` on the log scale.

This page is made by `docs/make_glossary.py`.

| column | meaning | unit |
|---|---|---|
"""


def glossary_page() -> str:
    """The page as Markdown."""
    rows = (f"| `{name}` | {cell(column.meaning)} | {cell(column.unit)} |\n" for name, column in GLOSSARY.items())
    return HEAD + "".join(rows)


def cell(text: str) -> str:
    """Text that does not end a table cell."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(glossary_page(), encoding="utf-8")
    else:
        sys.stdout.write(glossary_page())
