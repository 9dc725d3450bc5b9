"""How well would a model order new patients? Its own patients, corrected for optimism by the bootstrap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes import resampling
from ikzf1_outcomes.endpoint import Columns, Endpoint, draw_rows, numbers
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.formula import design
from ikzf1_outcomes.formula.spec import check_columns_are_there
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.analysed_rows import analysed
from ikzf1_outcomes.models.estimability import rows_of
from ikzf1_outcomes.prognosis.procedures import Measures, Procedure

TERMS = ("concordance", "calibration slope")
SCALES = ("probability", "log hazard ratio")
FEWEST = 20
ALONE = "std_error is that of the number of resamples, not of the patients"
NOTHING_MISSING = "no covariate is missing: nothing was imputed"
NO_PAIR = "not estimable among the patients analysed"


class Resample(NamedTuple):
    """One resample: how the model made from it does there and among the patients analysed; NaN where not estimable."""

    training: Floats
    """Concordance, slope (2)."""
    test: Floats
    lost: bool
    """The slope is 0: a level without events in the resample has events among the patients analysed."""
    problem: str
    """Why there is no model; empty where there is one."""


@dataclass(frozen=True, eq=False, slots=True)
class Validation:
    """A procedure with the patients it is validated on."""

    procedure: Procedure
    endpoint: Endpoint
    """The patients who are drawn from, with the columns of the procedure."""
    originals: tuple[Endpoint, ...]
    """They, completed."""
    apparent: tuple[Measures, ...]
    """Of the model made from them, in each of `originals`."""
    notes: tuple[str, ...]
    n_excluded: int
    n_draws: int
    """Completed data sets; 0 where nothing was imputed."""

    def resample(self, patients: Integers, rng: np.random.Generator) -> Resample:
        """Repeat the procedure on patients drawn by position, from 0: rows, or codes of `subject` in ascending order."""
        rows, subject = rows_drawn(self.endpoint, patients)
        procedure, drawn = self.procedure, draw_rows(self.endpoint, rows, subject)
        try:
            sets = procedure.completed(drawn, rng)
            fits = procedure.fitted(sets)
            training, test = procedure.measured(fits, sets), procedure.measured(fits, self.originals)
        except (InputError, ConvergenceError) as failure:
            nothing = np.full(len(TERMS), np.nan)
            return Resample(nothing, nothing, False, failure.problem)
        return Resample(mean_of(training), mean_of(test), any(one.lost for one in test), "")

    def drawn(self, rng: np.random.Generator) -> Resample:
        """A resample of as many patients as there are."""
        return self.resample(rng.integers(0, self.endpoint.n, self.endpoint.n), rng)

    def table(self, resamples: Sequence[Resample]) -> pd.DataFrame:
        """The table of `validate`."""
        training, test = (np.array([getattr(one, part) for one in resamples]) for part in ("training", "test"))
        known = ~np.isnan(training - test)
        notes = "; ".join([*self.notes, *failures(resamples), ALONE])
        apparent, first, procedure = mean_of(self.apparent), self.apparent[0].rows, self.procedure
        out = []
        for k, (term, scale) in enumerate(zip(TERMS, SCALES, strict=True)):
            own = known[:, k]
            at_home, abroad = training[own, k], test[own, k]
            gap, enough = at_home - abroad, len(at_home) > 1
            optimism = float(gap.mean()) if enough else np.nan
            why = [NO_PAIR] * bool(np.isnan(apparent[k])) + uncounted(known, k, resamples)
            out.append(
                {
                    "term": term,
                    "cause": procedure.cause or "any",
                    "n": self.endpoint.patients(first),
                    "n_event": int((self.endpoint.ends_with(procedure.cause) & first).sum()),
                    "n_excluded": self.n_excluded + int((~first).sum()),
                    "estimate": apparent[k] - optimism,
                    "std_error": float(gap.std(ddof=1)) / np.sqrt(len(gap)) if enough else np.nan,
                    "scale": scale,
                    "apparent": apparent[k],
                    "training": float(at_home.mean()) if enough else np.nan,
                    "test": float(abroad.mean()) if enough else np.nan,
                    "optimism": optimism,
                    "n_resamples": int(own.sum()),
                    "n_draws": self.n_draws,
                    "note": "; ".join([*why, notes]),
                }
            )
        return pd.DataFrame(out)


def validate(
    endpoint: Endpoint,
    terms: str | Sequence[str],
    *,
    seed: int | np.random.Generator,
    cause: str | None = None,
    ties: str = "efron",
    strata: Columns | None = None,
    penalty: str | tuple[str, float] | None = None,
    ridge_terms: str | Sequence[str] | None = None,
    offset: str | None = None,
    references: Mapping[str, Any] | None = None,
    resamples: int = 200,
    imputations: int = 0,
    auxiliary: str | Sequence[str] | None = None,
    cycles: int = 10,
    method: Mapping[str, str] | None = None,
    intervals: Mapping[str, tuple[str, str]] | None = None,
    substantive: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    r"""Concordance and calibration of a Cox model among new patients, from the patients it was fitted to.

    Estimand: how well a model made by this whole procedure from as many patients would order new patients of the same
    source by the time of their event (concordance), and by what factor its linear predictor would have to be multiplied for
    them (calibration slope: below 1, its hazard ratios are too far from 1). Not: how it does in another clinic or time.

    A model looks better among its own patients than among others. That optimism is estimated by letting each resample,
    patients drawn with replacement, play the patients, and the patients play the others (Efron 1983; Harrell, Lee and Mark
    1996; recalled, not verified). With C of model m in data d written C(m, d), M the procedure, P the patients, R_b the
    resamples,

    .. math:: C_{corrected} = C(M(P), P) - \frac1B \sum_b \{ C(M(R_b), R_b) - C(M(R_b), P) \}

    Concordance: Harrell's, of the linear predictor, within strata, as in `cox(...).glance()`. Calibration slope: the
    coefficient of the linear predictor as the only covariate of a Cox model with the same strata, ties and offset; of a
    model without a penalty it is 1 where the model was fitted.

    With `imputations`, completing the data is part of M: each resample is imputed anew, given its outcome, by
    `impute_missing`; the coefficients of its completed sets are averaged, and measured in each of them. P is completed as
    often, from all patients, before; measures are means over its completed sets. Data completed once, before resampling,
    would flatter the model: an imputed value carries the outcome of its own patient and a regression on everybody's, so
    that those whom a resample left out are no strangers to it (Musoro et al. 2014; Wahl et al. 2016; recalled, not
    verified).

    Edge rules. Patients are drawn as a whole where they have several rows, without regard to strata and events. Spline
    knots, means, polynomials and levels are those of the resample. A level without events in a resample has the hazard 0
    there: the lowest predictor; if it has events among the patients analysed, the slope of that resample is 0, its limit.
    Resamples without a model (no event; nobody in a level; separation) are left out of the means, counted in `n_resamples`
    and named in the note: the rest is too optimistic then. So is all of it with few events and weak effects: some optimism
    stays (`docs/methods/validation.md`). Linear predictors that differ by rounding are tied. An offset is part of the
    predictor whose concordance is taken; the slope leaves its coefficient at 1.

    Parameters
    ----------
    endpoint
        Times and causes.
    terms
        A formula, or a list of columns. What was chosen by looking at the outcome is not validated: name all candidates
        and use a penalty.
    seed
        Number or generator. The same seed gives the same numbers on any number of processes.
    cause, ties, strata, penalty, ridge_terms, offset, references
        As in `cox`.
    resamples
        How many, 20 or more.
    imputations
        Completed data sets of each resample; 0 analyses the complete cases.
    auxiliary, cycles, method, intervals, substantive
        As in `impute_missing`, whose columns are those of the terms; strata and offset are auxiliary.
    progress
        Called after each resample with how many are done, and of how many.

    Returns
    -------
    DataFrame
        One row a measure: term ("concordance", "calibration slope"), cause, n, n_event, n_excluded (rows left out),
        estimate (corrected), std_error (of the number of resamples alone: SD of the optimism / root of their number),
        scale, apparent, training, test (means over the resamples), optimism, n_resamples (with that measure), n_draws
        (completed data sets, 0 without imputation), note.

    Raises
    ------
    ColumnError, InputError, ConvergenceError
        What `cox` and `impute_missing` raise for the patients themselves; fewer than 20 resamples; options of an
        imputation without one.

    Notes
    -----
    Rows with a missing stratum or offset, and without imputation those with a missing term, are left out and counted.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.prognosis.validation import validate
    >>> rng = np.random.default_rng(1)
    >>> d = pd.DataFrame(rng.normal(size=(60, 5)), columns=list("abcde"))
    >>> d["t"], d["s"] = rng.exponential(np.exp(-d["a"])), 1
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> table = validate(endpoint, list("abcde"), resamples=20, seed=1)
    >>> table[["term", "apparent", "estimate"]].round(2).values.tolist()
    [['concordance', 0.75, 0.74], ['calibration slope', 1.0, 0.84]]
    """
    check_numbers(resamples, imputations)
    imputing = {"auxiliary": auxiliary, "cycles": cycles, "method": method, "intervals": intervals}
    imputing["substantive"] = substantive
    idle = [name for name in ("auxiliary", "method", "intervals", "substantive") if imputing[name] is not None]
    if idle and not imputations:
        raise InputError(f"without imputation: {', '.join(idle)}", next_step="Give `imputations`, or leave these out.")
    options = {"penalty": penalty, "ridge_terms": ridge_terms, "references": references}
    procedure = Procedure(terms, cause, ties, strata, offset, options, imputations, imputing)
    rng = resampling.generator_of(seed)
    # the first child completes the patients, so that resamples are the same with and without imputation
    made = prepared(procedure, endpoint, rng.spawn(1)[0])
    return made.table(resampling.replicates(made.drawn, resamples, seed=rng, progress=progress))


def check_numbers(resamples: int, imputations: int) -> None:
    """Refuse numbers of resamples and imputations that are none.

    Raises
    ------
    InputError
        Fewer than 20 resamples, a negative number of imputations, no whole numbers.
    """
    if isinstance(resamples, bool) or not isinstance(resamples, int | np.integer) or resamples < FEWEST:
        raise InputError(f"resamples must be a whole number of {FEWEST} or more", next_step="200 serve most models.")
    if isinstance(imputations, bool) or not isinstance(imputations, int | np.integer) or imputations < 0:
        raise InputError("imputations must be a whole number of 0 or more", next_step="0 analyses the complete cases.")


def prepared(procedure: Procedure, endpoint: Endpoint, rng: np.random.Generator) -> Validation:
    """The patients who are drawn from, completed, and how the model made from them does among them.

    Raises
    ------
    ColumnError, InputError, ConvergenceError
        What `cox` and `impute_missing` raise.
    """
    keep = rows_known(procedure, endpoint)
    if not keep.any():
        raise InputError("no row has its stratum and offset known", count=len(keep), next_step="Check these columns.")
    own = endpoint if keep.all() else draw_rows(endpoint, *rows_kept(endpoint, keep))
    originals = procedure.completed(own, rng)
    fits = procedure.fitted(originals)
    apparent = procedure.measured(fits, originals)
    left_out = int((~keep).sum())
    imputed = originals[0] is not own
    said = sorted({note for fit in fits for note in fit.glance()["note"] if note})
    if procedure.imputations and not imputed:
        said.append(NOTHING_MISSING)
    if left_out:
        what = "with a missing stratum or offset" if procedure.imputations else "with a missing value: complete cases"
        said.append(f"{left_out} of {len(endpoint)} rows left out, {what}")
    drawn_from, *completed = (with_columns(one, procedure.columns) for one in (own, *originals))
    n_draws = len(completed) if imputed else 0
    return Validation(procedure, drawn_from, tuple(completed), tuple(apparent), tuple(said), left_out, n_draws)


def with_columns(endpoint: Endpoint, names: Sequence[str]) -> Endpoint:
    """The endpoint with some of its columns: what is drawn again and again is no wider than it must be."""
    known = {name: at for name, at in endpoint.known_at.items() if name in names}
    return replace(endpoint, frame=endpoint.frame[list(names)], known_at=known)


def rows_known(procedure: Procedure, endpoint: Endpoint) -> np.ndarray:
    """Rows that are drawn from: those with strata and offset, and without imputation all covariates.

    Raises
    ------
    ColumnError, InputError
        Unknown columns, an offset that is no number.
    """
    if not procedure.imputations:
        matrix = design(endpoint, procedure.terms, references=procedure.options["references"])
        return rows_of(matrix.keep, analysed(endpoint, matrix, procedure.strata, None, False, procedure.offset).complete)
    check_columns_are_there(endpoint.frame, dict.fromkeys(procedure.columns, 0))
    keep = np.asarray(endpoint.groups(procedure.strata).codes >= 0)
    if procedure.offset is not None:
        endpoint.column(procedure.offset)
        keep &= ~np.isnan(numbers(endpoint.frame, procedure.offset))
    return keep


def rows_kept(endpoint: Endpoint, keep: np.ndarray) -> tuple[Integers, Integers | None]:
    """Positions of the rows kept, and their patients."""
    rows = np.flatnonzero(keep)
    return rows, None if endpoint.subject is None else endpoint.subject[rows]


def rows_drawn(endpoint: Endpoint, patients: Integers) -> tuple[Integers, Integers | None]:
    """Rows of the patients drawn, and the patient of each: one who was drawn twice is two."""
    if endpoint.subject is None:
        return np.asarray(patients), None
    order = np.argsort(endpoint.subject, kind="stable")
    size = np.unique(endpoint.subject, return_counts=True)[1]
    begin, length = (np.cumsum(size) - size)[patients], size[patients]
    place = np.repeat(begin - (np.cumsum(length) - length), length) + np.arange(length.sum())
    return order[place], np.repeat(np.arange(len(patients)), length)


def mean_of(measures: Sequence[Measures]) -> Floats:
    """Mean over the completed data sets (2); NaN where one of them has none."""
    return np.mean([(one.concordance, one.slope) for one in measures], axis=0)


def failures(resamples: Sequence[Resample]) -> list[str]:
    """What is to be said of resamples without a model, or with a level that lost its events."""
    problems = Counter(one.problem for one in resamples if one.problem)
    lost, total = sum(one.lost for one in resamples), len(resamples)
    notes = []
    if problems:
        common = problems.most_common(1)[0][0]
        notes.append(
            f"{problems.total()} of {total} resamples without a model, which makes the rest too optimistic "
            f"(the most frequent reason: {common})"
        )
    if lost:
        notes.append(f"in {lost} of {total} resamples a level lost its events: the slope is 0 there")
    return notes


def uncounted(known: np.ndarray, k: int, resamples: Sequence[Resample]) -> list[str]:
    """What is to be said of models without the measure."""
    without = int((~known[:, k] & np.array([not one.problem for one in resamples])).sum())
    return [f"not estimable in {without} of {len(resamples)} resamples with a model"] * bool(without)
