"""One posterior from several completed data sets: the draws of each, stacked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.piecewise_risks import Risks
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.bayes.comparisons import same_follow_up
from ikzf1_outcomes.models.bayes.convergence import Diagnosis, diagnose
from ikzf1_outcomes.models.bayes.nuts import Chains
from ikzf1_outcomes.models.bayes.posterior import Posterior, Sampled
from ikzf1_outcomes.models.bayes.quantities import quantities
from ikzf1_outcomes.models.bayes.quantity_tables import rows_of_quantities
from ikzf1_outcomes.models.bayes.sampling import sample
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class ImputedPosterior(Posterior):
    """The draws of several completed data sets, stacked; made by `sample_imputed`."""

    parts: tuple[Posterior, ...] = ()
    """The posterior of each completed data set."""

    def __repr__(self) -> str:
        causes, first = ", ".join(self.causes), self.parts[0]
        each = f"{first.n_chains} chains x {first.n_draws} draws"
        return f"ImputedPosterior({self.endpoint.name}: {causes}; {len(self.parts)} completed data sets, {each} of each)"

    @property
    def n_imputations(self) -> int:
        """Completed data sets behind the draws."""
        return len(self.parts)

    def check_rows(self) -> None:
        """Refuse questions to the rows of one data set.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError("the draws are of several completed data sets", next_step="Ask each of `.parts`.")

    def longest_in(self, trial: object) -> dict[str, float]:
        """Longest follow-up behind each scenario, in the completed data set where it is shortest."""
        each = [part.longest_in(trial) for part in self.parts]
        return {name: min(own[name] for own in each) for name in each[0]}

    def summaries(self, conf_level: float, margin: float) -> list[pd.DataFrame]:
        """The rows of `tidy`: numbers of patients are means; R-hat is the greatest, effective sizes the least, of all."""
        return [summary_of(self.parts, k, conf_level, margin) for k in range(len(self.causes))]

    def glance(self) -> pd.DataFrame:
        """One row a cause, as that of a posterior, with n_imputations.

        `chains` and `draws` are those of each completed data set; `n` and `n_event` means; divergences and seconds sums;
        r_hat the greatest, bfmi, ess_bulk and ess_tail the least of all completed data sets, each by itself.
        """
        tables = [part.glance() for part in self.parts]
        return pd.DataFrame(
            [glance_of([table.iloc[k] for table in tables], self.parts, k) for k in range(len(self.causes))]
        )

    def scenarios(self, times: Floats, trial: object = None) -> Iterator[tuple[str, Risks]]:
        """The curves of each scenario: those of each completed data set, over its own patients, stacked."""
        each = [dict(part.scenarios(times, trial)) for part in self.parts]
        for name in each[0]:
            own = zip(*(found[name] for found in each), strict=True)
            yield name, Risks(*(np.concatenate(columns) for columns in own))

    def save(self, path: str | Path) -> NoReturn:
        """Refused: each of `.parts` is a posterior with a file of its own.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(
            "several completed data sets have no file together",
            next_step="Save each of `.parts`; `stack_imputed` puts them together again.",
        )


def sample_imputed(
    endpoints: Iterable[Endpoint],
    spec: HierarchicalSpec,
    *,
    seed: int,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    target_accept: float = 0.9,
    cores: int | None = None,
    progress: bool = False,
    keep: str | Path | None = None,
) -> ImputedPosterior:
    r"""Sample a hierarchical model of each of several completed data sets, and stack the draws.

    Estimand: that of `sample`, averaged over what was not seen,

    .. math:: p(\theta \mid y_{obs}) \approx \frac{1}{m} \sum_{i=1}^m p(\theta \mid y_{obs}, y_{mis}^{(i)})

    a mixture in equal parts (Gelman and others, Bayesian Data Analysis; recalled, not verified). Its variance is that
    within the completed data sets plus that between them: Rubin's total, but for his factor 1 + 1/m, which counts for the
    few imputations. Take 20 or more, which costs as many runs.

    Rule: the same description and settings, and a seed of its own, for each completed data set. Each is gated by itself:
    chains of different data sets are not meant to agree, so that R-hat is computed within each, never across. Curves are
    standardised over the patients of each completed data set, then stacked.

    Parameters
    ----------
    endpoints
        Completed endpoints of the same patients, at least two: an `Imputations`, or `[imputed.completed(i) for i in ...]`.
    spec
        Made by `hierarchical_spec`.
    seed
        Of all randomness.
    draws, tune, chains, target_accept, cores, progress, keep
        Of each completed data set, as in `sample`.

    Returns
    -------
    ImputedPosterior
        A posterior with `.parts`, one a completed data set. `.tidy()`, `.glance()`, `.curves()`, `.contrasts()` are of the
        stacked draws; notes say how many data sets there are, and which have not converged.

    Raises
    ------
    ColumnError, InputError
        As `sample`; fewer than two endpoints; endpoints of different patients, times or causes; columns that are still
        missing in some of them only; levels that not all of them have.

    Notes
    -----
    A covariate is standardised within each completed data set: its effect is per standard deviation of that data set.

    Examples
    --------
    >>> import numpy as np
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.simulate_cohort(150, seed=1)
    >>> endpoint = iko.landmark(iko.define_endpoint(cohort, "RELAPSE"), 0.1)
    >>> age = endpoint.frame["age"].where(np.arange(len(endpoint)) % 5 > 0)
    >>> imputed = iko.impute_missing(endpoint.with_column("age", age), ["age", "ikzf1_class"], draws=2, cycles=2, seed=1)
    >>> spec = iko.hierarchical_spec(causes="relapse", covariates="age")
    >>> iko.sample_imputed(imputed, spec, seed=1, draws=100, tune=100, chains=2)
    ImputedPosterior(RELAPSE: relapse; 2 completed data sets, 2 chains x 100 draws of each)
    """
    given = listed(endpoints, Endpoint, "endpoints")
    seeds = np.random.SeedSequence(int(seed)).generate_state(len(given)) if valid(seed) else [seed] * len(given)
    how: dict[str, Any] = {"draws": draws, "tune": tune, "chains": chains, "target_accept": target_accept}
    how |= {"cores": cores, "progress": progress, "keep": keep}
    check_patients(given)
    parts = []
    for endpoint, child in zip(given, seeds, strict=True):
        parts.append(sample(endpoint, spec, seed=child if child is seed else int(child), **how))
        if not all(own.chains.complete for own in parts[-1].sampled):
            raise KeyboardInterrupt  # a mixture of some of its parts is another mixture
    return stack_imputed(parts)


def valid(seed: Any) -> bool:
    """Whether `sample` would take a seed; it refuses others in its own words."""
    return isinstance(seed, int | np.integer) and not isinstance(seed, bool) and 0 <= int(seed) < 2**64


def stack_imputed(posteriors: Iterable[Posterior]) -> ImputedPosterior:
    """Stack posteriors of completed data sets that were sampled one by one, or loaded from files.

    Parameters
    ----------
    posteriors
        Made by `sample` with the same description and numbers of chains; at least two, one a completed data set.

    Returns
    -------
    ImputedPosterior
        As `sample_imputed`.

    Raises
    ------
    InputError
        Fewer than two; different patients, times, causes, descriptions, levels or numbers of chains.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.simulate_cohort(150, seed=1)
    >>> endpoint = iko.landmark(iko.define_endpoint(cohort, "RELAPSE"), 0.1)
    >>> spec = iko.hierarchical_spec(causes="relapse")
    >>> parts = [iko.sample(endpoint, spec, seed=k, draws=100, tune=100, chains=2) for k in (1, 2)]
    >>> iko.stack_imputed(parts).n_imputations
    2
    """
    parts = listed(posteriors, Posterior, "posteriors")
    check_patients([part.endpoint for part in parts])
    first = parts[0]
    for part in parts[1:]:
        if part.reduced.spec != first.reduced.spec or part.n_chains != first.n_chains or part.causes != first.causes:
            raise InputError("posteriors of different descriptions, causes or chains", next_step="Sample all alike.")
        if not np.array_equal(part.reduced.patients.keep, first.reduced.patients.keep):
            raise InputError(
                "columns are missing in some of the completed data sets only",
                next_step="Complete all columns of the model.",
            )
        if labels_of(part) != labels_of(first):
            raise InputError(
                "not all completed data sets have the same levels",
                next_step="Join the rare levels of what is imputed before imputing.",
            )
    stacked = tuple(stacked_cause(parts, k) for k in range(len(first.sampled)))
    return ImputedPosterior(first.endpoint, first.reduced, stacked, first.seed, tuple(parts))


def listed(given: Any, kind: type, what: str) -> list[Any]:
    """At least two values of a kind.

    Raises
    ------
    InputError
        They are not.
    """
    found = [] if isinstance(given, kind) or not isinstance(given, Iterable) else list(given)
    if len(found) < 2 or not all(isinstance(one, kind) for one in found):
        raise InputError(f"at least two {what} of completed data are needed", next_step="As in list(imputed).")
    return found


def check_patients(endpoints: Sequence[Endpoint]) -> None:
    """Refuse endpoints of different patients.

    Raises
    ------
    InputError
        Different rows, times, entries, weights, events or causes.
    """
    first = endpoints[0]
    for other in endpoints[1:]:
        alike = same_follow_up(first, other) and first.causes == other.causes
        if not alike or not np.array_equal(first.cause, other.cause):
            raise InputError(
                "completed data of different patients, times or causes", next_step="Give the completed endpoints of one."
            )


def labels_of(posterior: Posterior) -> list[tuple[str, tuple[str, ...]]]:
    """What the effects are of, and the strata."""
    own = [(labelled.term, labelled.labels) for labelled in posterior.reduced.models[0].effects]
    return [*own, ("strata", posterior.reduced.patients.strata)]


def stacked_cause(parts: Sequence[Posterior], k: int) -> Sampled:
    """The draws of one cause, the chains of one data set after those of another."""
    each = [part.sampled[k] for part in parts]
    size = min(own.drawn.position.shape[1] for own in each)

    def joined(values: Iterable[np.ndarray]) -> Any:
        return np.concatenate([own[:, :size] for own in values])

    effect, hazard = joined(own.drawn.effect for own in each), joined(own.drawn.log_hazard for own in each)
    position = joined(own.drawn.position for own in each)
    chains = Chains(
        position, joined(own.chains.diverging for own in each), joined(own.chains.energy for own in each),
        joined(own.chains.n_steps for own in each), np.concatenate([own.chains.step_size for own in each]),
        max(own.chains.tune for own in each), sum(own.chains.seconds for own in each),
        all(own.chains.complete for own in each),
    )  # fmt: skip
    drawn = each[0].drawn._replace(effect=effect, log_hazard=hazard, position=position)
    accept, tries = max(own.target_accept for own in each), max(own.tries for own in each)
    return Sampled(drawn, chains, accept, tries, failures_of(parts, k))


def failures_of(parts: Sequence[Posterior], k: int) -> tuple[str, ...]:
    """What the gate found in each completed data set, from 1."""
    return tuple(f"completed data set {i}: {why}" for i, part in enumerate(parts, 1) for why in part.sampled[k].lost)


def summary_of(parts: Sequence[Posterior], k: int, conf_level: float, margin: float) -> pd.DataFrame:
    """The quantities of one cause over all completed data sets."""
    each = [quantities(part.reduced, part.sampled[k].drawn) for part in parts]
    values = [np.stack([one.values for one in own], axis=-1) for own in each]
    size = min(own.shape[1] for own in values)
    found = [diagnose(own) for own in values]
    joined = Diagnosis(*(worst(np.array([getattr(own, name) for own in found]), name) for name in Diagnosis._fields))
    mean = [
        one._replace(n=float(np.mean([own[j].n for own in each])), n_event=float(np.mean([own[j].n_event for own in each])))
        for j, one in enumerate(each[0])
    ]
    lost = sum(bool(part.sampled[k].lost) for part in parts)
    warning = [f"not converged in {lost} of {len(parts)} completed data sets: see glance()"] * bool(lost)
    cause = parts[0].sampled[k].drawn.model.cause
    whole = np.concatenate([own[:, :size] for own in values])
    return rows_of_quantities(cause, mean, whole, joined, warning, conf_level, margin)


def worst(values: Floats, name: str) -> Floats:
    """The least of effective sizes, the greatest of all else; NaN only where all are (data sets, quantities)."""
    least = name.startswith("ess")
    out: Floats = (np.fmin if least else np.fmax).reduce(values, axis=0)
    return out


def glance_of(rows: Sequence[pd.Series], parts: Sequence[Posterior], k: int) -> dict[str, Any]:
    """The row of one cause."""
    table = pd.DataFrame(rows)
    notes = dict.fromkeys(note for part in parts for note in part.reduced.notes)
    m = f"{len(parts)} completed data sets stacked, R-hat within each"
    out: dict[str, Any] = {"method": table["method"].iloc[0], "cause": table["cause"].iloc[0]}
    out |= {name: float(table[name].astype(float).mean()) for name in ("n", "n_event")}
    out |= {"n_excluded": int(table["n_excluded"].max()), "n_imputations": len(parts)}
    out |= {name: table[name].iloc[0] for name in ("chains", "draws")}
    out |= {name: table[name].max() for name in ("tune", "target_accept", "tries")}
    out |= {"divergences": int(table["divergences"].sum()), "bfmi": float(table["bfmi"].astype(float).min())}
    out |= {"r_hat": float(table["r_hat"].astype(float).max())}
    out |= {name: float(table[name].astype(float).min()) for name in ("ess_bulk", "ess_tail")}
    out |= {"seconds": float(table["seconds"].astype(float).sum())}
    return out | {"note": "; ".join((*failures_of(parts, k), m, *notes))}
