"""Would deciding by a predicted risk do more good than harm? Net benefit along the thresholds of a decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd

from ikzf1_outcomes import resampling
from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import Endpoint, frozen, take_rows
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.incidence_above import incidence_above
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.prognosis.horizons import refuse_rows, times_of
from ikzf1_outcomes.prognosis.predictions import Predictions, known, predictions_of

ALL, NONE = "treat all", "treat none"
BENEFIT, AVOIDED = "net benefit", "net interventions avoided"
NOBODY_FOLLOWED = "not estimable: nobody above the threshold is followed to the time"
FEWEST = 20


@dataclass(frozen=True, eq=False, slots=True)
class Deciding:
    """Patients, and how many of the thresholds the risk of each is at or above."""

    endpoint: Endpoint
    kind: Integers
    levels: Integers
    """"treat all" first (1 + k, n)."""
    thresholds: Floats
    until: tuple[int, int]

    def parts(self, weight: Floats) -> tuple[Floats, Floats]:
        """Shares of all patients who are treated and have the event, or have not (1 + k, thresholds)."""
        rows, size = self.endpoint.rows, len(self.thresholds)
        found = [
            incidence_above(rows.order, rows.rank, self.kind, weight, level, size, self.until) for level in self.levels
        ]
        share, risk = (np.array(part) for part in zip(*found, strict=True))
        return share * risk, share * (1.0 - risk)

    def benefit(self, weight: Floats) -> Floats:
        """Net benefit (1 + k, thresholds)."""
        true, false = self.parts(weight)
        return np.asarray(true - false * self.thresholds / (1.0 - self.thresholds))

    def drawn(self, rng: np.random.Generator) -> Floats:
        """Net benefit in a resample."""
        n = len(self.endpoint)
        return self.benefit(np.bincount(rng.integers(0, n, n), minlength=n) * self.endpoint.case_weights)


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class DecisionCurve:
    """Net benefit of deciding by predicted risks; made by `decision_curve`."""

    names: tuple[str, ...]
    thresholds: Floats
    benefit: Floats
    """ "treat all" first (1 + k, thresholds)."""
    true: Floats
    false: Floats
    resampled: Floats
    """Net benefit in resamples (b, 1 + k, thresholds); none where no interval was asked for."""
    at: float
    cause: str
    n: float
    n_event: int
    n_excluded: int
    conf_level: float

    def __repr__(self) -> str:
        return f"DecisionCurve({', '.join(self.names)} at {self.at:g}: {len(self.thresholds)} thresholds)"

    def tidy(self) -> pd.DataFrame:
        """One row a measure, strategy and threshold; then differences of all pairs, the later prediction less the earlier.

        Returns
        -------
        DataFrame
            measure ("net benefit" a patient; "net interventions avoided" a patient, against "treat all"), term, contrast,
            cause, time, threshold, n, n_event, true_positive, false_positive (shares of all patients), estimate,
            std_error, low, high, conf_level, interval, scale, note.
        """
        names = (ALL, *self.names)
        odds = (1.0 - self.thresholds) / self.thresholds
        rows = [self.rows(BENEFIT, name, "", self.benefit[k], self.resampled[:, k], k) for k, name in enumerate(names)]
        nothing = np.zeros(len(self.thresholds))
        rows.append(self.rows(BENEFIT, NONE, "", nothing, self.resampled[:, 0] * 0.0, None))
        for k, name in enumerate(self.names, 1):
            avoided, again = ((part[..., k, :] - part[..., 0, :]) * odds for part in (self.benefit, self.resampled))
            rows.append(self.rows(AVOIDED, name, "", avoided, again, None))
        for a, b in [(0, k) for k in range(1, len(names))] + list(combinations(range(1, len(names)), 2)):
            gap, again = (part[..., b, :] - part[..., a, :] for part in (self.benefit, self.resampled))
            rows.append(self.rows(BENEFIT, "difference", f"{names[b]} - {names[a]}", gap, again, None))
        return pd.concat(rows, ignore_index=True)

    def rows(
        self, measure: str, term: str, contrast: str, estimate: Floats, again: Floats, strategy: int | None
    ) -> pd.DataFrame:
        """The rows of one strategy or difference: percentile limits of the resamples in which it is estimable."""
        known_in = (~np.isnan(again)).sum(axis=0)
        error, low, high = np.full((3, len(estimate)), np.nan)
        some = (known_in >= FEWEST) & ~np.isnan(estimate)
        if some.any():
            tail = (1.0 - self.conf_level) / 2.0
            error[some] = np.nanstd(again[:, some], axis=0, ddof=1)
            low[some], high[some] = np.nanquantile(again[:, some], [tail, 1.0 - tail], axis=0)
        fewer = (len(again) > 0) & (known_in < len(again)) & ~np.isnan(estimate)
        nowhere = np.full(len(estimate), np.nan)
        return pd.DataFrame(
            {
                "measure": measure, "term": term, "contrast": contrast, "cause": self.cause, "time": self.at,
                "threshold": self.thresholds, "n": self.n, "n_event": self.n_event,
                "true_positive": nowhere if strategy is None else self.true[strategy],
                "false_positive": nowhere if strategy is None else self.false[strategy], "estimate": estimate,
                "std_error": error, "low": low, "high": high, "conf_level": self.conf_level,
                "interval": "percentile of resamples" if len(again) else "none", "scale": "net share of patients",
                "note": [
                    NOBODY_FOLLOWED if lost else f"estimable in {m} of {len(again)} resamples" if few else ""
                    for lost, few, m in zip(np.isnan(estimate), fewer, known_in, strict=True)
                ],
            }
        )  # fmt: skip

    def glance(self) -> pd.DataFrame:
        """One row: cause, time, n, n_event, n_excluded, n_thresholds, n_resamples, note."""
        row = {"cause": self.cause, "time": self.at, "n": self.n, "n_event": self.n_event, "n_excluded": self.n_excluded}
        more = {"n_thresholds": len(self.thresholds), "n_resamples": len(self.resampled), "note": ""}
        return pd.DataFrame([{**row, **more}])

    def _repr_html_(self) -> str:
        return self.tidy().to_html(index=False)


def decision_curve(
    endpoint: Endpoint,
    risks: Predictions,
    *,
    at: float,
    thresholds: Iterable[float],
    cause: str | None = None,
    resamples: int = 0,
    seed: int | np.random.Generator = 1,
    conf_level: float = 0.95,
) -> DecisionCurve:
    r"""Net benefit of treating those whose predicted risk is at a threshold or above.

    Estimand: the share of all patients who would be treated and have the event by t, less the share of those treated
    without it, each of whom counts as many as the threshold says: who treats from a risk of p on holds one event missed to
    be as bad as (1 - p) / p treatments in vain (Vickers and Elkin 2006; Vickers et al. 2008 for censored data; both
    recalled, not verified). With s(p) the share at p or above and F(t | p) the incidence among them, by Kaplan-Meier or
    Aalen-Johansen,

    .. math:: NB(p) = s(p) F(t \mid p) - s(p) \{1 - F(t \mid p)\} \frac{p}{1 - p}

    "Treat all" has s = 1, "treat none" 0. Net interventions avoided: (NB - NB of treating all) (1 - p) / p, a patient.
    Which thresholds are worth looking at is a matter of the decision, not of the data: name them before.

    Intervals: percentiles over resamples of patients, with the predictions as given: they do not know that a model was
    fitted, and predictions made from these very patients look too good.

    Edge rules. A risk equal to a threshold is treated. Where nobody at or above it is followed to t, and some are
    event-free: NaN with a note. Where nobody is at or above it: 0. Censoring must have nothing to do with the prognosis
    among those above a threshold.

    Parameters
    ----------
    endpoint
        Times and causes; one row a patient.
    risks
        Predicted probabilities of the event by `at`: a dict of a name and one number a row (n), or columns.
    at
        The time, in the endpoint's unit.
    thresholds
        Ascending, above 0 and below 1.
    cause
        Name of a cause; the others compete, and are no event. None takes any cause as the event.
    resamples
        How many, 20 or more; 0 gives no intervals.
    seed
        Number or generator of the resamples.
    conf_level
        Level of the intervals.

    Returns
    -------
    DecisionCurve
        `.tidy()`: measure, term, contrast, cause, time, threshold, n, n_event, true_positive, false_positive, estimate,
        std_error, low, high, conf_level, interval, scale, note.

    Raises
    ------
    ColumnError, InputError
        Unknown column or cause; thresholds that are none; risks that are no probabilities or of other rows; rows entering
        at different times, or several a patient; fewer than 20 resamples.

    Notes
    -----
    Rows with a missing risk are left out of all strategies and counted.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 5.0, 2.0, 3.0], "s": [1, 0, 1, 0], "risk": [0.7, 0.6, 0.3, 0.1]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> table = iko.decision_curve(endpoint, "risk", at=2.5, thresholds=[0.2]).tidy()
    >>> table.loc[table["measure"] == "net benefit", ["term", "estimate"]].values.tolist()
    [['treat all', 0.375], ['risk', 0.4375], ['treat none', 0.0], ['difference', 0.0625]]
    """
    normal_quantile(conf_level)
    time = float(times_of(endpoint, [at])[0])
    cuts = thresholds_of(thresholds)
    refuse_rows(endpoint)
    if resamples and (isinstance(resamples, bool) or not isinstance(resamples, int | np.integer) or resamples < FEWEST):
        raise InputError(f"resamples must be 0, or a whole number of {FEWEST} or more", next_step="500 serve most curves.")
    names, values = predictions_of(endpoint, risks, np.array([time]), probabilities=True)
    if {ALL, NONE, "difference"} & set(names):
        raise InputError(f"{ALL!r} and {NONE!r} are strategies without predictions", next_step="Choose another name.")
    keep = known(values)
    if not keep.any():
        raise InputError("no row has a prediction", count=len(keep), next_step="Check the predictions.")
    deciding = decisions(endpoint if keep.all() else take_rows(endpoint, keep), values[:, keep, 0], cuts, time, cause)
    own = deciding.endpoint.case_weights
    again = resampling.replicates(partial(Deciding.drawn, deciding), resamples, seed=seed) if resamples else []
    true, false = deciding.parts(own)
    return DecisionCurve(
        names, frozen(cuts), frozen(deciding.benefit(own)), frozen(true), frozen(false),
        frozen(np.array(again).reshape(len(again), *true.shape)), time,
        cause or "any", endpoint.patients(keep), int(((deciding.kind == 1) & (deciding.endpoint.time <= time)).sum()),
        int((~keep).sum()), conf_level,
    )  # fmt: skip


def decisions(endpoint: Endpoint, risks: Floats, thresholds: Floats, at: float, cause: str | None) -> Deciding:
    """Kinds of ends and levels of risk, found once for all resamples."""
    own = endpoint.ends_with(cause)
    kind = np.where(own, 1, np.where(endpoint.cause > 0, 2, 0)).astype(np.int32)
    everybody = np.full(len(endpoint), len(thresholds))
    levels = np.vstack([everybody, *(np.searchsorted(thresholds, risk, side="right") for risk in risks)])
    until = tuple(int(np.searchsorted(endpoint.rows.times, at, side=side)) for side in ("right", "left"))
    return Deciding(endpoint, kind, levels, thresholds, until)  # type: ignore[arg-type]


def thresholds_of(thresholds: Iterable[float]) -> Floats:
    """Ascending thresholds between 0 and 1."""
    try:
        cuts = np.asarray(list(thresholds), dtype=float)
    except (TypeError, ValueError):
        cuts = np.empty(0)
    if not (cuts.ndim == 1 and len(cuts) and ((cuts > 0) & (cuts < 1)).all() and (np.diff(cuts) > 0).all()):
        raise InputError("thresholds must be ascending numbers between 0 and 1", next_step="As in thresholds=[0.1, 0.2].")
    return cuts
