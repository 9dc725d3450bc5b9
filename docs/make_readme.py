"""Make the outcome table of README.md from the simulated reference cohort: python docs/make_readme.py --write."""

import sys
from pathlib import Path

import pandas as pd

from ikzf1_outcomes.report.outcome import outcome_table
from ikzf1_outcomes.results import outcome_results
from ikzf1_outcomes.study.load import endpoints_of, load_study

ROOT = Path(__file__).parents[1]
SHOWN = ["ikzf1_deletion", "ikzf1_class"]
COLUMNS = {
    "row": "",
    "EFS | N": "N",
    "EFS | Events": "Events",
    "EFS | 5-year, %": "5-year EFS, % (95 % CI)",
    "EFS | p (log-rank)": "p (log-rank)",
    "EFS | HR": "HR (95 % CI)",
    "CIR | 5-year, %": "5-year CIR, % (95 % CI)",
    "CIR | p (Gray)": "p (Gray)",
}
START, END = "<!-- outcome table: made by docs/make_readme.py -->", "<!-- end of the table -->"


def markdown_table() -> str:
    """The first blocks of the outcome table as Markdown."""
    study = load_study(ROOT / "analyses" / "01_simulated_reference" / "study.toml")
    parts = [outcome_results(endpoints_of(study, v), v, study.plan.settings) for v in [None, *SHOWN]]
    body = outcome_table(pd.concat(parts, ignore_index=True), study.labels, 5.0).body.rename(columns={"N": "EFS | N"})
    lines = ["| " + " | ".join(COLUMNS.values()) + " |", "|---" * len(COLUMNS) + "|"]
    for section, rows in body.groupby("section", sort=False):
        lines.append(f"| **{section}** " + "| " * (len(COLUMNS) - 1) + "|")
        lines += ["| " + " | ".join(row[name] for name in COLUMNS) + " |" for _, row in rows.iterrows()]
    return "\n".join(lines)


def with_table(readme: str) -> str:
    """The README with its table made anew."""
    before, rest = readme.split(START)
    return f"{before}{START}\n\n{markdown_table()}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    file = ROOT / "README.md"
    text = with_table(file.read_text(encoding="utf-8"))
    if "--write" in sys.argv:
        file.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
