"""Western blots as tables of ordinal bands: sites by patients, with exact tests of two groups."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact, rankdata

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.kernels.exact_sums import exact_two_sided
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.kinome.arrays import peptide_values
from ikzf1_outcomes.kinome.group_samples import level_name, of_samples, read_contrast
from ikzf1_outcomes.multiplicity import adjust_p

BANDS = (0, 1, 2, 3)
"""Absent, weak, clear, strong."""
METHODS = ("wilcoxon", "linear", "fisher")
EMPTY = ("", "NA", "N/A", "nan", "NaN", "-", "n/a")
"""Cells of a file that are no lane."""


def read_blots(path: str | Path, *, site: str = "site", bands: Sequence[int] = BANDS) -> pd.DataFrame:
    """Read a table of blots: one row a site, one column a patient, cells the band.

    Rule. Bands are whole numbers of `bands`, from absent to strong. An empty cell, "NA" or "-" is a missing lane, never
    an absent band. Where dashes stand in a table without a 0 they may be the absent bands: they are refused.

    Parameters
    ----------
    path
        .csv, .tsv, .txt (tabs) or .xlsx.
    site
        Column with the names of the sites.
    bands
        The bands that a cell may hold.

    Returns
    -------
    DataFrame
        Index site, one column a patient; floats, NaN a missing lane.

    Raises
    ------
    InputError, ColumnError
        A file of another kind, or that is not there; no column of sites; a site or patient twice or without a name; a
    cell that is no band (row positions).

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import ikzf1_outcomes as iko
    >>> with TemporaryDirectory() as folder:
    ...     written = Path(folder, "blots.csv").write_text("site,1,2,3\\nSTAT5_Y694,0,3,\\n")
    ...     iko.read_blots(Path(folder, "blots.csv")).to_numpy().tolist()
    [[0.0, 3.0, nan]]
    """
    path = Path(path)
    kinds = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
    if path.suffix.lower() not in (*kinds, ".xlsx"):
        raise InputError("blots are read from .csv, .tsv, .txt or .xlsx")
    if not path.is_file() or not path.stat().st_size:
        raise InputError("there is no such file of blots, or it is empty")
    # without a header, since a reader of headers renames patients that are there twice
    if path.suffix.lower() == ".xlsx":
        cells = pd.read_excel(path, header=None, dtype=str, keep_default_na=False)
    else:
        try:
            cells = pd.read_csv(path, sep=kinds[path.suffix.lower()], header=None, dtype=str, keep_default_na=False)
        except pd.errors.ParserError:
            raise InputError("the file has rows with more cells than the header") from None
    cells = cells.apply(lambda column: column.str.strip())
    header = cells.iloc[0].where(cells.iloc[0] != "")
    if (header == site).sum() != 1:
        raise ColumnError(f"the file has not one column {site!r}", next_step="Name the column of the sites.")
    body = cells.iloc[1:].set_axis(header, axis=1)
    sites = body[site].where(body[site] != "")
    table = body.drop(columns=site).set_axis(pd.Index(sites, name="site"), axis=0)
    table.columns.name = None
    dashes = (table == "-").any(axis=1).to_numpy()
    if dashes.any() and not (pd.to_numeric(pd.Series(table.to_numpy().ravel()), errors="coerce") == 0).any():
        hint = "Leave the cell of a missing lane empty, and write 0 for an absent band."
        raise InputError("a dash may be no lane or no band", where=np.flatnonzero(dashes) + 1, next_step=hint)
    return checked_bands(table.mask(table.isin(EMPTY)), bands)


def checked_bands(table: pd.DataFrame, bands: Sequence[int]) -> pd.DataFrame:
    """A table of bands as floats.

    Raises
    ------
    InputError
        A cell that is no band (row positions), bands that are not whole, or what `peptide_values` refuses.
    """
    if len(set(bands)) < 2 or any(int(band) != band or band < 0 for band in bands):
        raise InputError("bands are two or more whole numbers of 0 or more", next_step="As in bands=(0, 1, 2, 3).")
    values = peptide_values(table)
    wrong = (~values.isin(bands) & values.notna()).any(axis=1).to_numpy()
    if wrong.any():
        hint = f"Bands are {', '.join(str(int(band)) for band in sorted(bands))}; an empty cell is a missing lane."
        raise InputError("cells that are no band", where=np.flatnonzero(wrong) + 1, next_step=hint)
    return values


def blot_tests(
    table: pd.DataFrame, groups: Any, *, contrast: str | None = None, bands: Sequence[int] = BANDS,
    adjust: str = "bh",
) -> pd.DataFrame:  # fmt: skip
    r"""Compare the bands of two groups of patients, site by site, by exact tests.

    Estimand: the probability that a patient of the first group has a stronger band than one of the second, ties counted
    by half,

    .. math:: P(A > B) + P(A = B) / 2

    0.5 where the groups do not differ. Tests, all with both margins held and all patients exchangeable under the
    hypothesis: "wilcoxon" (sum of midranks), "linear" (sum of the bands as scores 0, 1, 2, 3: the linear-by-linear test),
    "fisher" (a band there or not). For the first two the two-sided p-value adds up all assignments whose sum is as far
    from its mean as the one seen, for Fisher's those that are no more likely.

    Edge rules. A missing lane is left out of its site and counted; it is never an absent band. A site with bands in one
    group alone, or with equal bands everywhere (for Fisher: all or none there), is not estimable and not counted in the
    adjustment, which is over the sites of each test. `p_smallest` is the least p-value that the lanes could have given:
    above 0.05 the site could not have been significant whatever the difference.

    Parameters
    ----------
    table
        Sites x patients, as from `read_blots`.
    groups
        Level of each patient: a Series by patient, or values in the order of the columns.
    contrast
        Two levels, as "deleted vs not_deleted", the first compared with the second; other patients are left out. May be
        left out where groups are truth values, or a categorical of two levels in their order.
    bands
        The bands that a cell may hold.
    adjust
        As in `adjust_p`.

    Returns
    -------
    DataFrame
        One row a site and test: term, contrast, method, n, n_group, n_reference (lanes), n_present_group,
        n_present_reference, n_missing (lanes of the two groups), estimate, scale ("probability"), p_value, p_smallest,
        p_adjusted, note.

    Raises
    ------
    InputError
        Cells that are no band (row positions); groups that are not two, or not there.

    Notes
    -----
    Agresti 2002, Categorical Data Analysis (recalled, not verified).

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> bands = pd.DataFrame([[3, 2, 0, 0, 0]], index=["STAT5_Y694"], columns=list("abcde"))
    >>> found = iko.blot_tests(bands, ["deleted"] * 2 + ["none"] * 3, contrast="deleted vs none")
    >>> found[["method", "estimate", "p_value"]].round(6).values.tolist()
    [['wilcoxon', 1.0, 0.1], ['linear', 1.0, 0.1], ['fisher', 1.0, 0.1]]
    """
    values = checked_bands(table, bands)
    group, _ = of_samples(groups, values.columns, "groups")
    first, second = read_contrast(group, contrast)
    words = group.astype(object).map(level_name, na_action="ignore")
    known = words.isin([first, second]).to_numpy()
    lanes, member = values.to_numpy()[:, known], (words == first).to_numpy()[known]
    if member.all() or not member.any():
        raise InputError("a group has no patient", next_step="Look at the groups and at their patients' names.")
    rows = [row for name, lane in zip(values.index, lanes, strict=True) for row in site_rows(name, lane, member)]
    rows = [{"term": row["term"], "contrast": f"{first} vs {second}", **row} for row in rows]
    out = pd.DataFrame(rows).sort_values("method", key=lambda c: c.map(METHODS.index), kind="stable", ignore_index=True)
    out["p_adjusted"] = out.groupby("method")["p_value"].transform(lambda p: adjust_p(p.to_numpy(), adjust))
    return out[[*(name for name in out if name not in ("p_adjusted", "note")), "p_adjusted", "note"]]


def site_rows(name: object, lane: Floats, member: Floats) -> list[dict[str, object]]:
    """The three tests of one site."""
    known = ~np.isnan(lane)
    band, first = lane[known].astype(int), np.asarray(member[known], dtype=bool)
    a, b = band[first], band[~first]
    there = len(a) > 0 and len(b) > 0
    estimate = float(((a[:, None] > b).mean() + (a[:, None] >= b).mean()) / 2.0) if there else np.nan
    row = {
        "term": name, "n": len(band), "n_group": len(a), "n_reference": len(b),
        "n_present_group": int((a > 0).sum()), "n_present_reference": int((b > 0).sum()), "n_missing": int((~known).sum()),
        "estimate": estimate, "scale": "probability",
    }  # fmt: skip
    rows = []
    for method in METHODS:
        seen = (band > 0).astype(int) if method == "fisher" else band
        p = least = np.nan
        note = "" if there else "not estimable: no lane in a group"
        if there and (seen == seen[0]).all():
            note = "not estimable: all lanes alike"
        elif there and method == "fisher":
            p, least = fisher(seen, first)
        elif there:
            scores = np.rint(2.0 * rankdata(band)).astype(int) if method == "wilcoxon" else band
            p, least = exact_two_sided(scores, first)
        rows.append({**row, "method": method, "p_value": p, "p_smallest": least, "note": note})
    return rows


def fisher(seen: Floats, first: Floats) -> tuple[float, float]:
    """Fisher's exact p-value of a band there or not, and the least of all tables with these margins."""
    n, group, positive = len(seen), int(first.sum()), int(seen.sum())
    x = int(seen[first].sum())

    def p(both: int) -> float:
        cells = [[both, group - both], [positive - both, n - group - positive + both]]
        return float(fisher_exact(cells).pvalue)

    ends = (max(0, group + positive - n), min(group, positive))
    return p(x), min(p(end) for end in ends)
