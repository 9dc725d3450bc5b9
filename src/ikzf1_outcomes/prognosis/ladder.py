"""What do features add to what is already known? A ladder of models on the same patients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes import resampling
from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.prognosis.horizons import begin_of, refuse_rows, times_of
from ikzf1_outcomes.prognosis.ladder_tables import FEWEST, NEW, RATIO, Climbed, measure_table, rung_table
from ikzf1_outcomes.prognosis.rung_fits import fit_rung, study_of
from ikzf1_outcomes.prognosis.rung_measures import HARRELL, even_grid, measuring_of
from ikzf1_outcomes.prognosis.rung_tests import RungTest, compare_rungs, fitted
from ikzf1_outcomes.prognosis.rung_validation import validated
from ikzf1_outcomes.prognosis.rungs import Terms, ladder_of

LEVEL = 0.05


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class AddedValue:
    """A ladder of models, tested and measured; made by `added_value`."""

    measures: pd.DataFrame
    rungs: pd.DataFrame

    def __repr__(self) -> str:
        first = self.rungs.iloc[0]
        return f"AddedValue({' -> '.join(self.rungs['term'])}: n = {first['n']}, {first['n_event']} events)"

    def tidy(self) -> pd.DataFrame:
        """One row a rung, or difference from the rung before, a measure and a time.

        Returns
        -------
        DataFrame
            term (the rung), contrast (empty, or "b vs a"), measure, cause, time, n, n_event, estimate (among the patients
            analysed), std_error (SD over the resamples), low, high (of `corrected`), conf_level, interval, optimism,
            corrected, n_resamples, statistic, df, p_value (of the likelihood ratio alone), scale, note.
        """
        return self.measures.copy()

    def glance(self) -> pd.DataFrame:
        """One row a rung: term, contrast, cause, n, n_event, n_excluded (rows missing any term), n_missing (of this
        rung's), n_parameters, n_selected, events_per_parameter, log_likelihood, statistic, df, p_value (the one that
        counts), p_chi_square, p_simulated, n_simulations, smallest_chance (of not being censored), method, note.
        """
        return self.rungs.copy()

    def ladder(self) -> pd.DataFrame:
        """One row a rung, one column a measure (with its time): corrected for optimism, as measured where nothing was.

        Returns
        -------
        DataFrame
            Index: rungs in their order. Columns: p-value of the likelihood ratio, share of new information, then the
            measures.
        """
        own = self.measures[(self.measures["contrast"] == "") & ~self.measures["measure"].isin([RATIO, NEW])]
        value = own["corrected"].where(own["corrected"].notna(), own["estimate"])
        label = [
            name if np.isnan(time) else f"{name}, {time:g}" for name, time in zip(own["measure"], own["time"], strict=True)
        ]
        wide = own.assign(value=value, label=label).pivot(index="term", columns="label", values="value")  # noqa: PD010
        wide = wide.loc[self.rungs["term"], list(dict.fromkeys(label))]
        new = self.measures[self.measures["measure"] == NEW].set_index("term")["estimate"]
        wide.insert(0, NEW, new.reindex(wide.index))
        wide.insert(0, "p-value", self.rungs.set_index("term")["p_value"])
        return wide.rename_axis(index=None, columns=None)

    def words(self) -> str:
        """The finding in plain words, a sentence or two for each rung after the first."""
        return " ".join(sentence_of(self.measures, row) for row in self.rungs.iloc[1:].itertuples())

    def _repr_html_(self) -> str:
        return self.ladder().to_html()


def sentence_of(measures: pd.DataFrame, rung: Any) -> str:
    """What one rung adds."""
    own = measures[(measures["term"] == rung.term) & (measures["contrast"] == rung.contrast)].set_index("measure")
    gain = own.loc[[HARRELL]].iloc[0]
    change = gain["corrected"] if np.isfinite(gain["corrected"]) else gain["estimate"]
    kind = "corrected for optimism" if np.isfinite(gain["corrected"]) else "not corrected for optimism"
    concordance = f"the concordance changes by {change:+.3f}, {kind}"
    few = f" There are {rung.events_per_parameter:.1f} events per parameter." if "fewer than" in rung.note else ""
    before = rung.contrast.removeprefix(f"{rung.term} vs ")
    if np.isnan(rung.p_value):
        return f"{rung.term}: terms were chosen by the outcome, so that there is no likelihood ratio; {concordance}.{few}"
    how = "simulated" if rung.p_value == rung.p_simulated else "chi-square"
    says = "adds to" if rung.p_value < LEVEL else "is not shown to add to"
    share = own.loc[NEW, "estimate"]
    # of a rung that adds nothing the share is that of chance, which is large where the rung before says little
    new = f"; {100 * share:.0f} % of the information" if rung.p_value < LEVEL else ""
    return (
        f"{rung.term} {says} {before} (likelihood ratio {rung.statistic:.2f} on {rung.df:.0f} df, p = {rung.p_value:.3f}, "
        f"{how}{new}); {concordance}.{few}"
    )


class Progress:
    """Counts what is done over several stages of work."""

    def __init__(self, told: Callable[[int, int], None], total: int) -> None:
        self.told, self.total, self.done = told, total, 0

    def __call__(self, done: int, number: int) -> None:
        """One more is done, whatever its stage says of itself."""
        self.done += 1
        self.told(self.done, self.total)


def check_numbers(resamples: int, simulations: int, repeats: int) -> None:
    """Refuse numbers of repetitions that are none.

    Raises
    ------
    InputError
        Negative, or no whole numbers; resamples from 1 to 19.
    """
    least = {"resamples": (resamples, 0), "simulations": (simulations, 0), "repeats": (repeats, 1)}
    for name, (number, lowest) in least.items():
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < lowest:
            raise InputError(f"{name} must be a whole number of {lowest} or more")
    if 0 < resamples < FEWEST:
        raise InputError(f"fewer than {FEWEST} resamples", count=int(resamples), next_step="500 serve, 0 makes none.")


def refuse_weights(endpoint: Endpoint) -> None:
    """Refuse endpoints whose rows are no patients, each once.

    Raises
    ------
    InputError
        Case weights, several rows a patient, different entries.
    """
    refuse_rows(endpoint)
    if endpoint.weights is not None:
        raise InputError("added value with case weights", next_step="Give each patient one row without a weight.")


def added_value(
    endpoint: Endpoint,
    base: Terms | Mapping[str, Terms],
    added: Terms | Mapping[str, Terms] | None = None,
    *,
    times: float | Iterable[float] = (1.0, 3.0, 5.0),
    cause: str | None = None,
    resamples: int = 500,
    seed: int | np.random.Generator,
    simulations: int = 999,
    choose: Mapping[str, Any] | None = None,
    repeats: int = 20,
    references: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
    reclassification: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> AddedValue:
    r"""What do terms add to the prognosis that others give already? Tests first, then prediction of new patients.

    A ladder of Cox models on the **same patients**: those in whom the terms of every rung are known. Each rung has the
    terms of the one before and more. Asked of each rung:

    - **Test.** Likelihood ratio of the Cox model (of `cause`, where one is named: the cause-specific hazard) against the
      rung before. Null: the added coefficients are 0. Chi-square with as many degrees of freedom as there are columns more,
      or, where events are fewer than 20 per parameter, a parametric bootstrap: studies drawn from the fit of the rung
      before (hazards of all causes by it, straight between event times; each patient's own censoring where it is known,
      else the Kaplan-Meier curve of censoring from then on), both models fitted again, p = (b + 1) / (B + 1). With few
      events chi-square rejects too often (`docs/methods/added_value.md`).
    - **Share of new information**, 1 - LR(before) / LR(rung), both against no covariates: 1 less the adequacy (Harrell
      2015, Regression Modeling Strategies; recalled, not verified). Nagelkerke's R2; Royston's D and R2 (Royston and
      Sauerbrei 2004, recalled, not verified).
    - **Prediction**: Harrell's and Uno's concordance, AUC(t), Brier score, IPA = 1 - Brier / Brier of no covariates, the
      Brier score integrated over an even grid of 50 times of follow-up by trapezes, calibration slope; each with its
      difference from the rung before. Risks of Cox models by Efron's baseline; where causes compete, of the models of all
      causes together.
    - **Optimism.** With M_b a rung refitted to patients drawn with replacement, corrected = apparent - mean of
      (measure of M_b where it was fitted - measure of M_b among the patients). Where a rung chooses among its terms,
      tenfold cross-validation, repeated, all choices within the training folds; no likelihood ratio then.

    A p-value belongs to the likelihood ratio only: tests of differences in concordance or AUC of nested models, fitted to
    the same patients, do not hold their size (Demler, Pencina and D'Agostino 2012; recalled, not verified).

    Rules. Censoring weights are marginal (Kaplan-Meier), events before censorings of the same time. Cases of AUC(t) had the
    event by t; controls are those without by t, event-free or gone by another cause. With a cause named, concordance is
    that of its predicted risk by the last of `times`, and patients with another cause stay comparable with later events;
    Uno's is then Wolbers' (Wolbers and others 2009; recalled, not verified). Harrell's takes all events, Uno's and
    Wolbers' those up to the last of `times`, weighted by the inverse chance of being seen. Knots, levels, means are those
    of all patients in every resample. Likelihoods that rise without end (a level without events, separation) are followed
    to their limit, in the fits and in the tests: only a resample without an event is without a model. Intervals: 2.5 and
    97.5 % quantiles of the measure where resamples were fitted, less the optimism (Noma and others 2021, recalled, not
    verified); approximate.

    Parameters
    ----------
    endpoint
        One row a patient, without case weights.
    base
        Terms of the first rung: a formula or a list of columns. Or a mapping of names to terms: the whole ladder, each name
        with what it **adds**.
    added
        Terms of the second rung, or a mapping of the next rungs.
    times
        At which risks are predicted, ascending, in the endpoint's unit.
    cause
        Name of a cause; None takes any cause as the event.
    resamples
        Of the bootstrap, 0 for none.
    seed
        Number or generator.
    simulations
        Studies drawn for the test of each rung, 0 for none: chi-square then.
    choose
        Rung to "elastic_net" (penalty by fivefold cross-validation) or ("screen", q): terms of the rung with a q-value
        below q in models adjusted for the rungs before. Rungs above go on choosing.
    repeats
        Of the cross-validation.
    references
        Column to reference level.
    conf_level
        Level of the intervals.
    reclassification
        Continuous net reclassification and IDI as well, each row with its warning.
    progress
        Called after each simulation and resample with how many are done, and of how many.

    Returns
    -------
    AddedValue
        `.tidy()`: term, contrast, measure, cause, time, n, n_event, estimate, std_error, low, high, conf_level, interval,
        optimism, corrected, n_resamples, statistic, df, p_value, scale, note. `.glance()`: one row a rung. `.ladder()`:
        rungs by measures. `.words()`: sentences.

    Raises
    ------
    ColumnError, InputError
        Unknown columns or causes, terms known only after the start, a term on two rungs, a ladder of one rung, constant or
        collinear columns, no event; case weights, several rows a patient, different entries; a chance of not being censored
        below 0.05 at a time asked for.

    Notes
    -----
    A number cut where the outcome suggested it is a choice that no resample here repeats: give the number itself. Notes of
    `.glance()` name fewer than ten events per parameter, and rungs that are known in a part of the patients.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> rng = np.random.default_rng(1)
    >>> d = pd.DataFrame(rng.normal(size=(120, 3)), columns=["age", "wbc", "kinase"])
    >>> d["t"], end = rng.exponential(4 * np.exp(-d["age"])), rng.uniform(3, 8, 120)
    >>> d["s"], d["t"] = (d["t"] < end).astype(int), np.minimum(d["t"], end)
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> found = iko.added_value(endpoint, "age + wbc", "kinase", times=[1, 3], resamples=20, simulations=19, seed=1)
    >>> found.ladder()[["p-value", "Harrell's C"]].round(2).values.tolist()
    [[0.0, 0.71], [0.55, 0.71]]
    """
    check_numbers(resamples, simulations, repeats)
    normal_quantile(conf_level)
    refuse_weights(endpoint)
    ladder = ladder_of(endpoint, base, added, choose, references)
    asked = times_of(ladder.endpoint, times)
    if not ladder.endpoint.ends_with(cause).any():
        raise InputError(f"no events of {cause or 'any cause'} among the rows analysed", count=0)
    if asked[-1] <= begin_of(ladder.endpoint):
        raise InputError("the last time is that at which follow-up begins", next_step="Ask for later times.")
    every = times_of(ladder.endpoint, np.union1d(asked, even_grid(ladder.endpoint, asked[-1])))
    study = study_of(ladder, cause, every)
    measuring = measuring_of(study, asked)
    rng = resampling.generator_of(seed)
    first, second, third = rng.spawn(3)
    n_tests = sum(rung.choice is None for rung in ladder.rungs)
    told = None if progress is None else Progress(progress, n_tests * simulations + (repeats if choose else resamples))
    everybody = np.ones(len(ladder.endpoint), dtype=np.intp)
    fits = [fit_rung(study, rung, everybody, first) for rung in ladder.rungs]
    tests: list[RungTest | None] = []
    for k, rung in enumerate(ladder.rungs):
        before = ladder.rungs[k - 1] if k else None
        tests.append(None if rung.choice else compare_rungs(study, before, rung, simulations, second, told))
    standing = measuring.standing(everybody)
    apparent = np.array([measuring.measured(fit, everybody, standing) for fit in fits])
    again = validated(measuring, resamples, repeats, third, told)
    null = fitted(study, 0, ladder.matrix[:, :0])[0]
    climbed = Climbed(study, measuring, fits, tests, null, apparent, again, conf_level, reclassification)
    return AddedValue(measure_table(climbed), rung_table(climbed))
