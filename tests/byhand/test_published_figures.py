"""Published figures: read with their rounding, recomputed from each other, and turned into hazard ratios."""

from math import exp, log, sqrt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import ikzf1_outcomes as iko
from ikzf1_outcomes.evidence.consistency import curve_error, log_ratio_error
from ikzf1_outcomes.evidence.printed import over_rounding, printed

TABLE = iko.published_outcomes()


def checks_of(**row: object) -> pd.DataFrame:
    return iko.check_published(pd.DataFrame([row])).set_index("measure")


@pytest.mark.parametrize(
    ("text", "value", "least", "most"),
    [
        ("1.8", 1.8, 1.75, 1.85), ("1.80", 1.8, 1.795, 1.805), ("69", 69, 68.5, 69.5), (".001", 0.001, 0.0005, 0.0015),
        ("<.0001", 0.0001, 0, 0.0001), ("<= 0.05", 0.05, 0, 0.05), ("> 0.2", 0.2, 0.2, 1), ("0·04", 0.04, 0.035, 0.045),
    ],
)  # fmt: skip
def test_a_printed_figure_was_a_range(text: str, value: float, least: float, most: float) -> None:
    assert printed(text) == pytest.approx((value, least, most), rel=1e-12)


def test_nothing_printed_is_nothing() -> None:
    assert not any(printed(text).known for text in ("", " ", None, np.nan, pd.NA))
    assert over_rounding(lambda a: a, printed("")) == pytest.approx((np.nan,) * 3, nan_ok=True)


@pytest.mark.parametrize("text", ["n.s.", "1,8", "-0.2", "1.8 (1.4-2.3)", "1e-3"])
def test_figures_that_cannot_be_read(text: str) -> None:
    table = pd.DataFrame({"hazard_ratio": ["1.8", text]})
    with pytest.raises(iko.InputError, match="cannot be read; row 2") as error:
        iko.check_published(table)
    assert text not in str(error.value).removesuffix('As in "1.8", "<.001" or nothing.')


def test_the_matched_hazard_ratio_of_the_rare_types() -> None:
    """1.8 (1.4 to 2.3): SE log(2.3 / 1.4) / 3.92 = 0.127, z = 4.6; the middle of the limits is sqrt(3.22) = 1.794."""
    own = checks_of(hazard_ratio="1.8", ratio_low="1.4", ratio_high="2.3", printed_p="<.001")
    assert own.loc["std_error", "recomputed"] == pytest.approx(log(2.3 / 1.4) / (2 * norm.ppf(0.975)), rel=1e-12)
    assert round(own.loc["std_error", "recomputed"], 3) == 0.127
    assert log(1.8) / own.loc["std_error", "recomputed"] == pytest.approx(4.6, abs=0.05)
    assert own.loc["hazard ratio", "recomputed"] == pytest.approx(sqrt(1.4 * 2.3), rel=1e-12)
    ends = own.loc["hazard ratio", ["recomputed_low", "recomputed_high"]].tolist()
    assert ends == pytest.approx([sqrt(1.35 * 2.25), sqrt(1.45 * 2.35)], rel=1e-12)
    assert own.loc["p value", "recomputed"] == pytest.approx(2 * norm.sf(log(1.8) / log_ratio_error(1.4, 2.3)), rel=1e-9)
    assert own["agrees"].tolist()[1:] == [True, True]
    assert own["agrees"].isna().tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("row", "measure", "words"),
    [
        # the middle of 1.4 to 2.9 is 2.01: at most sqrt(1.45 * 2.95) = 2.07, at least 1.96, and never 1.75
        ({"hazard_ratio": "1.7", "ratio_low": "1.4", "ratio_high": "2.9"}, "hazard ratio", "not in the middle"),
        ({"hazard_ratio": "2.6", "ratio_low": "1.4", "ratio_high": "2.3"}, "hazard ratio", "do not enclose"),
        ({"hazard_ratio": "1.8", "ratio_low": "2.3", "ratio_high": "1.4"}, "hazard ratio", "do not enclose"),
        ({"hazard_ratio": "1.8", "ratio_low": "1.4", "ratio_high": "2.3", "printed_p": ".04"}, "p value", "another p"),
        ({"hazard_ratio": "1.1", "ratio_low": "0.8", "ratio_high": "1.5", "printed_p": "<.01"}, "p value", "another p"),
        ({"n": 100, "n_deleted": 20, "share_deleted": "25"}, "share deleted", "another percent"),
        # 0.5 * 0.5 / 0.025^2 = 400 patients at the least behind an SE of 2 in an arm of 50
        ({"n": 80, "n_deleted": 50, "deleted": "50", "deleted_error": "2"}, "effective n, deleted", "too small"),
        ({"deleted": "50", "deleted_low": "55", "deleted_high": "70"}, "effective n, deleted", "do not enclose"),
    ],
)
def test_what_rounding_cannot_explain_is_flagged(row: dict, measure: str, words: str) -> None:
    own = checks_of(**row).loc[measure]
    assert not own["agrees"]
    assert words in own["note"]


