"""An endpoint: times, causes and the rows they belong to, with ties decided and the rows sorted.

`endpoint_from_columns` makes one from any data frame; `ikzf1_outcomes.definitions` makes EFS, OS and the others from a
cohort. An `Endpoint` that exists is valid, and nothing changes it.
"""

from ikzf1_outcomes.endpoint.columns import endpoint_from_columns, numbers
from ikzf1_outcomes.endpoint.making import draw_rows, make_endpoint, refuse, take_rows
from ikzf1_outcomes.endpoint.value import Columns, Endpoint, Groups, frozen, label, level_codes

__all__ = [
    "Columns",
    "Endpoint",
    "Groups",
    "draw_rows",
    "endpoint_from_columns",
    "frozen",
    "label",
    "level_codes",
    "make_endpoint",
    "numbers",
    "refuse",
    "take_rows",
]
