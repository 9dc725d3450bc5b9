"""Which locus a probe measures: from a table, or from names in the usual spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.exons import EXONS, NUMBERINGS

CONTROL = re.compile(r"(?:control|ctrl|reference|ref)(?:[ _.#-]?.*)?", re.IGNORECASE)
TARGET = re.compile(
    r"(?P<gene>[A-Za-z][A-Za-z0-9]*?)[ _.-]+(?:exon|ex|e)?[ _.-]*(?P<exon>\d+(?:\.\d+)?)(?:[ _#-](?P<copy>\d+|[a-z]))?",
    re.IGNORECASE,
)
IKZF1 = "ikzf1"


def probe_table(names: Sequence[str], controls: Iterable[str] = (), numbering: str = "1-8") -> pd.DataFrame:
    """The locus of each probe from its name: "IKZF1_e4", "IKZF1 exon 4", "PAX5-10", "IKZF1_e4_2", "control_3".

    Parameters
    ----------
    names
        Names of the probes.
    controls
        Names of control probes that do not start with control, ctrl, reference or ref.
    numbering
        Numbering of the IKZF1 exons in the names.

    Returns
    -------
    DataFrame
        probe, gene (lower case; empty for a control), exon (missing for a control), control.

    Raises
    ------
    InputError
        Names that cannot be read, an exon that is no whole number, a name that occurs twice.

    Examples
    --------
    >>> probe_table(["IKZF1_e4", "PAX5 exon 10", "control_1"])[["gene", "exon", "control"]].values.tolist()
    [['ikzf1', 4, False], ['pax5', 10, False], ['', <NA>, True]]
    """
    chosen = set(controls)
    rows: list[tuple[str, str, str | None, bool]] = []
    unknown: list[str] = []
    for probe in names:
        text = str(probe).strip()
        match = TARGET.fullmatch(text)
        if text in chosen or (CONTROL.fullmatch(text) and probe not in chosen):
            rows.append((probe, "", None, True))
        elif match is None:
            unknown.append(text)
        else:
            rows.append((probe, match["gene"].lower(), match["exon"], False))
    if unknown:
        raise InputError(
            f"no locus is known for the probe{'s' * (len(unknown) > 1)} {', '.join(unknown[:10])}",
            count=len(unknown),
            next_step="Give probes=, a table with the columns probe, gene, exon, control; or controls= for control probes.",
        )
    return checked_probes(pd.DataFrame(rows, columns=["probe", "gene", "exon", "control"]), numbering)


def checked_probes(table: pd.DataFrame, numbering: str = "1-8") -> pd.DataFrame:
    """A probe table, checked; IKZF1 exons in the current numbering.

    Raises
    ------
    ColumnError, InputError
        A column that is not there, a probe twice, a target without a gene, an exon that is no whole number or that
        IKZF1 does not have (row positions of the table).
    """
    for column in ("probe", "gene"):
        if column not in table:
            raise ColumnError(f"the probe table has no column {column!r}", next_step="It needs probe, gene, exon, control.")
    if numbering not in NUMBERINGS:
        raise InputError(f"no numbering is called {numbering!r}", next_step=f"Use {' or '.join(NUMBERINGS)}.")
    frame = pd.DataFrame({"probe": table["probe"].astype(str).str.strip().to_numpy()})
    gene = table["gene"].astype(object)
    frame["gene"] = gene.where(gene.notna(), "").astype(str).str.strip().str.lower().to_numpy()
    control = table["control"].astype(object) if "control" in table else pd.Series(False, index=table.index)
    if not control.isin([True, False]).all():
        raise InputError("the column control of the probe table holds more than true and false")
    frame["control"] = control.to_numpy(dtype=bool)
    exon = (
        pd.to_numeric(table["exon"].astype(object), errors="coerce")
        if "exon" in table
        else pd.Series(np.nan, index=table.index)
    )
    given = table["exon"].notna() & (table["exon"].astype(str).str.strip() != "") if "exon" in table else exon.notna()
    numbers = exon.to_numpy(dtype=float, na_value=np.nan) + np.where(frame["gene"] == IKZF1, NUMBERINGS[numbering], 0)
    refuse("exons that are no whole numbers", given.to_numpy() & ~(numbers == np.round(numbers)))
    refuse(
        "exons that IKZF1 does not have",
        ((frame["gene"] == IKZF1) & ~np.isin(numbers, EXONS) & ~frame["control"]).to_numpy(),
    )
    refuse("targets without a gene", ((frame["gene"] == "") & ~frame["control"]).to_numpy())
    refuse("probes that occur twice", frame["probe"].duplicated(keep=False).to_numpy())
    frame.insert(2, "exon", pd.array(numbers, dtype="Float64").astype("Int64"))
    frame.loc[frame["control"], "gene"] = ""
    frame.loc[frame["control"], "exon"] = pd.NA
    return frame


def refuse(what: str, wrong: NDArray[np.bool_]) -> None:
    """Raise for rows of the probe table.

    Raises
    ------
    InputError
        Some row is wrong (row positions).
    """
    if wrong.any():
        raise InputError(f"the probe table holds {what}", where=np.flatnonzero(wrong) + 1)
