"""Did a number of the embedded studies move? Then the changelog says so under "Numbers that changed".

The golden files hold the identifying columns and the numbers of results.csv. They are written anew only on purpose, by
`python tests/golden/test_numbers.py`.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes.results import outcome_results
from ikzf1_outcomes.study.load import endpoints_of, load_study

HERE = Path(__file__).parent
STUDIES = {
    "simulated_reference": "01_simulated_reference/study.toml",
    "chiaretti": "02_chiaretti/study.toml",
    "chiaretti_t_lineage": "02_chiaretti/study_t_lineage.toml",
}
KEYS = ["variable", "endpoint", "term", "group", "contrast", "cause", "time"]
NUMBERS = ["n", "n_event", "estimate", "std_error", "low", "high", "statistic", "p_value"]


def rows_of(name):
    study = load_study(HERE.parents[1] / "analyses" / STUDIES[name])
    variables = [None, *study.plan.groups]
    parts = [outcome_results(endpoints_of(study, v), v, study.plan.settings) for v in variables]
    return pd.concat(parts, ignore_index=True)[[*KEYS, *NUMBERS, "note"]]


@pytest.mark.parametrize("name", STUDIES)
def test_no_number_moved(name):
    golden = pd.read_csv(HERE / f"{name}.csv", keep_default_na=False, dtype=str)
    now = rows_of(name)
    assert [tuple(row) for row in golden[KEYS].to_numpy()] == [tuple(row) for row in now[KEYS].astype(str).to_numpy()]
    assert list(golden["note"]) == list(now["note"])
    for column in NUMBERS:
        theirs = pd.to_numeric(golden[column]).to_numpy(dtype=float)
        np.testing.assert_allclose(now[column].to_numpy(dtype=float), theirs, rtol=1e-10, atol=1e-13, err_msg=column)


if __name__ == "__main__":
    for name in STUDIES:
        rows_of(name).astype(dict.fromkeys(KEYS, str)).to_csv(HERE / f"{name}.csv", index=False, lineterminator="\n")
