"""What is known of each class before residual disease is measured, after it, and after it is measured again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import Columns, Endpoint
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.models.cause_specific import against_others
from ikzf1_outcomes.models.coefficients import exponentiated
from ikzf1_outcomes.models.cox_fit import CoxFit
from ikzf1_outcomes.prognosis.landmark_risks import answers, cause_hazard, resampled
from ikzf1_outcomes.prognosis.landmark_sets import stack_of
from ikzf1_outcomes.prognosis.landmark_tables import Asked, failures, glance_table, move_table, ratio_table, risk_table
from ikzf1_outcomes.resampling import replicates

FEWEST = 20
"""Resamples below which no interval is made of them."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class LandmarkSupermodel:
    """Risks by what is known at each landmark; made by `landmark_supermodel`."""

    asked: Asked
    fits: Mapping[str, CoxFit]
    """Cause to the model with class and marks; a row is a patient at a landmark."""
    risk: pd.DataFrame
    hazard_ratios: pd.DataFrame
    summary: pd.DataFrame
    moves: pd.DataFrame

    def __repr__(self) -> str:
        at = ", ".join(f"{when:g}" for when in (0.0, *self.asked.marks.values()))
        return f"LandmarkSupermodel({self.asked.cause} by {self.asked.by}, landmarks {at}, horizon {self.asked.horizon:g})"

    def tidy(self) -> pd.DataFrame:
        """Risk of the cause by the horizon, of those without any event at the landmark.

        Returns
        -------
        DataFrame
            One row a landmark and class (`variable` and `level` empty): the risk of the class, as its patients are at the
            landmark. One row a landmark, class and groups of marks that somebody has: the risk of a patient with these.
            Columns: landmark, variable (the marks), level (their groups: as given for one mark, a tuple for several), group
            (the class), cause, time (the horizon), n (patients, sum of weights), n_event (events of the cause after the
            landmark up to the horizon), estimate, std_error, low, high, conf_level, interval, scale ("probability"), note.
        """
        return self.risk.copy()

    def effects(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """Hazard ratios of the class at each landmark: in total, and not through the marks.

        "total": the class alone (and `adjust`). "not through the marks": with the marks known by the landmark, among the
        same patients. What lies between the two goes with the marks; a hazard ratio also moves when a covariate that has
        nothing to do with the class joins the model, so that their ratio is no share.

        Parameters
        ----------
        exponentiate
            Give estimate, low and high as ratios; `std_error` stays on the log scale.

        Returns
        -------
        DataFrame
            landmark, model, term, contrast, cause, n, n_event (of the class, after the landmark), estimate, std_error
            (clustered by patient), low, high, conf_level, interval, scale, statistic, p_value, note.
        """
        return exponentiated(self.hazard_ratios, exponentiate)

    def glance(self) -> pd.DataFrame:
        """Patients at each landmark, and whether the effect of the class is the same at all of them.

        Returns
        -------
        DataFrame
            Rows with the term "at risk": landmark, n, n_event (of the cause, after the landmark), n_excluded (at risk, with
            a mark missing), note (who had left before it). Rows with the term "same effect at all landmarks", for each
            cause and each model of `effects`: statistic (Wald, covariance clustered by patient), df, p_value, note.
        """
        return self.summary.copy()

    def crossing(self) -> pd.DataFrame:
        """Of each class, the share whose risk lies above the threshold before and after a mark is known.

        Returns
        -------
        DataFrame
            landmark, variable (the mark), group (the class), term ("above before", "above after", "moved up", "moved
            down"), cause, time (the horizon), n, estimate (share of the class at the landmark; times 100, patients in
            100), low, high (percentiles), conf_level, interval, scale ("share"), note (the threshold).

        Raises
        ------
        InputError
            No threshold was given.
        """
        if self.asked.threshold is None:
            raise InputError("no threshold", next_step="Give the protocol's risk as `threshold` of landmark_supermodel.")
        return self.moves.copy()

    def _repr_html_(self) -> str:
        return self.tidy().to_html(index=False)


def landmark_supermodel(
    endpoint: Endpoint,
    by: str,
    *,
    marks: Mapping[str, float],
    seed: int | np.random.Generator,
    adjust: str | Sequence[str] | None = None,
    cause: str = "relapse",
    horizon: float = 5.0,
    threshold: float | None = None,
    resamples: int = 200,
    strata: Columns | None = None,
    competing: str = "each",
    conf_level: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
) -> LandmarkSupermodel:
    r"""Risk of each class at the start, and again whenever a mark such as residual disease becomes known.

    Estimands, for landmarks s (0, and the time at which each mark is known) and the horizon w, both counted from the
    endpoint's origin:

    - F(w | s, class, marks): probability of the cause in (s, w], before any other event, among those free of all events at
      s, with given groups of the marks known by s; standardised to `adjust` among everybody at the landmark;
    - F(w | s, class): its mean over the marks **as those of the class have them** at s: what the class is up against, not
      what it would be with other marks;
    - hazard ratios of the class at s without the marks (total) and with them (not through the marks);
    - with a `threshold`, the share of a class at s whose risk lies above it before and after the newest mark is known.

    Model: a cause-specific Cox model of every cause on the landmark data sets one above the other (van Houwelingen 2007;
    van Houwelingen and Putter 2012; recalled, not verified),

    .. math:: h_k(t \mid s, x) = h_{k0s}(t) \exp(b_{ks}(class) + \sum_j g_{ksj}(mark_j) + a_k' z), \qquad t > s

    with baselines and effects of class and marks of their own at each landmark and effects of `adjust` shared by all. The
    marks act on the hazards beside the class: there is no interaction between them. Without `adjust` it is one model for
    each landmark; the stack gives the covariance between landmarks, clustered by patient, and with it the test whether the
    effect of the class changes. Hazards become risks as in `cause_specific_cox`.

    Before a mark is known, a patient's risk is the mean over its groups, in the shares that those with the same class and
    earlier marks have at the landmark: (within these, the mark is taken to have nothing to do with `adjust`)

    .. math:: F(w \mid s, c, m_1) = \sum_m p(m \mid c, m_1, s) \, F(w \mid s, c, m_1, m)

    Intervals: patients are drawn with replacement, as whole-number weights, and all of it is done anew: landmark sets,
    models, standardisation. Risks: log-log with the standard deviation of the resamples. Shares: percentiles.

    Edge rules. Landmarks are those of `landmark`: an event or a censoring at s came before it. At risk with a mark missing
    that is known by s: left out of that landmark, and counted; a class, stratum or adjusted covariate missing: left out
    throughout. A class or group without an event of the cause at a landmark is not estimable there; in means, and in
    resamples, its hazard is 0, the limit. So is that of a competing cause that it did not have: a note says so. If groups
    together separate those with events from those without, competing causes and resamples are taken near the limit by a
    ridge of 0.001 (a note says so); for the cause itself this is an error. Groups that one patient has have no estimate.
    Resamples that could not be fitted are counted in a note. A risk equal to the threshold is not above it.

    Parameters
    ----------
    endpoint
        Times and causes, one row a patient.
    by
        Column of the class; its first level is the one that others are compared with.
    marks
        Column of groups to the time at which it is known, in the endpoint's unit, the earliest first.
    seed
        Number or generator.
    adjust
        A formula or a list of columns known at the start; None for none.
    cause
        Name of the cause.
    horizon
        In the endpoint's unit, from its origin.
    threshold
        A risk between 0 and 1 above which a protocol would act: an assumption, named in the notes; None for none.
    resamples
        How many; 0 gives no intervals.
    strata
        Column or columns with baselines of their own.
    competing
        "each": a model of each competing cause. "together": one model of any competing event, for causes too rare to have
        one each; the risk needs no more than the sum of their hazards.
    conf_level
        Level of the intervals.
    progress
        Called after each resample with how many are done, and of how many.

    Returns
    -------
    LandmarkSupermodel
        With `.tidy()`, `.effects(exponentiate=False)`, `.glance()`, `.crossing()` and `.fits`.

    Raises
    ------
    ColumnError, InputError
        Unknown column or cause; no marks, marks out of order or with too many levels; a mark that is not known at its
        landmark; a horizon before the last landmark; nobody left at one; several rows of one patient; a threshold outside
        (0, 1); 1 to 19 resamples.
    ConvergenceError
        A group separates those with events from those without; it is named.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from ikzf1_outcomes import endpoint_from_columns
    >>> from ikzf1_outcomes.prognosis.landmarks import landmark_supermodel
    >>> rng = np.random.default_rng(1)
    >>> d = pd.DataFrame({"ikzf1": rng.choice(["none", "deleted"], 300), "mrd": rng.choice(["low", "high"], 300)})
    >>> high = np.log([0.1, 0.3])[(d["mrd"] == "high").astype(int)]
    >>> d["t"] = rng.exponential(np.exp(-high)).clip(max=6).round(3) + 0.05
    >>> d["s"] = (d["t"] < 6).astype(int)
    >>> endpoint = endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> model = landmark_supermodel(endpoint, "ikzf1", marks={"mrd": 0.2}, threshold=0.5, resamples=0, seed=1)
    >>> model.tidy()[["landmark", "level", "group"]].values.tolist()[:4]
    [[0.0, '', 'deleted'], [0.0, '', 'none'], [0.2, '', 'deleted'], [0.2, '', 'none']]
    >>> sorted(model.crossing()["term"].unique())
    ['above after', 'above before', 'moved down', 'moved up']
    """
    normal_quantile(conf_level)
    if threshold is not None and not 0.0 < threshold < 1.0:
        raise InputError("a threshold is a risk between 0 and 1", next_step="Use 0.2 for 20 %.")
    if resamples < 0 or 0 < resamples < FEWEST:
        raise InputError(f"fewer than {FEWEST} resamples", count=resamples, next_step="Use 200 or more, or 0 for none.")
    if competing not in ("each", "together"):
        raise InputError("there is no such way with competing causes", next_step='Use "each" or "together".')
    endpoint.cause_code(cause)
    told = against_others(endpoint, cause) if competing == "together" else endpoint
    stack = stack_of(told, by, marks, adjust, strata, horizon)
    position = stack.causes.index(cause)
    with_marks, without = (
        [
            cause_hazard(stack, stack.weight, code, marked=marked, clustered=True, settle=code != position + 1)
            for code in range(1, len(stack.causes) + 1)
        ]
        for marked in (True, False)
    )
    if not len(with_marks[position].time):
        raise InputError(f"no events of {cause} among the rows analysed", count=0)
    found = answers(stack, with_marks, stack.weight, position, horizon, threshold)

    def again(rng: np.random.Generator) -> Any:
        return resampled(stack, rng, found, position, horizon, threshold)

    drawn = replicates(again, resamples, seed=seed, progress=progress)
    every = np.array(drawn) if drawn else np.empty((0, len(found.flat()) + 1))
    draws, failed = every[:, :-1], failures(every[:, :-1], every[:, -1])
    at = {mark: one.at for mark, one in zip(marks, stack.sets[1:], strict=True)}
    asked = Asked(by, at, cause, position, horizon, threshold, conf_level)
    return LandmarkSupermodel(
        asked,
        {part.cause: part.fit for part in with_marks if part.fit is not None},
        risk_table(stack, with_marks, found, draws, failed, asked),
        ratio_table(stack, with_marks, without, asked),
        glance_table(stack, with_marks, without, asked),
        move_table(stack, with_marks, found, draws, failed, asked) if threshold is not None else pd.DataFrame(),
    )
