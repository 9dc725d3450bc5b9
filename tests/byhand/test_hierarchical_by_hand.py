"""Hierarchical models on paper: a posterior by quadrature, the sums of six patients, curves of given draws, priors."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes.nuts import Chains
from ikzf1_outcomes.models.bayes.posterior import Sampled
from ikzf1_outcomes.models.bayes.quantities import CauseDraws, prior_above, quantities
from ikzf1_outcomes.models.bayes.reduction import Reduced, reduce_endpoint, zero_sum

CAUSES = {1: "relapse", 2: "death", 3: "second malignancy"}


def endpoint(rows: list[tuple], columns: str = "ikzf1_class t s") -> iko.Endpoint:
    frame = pd.DataFrame(rows, columns=columns.split())
    return iko.endpoint_from_columns(
        frame, time="t", status="s", causes={k: CAUSES[k] for k in sorted(set(frame["s"]) - {0})}, time_unit="years",
        entry="e" if "e" in frame else None, weights="w" if "w" in frame else None,
    )  # fmt: skip


# -- a posterior of two numbers ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_numbers() -> tuple[iko.Posterior, dict[str, np.ndarray]]:
    """Three relapses of twelve without a deletion in 40 years, three of four with one in 8; the posterior on a grid.

    With L the log cumulative hazard at 5 years the hazard is exp(L) / 5, so that the log likelihood is
    6 (L - log 5) + 3 b - exp(L) / 5 (40 + 8 exp(b)). Priors: L from N(log 0.08, 1), b from N(0, 0.75).
    """
    without = [("none", 3.0, 1)] * 3 + [("none", 4.0, 0)] * 5 + [("none", 2.75, 0)] * 4
    deleted = [("ik6", 1.0, 1), ("ik6", 2.0, 1), ("ik6", 2.0, 1), ("ik6", 3.0, 0)]
    assert [sum(row[1] for row in rows) for rows in (without, deleted)] == [40, 8]
    spec = iko.hierarchical_spec(cuts=[], causes="relapse")
    posterior = iko.sample(endpoint(without + deleted), spec, seed=11, draws=2000, tune=500, chains=2)
    level, b = np.linspace(-7, 2, 1201)[:, None], np.linspace(-4, 5, 1201)[None, :]
    log_density = 6 * (level - np.log(5)) + 3 * b - np.exp(level) / 5 * (40 + 8 * np.exp(b))
    log_density = log_density - (level - np.log(0.08)) ** 2 / 2 - (b / 0.75) ** 2 / 2
    density = np.exp(log_density - log_density.max())
    density /= density.sum()
    at = {"level": level.ravel(), "deletion": b.ravel()}
    mass = {"level": density.sum(axis=1), "deletion": density.sum(axis=0)}
    return posterior, {f"{what} {name}": part[name] for what, part in (("at", at), ("mass", mass)) for name in at}


@pytest.mark.parametrize("term", ["level", "deletion"])
def test_a_posterior_by_quadrature(two_numbers: tuple[iko.Posterior, dict[str, np.ndarray]], term: str) -> None:
    posterior, grid = two_numbers
    at, mass = grid[f"at {term}"], grid[f"mass {term}"]
    assert max(mass[0], mass[-1]) < 1e-10  # the grid is wide enough
    mean = (at * mass).sum()
    sd = np.sqrt(((at - mean) ** 2 * mass).sum())
    row = posterior.tidy().set_index("term").loc[term]
    values = next(q.values for q in quantities(posterior.reduced, posterior.sampled[0].drawn) if q.term == term)
    size = min(row["ess_bulk"], row["ess_tail"])
    assert size > 400
    assert abs(values.mean() - mean) < 4 * sd / np.sqrt(size)
    # the SD of an SD is sd sqrt((kurtosis - 1) / 4n)
    kurtosis = ((at - mean) ** 4 * mass).sum() / sd**4
    assert abs(row["posterior_sd"] - sd) < 4 * sd * np.sqrt((kurtosis - 1) / (4 * size))
    below = np.cumsum(mass) - mass / 2
    for name, share in (("low", 0.025), ("estimate", 0.5), ("high", 0.975)):
        assert abs(np.interp(row[name], at, below) - share) < 4 * np.sqrt(share * (1 - share) / size)


def test_the_probability_of_harm_by_quadrature(two_numbers: tuple[iko.Posterior, dict[str, np.ndarray]]) -> None:
    posterior, grid = two_numbers
    row = posterior.tidy(margin=2.0).set_index("term").loc["deletion"]
    below = np.cumsum(grid["mass deletion"]) - grid["mass deletion"] / 2
    for name, bar in (("p_above_1", 0.0), ("p_above_margin", np.log(2.0))):
        expected = 1 - np.interp(bar, grid["at deletion"], below)
        assert abs(row[name] - expected) < 4 * np.sqrt(expected * (1 - expected) / row["ess_bulk"])
    assert row["prior_p_above_1"] == 0.5
    assert row["note"].startswith("equal-weight mean of these classes")
    assert (row["n"], row["n_event"]) == (4, 3)


# -- a posterior with a spread --------------------------------------------------------------------------------------------


def by_grid(died: tuple[int, int, int], years: tuple[float, float, float]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Values and mass of the effects of two classes and of their spread.

    Two numbers that add up to 0 are z s / sqrt(2) and its negative, z standard normal, the spread s half-normal (0.8).
    The level is integrated out: the likelihood has it in D L - exp(L) A / 5 alone, A = T + t1 exp(b1) + t2 exp(b2).
    """
    mu = np.linspace(-3, 4, 141)[:, None, None]
    z = np.linspace(-5, 5, 121)[None, :, None]
    spread = (np.arange(150) + 0.5)[None, None, :] * 4 / 150
    first, second = mu + z * spread / np.sqrt(2), mu - z * spread / np.sqrt(2)
    amount = np.log(years[0] + years[1] * np.exp(first) + years[2] * np.exp(second))
    places, level = np.linspace(amount.min(), amount.max(), 600)[:, None], np.linspace(-14, 6, 2001)[None, :]
    inner = sum(died) * level - np.exp(level + places) / 5 - (level - np.log(0.08)) ** 2 / 2
    top = inner.max(axis=1, keepdims=True)
    log_density = np.interp(amount, places.ravel(), (top + np.log(np.exp(inner - top).sum(axis=1, keepdims=True))).ravel())
    log_density = log_density + died[1] * first + died[2] * second
    log_density = log_density - (mu / 0.75) ** 2 / 2 - z**2 / 2 - (spread / 0.8) ** 2 / 2
    mass = np.exp(log_density - log_density.max())
    mass /= mass.sum()
    whole = np.broadcast_to(spread, mass.shape)
    return {name: (part.ravel(), mass.ravel()) for name, part in (("ik6", first), ("del_4_8", second), ("spread", whole))}


