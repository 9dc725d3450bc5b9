"""Effects side by side: the same numbers as the single models, and what tiny groups get."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.effects.side_by_side import MEANING
from ikzf1_outcomes.errors import InputError

RNG = np.random.default_rng(31)
N = 160
FRAME = pd.DataFrame(
    {
        "t": RNG.exponential(3, N).round(1) + 0.1,
        "s": RNG.choice([0, 1, 2], N, p=[0.4, 0.4, 0.2]),
        "kind": RNG.choice(["a", "b", "c"], N, p=[0.62, 0.35, 0.03]),
        "age": RNG.uniform(1, 17, N).round(1),
        "protocol": RNG.choice(["p", "q"], N),
    }
)
FRAME.loc[3, "age"] = np.nan


def endpoint(frame=FRAME):
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"})


def part(table, method, model):
    return table[(table["method"] == method) & (table["model"] == model)].reset_index(drop=True)


def test_each_part_is_the_model_it_names():
    table = iko.effect_table(endpoint(), ["kind", "age"], cause="relapse")
    known = endpoint(FRAME[FRAME["age"].notna()].reset_index(drop=True))
    shown = ["term", "contrast", "estimate", "std_error", "low", "high", "p_value", "note"]
    both = iko.cox(known, ["kind", "age"], cause="relapse").tidy()
    pd.testing.assert_frame_equal(part(table, "cause-specific hazard", "multivariable")[shown], both[shown])
    alone = pd.concat([iko.cox(known, [name], cause="relapse").tidy() for name in ("kind", "age")], ignore_index=True)
    pd.testing.assert_frame_equal(part(table, "cause-specific hazard", "univariable")[shown], alone[shown])
    gray = iko.fine_gray(known, ["kind", "age"], cause="relapse").tidy()
    pd.testing.assert_frame_equal(part(table, "subdistribution hazard", "multivariable")[shown], gray[shown])
    assert set(table["method"]) <= set(MEANING)


def test_few_events_bring_the_penalised_estimate_and_many_do_not():
    table = iko.effect_table(endpoint(), ["kind", "age"], cause="relapse")
    events = part(table, "cause-specific hazard", "univariable").query("term == 'kind'")["n_event"]
    assert events.min() < 5 < events.max()
    assert part(table, "penalised hazard", "univariable")["term"].unique().tolist() == ["kind"]
    assert len(part(table, "penalised hazard", "multivariable")) == 4


def test_a_level_without_events_has_a_finite_penalised_ratio():
    frame = FRAME.assign(s=np.where(FRAME["kind"] == "c", 0, FRAME["s"]))
    table = iko.effect_table(endpoint(frame), ["kind"], cause="relapse")
    row = part(table, "cause-specific hazard", "multivariable").query("contrast == 'c vs a'").iloc[0]
    assert np.isnan(row["estimate"])
    assert "no events in c" in row["note"]
    firth = part(table, "penalised hazard", "multivariable").query("contrast == 'c vs a'").iloc[0]
    assert np.isfinite(firth["estimate"])


def test_without_competing_causes_there_is_no_subdistribution():
    table = iko.effect_table(endpoint(), ["age"])
    assert set(table["method"]) == {"hazard"}


def test_a_model_without_a_fit_says_why():
    frame = FRAME.assign(
        late=(FRAME["t"] > FRAME["t"].median()).astype(float), s=np.where(FRAME["t"] > FRAME["t"].median(), 0, 1)
    )
    table = iko.effect_table(endpoint(frame), ["late"])
    row = part(table, "hazard", "univariable").iloc[0]
    assert np.isnan(row["estimate"])
    assert row["note"].startswith("not estimable: ")


def test_references_and_strata_reach_the_models():
    table = iko.effect_table(endpoint(), ["kind"], cause="relapse", strata="protocol", references={"kind": "b"})
    fit = iko.cox(endpoint(), ["kind"], cause="relapse", strata="protocol", references={"kind": "b"}).tidy()
    ours = part(table, "cause-specific hazard", "univariable")
    np.testing.assert_allclose(ours["estimate"], fit["estimate"])
    assert ours["contrast"].tolist() == fit["contrast"].tolist()


def test_the_multivariable_cox_rows_bear_the_test_of_proportional_hazards():
    table = iko.effect_table(endpoint(), ["kind", "age"], cause="relapse", strata="protocol")
    known = endpoint(FRAME[FRAME["age"].notna()].reset_index(drop=True))
    fit = iko.cox(known, ["kind", "age"], cause="relapse", strata="protocol")
    theirs = iko.proportional_hazards_test(fit, "km").tidy().set_index("term")["p_value"]
    ours = part(table, "cause-specific hazard", "multivariable")
    assert ours["p_proportional"].tolist() == theirs.loc[["kind", "kind", "kind", "age"]].tolist()
    assert 0 < ours["p_proportional"].min() < ours["p_proportional"].max() < 1
    others = table[(table["method"] != "cause-specific hazard") | (table["model"] != "multivariable")]
    assert len(others)
    assert others["p_proportional"].isna().all()


def test_hazards_that_cross_are_found_and_a_term_called_global_keeps_its_own_p():
    late = np.tile([0.0, 1.0], 40)
    # one group has its events early and late, the other in the middle
    times = np.where(late == 0, np.tile([0.5, 0.5, 6.0, 6.0], 20), 3.0) + np.arange(80) / 100
    frame = pd.DataFrame({"t": times, "s": 1, "global": late, "x": np.sin(np.arange(80))})
    e = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"})
    rows = part(iko.effect_table(e, ["global", "x"]), "hazard", "multivariable").set_index("term")
    test = iko.proportional_hazards_test(iko.cox(e, ["global", "x"])).tidy()
    assert rows.loc["global", "p_proportional"] == test["p_value"].iloc[0]
    assert rows.loc["x", "p_proportional"] == test["p_value"].iloc[1]
    assert rows.loc["global", "p_proportional"] < 0.05


def test_rows_without_a_stratum_leave_all_models():
    frame = FRAME.assign(protocol=FRAME["protocol"].where(FRAME.index > 9))
    table = iko.effect_table(endpoint(frame), ["age"], cause="relapse", strata="protocol")
    assert set(table["n"]) == {N - 10}
    assert set(table["method"]) >= {"cause-specific hazard", "subdistribution hazard"}
    with pytest.raises(InputError, match="all terms and strata known"):
        iko.effect_table(endpoint(FRAME.assign(protocol=None)), ["age"], strata="protocol")


@pytest.mark.parametrize("times", [[1.0] * 20, [2.0] + [3.0] * 19])
def test_events_at_one_time_have_a_table_and_no_test(times):
    frame = pd.DataFrame({"t": times, "s": 1, "x": np.arange(20.0)}).assign(s=lambda d: (d.index < 6).astype(int))
    e = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"})
    assert len(part(iko.effect_table(e, ["x"]), "hazard", "multivariable")) == 1


def test_nobody_with_all_terms_is_an_error():
    with pytest.raises(InputError, match="no row has all terms known"):
        iko.effect_table(endpoint(FRAME.assign(age=np.nan)), ["age"])


def test_what_the_models_answer_with():
    e = endpoint()
    smaller, larger = iko.cox(e, "age"), iko.cox(e, "age + protocol")
    assert isinstance(iko.compare_nested(iko.cox(e, "kind"), iko.cox(e, "kind + protocol")), iko.NestedComparison)
    assert isinstance(iko.proportional_hazards_test(larger), iko.ProportionalHazardsTest)
    assert isinstance(iko.concordance(e, "age"), iko.ConcordanceResult)
    assert smaller.cause == "any"
    assert isinstance(iko.cox(e, "age", penalty="firth"), iko.FirthFit)


@pytest.mark.parametrize(
    "options", [{"penalty": "ridge"}, {"penalty": "firth", "robust": True}, {"penalty": "firth", "cluster": "protocol"}]
)
def test_penalties_that_are_not_there_are_refused(options):
    with pytest.raises(InputError, match="no such penalty"):
        iko.cox(endpoint(), "age", **options)


def test_a_penalised_fit_is_refused_where_a_plain_one_is_needed():
    e = endpoint()
    firth, plain = iko.cox(e, "age", penalty="firth"), iko.cox(e, "age + protocol")
    with pytest.raises(InputError, match="without a penalty"):
        iko.proportional_hazards_test(firth)
    with pytest.raises(InputError, match="only Cox models are compared"):
        iko.compare_nested(firth, plain)
    with pytest.raises(InputError, match="nothing to pool"):
        iko.pool([firth, firth])


def test_exact_ties_have_no_residuals_predictions_or_robust_errors():
    fit = iko.cox(endpoint(), "age", ties="exact")
    assert fit.glance()["method"].iloc[0] == "Cox, Exact ties"
    with pytest.raises(InputError, match="no residuals under exact ties"):
        fit.residuals()
    with pytest.raises(InputError, match="no baselines under exact ties"):
        fit.baseline()
    with pytest.raises(InputError, match="no prediction under exact ties"):
        fit.predict(FRAME.head(1), 1)
    with pytest.raises(InputError, match="no robust covariance"):
        iko.cox(endpoint(), "age", ties="exact", robust=True)


def test_rows_without_a_stratum_have_no_residual():
    frame = FRAME.assign(protocol=FRAME["protocol"].where(FRAME.index != 7))
    fit = iko.cox(endpoint(frame), "age", strata="protocol")
    index = fit.residuals().index
    assert 7 not in index
    assert 3 not in index
    assert len(index) == N - 2
