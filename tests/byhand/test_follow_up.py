"""Follow-up: the reverse Kaplan-Meier estimate, survivors, completeness."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import InputError, endpoint_from_columns, follow_up

F = Fraction

EIGHT = {
    "t": [3.0, 1, 2, 6, 4, 4, 5, 2],
    "s": [0, 1, 0, 0, 1, 0, 0, 1],
    "possible": [3.0, 8, 4, 6, 5, 4, 10, 4],
    "arm": list("ababaabb"),
}


def made(columns):
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes={1: "death"})


def test_the_flip_counts_deaths_as_censored_with_ties_as_r_has_them():
    # flipped events (censorings): 2 n 7; 3 n 5; 4 n 4; 5 n 2; 6 n 1. At 2 and 4 a death is tied: it leaves afterwards.
    flipped = [F(6, 7), F(6, 7) * F(4, 5), F(24, 35) * F(3, 4), F(18, 35) * F(1, 2), F(0)]
    assert [float(s) > 0.5 for s in flipped] == [True, True, True, False, False]
    table = follow_up(made(EIGHT)).set_index("term")
    # S at 3 is 24/35 <= 3/4; at 5 it is 9/35: above 1/4, so that the upper quartile is the last time
    assert table.loc[["lower quartile", "median", "upper quartile"], "estimate"].tolist() == [3, 5, 6]
    assert table.loc["median", "scale"] == "time"


def test_the_median_among_survivors():
    # censored at 2, 3, 4, 5, 6
    table = follow_up(made(EIGHT), "arm").set_index(["term", "group"])
    assert follow_up(made(EIGHT)).set_index("term").loc["median in survivors", "estimate"] == 4
    # a: 3, 2, 4 ; b: 6, 5
    assert table.loc["median in survivors", "estimate"].to_dict() == {"a": 3, "b": 5.5}
    assert table.loc["median in survivors", "n"].to_dict() == {"a": 4, "b": 4}


def test_completeness_counts_a_death_as_fully_observed():
    # possible 3 + 8 + 4 + 6 + 5 + 4 + 10 + 4 = 44; lost: patient 3 two years, patient 7 five years
    table = follow_up(made(EIGHT), "arm", potential="possible").set_index(["term", "group"])
    whole = follow_up(made(EIGHT), potential="possible").set_index("term")
    assert whole.loc["completeness", "estimate"] == pytest.approx(float(F(37, 44)), rel=1e-15)
    # a: 3 + 4 + 5 + 4 = 16, two lost; b: 8 + 6 + 10 + 4 = 28, five lost
    assert table.loc["completeness", "estimate"].to_dict() == {"a": pytest.approx(14 / 16), "b": pytest.approx(23 / 28)}
    assert whole.loc["completeness", "scale"] == "share"


def test_follow_up_past_the_cut_off_counts_to_the_cut_off():
    table = follow_up(made({**EIGHT, "possible": [2.0, 8, 4, 6, 5, 4, 10, 4]}), potential="possible").set_index("term")
    assert table.loc["completeness", "estimate"] == pytest.approx(36 / 43, rel=1e-15)


def test_without_a_cut_off_completeness_is_unknown_and_says_so():
    row = follow_up(made(EIGHT)).set_index("term").loc["completeness"]
    assert np.isnan(row["estimate"])
    assert row["note"] == "no data cut-off was given"


def test_everybody_died():
    table = follow_up(made({"t": [1.0, 2], "s": [1, 1]})).set_index("term")
    assert table.loc[["lower quartile", "median", "upper quartile"], "note"].tolist() == ["not reached"] * 3
    assert table["estimate"].isna().all()


def test_nobody_died():
    table = follow_up(made({"t": [1.0, 2, 3, 4], "s": [0, 0, 0, 0]})).set_index("term")
    # the flipped curve: 3/4, 1/2, 1/4, 0: flat on each of the three levels
    assert table.loc[["lower quartile", "median", "upper quartile"], "estimate"].tolist() == [1.5, 2.5, 3.5]
    assert table.loc["median in survivors", "estimate"] == 2.5


@pytest.mark.parametrize("by", [None, "arm"])
def test_a_missing_cut_off_is_named_by_its_row_in_the_data(by):
    columns = {**EIGHT, "possible": [3.0, 8, 4, 6, 5, 4, 10, np.nan]}
    with pytest.raises(InputError, match="a data cut-off is missing") as raised:
        follow_up(made(columns), by, potential="possible")
    assert raised.value.where == (8,)