@pytest.mark.parametrize("centring", ["non-centred", "centred"])
def test_a_posterior_with_a_spread_by_quadrature(centring: str) -> None:
    """10 relapses in 100 years without a deletion, 2 in 12 with ik6, 8 in 10 with del_4_8; however it is sampled."""
    died, years = (10, 2, 8), (100.0, 12.0, 10.0)
    rows = [
        (name, t / n, status)
        for name, events, n, t in zip(("none", "ik6", "del_4_8"), died, (25, 6, 10), years, strict=True)
        for status in [1] * events + [0] * (n - events)
    ]
    priors = iko.Priors(class_spread=iko.Prior("half-normal", 0.0, 0.8, "SD", "a test"))
    spec = iko.hierarchical_spec(cuts=[], causes="relapse", centring=centring, priors=priors)
    posterior = iko.sample(endpoint(rows), spec, seed=3, draws=2000, tune=1000, chains=2, target_accept=0.99)
    table = posterior.tidy()
    table.index = pd.Index(table["term"].where(table["term"] != "class", table["contrast"].str.split(" vs ").str[0]))
    found = by_grid(died, years)
    for name, row_name in (("ik6", "ik6"), ("del_4_8", "del_4_8"), ("spread", "class spread")):
        row, (at, mass) = table.loc[row_name], found[name]
        size = min(row["ess_bulk"], row["ess_tail"])
        assert size > 150
        for limit, share in (("low", 0.025), ("estimate", 0.5), ("high", 0.975)):
            below = mass[at <= row[limit]].sum()
            assert abs(below - share) < 4 * np.sqrt(share * (1 - share) / size) + 1e-3, (name, limit)
        if name != "spread":
            above = mass[at > 0].sum()
            assert abs(row["p_above_1"] - above) < 4 * np.sqrt(above * (1 - above) / size) + 1e-3


