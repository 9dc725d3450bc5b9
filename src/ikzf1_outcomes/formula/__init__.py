"""Terms of a model -> design matrix, with named contrasts and reference levels.

A closed grammar reads the formula (`grammar`), bases and levels are learned from the rows and kept for new patients
(`bases`, `spec`), and the matrix is made from both (`matrix`). Nothing in a formula is ever executed.
"""

from ikzf1_outcomes.formula.grammar import parse_terms
from ikzf1_outcomes.formula.matrix import Design, design
from ikzf1_outcomes.formula.spec import Coefficient, DesignSpec, is_numeric

__all__ = ["Coefficient", "Design", "DesignSpec", "design", "is_numeric", "parse_terms"]