@pytest.mark.parametrize(
    "row",
    [
        {"hazard_ratio": "2", "ratio_low": "1", "ratio_high": "3"},  # 1.12 to 2.29 are possible middles
        {"hazard_ratio": "1.0", "ratio_low": "0.8", "ratio_high": "1.3", "printed_p": ".98"},
        {"hazard_ratio": "1.3", "ratio_low": "1.0", "ratio_high": "1.7", "printed_p": ".05"},
        {"n": 400, "n_deleted": 62, "share_deleted": "16"},  # 15.5 %
        {"n": 400, "n_deleted": 62, "share_deleted": "15"},
        {"deleted": "50", "deleted_error": "0", "n": 80, "n_deleted": 50},
        {"hazard_ratio": "0.3", "ratio_low": "0.0", "ratio_high": "2.3", "printed_p": ".3"},  # 0.04, perhaps
        {"hazard_ratio": "1.0", "ratio_low": "1.0", "ratio_high": "1.0"},
        {"hazard_ratio": "1.8", "ratio_low": "1.82", "ratio_high": "1.88"},
    ],
)
def test_what_rounding_explains_is_not(row: dict) -> None:
    assert checks_of(**row)["agrees"].fillna(True).all()


def test_patients_behind_a_figure() -> None:
    """S (1 - S) / SE^2, and the SE behind log(-log) limits: 0.0640 and 57 patients, 0.0176 and 340."""
    checks = iko.check_published(TABLE)
    found = checks[checks["measure"].str.startswith("effective") & (checks["endpoint"] != "CIR")]
    behind = {key: own["recomputed"].round().tolist() for key, own in found.groupby(["study", "contrast"])}
    assert behind["Dörge 2013", "deleted vs not deleted"][0] == 86
    assert behind["Stanulla 2018", "IKZF1plus vs not deleted"][0] == 69
    assert behind["Stanulla 2018", "deleted, not plus, vs not deleted"][0] == 66
    assert behind["van der Veer 2014", "deleted vs not deleted"][:4] == [45, 28, 32, 9]
    assert behind["Vrooman 2018", "deleted vs not deleted"] == [57, 340]
    assert curve_error(0.63, 0.49, 0.74) == pytest.approx(0.0640, abs=5e-5)
    assert curve_error(0.88, 0.84, 0.91) == pytest.approx(0.0176, abs=5e-5)


def test_nothing_in_the_table_disagrees_beyond_rounding() -> None:
    checks = iko.check_published(TABLE)
    assert len(checks) == 46
    assert checks["agrees"].fillna(True).all()
    assert checks["agrees"].notna().sum() == 12


def test_an_error_from_a_p_value() -> None:
    own = checks_of(hazard_ratio="2.64", printed_p=".019").loc["std_error"]
    assert own["recomputed"] == pytest.approx(log(2.64) / norm.isf(0.0095), rel=1e-9)
    assert len(checks_of(hazard_ratio="2.64", printed_p="<.05")) == 0


# -- the table -----------------------------------------------------------------------------------------------------------


def test_the_table_says_what_is_recalled() -> None:
    assert set(TABLE["status"]) == {"S", "R+"}
    assert (TABLE["verified"] == (TABLE["status"] == "S")).all()
    assert set(TABLE.loc[~TABLE["verified"], "study"]) == {"Stanulla 2018"}
    assert TABLE["cohort_id"].str.len().gt(0).all()
    overlapping = TABLE.groupby("cohort_id")["study"].unique()
    assert set(overlapping["DFCI 05-001"]) == {"Vrooman 2018", "Harris 2013", "Tran 2018"}
    assert set(overlapping["AIEOP-BFM ALL 2000"]) == {"Dörge 2013", "Stanulla 2018"}
    assert not TABLE.duplicated(["study", "population", "endpoint", "contrast", "time"]).any()
    assert (TABLE["n_deleted"].dropna() <= TABLE["n"].reindex(TABLE["n_deleted"].dropna().index)).all()


