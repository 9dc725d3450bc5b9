"""Draws of classes, and outcome by drawn class, against loops and against the hard calls."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import ColumnError, InputError, cox, cumulative_incidence, endpoint_from_columns, kaplan_meier
from ikzf1_outcomes.impute.augmentation import drawn_coefficients, log_likelihoods
from ikzf1_outcomes.impute.draws import call_draws, codes_of
from ikzf1_outcomes.impute.uncertain_calls import CallUncertainty, call_uncertainty

CAUSES = {1: "relapse", 2: "death"}
CLASSES = ["none", "ik6", "whole_gene"]
NUMBERS = ["estimate", "std_error"]


def patients(n=120, seed=5):
    rng = np.random.default_rng(seed)
    t, s, z = rng.integers(1, 40, n) / 4, rng.integers(0, 3, n), rng.integers(0, 3, n)
    return pd.DataFrame({"t": t, "s": s, "call": np.array(CLASSES)[z], "age": rng.normal(size=n)}), z


def made(frame, **options):
    return endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, **options)


def certain(z):
    return pd.DataFrame(np.eye(3)[z], columns=CLASSES)


def softened(z, weight=0.8):
    return pd.DataFrame(weight * np.eye(3)[z] + (1 - weight) / 3, columns=CLASSES)


def test_a_class_is_where_the_cumulated_probability_first_exceeds_the_uniform():
    p = pd.DataFrame([[0.2, 0.0, 0.8], [0.0, 0.5, 0.5], [np.nan] * 3, [1.0, 0.0, 0.0]], columns=CLASSES, index=list("wxyz"))
    drawn = call_draws(p, draws=200, seed=3)
    assert drawn.index.tolist() == list("wxyz")
    assert drawn.columns.tolist() == list(range(1, 201))
    uniform = np.random.default_rng(3).random((200, 4))
    for k in range(200):
        for i, row in enumerate(p.to_numpy()):
            reached, word = 0.0, np.nan
            for c, chance in zip(CLASSES, row, strict=True):
                reached += chance
                if uniform[k, i] < reached:
                    word = c
                    break
            assert drawn[k + 1].iloc[i] is word or drawn[k + 1].iloc[i] == word or np.isnan(word)
    assert drawn.loc["y"].isna().all()
    assert not (drawn.loc["w"] == "ik6").any()
    assert drawn[1].cat.categories.tolist() == CLASSES


def test_a_class_of_probability_zero_is_never_drawn_at_the_edge():
    # the tenths add up to 0.9999999999999999
    p = np.array([[0.1] * 10 + [0.0]])
    assert codes_of(p, np.array([np.nextafter(1, 0)])).tolist() == [9]
    assert codes_of(np.array([[0.0, 1.0]]), np.array([0.0])).tolist() == [1]


def test_the_same_seed_gives_the_same_draws():
    p = softened(np.array([0, 1, 2] * 20))
    assert call_draws(p, draws=4, seed=8).equals(call_draws(p, draws=4, seed=np.random.default_rng(8)))
    assert not call_draws(p, draws=4, seed=8).equals(call_draws(p, draws=4, seed=9))


def test_shares_of_draws_are_the_probabilities():
    p = pd.DataFrame([[0.5, 0.3, 0.2]] * 50, columns=CLASSES)
    drawn = call_draws(p, draws=2000, seed=1)
    shares = pd.Series(drawn.to_numpy().ravel()).value_counts(normalize=True)[CLASSES]
    # 100,000 draws: standard error 0.0016 at most
    assert np.abs(shares.to_numpy() - [0.5, 0.3, 0.2]).max() < 0.006


@pytest.mark.parametrize(
    ("rows", "problem", "where"),
    [
        ([[0.5, 0.5, 0.0], [0.5, 0.4, 0.0]], "do not add up to 1", (2,)),
        ([[0.5, np.nan, 0.5], [1, 0, 0]], "some probabilities of a row are missing", (1,)),
        ([[1.5, -0.5, 0.0], [1, 0, 0]], "not between 0 and 1", (1,)),
        ([["a", 1, 0], [1, 0, 0]], "not numbers", None),
    ],
)
def test_rows_that_are_no_probabilities_are_refused(rows, problem, where):
    with pytest.raises(InputError, match=problem) as caught:
        call_draws(pd.DataFrame(rows, columns=CLASSES), draws=1, seed=1)
    assert caught.value.where == where


def test_frames_that_are_no_probabilities_are_refused():
    one = pd.DataFrame({"none": [1.0]})
    for wrong in (one, np.eye(2), pd.DataFrame(np.eye(2), columns=["none", "none"])):
        with pytest.raises(InputError, match="two or more classes"):
            call_draws(wrong, draws=1, seed=1)
    with pytest.raises(InputError, match="no class: ambiguous"):
        call_draws(one.assign(ambiguous=0.0), draws=1, seed=1)
    for draws in (0, 1.5, True):
        with pytest.raises(InputError, match="whole number of 1 or more"):
            call_draws(one.assign(ik6=0.0), draws=draws, seed=1)


def test_sums_off_by_rounding_pass():
    p = pd.DataFrame({"none": [0.3333333, 0.5], "ik6": [0.6666666, 0.5]})
    assert call_draws(p, draws=3, seed=1).notna().all(axis=None)


@pytest.mark.parametrize("outcome", ["ignored", "used"])
@pytest.mark.parametrize("cause", [None, "relapse"])
def test_certain_calls_give_the_hard_calls(outcome, cause):
    frame, z = patients()
    out = call_uncertainty(
        made(frame), certain(z), hard="call", terms=["age"], cause=cause, draws=4, seed=1, outcome=outcome
    ).tidy()
    hard, soft = (part.reset_index(drop=True) for _, part in out.groupby("analysis", sort=False))
    for column in [*NUMBERS, "n", "n_event", "term", "contrast", "group", "cause", "scale"]:
        assert hard[column].equals(soft[column]) or np.allclose(hard[column], soft[column], rtol=1e-12, equal_nan=True), (
            column
        )
    assert soft["fraction_missing"].dropna().eq(0).all()
    assert hard["fraction_missing"].isna().all()
    curve = hard["scale"] == "probability"
    assert np.allclose(hard.loc[curve, ["low", "high"]], soft.loc[curve, ["low", "high"]], rtol=1e-12)


def test_hard_rows_are_those_of_the_curve_and_of_cox():
    frame, z = patients()
    frame.loc[:9, "call"] = ["ambiguous", "failed", "not_tested", None, "ambiguous"] * 2
    known = made(frame[~frame["call"].isin(["ambiguous", "failed", "not_tested"]) & frame["call"].notna()])
    result = call_uncertainty(made(frame), softened(z), by="call", terms="age", cause="relapse", at=5, draws=2, seed=1)
    tidy = result.tidy()
    hard = tidy[tidy["analysis"] == "hard call"].set_index("group")
    curve = cumulative_incidence(known, "call").tidy([5]).query("cause == 'relapse'").set_index("group")
    fit = cox(known, "call + age", cause="relapse", references={"call": "none"}).tidy().set_index("contrast")
    shown = ["estimate", "std_error", "low", "high", "n", "n_event"]
    assert np.allclose(hard.query("term == 'incidence'")[shown], curve.loc[CLASSES, shown])
    ratio = hard.query("term == 'call'").set_index("contrast")[shown]
    assert np.allclose(ratio.iloc[1:], fit.loc[ratio.index[1:], shown])
    glance = result.glance().set_index("analysis")
    assert glance.loc["hard call", ["n", "n_excluded", "note"]].tolist() == [110, 10, "left out: 10 without a known call"]
    assert glance.loc["with call uncertainty", ["n", "n_excluded", "n_draws"]].tolist() == [120, 0, 2]


def test_survival_without_a_cause_and_means_over_draws():
    frame, z = patients()
    options = {"draws": 6, "seed": 2, "references": {"ikzf1_class": "ik6"}, "outcome": "ignored"}
    tidy = call_uncertainty(made(frame), softened(z), **options).tidy()
    assert tidy["analysis"].eq("with call uncertainty").all()
    assert tidy["term"].tolist() == ["survival"] * 3 + ["ikzf1_class"] * 3
    assert tidy["contrast"].tolist()[3:] == ["none vs ik6", "ik6", "whole_gene vs ik6"]
    for term, part in tidy.groupby("term"):
        assert part["n"].sum() == pytest.approx(120), term
    assert tidy.loc[tidy["term"] == "ikzf1_class", "n_event"].sum() == pytest.approx((frame["s"] > 0).sum())
    drawn = call_draws(softened(z), draws=6, seed=2)
    each = [kaplan_meier(made(frame.assign(drawn=drawn[k])), "drawn").tidy([5])["estimate"] for k in range(1, 7)]
    expected = np.exp(-np.exp(np.mean([np.log(-np.log(x)) for x in each], axis=0)))
    assert np.allclose(tidy["estimate"].iloc[:3], expected, rtol=1e-12)
    fits = [cox(made(frame.assign(drawn=drawn[k])), "drawn", references={"drawn": "ik6"}).tidy() for k in range(1, 7)]
    mean = np.mean([fit.set_index("contrast").loc["none vs ik6", "estimate"] for fit in fits])
    assert tidy.loc[tidy["contrast"] == "none vs ik6", "estimate"].item() == pytest.approx(mean, rel=1e-12)
    between = np.var([fit.set_index("contrast").loc["none vs ik6", "estimate"] for fit in fits], ddof=1)
    row = tidy[tidy["contrast"] == "none vs ik6"].iloc[0]
    assert row["fraction_missing"] == pytest.approx((1 + 1 / 6) * between / row["std_error"] ** 2, rel=1e-10)


def test_who_is_not_tested_or_lacks_a_term_is_left_out_and_counted():
    frame, z = patients()
    p = softened(z)
    p.iloc[:7] = np.nan
    frame.loc[5:9, "age"] = np.nan
    result = call_uncertainty(made(frame), p, hard="call", terms="age", draws=3, seed=1, outcome="used")
    glance = result.glance().set_index("analysis")
    assert glance.loc["with call uncertainty", ["n", "n_excluded"]].tolist() == [110, 10]
    assert glance.loc["with call uncertainty", "note"] == "left out: 7 not tested; left out: 5 a missing term"
    assert glance.loc["hard call", ["n", "n_excluded", "note"]].tolist() == [115, 5, "left out: 5 a missing term"]


@pytest.mark.parametrize("outcome", ["ignored", "used"])
def test_a_class_too_rare_in_some_draws_is_not_estimable(outcome):
    frame, z = patients()
    p = certain(z % 2)
    # one patient who may be of the third class
    p.iloc[0] = [0.5, 0.0, 0.5]
    tidy = call_uncertainty(made(frame), p, cause="relapse", draws=20, seed=1, outcome=outcome).tidy()
    rare = tidy[tidy["group"] == "whole_gene"]
    assert rare["estimate"].isna().all()
    # where no draw has it, the reason follows
    pattern = r"not estimable in \d+ of 20 draws(: no(body in this group| events in whole_gene))?"
    assert rare["note"].str.fullmatch(pattern).all()
    rest = tidy[(tidy["group"] != "whole_gene") & (tidy["note"] != "reference")]
    assert rest[[*NUMBERS, "low", "high"]].notna().all(axis=None)


def test_a_reference_without_events_leaves_no_hazard_ratio():
    frame, z = patients()
    frame.loc[z == 0, "s"] = 0
    tidy = call_uncertainty(made(frame), certain(z), hard="call", draws=3, seed=1, outcome="used").tidy()
    ratio = tidy[(tidy["term"] == "ikzf1_class") & (tidy["note"] != "reference")]
    assert ratio["estimate"].isna().all()
    assert set(ratio["note"]) == {
        "not estimable: no events in the reference level none",
        "not estimable in 3 of 3 draws: no events in the reference level none",
    }


def test_rows_of_one_patient_share_a_class():
    frame, z = patients(40)
    halves = pd.concat([frame.assign(t=frame["t"] / 2, s=0, e=0.0), frame.assign(e=frame["t"] / 2)], ignore_index=True)
    halves["id"] = list(range(40)) * 2
    both = made(halves, entry="e", subject="id")
    p = softened(z)
    twice = pd.concat([p, p], ignore_index=True)
    for outcome in ("ignored", "used"):
        options = {"draws": 5, "seed": 4, "cause": "relapse", "outcome": outcome}
        whole, split = call_uncertainty(made(frame), p, **options).tidy(), call_uncertainty(both, twice, **options).tidy()
        assert np.allclose(whole[[*NUMBERS, "n"]], split[[*NUMBERS, "n"]], rtol=1e-7, equal_nan=True)
    twice.iloc[41] = [0.1, 0.2, 0.7]
    with pytest.raises(InputError, match="different probabilities") as caught:
        call_uncertainty(both, twice, draws=2, seed=1)
    assert caught.value.where == (42,)


def test_likelihoods_of_the_classes_against_loops():
    """Five rows, tied events, one delayed entry, weights: Breslow's steps and each row's likelihood written out."""
    frame = pd.DataFrame({"t": [1, 2, 2, 3, 4], "e": [0, 0, 1, 0, 2], "s": [1, 1, 1, 0, 2], "w": [1, 2, 1, 1, 3]})
    endpoint = made(frame, entry="e", weights="w")
    own, eta = np.array([0.1, -0.3, 0.7, 0.0, 0.2]), np.array([[0.0, 0.7], [-0.3, 0.4], [0.0, 0.7], [0.0, 0.7], [0.2, 0.9]])
    ours = log_likelihoods(endpoint, endpoint.cause == 1, own, eta)
    for i, row in frame.iterrows():
        for c in range(2):
            gone = 0.0
            for u in sorted(set(frame["t"])):
                at_risk = [j for j, other in frame.iterrows() if other["e"] < u <= other["t"]]
                dead = sum(frame["w"][j] for j in at_risk if frame["t"][j] == u and frame["s"][j] == 1)
                if row["e"] < u <= row["t"]:
                    gone += dead / sum(frame["w"][j] * np.exp(own[j]) for j in at_risk)
            expected = (row["s"] == 1) * eta[i, c] - gone * np.exp(eta[i, c])
            assert ours[i, c] == pytest.approx(expected, rel=1e-12)


def test_coefficients_are_drawn_about_the_mode_with_its_curvature():
    """The six patients of docs/methods/cox.md, with a normal prior of spread 5.

    With r = exp(b) the score is 2 - 3r / (r + 1) - r / (r + 2) - b / 25, the information
    3r / (r + 1)^2 + 2r / (r + 2)^2 + 1 / 25.
    """
    six = pd.DataFrame({"t": [1, 2, 4, 1, 3, 5], "s": [1, 1, 0, 1, 1, 0]})
    endpoint, x = made(six), np.array([[1.0], [1], [1], [0], [0], [0]])
    low, high = -2.0, 2.0
    for _ in range(60):
        b = (low + high) / 2
        r = np.exp(b)
        low, high = (b, high) if 2 - 3 * r / (r + 1) - r / (r + 2) - b / 25 > 0 else (low, b)
    spread = (3 * r / (r + 1) ** 2 + 2 * r / (r + 2) ** 2 + 1 / 25) ** -0.5
    rng, normal = np.random.default_rng(4), np.random.default_rng(4)
    for _ in range(3):
        drawn = drawn_coefficients(endpoint, endpoint.cause == 1, x, rng)[0]
        assert drawn == pytest.approx(b + spread * normal.standard_normal(), rel=1e-9)


def test_a_class_without_events_is_drawn_and_finite():
    """Three events at which 3, 2, 1 of the first class and all 3 of the second are at risk.

    With q_k = 3r / (3r + k) the score is -(q_1 + q_2 + q_3) - b / 25, the information the sum of q_k (1 - q_k) + 1 / 25.
    """
    endpoint = made(pd.DataFrame({"t": [1, 2, 3, 4, 5, 6], "s": [1, 1, 1, 0, 0, 0]}))
    x = np.array([[0.0], [0], [0], [1], [1], [1]])
    low, high = -8.0, 0.0
    for _ in range(60):
        b = (low + high) / 2
        q = 3 * np.exp(b) / (3 * np.exp(b) + np.arange(1, 4))
        low, high = (b, high) if -q.sum() - b / 25 > 0 else (low, b)
    assert -3.7 < b < -3.5
    drawn = drawn_coefficients(endpoint, endpoint.cause == 1, x, np.random.default_rng(4))[0]
    spread = ((q * (1 - q)).sum() + 1 / 25) ** -0.5
    assert drawn == pytest.approx(b + spread * np.random.default_rng(4).standard_normal(), rel=1e-9)


def test_covariances_enter_the_draws():
    frame, z = patients()
    endpoint = made(frame)
    x = np.column_stack((z == 1, z == 2)).astype(float)
    rng = np.random.default_rng(1)
    drawn = np.array([drawn_coefficients(endpoint, endpoint.cause > 0, x, rng) for _ in range(4000)])
    fit = cox(endpoint, "call", references={"call": "none"})
    expected = np.linalg.inv(np.linalg.inv(fit.covariance) + np.eye(2) / 25)
    # relative error of a variance from 4000 draws: sqrt(2 / 4000) = 2 %
    assert np.allclose(np.cov(drawn.T), expected, rtol=0.1)


def test_the_outcome_sharpens_a_call_as_bayes_says():
    """Patients of unknown class beside many known ones of hazards 0.05 and 1: their posterior by Bayes' theorem.

    Unknown patients relapse at 1 year (class b is 20 exp(-0.95) times as likely) or are free of relapse at 4 years
    (exp(-3.8) times).
    """
    rng = np.random.default_rng(1)
    n = 1500
    slow, fast = rng.exponential(20, n), rng.exponential(1, n)
    known = pd.DataFrame({"t": np.minimum(np.r_[slow, fast], 6), "s": np.r_[slow, fast] < 6, "z": [0] * n + [1] * n})
    unknown = pd.DataFrame({"t": [1.0] * 60 + [4.0] * 60, "s": [True] * 60 + [False] * 60, "z": -1})
    frame = pd.concat([known, unknown], ignore_index=True).astype({"s": int})
    b = np.where(frame["z"] < 0, 0.5, frame["z"])
    p = pd.DataFrame({"a": 1 - b, "b": b})
    early, late = (x / (1 + x) for x in (20 * np.exp(-0.95), np.exp(-3.8)))
    n_b = []
    for keep in (slice(0, 2 * n + 60), slice(None)):
        tidy = call_uncertainty(made(frame[keep]), p[keep], by="kind", draws=40, seed=2, outcome="used").tidy()
        n_b.append(tidy.loc[tidy["contrast"] == "b vs a", "n"].item() - n)
    # 60 x 40 draws: standard errors of the shares below 0.01, and as much from the fitted hazards
    assert abs(n_b[0] / 60 - early) < 0.03
    assert abs((n_b[1] - n_b[0]) / 60 - late) < 0.03


def test_the_other_causes_tell_about_the_class_too():
    """Relapse is asked for, and its hazard is 0.05 in both classes; deaths have hazards 0.05 and 1.

    Unknown patients die at 1 year: class b is 20 exp(-0.95) times as likely.
    """
    rng = np.random.default_rng(2)
    n = 1500
    death = np.r_[rng.exponential(20, n), rng.exponential(1, n)]
    relapse = rng.exponential(20, 2 * n)
    t = np.minimum(np.minimum(death, relapse), 6)
    known = pd.DataFrame({"t": t, "s": np.select([t == 6, t == relapse], [0, 1], 2), "b": [0.0] * n + [1.0] * n})
    frame = pd.concat([known, pd.DataFrame({"t": [1.0] * 60, "s": 2, "b": 0.5})], ignore_index=True)
    p = pd.DataFrame({"a": 1 - frame["b"], "b": frame["b"]})
    options = {"by": "kind", "cause": "relapse", "draws": 40, "seed": 2}
    share = {}
    for outcome in ("ignored", "used"):
        tidy = call_uncertainty(made(frame), p, outcome=outcome, **options).tidy()
        share[outcome] = (tidy.loc[tidy["contrast"] == "b vs a", "n"].item() - n) / 60
    x = 20 * np.exp(-0.95)
    assert abs(share["used"] - x / (1 + x)) < 0.04
    assert abs(share["ignored"] - 0.5) < 0.05


def test_questions_that_have_no_answer_are_refused():
    frame, z = patients()
    endpoint, p = made(frame), softened(z)
    options = {"draws": 2, "seed": 1}
    with pytest.raises(InputError, match="119 rows of probabilities for 120 rows"):
        call_uncertainty(endpoint, p.iloc[1:], **options)
    with pytest.raises(InputError, match="neither 'ignored' nor 'used'"):
        call_uncertainty(endpoint, p, outcome="both", **options)
    with pytest.raises(InputError, match="no cause is called 'progress'"):
        call_uncertainty(endpoint, p, cause="progress", **options)
    with pytest.raises(InputError, match="reference level of 'ikzf1_class' is no class"):
        call_uncertainty(endpoint, p, references={"ikzf1_class": "wild"}, **options)
    with pytest.raises(InputError, match="references name no term"):
        call_uncertainty(endpoint, p, references={"sex": "m"}, **options)
    with pytest.raises(InputError, match="is the class itself"):
        call_uncertainty(endpoint, p, by="call", terms="call", **options)
    with pytest.raises(ColumnError, match="'sex'"):
        call_uncertainty(endpoint, p, terms="sex", **options)
    with pytest.raises(ColumnError, match="'hardly'"):
        call_uncertainty(endpoint, p, hard="hardly", **options)
    with pytest.raises(InputError, match="whole number of 2 or more"):
        call_uncertainty(endpoint, p, draws=1, seed=1)
    with pytest.raises(InputError, match="conf_level"):
        call_uncertainty(endpoint, p, conf_level=2, **options)
    with pytest.raises(InputError, match="times must be finite"):
        call_uncertainty(endpoint, p, at=-1, **options)
    with pytest.raises(InputError, match="nobody is left"):
        call_uncertainty(endpoint, p * np.nan, **options)
    frame.loc[3, "call"] = "ik7"
    with pytest.raises(InputError, match="a hard call is no class") as caught:
        call_uncertainty(made(frame), p, hard="call", **options)
    assert caught.value.where == (4,)
    assert "ik7" not in str(caught.value)
    with pytest.raises(InputError, match="nobody has a hard call"):
        call_uncertainty(made(frame.assign(call="failed")), p, hard="call", **options)


def test_a_column_is_given_by_position_and_the_endpoint_stays():
    frame, _ = patients(4)
    endpoint = made(frame)
    given = pd.Series(pd.Categorical(["b", "a", None, "b"], categories=["b", "a"]), index=[9, 8, 7, 6])
    out = endpoint.with_column("arm", given)
    assert out.frame["arm"].astype(object).where(out.frame["arm"].notna(), None).tolist() == ["b", "a", None, "b"]
    assert out.groups("arm").levels == ("b", "a")
    assert "arm" not in endpoint.frame
    assert out.time is endpoint.time
    replaced = out.with_column("arm", ["x"] * 4)
    assert replaced.groups("arm").levels == ("x",)
    assert out.groups("arm").levels == ("b", "a")
    with pytest.raises(InputError, match="3 values for 4 rows"):
        endpoint.with_column("arm", [1, 2, 3])


def test_by_default_the_draws_know_the_outcome():
    frame, z = patients()
    options = {"draws": 3, "seed": 4}
    result = call_uncertainty(made(frame), softened(z), **options)
    assert isinstance(result, CallUncertainty)
    known = call_uncertainty(made(frame), softened(z), outcome="used", **options)
    assert result.tidy().equals(known.tidy())
    assert known.glance()["method"].tolist() == ["draws given the outcome"]
