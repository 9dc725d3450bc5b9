"""The share of peptides that differ at all, as a posterior: a null result with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import betaln, ndtri, stdtr

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.kinome.chance_hits import LEVEL
from ikzf1_outcomes.kinome.differential_fit import DifferentialFit
from ikzf1_outcomes.multiplicity import null_share

SHARES = np.linspace(0.0, 1.0, 401)
N_SPREADS = 16
SMALLEST = 1e-300


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class NonnullShare:
    """Posterior of the share of peptides that differ; made by `share_of_nonnull`."""

    shares: Floats
    """Shares from 0 to 1."""
    density: Floats
    """Posterior mass at each, summing to 1."""
    n_features: int
    inflation: float
    """How many times the variance of the number of hits is that of independent peptides; NaN where it is not known."""
    pi0: float
    conf_level: float
    below: tuple[float, ...]
    spread_mean: float
    note: str

    def __post_init__(self) -> None:
        for array in (self.shares, self.density):
            array.setflags(write=False)

    def __repr__(self) -> str:
        row = self.tidy().iloc[0]
        return f"NonnullShare({row['estimate']:.3f}, {row['low']:.3f} to {row['high']:.3f})"

    def tidy(self) -> pd.DataFrame:
        """The posterior in numbers: median and highest-density interval, and the chance of less than some shares.

        Returns
        -------
        DataFrame
            term, estimate, low, high, conf_level, interval, scale, note.
        """
        total = np.cumsum(self.density)
        low, high = densest(self.shares, self.density, self.conf_level)
        rows = [("share that differs", float(self.shares[np.searchsorted(total, 0.5)]), low, high, "share")]
        rows += [
            (f"share below {share:g}", float(self.density[self.shares < share].sum()), np.nan, np.nan, "probability")
            for share in self.below
        ]
        out = pd.DataFrame(rows, columns=["term", "estimate", "low", "high", "scale"])
        out.insert(4, "conf_level", self.conf_level)
        out.insert(5, "interval", "highest density")
        return out.assign(note=self.note)

    def glance(self) -> pd.DataFrame:
        """One row: peptides, how alike they are, Storey's share, and the size of the differences.

        Returns
        -------
        DataFrame
            n_features (tested), inflation, pi0 (share without an effect by `null_share`), spread (posterior mean of the
            standard deviation of true differences where there is one, in standard errors), note.
        """
        row = {
            "n_features": self.n_features, "inflation": self.inflation, "pi0": self.pi0, "spread": self.spread_mean,
            "note": self.note,
        }  # fmt: skip
        return pd.DataFrame([row])


def share_of_nonnull(
    fit: DifferentialFit,
    *,
    prior: tuple[float, float] = (1.0, 1.0),
    spread: tuple[float, float] = (1.0, 6.0),
    below: Sequence[float] = (0.01, 0.05, 0.1),
    conf_level: float = 0.95,
) -> NonnullShare:
    r"""Posterior of the share of peptides whose groups differ at all, by a mixture of two normals.

    With z the normal score of each t statistic, a share pi of the peptides has true differences whose size, in standard
    errors, is normal with standard deviation tau:

    .. math:: z_j \sim (1 - \pi)\,N(0, 1) + \pi\,N(0, 1 + \tau^2), \quad \pi \sim Beta(a, b), \quad \log\tau \sim U

    on a grid of pi and tau (the two-group model; Efron 2008, recalled, not verified). Differences much smaller than a
    standard error cannot be told from none; `spread` says from where on they are counted.

    Peptides of a sample are alike, so that they say less than their number. With permutations in the fit, the
    log-likelihood is divided by the inflation: variance of the number of hits over permutations by 0.05 0.95 m, that of
    independent peptides. This is an approximation: it widens the posterior, it does not move it, and where peptides are
    alike all z move together. How wrong it is, is simulated: `docs/methods/differential_phosphorylation.md`.

    Parameters
    ----------
    fit
        A `DifferentialFit` of t tests without a margin; with permutations, so that likeness can be judged.
    prior
        a and b of the beta prior on the share; (1, 1) is flat.
    spread
        Least and greatest tau, in standard errors.
    below
        Shares whose chance is asked for.
    conf_level
        Level of the highest-density interval.

    Returns
    -------
    NonnullShare
        `.tidy()`, `.glance()`; `shares` and `density` are the posterior.

    Raises
    ------
    InputError
        No t statistics, or of a margin; a prior or a spread that is none.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from ikzf1_outcomes.kinome.differences import differential_phosphorylation
    >>> from ikzf1_outcomes.kinome.nonnull_share import share_of_nonnull
    >>> arrays = pd.DataFrame(np.random.default_rng(3).normal(8, 0.5, (400, 24))).rename(columns="s{}".format)
    >>> fit = differential_phosphorylation(arrays, [True] * 10 + [False] * 14, permutations=200, seed=1)
    >>> share_of_nonnull(fit).tidy()[["term", "estimate"]].round(2).values.tolist()[::2]
    [['share that differs', 0.04], ['share below 0.05', 0.61]]
    """
    a, b = prior
    if not (a > 0.0 and b > 0.0):
        raise InputError("the prior of the share is a beta with two numbers above 0")
    if not 0.0 < spread[0] <= spread[1] < np.inf:
        raise InputError(
            "the spread of differences goes from a number above 0 to one no smaller", next_step="As in (1, 6)."
        )
    if not 0.0 < conf_level < 1.0:
        raise InputError("a confidence level lies between 0 and 1")
    if fit.margin is not None:
        raise InputError("statistics against a margin are not normal scores", next_step="Fit without a margin.")
    z = normal_scores(fit)
    inflation = likeness(fit)
    taus = np.geomspace(spread[0], spread[1], N_SPREADS if spread[1] > spread[0] else 1)
    likelihood = log_likelihood(z, taus) / (1.0 if np.isnan(inflation) else inflation)
    inner = np.clip(SHARES, 0.5 / len(SHARES), 1.0 - 0.5 / len(SHARES))
    weight = (a - 1.0) * np.log(inner) + (b - 1.0) * np.log1p(-inner) - betaln(a, b)
    joint = np.exp(likelihood + weight[:, None] - (likelihood + weight[:, None]).max())
    joint /= joint.sum()
    note = "peptides taken as independent: too narrow; permutations in the fit widen it" if np.isnan(inflation) else ""
    return NonnullShare(
        SHARES.copy(), joint.sum(axis=1), len(z), inflation, null_share(fit.table["p_value"].to_numpy()), conf_level,
        tuple(float(share) for share in below), float((joint.sum(axis=0) * taus).sum()), note,
    )  # fmt: skip


def normal_scores(fit: DifferentialFit) -> Floats:
    """t statistics as normal scores, of the peptides that were tested."""
    table = fit.table[fit.table["p_value"].notna()]
    if table.empty or table["df"].isna().all():
        raise InputError("there are no t statistics", next_step="Fit by a t test, with a peptide that can be tested.")
    t, df = table["statistic"].to_numpy(), table["df"].to_numpy()
    return np.asarray(-np.sign(t) * ndtri(np.maximum(stdtr(df, -np.abs(t)), SMALLEST)))


def likeness(fit: DifferentialFit) -> float:
    """Variance of the number of hits over permutations by that of independent peptides, at least 1; NaN without."""
    if fit.chance is None or len(fit.chance.hits) < 2:
        return np.nan
    tested = int(fit.table["p_value"].notna().sum())
    return max(float(fit.chance.hits.var(ddof=1)) / (LEVEL * (1.0 - LEVEL) * tested), 1.0)


def log_likelihood(z: Floats, taus: Floats) -> Floats:
    """Log-likelihood of shares and spreads (shares, spreads), the one without differences 0."""
    out = np.empty((len(SHARES), len(taus)))
    for k, tau in enumerate(taus):
        ratio = np.exp(0.5 * z**2 * tau**2 / (1.0 + tau**2)) / np.sqrt(1.0 + tau**2)
        with np.errstate(divide="ignore"):
            out[:, k] = np.log1p(SHARES[:, None] * (ratio - 1.0)).sum(axis=1)
    return out


def densest(values: Floats, mass: Floats, level: float) -> tuple[float, float]:
    """Ends of the smallest set of grid points with at least `level` of the mass."""
    order = np.argsort(-mass, kind="stable")
    number = int(np.searchsorted(np.cumsum(mass[order]), level * (1.0 - 1e-12))) + 1
    kept = values[order[:number]]
    return float(kept.min()), float(kept.max())