# -- hazard ratios -------------------------------------------------------------------------------------------------------


def test_relapse_from_incidence_and_survival_on_paper() -> None:
    """E = 0.6, C = 0.3: relapse is 3/4 of all events and of -log 0.6; 0.8 and 0.1: half of -log 0.8."""
    arms = [0.6, 0.8], [0.05, 0.02], [0.3, 0.1], [0.05, 0.015]
    row = iko.ratio_from_curves(*arms, cause="relapse").iloc[0]
    assert row["log_hazard"] == pytest.approx(log(-log(0.8) / 2), rel=1e-12)
    assert exp(row["estimate"]) == pytest.approx(-log(0.6) * 0.75 / (-log(0.8) / 2), rel=1e-12)
    variance = 0.0
    for e, se, c, sc in zip(*arms, strict=True):
        a, rho = 1 / (e * log(e)) + 1 / (1 - e), -sqrt(e * c / ((1 - e) * (1 - c)))
        variance += a**2 * se**2 + (sc / c) ** 2 + 2 * rho * a / c * se * sc
    assert row["std_error"] == pytest.approx(sqrt(variance), rel=1e-12)
    # the two causes share all hazard
    other = iko.ratio_from_curves(*arms, cause="other").iloc[0]
    assert exp(row["log_hazard"]) + exp(other["log_hazard"]) == pytest.approx(-log(0.8), rel=1e-12)
    whole = iko.ratio_from_curves(*arms[:2], cause="any").iloc[0]
    assert whole["estimate"] == pytest.approx(log(log(0.6) / log(0.8)), rel=1e-12)
    assert whole["std_error"] == pytest.approx(
        sqrt((0.05 / (0.6 * log(0.6))) ** 2 + (0.02 / (0.8 * log(0.8))) ** 2), rel=1e-12
    )


def test_where_all_events_are_relapses_relapse_is_any_event() -> None:
    arms = [0.6, 0.8], [0.05, 0.02], [0.4, 0.2], [0.05, 0.02]
    relapse, whole = (iko.ratio_from_curves(*arms, cause=cause).iloc[0] for cause in ("relapse", "any"))
    for name in ("estimate", "std_error", "log_hazard", "log_hazard_error"):
        assert relapse[name] == pytest.approx(whole[name], rel=1e-7)
    with pytest.raises(iko.InputError, match="no other events"):
        iko.ratio_from_curves(*arms, cause="other")
    rounded = iko.ratio_from_curves([0.69, 0.8], [0.05, 0.02], [0.32, 0.2], [0.05, 0.02], cause="relapse").iloc[0]
    assert rounded["note"].startswith("survival and incidence add up to more than 1")


@pytest.mark.parametrize("cause", ["relapse", "other"])
def test_the_error_is_that_of_patients_drawn_anew(cause: str) -> None:
    """400 and 900 patients without censoring, 40,000 times: the spread of the log hazard ratio is its standard error."""
    rng = np.random.default_rng(8)
    sizes, truth = (400, 900), ((0.6, 0.25, 0.15), (0.8, 0.12, 0.08))
    logs = []
    for n, p in zip(sizes, truth, strict=True):
        share = rng.multinomial(n, p, 40_000) / n
        which = share[:, 1 if cause == "relapse" else 2]
        logs.append(np.log(-np.log(share[:, 0]) * which / (1 - share[:, 0])))
    spread = (logs[0] - logs[1]).std()
    e, c = ([p[k] for p in truth] for k in (0, 1))
    errors = [[sqrt(q * (1 - q) / n) for q, n in zip(own, sizes, strict=True)] for own in (e, c)]
    row = iko.ratio_from_curves(e, errors[0], c, errors[1], cause=cause).iloc[0]
    # the spread of 40,000 draws is known to 0.35 %, the delta method misses terms of order 1 / n
    assert row["std_error"] == pytest.approx(spread, rel=0.03)
    if cause == "relapse":  # errors taken as independent would miss it
        slopes = [(1 / (x * log(x)) + 1 / (1 - x), 1 / y) for x, y in zip(e, c, strict=True)]
        parts = [(a * s) ** 2 + (b * t) ** 2 for (a, b), s, t in zip(slopes, *errors, strict=True)]
        assert abs(sqrt(sum(parts)) / spread - 1) > 0.05


