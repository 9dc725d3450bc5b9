"""Data and arguments that an imputation cannot take, and data that once broke one."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import ColumnError, InputError, cox, endpoint_from_columns
from ikzf1_outcomes.impute.chained import impute_missing
from ikzf1_outcomes.impute.pooled_tests import d1_test

N = 40


def patients(**columns):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"t": rng.exponential(3, N), "s": rng.integers(0, 3, N), "x": rng.normal(size=N)})
    frame.loc[::4, "x"] = np.nan
    return frame.assign(z=rng.normal(size=N), g=rng.choice(["a", "b", "c"], N), **columns)


def made(frame=None, **options):
    frame = patients() if frame is None else frame
    return endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"}, **options)


def imputed(e=None, columns=("x", "z"), **options):
    return impute_missing(made() if e is None else e, columns, **{"draws": 2, "cycles": 2, "seed": 1, **options})


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"columns": ()}, "no column to impute"),
        ({"columns": ("x", "x")}, "named twice: x"),
        ({"auxiliary": "x"}, "named twice: x"),
        ({"columns": ("x", "gone")}, "no column is called 'gone'"),
        ({"draws": 0}, "draws must be a whole number"),
        ({"draws": True}, "draws must be a whole number"),
        ({"cycles": 0}, "cycles must be a whole number"),
        ({"cycles": 2.5}, "cycles must be a whole number"),
        ({"method": {"x": "forest"}}, "no such method"),
        ({"method": {"x": "logistic"}}, "does not suit 'x'"),
        ({"method": {"g": "normal"}, "columns": ("x", "g")}, "does not suit 'g'"),
        ({"method": {"g": "ordinal"}, "columns": ("x", "g")}, "does not suit 'g'"),
        ({"method": {"g": "pmm"}}, "a method of a column that is not among the columns: g"),
        ({"intervals": {"g": ("z", "z")}}, "an interval of a column that is not among the columns: g"),
        ({"undefined": {"g": np.zeros(N, bool)}}, "a mask of a column"),
        ({"interactions": [("x", "g")]}, "no pair of two of the columns"),
        ({"interactions": [("x", "x")]}, "no pair of two of the columns"),
        ({"interactions": ["xz"]}, "no pair of two of the columns"),
        ({"intervals": {"x": "g"}}, "the interval of 'x' is no pair"),
        ({"intervals": {"x": ("z", "t")}}, "limits that are imputed themselves: z"),
        ({"intervals": {"x": ("gone", "t")}}, "no column is called 'gone'"),
        ({"undefined": {"x": "gone"}}, "no column is called 'gone'"),
        ({"undefined": {"x": np.zeros(3, bool)}}, "are no mask of 40 rows"),
        ({"undefined": {"x": "z"}}, "are no mask of 40 rows"),
        ({"undefined": {"x": np.ones(N, bool)}}, "'x' has a value where it is undefined"),
        ({"substantive": "x + g"}, "'g'"),
        ({"substantive": "x +"}, "formula|term|position"),
        ({"substantive": "x + z", "method": {"x": "pmm"}}, "'x' is matched, and a term of the named model"),
        ({"substantive": "log(x)"}, "has values of 0 or less"),
    ],
)
def test_arguments_that_cannot_be(options, problem):
    with pytest.raises(InputError, match=problem):
        imputed(**options)


def test_a_column_that_is_not_there_is_a_column_error():
    with pytest.raises(ColumnError):
        imputed(columns="gone")


@pytest.mark.parametrize(
    ("low", "high", "value", "problem", "where"),
    [
        (1.0, 0.0, np.nan, "the lower limit of 'mrd' is above the upper", 3),
        (0.0, 1.0, 2.0, "'mrd' is outside its own interval", 3),
        (-2.0, 0.0, np.nan, "the upper limit of 'mrd' is 0 or less", 3),
    ],
)
def test_intervals_that_contradict(low, high, value, problem, where):
    frame = patients(mrd=np.linspace(0.1, 0.9, N), low=np.nan, high=np.nan)
    frame.loc[2, ["low", "high", "mrd"]] = [low, high, value]
    with pytest.raises(InputError, match=problem) as failure:
        imputed(made(frame), "mrd", intervals={"mrd": ("low", "high")}, method={"mrd": "log-normal"})
    assert failure.value.where == (where,)
    # positions and names, never values
    assert "2.0" not in str(failure.value)


def test_intervals_of_what_is_no_number_or_matched():
    frame = patients(low=0.0, high=1.0)
    frame.loc[3, "g"] = None
    with pytest.raises(InputError, match="intervals of 'g', which is no number"):
        imputed(made(frame), ["g"], intervals={"g": ("low", "high")})
    with pytest.raises(InputError, match="outside its own interval"):
        imputed(made(frame), ["x"], intervals={"x": ("low", "high")})
    with pytest.raises(InputError, match="intervals of 'x' with matching"):
        imputed(made(frame.assign(low=-9.0, high=9.0)), ["x"], intervals={"x": ("low", "high")}, method={"x": "pmm"})
    with pytest.raises(InputError, match="has an interval where it is undefined"):
        imputed(
            made(frame.assign(low=-9.0, high=9.0)), ["x"], intervals={"x": ("low", "high")},
            undefined={"x": frame["x"].isna().to_numpy()},
        )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([np.nan] * N, "nothing is known of 'y'"),
        ([np.inf, np.nan] + [1.0] * (N - 2), "an infinite value of 'y'"),
        (pd.to_datetime(["2020-01-01"] * (N - 1) + [None]), "'y' is a date"),
        ([1.0, 2.0, 3.0] + [np.nan] * (N - 3), "column 'y': 3 rows with a value, and 6 coefficients"),
    ],
)
def test_columns_that_cannot_be_imputed(values, problem):
    with pytest.raises(InputError, match=problem):
        imputed(made(patients(y=values)), ["y", "z"])


def test_logarithms_need_positive_numbers():
    with pytest.raises(InputError, match="'x' is 0 or less and has no logarithm"):
        imputed(method={"x": "log-normal"})


def test_patients_with_several_rows():
    frame = pd.DataFrame({"t": [1.0, 2, 3], "s": [0, 1, 0], "e": [0.0, 1, 0], "who": [1, 1, 2], "x": [1.0, 2, np.nan]})
    with pytest.raises(InputError, match="patients with several rows"):
        imputed(made(frame, entry="e", subject="who"), "x")


@pytest.mark.parametrize("passive", [lambda f: 1.0, lambda f: f["x"].to_numpy(), lambda f: f["x"].iloc[:3]])
def test_passive_columns_that_are_none(passive):
    with pytest.raises(InputError, match="no Series over the rows"):
        imputed(passive={"y": passive}).endpoints


def test_a_passive_column_does_not_replace_a_complete_one():
    with pytest.raises(InputError, match="'z' is there and complete"):
        imputed(passive={"z": lambda f: f["x"] > 0}).endpoints


def test_undefined_rows_of_a_named_model():
    mask = np.zeros(N, bool)
    mask[0] = True
    with pytest.raises(InputError, match="undefined") as failure:
        imputed(substantive="x + z", undefined={"x": mask})
    assert failure.value.where == (1,)


def test_joint_tests_of_what_is_not_there():
    fits = [cox(e, "x + z") for e in imputed()]
    with pytest.raises(ColumnError, match="no such term: g"):
        d1_test(fits, ["x", "g"])
    with pytest.raises(ColumnError, match="no term to test"):
        d1_test(fits, [])
    with pytest.raises(InputError, match="not fits of cox"):
        d1_test([], ["x"])


def test_a_joint_test_of_a_level_without_events_says_so():
    frame = patients()
    frame.loc[frame["g"] == "c", "s"] = 0
    fits = [cox(e, "x + g") for e in imputed(made(frame), ["x", "g"])]
    test = d1_test(fits, "g")
    assert np.isnan(test.p_value)
    assert "not estimable in 2 of 2 fits" in test.note


# --- once broken, or about to be -------------------------------------------------------------------------------------


def test_columns_that_are_copies_of_each_other():
    """A singular least-squares problem warned, and warnings are errors."""
    frame = patients()
    e = made(frame.assign(copy=frame["x"], twice=2 * frame["z"]))
    for completed in imputed(e, ["x", "copy", "z", "twice"]):
        assert np.isfinite(completed.frame[["x", "copy"]]).all(axis=None)


def test_a_flag_that_the_cause_predicts_perfectly():
    frame = patients(flag=pd.array([None] * N, dtype="boolean"))
    frame["flag"] = pd.array(frame["s"] == 1, dtype="boolean")
    frame.loc[::3, "flag"] = pd.NA
    imputations = imputed(made(frame), ["flag", "z"], draws=300, cycles=1)
    drawn = np.mean([v["flag"] for v in imputations.values], axis=0)
    truth = (frame["s"] == 1)[::3].to_numpy()
    assert drawn[truth].mean() > 0.8
    assert drawn[~truth].mean() < 0.2


def test_one_value_and_one_level_are_all_there_is():
    frame = patients(c=3.0, k="only")
    frame["k"] = frame["k"].astype(object)
    frame.loc[::2, "c"], frame.loc[1::2, "k"] = np.nan, None
    imputations = imputed(made(frame), ["c", "k", "x"])
    assert imputations.tidy().set_index("variable")["note"].to_dict() == {
        "c": "one value known",
        "k": "one level known",
        "x": "",
    }
    for completed in imputations:
        np.testing.assert_allclose(completed.frame["c"], 3.0)
        assert (completed.frame["k"] == "only").all()


def test_a_level_that_nobody_has_is_never_drawn():
    frame = patients()
    frame["g"] = pd.Categorical(frame["g"], ["a", "b", "c", "d"])
    frame.loc[::5, "g"] = np.nan
    imputations = imputed(made(frame), ["g", "z"])
    assert imputations.tidy()["note"].tolist()[0] == "never drawn, for nobody has it: d"
    for completed in imputations:
        assert completed.frame["g"].cat.categories.tolist() == ["a", "b", "c", "d"]
        assert "d" not in set(completed.frame["g"])


def test_nobody_has_an_event():
    for completed in imputed(made(patients().assign(s=0))):
        assert completed.frame["x"].notna().all()


def test_a_combination_of_levels_that_was_not_among_the_first_draws():
    """The design of a named model learns every combination that may be drawn."""
    frame = patients(k=["p"] * (N - 1) + ["q"])
    frame["k"] = frame["k"].astype(object)
    frame.loc[:3, "k"] = None
    frame.loc[2:5, "g"] = None
    imputations = imputed(made(frame), ["g", "k", "z"], draws=5, cycles=5, substantive="g * k + z")
    assert all(completed.frame[["g", "k"]].notna().all(axis=None) for completed in imputations)


def test_a_logarithm_of_what_may_be_drawn_negative():
    frame = patients()
    frame["x"] = frame["x"].abs() + 0.01
    with pytest.raises(InputError, match=r"column 'x': term 'log\(x\)' has values of 0 or less.*log-normal") as failure:
        imputed(made(frame), draws=5, substantive="log(x) + z")
    # rows of proposals are no rows of the reader's
    assert failure.value.where is None
    for completed in imputed(made(frame), substantive="log(x) + z", method={"x": "log-normal"}):
        assert (completed.frame["x"] > 0).all()


def test_a_word_that_stands_for_no_class_is_never_drawn():
    frame = patients(ikzf1_class=["none"] * 20 + ["ik6"] * 17 + ["ambiguous", "failed", "not_tested"])
    imputations = imputed(made(frame), ["x", "ikzf1_class"])
    assert imputations.tidy()["note"].tolist()[1] == "3 rows without a class (ambiguous, failed, not_tested), not imputed"
    frame["ikzf1_class"] = frame["ikzf1_class"].astype(object)
    frame.loc[4, "ikzf1_class"] = None
    with pytest.raises(InputError, match=r"beside words that stand for no class.*or use call_uncertainty") as failure:
        imputed(made(frame), ["x", "ikzf1_class"])
    assert failure.value.where == (38, 39, 40)
    # as missing values they are imputed
    frame.loc[37:, "ikzf1_class"] = None
    assert imputed(made(frame), ["x", "ikzf1_class"]).tidy()["n_imputed"].tolist() == [10, 4]
