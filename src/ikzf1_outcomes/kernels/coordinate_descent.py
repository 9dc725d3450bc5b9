"""Cox's partial likelihood less an elastic-net penalty, along a path of penalties."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.partial import Layout, Room, _exposure, _sweep, linear_predictor, make_room
from ikzf1_outcomes.kernels.risk import Floats, Integers

SETTLED = 1e-11
"""Largest violation of the optimality conditions at a maximum: covariates of unit spread, likelihood per unit of weight."""
MOST, ROUNDS, SWEEPS = 200, 400, 40
HELD = 1e-10
"""Ridge, as a share of the largest information, that holds steps of a singular system."""
NEWCOMERS = 200
"""Covariates, at least, that one step may take into its working set."""
LEAST_SHARE = 1e-3
"""Stands for a share of lasso of 0 where the largest penalty is sought: no ridge penalty makes all coefficients 0."""
SATURATED, STALLED, WITHIN = 0.999, 1e-3, 4
"""Where a path ends of itself: this share of the deviance explained, or this little of it gained in four steps."""


class Problem(NamedTuple):
    """A likelihood and how each of its covariates is penalised."""

    layout: Layout
    """Rows of the fit; covariates centred and of unit spread (p)."""
    ties: str
    lasso: Floats
    """What a penalty of 1 takes for an absolute coefficient of 1 (p); 0 where it is not penalised."""
    ridge: Floats
    """What a penalty of 1 takes for half a squared coefficient of 1 (p)."""
    pull: Floats
    """What a penalty of 1 that is all lasso would take for an absolute coefficient of 1 (p)."""
    total: float
    """Sum of the weights, by which the likelihood is divided."""
    room: Room


class Place(NamedTuple):
    """A likelihood at some coefficients."""

    beta: Floats
    value: float
    """Log-likelihood, not divided; minus infinity where it cannot be computed."""
    risk: Floats
    seen: Floats
    """Expected events of each row (n)."""
    score: Floats
    """Derivative by the coefficients, divided by the sum of the weights (p)."""


class Path(NamedTuple):
    """Maxima along a path."""

    lambdas: Floats
    beta: Floats
    """(penalties, p)."""
    value: Floats
    """Log-likelihood at each, not divided."""
    converged: np.ndarray
    iterations: Integers


def pose(layout: Layout, ties: str, factor: Floats, share: float, unit: Floats) -> Problem:
    r"""The problem of an elastic net.

    Minimises, with W the sum of the weights and coefficients b of covariates of unit spread,

    .. math:: -l(b) / W + \lambda \sum_j v_j \big[ a\, |b_j / u_j| + \tfrac12 (1 - a)\, (b_j / u_j)^2 \big]

    Parameters
    ----------
    layout
        Rows of the fit; covariates centred and of unit spread, zeros where they are constant.
    ties
        "efron" or "breslow".
    factor
        Penalty factor v of each covariate, 0 where it is not penalised (p).
    share
        Share a of the lasso, 0 to 1.
    unit
        What u of a coefficient counts as one: 1, or the spread that the covariate had where the penalty is on its own
        units (p).
    """
    return Problem(
        layout, ties, share * factor / unit, (1.0 - share) * factor / unit**2, factor / unit,
        float(layout.weight.sum()), make_room(layout._replace(x=_without(layout))),
    )  # fmt: skip


def _without(layout: Layout) -> Floats:
    """No covariates, of the kind that the sweep was compiled for."""
    none = np.empty((len(layout.rank), 0))
    none.setflags(write=False)
    return none


def place_at(problem: Problem, beta: Floats) -> Place:
    """Value and score at some coefficients."""
    layout, room = problem.layout, problem.room
    eta, _, risk = linear_predictor(layout, beta)
    sets = (layout.start, layout.rank, layout.first, layout.late, layout.late_start, layout.event)
    value, ok, _ = _sweep(*sets, layout.weight, risk, _without(layout), problem.ties == "efron", room)
    died = layout.weight * layout.event
    value += float(died @ eta)
    if not ok or not np.isfinite(value):
        return Place(beta, -np.inf, risk, risk, np.zeros(len(beta)))
    exposure = np.empty(len(risk))
    _exposure(layout.start, layout.rank, layout.first, layout.event, room, exposure)
    seen = risk * exposure
    return Place(beta, value, risk, seen, (died - seen) @ layout.x / problem.total)


def curvature(problem: Problem, place: Place, among: Integers) -> Floats:
    """Information of some covariates, divided by the sum of the weights."""
    layout = problem.layout
    x = np.ascontiguousarray(layout.x[:, among])
    x.setflags(write=False)
    room = problem.room._replace(means=np.empty((len(problem.room.at), len(among))))
    sets = (layout.start, layout.rank, layout.first, layout.late, layout.late_start, layout.event)
    mixed = _sweep(*sets, layout.weight, place.risk, x, problem.ties == "efron", room)[2]
    # a product with itself costs half of another's
    rows = x * np.sqrt(np.maximum(place.seen, 0.0))[:, None]
    found: Floats = (rows.T @ rows - room.means.T @ room.means - mixed) / problem.total
    return found


def log_likelihoods(layout: Layout, ties: str, beta: Floats) -> Floats:
    """Log-likelihood at each of some coefficients (penalties, p)."""
    scores = np.ascontiguousarray((layout.x @ beta.T).T)
    none = _without(layout)
    room = make_room(layout._replace(x=none))
    sets = (layout.start, layout.rank, layout.first, layout.late, layout.late_start, layout.event)
    died = layout.weight * layout.event
    out = np.empty(len(beta))
    for k, own in enumerate(scores):
        eta, _, risk = linear_predictor(layout._replace(x=own[:, None]), np.ones(1))
        out[k] = _sweep(*sets, layout.weight, risk, none, ties == "efron", room)[0] + float(died @ eta)
    return out


def saturated(layout: Layout, ties: str) -> float:
    """Log-likelihood of a model with a parameter for each row, in the limit: what is left of ties alone.

    Breslow: -sum over event times of w log w, w the weight of the events of a time. Efron: of d such events each sees
    what is left of them, -sum of w log w + (w / d) log(d! / d^d).
    """
    stratum = np.repeat(np.arange(len(layout.start) - 1), np.diff(layout.start))
    _, code, deaths = np.unique(
        np.column_stack((stratum, layout.rank))[layout.event], axis=0, return_inverse=True, return_counts=True
    )
    mass = np.bincount(code.ravel(), weights=layout.weight[layout.event])
    value = -float(mass @ np.log(mass))
    if ties == "efron":
        logs = np.array([np.log(np.arange(1, d + 1) / d).sum() for d in range(deaths.max() + 1)])
        value -= float(mass / deaths @ logs[deaths])
    return value


@compiled
def _descend(h, slope, b, lasso, ridge, most):  # type: ignore[no-untyped-def]
    """Cyclical coordinate descent on a quadratic until a sweep leaves all signs as they were."""
    p = len(b)
    for _ in range(most):
        same = True
        for j in range(p):
            curve = h[j, j] + ridge[j]
            if not curve > 0.0:
                continue
            pull = slope[j] + h[j, j] * b[j]
            # what rounding alone lets in would be the first to leave again, and hold up the others
            if b[j] == 0.0 and lasso[j] > 0.0 and abs(pull) <= lasso[j] + SETTLED / 100.0:
                continue
            new = 0.0
            if pull > lasso[j]:
                new = (pull - lasso[j]) / curve
            elif pull < -lasso[j]:
                new = (pull + lasso[j]) / curve
            change = new - b[j]
            if change == 0.0:
                continue
            if np.sign(new) != np.sign(b[j]):
                same = False
            for i in range(p):
                slope[i] -= h[j, i] * change
            b[j] = new
        if same:
            break


def _solve_signs(h: Floats, slope: Floats, b: Floats, lasso: Floats, ridge: Floats) -> bool | None:
    """Go to the minimum for the signs as they are, or to where the first coefficient becomes 0.

    None where one did; else whether the minimum for these signs is that for all.

    Where the system is singular, steps are held by a little ridge around where they begin. Along what it cannot tell apart
    the lasso alone pulls, and the step is so long that a coefficient becomes 0.
    """
    some = np.flatnonzero((b != 0.0) | (lasso == 0.0))
    part = h[np.ix_(some, some)]
    part[np.diag_indices(len(some))] += ridge[some]
    try:
        factor = cho_factor(part.T, lower=True, check_finite=False)
    except LinAlgError:
        part[np.diag_indices(len(some))] += HELD * part.diagonal().max()
        factor = cho_factor(part.T, lower=True, check_finite=False)
    step = cho_solve(factor, slope[some] - ridge[some] * b[some] - lasso[some] * np.sign(b[some]), check_finite=False)
    crossing = (lasso[some] > 0.0) & (np.sign(b[some] + step) != np.sign(b[some]))
    share, first = 1.0, -1
    if crossing.any():
        reach = -b[some][crossing] / step[crossing]
        first = int(some[crossing][np.argmin(reach)])
        share = float(reach.min())
    move = np.zeros(len(b))
    move[some] = share * step
    if first >= 0:
        move[first] = -b[first]
    slope -= h @ move
    b += move
    if first >= 0:
        b[first] = 0.0
        return None
    # of a coefficient of 0 that is not penalised both ask the same
    rest = slope - ridge * b - lasso * np.sign(b)
    return bool((np.abs(rest) <= np.where(b == 0.0, lasso, 0.0) + SETTLED / 10.0).all())


def quadratic(h: Floats, score: Floats, start: Floats, lasso: Floats, ridge: Floats) -> Floats:
    """Minimum of -score'd + d'hd / 2 + sum of lasso |start + d| + ridge (start + d)^2 / 2, as start + d.

    Sweeps of coordinate descent find the signs; with the signs known the minimum is that of a linear system.
    """
    b, slope = start.copy(), score.copy()
    searched = bool((lasso > 0.0).any())
    for _ in range(ROUNDS):
        if searched:
            _descend(h, slope, b, lasso, ridge, SWEEPS)
        # what has left stays out until a whole step was made: else it comes back at once, and steps grow short
        while (solved := _solve_signs(h, slope, b, lasso, ridge)) is None:
            pass
        if solved:
            break
    return b


def violation(problem: Problem, place: Place, penalty: float) -> Floats:
    """By how much each coefficient misses the conditions of a minimum (p).

    A coefficient other than 0 has score = penalty (lasso sign(b) + ridge b); one of 0 a score of at most penalty lasso.
    """
    rest = place.score - penalty * (problem.ridge * place.beta + problem.lasso * np.sign(place.beta))
    at_zero = np.maximum(np.abs(place.score) - penalty * problem.lasso, 0.0)
    return np.where(place.beta != 0.0, np.abs(rest), at_zero)


def penalty_at(problem: Problem, beta: Floats, penalty: float) -> float:
    """The penalty of some coefficients."""
    return penalty * float(problem.lasso @ np.abs(beta) + 0.5 * (problem.ridge @ beta**2))


def maximise(problem: Problem, penalty: float, start: Place, hint: np.ndarray) -> tuple[Place, bool, int]:
    """Maximum at one penalty, whether it was found, and in how many steps: Newton on the covariates that are in or want in.

    `hint` marks those that are likely to come in (p).
    """
    here = start
    value = here.value / problem.total - penalty_at(problem, here.beta, penalty)
    for iteration in range(MOST):
        missed = violation(problem, here, penalty)
        if missed.max(initial=0.0) <= SETTLED:
            return here, True, iteration
        inside = (here.beta != 0.0) | (problem.lasso == 0.0)
        wanting = ~inside & ((missed > 0.0) | (hint & (iteration == 0)))
        most = max(NEWCOMERS, 2 * int(inside.sum()))
        if wanting.sum() > most:
            wanting &= np.abs(here.score) >= np.partition(np.abs(here.score[wanting]), -most)[-most]
        among = np.flatnonzero(inside | wanting)
        lasso, ridge, old = penalty * problem.lasso[among], penalty * problem.ridge[among], here.beta[among]
        new = quadratic(curvature(problem, here, among), here.score[among], old, lasso, ridge)
        promise = float(here.score[among] @ (new - old)) - float(lasso @ (np.abs(new) - np.abs(old)))
        promise -= 0.5 * float(ridge @ (new**2 - old**2))
        share = 1.0
        for _ in range(40):
            beta = here.beta.copy()
            beta[among] = new if share == 1.0 else old + share * (new - old)
            trial = place_at(problem, beta)
            ahead = trial.value / problem.total - penalty_at(problem, beta, penalty)
            # near the maximum the gain drowns in rounding, and the full step is right
            if ahead >= value + 1e-4 * share * promise - 1e-13 * (1.0 + abs(value)):
                break
            share /= 2.0
        else:
            return here, False, iteration
        here, value = trial, ahead
    return here, False, MOST


def largest_penalty(problem: Problem, null: Place, share: float) -> float:
    """The smallest penalty at which all penalised coefficients are 0 (of a lasso share of 0.001 where it is smaller)."""
    penalised = problem.pull > 0.0
    steepest = (np.abs(null.score[penalised]) / problem.pull[penalised]).max(initial=0.0)
    return float(steepest) / max(share, LEAST_SHARE)


def turned(problem: Problem) -> tuple[Problem, Floats]:
    """The same ridge problem on the space that the rows of the penalised span; from there to the coefficients (p, q).

    A part of the coefficients at right angles to all rows changes no linear predictor and costs penalty: it is 0.
    """
    layout, penalised = problem.layout, problem.ridge > 0.0
    root = np.sqrt(problem.ridge[penalised])
    q, r = np.linalg.qr((layout.x[:, penalised] / root).T)
    free = np.flatnonzero(~penalised)
    size = len(free) + q.shape[1]
    basis = np.zeros((len(penalised), size))
    basis[free, np.arange(len(free))] = 1.0
    basis[np.ix_(np.flatnonzero(penalised), np.arange(len(free), size))] = q / root[:, None]
    x = np.column_stack((layout.x[:, free], r.T))
    x.setflags(write=False)
    ridge = np.r_[np.zeros(len(free)), np.ones(q.shape[1])]
    return problem._replace(layout=layout._replace(x=x), lasso=np.zeros(size), ridge=ridge, pull=ridge), basis


def follow_path(problem: Problem, lambdas: Floats, start: Floats, *, limits: tuple[float, float] | None = None) -> Path:
    """Maxima at falling penalties, each from the one before.

    Parameters
    ----------
    lambdas
        Penalties, falling.
    start
        The maximum of the covariates that are not penalised, the others 0 (p).
    limits
        Log-likelihood with all coefficients 0, and saturated: the path then ends where the likelihood is all but saturated
        or has all but stopped rising. None follows it to the end.
    """
    if not problem.lasso.any() and (problem.ridge > 0.0).sum() > len(problem.layout.rank):
        inner, basis = turned(problem)
        free = problem.ridge == 0.0
        found = follow_path(inner, lambdas, np.r_[start[free], np.zeros(basis.shape[1] - free.sum())], limits=limits)
        return found._replace(beta=found.beta @ basis.T)
    here, before = place_at(problem, start), np.inf
    points: list[Place] = []
    converged, steps = [], []
    for penalty in lambdas:
        # the sequential strong rule: slopes hardly ever change faster than the penalty
        floor = problem.lasso * (max(2.0 * penalty - before, 0.0) if np.isfinite(before) else penalty)
        hint = (np.abs(here.score) >= floor) & (problem.lasso > 0.0)
        here, good, iterations = maximise(problem, float(penalty), _ahead(problem, points, lambdas, here), hint)
        points.append(here)
        converged.append(good)
        steps.append(iterations)
        before = float(penalty)
        if limits is not None and at_its_end(np.array([point.value for point in points]), *limits):
            break
    return Path(
        lambdas[: len(points)], np.array([point.beta for point in points]), np.array([point.value for point in points]),
        np.array(converged), np.array(steps),
    )  # fmt: skip


def _ahead(problem: Problem, points: list[Place], lambdas: Floats, here: Place) -> Place:
    """Where the coefficients of the last two penalties point to, for those that keep their signs on the way."""
    k = len(points)
    if k < 2:
        return here
    last, earlier = points[-1].beta, points[-2].beta
    share = (lambdas[k] - lambdas[k - 1]) / (lambdas[k - 1] - lambdas[k - 2])
    guess = last + share * (last - earlier)
    same = (np.sign(guess) == np.sign(last)) & (np.sign(earlier) == np.sign(last))
    made = place_at(problem, np.where(same, guess, last))
    return made if np.isfinite(made.value) else here


def at_its_end(value: Floats, null: float, most: float) -> bool:
    """Whether a path need not go on: the deviance is explained, or hardly any more of it was in the last four steps.

    Gains that still grow are no end: where covariates without penalty explain much, a path begins with small gains.
    """
    if most <= null:
        return True
    explained = (value - null) / (most - null)
    if explained[-1] > SATURATED:
        return True
    if len(value) <= 2 * WITHIN:
        return False
    gain, earlier = explained[-1] - explained[-1 - WITHIN], explained[-1 - WITHIN] - explained[-1 - 2 * WITHIN]
    return bool(gain < STALLED * explained[-1] and gain <= earlier)
