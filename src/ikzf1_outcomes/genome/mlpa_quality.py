"""Quality of an MLPA run: control probes, replicates, failed samples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.genome.dosage import control_spread, probe_errors
from ikzf1_outcomes.genome.reactions import Reactions

Floats = NDArray[np.float64]
FEW_SAMPLES = 5


class Limits(NamedTuple):
    """When a sample fails and a probe is ambiguous."""

    control_sd: float
    replicate_correlation: float
    replicate_sd: float


def replicate_correlation(relative: Floats, sample: NDArray[np.intp], samples: int) -> Floats:
    """Mean Pearson correlation over all pairs of replicates of each sample; missing below two.

    A reaction whose probes all read the same has no profile and does not count.

    The unit vectors u of R centred profiles satisfy |sum u|^2 = R + (sum of r over ordered pairs): no pair is formed.
    """
    if np.bincount(sample, minlength=samples).max(initial=0) < 2:
        return np.full(samples, np.nan)
    filled = np.where(np.isfinite(relative), relative, 0.0)
    centred = filled - filled.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    unit = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    total = np.zeros((samples, relative.shape[1]))
    np.add.at(total, sample, unit)
    number = np.bincount(sample, weights=length[:, 0] > 0, minlength=samples)
    pairs = number * (number - 1)
    return np.divide((total**2).sum(axis=1) - number, pairs, out=np.full(samples, np.nan), where=pairs > 0)


def quality_of(
    data: Reactions,
    mean: Floats,
    spread: Floats,
    controls: NDArray[np.bool_],
    purity: Floats,
    limits: Limits,
    profiles: Floats | None,
) -> pd.DataFrame:
    """Quality of each sample; `profiles` are the reactions' relative peaks, none for ratios.

    Returns
    -------
    DataFrame
        n_reaction, control_sd, replicate_correlation, n_disagree, blasts, failed, note.
    """
    samples = len(data.samples)
    frame = pd.DataFrame({"n_reaction": np.bincount(data.sample, minlength=samples)}, index=data.samples)
    several = controls.sum() > 1
    frame["control_sd"] = control_spread(mean, controls) if several else np.nan
    frame["replicate_correlation"] = np.nan
    if profiles is not None:
        frame["replicate_correlation"] = replicate_correlation(profiles, data.sample, samples)
    frame["n_disagree"] = (spread > limits.replicate_sd).sum(axis=1)
    frame["blasts"] = purity
    runs = pd.Series(data.sample).groupby(data.run).nunique()
    small = np.zeros(samples, dtype=bool)
    small[data.sample[np.isin(data.run, runs.index[runs < FEW_SAMPLES])]] = True
    reasons = {
        "no usable reaction": frame["n_reaction"] == 0,
        f"control probes spread more than {limits.control_sd:g}": frame["control_sd"] > limits.control_sd,
        f"replicates correlate below {limits.replicate_correlation:g}": frame["replicate_correlation"]
        < limits.replicate_correlation,
    }
    remarks = {f"a run of fewer than {FEW_SAMPLES} samples": pd.Series(small & (profiles is not None), index=frame.index)}
    remarks |= {"leukaemic fraction unknown": frame["blasts"].isna() & frame["blasts"].notna().any()}
    frame["failed"] = np.logical_or.reduce([wrong.to_numpy() for wrong in reasons.values()])
    note = pd.Series("", index=frame.index, dtype=object)
    for reason, holds in (reasons | remarks).items():
        note = note.where(~holds, np.where(note == "", reason, note + "; " + reason))
    frame["note"] = note
    return frame


def errors_of(
    mean: Floats, quality: pd.DataFrame, reference: NDArray[np.bool_] | None, error: float | None, smallest: float
) -> Floats:
    """Standard error of each quotient: see `call_mlpa`.

    Raises
    ------
    InputError
        An error, or a least error, that is not positive; no way to estimate one.
    """
    if not smallest > 0:
        raise InputError("smallest_error must be positive")
    if error is not None:
        if not error > 0:
            raise InputError("error must be positive")
        return np.full(mean.shape, float(error))
    usable = ~quality["failed"].to_numpy() & (True if reference is None else reference)
    of_probe = probe_errors(mean, np.broadcast_to(usable[:, None], mean.shape))
    errors = np.fmax(of_probe[None, :], quality["control_sd"].to_numpy()[:, None])
    blind = np.isnan(errors) & ~quality["failed"].to_numpy()[:, None]
    if blind.any():
        raise InputError(
            "the error of the quotients cannot be estimated: fewer than 5 samples read normal, too few controls",
            count=int(blind.any(axis=0).sum()),
            next_step="Give error=, the standard error of a quotient.",
        )
    out: Floats = np.fmax(errors, smallest)
    return out
