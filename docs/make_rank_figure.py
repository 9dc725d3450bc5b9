"""Draw the ranks of simulation-based calibration, a panel a model: python docs/make_calibration.py does it.

What is drawn, and the bands: Säilynoja and others (2022); recalled, not verified.
"""

from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

Row = dict[str, Any]
BINS, POINTWISE, TOGETHER = 20, 0.05, 0.05
ENDS = np.arange(1, BINS) / BINS
"""Where the bins end; the last end is 1, where every distribution function is 1."""
SIMULATED, SEED = 20_000, 20260101
COLUMNS = 3


@cache
def tails(runs: int) -> np.ndarray:
    """The smaller tail probability of each count of places up to each end: binomial (ends, runs + 1)."""
    count, share = np.arange(runs + 1), ENDS[:, None]
    return np.minimum(stats.binom.cdf(count, runs, share), stats.binom.sf(count - 1, runs, share))


def least_tail(counts: np.ndarray) -> np.ndarray:
    """The smallest tail probability over the ends, for counts (..., bins)."""
    below = counts.cumsum(axis=-1)
    return tails(int(below.flat[-1]))[np.arange(BINS - 1), below[..., :-1]].min(axis=-1)


@cache
def together(runs: int) -> float:
    """The tail probability below which a line leaves the band: at most 1 in 20 simulated uniform lines does, anywhere.

    Simulated from the multinomial distribution of the bins, as the distribution function at one end depends on the others.
    """
    simulated = np.random.default_rng(SEED).multinomial(runs, np.full(BINS, 1 / BINS), size=SIMULATED)
    return float(np.quantile(least_tail(simulated), TOGETHER, method="lower"))


def band(runs: int, critical: float) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest difference from uniform, of all whose tail probabilities are not below the critical one."""
    allowed = tails(runs) >= critical
    lowest, highest = allowed.argmax(axis=1), runs - allowed[:, ::-1].argmax(axis=1)
    return lowest / runs - ENDS, highest / runs - ENDS


def leaves(row: Row) -> bool:
    """Does the line of a quantity leave the band that holds for all ends together?"""
    return bool(least_tail(np.array(row["counts"])) < together(row["runs"]))


def latest(rows: list[Row]) -> list[Row]:
    """The rows of ranks; where a model was run again and its rows added to the file, the last ones."""
    return list({(row["setting"], row["what"]): row for row in rows if row["kind"] == "ranks"}.values())


def counted(rows: list[Row]) -> list[Row]:
    """The rows that keep how many places lie in each bin."""
    found = [row for row in latest(rows) if "counts" in row]
    wrong = sum(len(row["counts"]) != BINS or sum(row["counts"]) != row["runs"] for row in found)
    if wrong:
        raise ValueError(f"{wrong} rows of ranks have not {BINS} bins that add up to the number of fits")
    return found


def panels(rows: list[Row]) -> Iterator[tuple[tuple[str, int, int], list[Row]]]:
    """The rows of each model of one size and number of fits."""

    def place(row: Row) -> tuple[str, int, int]:
        return row["setting"], row["n"], row["runs"]

    for key, some in groupby(sorted(counted(rows), key=lambda row: (place(row), row["what"])), place):
        yield key, list(some)


def one_panel(ax: Any, model: str, n: int, runs: int, rows: list[Row]) -> None:
    """The lines of one model over its bands; the most extreme one in colour and by name."""
    at = np.concatenate([[0.0], ENDS, [1.0]])
    for critical, colour in ((together(runs), "#E3E3E3"), (POINTWISE / 2, "#BDBDBD")):
        low, high = (np.pad(side, 1) for side in band(runs, critical))
        ax.fill_between(at, low, high, color=colour, lw=0)
    counts = np.array([row["counts"] for row in rows])
    lines = np.pad(counts.cumsum(axis=1) / runs, ((0, 0), (1, 0))) - at
    extreme = int(least_tail(counts).argmin())
    ax.plot(at, np.delete(lines, extreme, axis=0).T, color="#0072B2", lw=0.6)
    ax.plot(at, lines[extreme], color="#D55E00", lw=1.4)
    beyond = " (leaves the band)" if leaves(rows[extreme]) else ""
    ax.text(0.02, 0.03, rows[extreme]["what"] + beyond, color="#A04000", fontsize=6.5, transform=ax.transAxes)
    quantities = f"{len(rows)} quantities" if len(rows) > 1 else "1 quantity"
    ax.set_title(f"{model}\nn = {n:,}, {runs:,} fits, {quantities}", fontsize=7.5, loc="left")
    ax.axhline(0.0, color="#555555", lw=0.5)
    ax.set_xlim(0.0, 1.0)
    ax.spines[["top", "right"]].set_visible(False)


def draw_ranks(rows: list[Row], path: Path) -> None:
    """Write the figure; nothing where no row keeps its counts."""
    import matplotlib
    from matplotlib.figure import Figure

    shown = list(panels(rows))
    if not shown:
        return
    deep = -(-len(shown) // COLUMNS)
    with matplotlib.rc_context({"svg.hashsalt": "ranks", "font.size": 7, "svg.fonttype": "none"}):
        figure = Figure(figsize=(10, 2.3 * deep + 0.3))
        axes = figure.subplots(deep, COLUMNS, sharex=True, sharey=True, squeeze=False)
        for ax, (key, some) in zip(axes.flat, shown, strict=False):
            one_panel(ax, *key, some)
        for ax in axes.flat[len(shown) :]:
            ax.set_visible(False)
        for column in range(min(COLUMNS, len(shown))):
            lowest = axes[(len(shown) - 1 - column) // COLUMNS, column]
            lowest.set_xlabel("place of the truth among the draws")
            lowest.tick_params(labelbottom=True)
        reach = 1.25 * max(abs(limit) for ax in axes.flat[: len(shown)] for limit in ax.dataLim.intervaly)
        axes[0, 0].set_ylim(-reach, reach)
        for ax in axes[:, 0]:
            ax.set_ylabel("difference from uniform")
        figure.tight_layout()
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Title": "Ranks of simulation-based calibration"})


def told(rows: list[Row]) -> list[str]:
    """The figure on the page, with the quantities that leave their bands."""
    found = [row for _, some in panels(rows) for row in some]
    if not found:
        return []
    out = [f"{row['setting']}: {row['what']}" for row in found if leaves(row)]
    names = f" ({'; '.join(out)})" if out else ""
    return [
        "![Distribution function of the place of the truth among the draws less the uniform one, "
        "a panel a model and a line a quantity, over the limits of chance](images/ranks.svg)",
        "",
        "Lines: distribution function of the place of the truth at the ends of 20 bins, less the uniform one; in orange",
        "and by name the one with the smallest tail probability. Dark grey: 95 % of the places of a uniform line, end by",
        f"end. Light grey: 95 % for all ends of a line together, by {SIMULATED:,} simulated lines; at most 1 in 20",
        "uniform lines leaves it anywhere. Lines of one model are not independent. Models without counts of places are",
        "not in the figure.",
        "",
        f"Lines that leave it: {len(out)} of {len(found)}{names}.",
        "",
    ]
