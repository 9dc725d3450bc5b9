"""How far pooled effects are sampled centred: by what the data tell of them beside their spread."""

from __future__ import annotations

from ikzf1_outcomes.kernels.risk import Floats

MANY, SURELY, MOSTLY = 5, 0.97, 0.5
"""Effects that are many enough to tell their spread from 0; weights of the data from which few, and many, are centred."""
TYPICAL, LOW = 0.5, 0.2
"""Shares of its prior's scale that a spread may well have: whether effects are centred is asked beside the first, how far
beside the second, since centred effects whose spread is low are hard to sample."""


def centring_of(events: Floats, scale: float, free: int) -> float:
    """How far effects are sampled centred: the weight of the data in the effect of the least level, were their spread low;
    0 where the data are not most of that effect.

    Of few effects the spread may be all but 0, and centred effects are then hard to sample: they are centred only where the
    data tell nearly everything.
    """
    known = weight_of_data(events, TYPICAL * scale) >= (MOSTLY if free >= MANY else SURELY)
    return weight_of_data(events, LOW * scale) if known else 0.0


def weight_of_data(events: Floats, spread: float) -> float:
    """Weight of the data in the effect of the least level: d events tell it with variance 1 / d, the others with that of
    the spread."""
    informed = float(events.min()) * spread**2
    return informed / (1.0 + informed)
