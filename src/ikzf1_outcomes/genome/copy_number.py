"""What a relative dose says of the copy number, given its error and the fraction of leukaemic cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.genome.calls import COPY_NUMBERS

COPIES = (0, 1, 2, 3)
WORD_OF_COPIES = ("homozygous", "deleted", "normal", "gain")
"""The call of each of `COPIES`; four copies and more read as a gain."""
MISFIT = 3.0
"""Standard errors from the nearest copy number beyond which a dose fits none."""
CHUNK = 50_000
"""Doses called at a time: their probabilities stay in the cache, and memory does not grow with the run."""
Floats = NDArray[np.float64]


def expected_quotient(copies: ArrayLike, purity: ArrayLike) -> NDArray[np.float64]:
    """Dose relative to two copies, when a fraction `purity` of the cells has `copies` and the others have two.

    Examples
    --------
    >>> expected_quotient([0, 1, 2, 3], 0.5).tolist()
    [0.5, 0.75, 1.0, 1.25]
    """
    return 1.0 - np.asarray(purity, dtype=np.float64) * (1.0 - np.asarray(copies, dtype=np.float64) / 2.0)


def log_likelihood(quotient: ArrayLike, std_error: ArrayLike, purity: ArrayLike) -> NDArray[np.float64]:
    """Normal log-likelihood of 0, 1, 2 and 3 copies, up to a constant: the last axis runs over `COPIES`.

    A quotient beyond three copies is taken as three, for more copies are a gain too; one below none is taken as none. A
    missing quotient, error or purity gives missing values.
    """
    quotient, std_error, purity = (np.asarray(given, dtype=np.float64) for given in (quotient, std_error, purity))
    within = np.clip(quotient, expected_quotient(COPIES[0], purity), expected_quotient(COPIES[-1], purity))
    # the copies come first in memory: sums and maxima over an innermost axis of four cost several times as much
    copies = np.reshape(COPIES, (-1, *(1,) * max(quotient.ndim, std_error.ndim, purity.ndim)))
    scores = -0.5 * ((within - expected_quotient(copies, purity)) / std_error) ** 2
    return np.moveaxis(scores, 0, -1)


def copy_number_probabilities(quotient: ArrayLike, std_error: ArrayLike, purity: ArrayLike) -> NDArray[np.float64]:
    r"""P(copies | quotient, error, purity) with 0, 1, 2 and 3 copies equally likely beforehand.

    .. math:: P(c \mid q) \propto \exp\{-(q - 1 + p (1 - c/2))^2 / (2 s^2)\}

    Equal odds beforehand, so that a sample without leukaemic cells says nothing (each 1/4) and is never "normal".
    With the error fixed, the probability of a right call cannot fall as the purity rises: the expected quotients move
    apart, and every sample that was called right is called right still.

    Returns
    -------
    ndarray
        One axis more than the input, over 0, 1, 2, 3 copies; missing where anything is missing.

    Examples
    --------
    >>> copy_number_probabilities(0.5, 0.05, 1.0).round(3).tolist()
    [0.0, 1.0, 0.0, 0.0]
    >>> copy_number_probabilities(1.0, 0.1, 0.0).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    return probabilities_of_scores(log_likelihood(quotient, std_error, purity))


def probabilities_of_scores(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-likelihoods as probabilities that add up to 1 along the last axis, with equal odds beforehand."""
    weight = np.exp(scores - scores.max(axis=-1, keepdims=True))
    out: NDArray[np.float64] = weight / weight.sum(axis=-1, keepdims=True)
    return out


class CopyCalls(NamedTuple):
    """Calls of doses: position in `COPY_NUMBERS`, probability of the likeliest copy number, whether none fits."""

    call: NDArray[np.int8]
    confidence: NDArray[np.float64]
    misfit: NDArray[np.bool_]


def call_copies(quotient: ArrayLike, std_error: ArrayLike, purity: ArrayLike, confidence: float) -> CopyCalls:
    """The likeliest copy number of each dose: "ambiguous" when its probability is below `confidence`.

    Ambiguous too is a dose more than `MISFIT` standard errors from every copy number, between two of them: the loss is
    subclonal, or the purity is wrong. What is missing is ambiguous.

    Raises
    ------
    InputError
        `confidence` outside 0.5 to 1: below one half two calls could both pass.

    Examples
    --------
    >>> called = call_copies([0.5, 0.75, 1.0], 0.05, 1.0, 0.95)
    >>> [COPY_NUMBERS[code] for code in called.call], called.misfit.tolist()
    (['deleted', 'ambiguous', 'normal'], [False, True, False])
    """
    if not 0.5 < confidence < 1:
        raise InputError("confidence lies between 0.5 and 1")
    dose, error, share = (np.asarray(given, dtype=np.float64) for given in (quotient, std_error, purity))
    shape = np.broadcast_shapes(dose.shape, error.shape, share.shape)
    if not shape:
        one = call_copies(dose[None], error, share, confidence)
        return CopyCalls(one.call[0], one.confidence[0], one.misfit[0])

    def part(given: Floats, rows: slice) -> Floats:
        # what has no such axis, or one of length 1, serves every row
        return given[rows] if given.ndim == len(shape) and len(given) == shape[0] else given

    out = CopyCalls(np.empty(shape, dtype=np.int8), np.empty(shape), np.empty(shape, dtype=np.bool_))
    step = max(CHUNK * shape[0] // max(int(np.prod(shape)), 1), 1)
    for start in range(0, shape[0], step):
        rows = slice(start, start + step)
        piece = _call_chunk(part(dose, rows), part(error, rows), part(share, rows), confidence)
        out.call[rows], out.confidence[rows], out.misfit[rows] = piece
    return out


def _call_chunk(quotient: Floats, std_error: Floats, purity: Floats, confidence: float) -> CopyCalls:
    words = np.array([COPY_NUMBERS.index(word) for word in WORD_OF_COPIES], dtype=np.int8)
    score = log_likelihood(quotient, std_error, purity)
    probabilities = probabilities_of_scores(score)
    largest = probabilities.max(axis=-1)
    misfit = np.asarray(score.max(axis=-1) < -0.5 * MISFIT**2)
    # a missing probability is never at least the confidence
    sure = (largest >= confidence) & ~misfit
    call = np.where(sure, words[probabilities.argmax(axis=-1)], COPY_NUMBERS.index("ambiguous")).astype(np.int8)
    return CopyCalls(call, largest, misfit)
