"""Data and arguments that a Fine-Gray model cannot take, and small data that broke other programs."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import ColumnError, ConvergenceError, InputError, endpoint_from_columns, landmark
from ikzf1_outcomes.models.assumptions import proportional_hazards_test
from ikzf1_outcomes.models.subdistribution import fine_gray

CAUSES = {1: "relapse", 2: "death"}
EIGHT = {
    "t": [1.0, 2, 3, 4, 5, 6, 7, 8],
    "s": [1, 2, 0, 1, 1, 0, 2, 1],
    "x": [1.0, 3, 2, 0, 1, 4, 2, 2],
    "arm": list("abaabbab"),
}


def made(columns, **options):
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes=CAUSES, **options)


def test_several_rows_of_a_patient_are_refused():
    """A covariate that changes has no value after a competing event, yet its patient stays in the risk sets."""
    columns = {**EIGHT, "entry": [0.0, 0, 0, 1, 0, 0, 0, 0], "id": [0, 1, 2, 0, 3, 4, 5, 6], "s": [0, 2, 0, 1, 1, 0, 2, 1]}
    with pytest.raises(InputError, match="several rows of one patient: after a competing event") as raised:
        fine_gray(made(columns, entry="entry", subject="id"), "x", cause="relapse")
    assert raised.value.count == 1
    one_each = {**EIGHT, "id": range(8)}
    assert fine_gray(made(one_each, subject="id"), "x", cause="relapse").n == 8


def test_one_landmark_for_all_needs_no_weights_for_entry():
    everybody = {**EIGHT, "x": [1.0, 3, 2, 2, 1, 4, 2, 0.5]}
    later = {name: values[1:] for name, values in everybody.items()}
    ours = fine_gray(landmark(made(everybody), 1.5), "x", cause="relapse")
    theirs = fine_gray(made(later), "x", cause="relapse").tidy()
    np.testing.assert_allclose(ours.tidy()[["estimate", "std_error"]], theirs[["estimate", "std_error"]], rtol=1e-9)
    assert ours.glance()["method"].tolist() == ["Fine-Gray, Breslow ties"]


def test_a_weight_without_bound_is_refused():
    """The death stands for those who were under observation at 1; at 3.5 only those are who came at 3.5."""
    columns = {
        "t": [1.0, 2, 3, 4, 5, 6], "s": [2, 1, 1, 1, 0, 1], "x": [1.0, 0, 2, 1, 0, 2], "entry": [0.0, 0, 0, 3.5, 3.5, 3.5],
    }  # fmt: skip
    with pytest.raises(InputError, match="their weight has no bound") as raised:
        fine_gray(made(columns, entry="entry"), "x", cause="relapse")
    assert raised.value.where == (1,)
    # positions are those of the rows given, not of those analysed
    more = {name: [value, *columns[name]] for name, value in (("t", 1.5), ("s", 0), ("x", np.nan), ("entry", 0.0))}
    with pytest.raises(InputError, match="their weight has no bound") as raised:
        fine_gray(made(more, entry="entry"), "x", cause="relapse")
    assert raised.value.where == (2,)
    # without a death before, nobody needs a weight; nor where the last before was censored, which ends it
    for status in ([1, 1, 2, 1, 0, 1], [2, 1, 0, 1, 0, 1]):
        seen = {**columns, "s": status, "t": [1.0, 2, 3, 4, 5, 6]}
        if status[2] == 2:
            seen["entry"] = [0.0, 0, 0, 2.5, 3.5, 3.5]
        assert np.isfinite(fine_gray(made(seen, entry="entry"), "x", cause="relapse").tidy()["std_error"]).all()


def test_who_was_never_at_risk_at_an_event_tells_of_censoring_alone():
    """A row that enters and is censored between two events; its covariate may be as far out as it likes."""
    columns = {**EIGHT, "entry": [0.0, 0, 2.5, 0, 0, 0, 3.5, 0]}
    near, far = ({**columns, "x": [*EIGHT["x"][:2], value, *EIGHT["x"][3:]]} for value in (2.0, 1e9))
    left, right = (fine_gray(made(c, entry="entry"), "x", cause="relapse").tidy() for c in (near, far))
    np.testing.assert_allclose(left[["estimate", "std_error"]], right[["estimate", "std_error"]], rtol=1e-6)


@pytest.mark.parametrize(
    ("effects", "message"),
    [
        ({"y": "linear"}, "time_effects names no term of the model: y"),
        ({"x": "exp"}, "there is no such function of time for x"),
        ({"x": np.nan}, "there is no such function of time for x"),
        ({"x": True}, "there is no such function of time for x"),
        ({"x": []}, "no function of time for x"),
        (["x"], "must map terms to functions of time"),
        ({"x": 8.0}, "the function of time is the same at all events: x:step"),
        ({"x": 0.5}, "the function of time is the same at all events: x:step"),
        ({"x": ["linear", "linear"]}, "a combination of its others"),
        ({"x": [1.0, 1.5]}, "a combination of its others"),
        ({"x": ["linear", "square", "sqrt", "log1p", 4.5]}, "a combination of its others"),
    ],
)
def test_effects_of_time_that_do_not_exist(effects, message):
    with pytest.raises(InputError, match=message):
        fine_gray(made(EIGHT), "x", cause="relapse", time_effects=effects)


def sixty():
    """Enough patients for a change to have a maximum; no event at time 0 but a death and a censoring."""
    rng = np.random.default_rng(8)
    t, s = rng.integers(1, 12, 60).astype(float), rng.integers(0, 3, 60)
    t[:2], s[:2] = 0.0, [2, 0]
    return {"t": t, "s": s, "x": rng.normal(size=60), "arm": rng.choice(list("abc"), 60)}


def test_no_logarithm_of_time_0():
    quiet = sixty()
    columns = {**quiet, "s": np.r_[1, quiet["s"][1:]]}
    with pytest.raises(InputError, match="an event at time 0 has no logarithm") as raised:
        fine_gray(made(columns), "x", cause="relapse", time_effects={"x": "log"})
    assert raised.value.where == (1,)
    fit = fine_gray(made(columns), "x", cause="relapse", time_effects={"x": "log1p"})
    assert np.isfinite(fit.tidy()["std_error"]).all()
    with pytest.raises(InputError, match="an event at time 0 has no logarithm") as raised:
        proportional_hazards_test(fine_gray(made(columns), "x", cause="relapse"), "log")
    assert raised.value.where == (1,)
    # a death or a censoring at time 0 has no part in it
    assert np.isfinite(fine_gray(made(quiet), "x", cause="relapse", time_effects={"x": "log"}).tidy()["std_error"]).all()
    with pytest.raises(InputError, match="there is no such transform of time"):
        proportional_hazards_test(fine_gray(made(quiet), "x", cause="relapse"), "square")


def test_a_change_that_separates_is_named():
    """After 4 only those with the smallest covariate relapse: the later effect has no maximum."""
    columns = {"t": [1.0, 2, 3, 5, 6, 7], "s": [1, 1, 1, 1, 2, 0], "x": [2.0, 0, 1, 0, 1, 2]}
    with pytest.raises(ConvergenceError, match=r"no finite hazard ratio for .*x:step\(time, 4\)"):
        fine_gray(made(columns), "x", cause="relapse", time_effects={"x": 4})


def test_levels_without_events_have_no_effect_that_changes():
    columns = sixty()
    columns["s"] = np.where((columns["arm"] == "c") & (columns["s"] == 1), 2, columns["s"])
    fit = fine_gray(made(columns), "arm", cause="relapse", time_effects={"arm": "linear"})
    tidy = fit.tidy()
    assert tidy["term"].tolist() == ["arm"] * 3 + ["arm:linear(time)"] * 2
    assert tidy["contrast"].tolist() == ["a", "b vs a", "c vs a", "b vs a", "c vs a"]
    assert tidy["note"].tolist() == ["reference", "", "not estimable: no events in c", "", "not estimable: no events in c"]
    assert fit.predict(pd.DataFrame({"arm": ["a", "b", "c"]}), 4.0)["estimate"].notna().tolist() == [True, True, False]
    assert fit.residuals("score").columns.tolist() == ["arm (b vs a)", "arm:linear(time) (b vs a)"]
    turned = fine_gray(made(columns), "arm", cause="relapse", references={"arm": "c"}, time_effects={"arm": "linear"})
    assert turned.tidy()["estimate"].isna().tolist() == [False, True, True, True, True]
    np.testing.assert_allclose(turned.glance()["log_likelihood"], fit.glance()["log_likelihood"], rtol=1e-10)


def test_no_events_of_the_cause():
    with pytest.raises(InputError, match="no events of relapse among the rows analysed"):
        fine_gray(made({**EIGHT, "s": [2, 2, 0, 2, 0, 0, 2, 0]}), "x", cause="relapse")
    missing = {**EIGHT, "x": [np.nan, 3, 2, np.nan, np.nan, 4, 2, np.nan]}
    with pytest.raises(InputError, match="no events of relapse"):
        fine_gray(made(missing), "x", cause="relapse")


def test_unknown_names():
    with pytest.raises(InputError, match="no cause is called 'nothing'"):
        fine_gray(made(EIGHT), "x", cause="nothing")
    for options in ({"cluster": "nowhere"}, {"censoring_strata": "nowhere"}):
        with pytest.raises(ColumnError, match="nowhere"):
            fine_gray(made(EIGHT), "x", cause="relapse", **options)
    with pytest.raises(ColumnError, match="nowhere"):
        fine_gray(made(EIGHT), "nowhere", cause="relapse")
    with pytest.raises(InputError, match="the reference level of 'arm' is not in the data"):
        fine_gray(made(EIGHT), "arm", cause="relapse", references={"arm": "z"})


def test_a_missing_cluster_is_refused_only_where_its_row_is_analysed():
    columns = {**EIGHT, "site": ["n", None, "s", "n", "s", "n", "s", "n"]}
    with pytest.raises(InputError, match="a cluster is missing") as raised:
        fine_gray(made(columns), "x", cause="relapse", cluster="site")
    assert raised.value.where == (2,)
    left_out = {**columns, "x": [1.0, np.nan, 2, 0, 1, 4, 2, 2]}
    assert fine_gray(made(left_out), "x", cause="relapse", cluster="site").n == 7


def test_too_few_clusters():
    """One cluster has an influence of 0, and no standard error; two give a covariance of rank one."""
    columns = {**EIGHT, "one": [1] * 8, "two": [1, 2] * 4}
    with pytest.raises(InputError, match="only one cluster"):
        fine_gray(made(columns), "x", cause="relapse", cluster="one")
    row = fine_gray(made(columns), "x + arm", cause="relapse", cluster="two").glance().iloc[0]
    assert np.isnan(row["wald"])
    assert row["note"] == "no Wald test: no more clusters than coefficients"


def test_constant_and_redundant_columns_are_named():
    with pytest.raises(InputError, match="constant among the rows analysed: x"):
        fine_gray(made({**EIGHT, "x": [2.0] * 8}), "x", cause="relapse")
    with pytest.raises(InputError, match="a combination of other columns"):
        fine_gray(made({**EIGHT, "y": [2 * v + 1 for v in EIGHT["x"]]}), "x + y", cause="relapse")
    with pytest.raises(InputError, match="constant among the rows analysed: x"):
        fine_gray(made({"t": [1.0], "s": [1], "x": [2.0]}), "x", cause="relapse")


@pytest.mark.parametrize("level", [0, 1, 95, np.nan])
def test_levels_of_confidence_that_do_not_exist(level):
    with pytest.raises(InputError, match="conf_level must lie between 0 and 1"):
        fine_gray(made(EIGHT), "x", cause="relapse", conf_level=level)


def test_everybody_at_one_time():
    fit = fine_gray(made({**EIGHT, "t": [1.0] * 8, "s": [1] * 8}), "x", cause="relapse")
    assert fit.tidy()["estimate"].iloc[0] == pytest.approx(0, abs=1e-9)
    one = fine_gray(made({**EIGHT, "t": [0.0] * 8}), "x", cause="relapse")
    assert np.isfinite(one.tidy()[["estimate", "std_error"]]).all(axis=None)


def test_the_death_of_the_first_patient_before_any_relapse():
    """Nobody else is at risk by then but the patients who died: their weights carry the likelihood."""
    columns = {"t": [1.0, 2, 3, 4, 5], "s": [2, 2, 2, 1, 1], "x": [0.0, 2, 1, 1, 0.5]}
    fit = fine_gray(made(columns), "x", cause="relapse")
    assert np.isfinite(fit.tidy()[["estimate", "std_error"]]).all(axis=None)
    # at 4 all five are in the risk set, at 5 all but the fourth
    assert fit.maximum.value_null == pytest.approx(-np.log(5) - np.log(4))


def test_a_stratum_without_censoring_and_one_that_ends_early():
    """Beyond the last follow-up of its stratum a death weighs nothing."""
    columns = {
        "t": [1.0, 2, 3, 2, 4, 5, 6, 7],
        "s": [2, 1, 0, 2, 1, 1, 2, 1],
        "x": [1.0, 0, 2, 0, 1, 0, 2, 0.5],
        "site": list("eeelllll"),
    }
    fit = fine_gray(made(columns), "x", cause="relapse", censoring_strata="site")
    # at 2: all eight. At 4: four of l, their death, and of e, last seen at 3, nobody
    expected = -np.log(8) - np.log(5) - np.log(4) - np.log(3)
    assert fit.maximum.value_null == pytest.approx(expected, rel=1e-12)


def test_weights_that_are_no_counts_get_a_note():
    columns = {**EIGHT, "w": [0.5, 1.5, 1, 1, 2, 1, 1, 1], "id": range(8)}
    fit = fine_gray(made(columns, weights="w"), "x", cause="relapse")
    assert fit.glance()["note"].tolist() == ["weights are not counts: name a cluster for standard errors"]
    assert fine_gray(made(columns, weights="w"), "x", cause="relapse", cluster="id").glance()["note"].tolist() == [""]


def test_weights_of_very_different_size():
    columns = {**EIGHT, "x": [1.0, 1.5, 2, 0, 1, 4, 2, 3], "w": [1e-6, 1e6, 1, 1, 2, 3, 1e-6, 1]}
    fit = fine_gray(made(columns, weights="w"), "x", cause="relapse")
    assert np.isfinite(fit.tidy()[["estimate", "std_error"]]).all(axis=None)


def test_a_covariate_with_huge_values_is_only_another_unit():
    plain, huge = (fine_gray(made({**EIGHT, "x": [k * v for v in EIGHT["x"]]}), "x", cause="relapse") for k in (1.0, 1e12))
    assert huge.tidy()["estimate"].iloc[0] * 1e12 == pytest.approx(plain.tidy()["estimate"].iloc[0], rel=1e-8)
    shifted = fine_gray(made({**EIGHT, "x": [v + 1e6 for v in EIGHT["x"]]}), "x", cause="relapse")
    assert shifted.tidy()["std_error"].iloc[0] == pytest.approx(plain.tidy()["std_error"].iloc[0], rel=1e-8)


# sets without a maximum that a Cox model, too, must not fit, with a death added that never falls ahead
RUNAWAY = {
    "two events": {
        "t": [0.0, 1, 3, 3, 3, 4], "s": [1, 0, 0, 0, 0, 1], "x": [-2.0, 0, -2, 1, -2, 1], "y": [-1.0, 2, -1, -1, 0, -1],
    },
    "a death behind": {"t": [1.0, 2, 3, 4, 5], "s": [1, 2, 1, 0, 0], "x": [5.0, 1, 3, 2, 1], "y": [0.0, 1, 0, 2, 1]},
    "a risk set whose weights vanish": {"t": [0.0, 0, 1, 2, 4], "s": [0, 1, 1, 1, 1], "x": [59.0, -68, -67, -23, -7]},
}  # fmt: skip


@pytest.mark.parametrize("case", RUNAWAY)
def test_a_likelihood_without_a_maximum_is_never_a_fit(case):
    with pytest.raises(ConvergenceError, match="it separates those with events from those without"):
        fine_gray(made(RUNAWAY[case]), [name for name in ("x", "y") if name in RUNAWAY[case]], cause="relapse")


def test_only_levels_without_events_are_left():
    """Nothing is left to fit: the table says so, and the tests have no statistic."""
    columns = {**EIGHT, "arm": ["a", "b", "b", "a", "a", "b", "b", "a"]}
    fit = fine_gray(made(columns), "arm", cause="relapse")
    assert fit.tidy()["note"].tolist() == ["reference", "not estimable: no events in b"]
    row = fit.glance().iloc[0]
    assert row["df"] == 0
    assert np.isnan(row["statistic"])
    assert fit.covariance.shape == (0, 0)
    table = fit.predict(pd.DataFrame({"arm": ["a", "b"]}), 4.0)
    assert table["estimate"].notna().tolist() == [True, False]


def test_predictions_for_what_the_model_does_not_know():
    fit = fine_gray(made(EIGHT), "x + arm", cause="relapse")
    new = pd.DataFrame({"x": [1.0, 2.0], "arm": ["a", "b"]})
    with pytest.raises(ColumnError, match="arm"):
        fit.predict(new[["x"]], 2.0)
    with pytest.raises(InputError, match="level"):
        fit.predict(new.assign(arm=["a", "z"]), 2.0)
    for times in ([-1.0], [np.nan], [np.inf]):
        with pytest.raises(InputError, match="a time is missing, infinite or negative"):
            fit.predict(new, times)
    for frame, times in ((new, []), (new.head(0), [1.0])):
        with pytest.raises(InputError, match="nothing to predict"):
            fit.predict(frame, times)
    with pytest.raises(InputError, match="no residuals are called 'deviance'"):
        fit.residuals("deviance")


def test_a_fit_does_not_change_under_its_holder():
    fit = fine_gray(made(EIGHT), "arm + x", cause="relapse")
    before = fit.tidy()
    with pytest.raises(ValueError, match="read-only"):
        fit.maximum.beta[0] = 99.0
    with pytest.raises(ValueError, match="read-only"):
        fit.covariance[0, 0] = 99.0
    fit.predict(pd.DataFrame({"x": [1.0], "arm": ["a"]}), 2.0)
    pd.testing.assert_frame_equal(fit.tidy(), before)
    assert "<table" in fit._repr_html_()
    assert repr(fit) == "SubdistributionFit(endpoint, cause 'relapse': n = 8, 4 events)"
