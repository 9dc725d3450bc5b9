"""Do published figures agree with each other, as far as rounding tells?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.evidence.printed import NOTHING, Printed, figures, over_rounding

ARMS = ("deleted", "not_deleted")
PARTS = [f"{arm}{part}" for arm in ARMS for part in ("", "_error", "_low", "_high")]
FIGURES = ("hazard_ratio", "ratio_low", "ratio_high", "printed_p", "share_deleted", *PARTS)
COLUMNS = (
    "row", "study", "endpoint", "contrast", "measure", "printed", "recomputed", "recomputed_low", "recomputed_high",
    "agrees", "note",
)  # fmt: skip
Checks = list[tuple[str, Printed, Printed, bool | None, str]]
"""Measure, what is printed, what is recomputed, whether they agree, and a note."""


def log_ratio_error(low: float, high: float, conf_level: float = 0.95) -> float:
    """Standard error of a log hazard ratio from its limits: (log high - log low) / 2z."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float((np.log(high) - np.log(low)) / (2 * normal_quantile(conf_level)))


def curve_error(estimate: float, low: float, high: float, conf_level: float = 0.95) -> float:
    """Standard error of a survival probability from limits made by log(-log): |S log S| (l(low) - l(high)) / 2z."""
    with np.errstate(divide="ignore", invalid="ignore"):
        width = np.log(-np.log(low)) - np.log(-np.log(high))
        return float(abs(estimate * np.log(estimate)) * width / (2 * normal_quantile(conf_level)))


def arm_error(own: dict[str, Printed], arm: str, conf_level: float = 0.95) -> Printed:
    """Standard error of an arm's curve, as a probability: printed, or from its limits; nothing where neither is."""
    if own[f"{arm}_error"].known:
        return own[f"{arm}_error"].scaled(0.01)
    parts = [own[name].scaled(0.01) for name in (arm, f"{arm}_low", f"{arm}_high")]
    if not all(part.known for part in parts):
        return NOTHING
    return over_rounding(lambda s, low, high: curve_error(s, low, high, conf_level), *parts)


def check_published(table: pd.DataFrame, *, conf_level: float = 0.95) -> pd.DataFrame:
    r"""Recompute published figures from each other, with what rounding leaves open.

    A printed 1.8 may have been anything from 1.75 to 1.85. Each figure is recomputed from others over all that they may
    have been, one by one, so that what does not agree cannot be rounding; it may be a misprint, or another method. Of each
    row:

    - `share deleted`: n_deleted / n against the printed percent;
    - `effective n` of each arm: S (1 - S) / SE², the patients that would give the standard error were nobody censored,
      against the patients of the arm, of which it can have no more. SE is printed, or from limits made by log(-log), the
      default of SAS; a small number says how few patients are behind a figure;
    - `std_error`: of the log hazard ratio, :math:`(\log high - \log low) / 2z`; without limits from the p value,
      :math:`|\log HR| / z_p`. Nothing is printed to compare it with;
    - `hazard ratio`: the middle of its limits, :math:`\sqrt{low \cdot high}`, where Wald's interval has it;
    - `p value`: :math:`2 \Phi(-|\log HR| / SE)` against the printed one, as Wald's test has it.

    Parameters
    ----------
    table
        As `published_outcomes` gives it: figures as text, percent for the arms. Columns that are not there are not checked.
    conf_level
        Of the printed limits.

    Returns
    -------
    DataFrame
        One row a check: row (of `table`, from 1), study, endpoint, contrast, measure, printed, recomputed, recomputed_low,
        recomputed_high (over all that rounding allows), agrees (True, False, or missing where there is nothing to compare
        with), note. Percent are probabilities.

    Raises
    ------
    ColumnError, InputError
        No table; figures that cannot be read (row positions); a conf_level outside 0 to 1.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> checks = iko.check_published(iko.published_outcomes().query("study == 'Boer 2016' and endpoint == 'EFS'"))
    >>> checks[["measure", "printed", "recomputed", "agrees"]].round(3).to_numpy().tolist()
    [['std_error', nan, 0.127, <NA>], ['hazard ratio', 1.8, 1.794, True], ['p value', 0.001, 0.0, True]]
    """
    normal_quantile(conf_level)
    rows = []
    for place, (own, named) in enumerate(zip(figures(table, FIGURES), table.to_dict("records"), strict=True), 1):
        checks = [*share_check(own, named), *arm_checks(own, named, conf_level), *ratio_checks(own, conf_level)]
        about = [place, *(str(named.get(name, "")) for name in ("study", "endpoint", "contrast"))]
        for measure, was, found, agrees, note in checks:
            numbers = [was.value, found.value, found.least, found.most]
            rows.append([*about, measure, *numbers, pd.NA if agrees is None else agrees, note])
    out = pd.DataFrame(rows, columns=list(COLUMNS))
    return out.astype({"agrees": "boolean", "note": object})


