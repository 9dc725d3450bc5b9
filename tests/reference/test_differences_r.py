"""Differences of peptides against limma, t.test and wilcox.test, through the front door (kinome, moderation)."""

import numpy as np
import pandas as pd
import pytest
import reading

from ikzf1_outcomes.kinome.differences import differential_phosphorylation

LIMMA = reading.values("kinome", "limma")
EDGES = reading.values("moderation")
SAMPLES = reading.inputs("kinome", "kinome_samples").set_index("sample")
GROUPS = SAMPLES["grp"].map({1: "deleted", 0: "not_deleted"})
OPTIONS = {
    "limma_2group": ("kinome_limma_2group", {}),
    "limma_adj_batch_sex": ("kinome_limma_adj", {"batch": SAMPLES["batch"], "covariates": SAMPLES[["sex"]]}),
    "limma_trend": ("kinome_limma_trend", {"trend": True}),
    "limma_robust": ("kinome_limma_robust", {"robust": True}),
    "limma_na": ("kinome_limma_na", {}),
}


def arrays(name="kinome_matrix"):
    return reading.inputs("kinome", name).set_index("peptide").astype(float)


def differences(data=None, **options):
    data = arrays() if data is None else data
    return differential_phosphorylation(data, GROUPS, contrast="deleted vs not_deleted", **options)


@pytest.mark.parametrize("case", OPTIONS)
def test_moderated_differences(case):
    file, options = OPTIONS[case]
    fit = differences(arrays("kinome_matrix_na" if case == "limma_na" else "kinome_matrix"), **options)
    r, ours = reading.inputs("kinome", file), fit.tidy()
    assert ours["term"].tolist() == r["peptide"].tolist()
    names = {"estimate": "logFC", "mean": "AveExpr", "statistic": "t", "p_value": "P.Value", "p_adjusted": "adj.P.Val"}
    for own, theirs in (names | {"log_odds": "B"}).items():
        reading.agree(ours[own], r[theirs].to_numpy(dtype=float), own)
    assert fit.glance()["n_hits_adjusted"].tolist() == [LIMMA[case]["n_BH05"]]


def test_a_margin():
    ours = differences(margin=LIMMA["treat"]["lfc"]).tidy()
    reading.agree(ours["statistic"][:10], LIMMA["treat"]["t_first10"])
    reading.agree(ours["p_value"][:10], LIMMA["treat"]["p_first10"])


def test_weights_of_arrays():
    ours = differences(covariates=SAMPLES[["sex"]], weights=1.0 + (SAMPLES["batch"] == 1)).tidy()
    reading.agree(ours["statistic"][:10], LIMMA["limma_weights_F"]["t_first10"])


def test_welch_and_rank_sums():
    r = LIMMA["wilcox_t_fisher"]
    data = arrays().head(20)
    reading.agree(differences(data, method="welch").tidy()["p_value"], r["welch"])
    reading.agree(differences(data, method="wilcoxon").tidy()["p_value"], r["wilcox_exact"])


def test_shift_with_its_exact_limits_and_missing_values():
    rows = reading.inputs("moderation", "rows").astype(float).iloc[8:]
    ours = differential_phosphorylation(rows, [False, True] * 6, method="wilcoxon").tidy()
    r = reading.numbers(EDGES["ranks"])
    for k, name in enumerate(["statistic", "p_value", "estimate", "low", "high"]):
        reading.agree(ours[name], r[:, k], name)


def test_tied_ranks():
    rows = reading.inputs("moderation", "rows").astype(float).iloc[8:].round()
    ours = differential_phosphorylation(rows, [False, True] * 6, method="wilcoxon").tidy()
    tied = ours["note"] == "tied values: normal approximation"
    assert tied.sum() > 15
    reading.agree(ours["p_value"][tied], reading.numbers(EDGES["ranks_tied"])[tied])


def test_ordinary_t():
    """Against the sums themselves, since t.test(var.equal = TRUE) is the same formula."""
    data = arrays().head(20)
    ours = differences(data, method="t").tidy()
    first, second = (data[SAMPLES.index[SAMPLES["grp"] == code]] for code in (1, 0))
    pooled = (12 * first.var(axis=1) + 30 * second.var(axis=1)) / 42
    t = (first.mean(axis=1) - second.mean(axis=1)) / np.sqrt(pooled * (1 / 13 + 1 / 31))
    np.testing.assert_allclose(ours["statistic"], pd.Series(t), rtol=1e-10)
