"""Weibull hazards and mixture cure on paper: the density of four patients, their predictive likelihood, given curves."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats
from scipy.special import expit

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.cure_risks import cure_risks
from ikzf1_outcomes.models.bayes.latencies import uncured_of
from ikzf1_outcomes.models.bayes.left_out import log_likelihood
from ikzf1_outcomes.models.bayes.patient_rows import together
from ikzf1_outcomes.models.bayes.quantities import in_own_terms
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint
from ikzf1_outcomes.models.bayes.sampling import density_of

PATIENTS = pd.DataFrame(
    {
        "ikzf1_class": ["none", "ik6", "none", "ik6"], "t": [2.0, 1.0, 4.0, 3.0], "s": [1, 1, 0, 2],
        "e": [0.0, 0.5, 0.0, 0.0], "w": [2, 1, 3, 1],
    }
)  # fmt: skip
"""A relapse, one of a patient who came late, nothing, a death; weights of 2, 1, 3 and 1."""
HORIZON, CUT = 5.0, 1.5
KINDS = {
    "weibull": {"baseline": "weibull"}, "cure, weibull": {"baseline": "weibull", "cure": True},
    "cure, piecewise": {"baseline": "piecewise", "cure": True, "cuts": [CUT]},
}  # fmt: skip
PLACES = {
    "weibull": [-2.1, 0.3, 0.7], "cure, weibull": [0.4, 0.3, -1.2, 0.7],
    "cure, piecewise": [0.6, -0.8, 0.5, -1.2, 0.7],
}  # fmt: skip
"""Weibull: level, log shape. Cure: log median, log shape, log odds; level, log drift, step, log odds. Then the deletion."""


def four(*, causes: dict[int, str] | None = None) -> iko.Endpoint:
    causes = causes or {1: "relapse", 2: "death"}
    return iko.endpoint_from_columns(
        PATIENTS, time="t", status="s", causes=causes, entry="e", weights="w", time_unit="years"
    )  # fmt: skip


def latency(kind: str, theta: list[float]):
    """Cumulative hazard and hazard as functions of time; of the uncured, where there is cure."""
    if kind == "weibull":
        scale = HORIZON * np.exp(-theta[0] / np.exp(theta[1]))  # the horizon, where the cumulative hazard is 1
        law = stats.weibull_min(np.exp(theta[1]), scale=scale)
        return lambda t: -law.logsf(t), lambda t: law.pdf(t) / law.sf(t)
    if kind == "cure, weibull":
        shape = np.exp(theta[1])
        law = stats.weibull_min(shape, scale=np.exp(theta[0]) / np.log(2) ** (1 / shape))
        assert law.median() == pytest.approx(np.exp(theta[0]))
        return lambda t: -law.logsf(t), lambda t: law.pdf(t) / law.sf(t)
    # two intervals: middles 0.75 and, as the last is taken to be as long as the first, 2.25: a distance of 1.5 years
    ratio = np.exp(np.exp(theta[1]) * np.sqrt(1.5) * theta[2])
    first = np.exp(theta[0]) / (CUT + (HORIZON - CUT) * ratio)
    assert first * CUT + first * ratio * (HORIZON - CUT) == pytest.approx(np.exp(theta[0]))

    def lived(t):
        return first * (np.minimum(t, CUT) + ratio * np.maximum(t - CUT, 0.0))

    return lived, lambda t: first * (1.0 if t <= CUT else ratio)


def by_patient(kind: str, theta: list[float]) -> np.ndarray:
    """Log likelihood of each patient, of relapse, without its weight."""
    lived, hazard = latency(kind, theta)
    out = []
    for row in PATIENTS.itertuples():
        eta = theta[-1] * (row.ikzf1_class == "ik6")
        if kind == "weibull":
            own = -np.exp(eta) * (lived(row.t) - lived(row.e))
            own += (np.log(hazard(row.t)) + eta) if row.s == 1 else 0.0
        else:
            share = expit(theta[-2] + eta)
            survive = [1 - share + share * np.exp(-lived(t)) for t in (row.e, row.t)]
            density = share * hazard(row.t) * np.exp(-lived(row.t))
            own = np.log(density if row.s == 1 else survive[1]) - np.log(survive[0])
        out.append(own)
    return np.array(out)


def log_prior(kind: str, theta: list[float]) -> float:
    value = stats.norm.logpdf(theta[-1], 0.0, 0.75)
    if kind == "weibull":
        return value + stats.norm.logpdf(theta[0], np.log(0.08), 1.0) + stats.norm.logpdf(theta[1], 0.0, 0.5)
    value += stats.norm.logpdf(theta[-2], np.log(0.1), 1.0)
    if kind == "cure, weibull":
        return value + stats.norm.logpdf(theta[0], np.log(2.0), 0.5) + stats.norm.logpdf(theta[1], 0.0, 0.5)
    # the drift is sampled on the log scale: its Jacobian is the drift itself
    value += stats.halfnorm.logpdf(np.exp(theta[1]), scale=0.7) + theta[1] + stats.norm.logpdf(theta[2])
    return value + stats.norm.logpdf(theta[0], np.log(2.3), 0.6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_density_of_four_patients(kind: str) -> None:
    spec = iko.hierarchical_spec(causes="relapse", **KINDS[kind])
    model = reduce_endpoint(four(), spec).models[0]
    density, theta = density_of(model), np.array(PLACES[kind])
    assert density.n_dim == len(theta)
    value, gradient = density.evaluate(theta)
    expected = PATIENTS["w"].to_numpy() @ by_patient(kind, PLACES[kind]) + log_prior(kind, PLACES[kind])
    assert value == pytest.approx(expected, rel=1e-12)
    for i in range(len(theta)):
        step = 1e-5 * np.eye(len(theta))[i]
        slope = (density.evaluate(theta + step)[0] - density.evaluate(theta - step)[0]) / 2e-5
        assert gradient[i] == pytest.approx(slope, rel=1e-6, abs=1e-8)
    # the same graph serves another cause, with its data in place
    other = reduce_endpoint(four(), iko.hierarchical_spec(causes="death", **KINDS[kind])).models[0]
    assert density_of(other).address == density.address
    assert density_of(other).evaluate(theta)[0] != pytest.approx(value, abs=1e-3)
    assert density.evaluate(theta)[0] == value


@pytest.mark.parametrize("kind", KINDS)
def test_the_likelihood_of_each_patient(kind: str) -> None:
    reduced = reduce_endpoint(four(), iko.hierarchical_spec(causes="relapse", **KINDS[kind]))
    places = np.array([[PLACES[kind], np.array(PLACES[kind]) * 0.5]])
    drawn = in_own_terms(reduced.models[0], places)
    found = log_likelihood(four(), reduced, drawn, np.arange(4), 2)
    for own, place in zip(found, places[0], strict=True):
        assert own == pytest.approx(PATIENTS["w"].to_numpy() * by_patient(kind, list(place)), rel=1e-12)


def test_those_who_are_alike_are_one() -> None:
    code, at, weight = together(np.array([1, 0, 1, 1]), np.array([2.0, 2.0, 2.0, 3.0]), np.array([1.0, 5.0, 2.0, 4.0]))
    assert list(zip(code, at, weight, strict=True)) == [(0, 2.0, 5.0), (1, 2.0, 3.0), (1, 3.0, 4.0)]
    model = reduce_endpoint(four(), iko.hierarchical_spec(causes="relapse", baseline="weibull")).models[0]
    assert model.rows is not None
    # without a deletion 2 at 2 years and 3 at 4; with one 1 who leaves at 1, less 1 who comes at 0.5, and 1 at 3
    points = set(zip(model.rows.x[model.rows.pattern, 0], model.rows.at, model.rows.weight, strict=True))
    assert points == {(0, 2, 2), (0, 4, 3), (1, 1, 1), (1, 0.5, -1), (1, 3, 1)}


@pytest.mark.parametrize("kind", KINDS)
def test_the_median_and_the_level_of_given_draws(kind: str) -> None:
    endpoint = four(causes={1: "relapse", 2: "death"})
    before = iko.sample_prior(endpoint, iko.hierarchical_spec(causes="relapse", **KINDS[kind]), seed=1, draws=4)
    own = before.sampled[0].drawn
    table = before.tidy().set_index("term")
    names = {"weibull": {"shape", "level"}, "cure, weibull": {"uncured", "median of the uncured", "shape"}}
    piecewise = {"uncured", "median of the uncured", "level of the uncured", "drift"}
    assert set(table.index) == names.get(kind, piecewise) | {"deletion"}
    for d in range(4):
        place = list(own.position[0, d])
        lived, _ = latency(kind, place)
        if kind != "weibull":
            values = before.to_arviz().posterior["relapse: quantity"].to_numpy()[0, d]
            median = values[list(table.index).index("median of the uncured")]
            assert lived(median) == pytest.approx(np.log(2), rel=1e-9)
            assert uncured_of(own.model, own.position[0])[d, 0] == place[-2]


# -- curves ----------------------------------------------------------------------------------------------------------------

TIMES = np.array([0.33, 1.0, 4.0, 7.5])


@pytest.mark.parametrize("begin", [0.0, 0.5])
@pytest.mark.parametrize("kind", KINDS)
def test_curves_are_closed_forms(kind: str, begin: float) -> None:
    """Survival of each scenario at its times; nobody is followed before `begin`."""
    frame = PATIENTS.assign(e=begin, s=[1, 1, 0, 1])
    endpoint = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, entry="e", time_unit="years")
    before = iko.sample_prior(endpoint, iko.hierarchical_spec(causes="relapse", **KINDS[kind]), seed=2, draws=30)
    place = before.sampled[0].drawn.position[0]
    for name, risks in before.scenarios(TIMES):
        for d in range(30):
            lived, _ = latency(kind, list(place[d]))
            eta = place[d, -1] * (name == "any deletion")

            def survives(t: float, lived=lived, eta=eta, d=d) -> float:
                if kind == "weibull":
                    return np.exp(-np.exp(eta) * lived(t))
                return 1 - expit(place[d, -2] + eta) * (1 - np.exp(-lived(t)))

            expected = [survives(max(t, begin)) / survives(begin) for t in TIMES]
            assert risks.survival[d, 0] == pytest.approx(expected, rel=1e-11)
    assert risks.survival[:, 0] + risks.incidence[:, 0, 0] == pytest.approx(np.ones((30, 4)), abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_incidences_and_means_by_quadrature(kind: str) -> None:
    """Two causes and two classes of patients: within the pieces hazards are means, so that digits beyond are not asked."""
    before = iko.sample_prior(four(), iko.hierarchical_spec(causes=["relapse", "death"], **KINDS[kind]), seed=3, draws=4)
    places = [own.drawn.position[0] for own in before.sampled]
    risks = dict(before.scenarios(TIMES))["any deletion"]
    fine = np.linspace(0.0, 1.0, 200001) ** 3 * TIMES[-1]
    for d in range(4):
        logs = []
        for place in places:
            lived = latency(kind, list(place[d]))[0](fine)
            share = expit(place[d, -2] + place[d, -1])
            own = -np.exp(place[d, -1]) * lived if kind == "weibull" else np.log(1 - share + share * np.exp(-lived))
            logs.append(own)
        alive = np.exp(np.sum(logs, axis=0))
        for c in range(2):
            gone = -np.diff(logs[c]) * (alive[:-1] + alive[1:]) / 2
            incidence = np.interp(TIMES, fine, np.concatenate(([0.0], np.cumsum(gone))))
            assert risks.incidence[d, c, 0] == pytest.approx(incidence, abs=2e-4)
        mean = np.interp(TIMES, fine, integrate.cumulative_trapezoid(alive, fine, initial=0.0))
        assert risks.restricted[d, 0] == pytest.approx(mean, abs=2e-4)
    whole = risks.survival + risks.incidence.sum(axis=1)
    assert np.abs(whole - 1.0).max() < 1e-12
    assert np.abs(risks.restricted + risks.lost.sum(axis=1) - TIMES).max() < 1e-12 * TIMES[-1]


def test_curves_of_cure_by_hand() -> None:
    """One piece of 2 years, two causes whose uncured have S_u = 1/2 then; half and a fifth are not cured.

    S_1 = 3/4, S_2 = 9/10, S = 27/40. Within the piece the hazards stay in the ratio log(4/3) : log(10/9), in which the
    13/40 are shared out; the mean is (13/40) 2 / log(40/27).
    """
    latent = np.array([1.0, 0.5])[None, None, None].repeat(2, axis=1)
    odds = np.log([[[1.0], [0.25]]])
    one = np.zeros(1, dtype=np.int64)
    found = cure_risks(latent, odds, one, np.ones(1), one, np.array([2.0]), np.array([0.0, 2.0]))
    hazards, total = np.log([4 / 3, 10 / 9]), np.log(40 / 27)
    assert found.survival[0, 0] == pytest.approx([1.0, 27 / 40], rel=1e-14)
    assert found.incidence[0, :, 0, 1] == pytest.approx(hazards / total * 13 / 40, rel=1e-13)
    assert found.restricted[0, 0] == pytest.approx([0.0, 13 / 40 * 2 / total], rel=1e-13)
    with pytest.raises(iko.InputError, match="times must be ends of pieces"):
        cure_risks(latent, odds, one, np.ones(1), one, np.array([2.0]), np.array([1.0]))
    for problem, broken in {
        "draws or causes": (latent[:, :1], odds), "not rise": (latent[..., ::-1], odds), "finite": (latent, odds + np.inf),
        "one time more": (latent[..., :1], odds), "length": (latent, np.repeat(odds, 2, axis=2)),
    }.items():  # fmt: skip
        with pytest.raises(iko.InputError, match=problem):
            cure_risks(*broken, one, np.ones(1), one, np.array([2.0]), np.array([2.0]))
    for problem, broken in {
        "out of range": (one + 1, np.ones(1), np.array([2.0])), "below 0": (one, -np.ones(1), np.array([2.0])),
        "ascend": (one, np.ones(1), np.array([-2.0])),
    }.items():  # fmt: skip
        with pytest.raises(iko.InputError, match=problem):
            cure_risks(latent, odds, broken[0], broken[1], one, broken[2], np.array([2.0]))
