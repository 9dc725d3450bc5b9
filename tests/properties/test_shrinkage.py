"""Class effects with and without pooling: the same patients, the same adjusters."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko


@pytest.fixture(scope="module")
def posterior() -> iko.Posterior:
    rng = np.random.default_rng(4)
    n = 260
    classes = rng.choice(["none", "gain", "ik6", "whole_gene", "del_4_8", "failed"], n, p=[0.7, 0.03, 0.1, 0.1, 0.03, 0.04])
    deleted = np.isin(classes, ["ik6", "whole_gene", "del_4_8"])
    event, end = rng.exponential(6 / np.exp(1.2 * deleted)), rng.uniform(2, 8, n)
    frame = pd.DataFrame(
        {
            "ikzf1_class": classes, "trial": rng.choice(["A", "B"], n), "age": rng.uniform(1, 17, n),
            "pax5": rng.choice(["normal", "deleted"], n), "t": np.minimum(event, end),
        }
    )  # fmt: skip
    frame["s"] = np.where(event <= end, rng.choice([1, 2, 3], n, p=[0.7, 0.2, 0.1]), 0)
    frame.loc[frame["ikzf1_class"] == "del_4_8", "s"] = np.minimum(frame["s"], 0)
    causes = {1: "relapse", 2: "death", 3: "second malignancy"}
    endpoint = iko.endpoint_from_columns(frame, time="t", status="s", causes=causes)
    spec = iko.hierarchical_spec(
        strata="trial", covariates=["age"], alterations=["pax5"], causes=["relapse", "other"], cuts=[1.0, 3.0]
    )
    return iko.sample(endpoint, spec, seed=3, draws=300, tune=500, chains=4)


def test_cox_and_firth_are_those_of_the_patients_analysed(posterior: iko.Posterior) -> None:
    table = iko.shrinkage(posterior).set_index(["cause", "method", "contrast"])
    d = posterior.endpoint.frame
    d = d[~d["ikzf1_class"].isin(["failed"])].reset_index(drop=True)
    undeleted = d["ikzf1_class"].isin(["none", "gain"])
    d["class"] = pd.Categorical(d["ikzf1_class"].where(~undeleted, "base"), ["base", "del_4_8", "ik6", "whole_gene"])
    d["any"], d["lost"] = (~undeleted).astype(float), (d["pax5"] == "deleted").astype(float)
    for cause, codes in (("relapse", {1: "x", 2: "y", 3: "z"}), ("other", {1: "z", 2: "x", 3: "y"})):
        endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes=codes)
        for method, penalty in (("Cox", None), ("Firth", "firth")):
            if cause == "other":  # two causes are one
                endpoint = iko.endpoint_from_columns(
                    d.assign(s=np.where(d["s"] > 1, 1, 0)), time="t", status="s", causes={1: "x"}
                )
            fit = iko.cox(endpoint, ["class", "age", "lost"], cause="x", strata="trial", penalty=penalty).tidy()
            for level in ("ik6", "whole_gene"):
                theirs = fit[fit["contrast"] == f"{level} vs base"].iloc[0]
                ours = table.loc[(cause, method, f"{level} vs not deleted")]
                assert ours[["estimate", "low", "high"]].tolist() == pytest.approx(
                    theirs[["estimate", "low", "high"]].tolist(), rel=1e-9
                )
            fit = iko.cox(endpoint, ["any", "age", "lost"], cause="x", strata="trial", penalty=penalty).tidy()
            ours = table.loc[(cause, method, "any deletion vs not deleted")]
            assert ours["estimate"] == pytest.approx(fit["estimate"].iloc[0], rel=1e-9)


def test_a_class_without_events_is_not_estimable_finite_and_pooled(posterior: iko.Posterior) -> None:
    table = iko.shrinkage(posterior, exponentiate=True)
    row = table[(table["cause"] == "relapse") & (table["contrast"] == "del_4_8 vs not deleted")].set_index("method")
    assert row.loc["Cox", "note"] == "not estimable: no events in del_4_8"
    assert np.isnan(row.loc["Cox", "estimate"])
    assert 0.0 < row.loc["Firth", "estimate"] < np.inf
    assert (row["n_event"] == 0).all()
    # its posterior lies nearer to the mean of the classes than Firth's estimate, which the data alone make
    mean = table[(table["cause"] == "relapse") & (table["term"] == "deletion")].set_index("method")
    apart = np.abs(np.log(row["estimate"] / mean["estimate"]))
    assert apart["hierarchical"] < apart["Firth"]


def test_pooled_effects_lie_nearer_to_each_other(posterior: iko.Posterior) -> None:
    table = iko.shrinkage(posterior)
    table = table[
        (table["cause"] == "relapse") & table["contrast"].isin(["ik6 vs not deleted", "whole_gene vs not deleted"])
    ]
    apart = table.groupby("method")["estimate"].agg(np.ptp)
    assert apart["hierarchical"] < apart["Cox"]


def test_effects_that_change_are_refused() -> None:
    cohort = iko.simulate_cohort(150, seed=2)
    endpoint = iko.landmark(iko.define_endpoint(cohort, "RELAPSE"), 0.1)
    spec = iko.hierarchical_spec(causes="relapse", changes_at=1.0)
    posterior = iko.sample(endpoint, spec, seed=1, draws=50, tune=50, chains=2)
    with pytest.raises(iko.InputError, match="effects that change"):
        iko.shrinkage(posterior)
