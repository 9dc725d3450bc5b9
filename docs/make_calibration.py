"""Make docs/calibration.md from the rows that `make calibrate` records: python docs/make_calibration.py rows.jsonl.

With `--only ranks` the part about ranks alone is made anew; models that are not among the rows keep theirs.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from make_rank_figure import draw_ranks, latest, told

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
SMALL = """## Classes of three and four patients among 109

A quarter of the patients have the event. Without the penalty a class without events has no estimate; of the others the
interval is Wald's. With Firth's penalty every data set has an estimate and a profile interval. Measured without a limit for
what is estimated without the penalty; with it, 92 to 98 % are allowed.
"""
RANKS = """## Hierarchical models: are the draws those of the posterior?

Simulation-based calibration (Talts and others 2018; Säilynoja and others 2022; recalled, not verified): parameters are
drawn from the priors, patients simulated from them, the model fitted (2 chains x (500 + 500), first try, thinned to 100
draws), and the truth looked up among the draws. Were the draws not those of the posterior, its place would not be uniform.
P-values of the chi-square test in 20 bins and of the greatest distance of the distribution function; coverage of the middle
50 and 95 %. All tests of a model together fail in at most 1 % of the seeds. Three deleted classes, four subtypes, three
protocols, classes within subtypes, one covariate; any event, followed for 3 to 8 years. Fits a minute on two processes.

Some models have more. Strata: a baseline for each protocol. Induction: failures of induction, by the prior about a fifth of
the patients. Larger: 2,000 patients, where the walk of the baseline is sampled centred if it has events enough. Features:
ten correlated numbers, four and three of them in pathways. Shared alterations: five, in 5 to 40 % of the patients, with one
prior on what they explain together (R2D2). With features, alterations or strata there are no effects of protocols.
"""
RECOVERY = """## Hierarchical models: fixed truths

One patient in ten has a deletion, of 109 patients 4, 4 and 3 in the classes; hazard ratio of the mean 1.8 (within the
prior) or 7.4, which is 2.7 standard deviations of the prior away. Beside it Firth's penalty with the same terms, whose mean
is that of its three classes. Log hazard ratios; RMSE: root mean squared error.
"""
COX = """## Hierarchical models beside Cox regression

