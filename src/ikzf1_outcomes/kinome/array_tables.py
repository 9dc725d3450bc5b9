"""What a reader of normalised arrays must know: of each sample, of each peptide, and what was left out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ikzf1_outcomes.kinome.arrays import Floats
from ikzf1_outcomes.kinome.spots import Flags, Spots


def sample_table(
    laid: Spots, known: Flags, below: Flags, correlation: Floats, kept: Flags, notes: np.ndarray
) -> pd.DataFrame:
    """One row a sample, left out or not."""
    return pd.DataFrame(
        {
            "sample": laid.samples.to_numpy(),
            "n_spot": (~np.isnan(laid.intensity)).sum(axis=(0, 1)),
            "n_replicate": known.sum(axis=1).max(axis=0),
            "n_negative": below.sum(axis=(0, 1)),
            "n_saturated": laid.saturated.sum(axis=(0, 1)),
            "correlation": correlation,
            "kept": kept,
            "note": notes,
        }
    )


def peptide_table(
    laid: Spots, intensity: Floats, known: Flags, below: Flags, kept: Flags, batches: np.ndarray | None
) -> pd.DataFrame:
    """One row a peptide, counts over all arrays and notes over those kept; the controls last."""
    there = known[..., kept].any(axis=1)
    high = np.where(known, intensity, -np.inf)[..., kept].max(axis=(1, 2))
    low = np.where(known, intensity, np.inf)[..., kept].min(axis=(1, 2))
    note = np.full(len(laid.peptides), "", dtype=object)
    if batches is not None:
        codes, words = pd.factorize(batches[kept])
        inside = there.astype(float) @ (codes[:, None] == np.arange(len(words)))
        note[(inside == 0).any(axis=1)] = "no value in a batch"
    note[high == low] = "the same on all arrays"
    note[(below | ~known)[..., kept].all(axis=(1, 2))] = "never above the background"
    note[~np.isfinite(laid.intensity[..., kept]).any(axis=(1, 2))] = "no value"
    targets = {
        "peptide": laid.peptides.to_numpy(),
        "control": False,
        "n_spot": (~np.isnan(laid.intensity)).sum(axis=(1, 2)),
        "n_negative": below.sum(axis=(1, 2)),
        "n_saturated": laid.saturated.sum(axis=(1, 2)),
        "note": note,
    }
    controls = pd.DataFrame({"peptide": laid.controls.index.to_numpy(), "n_spot": laid.controls.to_numpy()})
    controls = controls.assign(control=True, n_negative=0, n_saturated=0, note="control")
    frame = pd.DataFrame(targets)
    return frame if controls.empty else pd.concat([frame, controls[list(frame)]], ignore_index=True)


def ledger_of(
    laid: Spots, below: Flags, samples: pd.DataFrame, peptides: pd.DataFrame, negative: str, faint: int
) -> pd.DataFrame:
    """What was left out or altered, each reason with its number."""
    done = {"floor": f"not above the background or below the floor: set to it ({int(below.sum())} not above)"}
    rows = [
        ("spots", "control spots, taken out", int(laid.controls.sum())),
        ("spots", "not measured", laid.n_unmeasured),
        (
            "spots",
            done.get(negative, "not above the background: missing"),
            faint if negative == "floor" else int(below.sum()),
        ),
        ("spots", "saturated, kept", int(laid.saturated.sum())),
        ("arrays", "kept", int(samples["kept"].sum())),
    ]
    for part, table in (("arrays", samples), ("peptides", peptides[~peptides["control"]])):
        counted = table.loc[table["note"] != "", "note"].value_counts()
        rows += [(part, str(reason), int(n)) for reason, n in counted.items()]
    return pd.DataFrame(rows, columns=["part", "reason", "n"])