def sizes(named: dict[Any, Any]) -> tuple[float, float]:
    """Patients, and those with a deletion; NaN where not seen."""
    n, deleted = (pd.to_numeric(named.get(name), errors="coerce") for name in ("n", "n_deleted"))
    return tuple(np.nan if pd.isna(value) else float(value) for value in (n, deleted))  # type: ignore[return-value]


def share_check(own: dict[str, Printed], named: dict[Any, Any]) -> Checks:
    """n_deleted / n against the printed percent."""
    (n, deleted), share = sizes(named), own["share_deleted"].scaled(0.01)
    if not share.known or np.isnan(n + deleted) or n <= 0:
        return []
    found = deleted / n
    recomputed = Printed(found, found, found)
    # 62 of 400 is 15.5 %, which some round up and some down
    agrees = share.least - 1e-12 <= found <= share.most + 1e-12
    return [("share deleted", share, recomputed, agrees, "" if agrees else "numbers of patients give another percent")]


def arm_checks(own: dict[str, Printed], named: dict[Any, Any], conf_level: float) -> Checks:
    """The patients that would give each arm's standard error, against those it has."""
    out: Checks = []
    n, deleted = sizes(named)
    known = not np.isnan(n + deleted)
    for arm, size in zip(ARMS, (deleted, n - deleted), strict=True):
        measure, estimate = f"effective n, {arm.replace('_', ' ')}", own[arm].scaled(0.01)
        patients = Printed(size, size, size) if known else NOTHING
        ends = [own[f"{arm}{part}"] for part in ("_low", "", "_high")]
        if all(end.known for end in ends) and not ascend(*ends):
            out.append((measure, patients, NOTHING, False, "the limits do not enclose the estimate"))
            continue
        error = arm_error(own, arm, conf_level)
        if not estimate.known or not error.known or error.value <= 0 or not 0 < estimate.value < 1:
            continue
        found = over_rounding(effective, estimate, error)
        if not known:
            out.append((measure, patients, found, None, "number of patients not seen"))
            continue
        agrees = found.least <= patients.value * (1 + 1e-9)
        out.append((measure, patients, found, agrees, "" if agrees else "the standard error is too small for the patients"))
    return out


def ascend(low: Printed, middle: Printed, high: Printed) -> bool:
    """Whether figures may have ascended before they were rounded, perhaps to different digits."""
    return low.least <= middle.most and middle.least <= high.most and low.least <= high.most


def effective(estimate: float, error: float) -> float:
    """S (1 - S) / SE^2; without bound where rounding allows an error of 0."""
    return estimate * (1 - estimate) / error**2 if error > 0 else np.inf


def ratio_checks(own: dict[str, Printed], conf_level: float) -> Checks:
    """Standard error, middle of the limits and p value of a hazard ratio."""
    ratio, low, high, p = (own[name] for name in ("hazard_ratio", "ratio_low", "ratio_high", "printed_p"))
    if not ratio.known:
        return []
    if not (low.known and high.known):
        if not p.known or not 0 < p.value < 1 or p.least == 0 or p.most >= 1:
            return []
        error = over_rounding(error_from_p, ratio, p)
        return [("std_error", NOTHING, error, None, "from the p value, taken as that of Wald's test")]
    if not ascend(low, ratio, high):
        return [("hazard ratio", ratio, NOTHING, False, "the limits do not enclose the hazard ratio")]
    if min(low.value, ratio.value) <= 0 or low.value >= high.value:
        return [("hazard ratio", ratio, NOTHING, None, "printed too coarsely to recompute anything")]
    error = over_rounding(lambda a, b: log_ratio_error(a, b, conf_level), low, high)
    middle = over_rounding(lambda a, b: float(np.sqrt(max(a, 0.0) * b)), low, high)
    agrees = middle.overlaps(ratio)
    out: Checks = [
        ("std_error", NOTHING, error, None, ""),
        ("hazard ratio", ratio, middle, agrees, "" if agrees else "not in the middle of its limits, on the log scale"),
    ]
    if p.known:
        found = p_value(ratio, error)
        agrees = found.overlaps(p) if p.least > 0 or p.value == 0 else found.least <= p.most
        out.append(("p value", p, found, agrees, "" if agrees else "the hazard ratio and its limits give another p value"))
    return out


def p_value(ratio: Printed, error: Printed) -> Printed:
    """Of Wald's test; 1 where rounding allows a ratio of 1."""
    found = over_rounding(lambda r, s: wald_p(r, s), ratio, error)
    return found._replace(most=1.0) if ratio.least <= 1 <= ratio.most else found


def wald_p(ratio: float, error: float) -> float:
    """Two-sided p of a hazard ratio; 0 where the error is 0."""
    if ratio <= 0 or error <= 0:
        return 0.0
    return float(2 * ndtr(-abs(np.log(ratio)) / error))


def error_from_p(ratio: float, p: float) -> float:
    """Standard error of a log hazard ratio from its p value."""
    return float(abs(np.log(ratio)) / -ndtri(p / 2)) if ratio > 0 else np.nan
