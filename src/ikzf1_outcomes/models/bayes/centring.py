"""How far pooled effects are sampled centred: by what the data tell of them beside their spread."""

from __future__ import annotations

from ikzf1_outcomes.kernels.risk import Floats

MANY, SURELY, MOSTLY = 5, 0.97, 0.5
"""Effects that are many enough to tell their spread from 0; weights of the data from which few, and many, are centred."""
TYPICAL = 0.5
"""A spread is taken to be this share of its prior's scale, where it is asked how well effects are known beside it."""


def centring_of(events: Floats, scale: float, free: int) -> float:
    """How far effects are sampled centred: the weight of the data in the effect of the least level, where it is most of it.

    Of few effects the spread may be all but 0, and centred effects are then hard to sample: they are centred only where the
    data tell nearly everything.
    """
    weight = weight_of_data(events, TYPICAL * scale)
    return weight if weight >= (MOSTLY if free >= MANY else SURELY) else 0.0


def weight_of_data(events: Floats, spread: float) -> float:
    """Weight of the data in the effect of the least level: d events tell it with variance 1 / d, the others with that of
    the spread."""
    informed = float(events.min()) * spread**2
    return informed / (1.0 + informed)
