"""A posterior: what was sampled of a hierarchical model, summarised, diagnosed, kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.endpoint.columns import as_pandas
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.piecewise_risks import Risks
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.bayes.convergence import bfmi, diagnose, save, to_inference_data
from ikzf1_outcomes.models.bayes.draw_files import with_draws
from ikzf1_outcomes.models.bayes.new_patients import INCOMPLETE, Model, curves_of_new
from ikzf1_outcomes.models.bayes.nuts import Chains
from ikzf1_outcomes.models.bayes.quantities import CauseDraws, quantities
from ikzf1_outcomes.models.bayes.quantity_tables import EFFECTS, extreme, named, rows_of_quantities, stacked, variable
from ikzf1_outcomes.models.bayes.reduction import Reduced
from ikzf1_outcomes.models.bayes.scenario_tables import (
    MEASURES,
    NOT_CONVERGED,
    PRIOR_DRIVEN,
    checked_times,
    followed,
    rows_of,
    with_notes,
)  # fmt: skip
from ikzf1_outcomes.models.bayes.scenarios import NOT_DELETED, check_causes, scenario_risks
from ikzf1_outcomes.models.coefficients import exponentiated

if TYPE_CHECKING:
    import arviz

METHOD, CURE = "Bayesian hierarchical hazards", "Bayesian hierarchical mixture cure"
CURVES = (
    "measure", "cause", "time", "estimate", "posterior_sd", "low", "high", "conf_level", "interval", "scale", "note",
)  # fmt: skip


class Sampled(NamedTuple):
    """What one cause's sampling gave."""

    drawn: CauseDraws
    chains: Chains
    target_accept: float
    tries: int
    lost: tuple[str, ...]
    """Why the draws are not to be trusted; nothing where they are."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Posterior:
    """Draws from the posterior of a hierarchical model; made by `sample`."""

    endpoint: Endpoint
    reduced: Reduced
    sampled: tuple[Sampled, ...]
    seed: int

    def __repr__(self) -> str:
        causes = ", ".join(own.drawn.model.cause for own in self.sampled)
        return f"Posterior({self.endpoint.name}: {causes}; {self.n_chains} chains x {self.n_draws} draws)"

    @property
    def causes(self) -> tuple[str, ...]:
        """The causes that have a model."""
        return tuple(own.drawn.model.cause for own in self.sampled)

    @property
    def n_imputations(self) -> int:
        """Completed data sets behind the draws."""
        return 1

    def check_rows(self) -> None:
        """Refuse questions to the rows of one data set where the endpoint does not hold them; here it does.

        Raises
        ------
        InputError
            In posteriors of other make.
        """

    @property
    def n_chains(self) -> int:
        """Chains of each cause."""
        return int(self.sampled[0].drawn.position.shape[0])

    @property
    def n_draws(self) -> int:
        """Draws of each chain: the fewest of the causes, where one was interrupted."""
        return int(min(own.drawn.position.shape[1] for own in self.sampled))

    def tidy(self, *, exponentiate: bool = False, conf_level: float = 0.95, margin: float = 1.5) -> pd.DataFrame:
        """One row a quantity of a cause: effects, then the spreads, levels and drift of the model.

        Of failures of induction, where they have a part, effects are odds ratios, and the level is log odds.

        Parameters
        ----------
        exponentiate
            Give estimate, low and high of effects as hazard or odds ratios; `posterior_sd` stays on the log scale.
        conf_level
            Probability of the credible interval, the middle one.
        margin
            Ratio of `p_above_margin`.

        Returns
        -------
        DataFrame
            term, contrast, cause, n, n_event, estimate (median), posterior_sd, low, high, conf_level, interval
            ("credible"), p_above_1 (posterior probability of a hazard ratio, or odds ratio, above 1), prior_p_above_1
            (before the data), p_above_margin, margin, r_hat, ess_bulk, ess_tail, scale, note. A note says what the mean of
            the classes is, and that the chains have not converged where they have not.
        """
        normal_quantile(conf_level)
        if not isinstance(margin, Real) or not (np.isfinite(margin) and margin > 0):
            raise InputError("the margin is a hazard ratio above 0", next_step="1.5, for example.")
        table = pd.concat(self.summaries(conf_level, margin), ignore_index=True)
        effect = table["scale"].str.startswith(EFFECTS)
        if exponentiate:
            table = pd.concat([exponentiated(table[effect], True), table[~effect]]).sort_index()
        return table

    def summaries(self, conf_level: float, margin: float) -> list[pd.DataFrame]:
        """The rows of `tidy`, on the log scale, cause by cause."""
        return [summary(self.reduced, own, conf_level, margin) for own in self.sampled]

    def glance(self) -> pd.DataFrame:
        """One row a cause: how it was sampled, and whether the chains converged.

        Returns
        -------
        DataFrame
            method, cause, n, n_event, n_excluded, chains, draws, tune, target_accept, tries, divergences, bfmi (least of
            the chains), r_hat (greatest), ess_bulk, ess_tail (least), seconds, note: what the gate found, what was left out
            of the model, that sampling was interrupted.
        """
        rows = []
        for own in self.sampled:
            found, energy = diagnose(stacked(self.reduced, own.drawn)), bfmi(own.chains.energy)
            rows.append(
                {
                    "method": CURE if self.reduced.spec.cure else METHOD, "cause": own.drawn.model.cause,
                    "n": float(self.reduced.seen(own.drawn.model).sum()), "n_event": own.drawn.model.n_event,
                    "n_excluded": len(self.endpoint) - int(self.reduced.patients.keep.sum()),
                    "chains": own.drawn.position.shape[0], "draws": own.drawn.position.shape[1], "tune": own.chains.tune,
                    "target_accept": own.target_accept, "tries": own.tries, "divergences": int(own.chains.diverging.sum()),
                    "bfmi": extreme(energy, np.min), "r_hat": extreme(found.r_hat, np.max),
                    "ess_bulk": extreme(found.ess_bulk, np.min), "ess_tail": extreme(found.ess_tail, np.min),
                    "seconds": own.chains.seconds, "note": "; ".join((*own.lost, *self.reduced.notes)),
                }
            )  # fmt: skip
        return pd.DataFrame(rows)

    def curves(self, times: float | Iterable[float], *, conf_level: float = 0.95, trial: object = None) -> pd.DataFrame:
        """Survival and incidences, were everybody of one class; standardised over the cohort.

        Estimand: the mean over the patients analysed, with their subtypes, protocols and covariates as they are, of the
        curve of each had the class been another (g-formula); "any deletion" is the mean over the deleted classes as they
        are among the deleted. Curves begin where follow-up does: at the landmark where an endpoint has one. With failures
        of induction they begin at diagnosis: those of who came through, times the share of them. Closed forms of the
        hazards, draw by draw; S + the incidences = 1. The hazard of a spline, of a Weibull and under cure is taken as
        constant over twentieths of a year, with its integral.

        Parameters
        ----------
        times
            In years.
        conf_level
            Probability of the credible interval.
        trial
            Of a model with `effects_by`: the curves of the same patients, had all been of this trial; None takes each in
            the trial that was theirs.

        Returns
        -------
        DataFrame
            group ("not deleted", "any deletion", classes), measure ("event-free survival", "cumulative incidence"), cause,
            time, estimate (median), posterior_sd, low, high, conf_level, interval, scale, note.

        Raises
        ------
        InputError
            Some events have no model; times that are not above 0; a trial that the model has not.
        """
        normal_quantile(conf_level)
        wanted = checked_times(times)
        tables = []
        found = list(self.scenarios(wanted, trial))
        longest = self.longest_in(trial)
        for name, risks in found:
            rows = rows_of(("survival", "incidence"), risks, self.causes, wanted, conf_level)
            tables.append(with_notes(rows.assign(group=name), longest[name], self.lost))
        return pd.concat(tables, ignore_index=True)[["group", *CURVES]]

    def contrasts(
        self, at: float | Iterable[float] = 5.0, *, conf_level: float = 0.95, trial: object = None
    ) -> pd.DataFrame:
        """Differences of risk, survival and restricted mean between each class, or any deletion, and no deletion.

        Of the curves of `curves`, draw by draw: the case-mix-standardised risk difference is the row of "any deletion".

        Parameters
        ----------
        at
            Time or times in years.
        conf_level
            Probability of the credible interval.
        trial
            As of `curves`.

        Returns
        -------
        DataFrame
            contrast ("ik6 vs not deleted"), measure ("event-free survival", "cumulative incidence", "restricted mean",
            "time lost"), cause, time, estimate, posterior_sd, low, high, conf_level, interval, scale, p_above_0 (posterior
            probability of a difference above 0), note.

        Raises
        ------
        InputError
            Some events have no model; times that are not above 0; a trial that the model has not.
        """
        normal_quantile(conf_level)
        wanted = checked_times(at)
        found = dict(self.scenarios(wanted, trial))
        base, tables, followed_for = found.pop(NOT_DELETED), [], self.longest_in(trial)
        for name, risks in found.items():
            rows = rows_of(tuple(MEASURES), risks, self.causes, wanted, conf_level, base)
            longest = min(followed_for[name], followed_for[NOT_DELETED])
            tables.append(with_notes(rows.assign(contrast=f"{name} vs {NOT_DELETED}"), longest, self.lost))
        return pd.concat(tables, ignore_index=True)[["contrast", *CURVES[:-1], "p_above_0", "note"]]

    def predict(self, new: pd.DataFrame, times: float | Iterable[float], *, conf_level: float = 0.95) -> pd.DataFrame:
        """Event-free survival and incidences of new patients, each with class, subtype and whatever else the model has.

        Estimand: the curve of a patient with these columns, with what is not known of the model's numbers; not of what
        will become of one patient, who has an event or none. Where nobody of a subtype, or of a trial, had the class, its
        deviation is drawn from what deviations are like. So are the effects of a class, subtype or protocol that nobody of
        the model had, under `pooling="superpopulation"`, and the note says so; effects that add up to 0 leave no room for
        one, and it is refused, as is a stratum, whose baseline nothing links to the others. Without the column of the
        protocol the patient is treated as by the mean of the model's protocols, and the note says so.

        Parameters
        ----------
        new
            One row a patient, with the columns of the model.
        times
            In years.
        conf_level
            Probability of the credible interval.

        Returns
        -------
        DataFrame
            row (of `new`, from 1), measure ("event-free survival", "cumulative incidence"), cause, time, estimate (median),
            posterior_sd, low, high, conf_level, interval, scale, note. A patient with a missing value has rows without
            numbers.

        Raises
        ------
        ColumnError, InputError
            Columns that are not there; levels that nobody of the model had and that cannot be drawn (row positions); some
            events have no model.
        """
        normal_quantile(conf_level)
        self.check_rows()
        check_causes(self.reduced)
        wanted = checked_times(times)
        model = Model(self.endpoint, self.reduced, self.paired, self.causes, self.longest, self.seed)
        table = curves_of_new(model, as_pandas(new), wanted, conf_level)
        table = table.assign(conf_level=conf_level, interval="credible")
        said = [NOT_CONVERGED] * self.lost
        notes = [
            [*said, *filter(None, [own]), *([PRIOR_DRIVEN] * bool(late))] if isinstance(own, str) else [INCOMPLETE]
            for own, late in zip(table["note"], table["late"], strict=True)
        ]
        return table.assign(note=["; ".join(own) for own in notes])[["row", *CURVES]]

    @property
    def lost(self) -> bool:
        """Whether the draws of some cause are not to be trusted."""
        return any(own.lost for own in self.sampled)

    @property
    def longest(self) -> dict[str, float]:
        """Longest follow-up behind each scenario."""
        return self.longest_in(None)

    def longest_in(self, trial: object) -> dict[str, float]:
        """Longest follow-up behind each scenario, in one trial if one is named."""
        return followed(self.reduced, self.endpoint.time[self.reduced.patients.keep], trial)

    def scenarios(self, times: Floats, trial: object = None) -> Iterator[tuple[str, Risks]]:
        """The curves of each scenario, draw by draw, with draws of the causes paired; all in one trial if one is named."""
        check_causes(self.reduced)
        return scenario_risks(self.reduced, self.paired, times, self.seed, trial)

    @property
    def paired(self) -> tuple[CauseDraws, ...]:
        """The draws of all causes, as many of each."""
        size = self.n_draws
        return tuple(
            own.drawn._replace(effect=own.drawn.effect[:, :size], log_hazard=own.drawn.log_hazard[:, :size],
                               position=own.drawn.position[:, :size])
            for own in self.sampled
        )  # fmt: skip

    def to_arviz(self) -> arviz.InferenceData:
        """The draws as ArviZ's InferenceData: effects, spreads and levels with their names, log hazards, sample statistics.

        Causes whose numbers of draws differ are cut to the fewest.
        """
        size = self.n_draws
        posterior: dict[str, Floats] = {}
        coordinates: dict[str, list[str]] = {}
        dims: dict[str, list[str]] = {}
        for own in self.sampled:
            cause = variable(own.drawn.model.cause)
            found = quantities(self.reduced, own.drawn)
            name, label = f"{cause}: quantity", f"{cause} quantities"
            posterior[name] = np.stack([part.values[:, :size] for part in found], axis=-1)
            coordinates[label], dims[name] = [named(part) for part in found], [label]
            posterior[f"{cause}: {self.baseline_name(own.drawn)}"] = own.drawn.log_hazard[:, :size]
        first = self.sampled[0].chains
        statistics = {"diverging": np.logical_or.reduce([own.chains.diverging[:, :size] for own in self.sampled])}
        statistics |= {"energy": first.energy[:, :size], "n_steps": first.n_steps[:, :size]}
        return to_inference_data(posterior, statistics, dims=dims, coords=coordinates)

    def baseline_name(self, drawn: CauseDraws) -> str:
        """What the baseline's own numbers of a cause are called among the draws."""
        if drawn.model.binary:
            return "log odds"
        if self.reduced.spec.baseline != "weibull":
            return "log hazard"
        return "log median, log shape" if self.reduced.spec.cure else "level, log shape"

    def save(self, path: str | Path) -> Path:
        """Write `to_arviz()` to a NetCDF file, with all that `load_posterior` needs beside the endpoint.

        The file holds draws, description, priors, seed and settings, and a hash of the data: no patient.
        """
        made = with_draws(self.to_arviz(), self.endpoint, self.reduced, self.sampled, self.seed, type(self).__name__)
        return save(made, path)

    def _repr_html_(self) -> str:
        return self.tidy(exponentiate=True).to_html(index=False)


def summary(reduced: Reduced, own: Sampled, conf_level: float, margin: float) -> pd.DataFrame:
    """The quantities of one cause as rows."""
    parts = quantities(reduced, own.drawn)
    values = np.stack([part.values for part in parts], axis=-1)
    warning = [f"not converged: {reason}" for reason in own.lost]
    return rows_of_quantities(own.drawn.model.cause, parts, values, diagnose(values), warning, conf_level, margin)
