"""How well a hierarchical model predicts a whole protocol that it has not seen."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Integers
from ikzf1_outcomes.models.bayes.effects import BY_TRIAL
from ikzf1_outcomes.models.bayes.left_out import ROUGH, joint_density, mean_of, of_rows, patients_in
from ikzf1_outcomes.models.bayes.posterior import Posterior
from ikzf1_outcomes.models.bayes.reduction import Reduced, events_by_cause
from ikzf1_outcomes.models.bayes.refits import MOST, check_refits, fitted_without
from ikzf1_outcomes.models.bayes.sampler_settings import counting_line


class Groups(NamedTuple):
    """The rows kept, by the group that each belongs to."""

    codes: Integers
    """-1 where the group is not known (n)."""
    levels: tuple[Any, ...]


def leave_one_group_out(
    posterior: Posterior, by: str | None = None, *, most: int = MOST, progress: bool = False
) -> pd.DataFrame:
    r"""Expected log predictive density of each protocol, from a model that was fitted without any of its patients.

    Estimand: for the patients y_g of a group, all together and with all causes of the model,

    .. math:: \log p(y_g \mid y_{-g}) = \log \int p(y_g \mid \theta) \, p(\theta \mid y_{-g}) \, d\theta

    where the effect of a protocol that was left out is drawn from the distribution of protocols, given its spread: that
    of a protocol which is yet to come. So are, with `effects_by`, the deviations of the effects of its deletions. One
    refit a group, with the seed and settings of the posterior. The patients of a group share its unknown effect, so
    that their joint density is not the sum of their own densities, which stands beside it.

    Edge rules: patients whose group is not known stay among the data of every fit and are not predicted. A refit keeps
    levels, intervals and the standardisation of covariates. A stratum that leaves whole has the baseline of its priors, and
    so has an effect of a covariate: notes say so for strata. The joint density is a mean over draws; of large groups few
    draws decide, and the note gives the Monte Carlo error where it is above 0.2.

    Parameters
    ----------
    posterior
        Made by `sample`. Where the groups have pooled effects, with `pooling="superpopulation"`: effects that add up to 0
        leave no room for a level that is not among them.
    by
        Column of the groups; None takes the protocols of the model.
    most
        Groups allowed, each a refit.
    progress
        Show a line that counts the refits.

    Returns
    -------
    DataFrame
        One row a group: group, method, causes, n (patients), n_event (of the causes of the model), elpd (joint), pointwise
        (sum of the patients' own), mcse (Monte Carlo error of elpd), note.

    Raises
    ------
    ColumnError, InputError
        No such column, or no protocol in the model; fewer than two groups; more than `most`; patients in two groups; pooled
        effects that add up to 0.

    Examples
    --------
    >>> import numpy as np
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.simulate_cohort(200, seed=1)
    >>> endpoint = iko.landmark(iko.define_endpoint(cohort, "RELAPSE"), 0.1)
    >>> endpoint = endpoint.with_column("half", np.where(np.arange(len(endpoint)) % 2 > 0, "odd", "even"))
    >>> posterior = iko.sample(endpoint, iko.hierarchical_spec(causes="relapse"), seed=1, draws=200, tune=200, chains=2)
    >>> iko.leave_one_group_out(posterior, "half")["group"].tolist()
    ['even', 'odd']
    """
    name = posterior.reduced.spec.protocol if by is None else by
    if name is None:
        raise InputError("the model has no protocols", next_step="Name a column in `by`.")
    posterior.check_rows()
    groups = groups_of(posterior, name)
    check_refits(posterior, len(groups.levels), most, "groups")
    rows = []
    with counting_line(progress, "fitting without a group", len(groups.levels)) as step:
        for k, level in enumerate(groups.levels):
            rows.append({"group": level} | one_group(posterior, name, groups.codes == k, int((groups.codes < 0).sum())))
            step()
    return pd.DataFrame(rows)


def groups_of(posterior: Posterior, name: str) -> Groups:
    """The groups of the rows kept that somebody is in.

    Raises
    ------
    ColumnError, InputError
        No such column; fewer than two groups; patients in two of them.
    """
    endpoint, keep = posterior.endpoint, posterior.reduced.patients.keep
    found = endpoint.groups(name)
    present = np.unique(found.codes[keep & (found.codes >= 0)])
    if len(present) < 2:
        raise InputError("fewer than two groups to leave out", next_step="Name a column with at least two levels.")
    codes = np.where(found.codes >= 0, np.searchsorted(present, found.codes), -1)[keep]
    if endpoint.subject is not None:
        pairs = pd.DataFrame({"patient": endpoint.subject[keep], "group": codes}).drop_duplicates()
        several = pairs["patient"].duplicated()
        if several.any():
            raise InputError("patients are in more than one group", count=int(several.sum()))
    return Groups(codes, tuple(found.levels[k] for k in present))


def one_group(posterior: Posterior, name: str, left: np.ndarray, unknown: int) -> dict[str, Any]:
    """The row of one group."""
    endpoint, reduced = posterior.endpoint, posterior.reduced
    said = vanished(reduced, name, left)
    again = fitted_without(posterior, left)
    said += ["the fit without it has not converged"] * again.lost
    rows = np.flatnonzero(left)
    logs = [of_rows(posterior, own, rows) for own in again.drawn]
    joint = [part.sum(axis=1) for part in logs]
    elpd, error = joint_density(joint)
    said += [f"Monte Carlo error {error:.1f}: draw more"] * (error > ROUGH)
    said += [f"{unknown} rows without a group are in every fit"] * bool(unknown)
    order, begin = patients_in(posterior)
    inside = left[order[begin]]
    patient = np.repeat(np.arange(len(begin)), np.diff(np.append(begin, len(order))))
    place = np.zeros(len(order), dtype=np.int64)
    place[order] = np.cumsum(inside)[patient] - 1  # which patient of the group each row is of
    first = np.argsort(place[rows], kind="stable")
    starts = np.unique(place[rows][first], return_index=True)[1]
    single = [np.add.reduceat(part[:, first], starts, axis=1) for part in logs]
    parts = reduced.parts
    ends = events_by_cause(endpoint if parts is None else parts.endpoint, reduced.causes)
    died = np.logical_or.reduce(list(ends.values()))[reduced.patients.keep]
    died = died if parts is None else died | (parts.failed & (parts.asked > 0))
    weight = endpoint.case_weights[reduced.patients.keep]
    return {
        "method": "leave-one-group-out", "causes": ", ".join(posterior.causes), "n": float(reduced.counted[left].sum()),
        "n_event": float(weight[left & died].sum()), "elpd": elpd,
        "pointwise": float(sum(mean_of(part).sum() for part in single)), "mcse": error, "note": "; ".join(said),
    }  # fmt: skip


def vanished(reduced: Reduced, name: str, left: np.ndarray) -> list[str]:
    """What is said of levels that nobody has any more once some rows are left out.

    Raises
    ------
    InputError
        Levels of the groups themselves, of the protocol, or of trials with effects of their own, whose pooled effects add
        up to 0.
    """
    spec = reduced.spec
    trials = {None: None, "protocol": spec.protocol, "strata": spec.strata}[spec.effects_by]
    columns = {"class": spec.classes, "subtype": spec.subtype, "protocol": spec.protocol, BY_TRIAL: trials}
    said = []
    for group in (group for block in reduced.patients.blocks for group in block):
        gone = (group.columns[left] != 0).any(axis=0) & ~(group.columns[~left] != 0).any(axis=0)
        if group.term not in columns or not gone.any():
            continue
        if reduced.spec.pooling == "zero-sum":
            if group.term in ("protocol", BY_TRIAL) or columns[group.term] == name:
                raise InputError(
                    f"effects of {group.term} add up to 0, and leave no room for one that is not among them",
                    next_step='Sample with pooling="superpopulation".',
                )
            said.append(f"{int(gone.sum())} of {group.term} in no other group: by the sum of 0 and the prior")
        else:
            said.append(f"{int(gone.sum())} of {group.term} in no other group: drawn from the spread")
    strata = reduced.patients.stratum
    alone = np.setdiff1d(strata[left], strata[~left])
    said += ["the baseline hazard is that of the priors"] * bool(len(alone))
    return said
