"""Families of effects that are mostly drawn to 0: the regularised horseshoe and R2D2.

Horseshoe, over p features of G groups: log tau, log c^2, logs of the groups' factors (G), log lambda (p), v (p), with

    1 / s_j^2 = 1 / (tau gamma_g lambda_j)^2 + 1 / c^2,    b_j = v_j / sqrt(1 / s_j^2 + d),    v_j ~ N(0, 1 + d s_j^2)

so that b_j is N(0, s_j^2) whatever d is. With d the precision of b_j from the data alone v_j has variance 1 a posteriori,
whether the data or the prior tell most of it; d = 0 is the non-centred form.

R2D2, over p effects: log xi, log g (p), v (p), with omega_j = g_j / xi, and b_j from v_j in the same way for an SD of
s_j sqrt(omega_j). That g is gamma(a, 1) and xi gamma(b, 1), independent, makes omega_j gamma(a, rate xi).
"""

from __future__ import annotations

from math import lgamma, log, pi

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.risk import Floats

HALF_LOG_2PI = 0.9189385332046727
LOG_2_OVER_PI = log(2.0 / pi)
PRIOR = 5
"""Numbers that describe a family's prior, its effects apart."""
SLAB_DF = 4.0
"""Degrees of freedom of the slab: effects that are not drawn to 0 are Student's t of these."""


def horseshoe_numbers(spread: float, slab: float, told: float) -> Floats:
    """What the density reads of a horseshoe: scale of tau, shape and scale of c^2, constant of its density, log d (5)."""
    shape, scale = SLAB_DF / 2.0, SLAB_DF / 2.0 * slab**2
    return np.array([spread, shape, scale, shape * log(scale) - lgamma(shape), log(told) if told > 0 else -np.inf])


def share_numbers(part: float, rest: float, told: float) -> Floats:
    """What the density reads of R2D2: shapes of g and of xi, constants of their densities, log of d s^2 (5)."""
    return np.array([part, rest, -lgamma(part), -lgamma(rest), log(told) if told > 0 else -np.inf])


@compiled
def _half_cauchy(v, scale):  # type: ignore[no-untyped-def]
    """Log density of log s for a half-Cauchy s, and its derivative."""
    far = 2.0 * (v - np.log(scale))
    return LOG_2_OVER_PI + 0.5 * far - np.logaddexp(0.0, far), -np.tanh(0.5 * far)


@compiled
def _scales(theta, at, groups, group, prior, size, j):  # type: ignore[no-untyped-def]
    """Log of what multiplies a free number, the part of the prior in its precision, the part of the spike in that of b."""
    free = theta[at] + theta[at + 2 + groups + j]
    if groups:
        free += theta[at + 2 + int(group[j])]
    own = np.logaddexp(-2.0 * free, -theta[at + 1])
    both = np.logaddexp(own, prior[4])
    return -0.5 * both, np.exp(own - both), np.exp(-2.0 * free - own)


@compiled
def horseshoe(theta, at, groups, group, prior, size, beta):  # type: ignore[no-untyped-def]
    """Effects of features (size) from what is sampled."""
    for j in range(size):
        scale, _, _ = _scales(theta, at, groups, group, prior, size, j)
        beta[j] = np.exp(scale) * theta[at + 2 + groups + size + j]


@compiled
def horseshoe_back(theta, gradient, at, groups, group, prior, size, beta, slope):  # type: ignore[no-untyped-def]
    """Log prior of a horseshoe; the slope by the effects (size) becomes that by what is sampled."""
    value, gradient[at] = _half_cauchy(theta[at], prior[0])
    slab = theta[at + 1]
    value += prior[3] - prior[1] * slab - prior[2] * np.exp(-slab)
    gradient[at + 1] = prior[2] * np.exp(-slab) - prior[1]
    for g in range(groups):
        added, gradient[at + 2 + g] = _half_cauchy(theta[at + 2 + g], 1.0)
        value += added
    local, free = at + 2 + groups, at + 2 + groups + size
    for j in range(size):
        scale, part, spike = _scales(theta, at, groups, group, prior, size, j)
        z = theta[free + j]
        added, own = _half_cauchy(theta[local + j], 1.0)
        value += added - 0.5 * part * z * z + 0.5 * np.log(part) - HALF_LOG_2PI
        gradient[free + j] = slope[j] * np.exp(scale) - part * z
        # by the log of the spread, were there no slab
        moved = part * slope[j] * beta[j] + (1.0 - part) * (part * z * z - 1.0)
        gradient[local + j] = own + spike * moved
        gradient[at] += spike * moved
        gradient[at + 1] += 0.5 * (1.0 - spike) * moved
        if groups:
            gradient[at + 2 + int(group[j])] += spike * moved
    return value


@compiled
def _share(theta, at, told, j):  # type: ignore[no-untyped-def]
    """Log of what multiplies a free number of R2D2, its own scale apart, and the prior's part in the precision of b."""
    own = theta[at] - theta[at + 1 + j]
    both = np.logaddexp(own, told)
    return -0.5 * both, np.exp(own - both)


@compiled
def shared(theta, at, scale, prior, size, beta):  # type: ignore[no-untyped-def]
    """Effects (size) of R2D2 from what is sampled."""
    for j in range(size):
        beta[j] = scale[j] * np.exp(_share(theta, at, prior[4], j)[0]) * theta[at + 1 + size + j]


@compiled
def shared_back(theta, gradient, at, scale, prior, size, beta, slope):  # type: ignore[no-untyped-def]
    """Log prior of R2D2; the slope by the effects (size) becomes that by what is sampled."""
    rest = np.exp(theta[at])
    value = prior[1] * theta[at] - rest + prior[3]
    gradient[at] = prior[1] - rest
    for j in range(size):
        grown, z = np.exp(theta[at + 1 + j]), theta[at + 1 + size + j]
        wide, part = _share(theta, at, prior[4], j)
        value += prior[0] * theta[at + 1 + j] - grown + prior[2] - HALF_LOG_2PI
        value += 0.5 * np.log(part) - 0.5 * part * z * z
        half = 0.5 * (part * slope[j] * beta[j] + (1.0 - part) * (part * z * z - 1.0))
        gradient[at + 1 + j] = prior[0] - grown + half
        gradient[at] -= half
        gradient[at + 1 + size + j] = slope[j] * scale[j] * np.exp(wide) - part * z
    return value