# -- the sums of six patients --------------------------------------------------------------------------------------------

SIX = [
    ("none", 0.0, 0.5, 1, 1.0),
    ("none", 0.0, 1.5, 0, 2.0),
    ("ik6", 0.5, 2.5, 1, 1.0),
    ("ik6", 0.0, 1.0, 2, 1.0),
    ("none", 1.2, 3.0, 3, 1.0),
    ("del_4_8", 0.0, 2.0, 1, 2.0),
]


def six(**options: object) -> Reduced:
    whole = endpoint(SIX, "ikzf1_class e t s w")
    return reduce_endpoint(whole, iko.hierarchical_spec(cuts=[1.0, 2.0], **options))  # type: ignore[arg-type]


def exposure_by_class(reduced: Reduced) -> dict[str, list[float]]:
    """Exposure of each pattern, under the name of its class."""
    sums, labels = reduced.models[0].sums, reduced.models[0].effects[1].labels
    rows = sums.blocks[0][sums.row[:, 0]]
    names = [labels[int(row[1:].argmax())] if row[0] else "none" for row in rows]
    return {name: [round(v, 12) for v in lived] for name, lived in zip(names, sums.exposure.tolist(), strict=True)}


def test_exposure_of_six_patients() -> None:
    """Years in (0, 1], (1, 2] and beyond, from entry on, times the weight.

    none: 0.5 | 2 (1, 0.5) | 1.2 to 3: 0.8, 1; ik6: 0.5 to 2.5 | 0 to 1; del_4_8: twice 1, 1.
    """
    found = six(causes=["relapse", "other"])
    assert exposure_by_class(found) == {"none": [2.5, 1.8, 1.0], "ik6": [1.5, 1.0, 0.5], "del_4_8": [2.0, 2.0, 0.0]}
    assert found.counted.sum() == 8
    assert found.every_event
    # what a hazard of 1 sums to at 5 years
    assert found.models[0].baseline.weights.tolist() == [1.0, 1.0, 3.0]


@pytest.mark.parametrize(
    ("cause", "counts", "deletion", "ik6", "del_4_8"),
    [
        # the event at 2.0 lies in (1, 2], that at 1.0 in (0, 1]
        ("relapse", [1.0, 2.0, 1.0], 3.0, 1.0, 2.0),
        ("other", [1.0, 0.0, 1.0], 1.0, 1.0, 0.0),
        ("any", [2.0, 2.0, 2.0], 4.0, 2.0, 2.0),
        ("death", [1.0, 0.0, 0.0], 1.0, 1.0, 0.0),
    ],
)
def test_events_of_six_patients(cause: str, counts: list[float], deletion: float, ik6: float, del_4_8: float) -> None:
    found = six(causes=["relapse", "other"] if cause == "other" else cause)
    model = next(own for own in found.models if own.cause == cause)
    assert (model.sums.event_count @ model.sums.event_basis).tolist() == [counts]
    sums = dict(zip(["deletion", *model.effects[1].labels], model.sums.event_sum.tolist(), strict=True))
    assert sums == {"deletion": deletion, "ik6": ik6, "del_4_8": del_4_8}
    assert model.n_event == sum(counts)
    assert found.every_event == (cause in ("other", "any"))


def test_six_patients_whose_effects_change() -> None:
    """An event at the change is before it; deleted patients live before and after it in patterns of their own."""
    found = six(causes=["relapse", "other"], changes_at=1.0)
    relapse, other = found.models
    assert relapse.effects[0].labels == ("any deletion, to 1 years", "any deletion, after 1 years")
    assert relapse.sums.event_sum[:2].tolist() == [0.0, 3.0]
    assert other.sums.event_sum[:2].tolist() == [1.0, 0.0]
    rows = relapse.sums.blocks[0][relapse.sums.row[:, 0]]
    early, late = rows[:, 0] == 1, rows[:, 1] == 1
    assert relapse.sums.exposure[early].sum(axis=0) == pytest.approx([3.5, 0.0, 0.0])
    assert relapse.sums.exposure[late].sum(axis=0) == pytest.approx([0.0, 3.0, 0.5])
    assert relapse.sums.exposure[~early & ~late].sum(axis=0) == pytest.approx([2.5, 1.8, 1.0])


