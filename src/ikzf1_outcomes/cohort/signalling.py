"""Peptides or pathway scores joined to their patients, with a report of who has no array and which array no patient."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.cohort.alterations import refuse_dates, with_columns
from ikzf1_outcomes.cohort.dictionary import Field
from ikzf1_outcomes.cohort.patients import Cohort
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.kinome.arrays import PeptideArrays, peptide_values

TESTED = "has_array"


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class MatchReport:
    """Which arrays found their patients; made by `join_arrays`. Positions count from 1; no identifier is kept.

    Parameters
    ----------
    n_patients, n_arrays, n_matched
        Patients of the cohort, arrays given, and pairs of both.
    patients_without
        Rows of the cohort without an array.
    arrays_without
        Places of the arrays without a patient, among those given.
    n_left_out
        Arrays that `normalise_spots` had left out: their patients count as without an array.
    features
        feature (as in the arrays), column (in the cohort), n_missing (among the patients with an array).
    """

    n_patients: int
    n_arrays: int
    n_matched: int
    patients_without: tuple[int, ...]
    arrays_without: tuple[int, ...]
    n_left_out: int
    features: pd.DataFrame

    def __repr__(self) -> str:
        return f"MatchReport({self.n_matched} of {self.n_arrays} arrays, {self.n_patients} patients)"

    def tidy(self) -> pd.DataFrame:
        """One row a kind of pair.

        Returns
        -------
        DataFrame
            part ("patients" or "arrays"), reason ("with an array", "without a patient", ...), n.
        """
        rows = [
            ("patients", "with an array", self.n_matched),
            ("patients", "without an array", len(self.patients_without)),
            ("arrays", "with a patient", self.n_matched),
            ("arrays", "without a patient, left out", len(self.arrays_without)),
            ("arrays", "left out before, by their spots", self.n_left_out),
        ]
        return pd.DataFrame(rows, columns=["part", "reason", "n"])

    def glance(self) -> pd.DataFrame:
        """The numbers in one row: n_patients, n_arrays, n_matched, n_left_out, n_features, n_missing (values)."""
        row = {
            "n_patients": self.n_patients,
            "n_arrays": self.n_arrays,
            "n_matched": self.n_matched,
            "n_left_out": self.n_left_out,
            "n_features": len(self.features),
            "n_missing": int(self.features["n_missing"].sum()),
        }
        return pd.DataFrame([row])


def join_arrays(
    cohort: Cohort,
    arrays: PeptideArrays | pd.DataFrame,
    *,
    features: Sequence[str] | None = None,
    prefix: str = "",
    sample_column: str | None = None,
    sampled: pd.Series | None = None,
    within_days: float = 7.0,
    known_at: float | str | None = None,
    tested: str = TESTED,
) -> tuple[Cohort, MatchReport]:
    """Add peptides or pathway scores to a cohort as numeric columns, and whether a patient has an array.

    Rule. A feature becomes a column named as it is, signs that a formula cannot hold replaced by "_"; missing for patients
    without an array, who stay in the cohort with `has_array` false. The values count as known at diagnosis only when the
    sample was taken then, as in `add_alterations`; or say with `known_at` when they were known.

    Parameters
    ----------
    cohort
        The patients.
    arrays
        Of `normalise_spots`, or any table of features x samples, such as pathway scores.
    features
        Which rows; left out, all.
    prefix
        Put before the names of the columns; needed where features begin with a digit.
    sample_column
        Column of the cohort that names the sample of the array; left out, `id`.
    sampled
        Years from diagnosis to the sample, by sample; left out, the cohort's own column `sample`.
    within_days
        Days after diagnosis until which a sample shows the leukaemia at diagnosis.
    known_at
        Years from diagnosis, or a time column: the samples are then not checked to be of diagnosis.
    tested
        Column of who has an array. One that is there must say the same, as when peptides and scores are joined one after
        the other.

    Returns
    -------
    (Cohort, MatchReport)

    Raises
    ------
    ColumnError, InputError
        As `peptide_values`; features or columns that are not there; a column that the cohort has already, or two features
        with one name; two patients with one sample (rows of the cohort); no array that belongs to a patient; samples
        without a date or not of diagnosis (places of the arrays).

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.cohort_from_frame(pd.DataFrame({"id": ["a", "b"], "sample": [0.0, 0.0]}))
    >>> scores = pd.DataFrame({"a": [8.5], "z": [7.0]}, index=["JAK/STAT5"])
    >>> joined, report = iko.join_arrays(cohort, scores)
    >>> joined.frame[["has_array", "JAK_STAT5"]].values.tolist()
    [[True, 8.5], [False, nan]]
    >>> report
    MatchReport(1 of 2 arrays, 2 patients)
    """
    table = chosen_features(peptide_values(arrays), features)
    samples = pd.Index(table.columns.astype(str))
    if samples.has_duplicates:
        raise InputError("two samples have one name as text", where=np.flatnonzero(samples.duplicated(keep=False)) + 1)
    place = samples.get_indexer(patient_samples(cohort, sample_column))
    patient = np.full(len(samples), -1, dtype=np.intp)
    patient[place[place >= 0]] = np.flatnonzero(place >= 0)
    mine = patient >= 0
    if not mine.any():
        raise InputError(
            "no array belongs to a patient of the cohort",
            count=len(samples),
            next_step="Name the column of the cohort that holds the samples: sample_column=.",
        )
    if known_at is None:
        refuse_dates(years_of(cohort, sampled, samples, patient), mine, within_days)
    names = column_names(cohort, table.index, prefix, tested)
    unit = arrays.scale if isinstance(arrays, PeptideArrays) else ""
    columns, fields = feature_columns(table, names, place, unit, 0.0 if known_at is None else known_at)
    if tested in cohort.dictionary:
        refuse_others(cohort, tested, place >= 0)
    else:
        columns[tested] = pd.Series(pd.array(place >= 0, dtype="boolean"))
        fields[tested] = Field(tested, "flag", "Peptide array", known_at=0.0 if known_at is None else known_at)
    n_left_out = int((~arrays.samples["kept"]).sum()) if isinstance(arrays, PeptideArrays) else 0
    n_missing = table.loc[:, mine].isna().sum(axis=1).to_numpy()
    report = MatchReport(
        n_patients=len(cohort),
        n_arrays=len(samples),
        n_matched=int(mine.sum()),
        patients_without=tuple(int(row) + 1 for row in np.flatnonzero(place < 0)),
        arrays_without=tuple(int(row) + 1 for row in np.flatnonzero(~mine)),
        n_left_out=n_left_out,
        features=pd.DataFrame({"feature": table.index.to_numpy(), "column": names, "n_missing": n_missing}),
    )
    told = [f"peptide arrays: {report.n_matched} patients with an array, {len(report.patients_without)} without"]
    if report.arrays_without:
        told.append(f"peptide arrays: {len(report.arrays_without)} arrays of nobody in the cohort, left out")
    return with_columns(cohort, columns, fields, told), report


def feature_columns(
    table: pd.DataFrame, names: list[str], place: NDArray[np.intp], unit: str, known_at: float | str
) -> tuple[dict[str, pd.Series], dict[str, Field]]:
    """The columns of the patients and their fields; `place` is the array of each patient, -1 without one."""
    values = np.where(place >= 0, table.to_numpy()[:, place], np.nan)
    columns = {name: pd.Series(row) for name, row in zip(names, values, strict=True)}
    labels = zip(names, table.index, strict=True)
    fields = {name: Field(name, "number", str(label), unit=unit, known_at=known_at) for name, label in labels}
    return columns, fields


def chosen_features(table: pd.DataFrame, features: Sequence[str] | None) -> pd.DataFrame:
    """The rows asked for.

    Raises
    ------
    ColumnError, InputError
        Features that are not there, none, or twice.
    """
    if features is None:
        return table
    wanted = [features] if isinstance(features, str) else list(features)
    absent = [str(name) for name in wanted if name not in table.index]
    if absent:
        raise ColumnError(f"the arrays have no {', '.join(absent[:10])}", count=len(absent))
    if not wanted or len(set(wanted)) < len(wanted):
        raise InputError("no feature is asked for, or one twice")
    return table.loc[wanted]


def patient_samples(cohort: Cohort, column: str | None) -> pd.Index:
    """The sample of each patient as text; patients without one have a name that no sample has.

    Raises
    ------
    ColumnError, InputError
        No such column; one sample of two patients (row positions).
    """
    name = column or "id"
    if name not in cohort.dictionary:
        raise ColumnError(f"the cohort has no column {name!r}")
    words = cohort.frame[name].astype(object)
    there = words.notna()
    twice = (words.astype(str).duplicated(keep=False) & there).to_numpy()
    if twice.any():
        raise InputError("two patients have one sample", where=np.flatnonzero(twice) + 1)
    return pd.Index(words.astype(str).where(there, None))


def years_of(
    cohort: Cohort, sampled: pd.Series | None, samples: pd.Index, patient: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Years from diagnosis to each sample; NaN where nobody says.

    Raises
    ------
    InputError
        No dates at all, or dates that name a sample twice.
    """
    if sampled is not None:
        dates = sampled.set_axis(sampled.index.astype(str))
        if dates.index.has_duplicates:
            raise InputError("the dates name a sample twice")
        out: NDArray[np.float64] = pd.to_numeric(dates, errors="coerce").reindex(samples).to_numpy(dtype=np.float64)
        return out
    if "sample" not in cohort.frame:
        raise InputError(
            "nobody says when the samples were taken",
            count=len(samples),
            next_step="Give sampled=, map the field `sample` of the patient file, or say known_at=.",
        )
    years = cohort.frame["sample"].to_numpy(dtype=np.float64)
    return np.where(patient >= 0, years[patient], np.nan)


