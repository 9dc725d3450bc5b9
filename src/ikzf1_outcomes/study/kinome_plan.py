"""The `[kinome]` part of a study file: the file of the arrays, how it is read, what is compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ikzf1_outcomes.errors import StudyError
from ikzf1_outcomes.kinome.peptide_sets import SCORES
from ikzf1_outcomes.study.checks import choice, is_number, known, nearest, positive, required, table, text, texts, whole
from ikzf1_outcomes.study.genome_plan import existing

PART = "[kinome]"
FORMATS: Mapping[str, tuple[str, ...]] = {
    "spots": (
        "sample", "peptide", "foreground", "background", "replicate", "control", "saturated", "batch", "row", "column",
        "gene",
    ),
    "matrix": ("sample", "peptide", "gene", "batch"),
    "bionavigator": ("sample", "batch"),
}  # fmt: skip
"""What columns of each kind of file may mean."""
READING: Mapping[str, tuple[str, ...]] = {
    "spots": ("sheet", "header_row", "decimal"),
    "matrix": ("sheet", "header_row", "decimal", "rows", "leave_out", "scale"),
    "bionavigator": ("cycle", "exposure_time"),
}
"""Keys that only some kinds of file have."""
NORMALISATION: Mapping[str, tuple[str, ...]] = {
    "spots": ("normalise", "negative", "floor", "least_correlation", "replicates", "log_first"),
    "matrix": ("normalise", "floor"),
    "bionavigator": ("normalise", "negative", "floor", "least_correlation", "replicates", "log_first"),
}
COMPARED = {"column": "ikzf1_deletion", "first": "deleted", "second": "not deleted"}
DEFAULT, NONE = "default", "none"
KEYS = {
    "file": "File of the arrays, relative to the study file (required)",
    "format": "spots (one row a spot), matrix (peptides and samples) or bionavigator (required)",
    "columns": f"Meaning = column of the file (table); of spots: {', '.join(FORMATS['spots'])}",
    "rows": "What stands in the rows of a matrix: peptides or samples (required there)",
    "scale": "Values of a matrix: log2 (default) or intensity",
    "leave_out": "Further columns of a matrix that are neither (list of text)",
    "sheet": "Sheet of a workbook",
    "header_row": "Row of the header, counted from 1",
    "decimal": "Decimal sign of numbers in text files",
    "cycle": "Cycle of the images of a BioNavigator export that are taken (number)",
    "exposure_time": "Exposure time of these images (number)",
    "sample": "Column of the patients that names their array (default id)",
    "batch": "Column of the patients with the batch of their array, where the file has none",
    "controls": "Control peptides (list of text), where no column of the file says so",
    "normalisation": f"Arguments of normalise_spots (table): {', '.join(NORMALISATION['spots'])}",
    "sets": "Pathways: default, none, or a GMT file of genes",
    "scores": "Sets whose score becomes a column of the patients, score_NAME (list of text)",
    "score_method": f"{', '.join(SCORES)} (default mean)",
    "known_at": "Years from diagnosis at which arrays are known; left out, the field `sample` must show that of diagnosis",
    "compare": "Table: column (default ikzf1_deletion), first and second level (default deleted, not deleted)",
    "covariates": "Columns of the patients that differences are adjusted for (list of text)",
    "method": "moderated (default) or t",
    "adjust": "Adjustment of the p-values: bh (default), by, holm or storey",
    "permutations": "Permutations of the labels (default 1000)",
    "margin": "log2 difference that would not matter, for tests of equivalence (number; none by default)",
    "clusters": "Number of clusters of the samples (default 2)",
    "annotations": "Columns that clusters are tested against (default: compare, subtype, sex, age, wbc, batch)",
    "seed": "Seed of the permutations (whole number, default that of [study])",
}


@dataclass(frozen=True, slots=True)
class KinomePlan:
    """A `[kinome]` part that was read and accepted."""

    file: Path
    format: str
    columns: Mapping[str, str]
    reading: Mapping[str, Any]
    sample: str
    batch: str
    controls: tuple[str, ...]
    normalisation: Mapping[str, Any]
    sets: str
    sets_file: Path | None
    scores: tuple[str, ...]
    score_method: str
    known_at: float | None
    column: str
    first: str
    second: str
    covariates: tuple[str, ...]
    method: str
    adjust: str
    permutations: int
    margin: float | None
    clusters: int
    annotations: tuple[str, ...] | None
    seed: int

    @property
    def files(self) -> tuple[Path, ...]:
        """What the results depend on."""
        return (self.file,) if self.sets_file is None else (self.file, self.sets_file)

    @property
    def contrast(self) -> str:
        """The comparison in words."""
        return f"{self.first} vs {self.second}"

    @property
    def named(self) -> dict[str, tuple[str, ...]]:
        """Columns of the patients that each key names."""
        found = {"sample": (self.sample,), "compare": (self.column,), "covariates": self.covariates}
        found |= {"batch": (self.batch,)} if self.batch else {}
        return found | ({"annotations": self.annotations} if self.annotations else {})


def score_column(pathway: str) -> str:
    """The column of the patients that holds the score of a set.

    Examples
    --------
    >>> score_column("PI3K/AKT/mTOR")
    'score_pi3k_akt_mtor'
    """
    return "score_" + re.sub(r"[^a-z0-9]+", "_", pathway.lower()).strip("_")


def kinome_plan(content: Mapping[str, Any], folder: Path, seed: int) -> KinomePlan | None:
    """Check the `[kinome]` part; None without one.

    Raises
    ------
    StudyError
        A key that nobody knows, or that the kind of file does not have; no file; a wrong type; two sources of the batch.
    """
    if "kinome" not in content:
        return None
    part = table(content, "kinome")
    known(part, KEYS, PART)
    kind = required(part, "format", PART)
    if kind not in FORMATS:
        raise StudyError(f"{PART} format cannot be {kind!r}", next_step=f"Use one of {', '.join(FORMATS)}.")
    columns = table(part, "columns")
    known(columns, FORMATS[kind], "[kinome.columns]")
    if not all(isinstance(name, str) for name in columns.values()):
        raise StudyError("[kinome.columns] names columns of the file as text")
    normalisation = table(part, "normalisation")
    known(normalisation, NORMALISATION[kind], "[kinome.normalisation]")
    compare = table(part, "compare")
    known(compare, COMPARED, "[kinome.compare]")
    sets = text(part, "sets") or DEFAULT
    batch = text(part, "batch")
    if batch and "batch" in columns:
        raise StudyError(f"{PART} names the batch twice", next_step="It is a column of the patients or of the file.")
    controls = texts(part, "controls")
    if controls and (kind == "matrix" or "control" in columns):
        raise StudyError(f"{PART} controls: a matrix has none, and the column `control` says it already")
    if len(texts(part, "scores")) and sets == NONE:
        raise StudyError(f"{PART} scores need sets", next_step='Write sets = "default", or name a GMT file.')
    permutations, clusters = whole(part, "permutations", 1000), whole(part, "clusters", 2)
    if permutations < 1 or clusters < 2:
        raise StudyError(f"{PART}: permutations are 1 or more, clusters 2 or more")
    return KinomePlan(
        file=existing(folder, required(part, "file", PART), PART),
        format=kind,
        columns=dict(columns),
        reading=reading_of(part, kind, columns),
        sample=text(part, "sample") or "id",
        batch=batch,
        controls=controls,
        normalisation=dict(normalisation),
        sets=sets,
        sets_file=None if sets in (DEFAULT, NONE) else existing(folder, sets, f"{PART} sets"),
        scores=texts(part, "scores"),
        score_method=choice(part, "score_method", SCORES),
        known_at=not_negative(part, "known_at") if "known_at" in part else None,
        **{key: text(compare, key) or word for key, word in COMPARED.items()},
        covariates=texts(part, "covariates"),
        method=choice(part, "method", ("moderated", "t")),
        adjust=choice(part, "adjust", ("bh", "by", "holm", "storey")),
        permutations=permutations,
        margin=positive(part, "margin", 0.0) if "margin" in part else None,
        clusters=clusters,
        annotations=texts(part, "annotations") if "annotations" in part else None,
        seed=whole(part, "seed", seed),
    )


def reading_of(part: Mapping[str, Any], kind: str, columns: Mapping[str, str]) -> dict[str, Any]:
    """Keys of the reading of one kind of file.

    Raises
    ------
    StudyError
        A key of another kind; a matrix whose rows are not named; a column that rows of that kind cannot have.
    """
    for other, keys in READING.items():
        wrong = [key for key in keys if key in part and key not in READING[kind]]
        if wrong:
            raise StudyError(f"{PART} {wrong[0]} belongs to the format {other}", next_step="Leave it out.")
    out = {key: part[key] for key in READING[kind] if key in part}
    if kind == "bionavigator":
        if not all(is_number(value) for value in out.values()):
            raise StudyError(f"{PART}: cycle and exposure_time are numbers")
        return out
    if "header_row" in out:
        out["header_row"] = whole(part, "header_row", 1)
    for key in ("sheet", "decimal"):
        if key in out:
            out[key] = text(part, key)
    if kind == "matrix":
        out["rows"] = required(part, "rows", f"{PART} of a matrix")
        out["scale"] = choice(part, "scale", ("log2", "intensity"))
        out["leave_out"] = texts(part, "leave_out")
        if out["rows"] not in ("peptides", "samples"):
            raise StudyError(f"{PART} rows cannot be {out['rows']!r}", next_step='Write rows = "peptides" or "samples".')
        allowed = ["peptide", "gene"] if out["rows"] == "peptides" else ["sample", "batch"]
        known(columns, allowed, f"[kinome.columns] of a matrix with {out['rows']} in rows")
    return out


def not_negative(part: Mapping[str, Any], key: str) -> float:
    """A number of 0 or more."""
    value = part[key]
    if not is_number(value) or not 0.0 <= value < float("inf"):
        raise StudyError(f"{PART} {key} must be a number that is not negative")
    return float(value)


def check_sets(plan: KinomePlan, names: list[str]) -> None:
    """Refuse scores of sets that are not there, and two scores of one column."""
    for name in plan.scores:
        if name not in names:
            raise StudyError(f"{PART} scores: there is no set {name!r}", next_step=nearest(name, names))
    made = [score_column(name) for name in plan.scores]
    if len(set(made)) < len(made):
        raise StudyError(f"{PART} scores: two sets would be one column", next_step="Rename a set in the GMT file.")
