"""The closed grammar of a formula: text -> terms. Nothing in a formula is ever executed.

    formula     = product { "+" product }
    product     = interaction { "*" interaction }            a * b is a + b + a:b
    interaction = factor { ":" factor }                      three factors at most
    factor      = column | transformed | "rcs" "(" number "," knots ")" | "poly" "(" number "," degree ")"
                | "scale" "(" number ")"
    number      = column | transformed
    transformed = ( "log" | "log2" | "log10" | "sqrt" ) "(" column ")"

Functions nest no deeper than `rcs(log(wbc), 4)`, so that a formula of any length is read in one pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import NamedTuple, NoReturn

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula.terms import BASES, TRANSFORMS, Factor, Term, check_factors, nearest

KNOT_COUNTS = range(3, 8)
DEGREES = range(1, 6)

TOKEN = re.compile(
    r"\s*(?:(?P<name>[^\W\d]\w*(?:\.\w+)*)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<sign>\*\*|\S))"
)
SIGN_HINTS = {
    "-": "A term is left out by not naming it, and there is no intercept to remove.",
    "~": "Write the right-hand side alone: the endpoint is the outcome.",
    "^": "Write interactions out with ':' or '*'; make a power a column first, or use poly(x, 2).",
    "**": "Write interactions out with ':' or '*'; make a power a column first, or use poly(x, 2).",
    "/": "Write nesting out as a + a:b.",
    "%": "Write nesting out as a + a:b.",
    "|": "Strata and clusters are arguments: strata=, cluster=.",
    ".": "Name the columns.",
    "(": f"Parentheses stand only after {', '.join((*TRANSFORMS, *BASES))}.",
    **dict.fromkeys("'\"`", "Give columns of unusual names as a list."),
}
FUNCTION_HINTS = {
    **{name: f"It is an argument, {name}=, and no term." for name in ("strata", "cluster", "offset", "weights")},
    "I": "Make a column of it first.",
    **dict.fromkeys(("factor", "as.factor", "C"), "Text and categorical columns are categories; see references=."),
    **dict.fromkeys(("ns", "bs", "cr", "pspline"), "The spline of the grammar is rcs(x, 4)."),
    "ln": "Did you mean 'log'?",
}
ANY_HINT = f"A formula has columns, '+', ':', '*' and {', '.join((*TRANSFORMS, *BASES))}."


class Token(NamedTuple):
    """A piece of a formula: kind is name, number, sign or end."""

    kind: str
    text: str
    position: int


def parse_terms(terms: str | Sequence[str]) -> tuple[str, ...]:
    """Column names of a formula that has only columns, for analyses that take no other terms.

    Parameters
    ----------
    terms
        "age + ikzf1_class" or a list of column names.

    Returns
    -------
    tuple
        The names in written order.

    Raises
    ------
    InputError
        Empty or repeated terms, a formula outside the grammar, a function or an interaction; the place is named.

    Examples
    --------
    >>> parse_terms("age + ikzf1_class")
    ('age', 'ikzf1_class')
    """
    parsed = read_terms(terms)
    for term in parsed:
        if len(term.factors) > 1 or term.factors[0].is_call:
            raise InputError(
                f"position {term.factors[0].position}: {term.text!r} is more than a column",
                next_step="This analysis takes columns joined by '+': no functions, and not the signs ':' and '*'.",
            )
    return tuple(term.text for term in parsed)


def read_terms(terms: str | Sequence[str]) -> tuple[Term, ...]:
    """Terms of a formula or of a list of columns, single factors first and each interaction after its smaller ones."""
    if isinstance(terms, str):
        return unrepeated(Parser(tuple(tokens(terms))).formula())
    names = list(terms) if isinstance(terms, Iterable) else [terms]
    if not names or any(isinstance(name, str) and name == "" for name in names):
        raise InputError("a term is empty", next_step="Write terms as 'age + ikzf1_class' or as a list of columns.")
    strange = [place for place, name in enumerate(names, 1) if not isinstance(name, str)]
    if strange:
        raise InputError(
            "a term is not the name of a column as text",
            count=len(strange),
            next_step="Write terms as 'age + ikzf1_class' or as a list of columns; rename columns that are not text.",
        )
    return unrepeated([(Term((Factor(name),)), True) for name in names])


def beside(columns: Sequence[str], others: str | Sequence[str] | None) -> str | list[str]:
    """Columns with other terms beside them: a formula where the others are one, else a list of columns."""
    if isinstance(others, str):
        return " + ".join([*columns, others])
    return [*columns, *(others or ())]


def without_column(terms: str | Sequence[str] | None, column: str) -> str | list[str] | None:
    """The terms that do not hold a column; None where none is left."""
    if terms is None or not terms:
        return None
    left = [term.text for term in read_terms(terms) if column not in {factor.column for factor in term.factors}]
    if not left:
        return None
    return " + ".join(left) if isinstance(terms, str) else left


def tokens(text: str) -> Iterable[Token]:
    """The pieces of a formula with their places, counted from 1; the last is its end."""
    end = 0
    while found := TOKEN.match(text, end):
        kind, end = str(found.lastgroup), found.end()
        yield Token(kind, found[kind], found.start(kind) + 1)
    yield Token("end", "", len(text) + 1)


def unrepeated(found: Iterable[tuple[Term, bool]]) -> tuple[Term, ...]:
    """Terms once each. What `*` repeats is one term; what is written out twice is a slip and refused."""
    terms: dict[frozenset[str], Term] = {}
    plain: set[frozenset[str]] = set()
    twice: dict[str, int] = {}
    for term, written in found:
        if written and term.key in plain:
            twice.setdefault(term.text, term.factors[0].position)
        if written:
            plain.add(term.key)
        terms.setdefault(term.key, term)
    if twice:
        at = min(twice.values())
        raise InputError(f"{f'position {at}: ' if at else ''}a term is named twice: {', '.join(sorted(twice))}")
    return tuple(sorted(terms.values(), key=lambda term: len(term.factors)))


class Parser:
    """Recursive descent over the pieces of one formula."""

    def __init__(self, pieces: tuple[Token, ...]) -> None:
        self.pieces, self.at = pieces, 0

    @property
    def next(self) -> Token:
        """The piece to be read."""
        return self.pieces[self.at]

    def take(self) -> Token:
        """Read one piece."""
        self.at += 1
        return self.pieces[self.at - 1]

    def took(self, sign: str) -> bool:
        """Read a sign if it is the next piece."""
        found = self.next.kind == "sign" and self.next.text == sign
        self.at += found
        return found

    def expect(self, sign: str, example: str) -> None:
        """Read a sign that must be there."""
        if not self.took(sign):
            self.refuse(self.next, f"{sign!r} is missing before {shown(self.next)}", f"Write {example}.")

    def refuse(self, token: Token, problem: str, hint: str) -> NoReturn:
        """Raise with the place of a piece."""
        raise InputError(f"position {token.position}: {problem}", next_step=hint)

    def chain(self, part: Callable[[], Term | Factor | list[tuple[Term, bool]]], sign: str) -> list:
        """Parts joined by a sign."""
        parts = [part()]
        while self.took(sign):
            parts.append(part())
        return parts

    def formula(self) -> list[tuple[Term, bool]]:
        """All terms, and whether each was written out rather than made by `*`."""
        products = self.chain(self.product, "+")
        if self.next.kind != "end":
            self.unexpected(self.next)
        return [term for product in products for term in product]

    def product(self) -> list[tuple[Term, bool]]:
        """Interactions joined by `*`: each of them, and each of their products."""
        parts: list[Term] = self.chain(self.interaction, "*")
        check_factors([factor for part in parts for factor in part.factors])
        if len(parts) == 1:
            return [(parts[0], True)]
        subsets = (chosen for size in range(1, len(parts) + 1) for chosen in combinations(parts, size))
        return [(Term(tuple(factor for part in chosen for factor in part.factors)), False) for chosen in subsets]

    def interaction(self) -> Term:
        """Factors joined by `:`."""
        factors = self.chain(self.factor, ":")
        check_factors(factors)
        return Term(tuple(factors))

    def factor(self) -> Factor:
        """A column or a call."""
        first = self.take()
        if first.kind != "name":
            self.unexpected(first)
        if not (self.next.kind == "sign" and self.next.text == "("):
            return Factor(first.text, position=first.position)
        if first.text not in (*TRANSFORMS, *BASES):
            self.refuse(first, f"{shown(first)} is no function of the grammar", function_hint(first.text))
        return self.call(first)

    def call(self, function: Token) -> Factor:
        """A function of a column; `rcs`, `poly` and `scale` also of a transformed one."""
        name, example = function.text, {"rcs": "rcs(x, 4)", "poly": "poly(x, 2)"}.get(function.text, f"{function.text}(x)")
        self.expect("(", example)
        inner = self.take()
        if inner.kind != "name":
            self.refuse(inner, f"{name} takes a column, not {shown(inner)}", f"Write {example}.")
        nested = self.next.kind == "sign" and self.next.text == "("
        if nested and (name in TRANSFORMS or inner.text not in TRANSFORMS):
            hint = f"{name} takes a column" + ("." if name in TRANSFORMS else f" or {', '.join(TRANSFORMS)} of one.")
            self.refuse(inner, f"{shown(inner)} does not stand inside {name}", hint)
        found = self.call(inner) if nested else Factor(inner.text)
        size = 0
        knots: tuple[float, ...] = ()
        if name in ("rcs", "poly"):
            self.expect(",", example)
            if name == "rcs" and self.took("["):
                knots = self.knots()
            else:
                size = self.count(name, KNOT_COUNTS if name == "rcs" else DEGREES)
        self.expect(")", example)
        if name in TRANSFORMS:
            return Factor(found.column, transform=name, position=function.position)
        return Factor(found.column, found.transform, name, size, knots, function.position)

    def count(self, name: str, allowed: range) -> int:
        """The number of knots or the degree."""
        token = self.take()
        if token.kind != "number" or not token.text.isdigit() or len(token.text) > 2 or int(token.text) not in allowed:
            what, also = "degree", ""
            if name == "rcs":
                what, also = "number of knots", " or the knots themselves, rcs(x, [1, 5, 10])"
            hint = f"Give a whole number from {allowed[0]} to {allowed[-1]}{also}."
            self.refuse(token, f"{shown(token)} is no {what} of the grammar", hint)
        return int(token.text)

    def knots(self) -> tuple[float, ...]:
        """Explicit knots after the opening bracket."""
        found: list[float] = []
        while True:
            sign = -1.0 if self.took("-") else 1.0
            token = self.take()
            value = sign * float(token.text) if token.kind == "number" else float("nan")
            if not abs(value) < float("inf"):
                self.refuse(token, f"{shown(token)} is no knot", "Write knots as numbers: rcs(x, [1, 5, 10]).")
            if found and value <= found[-1]:
                self.refuse(token, f"the knot {shown(token)} is not above the one before", "Write knots in rising order.")
            found.append(value)
            if not self.took(","):
                break
        closing = self.next
        self.expect("]", "rcs(x, [1, 5, 10])")
        if len(found) < 3:
            self.refuse(closing, f"{len(found)} knots make no spline", "Give three knots or more.")
        return tuple(found)

    def unexpected(self, token: Token) -> NoReturn:
        """Refuse a piece that cannot stand where it does."""
        if token.kind == "end" or (token.kind == "sign" and token.text in ("+", "*", ":")):
            where = "at the end of the formula" if token.kind == "end" else f"before {token.text!r}"
            self.refuse(token, f"a term is empty {where}", "Write terms as 'age + ikzf1_class' or as a list of columns.")
        if token.kind == "number":
            self.refuse(token, f"the number {shown(token)} is no term", "There is no intercept to add or remove.")
        if token.kind == "name":
            self.refuse(
                token, f"{shown(token)} follows without '+', ':' or '*'", "Give columns of unusual names as a list."
            )
        self.refuse(token, f"{shown(token)} is not part of the grammar", SIGN_HINTS.get(token.text, ANY_HINT))


def shown(token: Token) -> str:
    """A piece in quotes, cut when it is long; a sign from beyond the keyboard with its code."""
    if token.kind == "end":
        return "the end of the formula"
    text = token.text if len(token.text) <= 40 else token.text[:37] + "..."
    return repr(text) if text.isascii() or token.kind != "sign" else f"{text!r} (U+{ord(text[0]):04X})"


def function_hint(name: str) -> str:
    """What to write instead of an unknown function."""
    if name in FUNCTION_HINTS:
        return FUNCTION_HINTS[name]
    near = nearest(name, (*TRANSFORMS, *BASES))
    return f"Did you mean {near!r}?" if near else ANY_HINT
