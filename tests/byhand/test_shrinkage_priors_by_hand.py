"""Horseshoe and R2D2 on paper: log densities written out, effects of given draws, scales in numbers, prior draws."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.density_memory import pack
from ikzf1_outcomes.kernels.hierarchical_density import effects, evaluate
from ikzf1_outcomes.models.bayes.prior_draws import family_positions
from ikzf1_outcomes.models.bayes.quantities import in_own_terms, prior_above, quantities
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint

DRAWS = 40_000


def endpoint() -> iko.Endpoint:
    """Eight patients, one constant hazard, four relapses."""
    frame = pd.DataFrame(
        {
            "ikzf1_class": ["none"] * 5 + ["ik6"] * 3, "t": [1.0, 2.0, 3.0, 4.0, 2.0, 1.0, 2.0, 3.0],
            "s": [1, 0, 0, 1, 0, 1, 1, 0], "A": [1.0, 3.0] * 4, "B": [5.0, 5.0, 1.0, 1.0] * 2,
            "C": [2.0, 4.0, 4.0, 2.0, 2.0, 4.0, 4.0, 2.0], "pax5": [0, 1] * 4, "etv6": [0, 0, 0, 1] * 2,
        }
    )  # fmt: skip
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, time_unit="years")


def model(**options: object):
    spec = iko.hierarchical_spec(cuts=[], **options)  # type: ignore[arg-type]
    reduced = reduce_endpoint(endpoint(), spec)
    own = reduced.models[0]
    return reduced, own, pack(own.sums, own.baseline, own.families)


def likelihood(level: float, eta: np.ndarray) -> float:
    """One hazard, exp(level) / 5, times exp(eta): no baseline but that."""
    frame = endpoint().frame
    hazard = np.exp(level) / 5.0 * np.exp(eta)
    return float((frame["s"] * np.log(hazard) - hazard * frame["t"]).sum())


def log_half_cauchy(v: float, scale: float) -> float:
    """Log density of a log."""
    return float(stats.halfcauchy.logpdf(np.exp(v), scale=scale) + v)


@pytest.mark.parametrize("pathways", [None, {"one": ["A"], "two": ["B"]}])
@pytest.mark.parametrize("far", [1.0, 6.0])
@pytest.mark.parametrize("centring", ["auto", "non-centred"])
def test_the_density_of_a_horseshoe(pathways: dict | None, far: float, centring: str) -> None:
    """Of two features that are 1, 3 and 5, 1: -1 and 1, 1 and -1 in their own SD.

    Half of the features at most are expected to matter, here one: tau0 = 1 / (2 - 1) / sqrt(4 events) = 1/2.
    """
    _, own, memory = model(features=["A", "B"], pathways=pathways, centring=centring)
    family = own.families[-1]
    assert family.scale.tolist() == [0.5, 0.5, 4.0 if centring == "auto" else 0.0]
    groups = 0 if pathways is None else 2
    assert memory.n_dim == 2 + 2 + groups + 2 + 2
    rng = np.random.default_rng(3)
    for _ in range(5):
        theta = rng.normal(0.0, far, memory.n_dim)
        theta[0] = rng.normal()
        theta[-2:] /= far
        level, mean, log_tau, log_square = theta[:4]
        log_factor = theta[4 : 4 + groups] if groups else np.zeros(2)
        log_local, z = theta[4 + groups : 6 + groups], theta[-2:]
        spread = np.exp(log_tau + log_factor)
        square = np.exp(log_square)
        local = np.exp(log_local)
        sd = spread * np.sqrt(square * local**2 / (square + spread**2 * local**2))  # as Piironen and Vehtari write it
        told = np.sqrt(1.0 + family.scale[2] * sd**2)
        b = sd * z / told
        assert effects(memory, theta[None])[0] == pytest.approx([mean, *b], rel=1e-12)
        eta = (
            mean * np.array([0.0] * 5 + [1.0] * 3) + b[0] * np.array([-1.0, 1.0] * 4) + b[1] * np.array([1, 1, -1, -1] * 2)
        )
        expected = likelihood(level, eta) + stats.norm.logpdf(level, np.log(0.08), 1.0) + stats.norm.logpdf(mean, 0, 0.75)
        expected += log_half_cauchy(log_tau, 0.5)
        # shape 4 / 2, scale 4 / 2 x 0.5^2
        expected += stats.invgamma.logpdf(square, 2.0, scale=0.5) + log_square
        expected += sum(log_half_cauchy(v, 1.0) for v in (*theta[4 : 4 + groups], *log_local))
        expected += stats.norm.logpdf(z, scale=told).sum()
        assert evaluate(memory, theta)[0] == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("centring", ["auto", "centred"])
def test_the_density_of_a_share(centring: str) -> None:
    """Flags of half and a quarter of the patients: variances 1/4 and 3/16; a share of mean 0.15 and precision 8.

    D a = 1.2 and b = 6.8, so that each of two has a = 0.6.
    """
    _, own, memory = model(alterations=["pax5", "etv6"], alterations_prior="r2d2", centring=centring)
    events = 4.0 if centring == "centred" else 0.0
    assert own.families[-1].scale == pytest.approx([0.6, 6.8, events * np.pi**2 / 6.0], rel=1e-14)
    rng = np.random.default_rng(4)
    for _ in range(5):
        theta = rng.normal(0.0, 1.5, memory.n_dim)
        theta[0] = rng.normal()
        level, mean, log_xi = theta[:3]
        log_g, z = theta[3:5], theta[5:]
        omega = np.exp(log_g - log_xi)
        variance = np.array([1 / 4, 3 / 16])
        sd = np.sqrt(np.pi**2 / 6.0 * omega / variance)
        told = np.sqrt(1.0 + events * variance * sd**2)
        b = sd * z / told
        assert effects(memory, theta[None])[0] == pytest.approx([mean, *b], rel=1e-12)
        eta = mean * np.array([0.0] * 5 + [1.0] * 3) + b[0] * np.array([0, 1] * 4) + b[1] * np.array([0, 0, 0, 1] * 2)
        expected = likelihood(level, eta) + stats.norm.logpdf(level, np.log(0.08), 1.0) + stats.norm.logpdf(mean, 0, 0.75)
        expected += stats.gamma.logpdf(np.exp(log_xi), 6.8) + log_xi
        # omega given xi is gamma with rate xi; log omega = log g - log xi moves by as much as log g
        expected += (stats.gamma.logpdf(omega, 0.6, scale=np.exp(-log_xi)) + np.log(omega)).sum()
        expected += stats.norm.logpdf(z, scale=told).sum()
        assert evaluate(memory, theta)[0] == pytest.approx(expected, rel=1e-11)


def test_features_are_in_their_standard_deviations() -> None:
    reduced, own, _ = model(features=["A", "B", "C"])
    group = reduced.patients.blocks[-1][0]
    assert group.columns[:, 0].tolist() == [-1.0, 1.0] * 4
    assert group.columns[:, 1].tolist() == [1.0, 1.0, -1.0, -1.0] * 2
    # 1.5 of three are expected to matter
    assert own.families[-1].scale[0] == pytest.approx(1.5 / 1.5 / np.sqrt(4.0), rel=1e-14)
    few = iko.Priors(features_that_matter=0.5, feature_slab=iko.Prior("inverse-gamma", 0.0, 2.0, "SD", "a test"))
    _, own, _ = model(features=["A", "B", "C"], priors=few)
    assert own.families[-1].scale == pytest.approx([0.5 / 2.5 / 2.0, 2.0, 4.0], rel=1e-14)


def test_names_of_effects_and_spreads() -> None:
    reduced, own, memory = model(
        features=["A", "B", "C"], pathways={"one": ["B"]}, alterations=["pax5", "etv6"], alterations_prior="r2d2"
    )
    # level, deletion, xi, g of two, z of two; then tau, c^2, gamma of two, lambda of three, z of three
    assert own.places == {"deletion": 1, "alteration": 2, "feature": 7}
    theta = np.log(np.arange(1.0, 18.0))
    assert memory.n_dim == 17
    found = {(q.term, q.contrast): q for q in quantities(reduced, in_own_terms(own, theta[None, None]))}
    assert [key for key in found if key[0] not in ("level", "deletion")] == [
        ("alteration", "pax5"), ("alteration", "etv6"), ("feature", "A"), ("feature", "B"), ("feature", "C"),
        ("alteration share", ""), ("feature spread", ""), ("feature slab", ""), ("pathway spread", "one"),
        ("pathway spread", "no pathway"),
    ]  # fmt: skip
    values = {key: float(q.values[0, 0]) for key, q in found.items()}
    assert values["alteration share", ""] == pytest.approx((4 + 5) / 3 / (1 + (4 + 5) / 3))
    assert values["feature spread", ""] == pytest.approx(8.0)
    assert values["feature slab", ""] == pytest.approx(3.0)  # of the square 9
    assert values["pathway spread", "one"] == pytest.approx(10.0)
    assert values["pathway spread", "no pathway"] == pytest.approx(11.0)
    # A is in no pathway: 8 x 11 x 12 before the slab; four events tell an effect with precision 4
    assert values["feature", "A"] == pytest.approx(np.log(15.0) / np.sqrt((8.0 * 11 * 12) ** -2 + 1 / 9 + 4), rel=1e-12)
    assert values["feature", "B"] == pytest.approx(np.log(16.0) / np.sqrt((8.0 * 10 * 13) ** -2 + 1 / 9 + 4), rel=1e-12)
    feature = found["feature", "A"]
    assert (feature.scale, feature.n, feature.n_event, feature.prior_above) == ("log hazard ratio per SD", 8, 4, 0.5)
    assert prior_above(own.effects[1], {one.term: one for one in own.effects}) == 0.5


@pytest.mark.parametrize("centring", ["auto", "non-centred"])
def test_prior_draws_of_a_horseshoe(centring: str) -> None:
    _, own, memory = model(features=["A", "B"], pathways={"one": ["A"]}, centring=centring)
    family = own.families[-1]
    position = family_positions(family, DRAWS, np.random.default_rng(5))
    laws = [stats.halfcauchy(scale=0.5), stats.invgamma(2.0, scale=0.5), *[stats.halfcauchy()] * 4]
    for column, law in zip(np.exp(position[:, :6]).T, laws, strict=True):
        assert stats.kstest(column, law.cdf).pvalue > 1e-3
    # effects over their SD, and over the one that they would have were there the slab alone
    b = effects(memory, np.concatenate((np.zeros((DRAWS, 2)), position), axis=1))[:, 1:]
    square = np.exp(position[:, 1])
    free = np.exp(position[:, :1] + position[:, [2, 3]] + position[:, [4, 5]])
    sd = np.sqrt(square[:, None] * free**2 / (square[:, None] + free**2))
    for column, own_sd in zip(b.T, sd.T, strict=True):
        assert stats.kstest(column / own_sd, "norm").pvalue > 1e-3
        assert stats.kstest(column / own_sd * np.sqrt(square), stats.t(4, scale=0.5).cdf).pvalue > 1e-3


@pytest.mark.parametrize("factor", [1.0, 2.0])
@pytest.mark.parametrize("mean", [0.15, 0.002])
def test_prior_draws_of_a_share(factor: float, mean: float) -> None:
    """The share is a beta, whatever the number of alterations; the variance that they explain has that share, too."""
    prior = iko.Prior("beta", mean, 8.0, "share", "a test").widened(factor)
    reduced, own, memory = model(
        alterations=["pax5", "etv6"], alterations_prior="r2d2", priors=iko.Priors(alteration_share=prior)
    )
    position = family_positions(own.families[-1], DRAWS, np.random.default_rng(6))
    theta = np.concatenate((np.zeros((DRAWS, 2)), position), axis=1)
    found = {q.term: q.values[0] for q in quantities(reduced, in_own_terms(own, theta[None]))}
    share = found["alteration share"]
    # shares of 1e-300 and less are 0 as numbers: half of them where the mean is 0.002
    law = stats.beta(8 * mean, 8 * (1 - mean))
    seen = share / (share + factor**2 * (1 - share))
    assert stats.kstest(seen, law.cdf).pvalue > 1e-3
    for p in (0.5, 0.9, 0.99):
        assert (share <= prior.quantile(p)).mean() == pytest.approx(p, abs=4.5 * np.sqrt(p * (1 - p) / DRAWS))
    b = effects(memory, theta)[:, 1:]
    # the variance of x'b over the odds of the share: standardised squares, 1 on average, weighed by the parts
    explained = (b**2 @ np.array([1 / 4, 3 / 16])) / (np.pi**2 / 6.0)
    odds = share / (1.0 - share)
    some = odds > 1e-200
    ratio = explained[some] / odds[some]
    assert ratio.mean() == pytest.approx(1.0, abs=5 * ratio.std() / np.sqrt(some.sum()))


def test_priors_twice_as_wide_have_effects_twice_as_large() -> None:
    """The same draws of what is sampled relative to its scale."""
    options = {"alterations": ["pax5", "etv6"], "alterations_prior": "r2d2", "features": ["A", "B"]}
    options["centring"] = "non-centred"
    _, own, memory = model(**options)
    _, wide, wide_memory = model(**options, priors=iko.Priors().widened(2.0))
    rng = np.random.default_rng(7)
    theta = rng.normal(size=(3, memory.n_dim))
    moved = theta.copy()
    moved[:, own.places["feature"]] += np.log(2.0)  # tau
    moved[:, own.places["feature"] + 1] += np.log(4.0)  # c^2
    one, two = effects(memory, theta), effects(wide_memory, moved)
    assert two[:, 1:] == pytest.approx(2.0 * one[:, 1:], rel=1e-12)
    # relative to their scales the densities are the same, so that such draws are draws of the wider prior
    none = {name: np.zeros_like(getattr(own.sums, name)) for name in ("exposure", "event_count", "event_sum")}
    empty = [pack(m.sums._replace(**none), m.baseline, m.families) for m in (own, wide)]
    first = [evaluate(empty[0], place)[0] for place in theta]
    moved[:, 0] = np.log(0.08) + 2.0 * (theta[:, 0] - np.log(0.08))  # level and deletion are normal
    moved[:, 1] = 2.0 * theta[:, 1]
    second = [evaluate(empty[1], place)[0] for place in moved]
    assert np.array(second) == pytest.approx(np.array(first) - 2.0 * np.log(2.0), rel=1e-12)


def test_priors_of_many_effects_in_numbers() -> None:
    table = iko.Priors().tidy().set_index("term")
    # 1 / tan(pi / 80) = 25.45; 4 over the 97.5 % and 2.5 % quantiles of chi-square of 4: 11.143 and 0.48442
    assert table.loc["feature_spread", ["low", "high"]].tolist() == pytest.approx([1 / 25.4517, 25.4517], rel=1e-5)
    assert table.loc["feature_slab", ["low", "high"]].tolist() == pytest.approx(
        [0.5 * np.sqrt(4 / 11.14329), 0.5 * np.sqrt(4 / 0.4844186)], rel=1e-5
    )
    low, high = table.loc["alteration_share", ["low", "high"]]
    assert stats.beta.cdf([low, high], 1.2, 6.8) == pytest.approx([0.025, 0.975], rel=1e-9)
    assert 0.4 < high < 0.46  # as the reason says
    assert table.loc["features_that_matter", ["prior_location", "prior_scale", "low", "high"]].tolist() == [3, 0, 3, 3]
    wide = iko.Priors().widened(2.0).tidy().set_index("term")
    assert wide.loc[["feature_spread", "feature_slab"], "high"].tolist() == pytest.approx(
        (2 * table.loc[["feature_spread", "feature_slab"], "high"]).tolist()
    )
    odds = high / (1 - high) * 4
    assert wide.loc["alteration_share", "high"] == pytest.approx(odds / (1 + odds))
    assert wide.loc["alteration_share", "reason"].endswith("of effects 2 times as wide")
    again = iko.Priors().widened(2.0).widened(0.5).tidy()
    pd.testing.assert_frame_equal(again, iko.Priors().tidy())
