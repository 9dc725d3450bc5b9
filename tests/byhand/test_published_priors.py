"""Priors from published evidence: the normal on paper, the cause it is for, and evidence that is none."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes.priors import CausePrior
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint


def evidence(k: int = 3, **change: object) -> pd.DataFrame:
    """k studies with effects 0, 1, 2, ... and standard errors of 1/2."""
    table = {
        "study": [f"Study {name}" for name in "ABCDEF"[:k]], "cohort_id": list("ABCDEF"[:k]), "cause": "relapse",
        "time": 5.0, "adjustment": "adjusted", "verified": True, "estimate": np.arange(k, dtype=float), "std_error": 0.5,
        "log_hazard": np.log(0.1) + 0.2 * np.arange(k), "log_hazard_error": 0.1,
    }  # fmt: skip
    return pd.DataFrame(table).assign(**change)


def endpoint() -> iko.Endpoint:
    return iko.landmark(iko.define_endpoint(iko.simulate_cohort(200, seed=1), "RELAPSE"), 0.1)


def test_the_prior_on_paper() -> None:
    """Mean 1, variance between 3/4, of the mean 1/3; t with 1 degree of freedom at 0.975 is tan(0.475 pi) = 12.706."""
    own = iko.published_priors(evidence=evidence(), cause="relapse", adjusted=True).of_cause("relapse").deletion
    assert own.location == pytest.approx(1.0, rel=1e-12)
    error = np.sqrt(3 / 4 + 1 / 3)
    assert own.scale == pytest.approx(np.tan(0.475 * np.pi) / 1.959963984540054 * error, rel=1e-9)
    low, high = iko.meta_analysis(evidence()).predictive_limits()
    assert [own.quantile(0.025), own.quantile(0.975)] == pytest.approx([low, high], rel=1e-9)
    assert own.source == "published evidence, restricted maximum likelihood: Study A, Study B, Study C"
    assert "3 studies, between-study SD 0.87" in own.reason
    assert "3 adjusted" in own.reason


def test_the_spread_between_studies_stays_however_many_there_are() -> None:
    rng = np.random.default_rng(1)
    k = 400
    table = pd.DataFrame(
        {
            "study": [str(i) for i in range(k)], "cohort_id": [str(i) for i in range(k)], "cause": "any", "verified": True,
            "adjustment": "matched", "estimate": rng.normal(0.6, 0.5, k), "std_error": 0.05,
        }
    )  # fmt: skip
    own = iko.published_priors(evidence=table, cause="any", adjusted=True).of_cause("any").deletion
    assert own.scale == pytest.approx(0.5, rel=0.1)
    assert own.location == pytest.approx(0.6, abs=0.1)


def test_only_the_cause_gets_it_and_the_rest_stays() -> None:
    wide = iko.Priors().widened(2.0)
    priors = iko.published_priors(wide, evidence=evidence(), levels=evidence(), cause="relapse", adjusted=True)
    assert priors.of_cause("other") == wide
    assert priors.deletion == wide.deletion
    own = priors.of_cause("relapse")
    assert own.class_spread == wide.class_spread
    assert own.level.location == pytest.approx(np.log(0.1) + 0.2, rel=1e-12)
    assert own.level.unit == "log cumulative hazard"
    assert "at 5 years, not deleted" in own.level.reason
    assert iko.Priors().by_cause == ()


def test_the_level_of_any_is_another() -> None:
    table = evidence(cause="any")
    own = iko.published_priors(evidence=table, levels=table, cause="any", adjusted=False).of_cause("any")
    assert own.level == iko.Priors().level
    assert own.level_of_any.location == pytest.approx(np.log(0.1) + 0.2, rel=1e-12)


def test_tables_and_widening_have_the_priors_of_causes() -> None:
    priors = iko.published_priors(evidence=evidence(), cause="relapse", adjusted=True)
    table = priors.tidy().set_index("term")
    assert table.loc["deletion, relapse", "prior_location"] == pytest.approx(1.0)
    assert table.loc["deletion", "prior_location"] == 0.0
    half = priors.widened(0.5)
    assert half.of_cause("relapse").deletion.scale == 0.5 * priors.of_cause("relapse").deletion.scale
    assert half.deletion.scale == 0.5 * priors.deletion.scale
    # given again, it takes the place of the first
    again = iko.published_priors(priors, evidence=evidence(estimate=[1.0, 2.0, 3.0]), cause="relapse", adjusted=True)
    assert len(again.by_cause) == 1
    assert again.of_cause("relapse").deletion.location == pytest.approx(2.0)


def test_the_model_of_each_cause_has_its_own_prior() -> None:
    table = evidence(6, estimate=[0.5, 0.6, 0.7, 0.4, 0.6, 0.5], std_error=0.2)
    priors = iko.published_priors(evidence=table, levels=table, cause="relapse", adjusted=True)
    spec = iko.hierarchical_spec(causes=("relapse", "other"), priors=priors)
    first, second = reduce_endpoint(endpoint(), spec).models
    own, usual = priors.of_cause("relapse"), iko.Priors()
    for model, wanted in ((first, own), (second, usual)):
        family = next(labelled.family for labelled in model.effects if labelled.term == "deletion")
        assert [family.location[0], family.scale[0]] == [wanted.deletion.location, wanted.deletion.scale]
        assert model.baseline.level == (wanted.level.location, wanted.level.scale)
    drawn = iko.sample_prior(endpoint(), spec, seed=1, draws=4000).tidy().query("term == 'deletion'").set_index("cause")
    # the quartiles of 4000 draws: within 4 of their standard errors
    assert drawn.loc["relapse", "estimate"] == pytest.approx(
        own.deletion.location, abs=4 * 1.2533 * own.deletion.scale / 63
    )
    assert drawn.loc["relapse", "posterior_sd"] == pytest.approx(own.deletion.scale, rel=0.05)
    assert drawn.loc["other", "posterior_sd"] == pytest.approx(usual.deletion.scale, rel=0.05)
    above = stats.norm.sf(0.0, own.deletion.location, own.deletion.scale)
    assert drawn.loc["relapse", "prior_p_above_1"] == pytest.approx(above, rel=1e-12)


def test_crude_estimates_are_no_prior_of_a_model_that_adjusts() -> None:
    table = evidence(4, adjustment=["crude", "matched", "crude", "adjusted"])
    with pytest.raises(iko.InputError, match="are crude, and the model adjusts; rows 1, 3; 2 in all"):
        iko.published_priors(evidence=table, cause="relapse", adjusted=True)
    own = iko.published_priors(evidence=table, cause="relapse", adjusted=False).of_cause("relapse").deletion
    assert "2 crude, 1 adjusted, 1 matched estimates" in own.reason


def test_recalled_figures_are_an_assumption_that_is_named() -> None:
    table = evidence(verified=[True, False, True])
    with pytest.raises(iko.InputError, match="recalled, not seen in their source; row 2"):
        iko.published_priors(evidence=table, cause="relapse", adjusted=True)
    own = iko.published_priors(evidence=table, cause="relapse", adjusted=True, unverified=True).of_cause("relapse").deletion
    assert own.source.endswith("recalled, not verified: 1 of 3")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cause": ["relapse", "any", "relapse"]}, "of another cause; row 2"),
        ({"cause": ["relapse", "relapse", pd.NA]}, "of another cause; row 3"),
        ({"cause": pd.array(["relapse", "relapse", None], dtype="string")}, "of another cause; row 3"),
        ({"adjustment": pd.array(["crude", None, "matched"], dtype="string")}, "whether they are adjusted; row 2"),
        ({"cohort_id": ["A", "A", "B"]}, "of one cohort; rows 1, 2"),
        ({"estimate": [0.1, np.nan, 0.2]}, "no numbers; row 2"),
        ({"adjustment": ["adjusted", "yes", "matched"]}, "whether they are adjusted; row 2"),
        ({"verified": [True, None, True]}, "whether their figures were seen"),
    ],
)
def test_evidence_that_is_none(change: dict, words: str) -> None:
    with pytest.raises(iko.InputError, match=words):
        iko.published_priors(evidence=evidence(**change), cause="relapse", adjusted=True)


def test_two_studies_are_too_few() -> None:
    with pytest.raises(iko.InputError, match=r"no predictive distribution; 2 in all\. Give a prior by hand"):
        iko.published_priors(evidence=evidence(2), cause="relapse", adjusted=True)
    with pytest.raises(iko.InputError, match="no predictive distribution"):
        iko.published_priors(evidence=evidence(), levels=evidence(2), cause="relapse", adjusted=True)


def test_the_public_table_alone_gives_no_prior_of_relapse() -> None:
    found = iko.published_effects(iko.published_outcomes(), cause="relapse")
    seen = found[found["verified"] & found["estimate"].notna()]
    with pytest.raises(iko.InputError, match="fewer than three studies"):
        iko.published_priors(evidence=seen, cause="relapse", adjusted=False)


def test_the_pymc_model_has_the_prior_of_the_cause() -> None:
    priors = iko.published_priors(evidence=evidence(), levels=evidence(), cause="relapse", adjusted=True)
    model = iko.hierarchical_model(endpoint(), iko.hierarchical_spec(causes=("relapse", "other"), priors=priors))
    for cause in ("relapse", "other"):
        own = priors.of_cause(cause)
        for name, prior in (("deletion", own.deletion), ("level", own.level)):
            node = model[f"{cause}: {name}"].owner
            mean, sd = (float(np.ravel(part.eval())[0]) for part in node.op.dist_params(node))
            assert [mean, sd] == pytest.approx([prior.location, prior.scale], rel=1e-12)


def test_levels_are_of_the_horizon() -> None:
    for last in (10, None, "five"):
        levels = evidence(time=[5, 5, last])
        with pytest.raises(iko.InputError, match="another time than the horizon; row 3"):
            iko.published_priors(evidence=evidence(), levels=levels, cause="relapse", adjusted=True)


def test_names_that_no_model_uses() -> None:
    prior = iko.Priors().deletion
    for cause, name in (("relapse", "level_of_any"), ("any", "level"), ("relapse", "deletions")):
        with pytest.raises(iko.InputError, match="a name that its model does not use"):
            iko.Priors().with_cause(cause, **{name: prior})
    with pytest.raises(iko.InputError, match="no half-normal prior"):
        iko.Priors().with_cause("relapse", drift=prior)
    with pytest.raises(iko.InputError, match="the prior of deletions is no"):
        iko.Priors(by_cause=(CausePrior("relapse", "deletions", prior),))
    with pytest.raises(iko.InputError, match="no Priors"):
        iko.published_priors({}, evidence=evidence(), cause="relapse", adjusted=True)  # type: ignore[arg-type]
    with pytest.raises(iko.ColumnError, match="'verified'"):
        iko.published_priors(evidence=evidence().drop(columns="verified"), cause="relapse", adjusted=True)
    priors = iko.Priors().with_cause("second malignancy", deletion=prior)
    with pytest.raises(iko.InputError, match="a cause that has no model"):
        reduce_endpoint(endpoint(), iko.hierarchical_spec(causes=("relapse", "other"), priors=priors))
