"""Data and arguments that an elastic net must refuse, or survive."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import ColumnError, ConvergenceError, InputError
from ikzf1_outcomes.models.penalised_path import elastic_net

N = 40


def frame(**more):
    rng = np.random.default_rng(11)
    made = pd.DataFrame(rng.normal(size=(N, 4)), columns=["age", "g1", "g2", "g3"])
    made["t"] = np.arange(1, N + 1)
    made["s"] = np.tile([1, 0], N // 2)
    return made.assign(**more)


def endpoint(given=None, **more):
    given = frame() if given is None else given
    return iko.endpoint_from_columns(given, time="t", status="s", causes={1: "relapse", 2: "death"}, **more)


def fit(given=None, features=("g1", "g2", "g3"), **options):
    return elastic_net(endpoint(given), features, **{"folds": None, "n_lambdas": 5, "lambda_ratio": 0.1} | options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alpha": -0.1}, "alpha is not between"),
        ({"alpha": 1.1}, "alpha is not between"),
        ({"alpha": float("nan")}, "alpha is not between"),
        ({"ties": "exact"}, "rule for ties"),
        ({"select": "median"}, "choice of a penalty"),
        ({"n_lambdas": 0}, "at least one penalty"),
        ({"lambda_ratio": 1.0}, "lambda_ratio"),
        ({"lambdas": []}, "no penalties"),
        ({"lambdas": [0.1, 0.0]}, "above 0"),
        ({"lambdas": [0.1, -1.0, np.nan]}, "above 0; 2 in all"),
        ({"cause": "transplant"}, "no cause is called"),
        ({"cause": "death"}, "no events of death"),
        ({"adjust": ["g1"]}, "to be penalised and not: g1"),
        ({"adjust": ["age", "age"]}, "named twice"),
        ({"references": {"arm": "a"}}, "references name no term"),
        ({"features": []}, "a term is empty"),
        ({"folds": 10}, "there is no seed"),
        ({"folds": True}, "folds are no folds"),
        ({"folds": 2.5}, "folds are no folds"),
        ({"folds": 1, "seed": 1}, "1 folds for 20 patients with events"),
        ({"folds": 21, "seed": 1}, "21 folds for 20 patients with events"),
        ({"folds": np.zeros(N)}, "fewer than two folds"),
        ({"folds": np.arange(N) % 2}, "folds without events"),
        ({"folds": np.zeros(3)}, "3 folds for 40 rows"),
        ({"folds": np.r_[np.nan, np.arange(N - 1) % 3]}, "rows without a fold; row 1"),
    ],
)
def test_arguments_that_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        fit(**options)


def test_columns_that_are_not_there():
    with pytest.raises(ColumnError, match="no column is called 'g4'"):
        fit(features=["g1", "g4"])
    with pytest.raises(ColumnError, match="no column is called 'centre'"):
        fit(strata="centre")


def test_an_adjuster_that_separates_is_named():
    given = frame(mark=np.tile([1.0, 0.0], N // 2))
    with pytest.raises(ConvergenceError, match="no finite hazard ratio for mark"):
        fit(given, adjust="mark")
    # penalised, it is finite
    assert np.isfinite(fit(given, features=["g1", "mark"]).beta).all()


def test_an_adjuster_that_separates_outside_one_fold():
    # the marked patients with the event are all in fold 0
    mark = np.zeros(N)
    mark[[0, 20, 1, 11, 21, 31]] = 1.0
    fold = np.where(mark > 0, 0, 1 + np.arange(N) % 3)
    fold[[1, 11, 21, 31]] = [1, 2, 3, 1]
    with pytest.raises(ConvergenceError, match="without the patients of one fold: no finite hazard ratio for mark"):
        fit(frame(mark=mark), adjust="mark", folds=fold)


def test_adjusters_that_are_constant_or_a_combination():
    with pytest.raises(InputError, match="constant among the rows analysed: same"):
        fit(frame(same=2.0), adjust="same")
    given = frame()
    with pytest.raises(InputError, match="a combination of other columns"):
        fit(given.assign(months=12 * given["age"]), adjust=["age", "months"])


def test_features_that_are_constant_have_the_coefficient_0():
    given = frame(same=0.1, none=0.0)
    path = fit(given, features=["g1", "same", "g2", "none"], folds=4, seed=1)
    notes = path.tidy().set_index("term")["note"]
    assert notes[["same", "none"]].eq("constant among the rows analysed").all()
    assert not path.beta[:, [1, 3]].any()
    with pytest.raises(InputError, match="no feature differs"):
        fit(given, features=["same", "none"])


def test_a_feature_that_is_constant_outside_one_fold():
    rare = np.zeros(N)
    rare[[0, 4]] = 1.0
    fold = np.where(rare > 0, 0, 1 + np.arange(N) % 3)
    fold[[8, 12, 1, 3, 5]] = 0
    path = fit(frame(rare=rare), features=["g1", "rare"], alpha=0.0, folds=fold)
    assert np.isfinite(path.cross_validation()[["estimate", "std_error"]].to_numpy()).all()
    assert (path.beta[:, 1] != 0).all()


def test_a_patient_in_two_folds():
    given = frame(id=np.repeat(np.arange(N // 2), 2), start=np.tile([0, 50], N // 2), t=np.tile([50, 99], N // 2))
    twice = iko.endpoint_from_columns(given, time="t", status="s", causes={1: "relapse"}, entry="start", subject="id")
    fold = np.repeat([0, 1], N // 2)
    fold[1] = 1
    with pytest.raises(InputError, match="patients in several folds; row 2"):
        elastic_net(twice, ["g1"], folds=fold)


def test_penalties_that_were_not_fitted():
    path = fit(lambdas=[0.05, 0.2])
    assert path.lambdas.tolist() == [0.2, 0.05]
    assert path.position(0.20001) == 0
    with pytest.raises(InputError, match=r"no penalty 0\.1; the nearest is 0\.05"):
        path.tidy(at=0.1)
    with pytest.raises(InputError, match="no penalty nan"):
        path.tidy(at=float("nan"))
    with pytest.raises(InputError, match="no such place on the path"):
        path.tidy(at="best")
    for ask in (path.tidy, path.cross_validation, lambda: path.predict_score(frame())):
        with pytest.raises(InputError, match="not cross-validated"):
            ask()


def test_new_patients_that_the_design_does_not_know():
    given = frame(arm=np.tile(["a", "b"], N // 2)[::-1])
    path = fit(given, features="g1 + arm", lambdas=[0.01], adjust="age", references={"arm": "b"})
    assert [c.contrast for c in path.design.coefficients if c.term == "arm"] == ["b", "a vs b"]
    with pytest.raises(InputError, match=r"levels that the design does not know; row 2"):
        path.predict_score(pd.DataFrame({"g1": 0.0, "age": 1.0, "arm": ["a", "c"]}), at=0.01)
    with pytest.raises(ColumnError, match="'age'"):
        path.predict_score(pd.DataFrame({"g1": [0.0], "arm": ["a"]}), at=0.01)


def test_names_that_no_formula_could_hold():
    given = frame().rename(columns={"g1": "202345_at", "g2": "a+b"})
    path = fit(given, features=["202345_at", "a+b"], adjust="poly(age, 2)", lambdas=[0.01])
    assert path.tidy(at=0.01)["term"].tolist() == ["poly(age, 2)", "poly(age, 2)", "202345_at", "a+b"]


def test_a_lasso_that_separates_is_finite_and_ends_early():
    given = frame()
    given = given.assign(g1=given["s"] + 0.01 * given["g2"])
    path = fit(given, alpha=1.0, n_lambdas=100, lambda_ratio=1e-4)
    assert len(path.lambdas) < 100
    assert np.isfinite(path.beta).all()
    assert (np.diff(path.explained) > 0).all()


def test_the_end_of_the_path_as_the_minimum_is_noted():
    rng = np.random.default_rng(0)
    given = frame()
    given["t"] = rng.exponential(np.exp(-2.0 * given["g1"] - 2.0 * given["g2"]))
    given["s"] = 1
    path = fit(given, folds=5, seed=1, n_lambdas=3, lambda_ratio=0.5)
    assert path.glance()["note"].iloc[0] == "the deviance still falls at the end of the path: give smaller lambdas"


def test_many_copies_of_flags_under_the_lasso():
    # more features in than events: the information is singular, and coefficients that left came back at every step
    rng = np.random.default_rng(93)
    flags = (rng.random((80, 60)) < 0.3).astype(float)
    flags = np.column_stack((flags, flags, 1.0 - flags))
    names = [f"g{k}" for k in range(180)]
    given = pd.DataFrame(flags, columns=names).assign(s=np.r_[np.ones(60), np.zeros(20)].astype(int))
    given["t"] = np.ceil(10 * rng.exponential(np.exp(-given["g0"])))
    path = elastic_net(endpoint(given), names, alpha=1.0, lambda_ratio=1e-3, n_lambdas=30, folds=None)
    assert np.isfinite(path.beta).all()
    assert (np.diff(path.log_likelihood) >= 0).all()
    # copies have one effect, whichever of them bears it
    base = elastic_net(endpoint(given), names[:60], alpha=1.0, lambdas=path.lambdas, folds=None)
    joined = path.beta[:, :60] + path.beta[:, 60:120] - path.beta[:, 120:]
    np.testing.assert_allclose(joined[:10], base.beta[:10], atol=1e-6)
