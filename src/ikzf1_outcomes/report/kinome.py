"""The tables and sentences of the kinome page, written from its rows."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.labels import level_label, variable_label
from ikzf1_outcomes.report.tables import SPAN, Table

SHOWN = 20
"""Peptides that the page shows."""
LEVEL = 0.05
SUMMARY = {
    "n_group": "Arrays, {first}",
    "n_reference": "Arrays, {second}",
    "n_excluded": "Arrays of patients left out: of neither group, or with an unknown covariate",
    "n_features": "Peptides",
    "n_estimable": "Peptides that could be tested",
    "n_hits": "Peptides with P ≤ 0.05",
    "n_hits_expected": "Expected by chance alone",
    "n_hits_median": "Median over permutations of the labels",
    "n_hits_low": "2.5 % of permutations have fewer than",
    "n_hits_high": "2.5 % of permutations have more than",
    "p_hits": "Share of permutations with as many or more",
    "permutations": "Permutations",
    "n_hits_adjusted": "Peptides left after correction for their number",
    "residual_sd": "Median standard deviation within groups, log2",
    "smallest_difference": "Smallest log2 difference seen with 80 % power, of one peptide looked at alone",
    "smallest_difference_adjusted": "The same of one peptide among all",
}


def part(rows: pd.DataFrame, section: str) -> pd.DataFrame:
    """The rows of one section."""
    return rows[rows["section"] == section]


def value_of(rows: pd.DataFrame, section: str, term: str, column: str = "estimate") -> float:
    """One number; NaN where it is not there."""
    own = part(rows, section)
    found = own.loc[(own["term"] == term), column]
    return float(found.iloc[0]) if len(found) else math.nan


def number(value: float, digits: int = 2) -> str:
    """A number of a table: counts whole, others with some digits, minus signs as they are printed."""
    if math.isnan(value):
        return "–"
    return (f"{value:,.0f}" if value == round(value) else f"{value:.{digits}f}").replace("-", "−")


def difference(row: Mapping[str, float] | pd.Series) -> str:
    """A log2 difference with its interval: "0.35 (−0.02 to 0.71)"."""
    if math.isnan(row["estimate"]):
        return cells.NOT_ESTIMABLE
    written = [f"{row[name]:.2f}".replace("-", "−") for name in ("estimate", "low", "high")]
    return f"{written[0]} ({'–' if math.isnan(row['low']) else f'{written[1]} to {written[2]}'})"


# Sentences


def story(rows: pd.DataFrame, simulated: bool) -> list[str]:
    """The finding in words, the null as plainly as the hit: peptides, sets, what is shown to be absent, clusters."""
    finding = part(rows, "hits").set_index("term")["note"]
    said = [f"{'Simulated arrays. ' if simulated else ''}{verdict(rows)} {finding['finding']}"]
    said += [set_sentence(rows), absence(rows), cluster_sentence(rows), confounded(rows), caution(rows)]
    return [sentence for sentence in said if sentence]


def verdict(rows: pd.DataFrame) -> str:
    """Whether the peptides differ, in one sentence."""
    contrast = part(rows, "hits")["contrast"].iloc[0]
    hits, expected = (value_of(rows, "hits", name) for name in ("n_hits", "n_hits_expected"))
    left, p = (value_of(rows, "hits", name) for name in ("n_hits_adjusted", "p_hits"))
    if left > 0:
        return f"Single peptides differ, {contrast}: {number(left)} after correction for the number of tests."
    if p <= LEVEL:
        return f"More peptides have a small P, {contrast}, than chance makes, but none can be named."
    beside = "fewer small P values than" if hits < expected else "no more small P values than"
    family = part(rows, "difference")["p_family"] if "p_family" in rows else pd.Series(dtype=float)
    other = f" Permutation alone would name {number(n)}: see the family-wise P." if (n := (family <= LEVEL).sum()) else ""
    return f"No single peptide is shown to differ, {contrast}, and there are {beside} chance makes.{other}"


def set_sentence(rows: pd.DataFrame) -> str:
    """The sets that differ after correction, by the competitive and the self-contained test."""
    tests = part(rows, "sets")
    if tests.empty:
        return ""
    first = tests["contrast"].iloc[0].split(" vs ")[0]
    said = []
    for method, words in (("camera", "more different than the other peptides"), ("fry", "different at all")):
        own = tests[(tests["method"] == method) & (tests["p_adjusted"] <= LEVEL)]
        named = [
            f"{row.term} ({'higher' if row.statistic > 0 else 'lower'} in {first}, {cells.p_text(row.p_adjusted)})"
            for row in own.itertuples()
        ]
        said.append(f"{words}, {', '.join(named) or 'none'}")
    return f"Of {tests['term'].nunique()} pathways, with P adjusted for their number: {'; '.join(said)}."


def absence(rows: pd.DataFrame) -> str:
    """What is shown to be absent: the share that differs at all, and equivalence where a margin is stated."""
    share = part(rows, "nonnull")
    said = ""
    if len(share):
        row = share.iloc[0]
        said = (
            f"The share of peptides that differ at all is estimated at {100 * row['estimate']:.0f} % "
            f"({100 * row['conf_level']:g} % interval {100 * row['low']:.0f} to {100 * row['high']:.0f} %)."
        )
    tested = value_of(rows, "equivalence", "n_estimable")
    if tested > 0:
        margin = value_of(rows, "equivalence", "n_estimable", "margin")
        many = number(value_of(rows, "equivalence", "n_equivalent_adjusted"))
        said += (
            f" Of {number(tested)} peptides, {many} are shown to differ by less than the margin of {margin:g} "
            f"({2**margin:.2g}-fold; two one-sided tests, Benjamini-Hochberg); every one would be with a margin of "
            f"{number(value_of(rows, 'equivalence', 'largest_margin'))}."
        )
    return said.strip()


def cluster_sentence(rows: pd.DataFrame) -> str:
    """What goes with the clusters after correction."""
    tests = part(rows, "clusters")
    tests = tests[tests["term"] == "test"]
    if tests.empty:
        return ""
    found = tests[tests["p_adjusted"] <= LEVEL]
    names = ", ".join(dict.fromkeys(found["variable"].str.replace("_", " ")))
    return f"Clusters of the samples, and distances between them, go with {names or 'none of the characteristics tested'}."


def confounded(rows: pd.DataFrame) -> str:
    """The note of a comparison whose groups batch or covariates tell."""
    notes = part(rows, "hits").set_index("term")["note"].get("notes", "")
    return f"Note: {notes}." if notes else ""


def caution(rows: pd.DataFrame) -> str:
    """Who was measured."""
    without = value_of(rows, "samples", "patients without an array")
    if not without > 0:
        return ""
    n = number(value_of(rows, "samples", "arrays of patients"))
    return f"Only {n} patients have an array, {number(without)} have none: being measured is a selection."


# Tables


def quality_table(rows: pd.DataFrame) -> Table:
    """Arrays and patients, what the reading left out, quality and components."""
    body = [
        {"section": "Arrays and patients", "row": capital(row.term), "Value": number(row.estimate), "P": ""}
        for row in part(rows, "samples").itertuples()
    ]
    for row in part(rows, "quality").itertuples():
        share = row.scale == "share"
        value = "–" if math.isnan(row.estimate) else f"{100 * row.estimate:.1f} %" if share else f"{row.estimate:.2f}"
        p = "" if math.isnan(row.p_value) else cells.p_value(row.p_value)
        body.append({"section": capital(row.term), "row": row.group, "Value": value, "P": p})
    return Table(
        "kinome_quality",
        "Peptide arrays",
        "Arrays, their match with the patients, and their quality",
        pd.DataFrame(body),
        ("PC: principal components of the arrays, as share of the variance; of each, how much lies between batches.",),
    )


def batch_table(rows: pd.DataFrame, contrast_of: str) -> Table | None:
    """Arrays of each batch in both groups."""
    own = part(rows, "batches")
    counts = own[own["term"] == "arrays"]
    if counts.empty:
        return None
    body = [
        {
            "section": "",
            "row": level,
            **{level_label(contrast_of, row.group): number(row.estimate) for row in one.itertuples()},
        }
        for level, one in counts.groupby("level", sort=False)
    ]
    share = own[own["term"] != "arrays"].iloc[0]
    note = f"Batches tell {100 * share['estimate']:.0f} % of the groups; {share['note']}."
    return Table("kinome_batches", "Batches and groups", "Arrays", pd.DataFrame(body), (note,))


def hit_table(rows: pd.DataFrame) -> Table:
    """Hits beside chance, and what so many arrays could have shown."""
    own = part(rows, "hits")
    values = own[own["term"].isin(SUMMARY)]
    first, second = own["contrast"].iloc[0].split(" vs ", 1)
    digits = dict.fromkeys(("n_hits_median", "n_hits_low", "n_hits_high"), 0) | {"n_hits_expected": 1}
    body = [
        {
            "section": "",
            "row": SUMMARY[row.term].format(first=first, second=second),
            "Value": cells.p_value(row.estimate) if row.term == "p_hits" else number(row.estimate, digits.get(row.term, 2)),
        }
        for row in values.itertuples()
        if not math.isnan(row.estimate)
    ]
    for row in part(rows, "nonnull").itertuples():
        if row.scale in ("share", "probability"):
            limits = "" if math.isnan(row.low) else f" ({100 * row.low:.0f}–{100 * row.high:.0f})"
            word = "Share of peptides that differ, %" if row.scale == "share" else f"Probability of a {row.term}, %"
            body.append({"section": "", "row": word, "Value": f"{100 * row.estimate:.0f}{limits}"})
    named = f"{own['contrast'].iloc[0]}; {own['method'].iloc[0]}"
    notes = ("The smallest difference has the power that is said with so many arrays and the spread that was seen.",)
    return Table("kinome_hits", "Hits beside chance", named, pd.DataFrame(body), notes)


def peptide_table(rows: pd.DataFrame) -> Table:
    """The peptides with the smallest P."""
    own = part(rows, "difference")
    top = own[own["p_value"].notna()].sort_values("p_value", kind="stable").head(SHOWN)
    equal = part(rows, "equivalence").set_index("term")["p_adjusted"].dropna()
    body = []
    for _, row in top.iterrows():
        line = {
            "section": "",
            "row": row["term"],
            "Arrays": f"{number(row['n_group'])} + {number(row['n_reference'])}",
            f"log2 difference ({100 * row['conf_level']:g} % CI)": difference(row),
            "P": cells.p_value(row["p_value"]),
            "Adjusted P": cells.p_value(row["p_adjusted"]),
            "P, family-wise": cells.p_value(row["p_family"]),
            "FDR": cells.p_value(row["fdr"]),
        }
        if len(equal):
            line["Within the margin"] = "shown" if equal.get(row["term"], 1.0) <= LEVEL else "not shown"
        body.append(line)
    contrast = own["contrast"].iloc[0]
    return Table(
        "kinome_peptides",
        "Differences of peptides",
        f"{contrast}; the {len(top)} of {len(own):,} peptides with the smallest P",
        pd.DataFrame(body) if body else pd.DataFrame({"section": [""], "row": ["no peptide could be tested"]}),
        (
            f"{own['method'].iloc[0]}. Family-wise P and FDR are by permutation of the labels. The smallest of so many "
            "P values are small by chance: only the adjusted ones speak of single peptides.",
            "All peptides are in kinome.csv.",
        ),
    )


def set_table(rows: pd.DataFrame, contrast_of: str) -> Table | None:
    """Pathways: means in both groups, their difference, tests."""
    tests, means = part(rows, "sets"), part(rows, "scores")
    if tests.empty:
        return None
    body = []
    for name in dict.fromkeys(tests["term"]):
        by = tests[tests["term"] == name].set_index("method")
        line = {"section": "", "row": name, "Peptides": number(by.loc["mean", "n_peptides"])}
        for row in means[means["term"] == name].itertuples():
            line[f"Mean ± SE{SPAN}{level_label(contrast_of, row.group)}"] = f"{row.estimate:.2f} ± {number(row.std_error)}"
        line["log2 difference (95 % CI)".replace("95", f"{100 * by.loc['mean', 'conf_level']:g}")] = difference(
            by.loc["mean"]
        )
        for method, head in (("mean", "Of the mean"), ("fry", "Self-contained"), ("camera", "Competitive")):
            p, adjusted = by.loc[method, "p_value"], by.loc[method, "p_adjusted"]
            line[f"P (adjusted){SPAN}{head}"] = f"{cells.p_value(p)} ({cells.p_value(adjusted)})"
        body.append(line)
    return Table(
        "kinome_sets",
        "Pathways",
        tests["contrast"].iloc[0],
        pd.DataFrame(body),
        (
            "Of the mean: t test of the mean of the pathway's peptides in each patient. Self-contained (fry): do its "
            "peptides differ? Competitive (camera, with the correlation between its peptides estimated): do they differ "
            "more than the others? Adjusted over the pathways.",
            "Means are of log2 intensities as measured; differences and tests are adjusted for batch and covariates.",
        ),
    )


def cluster_table(rows: pd.DataFrame, labels: Mapping[str, str]) -> Table | None:
    """What goes with the clusters."""
    own = part(rows, "clusters")
    tests, sizes = own[own["term"] == "test"], own[own["term"] == "arrays"]
    if tests.empty:
        return None
    body = []
    for name in dict.fromkeys(tests["variable"]):
        by = tests[tests["variable"] == name].set_index("analysis")
        line = {"section": "", "row": capital(variable_label(name, labels)), "Arrays": number(by["n"].iloc[0])}
        for analysis, head in (("clusters", "Clusters"), ("distances", "Distances")):
            row = by.loc[analysis]
            if row["note"]:
                line[f"P (adjusted){SPAN}{head}"] = row["note"]
            else:
                line[f"P (adjusted){SPAN}{head}"] = f"{cells.p_value(row['p_value'])} ({cells.p_value(row['p_adjusted'])})"
        share = by.loc["distances", "share"]
        line["Of the distances, %"] = "–" if math.isnan(share) else f"{100 * share:.1f}"
        body.append(line)
    counts = " + ".join(number(n) for n in sizes["estimate"])
    return Table(
        "kinome_clusters",
        "Clusters and characteristics",
        f"{len(sizes)} clusters of {counts} arrays",
        pd.DataFrame(body),
        (
            "Average linkage of 1 − Pearson's r over standardised peptides, made without knowledge of the patients. "
            "Clusters: chi-square or Kruskal-Wallis; distances: PERMANOVA. Both by permutation; adjusted by Holm.",
        ),
    )


def capital(text: str) -> str:
    """The text with a capital letter."""
    return text[:1].upper() + text[1:]
