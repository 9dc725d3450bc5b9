"""Make docs/calibration.md from the rows that `make calibrate` records: python docs/make_calibration.py rows.jsonl."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("calibration.md")
HEAD = """# Calibration

Simulated patients of known truth: do 95 % intervals cover 95 % of the time, do tests at 5 % reject 5 % of the time, and has
a share p of those with probability p the class? Made by `make calibrate`; the simulations are in `tests/calibration`.
Exponential causes (relapse 0.12 a year, death 0.05 a year), censoring uniform over 3 to 9 years, times in whole days. Rows
under uncertain calls: two classes known by a noisy peak, 28 % of the calls open, log hazard ratio 0.9.
"""
CLASSES = """## P(IKZF1 class) from MLPA

`simulate_cohort`, `simulate_mlpa`, `call_mlpa` with the purity model. Samples without P(class) are left out: those that
failed, and those in which an exon fits no copy number. Reference: the prior has the shares by which the simulation draws,
blasts are stated to two digits, 15 % of the samples have 15 to 50 % blasts. Expected is the sum of the probabilities.
Allowed are the limits of the exact (Poisson-binomial) distribution of the count, given the probabilities; all cells of a
table together leave them in at most 1 % of the seeds. Where nothing is allowed, an assumption is broken on purpose and the
row is a measurement.

Where everybody has few blasts, P(none) is too high: samples that lost the locus read within 20 % of normal and pull the
reference of the robust normalisation down, and the least error of a quotient, 0.05, is larger than the simulated one.
Naming normal samples (`reference=`) takes most of the excess away; P(whole_gene) is then too high, which is not explained.
"""
FALSE = """## False calls of normal IKZF1 exons

Patients without a deletion, everybody with the same share of blasts, default options; shares of exons, and of patients with
any class. A call needs a probability of 0.95 with equal odds, so that at most 1 in 19 (5.3 %) of the normal exons may be
called deleted (Markov's inequality); what blasts are too few to tell is ambiguous.
"""
Row = dict[str, Any]
ORDER = ("none", "whole_gene", "ik6", "del_4_8", "other", "gain")


def grid(head: str, rows: list[Row], cells: Callable[[Row], list[str]]) -> list[str]:
    """Rows as a table; the titles of the columns are separated by commas."""
    titles = head.split(", ")
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return [*lines, *("| " + " | ".join(cells(row)) + " |" for row in rows)]


def of(rows: list[Row], kind: str) -> list[Row]:
    """The rows of one kind; parallel tests write in any order, so that the page has to sort."""

    def place(row: Row) -> tuple[Any, ...]:
        setting, what = row.get("setting", ""), row.get("what", "")
        rank = ORDER.index(what) if what in ORDER else 0
        return (setting != "reference", setting, rank, row.get("low", row.get("purity", 0.0)), what)

    return sorted((row for row in rows if row["kind"] == kind), key=place)


def table(rows: list[Row], kind: str) -> list[str]:
    """Coverage or size."""
    lines = ["| what | measured, % | allowed, % | patients | simulations |", "|---|---|---|---|---|"]
    for row in of(rows, kind):
        measured, allowed = f"{100 * row['measured']:.1f}", f"{100 * row['lowest']:.1f} to {100 * row['highest']:.1f}"
        lines.append(f"| {row['what']} | {measured} | {allowed} | {row['n']} | {row['runs']} |")
    return lines


def counts(row: Row) -> list[str]:
    """Patients, expected, observed and allowed numbers."""
    allowed = f"{row['lowest']} to {row['highest']}" if "lowest" in row else ""
    return [f"{row['n']:,}", f"{row['expected']:.1f}", f"{row['observed']:,}", allowed]


def errors(row: Row) -> list[str]:
    """Share of the patients concerned, and the errors among them as stated and as found."""
    stated, found = (f"{100 * row[name] / max(row['n'], 1):.2f}" for name in ("expected", "observed"))
    return [row["setting"], row["what"], f"{100 * row['n'] / row['of']:.1f}", stated, found, *counts(row)[1:]]


def classes(rows: list[Row]) -> list[str]:
    """The tables about P(class); none without their rows."""
    if not of(rows, "class totals"):
        return []
    parts = ["", CLASSES, "In the large:", ""]
    head = "setting, class, patients, expected, observed, allowed"
    parts += grid(head, of(rows, "class totals"), lambda row: [row["setting"], row["what"], *counts(row)])
    parts += ["", "In bins of the probability:", ""]
    head = "setting, class, probability, patients, expected, observed, allowed"
    parts += grid(
        head,
        of(rows, "class bins"),
        lambda row: [row["setting"], row["what"], f"{row['low']:g} to {row['high']:g}", *counts(row)],
    )
    parts += ["", "Errors, against the chance of an error that the probabilities state:", ""]
    head = "setting, what, of all %, stated %, found %, expected, observed, allowed"
    parts += grid(head, of(rows, "class errors"), errors)
    parts += ["", FALSE]
    head = "blasts, patients, deleted %, both copies %, gain %, ambiguous %, patients with a class %"
    names = ("deleted", "homozygous", "gain", "ambiguous", "any_class")
    parts += grid(
        head,
        of(rows, "false calls"),
        lambda row: [f"{row['purity']:g}", f"{row['n']:,}", *(f"{100 * row[name]:.2f}" for name in names)],
    )
    return parts


def page(rows: list[Row]) -> str:
    """The page as text."""
    parts = [HEAD, "## Coverage of 95 % intervals", "", *table(rows, "coverage"), "", "## Size of tests at 5 %", ""]
    return "\n".join([*parts, *table(rows, "size"), *classes(rows), ""])


if __name__ == "__main__":
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    PAGE.write_text(page([json.loads(line) for line in lines]), encoding="utf-8")
