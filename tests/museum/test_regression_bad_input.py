"""Regressions on data and arguments that once gave a wrong number, a bare error or a warning."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import (
    ConvergenceError,
    InputError,
    adjust_p,
    cause_specific_cox,
    compare_families,
    concordance,
    contrasts,
    cox,
    elastic_net,
    endpoint_from_columns,
    fine_gray,
    impute_missing,
    interaction_effects,
    mixture_cure,
    parametric,
    relapse_timing,
    screen,
    split_cause,
    standardised_risk,
    sufficient_follow_up,
)
from ikzf1_outcomes.kernels.partial import FARTHEST
from ikzf1_outcomes.models.estimability import span_of
from ikzf1_outcomes.models.prediction import stratum_name

CAUSES = {1: "relapse", 2: "death"}
RNG = np.random.default_rng(5)
N = 80
FRAME = pd.DataFrame(
    {
        "t": RNG.exponential(3, N),
        "s": RNG.choice([0, 1, 2], N, p=[0.4, 0.4, 0.2]),
        "x": RNG.normal(size=N),
        "z": RNG.normal(size=N),
        "arm": RNG.choice(list("abc"), N),
        "pair": RNG.choice(list("pq"), N),
        "one": "k",
    }
)


def made(frame=FRAME, **options):
    return endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, **options)


FITS = {
    "cox": cox,
    "firth": lambda endpoint, terms: cox(endpoint, terms, penalty="firth"),
    "ridge": lambda endpoint, terms: cox(endpoint, terms, penalty=("ridge", 1.0)),
    "causes": cause_specific_cox,
    "fine_gray": lambda endpoint, terms: fine_gray(endpoint, terms, cause="relapse"),
    "parametric": parametric,
    "cure": mixture_cure,
    "elastic_net": lambda endpoint, terms: elastic_net(endpoint, terms, folds=None),
}


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
@pytest.mark.parametrize("terms", [[1], [("k", "arm")], [99], [None], [["x"]], 1, None])
def test_terms_that_are_no_text(fit, terms):
    endpoint = made(FRAME.rename(columns={"x": 1, "arm": ("k", "arm")}))
    with pytest.raises(InputError, match="not the name of a column as text"):
        fit(endpoint, terms)


@pytest.mark.parametrize("name", [7, [1], ["x", ["z"]]])
def test_strata_that_are_no_names(name):
    with pytest.raises(InputError, match="no column is called"):
        cox(made(), "x", strata=name)


def empty_together():
    """Both factors have events in each of their levels, and none where y and q come together."""
    rng = np.random.default_rng(8)
    frame = pd.DataFrame({"t": rng.exponential(3, 160) + 0.05, "a": rng.choice(["x", "y"], 160)})
    frame["b"] = rng.choice(["p", "q"], 160)
    frame["s"] = ((rng.random(160) < 0.6) & ~((frame["a"] == "y") & (frame["b"] == "q"))).astype(int)
    return made(frame)


@pytest.mark.parametrize("fit", [cox, parametric, mixture_cure], ids=["cox", "parametric", "cure"])
def test_levels_together_without_events_have_no_prediction(fit):
    # the extrapolating models left the interaction out and gave its patients 0.39, those of the others are right
    four = pd.DataFrame({"a": list("xxyy"), "b": list("pqpq")})
    found = fit(empty_together(), "a*b").predict(four, 2.0)
    assert np.isfinite(found["estimate"]).tolist() == [True, True, True, False]
    assert found["note"].iloc[3].startswith("not estimable")


def test_the_mean_share_of_cured_is_over_patients_who_are_known():
    assert np.isfinite(mixture_cure(empty_together(), "a*b").cured()["estimate"]).all()


@pytest.mark.parametrize(("one", "other"), [(1, "1"), (("a, b", "c"), ("a", "b, c")), (("a", 1), ("a", "1"))])
def test_strata_that_read_alike_are_not_one(one, other):
    assert stratum_name(one) != stratum_name(other)


def test_a_stratum_is_named_alike_whatever_type_holds_it():
    assert stratum_name(1) == stratum_name(1.0) == stratum_name(np.int64(1))
    assert stratum_name("a") == stratum_name(np.str_("a"))


@pytest.mark.parametrize("fit", [cox, cause_specific_cox])
def test_patients_are_predicted_in_their_own_stratum(fit):
    first = FRAME["pair"] == "p"
    frame = FRAME.assign(p=np.where(first, "a, b", "a"), q=np.where(first, "c", "b, c"))
    two = fit(made(frame), "x", strata=["p", "q"]).predict(frame, [1.0])
    own = fit(made(frame), "x", strata="pair").predict(frame, [1.0])
    np.testing.assert_allclose(two["estimate"], own["estimate"], rtol=1e-12)


def test_levels_that_read_alike_are_refused_as_a_term():
    mixed = pd.Series([1, "1"] * (N // 2), dtype=object)
    with pytest.raises(InputError, match="written alike"):
        cox(made(FRAME.assign(m=mixed)), "m")


@pytest.mark.parametrize(
    "fit",
    [
        lambda e: cox(e, "x", cluster="one"),
        lambda e: cause_specific_cox(e, "x", cluster="one"),
        lambda e: standardised_risk(cox(e, "x + arm"), "arm", at=2.0, cluster="one"),
    ],
)
def test_a_single_cluster_has_no_variance(fit):
    # the sum of the influences over everybody is 0: a standard error of 1e-12 and a p-value of 0
    with pytest.raises(InputError, match="only one cluster"):
        fit(made())


def test_no_more_clusters_than_coefficients():
    fit = cox(made(), "x + z + arm", cluster="pair")
    summary = fit.glance().iloc[0]
    assert np.isnan(summary["wald"])
    assert summary["note"] == "no Wald test: the covariance is singular"
    joint = contrasts(fit, {"x": {"x": 1}, "z": {"z": 1}, "b": {"arm (b vs a)": 1}}).glance().iloc[0]
    assert np.isnan(joint["p_value"])
    assert "singular" in joint["note"]


def test_combinations_of_each_other_still_count_once():
    joint = contrasts(cox(made(), "x + z"), {"x": {"x": 1}, "twice": {"x": 2}}).glance().iloc[0]
    assert joint["df"] == 1
    assert joint["note"] == ""


def test_everybody_dies_at_once_under_fine_gray():
    endpoint = made(FRAME.assign(t=2.0, s=1))
    fit = fine_gray(endpoint, "arm", cause="relapse")
    assert np.isnan(fit.glance()["statistic"].iloc[0])
    assert "singular" in fit.glance()["note"].iloc[0]
    table = screen(endpoint, ["x"], cause="relapse", method="fine_gray").tidy()
    assert np.isnan(table["p_value"]).all()


def test_clusters_of_a_fine_gray_model_without_coefficients():
    # one level has all events: nothing is left to estimate
    frame = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6], "s": [1, 1, 2, 0, 1, 0], "arm": list("aabbab"), "c": list("uvuvuv")})
    fit = fine_gray(made(frame), "arm", cause="relapse", cluster="c")
    assert fit.tidy()["estimate"].isna().sum() == 1
    assert fit.glance()["df"].iloc[0] == 0


@pytest.mark.parametrize("far", [1e4, 1e8, -1e4, -1e8])
@pytest.mark.parametrize("name", ["cox", "ridge", "causes", "fine_gray", "parametric"])
def test_patients_far_from_those_of_the_model(name, far):
    found = FITS[name](made(), "x").predict(pd.DataFrame({"x": [far]}), [1.0])
    assert found["estimate"].between(0.0, 1.0).all()
    assert found["std_error"].notna().all()
    assert (found["low"].isna() | (found["low"] <= found["estimate"])).all()


@pytest.mark.parametrize("family", ["weibull", "exponential", "log_normal", "log_logistic"])
@pytest.mark.parametrize("far", [1e8, -1e8])
def test_parametric_patients_far_from_those_of_the_model(family, far):
    found = parametric(made(), "x", family=family).predict(pd.DataFrame({"x": [far]}), [1.0])
    assert found["estimate"].between(0.0, 1.0).all()
    assert found["std_error"].notna().all()


def test_the_cap_on_log_hazards_moves_no_probability():
    # beyond the cap the hazard of the smallest possible step is already certain, or none
    assert np.exp(-np.exp(FARTHEST) * 1e-100) == 0.0
    assert np.exp(-np.exp(-FARTHEST) * 1e100) == 1.0


def test_a_baseline_beyond_all_numbers():
    # at 0 the hazard of one of the two is e to the power of some ten thousands, that of the other 0
    notes = []
    for sign in (1.0, -1.0):
        found = cox(made(FRAME.assign(x=sign * FRAME["x"] + 1e6)), "x").baseline()
        assert not np.isinf(found["estimate"]).any()
        notes.append(found["note"].str.contains("too large").all())
    assert sorted(notes) == [False, True]


def test_covariates_beyond_all_squares():
    for fit in FITS.values():
        with pytest.raises(InputError, match="infinite value"):
            fit(made(FRAME.assign(x=FRAME["x"] * 1e200)), "x")
    assert screen(made(), FRAME[["x"]] * 1e200).tidy()["note"].tolist() == ["term 'x' has an infinite value"]


def test_complex_numbers_are_no_covariate():
    with pytest.raises(InputError, match="complex"):
        cox(made(FRAME.assign(x=1j)), "x")


@pytest.mark.parametrize("times", ["a", ["a"], [[1.0, 2.0]], [object()]])
@pytest.mark.parametrize("name", ["cox", "causes", "fine_gray", "parametric"])
def test_times_that_are_none(name, times):
    with pytest.raises(InputError, match="times must be"):
        FITS[name](made(), "x").predict(FRAME, times)


def test_standardising_to_tuples_as_text_has_them():
    levels = np.empty(N, dtype=object)
    levels[:] = [("k", arm) for arm in FRAME["arm"]]
    found = standardised_risk(cox(made(FRAME.assign(level=levels)), "level"), "level", at=2.0)
    expected = standardised_risk(cox(made(), "arm"), "arm", at=2.0)
    np.testing.assert_allclose(found["estimate"], expected["estimate"], rtol=1e-12)


def few_at_one_site():
    """All relapses are at site r, whose patients differ in z."""
    frame = pd.DataFrame({"t": [3.0, 4, 1, 5, 2, 2, 3, 1], "s": [1, 1, 1, 0, 0, 0, 0, 0], "site": list("rrrrpqsu")})
    return made(frame.assign(z=[0.3, -0.9, 0.5, 0.7, 0.2, 0.1, 0.0, 0.4]))


def test_few_rows_after_columns_that_a_limit_leaves_empty_still_tell():
    # four rows and five columns, of which four are constant among them: z was called not estimable
    alone = few_at_one_site()
    found = cox(alone, "site + z").tidy().set_index("term")
    four = endpoint_from_columns(alone.frame[alone.frame["site"] == "r"], time="t", status="s", causes=CAUSES)
    expected = cox(four, "z").tidy()
    assert found.loc["z", "note"] == ""
    np.testing.assert_allclose(found.loc["z", "estimate"], expected["estimate"].iloc[0], rtol=1e-10)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_rows_tell_of_a_column_whatever_stands_before_it(n):
    x = np.zeros((n, 4))
    x[:2, 3] = 1.0, -1.0
    assert span_of(x).columns.tolist() == [3]
    assert span_of(x[:, [3, 0, 3, 1]]).columns.tolist() == [0]


def test_columns_are_independent_of_each_other_as_the_rank_has_it():
    rng = np.random.default_rng(3)
    for _ in range(50):
        x = rng.integers(0, 2, (int(rng.integers(2, 8)), 6)).astype(float)
        centred = x - x.mean(axis=0)
        ranks = [np.linalg.matrix_rank(centred[:, : k + 1]) for k in range(6)]
        assert span_of(x).columns.tolist() == np.flatnonzero(np.diff(ranks, prepend=0)).tolist()


def test_a_feature_that_a_limit_leaves_without_information():
    table = screen(few_at_one_site(), ["z"], adjust="site", cause="relapse").tidy()
    assert np.isfinite(table["estimate"]).all()
    frame = FRAME.assign(s=np.where(FRAME["arm"] == "b", 0, FRAME["s"]), x=np.where(FRAME["arm"] == "b", FRAME["x"], 0.0))
    row = screen(made(frame), ["x"], adjust="arm").tidy().iloc[0]
    assert np.isnan(row["estimate"])
    assert row["note"] != ""


def test_no_family_has_a_maximum():
    # events all at one time: the shape runs away in each family but the exponential
    frame = pd.DataFrame({"t": [2.0] * 6, "s": [1] * 6})
    found = compare_families(made(frame), [], families=["weibull", "log_normal"])
    assert found["aic"].isna().all()
    assert (found["note"] != "").all()
    with pytest.raises(InputError, match="no such family"):
        compare_families(made(), "x", families=[])


def test_the_search_of_a_cure_model_without_end():
    # the search came to where the likelihood is no number, and divided that by what it had expected
    frame = pd.DataFrame({"t": [3.0, 3, 3, 2, 3, 3, 3, 1], "s": [0, 1, 0, 0, 1, 1, 1, 0], "x": [2.0, 2, 0, 1, 1, 2, 0, 1]})
    with pytest.raises(ConvergenceError):
        mixture_cure(made(frame), "x")


@pytest.mark.parametrize("family", ["weibull", "log_normal", "log_logistic"])
def test_everybody_ends_at_one_time_and_most_without_the_event(family):
    # the Weibull's shape was e to the power of 297294, with a standard error of 1 and a log-likelihood of minus infinity
    frame = pd.DataFrame(
        {"t": 2.0, "s": [1] * 47 + [0] * 11 + [2] * 2, "arm": (["a"] * 7 + ["b"] * 21 + ["c"] * 14) * 1 + ["a"] * 18}
    )
    with pytest.raises(ConvergenceError, match="no maximum"):
        parametric(made(frame), "arm", family=family, cause="death")


def test_of_columns_that_say_the_same_the_later_is_named():
    for terms, named in (("x + z + copy", "copy"), ("copy + z + x", "x")):
        with pytest.raises(InputError, match=f"a combination of other columns: {named}"):
            cox(made(FRAME.assign(copy=2 * FRAME["x"] - 1)), terms)


@pytest.mark.parametrize(
    "combinations",
    ["x", {"a": ["x"]}, {"a": 1}, {"a": None}, {"a": {"x": "q"}}, {"a": {"x": 1e200}}, {"a": ({"x": 1},) * 3}, {}],
)
def test_combinations_that_are_none(combinations):
    for fit in (cox(made(), "x"), cox(made(), "x", penalty="firth")):
        with pytest.raises(InputError):
            contrasts(fit, combinations)


@pytest.mark.parametrize("variable", ["x + z", "x*z", "rcs(x, 4)", "log(x)", "my z"])
def test_an_interaction_of_what_is_no_column(variable):
    with pytest.raises(InputError):
        interaction_effects(made(FRAME.assign(**{"my z": FRAME["z"]})), variable, "arm")


@pytest.mark.parametrize("bad", [{"at": "2"}, {"at": [1, 2]}, {"at": np.nan}, {"conf_level": "x"}])
def test_standardised_risk_of_the_wrong_kind(bad):
    with pytest.raises(InputError):
        standardised_risk(cox(made(), "x + arm"), "arm", **{"at": 2.0, **bad})


@pytest.mark.parametrize("bad", [{"offset": "arm"}, {"references": "a"}, {"conf_level": None}, {"conf_level": "a"}])
def test_options_of_the_wrong_kind(bad):
    with pytest.raises(InputError):
        cox(made(), "arm", **bad)


@pytest.mark.parametrize("seed", ["a", -1, 1.5])
def test_a_seed_that_is_none(seed):
    missing = FRAME.assign(x=FRAME["x"].where(FRAME["x"] < 1))
    with pytest.raises(InputError, match="seed"):
        impute_missing(made(missing), "x", draws=2, seed=seed)
    with pytest.raises(InputError, match="seed"):
        screen(made(), ["x"], permutations=2, seed=seed)
    with pytest.raises(InputError, match="seed"):
        elastic_net(made(), ["x", "z"], folds=3, seed=seed)


@pytest.mark.parametrize(
    "bad",
    [
        lambda e: elastic_net(e, "x", alpha="a", folds=None),
        lambda e: elastic_net(e, "x", lambdas="abc", folds=None),
        lambda e: elastic_net(e, "x", n_lambdas=2.5, folds=None),
        lambda e: screen(e, ["x"], permutations="a", seed=1),
        lambda e: parametric(e, "x", family=["weibull"]),
        lambda e: mixture_cure(e, "x", latency="piecewise", cuts="abc"),
        lambda e: mixture_cure(e, "x", latency="piecewise", cuts=-1.0),
        lambda e: adjust_p(["a"]),
        lambda e: split_cause(e, "relapse", 3),
        lambda e: split_cause(e, "relapse", None),
        lambda e: split_cause(e, "relapse", np.zeros((N, 2))),
        lambda e: relapse_timing(e, cuts="ab"),
        lambda e: sufficient_follow_up(e, 3),
        lambda e: impute_missing(e, ["x", "z"], interactions=[1], seed=1),
    ],
)
def test_arguments_of_the_wrong_kind(bad):
    with pytest.raises(InputError):
        bad(made())


@pytest.mark.parametrize(
    "therapy",
    [
        {"end_of_therapy": -2.0},
        {"end_of_therapy": np.inf},
        {"end_of_therapy": [1, 2]},
        {"end_of_therapy": 2.0, "after_therapy": np.nan},
        {"end_of_therapy": 2.0, "after_therapy": "a"},
    ],
)
def test_an_end_of_therapy_that_is_no_time(therapy):
    # with a missing time after therapy nobody had a late relapse
    with pytest.raises(InputError):
        relapse_timing(made(time_unit="years"), **therapy)


def test_messages_do_not_list_levels_that_may_be_patients():
    frame = FRAME.assign(who=[f"NR-{k}" for k in range(N)])
    for fit in (FITS["cox"], FITS["firth"], FITS["fine_gray"], FITS["parametric"]):
        with pytest.raises((InputError, ConvergenceError)) as raised:
            fit(made(frame), "who + x")
        assert "NR-" not in str(raised.value)
        assert len(str(raised.value)) < 300


def test_one_cluster_gives_no_error_of_a_concordance():
    frame = pd.DataFrame({"t": [1.0, 2, 3, 4], "s": 1, "x": [3, 4, 1, 2], "centre": "a"})
    endpoint = endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"})
    with pytest.raises(InputError, match="only one cluster"):
        concordance(endpoint, "x", cluster="centre")