def test_an_event_at_the_bound_counts_and_nothing_is_lived_after_it() -> None:
    found = reduce_endpoint(
        endpoint([("none", 9.0, 0), ("none", 4.0, 1), ("ik6", 1.0, 1)]),
        iko.hierarchical_spec(cuts=[2.0], bound=4.0, causes="relapse"),
    )
    assert found.models[0].sums.exposure.sum(axis=0).tolist() == [2 + 2 + 1, 2 + 2]
    assert (found.models[0].sums.event_count @ found.models[0].sums.event_basis).tolist() == [[1.0, 1.0]]


# -- curves of draws that are given ----------------------------------------------------------------------------------------

FOUR = [("none", "a", 6.0, 1, 1.0), ("ik6", "a", 6.0, 2, 1.0), ("none", "b", 6.0, 0, 3.0), ("del_4_8", "b", 6.0, 0, 3.0)]
"""Subtype a has 1/4 of the weight, b 3/4; of the deleted ik6 has 1/4, del_4_8 3/4."""
SHARE = {"a": 0.25, "b": 0.75}


def given(
    effects: list[dict[str, dict[str, float]]], hazards: list[dict[str, list[float]]], **options: object
) -> iko.Posterior:
    """A posterior of one chain whose draws are these: by draw, cause and label; effects that are not named are 0."""
    options = {"subtype": "subtype", "cells": False, "cuts": [2.0], "causes": ["relapse", "death"]} | options
    whole = endpoint(FOUR, "ikzf1_class subtype t s w")
    reduced = reduce_endpoint(whole, iko.hierarchical_spec(**options))  # type: ignore[arg-type]
    sampled = []
    for own in reduced.models:
        labels = [label for labelled in own.effects for label in labelled.labels]
        assert all(set(draw[own.cause]) <= set(labels) for draw in effects)
        effect = np.array([[[draw[own.cause].get(label, 0.0) for label in labels] for draw in effects]])
        log_hazard = np.log([[[draw[own.cause]] for draw in hazards]])
        n_dim = 1 + bool(len(own.baseline.step)) + len(own.baseline.step) + sum(f.n_free for f in own.families)
        position = np.full((1, len(effects), n_dim), -40.0)  # spreads of 0: cells with nobody do not deviate
        nothing = np.zeros((1, len(effects)))
        chains = Chains(position, nothing > 0, nothing, nothing.astype(int), np.ones(1), 0, 0.0, True)
        sampled.append(Sampled(CauseDraws(own, effect, log_hazard, position), chains, 0.9, 1, ()))
    return iko.Posterior(whole, reduced, tuple(sampled), 1)


def on_paper(relapse: list[float], death: list[float], widths: list[float]) -> np.ndarray:
    """Survival, incidence of relapse, of death, restricted mean after pieces of constant hazards."""
    alive, lived, first, second = 1.0, 0.0, 0.0, 0.0
    for h1, h2, width in zip(relapse, death, widths, strict=True):
        lost = alive * (1 - np.exp(-(h1 + h2) * width))
        first, second = first + lost * h1 / (h1 + h2), second + lost * h2 / (h1 + h2)
        lived += lost / (h1 + h2)
        alive -= lost
    return np.array([alive, first, second, lived])


LOG2, LOG15 = np.log(2.0), np.log(1.5)
EFFECTS = [
    {"relapse": {"any deletion": LOG2, "ik6": LOG15, "del_4_8": -LOG15, "b": LOG2}, "death": {"b": -LOG2}},
    {"relapse": {"any deletion": -LOG2, "ik6": 0.1, "del_4_8": -0.1, "b": LOG15}, "death": {"any deletion": LOG2}},
]
HAZARDS = [{"relapse": [0.1, 0.2], "death": [0.04, 0.02]}, {"relapse": [0.3, 0.05], "death": [0.01, 0.03]}]