def refuse_others(cohort: Cohort, tested: str, there: NDArray[np.bool_]) -> None:
    """Refuse arrays of other patients than the cohort says have one.

    Raises
    ------
    InputError
        With the rows of the cohort.
    """
    differ = ~cohort.frame[tested].astype(object).eq(there).to_numpy(dtype=bool, na_value=False)
    if differ.any():
        raise InputError(
            f"{tested!r} of the cohort says otherwise who has an array",
            where=np.flatnonzero(differ) + 1,
            next_step="Arrays of other patients need a column of their own: tested=.",
        )


def column_names(cohort: Cohort, features: pd.Index, prefix: str, tested: str) -> list[str]:
    """Names that a formula may hold.

    Raises
    ------
    InputError
        A name that cannot be one, that the cohort has, or two features with one name.
    """
    names = [prefix + re.sub(r"\W", "_", str(feature)) for feature in features]
    bad = [place for place, name in enumerate(names, 1) if not name.isidentifier()]
    if bad:
        raise InputError("features whose name no column can have", where=bad, next_step='Give a prefix: prefix="pep_".')
    twins = pd.Index(names).duplicated(keep=False)
    if twins.any():
        raise InputError("two features would be one column", where=np.flatnonzero(twins) + 1, next_step="Rename them.")
    there = [name for name in names if name in cohort.dictionary or name == tested]
    if there:
        raise InputError(
            f"the cohort has {', '.join(there[:10])} already", count=len(there), next_step="Give another prefix."
        )
    return names
