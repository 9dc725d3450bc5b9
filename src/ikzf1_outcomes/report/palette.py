"""How groups look and what they are called in figures: colours, dashes, names that can be drawn, the house style."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib import font_manager

FONT = "DejaVu Sans"
"""Comes with matplotlib, so that a figure looks the same everywhere."""

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#000000", "#999999")
"""Colour-blind safe (Okabe and Ito 2008); their yellow, too pale on white, gives way to grey."""

GREYS = ("#333333", "#6E6E6E", "#9C9C9C")

DASHES: tuple[Any, ...] = (
    "-",
    (0, (4, 1.3)),
    (0, (1.1, 1.1)),
    (0, (4.5, 1.2, 1.1, 1.2)),
    (0, (6.2, 1.6)),
    (0, (4.2, 1.1, 1.1, 1.1, 1.1, 1.1)),
    (0, (2.2, 1.2)),
    (0, (1.1, 2.4)),
)

STYLE: dict[str, Any] = {
    "font.family": [FONT],
    "font.size": 9.0,
    "text.parse_math": False,
    "text.usetex": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "ikzf1_outcomes",
    "axes.linewidth": 0.8,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
}

EDGE_WIDTH = 22
"""Characters in a line of a label at the right edge."""
SMALL, NORMAL, LARGE = 8.0, 9.0, 10.5
"""Font sizes in points: tables and notes, ticks and labels, titles."""


class Style(NamedTuple):
    """How a curve is drawn."""

    colour: str
    dash: Any
    width: float


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's defaults and our few changes, whatever the user has set; theirs come back afterwards."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def line_styles(n: int) -> list[Style]:
    """Styles of n curves: up to 8 in colour, each with its own dash; more in greys, told apart by their labels."""
    if n <= len(OKABE_ITO):
        return [Style(OKABE_ITO[i], DASHES[i], 1.6) for i in range(n)]
    return [Style(GREYS[i % len(GREYS)], DASHES[(i // len(GREYS)) % 4], 1.0) for i in range(n)]


def fill_colours(n: int) -> list[str]:
    """Colours of n stacked areas, neighbours differing in lightness too."""
    order = (1, 3, 0, 5, 2, 4, 7, 6)
    return [OKABE_ITO[order[i % len(order)]] for i in range(n)]


def level_name(level: Any) -> str:
    """A level in words: several columns joined by a comma, whole floats without their point."""
    if isinstance(level, tuple):
        return ", ".join(level_name(part) for part in level)
    return f"{level:g}" if isinstance(level, float) else str(level)


def clean_text(text: str) -> str:
    """One line of text without control characters, lone surrogates and invisible marks that turn the reading direction."""
    kept = (" " if (kind := unicodedata.category(c)) == "Cc" else "" if kind in ("Cf", "Cs") else c for c in text)
    return " ".join("".join(kept).split())


@lru_cache(maxsize=1)
def drawable_codes() -> frozenset[int]:
    """Code points that the font has."""
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return frozenset(font_manager.get_font(path).get_charmap())


def spelled_out(character: str) -> str:
    """A character as the font can draw it: itself, or its name or number in brackets."""
    if ord(character) in drawable_codes():
        return character
    if unicodedata.combining(character) or unicodedata.category(character) == "Mn":
        return ""
    name = unicodedata.name(character, "").lower()
    return f"[{name}]" if 0 < len(name) <= 30 and "ideograph" not in name else f"[U+{ord(character):04X}]"


def shorten(text: str, width: int) -> str:
    """At most `width` characters; the middle gives way to an ellipsis, since names often differ at their ends."""
    if len(text) <= width:
        return text
    head = width // 2
    return f"{text[:head].rstrip()}…{text[len(text) - (width - 1 - head) :].lstrip()}"


def visual_order(text: str) -> str:
    """Right-to-left runs (Hebrew, Arabic) turned round, since matplotlib lays every letter from left to right."""
    kinds = "".join(direction(c) for c in text)
    out = list(text)
    for run in re.finditer(r"R(?:[^L]*[RMD])?", kinds):
        turned = text[run.start() : run.end()][::-1]
        # Numbers inside the run, and marks that sit on the letter before them, keep their own order.
        turned = re.sub(r"%?\d+(?:[.,:/+-]\d+)*", lambda number: number[0][::-1], turned)
        turned = re.sub(r"([\u0300-\u036f\u0591-\u05c7\u064b-\u065f]+)(.)", lambda mark: mark[2] + mark[1][::-1], turned)
        out[run.start() : run.end()] = turned.translate(str.maketrans("()[]<>{}", ")(][><}{"))
    return "".join(out)


KINDS = {"NSM": "M", "EN": "D", "AN": "D", "ET": "D"}


def direction(character: str) -> str:
    """L, R, M (a mark), D (in a number) or N (neutral: spaces and signs)."""
    kind = unicodedata.bidirectional(character)
    return "R" if kind in ("R", "AL") else "L" if kind == "L" else KINDS.get(kind, "N")


def text_lines(text: str, width: int, lines: int = 1) -> str:
    """Text that can be drawn, in about `lines` lines of `width` characters; with one line, never more."""
    drawable = "".join(spelled_out(c) for c in clean_text(text))
    kept = shorten(drawable, width * lines)
    wrapped = textwrap.wrap(kept, width) if lines > 1 else [kept]
    return "\n".join(visual_order(line) for line in wrapped)


def distinct_names(levels: Sequence[Any], longest: int) -> list[str]:
    """Names of levels in at most about `longest` characters; those that come out alike are numbered."""
    names = [
        shorten("".join(spelled_out(c) for c in clean_text(level_name(level))) or "(blank)", longest) for level in levels
    ]
    times, seen = Counter(names), Counter[str]()
    out = []
    for name in names:
        seen[name] += 1
        out.append(name if times[name] == 1 else f"{name} ({seen[name]})")
    return out
