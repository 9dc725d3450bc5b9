r"""P(IKZF1 class | doses of its exons, leukaemic fraction): which runs of exons have the two alleles lost?

A state gives each of two alleles either all exons or a loss of one contiguous run (36 runs), or the gain of a whole copy.
The copies of an exon follow, and with them the expected dose. Bayes' theorem over all states gives the class.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.genome.copy_number import COPIES, WORD_OF_COPIES
from ikzf1_outcomes.genome.exons import EXONS, name, read_known

Floats = NDArray[np.float64]
KNOWN_CLASSES = ("none", "whole_gene", "ik6", "del_4_8", "other", "gain")
RUNS = tuple((first, last) for first in EXONS for last in EXONS if first <= last)
CHUNK = 20_000

RARE = 0.33
PUBLISHED_RUNS = (
    ("Δ1-8", 0.30),
    ("Δ4-7", 1.0 - 0.30 - RARE),
    ("Δ2-3", RARE * 26 / 134),
    ("Δ2-7", RARE * 32 / 134),
    ("Δ2-8", RARE * 15 / 134),
    ("Δ4-8", RARE * 27 / 134),
)
"""Shares of the deletions: Δ1-8 30 % (PMID 27419633), rare ones 33 % split as 26, 32, 15 and 27 of 134 (Boer et al.
2016, doi:10.1038/leu.2015.199), Δ4-7 the rest. The other runs share what is left."""


class DeletionPrior(NamedTuple):
    """How likely the classes are before the assay.

    Parameters
    ----------
    deleted
        Share of patients with a deletion: 14 %, Schwab et al. 2012, Blood 120:290 (UKALL97/2003).
    second
        Share of those whose second allele is hit too: an assumption.
    gain
        Share with a gain of the gene: 1 of 109 in the founding study.
    runs
        Shares of deletions by pattern; what they leave of 1 is split evenly over the other runs.
    """

    deleted: float = 0.14
    second: float = 0.08
    gain: float = 1 / 109
    runs: tuple[tuple[str, float], ...] = PUBLISHED_RUNS

    @property
    def weights(self) -> Floats:
        """Share of each of `RUNS`, which adds up to 1.

        Raises
        ------
        InputError
            A share that is no probability, an unknown pattern, or shares beyond 1.
        """
        shares = dict(self.runs)
        names = [name(range(first, last + 1)) for first, last in RUNS]
        unknown = set(shares) - set(names)
        numbers = (self.deleted, self.second, self.gain, *shares.values())
        rest = 1.0 - sum(shares.values())
        if unknown or not all(0 <= number <= 1 for number in numbers) or self.deleted + self.gain > 1 or rest < -1e-12:
            raise InputError("the prior names unknown patterns or shares that are no probabilities")
        each = max(rest, 0.0) / max(len(names) - len(shares), 1)
        weights = np.array([shares.get(pattern, each) for pattern in names])
        out: Floats = weights / weights.sum()
        return out


class States(NamedTuple):
    """Distinct copies of the eight exons, their log prior and their class."""

    copies: NDArray[np.intp]
    log_prior: Floats
    classes: NDArray[np.intp]


@lru_cache(maxsize=8)
def states_of(prior: DeletionPrior) -> States:
    """All states; those with the same copies in every exon are one, for no dose can tell them apart."""
    weights = prior.weights
    lost = np.array([[first <= exon <= last for exon in EXONS] for first, last in RUNS], dtype=np.intp)
    chance: dict[tuple[int, ...], float] = {(2,) * 8: 1.0 - prior.deleted - prior.gain, (3,) * 8: prior.gain}
    for row, weight in zip(lost, weights, strict=True):
        copies = tuple((2 - row).tolist())
        chance[copies] = chance.get(copies, 0.0) + prior.deleted * (1.0 - prior.second) * weight
    for one, two in combinations_with_replacement(range(len(RUNS)), 2):
        copies = tuple((2 - lost[one] - lost[two]).tolist())
        both = weights[one] * weights[two] * (2.0 if one != two else 1.0)
        chance[copies] = chance.get(copies, 0.0) + prior.deleted * prior.second * both
    table = np.array(list(chance), dtype=np.intp)
    classes = [read_known(tuple(WORD_OF_COPIES[c] for c in row)).ikzf1_class for row in table.tolist()]
    with np.errstate(divide="ignore"):
        log_prior = np.log(np.array(list(chance.values())))
    return States(table, log_prior, np.array([KNOWN_CLASSES.index(word) for word in classes], dtype=np.intp))


def class_probabilities(log_likelihoods: Floats, prior: DeletionPrior) -> Floats:
    r"""P(class | doses) from the log-likelihood of each copy number in each exon.

    .. math:: P(k \mid q) \propto \sum_{s: class(s) = k} \pi_s \prod_e L_e(c_{se})

    Errors of the exons are taken as independent. An exon without a dose has log-likelihood 0 for all copy numbers.

    Parameters
    ----------
    log_likelihoods
        (n, 8 exons, 4 copy numbers); a row with a missing value gives missing probabilities.

    Returns
    -------
    ndarray
        (n, 6), columns `KNOWN_CLASSES`, each row adding up to 1.
    """
    states = states_of(prior)
    member = np.zeros((len(states.copies), len(EXONS), len(COPIES)))
    np.put_along_axis(member, states.copies[:, :, None], 1.0, axis=2)
    sums = (states.classes[:, None] == np.arange(len(KNOWN_CLASSES))).astype(np.float64)
    flat = log_likelihoods.reshape(len(log_likelihoods), -1)
    out = np.full((len(flat), len(KNOWN_CLASSES)), np.nan)
    for start in range(0, len(flat), CHUNK):
        rows = slice(start, start + CHUNK)
        known = np.isfinite(flat[rows]).all(axis=1)
        score = flat[rows][known] @ member.reshape(len(member), -1).T + states.log_prior
        score -= score.max(axis=1, keepdims=True)
        weight = np.exp(score, out=score)
        part = weight @ sums
        out[rows][known] = part / part.sum(axis=1, keepdims=True)
    return out


def probability_frame(probabilities: Floats, index: pd.Index) -> pd.DataFrame:
    """P(class) with its classes as columns."""
    return pd.DataFrame(probabilities, index=index, columns=list(KNOWN_CLASSES))
