"""Outcome by IKZF1 class when the calls are probabilities: draws of the classes, with or without the outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.incidence import IncidenceCurve, cumulative_incidence
from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.curves.survival import SurvivalCurve, kaplan_meier
from ikzf1_outcomes.endpoint import Endpoint, label, refuse, take_rows
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.formula import design, parse_terms
from ikzf1_outcomes.genome.calls import UNKNOWN
from ikzf1_outcomes.impute.augmentation import Analysis, augmented
from ikzf1_outcomes.impute.draws import as_classes, checked_probabilities, codes_of, whole_number
from ikzf1_outcomes.impute.pooled_curves import pool_curves
from ikzf1_outcomes.impute.pooling import missing_in, rubin, t_limits
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.proportional_hazards import cox
from ikzf1_outcomes.resampling import generator_of

HARD, UNCERTAIN = "hard call", "with call uncertainty"
OUTCOMES = {"ignored": "draws that ignore the outcome", "used": "draws given the outcome"}
COLUMNS = (
    "analysis", "term", "contrast", "group", "cause", "time", "n", "n_event", "estimate", "std_error", "low", "high",
    "conf_level", "interval", "scale", "df", "fraction_missing", "note",
)  # fmt: skip


Part = tuple[pd.DataFrame, dict[str, Any]]
"""The rows of an analysis, and its summary."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class CallUncertainty:
    """Outcome by class with the hard calls and with their uncertainty; made by `call_uncertainty`."""

    table: pd.DataFrame
    summary: pd.DataFrame

    def __repr__(self) -> str:
        return f"CallUncertainty({len(self.table)} rows: {', '.join(self.summary['analysis'])})"

    def tidy(self) -> pd.DataFrame:
        """One row an analysis and number; the columns are listed in `call_uncertainty`."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """One row an analysis: analysis, method, n, n_event, n_excluded, n_draws, note."""
        return self.summary.copy()

    def _repr_html_(self) -> str:
        return self.table.to_html(index=False)


def call_uncertainty(
    endpoint: Endpoint,
    probabilities: pd.DataFrame,
    *,
    by: str = "ikzf1_class",
    hard: str | None = None,
    terms: str | Sequence[str] = (),
    at: float = 5.0,
    cause: str | None = None,
    draws: int = 50,
    seed: int | np.random.Generator,
    outcome: str = "used",
    references: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
) -> CallUncertainty:
    """Outcome by IKZF1 class when each patient's class is known with a probability.

    Estimand: survival, or the incidence of `cause`, at `at` in each class, and hazard ratios between classes, had every
    class been known. Classes are drawn `draws` times; each completed data set gives Kaplan-Meier or Aalen-Johansen
    estimates and a Cox model (`cox`: any event, or the cause-specific hazard); Rubin's rules pool them (`pool_curves`,
    `rubin`; complete data have events - coefficients degrees of freedom). Beside it, the same with the hard calls alone.

    outcome="ignored" draws from P(class | peaks). That is an imputation without the outcome: each class receives patients
    of the others, and effects are pulled towards none, the more the less certain the calls are: in one simulated setting
    with 28 % of the calls open, half of the log hazard ratio was lost and 25 % of the 95 % intervals held the truth. The
    default, "used", draws from

        P(class c | peaks, outcome) ~ P(c | peaks) * product over causes k of h_k(c)^[event k] * exp(-H_k(c)),

    h_k(c) = exp(x'b_k + a_kc) and H_k(c) = h_k(c) (H0_k(time) - H0_k(entry)), with the cause-specific Cox models of all
    causes, or of any event when `cause` is None, by data augmentation: fit, draw the coefficients from their normal
    approximation, Breslow's baseline, redraw the classes; 20 cycles first, then every tenth is kept. The idea is that of
    Bartlett et al. 2015, doi:10.1177/0962280214521348; derivation in docs/methods/uncertain_calls.md.

    Assumptions. The probabilities are calibrated, hold at entry, and do not depend on `terms` given the peaks; for "used",
    hazards are proportional. Augmentation has a normal prior of spread 5 on each log hazard ratio (for numbers: of one
    standard deviation): a class without events in a cycle stays finite. Case weights enter the fits only.

    Parameters
    ----------
    endpoint
        Times, causes and the columns in `terms`. A patient with several rows has one class.
    probabilities
        One row for each row of `endpoint.frame`, in its order, as in `call_draws`; missing rows were not tested.
    by
        Name of the class in the table.
    hard
        Column of hard calls; None takes the column `by`, and no hard analysis where there is none. "ambiguous", "failed",
        "not_tested" and missing calls are left out of it, and counted.
    terms
        Further terms of the Cox model; rows in which one is missing are left out of everything, and counted.
    at
        Time of the probabilities, in the endpoint's unit.
    cause
        Name of a cause; None takes any event.
    draws, seed
        Number of draws (2 or more); number or generator.
    outcome
        "used" or "ignored".
    references
        Column to reference level; the first class, unless `by` is named here.
    conf_level
        Level of the intervals.

    Returns
    -------
    CallUncertainty
        `.tidy()`: analysis ("hard call", "with call uncertainty"), term ("survival", "incidence", or `by` for log hazard
        ratios), contrast, group, cause, time, n, n_event (means over the draws), estimate, std_error, low, high,
        conf_level, interval, scale, df, fraction_missing (share of the variance that comes from the uncertain calls),
        note. A number that some draws do not give is NaN: "not estimable in k of m draws". `.glance()`: one row an
        analysis.

    Raises
    ------
    ColumnError, InputError
        Probabilities that are none or of another length (see `call_draws`), rows of one patient that differ, unknown
        columns, causes, references or options, a hard call that is no class (row positions), nobody left.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": np.arange(1.0, 41.0) / 4, "s": [1, 1, 0, 1] * 10})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> p = pd.DataFrame({"none": [0.9, 0.2] * 20, "ik6": [0.1, 0.8] * 20})
    >>> result = iko.call_uncertainty(endpoint, p, draws=20, seed=1, outcome="used")
    >>> result.tidy()[["term", "group", "contrast"]].values.tolist()[1:]
    [['survival', 'ik6', ''], ['ikzf1_class', 'none', 'none'], ['ikzf1_class', 'ik6', 'ik6 vs none']]
    """
    chances = checked_probabilities(probabilities)
    if len(chances.p) != len(endpoint):
        raise InputError(
            f"{len(chances.p)} rows of probabilities for {len(endpoint)} rows of the endpoint",
            next_step="Give one row for each row of endpoint.frame, in its order.",
        )
    refuse_other_order(probabilities.index, endpoint.frame.index)
    whole_number(draws, 2)
    normal_quantile(conf_level)
    if outcome not in OUTCOMES:
        raise InputError("outcome is neither 'ignored' nor 'used'")
    names = parse_terms(terms) if len(terms) else ()
    chosen = {by: chances.classes[0], **(references or {})}
    ask = Analysis(by, chances.classes, names, chosen, cause, float(at), conf_level)
    check_question(endpoint, ask)
    complete = np.ones(len(endpoint), dtype=bool)
    for name in names:
        complete &= endpoint.column(name).notna().to_numpy()
    hard = by if hard is None and by in endpoint.frame else hard
    parts = [] if hard is None else [hard_analysis(endpoint, hard, complete, ask)]
    keep = chances.tested & complete
    if not keep.any():
        raise InputError("nobody is left to analyse", count=len(keep), next_step="No row has calls and all terms.")
    known = take_rows(endpoint, keep)
    p, patient = of_patients(chances.p, endpoint, keep)
    rng = generator_of(seed)
    if outcome == "ignored":
        codes = codes_of(p, rng.random((draws, len(p))))
    else:
        codes = np.array(list(augmented(known, p, patient, ask, draws, rng)))
    table = pooled_table([known.with_column(by, as_classes(row[patient], ask.classes)) for row in codes], ask)
    note = left_out({"not tested": endpoint.patients(~chances.tested), "a missing term": endpoint.patients(~complete)})
    summary = summary_of(UNCERTAIN, OUTCOMES[outcome], known, keep, draws, note, ask)
    parts.append((table.assign(analysis=UNCERTAIN), summary))
    tables, rows = zip(*parts, strict=True)
    return CallUncertainty(pd.concat(tables, ignore_index=True)[list(COLUMNS)], pd.DataFrame(list(rows)))


def refuse_other_order(given: pd.Index, own: pd.Index) -> None:
    """Refuse rows that bear the labels of the endpoint's rows in another order: they would go to other patients."""
    if given.is_unique and not given.equals(own) and given.isin(own).all():
        raise InputError(
            "the rows of probabilities have the labels of the endpoint's rows, in another order",
            next_step="Give probabilities.loc[endpoint.frame.index], or other labels where the rows are in order.",
        )


def check_question(endpoint: Endpoint, ask: Analysis) -> None:
    """Refuse what no completed data set could answer."""
    if ask.cause is not None:
        endpoint.cause_code(ask.cause)
    if ask.references[ask.by] not in ask.classes:
        raise InputError(f"the reference level of {ask.by!r} is no class", next_step="Name one of the classes.")
    if ask.by in ask.terms:
        raise InputError(f"{ask.by!r} is the class itself", next_step="Leave it out of terms.")
    if ask.terms:
        design(endpoint, ask.terms, references=ask.other_references)
    elif ask.other_references:
        raise InputError("references name no term of the model", next_step="Name them in terms.")


def of_patients(p: Floats, endpoint: Endpoint, keep: np.ndarray) -> tuple[Floats, Integers]:
    """Probabilities of the kept patients, and the patient of each kept row."""
    if endpoint.subject is None:
        return p[keep], np.arange(int(keep.sum()))
    _, first, patient = np.unique(endpoint.subject[keep], return_index=True, return_inverse=True)
    own = p[keep][first]
    differ = np.zeros(len(keep), dtype=bool)
    differ[keep] = (p[keep] != own[patient]).any(axis=1)
    refuse(differ, "rows of one patient have different probabilities", "Repeat the patient's probabilities in each row.")
    return own, patient


def left_out(counts: Mapping[str, float]) -> str:
    """Who is left out, in words."""
    return "; ".join(f"left out: {count:g} {why}" for why, count in counts.items() if count)


def hard_analysis(endpoint: Endpoint, hard: str, complete: np.ndarray, ask: Analysis) -> Part:
    """The table of the hard calls, and its summary."""
    calls = endpoint.column(hard).astype(object)
    unknown = (calls.isna() | calls.isin(UNKNOWN)).to_numpy()
    refuse(~unknown & ~calls.isin(ask.classes).to_numpy(), "a hard call is no class", "Its word must be a column.")
    keep = ~unknown & complete
    if not keep.any():
        raise InputError("nobody has a hard call", count=len(keep), next_step="Check the column of hard calls.")
    known = take_rows(endpoint, keep)
    known = known.with_column(ask.by, pd.Categorical(calls[keep], categories=list(ask.classes)))
    curve = curve_of(known, ask).tidy([ask.at])
    table = pd.concat([probability_rows(curve, ask), ratio_rows([known], ask)], ignore_index=True)
    note = left_out({"without a known call": endpoint.patients(unknown), "a missing term": endpoint.patients(~complete)})
    summary = summary_of(HARD, "hard calls", known, keep, 1, note, ask)
    return table.assign(analysis=HARD, df=np.nan, fraction_missing=np.nan), summary


def summary_of(
    analysis: str, method: str, known: Endpoint, keep: np.ndarray, draws: int, note: str, ask: Analysis
) -> dict[str, Any]:
    """One row of `glance`."""
    n, n_event = known.patients(known.time >= 0), int(known.ends_with(ask.cause).sum())
    row = {"analysis": analysis, "method": method, "n": n, "n_event": n_event}
    return row | {"n_excluded": int((~keep).sum()), "n_draws": draws, "note": note}


def curve_of(endpoint: Endpoint, ask: Analysis) -> SurvivalCurve | IncidenceCurve:
    """Survival, or incidence where a cause is named."""
    fit: Callable[..., SurvivalCurve | IncidenceCurve] = kaplan_meier if ask.cause is None else cumulative_incidence
    return fit(endpoint, ask.by, conf_level=ask.conf_level)


def probability_rows(table: pd.DataFrame, ask: Analysis) -> pd.DataFrame:
    """Rows of a curve at the horizon, as rows of the table."""
    if ask.cause is None:
        return table.assign(term="survival", contrast="", cause="any")
    return table[table["cause"] == ask.cause].assign(term="incidence", contrast="")


def pooled_table(completed: list[Endpoint], ask: Analysis) -> pd.DataFrame:
    """Probabilities and hazard ratios pooled over completed data sets."""
    curves = pool_curves([curve_of(endpoint, ask) for endpoint in completed], [ask.at], conf_level=ask.conf_level)
    return pd.concat([probability_rows(curves, ask), ratio_rows(completed, ask)], ignore_index=True)


def ratio_rows(completed: list[Endpoint], ask: Analysis) -> pd.DataFrame:
    """Log hazard ratios of the classes; pooled where there are several data sets, Cox's own where there is one."""
    base = label(ask.classes[ask.base])
    contrasts = [base if k == ask.base else f"{label(c)} vs {base}" for k, c in enumerate(ask.classes)]
    fits = [ratios(endpoint, contrasts, ask) for endpoint in completed]
    estimates, errors, dfs, whys = (list(column) for column in zip(*fits, strict=True))
    effect, alone = np.array(estimates), len(completed) == 1
    df = np.inf if alone else np.nanmin(dfs) if np.isfinite(dfs).any() else np.nan
    pooled = rubin(effect, np.array(errors) ** 2, df)
    counted = np.mean([counts_of_classes(endpoint, ask) for endpoint in completed], axis=0)
    reference = np.arange(len(contrasts)) == ask.base
    error, freedom = (np.where(reference, np.nan, x) for x in (np.sqrt(pooled.total), pooled.df))
    low, high = t_limits(pooled.estimate, error, freedom, ask.conf_level)
    missing = zip(np.isnan(effect).T, whys[0], strict=True)
    note = whys[0] if alone else [missing_in(column, "draws", why) for column, why in missing]
    few = "" if df > 0 or np.isnan(df) else "not more events than coefficients: no intervals"
    return pd.DataFrame(
        {
            "term": ask.by, "contrast": contrasts, "group": list(ask.classes), "cause": ask.cause or "any",
            "time": np.nan, "n": counted[0], "n_event": counted[1],
            "estimate": np.where(reference, 0.0, pooled.estimate), "std_error": error, "low": low, "high": high,
            "conf_level": ask.conf_level, "interval": "wald" if alone else "t", "scale": "log hazard ratio",
            "df": freedom, "fraction_missing": np.where(reference, np.nan, pooled.fraction_missing),
            "note": ["reference" if r else text or few for r, text in zip(reference, note, strict=True)],
        }
    )  # fmt: skip


def counts_of_classes(endpoint: Endpoint, ask: Analysis) -> tuple[list[float], list[float]]:
    """Patients and events of each class in one data set."""
    codes, event = endpoint.groups(ask.by).codes, endpoint.ends_with(ask.cause)
    members = [codes == k for k in range(len(ask.classes))]
    return [endpoint.patients(member) for member in members], [float((event & member).sum()) for member in members]


def ratios(endpoint: Endpoint, contrasts: list[str], ask: Analysis) -> tuple[Floats, Floats, float, list[str]]:
    """Log hazard ratios of one data set with their errors, degrees of freedom, and why some are missing."""
    base = np.where(np.arange(len(contrasts)) == ask.base, 0.0, np.nan)
    try:
        fit = cox(endpoint, [ask.by, *ask.terms], cause=ask.cause, references=ask.references)
    except (InputError, ConvergenceError) as failure:
        return base, base, np.nan, [f"not estimable: {failure.problem}"] * len(contrasts)
    tidy = fit.tidy()
    own = tidy[tidy["term"] == ask.by].set_index("contrast").reindex(contrasts)
    note = own["note"].fillna("not estimable: nobody in this group").tolist()
    error = np.where(np.isnan(base), own["std_error"], 0.0)
    return own["estimate"].to_numpy(dtype=float), error, float(fit.n_event - len(fit.maximum.beta)), note