def paper_curves(ratio: dict[str, float], draw: int, widths: tuple[float, ...] = (2.0, 1.0)) -> np.ndarray:
    """Survival, incidences and restricted mean at 3 years over the subtypes, with a class's ratio of each cause."""
    total = np.zeros(4)
    for name, share in SHARE.items():
        hazards = [
            [h * ratio[cause] * np.exp(EFFECTS[draw][cause].get(name, 0.0)) for h in HAZARDS[draw][cause]]
            for cause in ("relapse", "death")
        ]
        total += share * on_paper(*hazards, list(widths))
    return total


RATIOS: dict[str, list[dict[str, float]]] = {
    "not deleted": [{"relapse": 1.0, "death": 1.0}] * 2,
    "ik6": [{"relapse": 3.0, "death": 1.0}, {"relapse": 0.5 * np.exp(0.1), "death": 2.0}],
    "del_4_8": [{"relapse": 2 / 1.5, "death": 1.0}, {"relapse": 0.5 * np.exp(-0.1), "death": 2.0}],
}


def by_draw(group: str) -> np.ndarray:
    """Paper curves of two draws (2, 4); "any deletion" is the mix of the classes among the deleted."""
    if group == "any deletion":
        return 0.25 * by_draw("ik6") + 0.75 * by_draw("del_4_8")
    return np.array([paper_curves(RATIOS[group][draw], draw) for draw in range(2)])


def test_the_first_number_on_paper() -> None:
    """Not deleted, first draw: cumulative hazards to 3 years 0.2 + 0.2 + 0.08 + 0.02, and in b 0.8 + 0.05."""
    assert by_draw("not deleted")[0, 0] == pytest.approx(0.25 * np.exp(-0.5) + 0.75 * np.exp(-0.85), abs=1e-15)


@pytest.mark.parametrize("group", ["not deleted", "any deletion", "ik6", "del_4_8"])
def test_curves_are_standardised_over_the_subtypes(group: str) -> None:
    table = given(EFFECTS, HAZARDS).curves(3.0)
    found = table[table["group"] == group]
    assert list(found["cause"]) == ["any", "relapse", "death"]
    expected = by_draw(group)[:, :3]
    assert found["estimate"].to_numpy() == pytest.approx(expected.mean(axis=0), abs=1e-12)
    assert found["posterior_sd"].to_numpy() == pytest.approx(np.abs(expected[0] - expected[1]) / np.sqrt(2), abs=1e-12)
    assert found["estimate"].sum() == pytest.approx(1.0, abs=1e-12)
    # of two draws the quantiles lie on the line between them
    assert found["low"].to_numpy() == pytest.approx(expected.min(axis=0) + 0.025 * np.ptp(expected, axis=0), abs=1e-12)


@pytest.mark.parametrize("group", ["any deletion", "ik6", "del_4_8"])
def test_differences_are_taken_draw_by_draw(group: str) -> None:
    table = given(EFFECTS, HAZARDS).contrasts(3.0)
    found = table[table["contrast"] == f"{group} vs not deleted"].set_index(["measure", "cause"])
    by_measure = by_draw(group) - by_draw("not deleted")
    names = [("event-free survival", "any"), ("cumulative incidence", "relapse"), ("cumulative incidence", "death")]
    for place, name in enumerate([*names, ("restricted mean", "any")]):
        assert found.loc[name, "estimate"] == pytest.approx(by_measure[:, place].mean(), abs=1e-12)
        assert found.loc[name, "p_above_0"] == (by_measure[:, place] > 0).mean()
    lost = found.loc["time lost", "estimate"].sum()
    assert lost == pytest.approx(-found.loc[("restricted mean", "any"), "estimate"], abs=1e-12)


def test_cells_move_their_subtype_alone() -> None:
    """ik6 was seen in subtype a only: its own effect there; in b, where the spread is 0, none."""
    effects = [{"relapse": {"ik6 : a": LOG2, "b": LOG15}, "death": {}}] * 2
    hazards = [{"relapse": [0.1, 0.1], "death": [0.02, 0.02]}] * 2
    table = given(effects, hazards, cells=True).curves(3.0)
    found = table[table["group"] == "ik6"]["estimate"].to_numpy()
    expected = 0.25 * on_paper([0.2], [0.02], [3.0]) + 0.75 * on_paper([0.15], [0.02], [3.0])
    assert found == pytest.approx(expected[:3], abs=1e-12)


