"""Risks from hazards, standardised risks and contrasts, by hand."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.kernels.absolute_risk import Hazards, sensitivity

# At each time one patient with x = 0 and one with x = 1 end alike: by symmetry no coefficient differs from 0.
# Relapse at 1 and 3, death at 2, both alive at 4; at risk 8, 6, 4. Breslow's steps are 2/8, 2/6, 2/4.
SYMMETRIC = pd.DataFrame(
    {"t": [3.0, 1, 4, 2, 2, 4, 1, 3], "s": [1, 1, 0, 2, 2, 0, 1, 1], "x": [0, 1, 0, 0, 1, 1, 0, 1], "w": 1.0}
)
CAUSES = {1: "relapse", 2: "death"}


def endpoint(frame=SYMMETRIC, **options):
    return iko.endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, **options)


def test_incidences_of_eight_patients():
    fit = iko.cause_specific_cox(endpoint(), "x", ties="breslow")
    rows = fit.predict(pd.DataFrame({"x": [0, 1]}), [1, 2.5, 3])
    relapse = [1 - np.exp(-1 / 4)] * 2 + [1 - np.exp(-1 / 4) + np.exp(-1 / 4 - 1 / 3) * (1 - np.exp(-1 / 2))]
    death = [0, np.exp(-1 / 4) * (1 - np.exp(-1 / 3)), np.exp(-1 / 4) * (1 - np.exp(-1 / 3))]
    none = np.exp(-np.cumsum([1 / 4, 1 / 3, 1 / 2]))
    for name, expected in (("relapse", relapse), ("death", death), ("event-free", none)):
        for patient in (0, 1):
            own = rows[(rows["cause"] == name) & (rows["group"] == patient)]
            np.testing.assert_allclose(own["estimate"], expected, rtol=1e-12, atol=1e-15)


def test_variance_of_a_first_step():
    # before the second event time H = step, so F = 1 - exp(-H): the variance is exp(-2H) [ 2/64 + (1/2)^2 (2/8)^2 V ]
    # with V the inverse of the information 2 (1/4) + 2 (1/4) of two relapse times with two events each under Breslow
    fit = iko.cause_specific_cox(endpoint(), "x", ties="breslow")
    row = fit.predict(pd.DataFrame({"x": [1]}), 1.0)
    expected = np.exp(-1 / 4) * np.sqrt(2 / 64 + (1 / 2 * 1 / 4) ** 2 / (4 * 1 / 4))
    np.testing.assert_allclose(row["std_error"].iloc[0], expected, rtol=1e-10)
    assert row["estimate"].iloc[1] == 0.0


def test_events_of_two_causes_at_one_time_share_the_fall():
    # a hazard of 1/2 for each of two causes at once: 1 - e^-1 is shared in halves
    hazards = Hazards(np.array([1.0]), np.array([[0.5, 0.5]]), np.zeros((1, 2)), (np.zeros((1, 0)),) * 2)
    found = [sensitivity(hazards, np.ones((1, 2)), k, np.ones(1)).value[0] for k in (0, 1, None)]
    np.testing.assert_allclose(found, [(1 - np.exp(-1)) / 2] * 2 + [1 - np.exp(-1)])


@pytest.mark.parametrize("cause", [0, 1, None])
@pytest.mark.parametrize("quantity", ["risk", "time lost"])
def test_derivatives_by_the_steps_are_those_of_a_numerical_twin(cause, quantity):
    rng = np.random.default_rng(3)
    times, step, relative = np.arange(1.0, 7), rng.uniform(1e-6, 0.4, (6, 2)), rng.uniform(0.3, 2, (3, 2))
    step[2, 1] = 0.0
    reach = (times <= 5).astype(float) if quantity == "risk" else np.maximum(5 - times, 0)

    def value(own):
        return sensitivity(Hazards(times, own, own, ()), relative, cause, reach).value

    pull = sensitivity(Hazards(times, step, step, ()), relative, cause, reach).pull
    for u in range(6):
        for j in range(2):
            up, down = step.copy(), step.copy()
            up[u, j] += 1e-6
            down[u, j] -= 1e-6
            np.testing.assert_allclose(pull[:, u, j], (value(up) - value(down)) / 2e-6, rtol=1e-6, atol=1e-9)


def cohort(n=40, seed=1):
    rng = np.random.default_rng(seed)
    time = np.ceil(rng.exponential(3, n) * 2) / 2
    late = rng.random(n) < 0.3
    entry = np.where(late, time - 0.5 - 0.5 * rng.integers(0, 2, n), -1)
    return pd.DataFrame(
        {
            "t": time,
            "s": rng.integers(0, 3, n),
            "age": rng.normal(size=n),
            "arm": pd.Categorical(np.array(["a", "b"])[rng.integers(0, 2, n)]),
            "site": rng.integers(0, 2, n),
            "entry": np.where(entry <= 0, -1, entry),
            "w": 1.0,
        }
    )


@pytest.mark.parametrize(
    ("ties", "strata", "cause", "quantity"),
    [
        ("efron", None, "relapse", "risk"),
        ("efron", "site", "death", "time lost"),
        ("efron", "site", None, "restricted mean"),
        ("breslow", "site", None, "risk"),
        ("breslow", None, "death", "risk"),
    ],
)
def test_standard_errors_are_the_jackknife_of_the_whole_estimator(ties, strata, cause, quantity):
    """A slow twin: every case weight is moved, and everything estimated anew; ties, late entry and strata included."""
    patients = cohort()

    def estimates(weight):
        made = endpoint(patients.assign(w=weight), weights="w", entry="entry")
        fit = iko.cause_specific_cox(made, "age * arm", ties=ties, strata=strata, robust=True)
        return iko.standardised_risk(fit, "arm", at=2.5, cause=cause, quantity=quantity)

    ones, step = np.ones(len(patients)), 1e-4
    moved = [
        (estimates(ones + step * e)["estimate"] - estimates(ones - step * e)["estimate"]) / (2 * step)
        for e in np.eye(len(patients))
    ]
    np.testing.assert_allclose(estimates(ones)["std_error"], np.sqrt((np.array(moved) ** 2).sum(axis=0)), rtol=1e-7)


def test_means_and_times_lost_add_up():
    fit = iko.cause_specific_cox(endpoint(cohort()), "age + arm")
    parts = [
        iko.standardised_risk(fit, "arm", at=4, quantity="time lost", cause=c)["estimate"][:2] for c in CAUSES.values()
    ]
    kept = iko.standardised_risk(fit, "arm", at=4, quantity="restricted mean")["estimate"][:2]
    np.testing.assert_allclose(parts[0] + parts[1] + kept, 4.0, rtol=1e-12)


def test_with_one_variable_the_standardised_risk_is_the_predicted_one():
    patients = cohort()
    fit = iko.cox(endpoint(patients), "arm")
    table = iko.standardised_risk(fit, "arm", at=3)
    ahead = fit.predict(pd.DataFrame({"arm": ["a", "b"]}), 3.0)
    np.testing.assert_allclose(table["estimate"][:2], 1 - ahead["estimate"], rtol=1e-12)
    np.testing.assert_allclose(table["estimate"][2], table["estimate"][1] - table["estimate"][0])
    assert table["contrast"].tolist() == ["", "", "b vs a"]
    assert (table["low"] <= table["estimate"]).all()
    assert (table["estimate"] <= table["high"]).all()


def test_clusters_of_one_change_nothing_and_pairs_do():
    patients = cohort().assign(alone=range(40), pair=np.repeat(range(20), 2))
    fit = iko.cox(endpoint(patients), "arm + age")
    plain, alone, pair = (iko.standardised_risk(fit, "arm", at=3, cluster=c)["std_error"] for c in (None, "alone", "pair"))
    np.testing.assert_allclose(plain, alone, rtol=1e-12)
    assert not np.allclose(plain, pair)


def test_numbers_need_levels_and_flags_do_not():
    fit = iko.cox(endpoint(cohort()), "age + site")
    assert iko.standardised_risk(fit, "site", at=3)["contrast"].tolist()[-1] == "1 vs 0"
    assert iko.standardised_risk(fit, "age", at=3, levels=[0, 1])["contrast"].tolist()[-1] == "1 vs 0"
    with pytest.raises(InputError, match="'age' is a number"):
        iko.standardised_risk(fit, "age", at=3)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"quantity": "odds"}, "no such quantity"),
        ({"at": -1}, "time above 0"),
        ({"cause": "relapse"}, "no hazard of cause 'relapse' alone"),
        ({"levels": ["a"]}, "fewer than two"),
        ({"levels": ["a", "c"]}, "does not know"),
        ({"quantity": "restricted mean", "cause": "relapse"}, "free of all causes"),
    ],
)
def test_what_is_refused(options, told):
    fit = iko.cox(endpoint(cohort()), "age + arm")
    with pytest.raises(InputError, match=told):
        iko.standardised_risk(fit, "arm", **{"at": 3, **options})


def test_what_is_not_estimable_says_so():
    patients = cohort()
    fit = iko.cox(endpoint(patients), "age + arm", strata="site")
    table = iko.standardised_risk(fit, "arm", at=100)
    assert table["estimate"].isna().all()
    assert (table["note"] == "beyond the last follow-up of a stratum").all()
    empty = patients.assign(s=np.where(patients["arm"] == "b", 0, patients["s"]))
    table = iko.standardised_risk(iko.cox(endpoint(empty), "age + arm"), "arm", at=3)
    assert table["note"].tolist() == ["", "not estimable: a level without events", "not estimable: a level without events"]
    assert table["estimate"].notna().tolist() == [True, False, False]
    with pytest.raises(ColumnError, match="no term of column 'site'"):
        iko.standardised_risk(fit, "site", at=3)


def test_models_of_one_cause_among_several_are_refused():
    with pytest.raises(InputError, match="one cause among several"):
        iko.standardised_risk(iko.cox(endpoint(cohort()), "arm", cause="relapse"), "arm", at=3)


def test_a_cause_that_nobody_had_has_no_hazard():
    patients = cohort()
    fit = iko.cause_specific_cox(endpoint(patients.assign(s=np.where(patients["s"] == 2, 0, patients["s"]))), "arm")
    assert fit.without_events == ("death",)
    assert list(fit.fits) == ["relapse"]
    assert isinstance(fit, iko.CauseSpecificFit)
    rows = fit.predict(patients.iloc[:1], 2.0)
    np.testing.assert_allclose(rows["estimate"].sum(), 1.0)


def test_each_cause_may_have_its_own_terms():
    fit = iko.cause_specific_cox(endpoint(cohort()), {"relapse": "age + arm", "death": ["age"]})
    assert fit.tidy().groupby("cause", sort=False).size().to_dict() == {"relapse": 3, "death": 1}
    with pytest.raises(InputError, match="miss death"):
        iko.cause_specific_cox(endpoint(cohort()), {"relapse": "age"})
    with pytest.raises(InputError, match="no cause: dead"):
        iko.cause_specific_cox(endpoint(cohort()), {"relapse": "age", "death": "age", "dead": "age"})


def three_arms(n=90, seed=4):
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, 3, n)
    return pd.DataFrame(
        {
            "t": np.ceil(rng.exponential(3, n) * np.exp(-0.3 * arm) * 4) / 4,
            "s": rng.integers(0, 3, n),
            "age": rng.normal(size=n),
            "arm": pd.Categorical(np.array(["a", "b", "c"])[arm]),
        }
    )


@pytest.mark.parametrize("model", ["cox", "firth", "fine_gray"])
def test_a_contrast_is_the_coefficient_under_another_reference(model):
    made = endpoint(three_arms())
    fitted = {
        "cox": lambda **o: iko.cox(made, "arm + age", cause="relapse", **o),
        "firth": lambda **o: iko.cox(made, "arm + age", cause="relapse", penalty="firth", **o),
        "fine_gray": lambda **o: iko.fine_gray(made, "arm + age", cause="relapse", **o),
    }[model]
    found = iko.contrasts(fitted(), {"c vs b": ({"arm": "c"}, {"arm": "b"})}).tidy().iloc[0]
    direct = fitted(references={"arm": "b"}).tidy()
    direct = direct[direct["contrast"] == "c vs b"].iloc[0]
    for name in ("estimate", "std_error", "low", "high", "statistic", "p_value"):
        np.testing.assert_allclose(found[name], direct[name], rtol=1e-7, err_msg=name)
    assert found["interval"] == direct["interval"]
    assert found["scale"] == direct["scale"]


def test_all_coefficients_together_are_the_models_own_wald_test():
    fit = iko.cox(endpoint(three_arms()), "arm + age")
    names = {name: {name: 1.0} for name in fit.design.names}
    doubled = {**names, "sum": dict.fromkeys(fit.design.names, 1.0)}
    joint = iko.contrasts(fit, doubled).glance().iloc[0]
    assert joint["df"] == 3
    np.testing.assert_allclose(joint["statistic"], fit.glance()["wald"].iloc[0], rtol=1e-10)


def test_firths_joint_test_is_that_of_the_fit():
    fit = iko.cox(endpoint(three_arms()), "arm + age", penalty="firth")
    asked = {"b": {"arm (b vs a)": 1}, "c vs b": {"arm (c vs a)": 2, "arm (b vs a)": -2}}
    np.testing.assert_allclose(
        iko.contrasts(fit, asked).glance()["statistic"].iloc[0], fit.test([0, 1]).statistic, rtol=1e-7
    )


def test_contrasts_that_depend_on_what_is_not_said_are_refused():
    fit = iko.cox(endpoint(three_arms()), "arm * age")
    with pytest.raises(InputError, match="do not name: age"):
        iko.contrasts(fit, {"c vs b": ({"arm": "c"}, {"arm": "b"})})
    with pytest.raises(ColumnError, match="no coefficient is called 'arm \\(c vs b\\)'"):
        iko.contrasts(fit, {"c vs b": {"arm (c vs b)": 1}})
    with pytest.raises(InputError, match="different columns"):
        iko.contrasts(fit, {"c": ({"arm": "c"}, {"age": 1})})
    with pytest.raises(InputError, match="not all 0"):
        iko.contrasts(fit, {"none": ({"arm": "c", "age": 1}, {"arm": "c", "age": 1})})
    with pytest.raises(InputError, match="no combination"):
        iko.contrasts(fit, {})


def test_contrasts_with_a_level_without_events_are_not_estimable():
    patients = three_arms()
    patients["s"] = np.where(patients["arm"] == "c", 0, patients["s"])
    asked = {"c": {"arm (c vs a)": 1}, "b": {"arm (b vs a)": 1}}
    found: iko.Contrasts = iko.contrasts(iko.cox(endpoint(patients), "arm"), asked)
    assert np.isnan(found.tidy()["estimate"][0])
    assert found.tidy()["note"][0].startswith("not estimable")
    assert found.glance()["df"].iloc[0] == 1
    assert "1 that are not estimable" in found.glance()["note"].iloc[0]


def test_a_contrast_beside_effects_that_change_with_time():
    fit = iko.fine_gray(endpoint(three_arms()), "arm + age", cause="relapse", time_effects={"age": "linear"})
    found = iko.contrasts(fit, {"age at time 0": {"age": 1.0}, "c vs b": ({"arm": "c"}, {"arm": "b"})}).tidy()
    row = fit.tidy().set_index("term").loc["age"]
    np.testing.assert_allclose(
        found.loc[0, ["estimate", "std_error"]].astype(float), row[["estimate", "std_error"]].astype(float)
    )
    arm = fit.tidy().set_index("contrast")["estimate"]
    np.testing.assert_allclose(found.loc[1, "estimate"], arm["c vs a"] - arm["b vs a"])


def without_deaths_in_b():
    patients = cohort(60, seed=5)
    return patients.assign(s=np.where((patients["arm"] == "b") & (patients["s"] == 2), 0, patients["s"]))


def test_a_level_without_events_of_a_competing_cause_has_no_hazard_of_it():
    """In the limit: the incidence of relapse in b is that of a world without death."""
    patients = without_deaths_in_b()
    fit = iko.cause_specific_cox(endpoint(patients), "arm + age")
    new = pd.DataFrame({"arm": ["b"], "age": [0.3]})
    rows = fit.predict(new, 3.0).set_index("cause")
    alone = iko.endpoint_from_columns(patients.assign(s=patients["s"] == 1), time="t", status="s", causes={1: "relapse"})
    survival = iko.cox(alone, "arm + age").predict(new, 3.0).iloc[0]
    np.testing.assert_allclose(rows.loc["relapse", "estimate"], 1 - survival["estimate"], rtol=1e-10)
    np.testing.assert_allclose(rows.loc["relapse", "std_error"], survival["std_error"], rtol=1e-10)
    assert rows.loc["death", ["estimate", "std_error"]].tolist() == [0, 0]
    assert (rows["note"] == "no events of death in a level of the patient: its hazard is taken as 0").all()


def test_standardised_risks_where_a_competing_cause_has_an_empty_level():
    """The jackknife of the whole again; patients of the empty level weigh nothing in the model of death."""
    patients = without_deaths_in_b()

    def estimates(weight):
        made = endpoint(patients.assign(w=weight), weights="w")
        return iko.standardised_risk(iko.cause_specific_cox(made, "age + arm", robust=True), "arm", at=2.5, cause="relapse")

    table = estimates(np.ones(60))
    assert table["estimate"].notna().all()
    limit = "60 patients have a level without events of a cause: its hazard is taken as 0"
    assert table["note"].tolist() == ["", limit, limit]
    step = 1e-4
    moved = [(estimates(1 + step * e)["estimate"] - estimates(1 - step * e)["estimate"]) / (2 * step) for e in np.eye(60)]
    np.testing.assert_allclose(table["std_error"], np.sqrt((np.array(moved) ** 2).sum(axis=0)), rtol=1e-7)
    death = iko.standardised_risk(iko.cause_specific_cox(endpoint(patients), "age + arm"), "arm", at=2.5, cause="death")
    assert death["note"].tolist() == ["", "not estimable: a level without events", "not estimable: a level without events"]


def test_another_covariate_with_an_empty_level_is_in_its_limit():
    patients = cohort(60, seed=6)
    patients["site"] = pd.Categorical(np.where(np.arange(60) % 10 == 0, "c", np.where(patients["site"] == 1, "a", "b")))
    patients["s"] = np.where(patients["site"] == "c", 0, patients["s"])
    fit = iko.cox(endpoint(patients), "site + arm")
    table = iko.standardised_risk(fit, "arm", at=3)
    assert table["note"][0] == "6 patients have a level without events of a cause: its hazard is taken as 0"
    ahead = fit.predict(patients[patients["site"] != "c"].assign(arm="a"), 3.0)
    np.testing.assert_allclose(table["estimate"][0], (1 - ahead["estimate"]).sum() / 60, rtol=1e-10)


def test_other_causes_can_be_taken_together():
    patients = cohort(80, seed=7)
    patients["s"] = np.where((patients["s"] == 2) & (np.arange(80) % 2 == 0), 3, patients["s"])
    made = iko.endpoint_from_columns(patients, time="t", status="s", causes={1: "relapse", 2: "death", 3: "second"})
    fit = iko.cause_specific_cox(made, "age + arm", cause="relapse")
    assert list(fit.fits) == ["relapse", "any other cause"]
    two = iko.cause_specific_cox(
        iko.endpoint_from_columns(
            patients.assign(s=np.minimum(patients["s"], 2)), time="t", status="s", causes={1: "relapse", 2: "other"}
        ),
        "age + arm",
    )
    for a, b in zip(fit.fits.values(), two.fits.values(), strict=True):
        np.testing.assert_allclose(a.maximum.beta, b.maximum.beta)
    with pytest.raises(InputError, match="no cause is called 'x'"):
        iko.cause_specific_cox(made, "age", cause="x")
