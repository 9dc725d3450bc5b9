"""A laboratory's alterations joined to their patients, known at diagnosis only when the sample was taken then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.cohort.derived import add_derived
from ikzf1_outcomes.cohort.dictionary import DICTIONARY, EARLIEST_SAMPLE, Field
from ikzf1_outcomes.cohort.parsing import DAYS_PER_YEAR
from ikzf1_outcomes.cohort.patients import Cohort
from ikzf1_outcomes.errors import ColumnError, InputError

NOT_TESTED = "not_tested"


def add_alterations(
    cohort: Cohort,
    alterations: pd.DataFrame,
    *,
    sampled: pd.Series | None = None,
    within_days: float = 7.0,
    fields: Mapping[str, Field] | None = None,
    source: str = "laboratory file",
    rules: Sequence[str] = (),
) -> Cohort:
    """Add a laboratory's classes and copy numbers to a cohort, as columns known at diagnosis.

    A value counts as known at diagnosis only when its sample was taken then: not earlier than 30 days before the
    diagnosis, not later than `within_days` after it. Samples of relapse or remission are refused. Patients without a
    row were not tested: their calls are "not_tested", their numbers missing. Rows without a patient (excluded, or of
    another study) are left out and counted in the provenance.

    Parameters
    ----------
    cohort
        The patients; their `id` names them in the file.
    alterations
        One row a sample, index the patient's identifier; columns of the dictionary (ikzf1_class, cdkn2a, ...) or of
        `fields`.
    sampled
        On the same index, years from diagnosis to the sample. Left out, the cohort's own column `sample` says it.
    within_days
        Days after diagnosis until which a sample shows the leukaemia at diagnosis.
    fields
        Fields of columns beyond the dictionary.
    source
        What the rows are called in the provenance.
    rules
        Names and versions of the rules that made the columns.

    Returns
    -------
    Cohort
        With the new columns and `ikzf1_deletion`, `known_at` 0.

    Raises
    ------
    ColumnError, InputError
        A column without a field, or one that the cohort has already; two samples of a patient, a sample without a date,
        not of diagnosis, or with a word that is no level (row positions of the file); no row that belongs to a patient; no
        dates at all.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.cohort_from_frame(pd.DataFrame({"id": ["a", "b"], "sample": [0.0, 0.0]}))
    >>> found = pd.DataFrame({"ikzf1_class": ["ik6"]}, index=["a"])
    >>> iko.add_alterations(cohort, found).frame["ikzf1_class"].tolist()
    ['ik6', 'not_tested']
    """
    known = {**DICTIONARY, **(fields or {})}
    names = [str(column) for column in alterations.columns]
    refuse_columns(cohort, names, known)
    patients = pd.Index(cohort.frame["id"].astype(str))
    samples = pd.Index(alterations.index.astype(str))
    twice = samples.duplicated(keep=False)
    if twice.any():
        raise InputError(
            "a patient has more than one sample",
            where=np.flatnonzero(twice) + 1,
            next_step="Select the sample of diagnosis: a patient has one.",
        )
    mine = samples.isin(patients)
    if not mine.any():
        raise InputError(
            "no sample belongs to a patient of the cohort",
            count=len(samples),
            next_step="The sample names must be the patients' identifiers; name the column that holds them.",
        )
    refuse_dates(when(cohort, alterations, sampled, samples, patients), mine, within_days)
    place = samples.get_indexer(patients)
    columns = {name: aligned(alterations[name], place, known[name], mine) for name in names}
    untested, strangers = int((place < 0).sum()), int((~mine).sum())
    told = [f"{source}: {int(mine.sum())} samples of diagnosis, {untested} patients not tested"]
    told += [f"{source}: {strangers} samples of nobody in the cohort, left out"] if strangers else []
    return with_columns(cohort, columns, {name: replace(known[name], known_at=0.0) for name in names}, told, rules)


def with_columns(
    cohort: Cohort,
    columns: Mapping[str, pd.Series],
    fields: Mapping[str, Field],
    notes: Sequence[str] = (),
    rules: Sequence[str] = (),
) -> Cohort:
    """The cohort with more columns, in the order of its patients, and with what follows from them.

    Parameters
    ----------
    columns
        Name and values; every value is allowed by its field.
    fields
        Field of each column.
    notes, rules
        What the provenance keeps of them.
    """
    # thousands of features, one by one, would take a frame apart
    added = pd.DataFrame(dict(columns), index=cohort.frame.index)
    others = cohort.frame.drop(columns=added.columns.intersection(cohort.frame.columns))
    frame, derived, made = add_derived(pd.concat([others, added], axis=1))
    dictionary = dict(cohort.dictionary) | {name: fields[name] for name in columns}
    dictionary |= {name: DICTIONARY[name] for name in frame.columns if name not in dictionary}
    old = cohort.provenance
    provenance = replace(old, notes=(*old.notes, *notes, *derived), rules=(*old.rules, *rules, *made))
    return Cohort(frame[list(dictionary)], dictionary, provenance)


def refuse_columns(cohort: Cohort, names: list[str], known: Mapping[str, Field]) -> None:
    """Refuse columns that nobody knows or that the cohort has.

    Raises
    ------
    ColumnError, InputError
        As said.
    """
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise InputError(
            f"two columns are called {', '.join(twins[:10])}", next_step="Give every column a name of its own."
        )
    strange = [name for name in names if name not in known]
    if strange:
        raise ColumnError(f"no field is known for {', '.join(strange[:10])}", next_step="Give it with fields=.")
    there = [name for name in names if name in cohort.dictionary]
    if there:
        raise InputError(
            f"the patient file has {', '.join(there)} already",
            next_step="Leave the columns out of one of the two: a value has one source.",
        )


def when(
    cohort: Cohort, alterations: pd.DataFrame, sampled: pd.Series | None, samples: pd.Index, patients: pd.Index
) -> NDArray[np.float64]:
    """Years from diagnosis to each sample of the file; NaN where nobody says.

    Raises
    ------
    InputError
        Dates on another index; no dates at all.
    """
    if sampled is not None:
        if not sampled.index.equals(alterations.index):
            raise InputError("the dates and the alterations have different indexes")
        years = pd.to_numeric(sampled.astype(object), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        broken = np.isnan(years) & sampled.notna().to_numpy()
        if broken.any():
            raise InputError(
                "times of samples that are no numbers",
                where=np.flatnonzero(broken) + 1,
                next_step="Give years from diagnosis.",
            )
        return years
    if "sample" not in cohort.frame:
        raise InputError(
            "nobody says when the samples were taken",
            count=len(samples),
            next_step="Map the field `sample` of the patient file, or say which column of the laboratory's file tells.",
        )
    place = patients.get_indexer(samples)
    years = cohort.frame["sample"].to_numpy(dtype=np.float64)
    return np.where(place >= 0, years[place], np.nan)


def refuse_dates(years: NDArray[np.float64], mine: NDArray[np.bool_], within_days: float) -> None:
    """Refuse samples that are undated or not of diagnosis.

    Raises
    ------
    InputError
        With row positions.
    """
    undated = mine & np.isnan(years)
    if undated.any():
        raise InputError(
            "samples without a date",
            where=np.flatnonzero(undated) + 1,
            next_step="A sample that may be of relapse or remission cannot tell what was known at diagnosis.",
        )
    # a hair of tolerance: dates became years by division
    late = mine & ((years < EARLIEST_SAMPLE - 1e-9) | (years > within_days / DAYS_PER_YEAR + 1e-9))
    if late.any():
        raise InputError(
            f"samples not of diagnosis (from 30 days before it to {within_days:g} days after it)",
            where=np.flatnonzero(late) + 1,
            next_step="Leave samples of remission and relapse out, or widen within_days with a reason.",
        )


def aligned(column: pd.Series, place: NDArray[np.intp], field: Field, mine: NDArray[np.bool_]) -> pd.Series:
    """A column in the order of the patients, as its field wants it.

    Raises
    ------
    InputError
        Words that are no level, numbers outside the limits, flags that are neither true nor false (row positions).
    """
    values = column.astype(object).to_numpy()
    there = pd.notna(values)
    if field.kind == "number":
        number = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=np.float64)
        low = -np.inf if field.low is None else field.low
        high = np.inf if field.high is None else field.high
        wrong = mine & there & ~((number >= low) & (number <= high))
        out = pd.Series(np.where(place >= 0, number[place], np.nan))
    elif field.kind == "flag":
        said = pd.Series(values, dtype=object).isin([True, False]).to_numpy()
        wrong = mine & there & ~said
        flags = pd.array(np.append(np.where(said, values, None), [None])[place], dtype="boolean")
        out = pd.Series(flags)
    else:
        levels = list(field.levels or dict.fromkeys(values[there]))
        # a number is no level, though its text may be one
        wrong = mine & there & ~pd.Series(values, dtype=object).isin(levels).to_numpy()
        absent: object = NOT_TESTED if NOT_TESTED in levels else None
        given = np.append(values, [absent])  # place -1 reads the last one
        words = pd.Series(given[place])
        words = words.where(words.notna(), absent)
        out = pd.Series(pd.Categorical(words, categories=levels, ordered=field.kind == "ordered"))
    if wrong.any():
        raise InputError(
            f"the column {field.name!r} holds what its field does not allow",
            where=np.flatnonzero(wrong) + 1,
            next_step=f"Allowed are: {', '.join(field.levels)}." if field.levels else "See the field's limits.",
        )
    return out
