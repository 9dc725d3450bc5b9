"""How single numbers are written in the tables of the field."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

NOT_ESTIMABLE = "NE"
REFERENCE = "Reference"


def percent(estimate: float, low: float = math.nan, high: float = math.nan, digits: int = 0) -> str:
    """A probability in per cent with its interval: "63 (49–74)"; "NE" where there is no estimate.

    Examples
    --------
    >>> percent(0.6304, 0.487, 0.741)
    '63 (49–74)'
    >>> percent(1.0)
    '100 (–)'
    """
    if math.isnan(estimate):
        return NOT_ESTIMABLE
    # no interval has no width: before the first time of a group the limits only repeat the estimate
    unknown = math.isnan(low) or math.isnan(high) or low == high
    limits = "–" if unknown else f"{100 * low:.{digits}f}–{100 * high:.{digits}f}"
    return f"{100 * estimate:.{digits}f} ({limits})"


def percent_with_error(estimate: float, std_error: float, digits: int = 0) -> str:
    """A probability in per cent with its standard error: "63 ± 6".

    Examples
    --------
    >>> percent_with_error(0.6304, 0.064)
    '63 ± 6'
    """
    if math.isnan(estimate):
        return NOT_ESTIMABLE
    # nobody, or everybody, with the event: a standard error of 0 is no knowledge
    unknown = math.isnan(std_error) or std_error == 0
    return f"{100 * estimate:.{digits}f} ± {'–' if unknown else f'{100 * std_error:.{digits}f}'}"


def signed_percent(estimate: float, low: float, high: float) -> str:
    """A difference of probabilities in percentage points: "−25 (−37 to −12)".

    Examples
    --------
    >>> signed_percent(-0.25, -0.372, -0.121)
    '−25 (−37 to −12)'
    """
    if math.isnan(estimate):
        return NOT_ESTIMABLE
    return signed(estimate, low, high, lambda value: f"{100 * value:+.0f}", "0")


def signed_years(estimate: float, low: float, high: float) -> str:
    """A difference of times: "−0.57 (−0.92 to −0.28)".

    Examples
    --------
    >>> signed_years(-0.571, -0.92, 0.281)
    '−0.57 (−0.92 to +0.28)'
    """
    if math.isnan(estimate):
        return NOT_ESTIMABLE
    return signed(estimate, low, high, lambda value: f"{value:+.2f}", "0.00")


def signed(estimate: float, low: float, high: float, written: Callable[[float], str], zero: str) -> str:
    """A difference with its limits, each with its sign; "(–)" without limits."""
    numbers = [written(value).replace("-", "−") for value in (estimate, low, high)]
    numbers = [zero if text[1:] == zero else text for text in numbers]
    return f"{numbers[0]} ({'–' if math.isnan(low) else f'{numbers[1]} to {numbers[2]}'})"


def ratio(estimate: float, low: float, high: float) -> str:
    """A ratio with its interval: "2.64 (1.17–5.95)"; one decimal from 10 on, none from 100 on.

    Examples
    --------
    >>> ratio(2.64, 1.17, 15.95)
    '2.64 (1.17–15.9)'
    """
    if math.isnan(estimate):
        return NOT_ESTIMABLE
    return f"{ratio_number(estimate)} ({ratio_number(low)}–{ratio_number(high)})"


def ratio_number(value: float) -> str:
    """One ratio with as many decimals as it bears."""
    if math.isnan(value):
        return "–"
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def p_value(value: float) -> str:
    """A p-value as journals print it: "<0.001", three decimals below 0.1, else two; never "0.000", never above 1.

    Examples
    --------
    >>> [p_value(p) for p in (0.00004, 0.0432, 0.3, 0.9999)]
    ['<0.001', '0.043', '0.30', '>0.99']
    """
    if math.isnan(value):
        return "–"
    if value < 0.001:
        return "<0.001"
    if value > 0.99:
        return ">0.99"
    # 0.0996 would round to 0.100: two decimals are right from there on
    return f"{value:.3f}" if value < 0.0995 else f"{value:.2f}"


def p_text(value: float) -> str:
    """A p-value in a sentence: "P = 0.043", "P < 0.001".

    Examples
    --------
    >>> p_text(0.0432), p_text(0.00004)
    ('P = 0.043', 'P < 0.001')
    """
    text = p_value(value)
    return f"P {text[0]} {text[1:]}" if text[0] in "<>" else f"P = {text}"


def years(estimate: float, low: float = math.nan, high: float = math.nan, digits: int = 1) -> str:
    """A time with its interval where there is one: "6.5 (6.1–7.0)".

    Examples
    --------
    >>> years(6.475, 6.1355, 7.017)
    '6.5 (6.1–7.0)'
    >>> years(6.475)
    '6.5'
    >>> years(6.475, 6.1355)
    '6.5 (6.1–NE)'
    """
    if math.isnan(estimate):
        return NOT_ESTIMABLE
    if math.isnan(low) and math.isnan(high):
        return f"{estimate:.{digits}f}"
    if low == high:  # no interval has no width
        return f"{estimate:.{digits}f} (–)"
    shown = [NOT_ESTIMABLE if math.isnan(value) else f"{value:.{digits}f}" for value in (low, high)]
    return f"{estimate:.{digits}f} ({shown[0]}–{shown[1]})"


def count(value: float) -> str:
    """A count; weighted counts keep one decimal.

    Examples
    --------
    >>> count(17.0), count(16.53)
    ('17', '16.5')
    """
    if math.isnan(value):
        return ""
    return f"{value:.0f}" if abs(value - round(value)) < 1e-9 else f"{value:.1f}"


def hazard_text(rows: pd.DataFrame) -> str:
    """The ratio of the first row, from its logarithms; empty when it is a reference or not estimable."""
    row = rows.iloc[0]
    if math.isnan(row["estimate"]) or row["note"] == "reference":
        return ""
    return ratio(*(math.exp(row[name]) for name in ("estimate", "low", "high")))
