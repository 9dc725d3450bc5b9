"""Hierarchical clusters of samples or peptides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import cophenet, fcluster, leaves_list
from scipy.cluster.hierarchy import linkage as link
from scipy.spatial.distance import squareform

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.distances import correlation_distances, euclidean_distances, rank_distances
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.kinome.arrays import PeptideArrays, peptide_values

DISTANCES = {"pearson": correlation_distances, "spearman": rank_distances, "euclidean": euclidean_distances}
LINKAGES = ("average", "complete", "ward", "single")


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class KinomeClusters:
    """A tree of samples or peptides; made by `cluster_kinome`.

    Parameters
    ----------
    of
        "samples" or "peptides".
    names
        What is clustered, in the order given.
    distances
        Distance of each pair (n, n).
    merges
        Steps from the bottom, as scipy has them: two clusters, height, members (n - 1, 4). Clusters below n are leaves.
    settings
        distance, linkage, scale, and k where it was named.
    n_missing
        Values that were not known.
    """

    of: str
    names: pd.Index
    distances: Floats
    merges: Floats
    settings: Mapping[str, object]
    n_missing: int

    def __repr__(self) -> str:
        return f"KinomeClusters({len(self.names)} {self.of}, {self.settings['distance']}, {self.settings['linkage']})"

    @property
    def order(self) -> Integers:
        """Positions of the leaves from one end of the tree to the other."""
        return np.asarray(leaves_list(self.merges))

    @property
    def cophenetic(self) -> Floats:
        """Height at which each pair joins (n, n)."""
        return np.asarray(squareform(cophenet(self.merges)))

    def groups(self, k: int) -> pd.Series:
        """The k clusters below the k - 1 last merges, numbered from 1 in the order of their first member.

        Returns
        -------
        Series
            Index the names.

        Raises
        ------
        InputError
            k is not between 1 and the number of leaves.
        """
        if isinstance(k, bool) or not 1 <= k <= len(self.names):
            raise InputError(f"k is between 1 and {len(self.names)}")
        n = len(self.names)
        # every merge below the k - 1 last ones, by their order: equal heights can't make fewer clusters than asked for
        steps = np.arange(1.0, n)
        plain = np.column_stack([self.merges[:, :2], steps, self.merges[:, 3]])
        codes = pd.factorize(fcluster(plain, n - k + 0.5, criterion="distance"))[0] + 1
        return pd.Series(codes, index=self.names, name="cluster")

    def tidy(self, k: int | None = None) -> pd.DataFrame:
        """Leaves in the order of the tree.

        Parameters
        ----------
        k
            Number of clusters; that of the settings when left out.

        Returns
        -------
        DataFrame
            sample or peptide, position (from 1), cluster (missing without k).
        """
        chosen = self.settings["k"] if k is None else k
        cluster = pd.Series(np.nan, index=self.names) if chosen is None else self.groups(int(str(chosen)))
        return pd.DataFrame(
            {
                self.of[:-1]: self.names[self.order],
                "position": np.arange(1, len(self.names) + 1),
                "cluster": cluster.to_numpy()[self.order],
            }
        )

    def glance(self) -> pd.DataFrame:
        """The tree in one row.

        Returns
        -------
        DataFrame
            of, n, n_missing (values), distance_kind, linkage, scaled, cophenetic (correlation of the heights at which
            pairs join with their distances), height (of the last merge).
        """
        upper = np.triu_indices(len(self.names), 1)
        joined, apart = self.cophenetic[upper], self.distances[upper]
        told = len(joined) > 1 and np.ptp(joined) > 0 and np.ptp(apart) > 0
        row = {
            "of": self.of, "n": len(self.names), "n_missing": self.n_missing, "distance_kind": self.settings["distance"],
            "linkage": self.settings["linkage"], "scaled": self.settings["scale"],
            "cophenetic": float(np.corrcoef(joined, apart)[0, 1]) if told else np.nan,
            "height": float(self.merges[-1, 2]),
        }  # fmt: skip
        return pd.DataFrame([row])


def cluster_kinome(
    arrays: pd.DataFrame | PeptideArrays,
    *,
    of: str = "samples",
    distance: str = "pearson",
    linkage: str = "average",
    scale: bool = False,
    k: int | None = None,
) -> KinomeClusters:
    r"""Cluster samples or peptides hierarchically.

    Rule. Distances of all pairs, then the two nearest clusters are joined again and again. The distance is 1 - r
    (Pearson's or Spearman's correlation over the peptides, or over the samples) or Euclidean. Between clusters it is the
    mean of all pairs ("average"), the largest ("complete"), the smallest ("single"), or Ward's:

    .. math:: d(A \cup B, C)^2 = \frac{(a + c)\, d(A, C)^2 + (b + c)\, d(B, C)^2 - c\, d(A, B)^2}{a + b + c}

    of clusters with a, b and c members (in R: "ward.D2"). Ward's is meant for Euclidean distances.

    Edge rules. Pairs are compared over the values that both have, Euclidean distances scaled up to all, as R's `dist` and
    `cor(use = "pairwise")`; Spearman's with missing values is refused. A pair with fewer than 3 shared values, or a
    constant row, has no correlation and is refused. Equal distances are joined in the order given.

    Parameters
    ----------
    arrays
        Peptides x samples, or a `PeptideArrays`.
    of
        "samples" or "peptides".
    distance
        "pearson", "spearman" or "euclidean".
    linkage
        "average", "complete", "ward" or "single".
    scale
        Bring each peptide to mean 0 and standard deviation 1 over the samples first, as heat maps do. It gives peptides
        that hardly vary the same voice as the others; tests between groups are made on values that were not scaled.
    k
        Number of clusters of `tidy`.

    Returns
    -------
    KinomeClusters

    Raises
    ------
    InputError
        Fewer than 2 to cluster; a choice that is not there; rows without distances (positions).

    Notes
    -----
    Equal to R's `hclust`: heights, partitions and cophenetic correlation (`tests/reference/test_kinome_clusters_r.py`).

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> values = pd.DataFrame({"a": [0.0, 0], "b": [0.0, 1], "c": [4.0, 0], "d": [4.0, 3]}, index=["p1", "p2"])
    >>> tree = iko.cluster_kinome(values, distance="euclidean", linkage="complete")
    >>> tree.merges[:, 2].tolist()
    [1.0, 3.0, 5.0]
    >>> tree.groups(2).tolist()
    [1, 1, 2, 2]
    """
    for name, given, known in (("of", of, ("samples", "peptides")), ("distance", distance, DISTANCES),
                               ("linkage", linkage, LINKAGES)):  # fmt: skip
        if given not in known:
            raise InputError(f"{name} has no such choice", next_step=f"Use {', '.join(known)}.")
    table = peptide_values(arrays)
    values = scaled_peptides(table.to_numpy()) if scale else table.to_numpy()
    rows, names = (values.T, table.columns) if of == "samples" else (values, table.index)
    if len(names) < 2:
        raise InputError(f"fewer than 2 {of} have no clusters")
    if distance == "spearman" and np.isnan(rows).any():
        hint = 'Use distance="pearson", or leave out the peptides with missing values.'
        raise InputError("rank correlations need all values", count=int(np.isnan(rows).sum()), next_step=hint)
    apart = DISTANCES[distance](rows)
    unknown = np.isnan(apart)
    if unknown.any():
        # the fewest rows that explain it: those that are far from knowing most others, else all concerned
        worst = unknown.sum(axis=1) >= max(1, (len(names) - 1) // 2)
        where = np.flatnonzero(worst if worst.any() else unknown.any(axis=1)) + 1
        hint = "They are constant, or share too few values with others: leave them out."
        raise InputError(f"{of} without distances (positions)", where=where, next_step=hint)
    apart = (apart + apart.T) / 2.0
    merges = link(squareform(apart, checks=False), method=linkage)
    settings = {"distance": distance, "linkage": linkage, "scale": scale, "k": k}
    made = KinomeClusters(of, names, apart, merges, settings, int(table.isna().sum().sum()))
    if k is not None:
        made.groups(k)
    return made


def scaled_peptides(values: Floats) -> Floats:
    """Peptides (rows) of mean 0 and standard deviation 1 over what is known.

    Raises
    ------
    InputError
        Constant peptides (positions).
    """
    known = ~np.isnan(values)
    number = np.maximum(known.sum(axis=1), 1)[:, None]
    centred = values - np.where(known, values, 0.0).sum(axis=1)[:, None] / number
    squares = np.where(known, centred**2, 0.0).sum(axis=1)[:, None] / np.maximum(number - 1, 1)
    largest = np.where(known, np.abs(values), 0.0).max(axis=1)
    constant = np.sqrt(squares[:, 0]) <= 1e-12 * largest
    if constant.any():
        hint = "Leave them out: they cannot be scaled."
        raise InputError("constant peptides (positions)", where=np.flatnonzero(constant) + 1, next_step=hint)
    return np.asarray(centred / np.sqrt(squares))
