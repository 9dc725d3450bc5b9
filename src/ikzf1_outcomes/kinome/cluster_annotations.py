"""Whether clusters, or the distances they were made from, go with what is known of the samples."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.distances import chi_square, kruskal_wallis, pseudo_f, pseudo_f_of_number
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.kinome.clusters import KinomeClusters
from ikzf1_outcomes.kinome.group_samples import of_samples
from ikzf1_outcomes.multiplicity import adjust_p
from ikzf1_outcomes.resampling import generator_of, replicates

TOGETHER = 500
"""Permutations that are one piece of work."""
SAME = 1e-10
"""Relative difference within which two statistics are equal."""

Values = NDArray[np.float64] | NDArray[np.intp]
Statistic = Callable[[Values], Floats]


def cluster_association(
    clusters: KinomeClusters,
    annotations: pd.DataFrame,
    k: int,
    *,
    permutations: int = 9999,
    seed: int | np.random.Generator,
    adjust: str = "holm",
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    r"""Test whether clusters go with annotations: IKZF1, subtype, alterations, sex, age, white cells.

    Two questions an annotation. "clusters": do its levels lie unevenly in the k clusters (Pearson's chi-square), or do its
    numbers differ between them (Kruskal-Wallis)? The answer depends on where the tree is cut. "distances": are samples of
    one level nearer to each other than to others? With squared distances summed over pairs, all and within levels,

    .. math:: F = \frac{(SS_T - SS_W) / (a - 1)}{SS_W / (n - a)}

    (PERMANOVA; for a number the share of the distances that a line in it explains), which no cut enters. Both by
    permutation of the annotation among the samples: p = (1 + permutations with a statistic as large) / (1 + permutations).

    Edge rules. Samples with an unknown annotation are left out of its rows and counted; the tree stays that of all samples.
    An annotation of one level, or of as many levels as samples, is not estimable. p-values are adjusted over annotations,
    for each question apart. Truth values, texts and categories are levels; numbers are numbers, also where they are codes.
    PERMANOVA finds levels that differ in spread as well as in place.

    Parameters
    ----------
    clusters
        From `cluster_kinome`, never made with the help of the annotations.
    annotations
        One row a sample (or peptide, where these were clustered), its name as index.
    k
        Number of clusters, 2 or more; to be named before looking.
    permutations
        1 or more.
    seed
        Number or generator.
    adjust
        As in `adjust_p`.
    progress
        Called with how many pieces of work are done, and of how many.

    Returns
    -------
    DataFrame
        One row an annotation and question: variable, analysis ("clusters", "distances"), method, n, n_missing, n_levels
        (missing for numbers), statistic, share (of the squared distances explained; "distances" alone), p_value,
        p_adjusted, permutations, note.

    Raises
    ------
    InputError
        k below 2; no annotations; none of the samples among them; a sample twice; no permutations.

    Notes
    -----
    Anderson 2001, Austral Ecol 26:32; McArdle and Anderson 2001, Ecology 82:290 (recalled, not verified).

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> values = pd.DataFrame(np.random.default_rng(2).normal(0, 1, (30, 12)), columns=list("abcdefghijkl"))
    >>> values.iloc[:, :6] += np.linspace(-2, 2, 30)[:, None]
    >>> values.iloc[:, 6:] -= np.linspace(-2, 2, 30)[:, None]
    >>> known = pd.DataFrame({"ikzf1": ["deleted"] * 6 + ["none"] * 5 + [None]}, index=list("abcdefghijkl"))
    >>> found = iko.cluster_association(iko.cluster_kinome(values), known, 2, permutations=99, seed=1)
    >>> found[["analysis", "n", "n_missing", "p_value"]].values.tolist()
    [['clusters', 11, 1, 0.01], ['distances', 11, 1, 0.02]]
    """
    if k < 2:
        raise InputError("k is 2 or more: one cluster holds everything")
    if permutations < 1:
        raise InputError("there are no permutations")
    if not isinstance(annotations, pd.DataFrame) or annotations.shape[1] == 0:
        raise InputError("annotations are a DataFrame with a row a sample and a column an annotation")
    cluster = clusters.groups(k).to_numpy()
    generators = generator_of(seed).spawn(annotations.shape[1])
    rows = []
    for name, generator in zip(annotations.columns, generators, strict=True):
        values = of_samples(annotations[name], clusters.names, f"annotation {name!r}")[0]
        found = annotation_rows(values, cluster, clusters.distances, permutations, generator, progress)
        rows += [{"variable": name, **row} for row in found]
    out = pd.DataFrame(rows).sort_values("analysis", kind="stable", ignore_index=True)
    out["p_adjusted"] = out.groupby("analysis")["p_value"].transform(lambda p: adjust_p(p.to_numpy(), adjust))
    order = ["variable", "analysis", "method", "n", "n_missing", "n_levels", "statistic", "share", "p_value", "p_adjusted"]
    return out[[*order, "permutations", "note"]]


def annotation_rows(
    values: pd.Series, cluster: Integers, distances: Floats, permutations: int, generator: np.random.Generator,
    progress: Callable[[int, int], None] | None,
) -> list[dict[str, object]]:  # fmt: skip
    """Both questions for one annotation."""
    known = values.notna().to_numpy()
    own, n = values[known], int(known.sum())
    number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if number and not np.isfinite(own.to_numpy(dtype=float)).all():
        raise InputError(f"annotation {values.name!r} has infinite values")
    codes, there = pd.factorize(cluster[known])
    squared = distances[np.ix_(known, known)] ** 2
    level, levels = pd.factorize(own.astype(object))
    coded: Values = own.to_numpy(dtype=float) if number else level
    nothing = nothing_to_ask(len(levels), n, bool(number))
    out: list[dict[str, object]] = []
    for analysis in ("clusters", "distances"):
        statistic, method, given = question(analysis, coded, bool(number), len(levels), codes, len(there), squared)
        note = nothing or ("all in one cluster" if analysis == "clusters" and len(there) < 2 else "")
        observed = p = share = np.nan
        if not note:
            observed = float(statistic(given[None, :])[0])
            note = "not estimable: all distances are 0" if np.isnan(observed) else ""
        if not note:
            p = permutation_p(statistic, given, observed, permutations, generator, progress)
            if analysis == "distances":
                between = observed * (1 if number else len(levels) - 1)
                share = between / (between + n - (2 if number else len(levels)))
        out.append(
            {
                "analysis": analysis, "method": method, "n": n, "n_missing": int((~known).sum()),
                "n_levels": np.nan if number else len(levels), "statistic": observed, "share": share, "p_value": p,
                "permutations": 0 if note else permutations, "note": note,
            }
        )  # fmt: skip
    return out


def nothing_to_ask(levels: int, n: int, number: bool) -> str:
    """Why an annotation cannot be tested; empty when it can."""
    if n < 3:
        return "not estimable: fewer than 3 known"
    if levels < 2:
        return "not estimable: one level" if levels else "not estimable: nothing known"
    return "not estimable: every sample has a level of its own" if levels >= n and not number else ""


def question(
    analysis: str, coded: Values, number: bool, levels: int, codes: Integers, clusters: int, squared: Floats
) -> tuple[Statistic, str, Values]:
    """The statistic of orders of an annotation, its name, and the annotation as it takes it."""
    if analysis == "clusters" and number:
        return partial(kruskal_wallis, clusters=codes, number=clusters), "Kruskal-Wallis", rankdata(coded)
    if analysis == "clusters":
        return partial(chi_square, levels=levels, clusters=codes, number=clusters), "chi-square", coded
    if number:
        return partial(pseudo_f_of_number, squared), "PERMANOVA", coded
    return partial(pseudo_f, squared, levels=levels), "PERMANOVA", coded


def permutation_p(
    statistic: Statistic, given: Values, observed: float, permutations: int, generator: np.random.Generator,
    progress: Callable[[int, int], None] | None,
) -> float:  # fmt: skip
    """(1 + permutations with a statistic as large) / (1 + permutations)."""
    work = partial(permuted_statistics, statistic, given, min(TOGETHER, permutations))
    pieces = replicates(work, -(-permutations // TOGETHER), seed=generator, progress=progress)
    drawn = np.concatenate(pieces)[:permutations]
    return float((1 + (drawn >= observed * (1.0 - SAME)).sum()) / (1 + permutations))


def permuted_statistics(statistic: Statistic, given: Values, number: int, rng: np.random.Generator) -> Floats:
    """The statistic of some random orders of an annotation."""
    return statistic(rng.permuted(np.broadcast_to(given, (number, len(given))), axis=1))
