"""Curves of a posterior: what would have been, had everybody been of one class; standardised over the cohort."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.endpoint import label
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.cure_risks import cure_risks
from ikzf1_outcomes.kernels.piecewise_risks import Risks, piecewise_risks
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.bayes.deviations import deviations, drawn_anew, of_trials, of_unseen, stream
from ikzf1_outcomes.models.bayes.effects import BY_TRIAL, DELETED, OF_CLASS
from ikzf1_outcomes.models.bayes.effects import NOT_DELETED as NOT_DELETED
from ikzf1_outcomes.models.bayes.induction import as_hazards_have, came_through, with_failures
from ikzf1_outcomes.models.bayes.latencies import over_pieces, uncured_of
from ikzf1_outcomes.models.bayes.quantities import CauseDraws
from ikzf1_outcomes.models.bayes.reduction import Labelled, Reduced

PIECE = 0.05
"""Years of a piece over which the hazard of a spline is taken as its mean."""
NARROW = 1e-6
"""Years of a piece so short that its hazard is that of its middle: a cut beside another, or a landmark beside a cut."""
AT_ONCE = 1 << 22
"""Numbers (draws times patterns) that are held together."""


class Others(NamedTuple):
    """What patients are apart from their class: distinct, with weights."""

    row: Integers
    """Of each block (patterns, blocks)."""
    blocks: tuple[Floats, ...]
    """The first without what hangs on the class."""
    stratum: Integers
    subtype: Integers
    """Position among the subtypes, those that the model has not after those that it has; -1 where there are none."""
    protocol: Integers
    """The same of the protocols; -1 also where it is not given."""
    weight: Floats
    group: Integers
    """Whose curve a pattern has a part in, from 0."""
    new: dict[str, tuple[str, ...]]
    """Subtypes and protocols that the model has not."""


class Pieces(NamedTuple):
    """Hazards as constants: exact for steps; for a spline means over short pieces, exact in their sums."""

    cuts: Floats
    share: Floats
    """What each function of the basis has of each piece (pieces, K)."""
    period: Integers
    """Period of each piece: effects may change where one begins."""


def others_of(reduced: Reduced) -> Others:
    """The patients without their class."""
    sums, own = reduced.models[0].sums, {labelled.term: labelled for labelled in reduced.models[0].effects}
    weight = np.bincount(reduced.patterns[0], reduced.counted, len(sums.stratum))
    first = sums.blocks[0].copy()
    for term in OF_CLASS:
        if term in own:
            first[:, own[term].family.begin : own[term].family.begin + own[term].family.size] = 0.0
    distinct, code = np.unique(first, axis=0, return_inverse=True)
    index = np.column_stack([code.ravel()[sums.row[:, 0]], sums.row[:, 1:], sums.stratum])[weight > 0]
    rows, place = np.unique(index, axis=0, return_inverse=True)
    total = np.bincount(place.ravel(), weight[weight > 0], len(rows))
    among = {term: np.full(len(rows), -1) for term in ("subtype", "protocol")}
    for term in among:
        if term in own:
            begin, size = own[term].family.begin, own[term].family.size
            among[term] = distinct[rows[:, 0], begin : begin + size].argmax(axis=1)
    blocks, alike = (distinct, *sums.blocks[1:]), np.zeros(len(rows), dtype=np.int64)
    return Others(rows[:, :-1], blocks, rows[:, -1], among["subtype"], among["protocol"], total, alike, {})


def trials_of(reduced: Reduced) -> tuple[str, ...]:
    """The trials that effects differ between; none where they do not."""
    groups = {g.term: g for block in reduced.patients.blocks for g in block}
    return groups[BY_TRIAL].labels if BY_TRIAL in groups else ()


def in_trial(reduced: Reduced, others: Others, trial: object) -> Others:
    """The same patients, had all been of one trial.

    Raises
    ------
    InputError
        Effects do not differ between trials, or there is no such trial.
    """
    names, by = trials_of(reduced), reduced.spec.effects_by
    if by is None:
        raise InputError("effects do not differ between trials", next_step='Sample with effects_by="protocol" or "strata".')
    if label(trial) not in names:
        raise InputError("the model has no such trial", next_step=f"Name one of {', '.join(names)}.")
    place = np.full(len(others.weight), names.index(label(trial)))
    if by == "strata":
        return others._replace(stratum=place)
    family = next(own.family for own in reduced.models[0].effects if own.term == "protocol")
    first = others.blocks[0].copy()
    first[:, family.begin : family.begin + family.size] = 0.0
    first[:, family.begin + place[0]] = 1.0
    return others._replace(blocks=(first, *others.blocks[1:]), protocol=place)


def pieces_of(reduced: Reduced, times: Floats) -> Pieces:
    """Where hazards are constant, or taken to be, for curves at some times."""
    if reduced.models[0].rows is not None:
        return short_pieces(reduced.start, times)
    basis, change = reduced.basis, reduced.spec.changes_at
    inner = [*basis.cuts, *([] if basis.bound is None else [basis.bound]), *([] if change is None else [change])]
    inner += [reduced.start] * (reduced.start > 0)
    if basis.kind == "spline":
        inner += list(np.arange(1, int(np.ceil(basis.last / PIECE))) * PIECE)
    cuts = np.unique(inner)
    edges = np.concatenate(([0.0], cuts))
    whole = basis.integrals(edges)
    share = np.diff(whole, axis=0) / np.diff(edges)[:, None]
    narrow = np.diff(edges) < NARROW
    if narrow.any():  # the difference of two sums is all rounding there, and may be below 0
        share[narrow] = basis.values((edges[:-1] + edges[1:])[narrow] / 2.0)
    beyond = basis.integrals(np.array([edges[-1] + 1.0])) - whole[-1:]
    share[edges[:-1] < reduced.start] = 0.0  # who is followed from a landmark on has come there
    period = np.zeros(len(edges), dtype=int) if change is None else (edges >= change).astype(int)
    return Pieces(cuts, np.maximum(np.concatenate((share, beyond)), 0.0), period)


def short_pieces(start: float, times: Floats) -> Pieces:
    """Pieces of Weibull hazards and of cure: short, with the times among their ends; one more follows the last.

    The first is halved eight times towards 0, where the hazard of a Weibull may be without bound.
    """
    last = float(times.max())
    inner = [
        *(min(PIECE, last) / 2.0 ** np.arange(1, 9)),
        *(np.arange(1, int(np.ceil(last / PIECE))) * PIECE),
        *times,
        *([start] * (0 < start < last)),
    ]
    cuts = np.unique(inner)
    return Pieces(cuts, np.empty((len(cuts) + 1, 0)), np.zeros(len(cuts) + 1, dtype=int))


def scenarios_of(reduced: Reduced) -> tuple[str, ...]:
    """Not deleted, any deletion, and each deleted class."""
    own = {labelled.term: labelled for labelled in reduced.models[0].effects}
    names = () if "class" not in own else reduced_labels(own["class"], reduced)
    return (NOT_DELETED, DELETED, *names)


def reduced_labels(labelled: Labelled, reduced: Reduced) -> tuple[str, ...]:
    """Labels of the effects in the first period, without the period."""
    group = next(g for block in reduced.patients.blocks for g in block if g.term == labelled.term)
    return group.labels


def class_mix(reduced: Reduced) -> Floats:
    """Share of each deleted class among the deleted; one share where the classes are one."""
    groups = {g.term: g for block in reduced.patients.blocks for g in block}
    columns = groups["class"].columns if "class" in groups else groups["deletion"].columns
    total: Floats = reduced.counted @ columns
    return total / total.sum()


def scenario_risks(
    reduced: Reduced, drawn: tuple[CauseDraws, ...], times: Floats, seed: int, trial: object = None
) -> Iterator[tuple[str, Risks]]:
    """Survival, incidences and times lost of each scenario, draw by draw, standardised over the cohort, all in one trial if
    one is named.

    "any deletion" is the mean over the deleted classes as they are among the deleted of the cohort. Where nobody of a
    subtype, or of a trial, had a class, its own deviation is drawn from what deviations are like. Draws of the failures
    of induction come last, where they have a part.
    """
    own = {labelled.term: labelled for labelled in reduced.models[0].effects}
    others, pieces, mix = others_of(reduced), pieces_of(reduced, times), class_mix(reduced)
    others = others if trial is None else in_trial(reduced, others, trial)
    names = scenarios_of(reduced)
    found = [one_scenario(reduced, drawn, own, others, pieces, None, times, seed)]
    each = [one_scenario(reduced, drawn, own, others, pieces, c, times, seed) for c in range(len(mix))]
    mean = Risks(
        *(np.asarray(sum(m * part for m, part in zip(mix, parts, strict=True))) for parts in zip(*each, strict=True))
    )
    found += [mean, *(each if len(names) > 2 else [])]
    yield from zip(names, found, strict=True)


def one_scenario(
    reduced: Reduced, drawn: tuple[CauseDraws, ...], own: dict[str, Labelled], others: Others, pieces: Pieces,
    of_class: int | None, times: Floats, seed: int,
) -> Risks:  # fmt: skip
    """Curves of all draws, of each group, were everybody of one deleted class, or not deleted (None)."""
    binary = drawn[-1] if drawn[-1].model.binary else None
    drawn = drawn if binary is None else drawn[:-1]
    n_draws = drawn[0].effect.shape[0] * drawn[0].effect.shape[1]
    step = max(1, AT_ONCE // (len(others.weight) * len(drawn)))
    share = np.where(others.group[:, None] == np.arange(1 + others.group.max()), others.weight[:, None], 0.0)
    share /= share.sum(axis=0)
    parts = []
    for begin in range(0, n_draws, step):
        some = slice(begin, begin + step)
        level, effect = [], []
        for place, cause in enumerate(drawn):
            beta = cause.effect.reshape(n_draws, -1)[some]
            log_hazard = cause.log_hazard.reshape(n_draws, *cause.log_hazard.shape[2:])[some]
            base = baseline_over(reduced, cause, log_hazard, pieces)
            changed, shift = shifts(reduced, own, cause, others, pieces, of_class, beta, (seed, place, begin))
            effect.append(relative(others, beta) + beyond(own, cause, others, len(beta), (seed, place, begin)) + shift)
            if reduced.spec.cure:
                level.append(base)
                position = cause.position.reshape(n_draws, -1)[some]
                effect[-1] += changed[:, :1] + uncured_of(cause.model, position)[:, others.stratum]
            else:
                level.append(base + changed[:, None, :])
        through = None
        if binary is not None:
            through = came_through(log_odds(reduced, binary, drawn[0], others, of_class, some, (seed, len(drawn), begin)))
        arrays = (
            np.stack(level, axis=1),
            np.stack(effect, axis=1),
            others.stratum,
            others.weight if through is None else others.weight * through,
            others.group,
            pieces.cuts,
            times,
        )
        risks = (cure_risks if reduced.spec.cure else piecewise_risks)(*arrays)
        if through is not None:
            risks = with_failures(risks, through @ share, times)
        parts.append(risks)
    return Risks(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def baseline_over(reduced: Reduced, cause: CauseDraws, log_hazard: Floats, pieces: Pieces) -> Floats:
    """Log hazards of the baseline over pieces, of some draws (draws, strata, pieces); under cure see `over_pieces`."""
    if cause.model.rows is not None:
        return over_pieces(cause.model, log_hazard, pieces.cuts, reduced.start)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(log_hazard) @ pieces.share.T))


def log_odds(
    reduced: Reduced, binary: CauseDraws, hazard: CauseDraws, others: Others, of_class: int | None, some: slice,
    seed: tuple[int, int, int],
) -> Floats:  # fmt: skip
    """Log odds of failing induction of some draws, were everybody of one class (draws, patterns)."""
    own = {labelled.term: labelled for labelled in binary.model.effects}
    beta = binary.effect.reshape(-1, binary.effect.shape[-1])[some]
    level = binary.log_hazard.reshape(-1, binary.log_hazard.shape[2])[some]
    at_once = Pieces(np.empty(0), np.ones((1, 1)), np.zeros(1, dtype=int))
    changed, shift = shifts(reduced, own, binary, others, at_once, of_class, beta, seed)
    of_others = relative(others, as_hazards_have(binary.model, hazard.model, beta))
    of_others = of_others + beyond(own, binary, others, len(beta), seed)
    return np.asarray(level[:, others.stratum] + of_others + shift + changed)


def relative(others: Others, beta: Floats) -> Floats:
    """Effects of what patients are apart from their class (draws, patterns)."""
    out, column = np.zeros((len(beta), len(others.weight))), 0
    for b, rows in enumerate(others.blocks):
        out += (beta[:, column : column + rows.shape[1]] @ rows.T)[:, others.row[:, b]]
        column += rows.shape[1]
    return out


def beyond(
    own: dict[str, Labelled], cause: CauseDraws, others: Others, n_draws: int, seed: tuple[int, int, int]
) -> Floats | float:
    """Effects of subtypes and protocols that nobody of the model had (draws, patterns)."""
    total: Floats | float = 0.0
    for term, place in (("subtype", others.subtype), ("protocol", others.protocol)):
        if others.new.get(term):
            total = total + of_unseen(cause, own[term], place, n_draws, seed)
    return total


def shifts(
    reduced: Reduced, own: dict[str, Labelled], cause: CauseDraws, others: Others, pieces: Pieces, of_class: int | None,
    beta: Floats, seed: tuple[int, int, int],
) -> tuple[Floats, Floats]:  # fmt: skip
    """What a class adds to the log hazard of each piece (draws, pieces), and of each pattern (draws, patterns)."""
    changed, shift = np.zeros((len(beta), len(pieces.period))), np.zeros((len(beta), len(others.weight)))
    if of_class is None:
        return changed, shift
    mean = own["deletion"].family.begin
    changed += beta[:, mean + pieces.period]
    if "class" in own:
        family = own["class"].family
        n_periods = 1 + int(pieces.period.max())
        n_classes = family.size // n_periods
        if of_class < n_classes:
            changed += beta[:, family.begin + pieces.period * n_classes + of_class]
        else:
            rng = stream(seed, "class", of_class)
            changed += drawn_anew(cause, "class", len(beta), n_periods, seed[2], rng)[:, pieces.period]
    if "cell" in own:
        new = others.new.get("subtype", ())
        shift += cells_of(reduced, own, cause, of_class, beta, seed, new)[:, others.subtype]
    if BY_TRIAL in own:
        by_protocol = reduced.spec.effects_by == "protocol"
        trials = (*own[BY_TRIAL].labels, *(others.new.get("protocol", ()) if by_protocol else ()))
        word = word_of(reduced, own, of_class)
        found = of_trials(cause, own, trials, word, of_class, beta, seed)
        shift += found[:, others.protocol if by_protocol else others.stratum]
    return changed, shift


def word_of(reduced: Reduced, own: dict[str, Labelled], of_class: int) -> str:
    """Name of a deleted class; of one that the model has not, a name that no class has."""
    if "class" not in own:
        return own["cell"].labels[0].split(" : ", 1)[0] if "cell" in own else DELETED
    words = reduced_labels(own["class"], reduced)
    return words[of_class] if of_class < len(words) else ""


def cells_of(
    reduced: Reduced, own: dict[str, Labelled], cause: CauseDraws, of_class: int, beta: Floats,
    seed: tuple[int, int, int], new: tuple[str, ...] = (),
) -> Floats:  # fmt: skip
    """Deviation of a class in each subtype, and in new ones (draws, subtypes); drawn anew where nobody was there."""
    word = word_of(reduced, own, of_class)
    names = [f"{word} : {subtype}" for subtype in (*own["subtype"].labels, *new)]
    return deviations(cause, own["cell"], names, beta, seed[2], np.random.default_rng((*seed, of_class)))


def check_causes(reduced: Reduced) -> None:
    """Refuse curves where some events have no model.

    Raises
    ------
    InputError
        With what to do.
    """
    if not reduced.every_event:
        raise InputError(
            "curves need a model of every cause", next_step='Sample with causes=("relapse", "other"), or "any".'
        )
