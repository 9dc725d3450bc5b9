"""Levels of minimal residual disease, and protocol groups by hand, with every completion of what is missing."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.cohort import MRD_PROTOCOLS, MrdTimepoint, mrd_level, mrd_limits, mrd_risk, read_cohort
from ikzf1_outcomes.cohort.mrd import MRD_LEVELS, mrd_columns, mrd_fields
from ikzf1_outcomes.errors import CohortError, InputError

FINE = {"limit_of_detection": 1e-5, "quantifiable": 1e-4}


def risk_of(protocol, results, limits=None):
    points = [MrdTimepoint(name, 30, **(limits or FINE)) for name in results]
    columns = [
        mrd_columns(pd.Series(results[point.name], dtype=object), point, codes={"neg": "negative", "nd": "not_done"})
        for point in points
    ]
    return mrd_risk(pd.concat(columns, axis=1), protocol, timepoints=points).tolist()


def test_levels_from_numbers():
    point = MrdTimepoint("TP1", 33, 1e-6, 1e-6)
    values = [0.0, 9e-7, 1e-6, 9.9e-6, 1e-5, 1e-4, 9.99e-4, 1e-3, 1e-2, 0.1, 1.0, None]
    assert mrd_level(pd.Series(values), point).tolist()[:-1] == [
        "negative",
        "negative",
        "below 1e-5",
        "below 1e-5",
        "1e-5 to 1e-4",
        "1e-4 to 1e-3",
        "1e-4 to 1e-3",
        "1e-3 to 1e-2",
        "1e-2 to 1e-1",
        "1e-1 or more",
        "1e-1 or more",
    ]
    assert pd.isna(mrd_level(pd.Series(values), point).iloc[-1])


def test_below_detection_is_neither_zero_nor_missing():
    found = mrd_columns(pd.Series(["0", "0.00005", "0.0001"]), MrdTimepoint("TP1", 33, **FINE))
    assert found["mrd_TP1"].tolist() == ["negative", "positive, not quantifiable", "1e-4 to 1e-3"]
    assert found["mrd_TP1_value"].isna().tolist() == [True, True, False]
    assert found["mrd_TP1_status"].tolist() == ["measured"] * 3
    assert found["mrd_TP1"].cat.ordered
    assert found["mrd_TP1"].min() == "negative"


def test_statuses_stand_apart_from_levels():
    codes = {
        "n": "negative",
        "p": "positive_not_quantifiable",
        "na": "not_assessable",
        "nd": "not_done",
        "nr": "not_reached",
    }
    found = mrd_columns(pd.Series(["n", "p", "na", "nd", "nr", "", "0.5"]), MrdTimepoint("d29", 29, **FINE), codes=codes)
    assert found["mrd_d29"].iloc[:2].tolist() == ["negative", "positive, not quantifiable"]
    assert found["mrd_d29"].iloc[2:6].isna().all()
    assert found["mrd_d29_status"].iloc[:5].tolist() == [
        "measured",
        "measured",
        "not assessable",
        "not done",
        "not reached",
    ]
    assert pd.isna(found["mrd_d29_status"].iloc[5])
    assert found["mrd_d29_value"].iloc[6] == 0.5


def test_percent_at_the_boundary_of_a_decade():
    # 0.01 % is 1e-4 and belongs above the cut, although 0.01 / 100 may be a bit less in floating point.
    point = MrdTimepoint("d29", 29, 1e-4, 1e-4)
    percents = pd.Series([0.01, 0.1, 1.0, 10.0, 0.0099, 0.07])
    assert mrd_level(percents, point, unit="percent").tolist() == [
        "1e-4 to 1e-3",
        "1e-3 to 1e-2",
        "1e-2 to 1e-1",
        "1e-1 or more",
        "negative",
        "1e-4 to 1e-3",
    ]


def test_a_percent_at_the_limit_of_detection_is_detected():
    # In floating point 0.0058 % comes out below 5.8e-5.
    assert 0.0058 / 100 < 5.8e-5
    point = MrdTimepoint("d29", 29, 5.8e-5, 1e-3)
    assert mrd_level(pd.Series([0.0058]), point, unit="percent").tolist() == ["positive, not quantifiable"]


def test_a_percent_at_the_cut_of_a_rule_is_above_it():
    value = next(cut for cut in (k / 1e5 for k in range(1, 1000)) if cut * 100 / 100 < cut)
    rule = MRD_PROTOCOLS["UKALL 2003"].with_cut("high: at d29", value)
    point = MrdTimepoint("d29", 29, 1e-6, 1e-6)
    columns = mrd_columns(pd.Series([value * 100]), point, unit="percent")
    assert mrd_risk(columns, rule, timepoints=[point]).tolist() == ["high"]


@pytest.mark.parametrize("value", ["-0.1", "1.5", "<1e-4", "NA", "n.d."])
def test_cells_that_are_no_result_are_errors(value):
    with pytest.raises(CohortError) as raised:
        mrd_level(pd.Series(["0.1", value]), MrdTimepoint("d29", 29, **FINE))
    (problem,) = raised.value.problems
    assert problem.where == (2,)
    assert value not in str(problem)


@pytest.mark.parametrize(
    "parts",
    [("a b", 1, 1e-5, 1e-4), ("x", -1, 1e-5, 1e-4), ("x", 1, 1e-3, 1e-4), ("x", 1, 0.0, 1e-4), ("risk", 1, 1e-5, 1e-4)],
)
def test_a_time_point_that_cannot_be(parts):
    with pytest.raises(InputError):
        MrdTimepoint(*parts)


def test_the_fields_are_known_at_their_day():
    fields = mrd_fields(MrdTimepoint("TP2", 78, **FINE, assay="PCR"))
    assert list(fields) == ["mrd_TP2", "mrd_TP2_value", "mrd_TP2_status"]
    assert {field.known_at for field in fields.values()} == {78 / 365.25}
    assert fields["mrd_TP2"].levels == MRD_LEVELS


def test_aieop_bfm_2000():
    results = {
        "TP1": ["neg", "neg", "0.01", "0.01", "neg", "0.00005", None, None, "neg", "nd", "0.01"],
        "TP2": ["neg", "0.0005", "neg", "0.001", "0.002", "neg", "0.001", "neg", None, "0.0005", None],
    }
    assert risk_of("AIEOP-BFM ALL 2000", results) == [
        "standard",
        "intermediate",  # not negative at TP2
        "intermediate",
        "high",  # the cut itself
        "high",
        "intermediate",  # positive, not quantifiable, is not negative
        "high",  # whatever TP1 was
        "unclassified",  # standard or intermediate
        "unclassified",
        "intermediate",  # standard needs a negative TP2: this one is excluded whatever TP1 was
        "unclassified",  # intermediate or high
    ]


def test_the_recalled_condition_of_aieop_bfm_2000_can_be_taken_out():
    rule = MRD_PROTOCOLS["AIEOP-BFM ALL 2000"].without("standard: negative at TP2")
    results = {"TP1": ["neg", "nd", "neg"], "TP2": ["0.0005", "0.0005", "0.01"]}
    assert risk_of(rule, results) == ["standard", "unclassified", "high"]
    assert rule.version == "1, changed"


def test_a_negative_result_counts_as_far_as_its_sensitivity_goes():
    results = {"TP1": ["neg", "0.01"], "TP2": ["neg", "neg"]}
    coarse = {"limit_of_detection": 5e-4, "quantifiable": 5e-4}
    # Negative below 5e-4 only: standard or intermediate, never high; with TP1 positive it is intermediate for certain.
    assert risk_of("AIEOP-BFM ALL 2000", results, coarse) == ["unclassified", "intermediate"]
    assert risk_of("AIEOP-BFM ALL 2000", results, {"limit_of_detection": 1e-4, "quantifiable": 1e-4}) == [
        "standard",
        "intermediate",
    ]


def test_dcog_all10():
    results = {
        "d42": ["neg", "neg", "0.001", "neg", None, "0.001"],
        "d84": ["neg", "0.0004", "neg", "0.0005", "0.01", None],
    }
    found = ["standard", "medium", "medium", "high", "high", "unclassified"]
    assert risk_of("DCOG ALL10", results) == found
    without = MRD_PROTOCOLS["DCOG ALL10"].without("medium")
    assert risk_of(without, results) == ["standard", *["unclassified"] * 2, "high", "high", "unclassified"]
    moved = MRD_PROTOCOLS["DCOG ALL10"].with_cut("high: at d84", 4e-4)
    assert risk_of(moved, results)[1] == "high"


def test_positive_not_quantifiable_around_the_cut_is_left_open():
    # Detected at 1e-5, quantifiable from 1e-3: the cut of 5e-4 lies between.
    wide = {"limit_of_detection": 1e-5, "quantifiable": 1e-3}
    assert risk_of("DCOG ALL10", {"d42": ["neg"], "d84": ["0.0002"]}, wide) == ["unclassified"]
    assert risk_of("DCOG ALL10", {"d42": ["neg"], "d84": ["0.0002"]}) == ["medium"]


def test_cog():
    results = {
        "d8": ["neg", "0.0001", "0.005", "0.01", "0.5", None, None],
        "d29": ["neg", "neg", "0.00009", "neg", "0.0001", "0.2", "neg"],
    }
    low, middle, fast, slow = MRD_PROTOCOLS["COG"].order
    assert risk_of("COG", results) == [low, middle, middle, fast, slow, slow, "unclassified"]


def test_ukall_2003():
    assert risk_of("UKALL 2003", {"d29": ["neg", "0.00005", "0.0001", "0.3", "nd"]}) == [
        "low",
        "low",
        "high",
        "high",
        "unclassified",
    ]


def test_a_time_point_that_the_study_lacks_is_unknown_for_everybody():
    assert risk_of("AIEOP-BFM ALL 2000", {"TP2": ["0.01", "neg"]}) == ["high", "unclassified"]
    with pytest.raises(InputError, match="none of the time points"):
        risk_of("AIEOP-BFM ALL 2000", {"d99": ["0.01"]})


def test_rules_name_their_assumptions_and_refuse_parts_they_do_not_have():
    for name, rule in MRD_PROTOCOLS.items():
        assert rule.name == name
        assert set(rule.order) == {group.name for group in rule.groups}
        assert rule.version
        assert rule.source
        assert len(rule.days) == len(rule.timepoints)
        if "R+" in str(rule):
            assert any("R+" in text for text in rule.assumptions)
    with pytest.raises(InputError, match="has no part"):
        MRD_PROTOCOLS["COG"].without("d29")
    with pytest.raises(InputError, match="only condition"):
        MRD_PROTOCOLS["UKALL 2003"].without("high: at d29")


def test_mrd_in_a_cohort(tmp_path):
    path = tmp_path / "patients.csv"
    path.write_text("pat,m33,m78\n1,neg,neg\n2,0.2,0.01\n3,nd,\n")
    entry = {"limit_of_detection": 1e-5, "quantifiable": 1e-4, "unit": "percent", "assay": "PCR"}
    codes = {"neg": "negative", "nd": "not_done", "": "not_reached"}
    cohort = read_cohort(
        path,
        columns={"id": "pat"},
        mrd=[
            {"timepoint": "TP1", "day": 33, "column": "m33", "codes": codes, **entry},
            {"timepoint": "TP2", "day": 78, "column": "m78", "codes": codes, **entry},
        ],
        protocol_rule="AIEOP-BFM ALL 2000",
    )
    frame = cohort.frame
    assert frame["mrd_TP1"].iloc[:2].tolist() == ["negative", "1e-3 to 1e-2"]
    np.testing.assert_allclose(frame["mrd_TP1_value"].iloc[1], 0.002, rtol=1e-12)
    assert frame["mrd_TP1_status"].tolist() == ["measured", "measured", "not done"]
    assert frame["mrd_TP2_status"].iloc[2] == "not reached"
    assert frame["mrd_risk"].tolist() == ["standard", "intermediate", "unclassified"]
    assert not frame["mrd_risk"].cat.ordered
    assert cohort.known_at("mrd_risk") == 78 / 365.25
    assert cohort.dictionary["mrd_TP1"].kind == "ordered"
    assert any("two markers" in note for note in cohort.provenance.notes)
    assert any(rule.startswith("mrd_risk: AIEOP-BFM ALL 2000, version 1") for rule in cohort.provenance.rules)


def test_limits_of_results_without_a_value():
    point = MrdTimepoint("TP1", 33, limit_of_detection=1e-5, quantifiable=1e-4)
    level = mrd_level(pd.Series(["0", "0.00002", "0.002", None], index=[7, 3, 5, 1]), point)
    limits = mrd_limits(level, point)
    assert limits.columns.tolist() == ["mrd_TP1_low", "mrd_TP1_high"]
    assert limits.index.tolist() == [7, 3, 5, 1]
    np.testing.assert_array_equal(limits.to_numpy(), [[0, 1e-5], [1e-5, 1e-4], [np.nan, np.nan], [np.nan, np.nan]])


def test_imputed_residual_disease_below_detection_stays_below():
    """A number that was read as negative is drawn below the limit of detection, and the level that it makes is negative."""
    rng = np.random.default_rng(8)
    point = MrdTimepoint("TP1", 33, limit_of_detection=1e-4, quantifiable=1e-4)
    share = 10.0 ** rng.normal(-4, 1, 120)
    level = mrd_level(pd.Series(np.minimum(share, 1.0)), point)
    frame = pd.DataFrame({"t": rng.exponential(4, 120), "s": rng.integers(0, 2, 120)})
    frame["mrd"] = np.where(share < 1e-4, np.nan, share)
    frame.loc[:9, "mrd"] = np.nan
    limits = mrd_limits(level, point)
    limits.iloc[:10] = np.nan
    endpoint = iko.endpoint_from_columns(frame.join(limits), time="t", status="s", causes={1: "relapse"})
    done = iko.impute_missing(
        endpoint, "mrd", method={"mrd": "log-normal"}, intervals={"mrd": ("mrd_TP1_low", "mrd_TP1_high")}, draws=2, seed=1
    )
    below = (limits["mrd_TP1_high"] == 1e-4).to_numpy()
    for completed in done:
        drawn = completed.frame["mrd"]
        assert drawn.notna().all()
        assert (drawn[below] < 1e-4).all()
        assert set(mrd_level(drawn[below], point)) == {"negative"}