def test_survival_alone_does_not_tell_relapse() -> None:
    with pytest.raises(iko.InputError, match="survival alone does not tell how many relapsed"):
        iko.ratio_from_curves([0.63, 0.88], [0.064, 0.018], cause="relapse")


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        (([69, 85], [5, 1]), "does not lie between 0 and 1; rows 1, 2"),
        (([0.6, 0.8], [0.05, 0.0]), "not above 0; row 2"),
        (([0.6], [0.05]), "not of two arms"),
        ((0.6, 0.05), "not of two arms"),
        ((["a", 0.5], [0.1, 0.1]), "no numbers"),
        (([0.6, 0.8], [0.05, 0.02], [0.5, 0.1], [0.05, 0.02]), "more than 1; row 1"),
        (([0.6, 0.8], [0.05, 0.02], [0.3, np.nan], [0.05, 0.02]), "incidence does not lie between 0 and 1; row 2"),
        (([0.6, 0.8], [0.05, 0.02], [0.3, 0.1], [0.05, np.nan]), "not above 0; row 2"),
    ],
)
def test_arms_that_are_refused(arms: tuple, words: str) -> None:
    with pytest.raises(iko.InputError, match=words):
        iko.ratio_from_curves(*arms, cause="relapse" if len(arms) > 2 else "any")


def test_effects_of_the_table() -> None:
    found = iko.published_effects(TABLE, cause="any")
    own = found[found["estimate"].notna()].set_index("study")
    assert own.loc["Boer 2016", "estimate"] == pytest.approx(log(1.8), rel=1e-12)
    assert own.loc["Boer 2016", "std_error"] == pytest.approx(log(2.3 / 1.4) / (2 * norm.ppf(0.975)), rel=1e-12)
    # crude ratios of the cumulative hazards: 2.3 and 3.6
    assert exp(own.loc["Dörge 2013", "estimate"]) == pytest.approx(log(0.69) / log(0.85), rel=1e-12)
    assert round(exp(own.loc["Dörge 2013", "estimate"]), 1) == 2.3
    assert round(exp(own.loc["Vrooman 2018", "estimate"]), 1) == 3.6
    assert exp(own.loc["Dörge 2013", "log_hazard"]) == pytest.approx(-log(0.85), rel=1e-12)
    assert np.isnan(own.loc["Boer 2016", "log_hazard"])
    without = found[found["estimate"].isna()]
    assert set(without["study"]) == {"Harris 2013", "Olsson 2015", "van der Veer 2014", "Stanulla 2018"}
    assert without["note"].str.startswith("no estimate").all()


def test_relapse_of_the_table_needs_both_curves() -> None:
    found = iko.published_effects(TABLE, cause="relapse")
    own = found[found["estimate"].notna()]
    assert own["study"].tolist() == ["Dörge 2013", "Stanulla 2018", "Stanulla 2018"]
    first = own.iloc[0]
    deleted, not_deleted = -log(0.69) * 21 / 31, -log(0.85) * 10 / 15
    assert first["estimate"] == pytest.approx(log(deleted / not_deleted), rel=1e-12)
    assert exp(first["log_hazard"]) == pytest.approx(not_deleted, rel=1e-12)
    # incidence and survival of other patients, or without errors, are no pair
    by_study = found.set_index("study")["note"]
    assert "was not seen" in by_study["Vrooman 2018"]
    assert "was not seen" in by_study["Boer 2016"]


def test_a_table_without_its_columns_or_with_odd_figures() -> None:
    with pytest.raises(iko.ColumnError, match="'cohort_id'"):
        iko.published_effects(TABLE.drop(columns="cohort_id"), cause="any")
    with pytest.raises(iko.InputError, match="no such cause"):
        iko.published_effects(TABLE, cause="death")
    with pytest.raises(iko.ColumnError, match="no table"):
        iko.check_published([1, 2])  # type: ignore[arg-type]
    twice = pd.concat([TABLE, TABLE.head(1)])
    with pytest.raises(iko.InputError, match="more than once; rows 1, 34"):
        iko.published_effects(twice, cause="relapse")
    odd = TABLE.assign(deleted="100")
    with pytest.raises(iko.InputError, match="the curves of a row: survival does not lie between 0 and 1; row 1"):
        iko.published_effects(odd, cause="any")
    backward = TABLE.assign(ratio_low=TABLE["ratio_high"], ratio_high=TABLE["ratio_low"])
    with pytest.raises(iko.InputError, match="do not ascend from above 0; row 22"):
        iko.published_effects(backward, cause="any")
