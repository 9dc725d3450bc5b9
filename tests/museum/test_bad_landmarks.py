"""Landmark supermodels refuse what they cannot answer, and say where."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import endpoint_from_columns, time_dependent
from ikzf1_outcomes.errors import ColumnError, ConvergenceError, InputError
from ikzf1_outcomes.prognosis.landmarks import landmark_supermodel


def patients(n=80):
    rng = np.random.default_rng(1)
    d = pd.DataFrame({"c": rng.choice(["a", "b"], n), "m1": rng.choice(["l", "h"], n), "m2": rng.choice(["n", "p"], n)})
    return d.assign(t=rng.integers(2, 40, n) / 5, s=rng.choice([0, 1, 2], n), x=rng.normal(size=n), w=1.0, switch=1.0)


def model(d=None, endpoint=None, **more):
    if endpoint is None:
        frame = patients() if d is None else d
        endpoint = endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"})
    options = {"marks": {"m1": 0.5}, "resamples": 0, "seed": 1, **more}
    return landmark_supermodel(endpoint, options.pop("by", "c"), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"marks": {}}, "no marks"),
        ({"marks": {"m1": 1.0, "m2": 0.5}}, "not in the order of time"),
        ({"marks": {"m1": 0.5, "m2": 0.5}}, "not in the order of time"),
        ({"marks": {"m1": 0.0}}, "positive number"),
        ({"marks": {"m1": np.nan}}, "positive number"),
        ({"marks": {"m1": 100.0}, "horizon": 200.0}, "nobody is followed beyond"),
        ({"marks": {"c": 0.5}}, "the class is a mark too"),
        ({"marks": {"x": 0.5}}, "too many levels"),
        ({"by": "x"}, "too many levels"),
        ({"horizon": 0.5}, "beyond the last landmark"),
        ({"horizon": np.inf}, "beyond the last landmark"),
        ({"threshold": 20.0}, "between 0 and 1"),
        ({"threshold": 0.0}, "between 0 and 1"),
        ({"resamples": 5}, "fewer than 20 resamples"),
        ({"resamples": -1}, "fewer than 20 resamples"),
        ({"cause": "second malignancy"}, "no cause is called"),
        ({"adjust": "c + x"}, "adjusted for that is the class or a mark"),
        ({"adjust": "m1"}, "adjusted for that is the class or a mark"),
        ({"competing": "some"}, "no such way"),
        ({"conf_level": 95}, "between 0 and 1"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        model(**options)


@pytest.mark.parametrize("options", [{"by": "no"}, {"marks": {"no": 0.5}}, {"adjust": "no"}, {"strata": "no"}])
def test_columns_that_are_not_there(options):
    with pytest.raises(ColumnError):
        model(**options)


def test_a_seed_is_needed():
    e = endpoint_from_columns(patients(), time="t", status="s", causes={1: "relapse", 2: "death"})
    with pytest.raises(TypeError, match="seed"):
        landmark_supermodel(e, "c", marks={"m1": 0.5})


def test_crossing_needs_a_threshold():
    with pytest.raises(InputError, match="no threshold"):
        model().crossing()


def test_a_mark_that_nobody_at_risk_has():
    d = patients()
    with pytest.raises(InputError, match="'m1' is missing for everybody at risk"):
        model(d.assign(m1=d["m1"].where(d["t"] <= 0.5)))


def test_marks_that_nobody_has_together():
    d = patients()
    first = np.arange(len(d)) % 2 == 0
    with pytest.raises(InputError, match="nobody at the landmark at 1 has every mark"):
        model(d.assign(m1=d["m1"].where(first), m2=d["m2"].where(~first)), marks={"m1": 0.5, "m2": 1.0})


def test_a_class_that_nobody_has():
    with pytest.raises(InputError, match="nobody has a class"):
        model(patients().assign(c=None))


def test_no_events_of_the_cause():
    d = patients()
    with pytest.raises(InputError, match="no events of relapse"):
        model(d.assign(s=d["s"].replace(1, 0)))


def test_several_rows_of_one_patient():
    e = endpoint_from_columns(patients(), time="t", status="s", causes={1: "relapse", 2: "death"})
    with pytest.raises(InputError, match="several rows of one patient"):
        model(endpoint=time_dependent(e, "switch"))


def test_an_adjusted_number_that_separates_is_named():
    d = patients()
    with pytest.raises(ConvergenceError, match="x"):
        model(d.assign(x=np.where(d["s"] == 1, 10.0 - d["t"], 0.0)), adjust="x")


def test_one_class_has_no_hazard_ratio_and_still_a_risk():
    found = model(patients().assign(c="all"))
    assert found.tidy()["estimate"].between(0, 1).all()
    assert found.effects()["note"].eq("reference").all()
    assert found.glance()["note"].iloc[-1] == "not estimable: no landmarks to compare"


def test_all_events_before_the_first_landmark():
    d = patients()
    early = d["s"] > 0
    found = model(d.assign(t=d["t"].mask(early, 0.4)), threshold=0.5)
    late = found.tidy().query("landmark > 0")
    assert late["estimate"].isna().all()
    assert late["note"].str.startswith("not estimable: no events in c").all()
    assert found.crossing()["estimate"].isna().all()


def test_an_event_at_time_0_counts_at_the_start():
    d = patients()
    found = model(d.assign(t=np.r_[0.0, d["t"][1:]], s=np.r_[1, d["s"][1:]]))
    first = found.tidy().query("landmark == 0")
    assert first["n"].sum() == len(d)
    assert found.glance()["note"].iloc[1].startswith("landmark at 0.5:")


def test_names_of_columns_with_spaces_and_signs():
    d = patients().rename(columns={"c": "IKZF1 class + x", "m1": "MRD: day 33 (a)"})
    found = model(d.assign(**{"MRD: day 33 (a)": d["MRD: day 33 (a)"] + ", not quantifiable"}),
                  by="IKZF1 class + x", marks={"MRD: day 33 (a)": 0.5})  # fmt: skip
    assert found.tidy()["estimate"].notna().all()


def test_a_covariate_called_stratum_or_patient_is_a_covariate():
    d = patients()
    plain = model(d, adjust="x").tidy()
    for name in ("stratum", "patient"):
        pd.testing.assert_frame_equal(model(d.rename(columns={"x": name}), adjust=name).tidy(), plain)


def test_messages_bear_no_value_of_a_patient():
    d = patients().assign(c="SECRET")
    for options in ({"marks": {"x": 0.5}}, {"resamples": 5}, {"horizon": 0.1}):
        with pytest.raises(InputError) as error:
            model(d, **options)
        assert "SECRET" not in str(error.value)