One class, so that nothing is pooled, priors N(0, 10²), 49 cuts at quantiles of the events: difference of the posterior mean
from the estimate of `cox` in its standard errors (allowed 0.1), and posterior SD by standard error (allowed 0.95 to 1.05).
Rows with the default priors have three classes and pool them: there the difference is what pooling does, not an error.
"""
IMAGE = """![Coverage of intervals and size of tests, with Monte Carlo limits](images/calibration.svg)
"""
PICTURE = PAGE.parent / "images" / "calibration.svg"
RANK_PICTURE = PICTURE.with_name("ranks.svg")
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
        measured, allowed = (
            f"{100 * row['measured']:.1f}",
            f"{max(100 * row['lowest'], 0.0):.1f} to {100 * row['highest']:.1f}",
        )
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


def small(rows: list[Row]) -> list[str]:
    """Classes of three and four patients; none without their rows."""
    if not of(rows, "small classes"):
        return []
    head = "class, estimable %, covered of the estimable %, covered with the penalty %, bias without, bias with it"

    def cells(row: Row) -> list[str]:
        shares = (f"{100 * row[name]:.1f}" for name in ("estimable", "covered_estimable", "covered_firth"))
        return [row["what"], *shares, *(f"{row[name]:+.2f}" for name in ("bias_plain", "bias_firth"))]

    return ["", SMALL, *grid(head, of(rows, "small classes"), cells)]


def rank_cells(row: Row) -> list[str]:
    """Two tests of uniform ranks, and coverage."""
    numbers = (f"{row['chi_square']:.2g}", f"{row['distance']:.2g}")
    shares = (f"{100 * row[name]:.1f}" for name in ("covered_50", "covered_95"))
    sizes = (str(row["n"]), str(row["runs"]), f"{row['fits_per_minute']:.0f}")
    return [row["setting"], row["what"], *numbers, *shares, *sizes]


def ranks(rows: list[Row], earlier: str = "") -> str:
    """The section about ranks; rows of models that were not run again stay as they are in an earlier section."""
    last = latest(rows)
    head = "model, what, p of chi-square, p of distance, 50 % covered %, 95 % covered %, patients, fits, fits a minute"
    titles = grid(head, [], rank_cells)
    if earlier and "\n".join(titles) not in earlier:
        raise ValueError("the table of ranks on the page has other columns: make the whole page")
    lines = {(row["setting"], row["what"]): grid(head, [row], rank_cells)[2] for row in last}
    again = {row["setting"] for row in last}
    for line in earlier.partition("\n".join(titles))[2].strip().splitlines():
        model, what = line.strip("| ").split(" | ")[:2]
        if model not in again:
            lines[model, what] = line
    return "\n".join([RANKS, *told(last), *titles, *(lines[key] for key in sorted(lines))])


def with_new_ranks(text: str, rows: list[Row]) -> str:
    """A page with its section about ranks made anew, and everything else as it was."""
    start = text.find(RANKS.partition("\n")[0])
    if start < 0:
        raise ValueError("the page has no section about ranks: make the whole page")
    end = text.find("\n\n## ", start)
    end = len(text.rstrip("\n")) if end < 0 else end
    return text[:start] + ranks(rows, text[start:end]) + text[end:]


def hierarchical(rows: list[Row]) -> list[str]:
    """Ranks, recovery, agreement with Cox; none without their rows."""
    parts: list[str] = []
    if of(rows, "ranks"):
        parts += ["", ranks(rows)]
    if of(rows, "recovery"):
        head = "patients, truth, what, covered %, bias, RMSE, covered by Firth %, its bias, its RMSE, simulations"

        def recovery(row: Row) -> list[str]:
            cells = [str(row["n"]), row["setting"], row["what"]]
            for method in ("bayes", "firth"):
                share = row[f"covered_{method}"]
                covered = "" if share is None else f"{100 * share:.1f}"
                cells += [covered, f"{row[f'bias_{method}']:+.2f}", f"{row[f'rmse_{method}']:.2f}"]
            return [*cells, str(row["runs"])]

        parts += ["", RECOVERY, *grid(head, sorted(of(rows, "recovery"), key=lambda row: row["n"]), recovery)]
    if of(rows, "cox"):
        head = "effect, difference in standard errors, SD by standard error, events"

        def agreement(row: Row) -> list[str]:
            return [row["what"], f"{row['away']:+.3f}", f"{row['sd_ratio']:.3f}", str(row["events"])]

        parts += ["", COX, *grid(head, of(rows, "cox"), agreement)]
    return parts


def draw(rows: list[Row]) -> None:
    """The coverage as a picture: a dot a row, with its Monte Carlo interval."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams |= {"svg.hashsalt": "calibration", "font.size": 8, "svg.fonttype": "none"}
    figure, axes = plt.subplots(1, 2, figsize=(11, 0.17 * len(of(rows, "coverage")) + 1), width_ratios=(2, 1))
    for ax, kind, aim, ends in zip(axes, ("coverage", "size"), (95, 5), ((88, 100), (0, 12)), strict=True):
        shown = of(rows, kind)[::-1]
        values = [100 * row["measured"] for row in shown]
        half = [196 * (row["measured"] * (1 - row["measured"]) / row["runs"]) ** 0.5 for row in shown]
        for place, value in enumerate(values):
            if value > ends[1]:
                ax.text(ends[1], place, f"{value:.0f} >", ha="right", va="center", fontsize=6)
        ax.errorbar(values, range(len(shown)), xerr=half, fmt="o", ms=3, lw=0.8, color="#0072B2")
        ax.axvline(aim, color="#888888", lw=0.8)
        ax.set_yticks(range(len(shown)), [f"{row['what']} (n = {row['n']})" for row in shown], fontsize=6)
        ax.set(xlabel=f"{kind}, %", xlim=ends, ylim=(-1, len(shown)))
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(PICTURE, metadata={"Date": None})


def page(rows: list[Row]) -> str:
    """The page as text."""
    parts = [HEAD, IMAGE, "## Coverage of 95 % intervals", "", *table(rows, "coverage"), *small(rows)]
    return "\n".join(
        [*parts, "", "## Size of tests at 5 %", "", *table(rows, "size"), *classes(rows), *hierarchical(rows), ""]
    )


def main(arguments: list[str] | None = None) -> None:
    """Make the page and its figures."""
    parser = argparse.ArgumentParser(description="Make docs/calibration.md.")
    parser.add_argument("rows", type=Path, help="rows as JSON lines")
    parser.add_argument("--only", choices=["ranks"], help="the part of the page that is made anew")
    asked = parser.parse_args(arguments)
    found = [json.loads(line) for line in asked.rows.read_text(encoding="utf-8").splitlines()]
    if asked.only:
        PAGE.write_text(with_new_ranks(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
    else:
        PAGE.write_text(page(found), encoding="utf-8")
        draw(found)
    draw_ranks(found, RANK_PICTURE)


if __name__ == "__main__":
    main()
