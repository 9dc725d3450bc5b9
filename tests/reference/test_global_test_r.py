"""The global test against Bioconductor's globaltest: 44 patients, 26 events, five sets of 41 to 61 peptides, no ties.

globaltest has the null model of survival's coxph, which stops at a relative change of 1e-9 of the log-likelihood: beside
sex its numbers agree to 1e-10.
"""

import pandas as pd
import pytest
import reading

from ikzf1_outcomes import endpoint_from_columns, global_test, screen

VALUES = reading.values("global_test")
COLUMNS = {
    "p_value": "p-value",
    "observed": "Statistic",
    "expected": "Expected",
    "null_sd": "Std.dev",
    "n_features": "#Cov",
}


def rows():
    d = reading.inputs("global_test", "patients")
    peptides = reading.inputs("global_test", "peptides").set_index("peptide")[d["sample"]].T
    return endpoint_from_columns(d, time="time", status="status", causes={1: "event"}), peptides


@pytest.mark.parametrize(("adjust", "name"), [(None, "survival"), ("sex", "survival_adj_sex")])
def test_sets_of_peptides(adjust, name):
    endpoint, peptides = rows()
    ours = global_test(endpoint, peptides, adjust=adjust, sets=VALUES["sets"]).tidy().set_index("term").iloc[1:]
    theirs = pd.DataFrame(VALUES[name]).T
    assert list(ours.index) == list(theirs.index) == ["S1", "S2", "S3", "S4", "S5"]
    for column, r in COLUMNS.items():
        reading.agree(ours[column], theirs[r].tolist(), f"{name}, {column}")


def test_each_feature_alone_has_its_score_test():
    """Of one feature the quadratic form over its mean is the score test, which screen has from survival's coxph."""
    endpoint, peptides = rows()
    parts = global_test(endpoint, peptides, adjust="sex").components()
    alone = screen(endpoint, peptides, adjust="sex", test="score", ties="breslow").tidy()
    assert parts["term"].tolist() == alone["term"].tolist()
    reading.agree(parts["statistic"], alone["statistic"].tolist())
    reading.agree(parts["p_value"], alone["p_value"].tolist())
