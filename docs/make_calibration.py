"""Make docs/calibration.md from the rows that `make calibrate` records: python docs/make_calibration.py rows.jsonl."""

import json
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("calibration.md")
HEAD = """# Calibration

Simulated patients of known truth: do 95 % intervals cover 95 % of the time, do tests at 5 % reject 5 % of the time? Made by
`make calibrate`; the simulations are in `tests/calibration`. Exponential causes (relapse 0.12 a year, death 0.05 a year),
censoring uniform over 3 to 9 years, times in whole days.
"""


def table(rows: list[dict], kind: str) -> list[str]:
    """One table of the page."""
    own = sorted((row for row in rows if row["kind"] == kind), key=lambda row: row["what"])
    lines = ["| what | measured, % | allowed, % | patients | simulations |", "|---|---|---|---|---|"]
    for row in own:
        measured, allowed = f"{100 * row['measured']:.1f}", f"{100 * row['lowest']:.1f} to {100 * row['highest']:.1f}"
        lines.append(f"| {row['what']} | {measured} | {allowed} | {row['n']} | {row['runs']} |")
    return lines


def page(rows: list[dict]) -> str:
    """The page as text."""
    parts = [HEAD, "## Coverage of 95 % intervals", "", *table(rows, "coverage"), "", "## Size of tests at 5 %", ""]
    return "\n".join([*parts, *table(rows, "size"), ""])


if __name__ == "__main__":
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    PAGE.write_text(page([json.loads(line) for line in lines]), encoding="utf-8")
