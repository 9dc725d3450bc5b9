"""Effects within subgroups: Cochran's Q on paper, the ratios of the single models, and levels that tell nothing."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import ColumnError, InputError

RNG = np.random.default_rng(8)
N = 240
FRAME = pd.DataFrame(
    {
        "t": RNG.exponential(3, N).round(2) + 0.1,
        "s": RNG.choice([0, 1, 2], N, p=[0.4, 0.4, 0.2]),
        "kind": RNG.choice(["a", "b", "c"], N, p=[0.5, 0.3, 0.2]),
        "sex": RNG.choice(["f", "m"], N),
        "risk": RNG.choice(["low", "mid", "high"], N),
        "age": RNG.uniform(1, 17, N).round(1),
        "protocol": RNG.choice(["p", "q"], N),
    }
)


def endpoint(frame=FRAME):
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"})


def four_by_four():
    """Sixteen patients, followed to the end; the events before time 5 of each sex and arm: f 2 and 3, m 3 and 1, of 4."""
    events = {("f", "a"): 2, ("f", "b"): 3, ("m", "a"): 3, ("m", "b"): 1}
    rows = [(sex, arm, 1 + k, 1) if k < n else (sex, arm, 9, 0) for (sex, arm), n in events.items() for k in range(4)]
    return pd.DataFrame(rows, columns=["sex", "arm", "t", "s"])


def test_cochrans_q_on_paper():
    e = iko.endpoint_from_columns(four_by_four(), time="t", status="s", causes={1: "relapse"})
    table = iko.subgroup_effects(e, "arm", "sex", at=5)
    rows = table[(table["method"] == "risk difference") & (table["variable"] == "sex")]
    np.testing.assert_allclose(rows["estimate"], [3 / 4 - 2 / 4, 1 / 4 - 3 / 4])
    # p (1 - p) / n of each arm
    variance = np.array([3 / 16 / 4 + 4 / 16 / 4, 3 / 16 / 4 + 3 / 16 / 4])
    np.testing.assert_allclose(rows["std_error"], np.sqrt(variance))
    assert rows["n"].tolist() == [8, 8]
    assert rows["n_event"].tolist() == [5, 4]
    q = table[table["method"] == "Cochran's Q"].iloc[0]
    # of two: the squared difference over the sum of the variances, (3/4)^2 / (13/64)
    np.testing.assert_allclose(q["statistic"], 36 / 13)
    assert q["df"] == 1
    np.testing.assert_allclose(q["p_value"], chi2.sf(36 / 13, 1))
    assert (q["group"], q["term"], q["contrast"]) == ("", "arm:sex", "b vs a")


def test_q_of_three_levels_is_the_weighted_sum_of_squares():
    table = iko.subgroup_effects(endpoint(), "kind", "risk", at=3.0, cause="relapse")
    for contrast in ("b vs a", "c vs a"):
        own = table[
            (table["method"] == "risk difference") & (table["contrast"] == contrast) & (table["variable"] == "risk")
        ]
        assert own["group"].tolist() == ["high", "low", "mid"]
        d, v = own["estimate"].to_numpy(), own["std_error"].to_numpy() ** 2
        mean = (d / v).sum() / (1 / v).sum()
        test = table[(table["method"] == "Cochran's Q") & (table["contrast"] == contrast)].iloc[0]
        np.testing.assert_allclose([test["statistic"], test["df"]], [((d - mean) ** 2 / v).sum(), 2])


@pytest.mark.parametrize("method", ["cox", "firth", "fine_gray"])
def test_the_ratios_are_those_of_the_interaction_model(method):
    options = {
        "cause": "relapse",
        "adjust": "age",
        "method": method,
        "strata": None if method == "fine_gray" else "protocol",
    }
    table = iko.subgroup_effects(endpoint(), "kind", ["sex"], at=3.0, **options)
    found = iko.interaction_effects(endpoint(), "kind", "sex", **options)
    theirs = found.tidy().query("group != 'all'")
    ours = table[(table["variable"] == "sex") & table["method"].str.endswith("hazard")]
    assert ours[["group", "contrast"]].values.tolist() == theirs[["group", "contrast"]].values.tolist()
    for name in ("estimate", "std_error", "low", "high", "p_value", "n", "n_event"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-6)
    test, glance = table[table["term"] == "kind:sex"].iloc[0], found.glance().iloc[0]
    np.testing.assert_allclose([test["statistic"], test["p_value"]], [glance["statistic"], glance["p_value"]], rtol=1e-6)
    assert test["method"] == glance["method"]


def test_the_differences_are_those_of_the_level_alone():
    table = iko.subgroup_effects(endpoint(), "kind", "sex", at=3.0, references={"kind": "b"})
    men = FRAME[FRAME["sex"] == "m"].reset_index(drop=True)
    men["kind"] = pd.Categorical(men["kind"], categories=["b", "a", "c"])
    theirs = iko.risk_difference(endpoint(men), "kind", at=3.0)
    ours = table[(table["method"] == "risk difference") & (table["group"] == "m")]
    assert ours["contrast"].tolist() == ["a vs b", "c vs b"] == theirs["contrast"].tolist()
    for name in ("estimate", "low", "high", "n"):
        np.testing.assert_allclose(ours[name], theirs[name])


def test_the_overall_rows_are_the_plain_model_and_the_plain_difference():
    table = iko.subgroup_effects(
        endpoint(), "kind", ["sex", "risk"], at=3.0, cause="relapse", adjust="age", strata="protocol"
    )
    whole = table[table["variable"] == "all patients"]
    fit = iko.cox(endpoint(), ["kind", "age"], cause="relapse", strata="protocol").tidy()
    np.testing.assert_allclose(whole["estimate"].iloc[:2], fit.query("term == 'kind' and note != 'reference'")["estimate"])
    plain = iko.risk_difference(endpoint(), "kind", at=3.0, cause="relapse")
    np.testing.assert_allclose(whole["estimate"].iloc[2:], plain["estimate"])
    assert set(whole["group"]) == {"all"}


def test_levels_that_tell_nothing_are_rows_with_a_reason():
    odd = FRAME.assign(kind=FRAME["kind"].replace("c", "b"))
    # somebody in one group only, nobody in the reference, somebody in both
    odd["place"] = np.select(
        [odd["kind"].eq("a") & odd["sex"].eq("m"), odd["kind"].eq("b") & odd["sex"].eq("m")], ["x", "y"], "z"
    )
    table = iko.subgroup_effects(endpoint(odd), "kind", ["place", "sex"], at=3.0)
    rows = table[table["variable"] == "place"].set_index(["group", "method"])
    assert rows.loc[("x", "hazard"), "note"] == "not estimable: nobody in b"
    assert rows.loc[("y", "risk difference"), "note"] == "not estimable: nobody in a"
    assert rows.loc[("", "Cochran's Q"), "note"] == "not estimable: 1 of 3 levels have a difference with a variance"
    assert "fewer than two levels" in rows.loc[("", "test of the interaction"), "note"]
    assert rows.loc[("z", "hazard"), "n"] == (odd["sex"] == "f").sum()
    assert table.loc[table["variable"] == "sex", "estimate"].notna().sum() == 4


def test_a_level_without_the_reference_does_not_take_the_model_with_it():
    odd = FRAME.assign(kind=FRAME["kind"].replace("c", "b"), place=FRAME["risk"])
    # the first level of the subgroup has nobody in the reference
    odd.loc[odd["kind"].eq("a") & odd["place"].eq("high"), "place"] = "mid"
    table = iko.subgroup_effects(endpoint(odd), "kind", "place", at=3.0)
    rows = table[(table["variable"] == "place") & (table["method"] == "hazard")].set_index("group")
    assert rows["estimate"].isna().to_dict() == {"high": True, "low": False, "mid": False}
    both = odd[odd["place"] != "high"].reset_index(drop=True)
    theirs = iko.interaction_effects(endpoint(both), "kind", "place").tidy().set_index("group")
    np.testing.assert_allclose(rows.loc[["low", "mid"], "estimate"], theirs.loc[["low", "mid"], "estimate"])
    assert table.loc[table["method"] == "likelihood-ratio test", "n"].tolist() == [len(both)]


def test_a_group_without_events_has_no_part_in_q():
    frame = four_by_four().assign(s=lambda d: np.where((d["sex"] == "f") & (d["arm"] == "a"), 0, d["s"]))
    e = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"})
    table = iko.subgroup_effects(e, "arm", "sex", at=5)
    test = table[table["method"] == "Cochran's Q"].iloc[0]
    assert np.isnan(test["statistic"])
    assert test["note"] == "not estimable: 1 of 2 levels have a difference with a variance"


def test_a_subgroup_that_is_a_stratum_or_an_adjusting_column_leaves_its_own_model():
    table = iko.subgroup_effects(endpoint(), "kind", ["sex", "protocol"], at=3.0, strata="protocol", adjust=["sex", "age"])
    own = table[table["method"] == "hazard"].set_index(["variable", "group", "contrast"])["estimate"]
    theirs = iko.interaction_effects(endpoint(), "kind", "protocol", adjust=["sex", "age"]).tidy()
    np.testing.assert_allclose(own.loc["protocol"], theirs.query("group != 'all'")["estimate"])
    theirs = iko.interaction_effects(endpoint(), "kind", "sex", adjust="age", strata="protocol").tidy()
    np.testing.assert_allclose(own.loc["sex"], theirs.query("group != 'all'")["estimate"])


def test_missing_values_leave_what_they_must_and_no_more():
    frame = FRAME.copy()
    frame.loc[:9, "sex"] = None
    frame.loc[10:14, "kind"] = None
    table = iko.subgroup_effects(endpoint(frame), "kind", ["sex", "risk"], at=3.0)
    n = table[table["method"] == "hazard"].drop_duplicates(["variable", "group"]).groupby("variable")["n"].sum()
    assert n.to_dict() == {"all patients": N - 5, "sex": N - 15, "risk": N - 5}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"variable": "age"}, "'age' is a number"),
        ({"subgroups": ["age"]}, "'age' is a number"),
        ({"subgroups": []}, "no subgroup"),
        ({"subgroups": ["kind"]}, "one column twice"),
        ({"subgroups": ["sex", "sex"]}, "one column twice"),
        ({"method": "logistic"}, "no such method"),
        ({"method": "fine_gray"}, "needs a cause"),
        ({"cause": "fever"}, "no cause is called 'fever'"),
        ({"at": -1.0}, "must be a positive number"),
        ({"at": np.nan}, "must be a positive number"),
        ({"references": {"kind": "z"}}, "nobody has the reference level of 'kind'"),
    ],
)
def test_what_is_wrong_is_refused(given, problem):
    with pytest.raises(InputError, match=problem):
        iko.subgroup_effects(endpoint(), **{"variable": "kind", "subgroups": ["sex"], "at": 3.0, **given})


def test_unknown_columns_and_lone_levels_are_refused():
    with pytest.raises(ColumnError, match="no column is called 'sexx'"):
        iko.subgroup_effects(endpoint(), "kind", "sexx", at=3.0)
    with pytest.raises(InputError, match="only one level"):
        iko.subgroup_effects(endpoint(FRAME.assign(kind="a")), "kind", "sex", at=3.0)
    with pytest.raises(InputError, match="known of nobody"):
        iko.subgroup_effects(endpoint(FRAME.assign(sex=None)), "kind", "sex", at=3.0)