def test_effects_that_change_at_a_time() -> None:
    """Deleted: three times the hazard of relapse in the first year, half of it afterwards."""
    effects = [{"relapse": {"any deletion, to 1 years": np.log(3.0), "any deletion, after 1 years": -LOG2}, "death": {}}]
    posterior = given(effects * 2, HAZARDS[:1] * 2, changes_at=1.0)
    table = posterior.curves(3.0).set_index(["group", "cause"])["estimate"]
    expected = on_paper([0.3, 0.05, 0.1], [0.04, 0.04, 0.02], [1.0, 1.0, 1.0])
    assert table["any deletion"].to_numpy() == pytest.approx(expected[:3], abs=1e-12)
    assert table["not deleted"].to_numpy() == pytest.approx(on_paper([0.1, 0.2], [0.04, 0.02], [2.0, 1.0])[:3], abs=1e-12)


def test_beyond_the_bound_is_a_plateau() -> None:
    """Nothing happens after 7 years: survival and incidences stay, the restricted mean gains what is alive."""
    effects = [{"relapse": {"any deletion": LOG2}, "death": {}}] * 2
    posterior = given(effects, HAZARDS[:1] * 2, bound=7.0)
    table = posterior.curves([7.0, 20.0]).pivot_table("estimate", ["group", "cause"], "time")
    assert table[20.0].to_numpy() == pytest.approx(table[7.0].to_numpy(), abs=1e-12)
    assert table.loc[("not deleted", "any"), 7.0] == pytest.approx(np.exp(-(0.14 * 2 + 0.22 * 5)), abs=1e-12)
    found = posterior.contrasts([7.0, 20.0])
    mean = found[(found["contrast"] == "ik6 vs not deleted") & (found["measure"] == "restricted mean")]["estimate"]
    alive = table.loc[("ik6", "any"), 7.0] - table.loc[("not deleted", "any"), 7.0]
    assert mean.iloc[1] - mean.iloc[0] == pytest.approx(13 * alive, abs=1e-10)


def test_baselines_of_strata_and_a_spline_between_its_knots() -> None:
    """A spline: S(t) = exp(-sum of the hazards times the integrals of their functions), of each stratum by its share."""
    options: dict = {
        "strata": "subtype",
        "subtype": None,
        "baseline": "spline",
        "cuts": [1.0, 3.0, 5.0],
        "causes": ["relapse", "death"],
    }
    reduced = reduce_endpoint(endpoint(FOUR, "ikzf1_class subtype t s w"), iko.hierarchical_spec(**options))
    rng = np.random.default_rng(6)
    size, labels = reduced.basis.size, len(reduced.models[0].sums.event_sum)
    hazards = {cause: rng.uniform(0.02, 0.3, (2, size)) for cause in ("relapse", "death")}
    sampled = []
    for own in reduced.models:
        n_dim = 2 + 1 + 2 * len(own.baseline.step) + sum(f.n_free for f in own.families)
        position, nothing = np.zeros((1, 2, n_dim)), np.zeros((1, 2))
        log_hazard = np.log(np.broadcast_to(hazards[own.cause], (1, 2, 2, size)))
        chains = Chains(position, nothing > 0, nothing, nothing.astype(int), np.ones(1), 0, 0.0, True)
        sampled.append(Sampled(CauseDraws(own, np.zeros((1, 2, labels)), log_hazard, position), chains, 0.9, 1, ()))
    posterior = iko.Posterior(endpoint(FOUR, "ikzf1_class subtype t s w"), reduced, tuple(sampled), 1)
    times = [0.5, 2.0, 4.5, 9.0]
    table = posterior.curves(times)
    alive = table[(table["group"] == "not deleted") & (table["cause"] == "any")]["estimate"].to_numpy()
    whole = reduced.basis.integrals(np.array(times)) @ (hazards["relapse"] + hazards["death"]).T
    share = [SHARE[name] for name in reduced.patients.strata]
    assert alive == pytest.approx(np.exp(-whole) @ share, abs=1e-12)
    # incidences by small steps of the hazards themselves
    grid = np.linspace(0, 9, 90_001)[1:]
    values = reduced.basis.values(grid - 5e-5)
    running = np.exp(
        -np.concatenate((np.zeros((1, 2)), reduced.basis.integrals(grid) @ (hazards["relapse"] + hazards["death"]).T))
    )
    steps = (running[:-1] + running[1:]) / 2 * (values @ hazards["relapse"].T) * 1e-4
    relapse = table[(table["group"] == "not deleted") & (table["cause"] == "relapse")]["estimate"].to_numpy()
    expected = np.array([steps[grid <= t + 1e-9].sum(axis=0) @ share for t in times])
    assert relapse == pytest.approx(expected, abs=2e-5)


