"""The exact partial likelihood of tied events: each set of them against all sets of its size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import gammaln

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.partial import Layout, linear_predictor, make_room
from ikzf1_outcomes.kernels.risk import Floats


@compiled
def _subsets(members, risk, x, deaths, e0, e1, e2):  # type: ignore[no-untyped-def]
    """Mean over the subsets of `deaths` members of the product of their risks, with first and second derivatives.

    E_n(k), the mean over subsets of k of the first n members, follows from the subsets without and with the n-th:
    E_n(k) = ((n - k) E_(n-1)(k) + k r_n E_(n-1)(k-1)) / n.
    """
    p = x.shape[1]
    e0[: deaths + 1] = 0.0
    e1[: deaths + 1] = 0.0
    e2[: deaths + 1] = 0.0
    e0[0] = 1.0
    for n in range(1, len(members) + 1):
        i = members[n - 1]
        for k in range(min(n, deaths), max(0, deaths - (len(members) - n) - 1), -1):
            without, add = (n - k) / n, k * risk[i] / n
            for a in range(p):
                for b in range(a + 1):
                    more = e2[k - 1, a, b] + x[i, a] * e1[k - 1, b] + e1[k - 1, a] * x[i, b] + x[i, a] * x[i, b] * e0[k - 1]
                    e2[k, a, b] = without * e2[k, a, b] + add * more
            for a in range(p):
                e1[k, a] = without * e1[k, a] + add * (e1[k - 1, a] + x[i, a] * e0[k - 1])
            e0[k] = without * e0[k] + add * e0[k - 1]


@compiled
def _sweep(start, rank, first, event, eta, x, room, score, information):  # type: ignore[no-untyped-def]
    """At each event time of each stratum, one denominator; the value, without its constants of counting."""
    p = x.shape[1]
    members, risk, at_risk, tied, e0, e1, e2 = room
    value, ok, used = 0.0, True, 0
    for g in range(len(start) - 1):
        stop = start[g + 1]
        while stop > start[g]:
            j = rank[stop - 1]
            deaths, own = 0, 0.0
            while stop > start[g] and rank[stop - 1] == j:
                stop -= 1
                if event[stop]:
                    deaths += 1
                    own += eta[stop]
                    for a in range(p):
                        score[a] += x[stop, a]
            if deaths == 0:
                continue
            n, top = 0, -np.inf
            for i in range(stop, start[g + 1]):
                if first[i] <= j:
                    members[n] = i
                    n += 1
                    top = max(top, eta[i])
            mean = 0.0
            for q in range(n):
                risk[members[q]] = np.exp(eta[members[q]] - top)
                mean += risk[members[q]] / n
            for q in range(n):
                risk[members[q]] /= mean
            _subsets(members[:n], risk, x, deaths, e0, e1, e2)
            total = e0[deaths]
            if not (total > 0.0 and np.isfinite(total)):  # far from any maximum
                ok = False
                total = 1.0
            value += own - np.log(total) - deaths * (np.log(mean) + top)
            for a in range(p):
                score[a] -= e1[deaths, a] / total
                for b in range(a + 1):
                    information[a, b] += e2[deaths, a, b] / total - e1[deaths, a] / total * (e1[deaths, b] / total)
            at_risk[used], tied[used] = n, deaths
            used += 1
    for a in range(p):
        for b in range(a):
            information[b, a] = information[a, b]
    return value, ok


def exact_likelihood(layout: Layout) -> Callable[[Floats], tuple]:
    r"""The exact (discrete) partial likelihood as a function of the coefficients: value, score, information.

    Cox (1972, recalled): time is truly discrete, and given that d of those at risk fail at t, the probability that it was
    the set D is, with r = exp(eta),

    .. math:: \prod_{i \in D} r_i \Big/ \sum_{S \subset R(t), |S| = d} \prod_{i \in S} r_i

    which is conditional logistic regression with the risk sets as matched sets. The denominator, an elementary symmetric
    function, and its derivatives follow from a recursion over the members (Gail, Lubin and Rubinstein 1981, recalled, not
    verified): O(n d p^2) for a time with n at risk. Risks are divided by their mean over the risk set and the sums by the
    number of subsets, so that nothing overflows. Where no events are tied it is the partial likelihood. Equal to R's
    `coxph(ties = "exact")`, also with delayed entry.

    Parameters
    ----------
    layout
        Rows as `lay_out` sorts them; the offset is part of eta.

    Returns
    -------
    evaluate(beta) -> value, score (p), information (p, p)
        As of `partial_likelihood`, for `newton`. Minus infinity and zeros where the sums are out of range.

    Raises
    ------
    InputError
        Weights other than 1: the likelihood counts subsets of persons.
    """
    if not (layout.weight == 1.0).all():
        raise InputError(
            "exact ties count sets of patients and take no weights",
            count=int((layout.weight != 1.0).sum()),
            next_step="Use ties='efron'.",
        )
    p, n = layout.x.shape[1], len(layout.rank)
    times = len(make_room(layout).at)
    at_risk, tied = np.zeros(times), np.zeros(times)
    most = most_tied(layout)
    memory = (
        np.empty(n, dtype=np.int64), np.empty(n), at_risk, tied,
        np.empty(most + 1), np.empty((most + 1, p)), np.empty((most + 1, p, p)),
    )  # fmt: skip

    def evaluate(beta: Floats) -> tuple:
        eta, _, _ = linear_predictor(layout, beta)
        score, information = np.zeros(p), np.zeros((p, p))
        value, ok = _sweep(layout.start, layout.rank, layout.first, layout.event, eta, layout.x, memory, score, information)
        if not ok or not (np.isfinite(value) and np.isfinite(information).all() and np.isfinite(score).all()):
            return -np.inf, np.zeros(p), np.zeros((p, p))
        subsets = gammaln(at_risk + 1) - gammaln(tied + 1) - gammaln(at_risk - tied + 1)
        return value - float(subsets.sum()), score, information

    return evaluate


def most_tied(layout: Layout) -> int:
    """Largest number of events at one time of a stratum."""
    stratum = np.repeat(np.arange(len(layout.start) - 1), np.diff(layout.start))[layout.event]
    if not len(stratum):
        return 0
    return int(np.unique(np.column_stack((stratum, layout.rank[layout.event])), axis=0, return_counts=True)[1].max())
