"""Features and arguments that a screen cannot take: a row that says why, or an error for all."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import ColumnError, ConvergenceError, InputError, cox, endpoint_from_columns, fine_gray
from ikzf1_outcomes.kernels.feature_models import FeatureLikelihood
from ikzf1_outcomes.kernels.feature_scores import cox_scores, null_fit
from ikzf1_outcomes.kernels.partial import lay_out, linear_predictor, partial_likelihood
from ikzf1_outcomes.models.feature_screen import screen
from ikzf1_outcomes.multiplicity import adjust_p

RNG = np.random.default_rng(12)
N = 40
FRAME = pd.DataFrame(
    {
        "t": RNG.integers(1, 30, N) / 2,
        "s": RNG.choice([0, 1, 1, 2], N),
        "age": RNG.uniform(1, 17, N),
        "x": RNG.normal(size=N),
    }
)
FRAME["arm"] = RNG.choice(list("ab"), N)
NUMBERS = ["estimate", "std_error", "low", "high", "statistic", "p_value", "p_adjusted_bh", "p_adjusted_by", "q_value"]
METHODS = {"cox": {}, "firth": {"method": "firth"}, "fine_gray": {"method": "fine_gray"}}


def made(frame=FRAME, **named):
    return endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"}, **named)


def bad_features():
    """Columns that no model can have, among good ones."""
    event = FRAME["s"] == 1
    return pd.DataFrame(
        {
            "x": FRAME["x"],
            "flat": 7.25,
            "twice": 3 - 2 * FRAME["age"],
            "infinite": FRAME["x"].where(FRAME.index != 5, np.inf),
            "none_known": np.nan,
            "one_known": FRAME["x"].where(FRAME.index == 3),
            "no_events_known": FRAME["x"].where(~event),
            "flag": FRAME["x"] > 0,
        }
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("adjust", [None, "age", "age + arm"])
def test_bad_features_are_rows_with_the_words_of_the_single_model(method, adjust):
    features = bad_features()
    endpoint = made(FRAME.drop(columns="x").join(features))
    table = screen(endpoint, features, adjust=adjust, cause="relapse", **METHODS[method]).tidy().set_index("term")
    single = {
        "cox": lambda terms: cox(endpoint, terms, cause="relapse"),
        "firth": lambda terms: cox(endpoint, terms, cause="relapse", penalty="firth"),
        "fine_gray": lambda terms: fine_gray(endpoint, terms, cause="relapse"),
    }[method]
    bad = ["flat", "infinite", "none_known", "one_known", "no_events_known"] + ["twice"] * (adjust is not None)
    for name in bad:
        with pytest.raises(InputError) as refused:
            single(name if adjust is None else f"{adjust} + {name}")
        assert table.loc[name, "note"] == refused.value.problem
        assert table.loc[name, NUMBERS].isna().all()
    for name in ("x", "flag"):
        assert np.isfinite(table.loc[name, NUMBERS[:6]].astype(float)).all()
        assert table.loc[name, "note"] == ""


def test_a_feature_without_an_event_among_its_carriers():
    carrier = (FRAME["s"] == 0) & (FRAME.index % 2 == 0)
    endpoint = made(FRAME.assign(carrier=carrier))
    table = screen(endpoint, ["carrier", "x"], adjust="age", cause="relapse", permutations=20, seed=1).tidy()
    words = "no finite hazard ratio for carrier: it separates those with events from those without"
    assert table["note"].tolist() == [words, ""]
    assert table.loc[0, [*NUMBERS, "p_family"]].isna().all()
    with pytest.raises(ConvergenceError, match=words):
        cox(endpoint, "age + carrier", cause="relapse")
    # the penalty keeps it finite
    firth = screen(endpoint, ["carrier", "x"], adjust="age", cause="relapse", method="firth").tidy()
    assert np.isfinite(firth["estimate"]).all()
    assert firth.loc[0, "estimate"] < 0


def test_features_that_are_nearly_a_combination_of_the_adjusters():
    # to seven digits it is age: the single model has it, and so has the screen, to what rounding leaves
    near = FRAME["age"] + 1e-6 * FRAME["x"]
    endpoint = made(FRAME.assign(near=near))
    row = screen(endpoint, ["near"], adjust="age", standardise=False).tidy().iloc[0]
    own = cox(endpoint, "age + near").tidy().iloc[-1]
    assert row["estimate"] == pytest.approx(own["estimate"], rel=1e-9)
    assert row["std_error"] == pytest.approx(own["std_error"], rel=1e-9)


def test_a_heavy_tail_does_not_stop_the_search():
    # one value of a thousand standard deviations, and steps that must be halved
    far = FRAME["x"].where(FRAME.index != 2, 1e3)
    endpoint = made(FRAME.assign(far=far, cube=np.exp(3 * FRAME["x"])))
    table = screen(endpoint, ["far", "cube"], adjust="age", standardise=False).tidy().set_index("term")
    for name in ("far", "cube"):
        own = cox(endpoint, f"age + {name}").tidy().iloc[-1]
        assert table.loc[name, "estimate"] == pytest.approx(own["estimate"], rel=1e-8)
        assert table.loc[name, "std_error"] == pytest.approx(own["std_error"], rel=1e-8)


def test_levels_of_adjusters_that_are_lost_with_the_missing_values():
    # the third arm has no event among those with the feature: the limit; the fourth nobody at all: no column
    arm = np.array(list("abcd"))[np.arange(N) % 4]
    frame = FRAME.assign(arm=arm, s=np.where((arm == "c") & (FRAME.index > 10), 0, FRAME["s"]))
    frame["part"] = frame["x"].where((arm != "d") & ~((arm == "c") & (FRAME.index <= 10)))
    endpoint = made(frame)
    row = screen(endpoint, ["part", "x"], adjust="arm", standardise=False).tidy().iloc[0]
    fit = cox(endpoint, "arm + part")
    assert fit.notes
    own = fit.tidy().iloc[-1]
    assert row["estimate"] == pytest.approx(own["estimate"], rel=1e-9)
    assert row["std_error"] == pytest.approx(own["std_error"], rel=1e-9)
    assert (row["n"], row["n_event"]) == (own["n"], own["n_event"])


def test_what_the_adjusters_cannot_do_is_an_error_for_all():
    with pytest.raises(InputError, match="constant among the rows analysed: one"):
        screen(made(FRAME.assign(one=1.0)), ["x"], adjust="age + one")
    with pytest.raises(ConvergenceError, match="no finite hazard ratio for ended"):
        screen(made(FRAME.assign(ended=FRAME["s"] > 0, s=FRAME["s"].where(FRAME["t"] < 8, 0))), ["x"], adjust="ended")
    with pytest.raises(InputError, match="no events of relapse among the rows analysed"):
        screen(made(FRAME.assign(s=0)), ["x"], cause="relapse")
    with pytest.raises(ColumnError, match="no column is called 'weight'"):
        screen(made(), ["x"], adjust="weight")


def test_features_that_are_no_features():
    with pytest.raises(ColumnError, match=r"no column is called 'y', 'z'; 2 in all"):
        screen(made(), ["x", "y", "z"])
    with pytest.raises(InputError, match="features are numbers or flags, and these are not: arm"):
        screen(made(), ["x", "arm"])
    with pytest.raises(InputError, match="features are numbers or flags, and these are not: level"):
        screen(made(FRAME.assign(level=pd.Categorical(FRAME["s"]))), ["level"])
    with pytest.raises(InputError, match="39 rows of features for 40 rows of the endpoint"):
        screen(made(), FRAME[["x"]].iloc[1:])
    with pytest.raises(InputError, match="several features have one name"):
        screen(made(), ["x", "x"])
    with pytest.raises(InputError, match="no features to screen"):
        screen(made(), [])
    with pytest.raises(InputError, match="a list of columns, a frame or an array"):
        screen(made(), "x")
    with pytest.raises(InputError, match="has rows and columns"):
        screen(made(), FRAME["x"].to_numpy())
    with pytest.raises(InputError, match="not a data frame"):
        screen(made(), 3.0)


def test_arguments_that_there_are_not():
    with pytest.raises(InputError, match="there is no such method"):
        screen(made(), ["x"], method="ridge")
    with pytest.raises(InputError, match="Fine-Gray has no such test"):
        screen(made(), ["x"], method="fine_gray", cause="relapse", test="score")
    with pytest.raises(InputError, match="there is no such rule for ties"):
        screen(made(), ["x"], ties="exact")
    with pytest.raises(InputError, match="there is no such rule for ties"):
        screen(made(), ["x"], method="fine_gray", cause="relapse", ties="efron")
    with pytest.raises(InputError, match="need the name of a cause"):
        screen(made(), ["x"], method="fine_gray")
    with pytest.raises(InputError, match="have no strata here"):
        screen(made(), ["x"], method="fine_gray", cause="relapse", strata="arm")
    with pytest.raises(InputError, match="no cause is called 'remission'"):
        screen(made(), ["x"], cause="remission")
    with pytest.raises(InputError, match="permutations need a seed"):
        screen(made(), ["x"], permutations=10)
    with pytest.raises(InputError, match="permutations are a number of 0 or more"):
        screen(made(), ["x"], permutations=-1, seed=1)
    with pytest.raises(InputError, match="conf_level must lie between 0 and 1"):
        screen(made(), ["x"], conf_level=95)
    with pytest.raises(InputError, match="references name no term"):
        screen(made(), ["x"], references={"arm": "b"})


def test_several_rows_of_one_patient_are_not_exchanged():
    frame = pd.DataFrame({"entry": [0.0, 2, 0, 0, 0], "t": [2.0, 5, 3, 4, 6], "s": [0, 1, 1, 0, 1], "id": list("aabcd")})
    endpoint = made(frame.assign(x=[1.0, 2, 0, 3, 1]), entry="entry", subject="id")
    assert screen(endpoint, ["x"]).tidy().loc[0, ["n", "n_event"]].tolist() == [4.0, 3]
    with pytest.raises(InputError, match="several rows of one patient"):
        screen(endpoint, ["x"], permutations=5, seed=1)


def test_a_feature_that_is_known_too_late_is_a_row():
    endpoint = made(FRAME, time_unit="years")
    late = endpoint.__class__(
        **{name: getattr(endpoint, name) for name in endpoint.__dataclass_fields__ if name not in ("start", "known_at")},
        start=np.zeros(N), known_at={"x": 0.1},
    )  # fmt: skip
    table = screen(late, ["x", "age"]).tidy()
    assert table["note"].tolist() == ["column 'x' is known only after follow-up has begun", ""]
    assert table["estimate"].isna().tolist() == [True, False]


def test_p_values_that_are_none():
    with pytest.raises(InputError, match="a p-value lies outside 0 to 1; rows 2, 3"):
        adjust_p([0.1, -0.1, 1.5])
    with pytest.raises(InputError, match="one row of numbers"):
        adjust_p([[0.1, 0.2]])
    with pytest.raises(InputError, match="there is no such adjustment"):
        adjust_p([0.1], "bonferonni")
    with pytest.raises(InputError, match="no share of null hypotheses"):
        adjust_p([0.001, 0.002], "storey")
    assert np.isnan(adjust_p([np.nan, np.nan], "by")).all()
    assert len(adjust_p([])) == 0


def test_when_all_p_values_are_small_there_are_no_q_values():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"t": np.arange(60.0), "s": 1})
    x = -np.arange(60.0)[:, None] + 4 * rng.normal(size=(60, 5))
    result = screen(made(frame), x)
    assert (result.tidy()["p_value"] < 0.01).all()
    assert result.tidy()["q_value"].isna().all()
    row = result.glance().iloc[0]
    assert np.isnan(row["pi0"])
    assert np.isnan(row["n_hits_q"])
    assert row["note"] == "no q-values: hardly any p-value is large"


def test_weights_that_are_not_whole_are_told():
    endpoint = made(FRAME.assign(w=np.linspace(0.5, 1.5, N)), weights="w")
    assert "weights are not whole numbers" in screen(endpoint, ["x"]).glance()["note"].iloc[0]


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_a_row_of_enormous_risk_that_enters_late_leaves_no_rounding_behind(ties):
    """Before its entry it is taken out of sums that are nothing beside it: they are made anew. It is the last to end."""
    rng = np.random.default_rng(2)
    frame = FRAME.assign(entry=np.where(np.arange(N) == 0, 9.0, -1.0), t=FRAME["t"].where(FRAME.index != 0, 99.0))
    endpoint = made(frame, entry="entry")
    a, x = rng.normal(size=(N, 1)), rng.normal(size=(N, 4))
    a[0], x[0] = 25.0, 3.0
    layout = lay_out(endpoint.rows, endpoint.cause > 0, endpoint.case_weights, a)
    start = np.array([1.6])  # e^40 among risks about 1
    likelihood = FeatureLikelihood(layout, linear_predictor(layout, start)[1], ties)
    rows = np.ascontiguousarray(x[layout.where])
    value, score, information = likelihood(rows, np.column_stack([np.full(4, 1.6), np.linspace(-0.5, 0.5, 4)]))
    scores = cox_scores(null_fit(layout, start, ties))
    first = scores.at_start(rows, 0.0)
    for j, own in enumerate(np.linspace(-0.5, 0.5, 4)):
        both = lay_out(endpoint.rows, endpoint.cause > 0, endpoint.case_weights, np.column_stack([a, x[:, j]]))
        theirs = partial_likelihood(both, ties)
        one, null = theirs(np.array([1.6, own])), theirs(np.array([1.6, 0.0]))
        assert value[j] == pytest.approx(one[0], rel=1e-10)
        np.testing.assert_allclose(score[j], one[1], rtol=1e-8)
        np.testing.assert_allclose(information[j], one[2], rtol=1e-8)
        assert first[1][j, 1] == pytest.approx(null[1][1], rel=1e-8)
        np.testing.assert_allclose(first[2][j], null[2], rtol=1e-8)


def test_coefficients_that_run_over_are_no_maximum():
    endpoint = made()
    layout = lay_out(endpoint.rows, endpoint.cause > 0, endpoint.case_weights, FRAME[["age"]].to_numpy())
    likelihood = FeatureLikelihood(layout, np.zeros(1), "efron")
    x = np.ascontiguousarray(FRAME[["x", "x"]].to_numpy()[layout.where])
    value, _, information = likelihood(x, np.array([[0.1, 1e4], [0.1, 0.2]]))
    assert value[0] == -np.inf
    assert np.isfinite(value[1])
    assert np.isfinite(information).all()
