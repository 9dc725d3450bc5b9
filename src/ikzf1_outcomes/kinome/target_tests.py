"""Whether hits are more often among the peptides of target genes than among the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from scipy.stats import contingency, fisher_exact, mannwhitneyu

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kinome.arrays import Floats, as_numbers

CAVEAT = "peptides taken as independent"


def target_enrichment(
    flags: pd.Series,
    hits: Mapping[str, Iterable[str]] | Iterable[str] | None = None,
    *,
    statistics: pd.Series | None = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Ask whether hits are more often among the targets than among the other peptides.

    Of each set of hits Fisher's exact test, with the conditional estimate of the odds ratio and its exact interval; of
    statistics Wilcoxon's rank sum, with the probability that the statistic of a target is the larger (ties count half), by
    its normal approximation, with corrections for ties and continuity.

    Both take peptides for independent. They are not: peptides of one protein and of one pathway rise and fall together, and
    p-values are too small, the more so the larger the set. A competitive test that knows the correlation belongs in the
    place of these where it matters; as they stand they describe.

    Parameters
    ----------
    flags
        Of `mark_targets`, by peptide: true, false, or missing (left out).
    hits
        Peptides, or several named sets of them. Hits without a known flag are left out, counted in the note.
    statistics
        A statistic by peptide, such as t or its size.
    conf_level
        Of the odds ratio.

    Returns
    -------
    DataFrame
        term (name of the set, or of the statistic), method, n (peptides with a flag), n_target, n_hit, n_hit_target,
        estimate, low, high, conf_level, interval, scale ("odds ratio", "probability"), p_value, note.

    Raises
    ------
    InputError
        Flags that are not by peptide, all true or all false; neither hits nor statistics; hits that are no peptides of the
        flags.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> flags = pd.Series([True] * 4 + [False] * 4, index=list("abcdefgh"))
    >>> iko.target_enrichment(flags, ["a", "b", "c"])[["n_hit_target", "p_value"]].round(6).values.tolist()
    [[3.0, 0.142857]]
    """
    if not isinstance(flags, pd.Series) or not flags.index.is_unique:
        raise InputError("flags are a Series with a peptide once", next_step="As mark_targets gives it.")
    if not 0.0 < conf_level < 1.0:
        raise InputError("a confidence level lies between 0 and 1")
    known = flags.dropna()
    strange = ~known.isin([True, False]).to_numpy()
    if strange.any():
        raise InputError("flags are true or false", where=np.flatnonzero(flags.notna())[strange] + 1)
    known = known.astype(bool)
    if known.nunique() < 2:
        raise InputError("every peptide is a target, or none is", count=len(known))
    if hits is None and statistics is None:
        raise InputError("there are neither hits nor statistics")
    rows: list[dict[str, object]] = []
    sets = {} if hits is None else dict(hits) if isinstance(hits, Mapping) else {"hits": hits}
    for name, members in sets.items():
        chosen = set(members)
        strange = len(chosen - set(flags.index))
        if isinstance(members, str) or strange:
            raise InputError("hits that are no peptides of the flags", count=strange)
        rows.append({"term": name} | _fisher(known, known.index.isin(chosen), len(chosen), conf_level))
    if statistics is not None:
        if not isinstance(statistics, pd.Series) or not statistics.index.is_unique:
            raise InputError("statistics are a Series with a peptide once")
        rows.append({"term": str(statistics.name or "statistic")} | _rank_sum(known, statistics))
    return pd.DataFrame(rows)


def _fisher(known: pd.Series, hit: np.ndarray, asked: int, conf_level: float) -> dict[str, object]:
    target = known.to_numpy()
    table = np.array([[(hit & target).sum(), (hit & ~target).sum()], [(~hit & target).sum(), (~hit & ~target).sum()]])
    note = CAVEAT
    if hit.any() and not hit.all():
        ratio = contingency.odds_ratio(table, kind="conditional")
        limits = ratio.confidence_interval(conf_level)
        estimate, low, high = ratio.statistic, limits.low, limits.high
    else:
        estimate = low = high = np.nan
        note = "not estimable: every peptide is a hit, or none is"
    lost = asked - int(hit.sum())
    return {
        "method": "Fisher's exact test", "n": len(known), "n_target": int(target.sum()), "n_hit": int(hit.sum()),
        "n_hit_target": int(table[0, 0]), "estimate": estimate, "low": low, "high": high, "conf_level": conf_level,
        "interval": "exact", "scale": "odds ratio", "p_value": fisher_exact(table).pvalue,
        "note": note + (f"; {lost} hits without a known gene" if lost else ""),
    }  # fmt: skip


def _rank_sum(known: pd.Series, statistics: pd.Series) -> dict[str, object]:
    value: Floats = as_numbers(statistics.to_frame()).ravel()
    value = pd.Series(value, index=statistics.index).reindex(known.index).to_numpy()
    there, target = ~np.isnan(value), known.to_numpy()
    first, second = value[there & target], value[there & ~target]
    if not len(first) or not len(second):
        raise InputError("no target has a statistic, or no other peptide has")
    test = mannwhitneyu(first, second, alternative="two-sided", method="asymptotic", use_continuity=True)
    return {
        "method": "Wilcoxon rank sum", "n": int(there.sum()), "n_target": len(first), "n_hit": np.nan,
        "n_hit_target": np.nan, "estimate": test.statistic / (len(first) * len(second)), "low": np.nan, "high": np.nan,
        "conf_level": np.nan, "interval": "", "scale": "probability", "p_value": test.pvalue, "note": CAVEAT,
    }  # fmt: skip