# -- priors --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["zero-sum", "superpopulation"])
@pytest.mark.parametrize("location", [0.0, 0.4])
def test_prior_probabilities_of_harm_by_simulation(pooling: str, location: float) -> None:
    """Spreads, deviations and the mean are drawn from their priors."""
    priors = iko.Priors(
        deletion=iko.Prior("normal", location, 0.3, "log hazard ratio", "a test"),
        class_spread=iko.Prior("half-normal", 0.0, 0.8, "SD", "a test"),
        cell_spread=iko.Prior("half-normal", 0.0, 0.6, "SD", "a test"),
    )
    spec = iko.hierarchical_spec(subtype="subtype", cuts=[], causes="relapse", pooling=pooling, priors=priors)
    model = reduce_endpoint(endpoint(FOUR, "ikzf1_class subtype t s w"), spec).models[0]
    by_term = {labelled.term: labelled for labelled in model.effects}
    rng, size = np.random.default_rng(4), 400_000
    mean = rng.normal(location, 0.3, size)
    # by hand: two classes that add up to 0 are z / sqrt(2) and -z / sqrt(2)
    one = rng.normal(size=size) / (np.sqrt(2.0) if pooling == "zero-sum" else 1.0)
    of_class = mean + np.abs(rng.normal(0, 0.8, size)) * one
    of_cell = of_class + np.abs(rng.normal(0, 0.6, size)) * rng.normal(size=size)
    found = [("deletion", mean), ("class", of_class)]
    # where the mean is 0 so is the median of all
    found += [("cell", of_cell)] * (location == 0)
    for term, values in found:
        share = (values > 0).mean()
        assert abs(prior_above(by_term[term], by_term) - share) < 4 * np.sqrt(share * (1 - share) / size) + 2e-4, term
    assert prior_above(by_term["subtype"], by_term) == 0.5


@pytest.mark.parametrize("size", [2, 3, 7])
def test_effects_that_add_up_to_zero(size: int) -> None:
    """Orthonormal columns: each effect has variance 1 - 1/K, and two of them correlation -1 / (K - 1)."""
    basis = zero_sum(size)
    assert basis.shape == (size, size - 1)
    assert np.abs(basis.sum(axis=0)).max() < 1e-14
    assert np.allclose(basis.T @ basis, np.eye(size - 1), atol=1e-14)
    assert np.allclose(basis @ basis.T, np.eye(size) - 1 / size, atol=1e-14)


def test_priors_in_numbers() -> None:
    """95 % of a normal is the mean and 1.96 SD; of a half-normal the quantiles of |z|."""
    table = iko.Priors().tidy().set_index("term")
    assert np.exp(table.loc["level", ["low", "high"]].astype(float)).tolist() == pytest.approx(
        [0.08 * np.exp(-1.959964), 0.08 * np.exp(1.959964)], rel=1e-6
    )
    assert table.loc["class_spread", "high"] == pytest.approx(0.35 * 2.241403, rel=1e-6)
    scales = table["prior_scale"].drop("alteration_share")  # of a share it is no scale
    wide = iko.Priors().widened(2.0).tidy().set_index("term")["prior_scale"].drop("alteration_share")
    assert (wide == 2 * scales).all()
    assert (table[["unit", "reason", "source"]].map(len) > 2).all(axis=None)
