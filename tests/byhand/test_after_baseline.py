"""Total effects from a landmark on, and those not through what came between: the single models, on the same patients."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.effects.after_baseline import NO_MEDIATION
from ikzf1_outcomes.errors import ColumnError, InputError

RNG = np.random.default_rng(12)
N = 300
ARM = RNG.choice(["a", "b"], N)
MRD = np.where(RNG.random(N) < np.where(ARM == "b", 0.7, 0.2), "high", "low")
FRAME = pd.DataFrame(
    {
        "t": RNG.exponential(np.where(MRD == "high", 1.5, 6.0)).round(2) + 0.05,
        "s": RNG.choice([0, 1, 2], N, p=[0.2, 0.6, 0.2]),
        "arm": ARM,
        "mrd": MRD,
        "age": RNG.uniform(1, 17, N).round(1),
        "protocol": RNG.choice(["p", "q"], N),
    }
)
FRAME.loc[:19, "mrd"] = None


def endpoint(frame=FRAME):
    return iko.landmark(iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"}), 0.2)


def ratio(table, model):
    return float(table.loc[(table["model"] == model) & (table["note"] != "reference"), "estimate"].iloc[0])


@pytest.mark.parametrize(("method", "options"), [("cox", {}), ("firth", {"penalty": "firth"})])
def test_both_rows_are_models_of_the_patients_whose_later_column_is_known(method, options):
    table = iko.effects_after_baseline(
        endpoint(), "arm", "mrd", adjust="age", cause="relapse", strata="protocol", method=method
    )
    known = endpoint(FRAME[FRAME["mrd"].notna()].reset_index(drop=True))
    options |= {"cause": "relapse", "strata": "protocol"}
    total = iko.cox(known, ["arm", "age"], **options).tidy().query("term == 'arm' and note != 'reference'")
    held = iko.cox(known, ["arm", "age", "mrd"], **options).tidy().query("term == 'arm' and note != 'reference'")
    np.testing.assert_allclose(ratio(table, "total"), total["estimate"].iloc[0], rtol=1e-10)
    np.testing.assert_allclose(ratio(table, "not through mrd"), held["estimate"].iloc[0], rtol=1e-10)
    assert set(table.groupby("model")["n"].sum()) == {len(known)}
    assert set(table["term"]) == {"arm"}


def test_an_effect_that_goes_through_the_later_column_is_gone_without_it():
    table = iko.effects_after_baseline(endpoint(), "arm", "mrd", cause="relapse")
    # the arm acts on mrd alone: 0.7 against 0.2 with four times the hazard
    assert ratio(table, "total") > np.log(1.4)
    assert abs(ratio(table, "not through mrd")) < np.log(1.4)


def test_the_rows_say_that_their_difference_is_no_mediation():
    table = iko.effects_after_baseline(endpoint(), "arm", ["mrd", "protocol"])
    assert table["model"].unique().tolist() == ["total", "not through mrd, protocol"]
    assert table["note"].tolist() == ["reference", "", "reference", NO_MEDIATION]
    assert set(table["method"]) == {"hazard"}


def test_fine_gray_and_references():
    table = iko.effects_after_baseline(
        endpoint(), "arm", "mrd", cause="relapse", method="fine_gray", references={"arm": "b", "mrd": "low"}
    )
    assert set(table["method"]) == {"subdistribution hazard"}
    assert table["contrast"].tolist() == ["b", "a vs b", "b", "a vs b"]


def test_a_model_without_a_fit_is_a_row_with_the_reason():
    frame = FRAME.assign(mrd=np.where(FRAME["s"] > 0, "high", "low"), copy=FRAME["arm"])
    table = iko.effects_after_baseline(endpoint(frame), "arm", "copy")
    assert np.isfinite(ratio(table, "total"))
    rows = table[table["model"] == "not through copy"]
    assert rows["estimate"].isna().all()
    assert rows["note"].str.startswith("not estimable: ").all()


def test_what_is_known_only_later_is_refused_before_its_landmark():
    cohort = iko.simulate_cohort(120, seed=4)
    point = next(name for name in cohort.frame if name.startswith("mrd_"))
    efs = iko.define_endpoint(cohort, "EFS")
    with pytest.raises(InputError, match="known only after follow-up has begun"):
        iko.effects_after_baseline(efs, "ikzf1_deletion", point)
    table = iko.effects_after_baseline(iko.landmark(efs, 0.3), "ikzf1_deletion", point)
    assert table["model"].tolist() == ["total"] * 2 + [f"not through {point}"] * 2


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"later": []}, "nothing that came later"),
        ({"later": ["arm"]}, "one column twice"),
        ({"later": ["mrd"], "adjust": "mrd"}, "one column twice"),
        ({"method": "logistic"}, "no such method"),
        ({"method": "fine_gray", "cause": "relapse", "strata": "protocol"}, "has no strata"),
        ({"cause": "fever"}, "no cause is called 'fever'"),
    ],
)
def test_what_is_wrong_is_refused(given, problem):
    with pytest.raises(InputError, match=problem):
        iko.effects_after_baseline(endpoint(), **{"variable": "arm", "later": "mrd", **given})


def test_nobody_and_nothing():
    with pytest.raises(ColumnError, match="'mrdd'"):
        iko.effects_after_baseline(endpoint(), "arm", "mrdd")
    with pytest.raises(InputError, match="no row has all terms and strata known"):
        iko.effects_after_baseline(endpoint(FRAME.assign(protocol=None)), "arm", "mrd", strata="protocol")
