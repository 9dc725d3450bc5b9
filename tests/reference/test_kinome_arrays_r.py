"""Normalisation of arrays against limma, components against prcomp and lm, enrichment against R (kinome_arrays)."""

import numpy as np
import pandas as pd
import pytest
import reading

import ikzf1_outcomes as iko
from ikzf1_outcomes.kinome.checks import principal_components

VALUES = reading.values("kinome_arrays")
COMPLETE, MISSING = (reading.inputs("kinome_arrays", name).set_index("peptide") for name in ("complete", "missing"))
CASES = {
    "complete": (COMPLETE, True),
    "complete_unshared": (COMPLETE, False),
    "tied": (COMPLETE.round(), True),
    "missing": (MISSING, True),
    "both": (MISSING.round(), True),
}


@pytest.mark.parametrize("case", CASES)
def test_quantile_normalisation(case):
    matrix, ties = CASES[case]
    reading.agree(iko.quantile_normalise(matrix, ties=ties), VALUES[case], case)


def test_ranks_that_are_not_shared():
    """R's quicksort orders equal values as it happens: the values that they share out are the same ones."""
    tied, theirs = COMPLETE.round(), reading.numbers(VALUES["tied_unshared"])
    ours = iko.quantile_normalise(tied, ties=False).to_numpy()
    for k, column in enumerate(tied):
        of_r, of_us = (x[np.lexsort((x, tied[column]))] for x in (theirs[:, k], ours[:, k]))
        reading.agree(of_us, of_r, column)


@pytest.mark.parametrize(("case", "matrix"), [("median", COMPLETE), ("median_missing", MISSING)])
def test_median_normalisation(case, matrix):
    reading.agree(iko.median_normalise(matrix), VALUES[case], case)


def test_the_cases_have_what_they_are_for():
    assert COMPLETE.round().apply(lambda column: column.duplicated().any()).all()
    known = MISSING.notna().sum()
    assert known.min() == 2
    assert len(np.unique(known)) > 3


def test_principal_components():
    found = principal_components(COMPLETE)
    # prcomp gives a sixth component of rounding noise, which has no direction
    reading.agree(found.share, VALUES["pca"]["share"][:5])
    reading.agree(found.scores.iloc[:, :4].abs(), VALUES["pca"]["scores"])


def test_components_and_batches():
    batch = pd.Series(list("aabbcc"), index=COMPLETE.columns)
    checks = iko.array_checks(COMPLETE, batch=batch, components=4, permutations=9, seed=1)
    rows = checks[(checks["measure"] == "explained by batch") & (checks["component"] != "all")]
    reading.agree(rows["estimate"], VALUES["pca"]["r_squared"])
    reading.agree(rows["p_value"], VALUES["pca"]["p"])


def test_enrichment():
    table = reading.inputs("kinome_arrays", "targets").set_index("peptide")
    hits = table.index[table["statistic"] > 0.8]
    rows = iko.target_enrichment(table["target"] == 1, hits, statistics=table["statistic"], conf_level=0.9)
    fisher, wilcoxon = rows.iloc[0], rows.iloc[1]
    reading.agree(fisher[["p_value", "estimate", "low", "high"]], list(VALUES["fisher"].values()))
    reading.agree([wilcoxon["p_value"], wilcoxon["estimate"]], [VALUES["wilcoxon"]["p"], VALUES["wilcoxon"]["estimate"]])
