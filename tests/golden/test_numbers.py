"""Did a number of the embedded studies move? Then the changelog says so under "Numbers that changed".

The golden files hold the identifying columns and the numbers of results.csv, and of the files in effects/. They are
written anew only on purpose, by `python tests/golden/test_numbers.py`.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes.results import outcome_results
from ikzf1_outcomes.study.added_value_page import ladders_of
from ikzf1_outcomes.study.after_page import after_rows
from ikzf1_outcomes.study.effects_page import effect_rows
from ikzf1_outcomes.study.hierarchical import asked_of, fits_of, risk_rows
from ikzf1_outcomes.study.hierarchical import effect_rows as together_rows
from ikzf1_outcomes.study.kinome_results import kinome_rows
from ikzf1_outcomes.study.load import IKZF1_GROUPINGS, endpoints_of, load_study, together
from ikzf1_outcomes.study.mrd_page import within_mrd
from ikzf1_outcomes.study.subgroups_page import subgroup_rows

HERE = Path(__file__).parent
STUDIES = {
    "simulated_reference": "01_simulated_reference/study.toml",
    "chiaretti": "02_chiaretti/study.toml",
    "chiaretti_t_lineage": "02_chiaretti/study_t_lineage.toml",
}
KEYS = ["variable", "endpoint", "term", "group", "contrast", "cause", "time"]
NUMBERS = ["n", "n_event", "estimate", "std_error", "low", "high", "statistic", "p_value"]
EFFECT_KEYS = ["section", "endpoint", "method", "model", "variable", "group", "level", "term", "contrast", "cause", "time"]
TOGETHER_KEYS = ["section", "term", "contrast", "group", "measure", "cause", "method", "time"]
KINOME_KEYS = ["section", "variable", "level", "term", "group", "contrast", "method", "analysis"]
KINOME_NUMBERS = ["n", "estimate", "std_error", "low", "high", "statistic", "df", "p_value", "p_adjusted", "fdr", "share"]
ADDED_KEYS = ["section", "term", "contrast", "measure", "cause", "time", "threshold", "group", "model"]
ADDED_NUMBERS = ["n", "n_event", "predicted", "estimate", "low", "high", "corrected", "statistic", "p_value", "p_adjusted"]
EFFECT_NUMBERS = ["n", "n_event", "estimate", "std_error", "low", "high", "statistic", "df", "p_value", "p_proportional"]


def rows_of(name):
    study = load_study(HERE.parents[1] / "analyses" / STUDIES[name])
    variables = [None, *study.plan.groups]
    parts = [outcome_results(endpoints_of(study, v), v, study.plan.settings) for v in variables]
    return pd.concat(parts, ignore_index=True)[[*KEYS, *NUMBERS, "note"]]


def effects_of_the_simulated_reference():
    """Every row of the sections that follow the outcome."""
    study = load_study(HERE.parents[1] / "analyses" / STUDIES["simulated_reference"])
    makers = {"effects": effect_rows, "subgroups": subgroup_rows, "after baseline": after_rows}
    parts = [
        make(study, name).assign(section=section, endpoint=name)
        for section, make in makers.items()
        for name in study.endpoints
    ]
    parts += [within_mrd(study, variable).assign(section="by mrd") for variable in IKZF1_GROUPINGS]
    table = pd.concat(parts, ignore_index=True)
    for column in EFFECT_KEYS:
        table[column] = table[column].map(lambda value: "" if value is None or value != value else str(value))
    return table[[*EFFECT_KEYS, *EFFECT_NUMBERS, "note"]]


def together_of_the_simulated_reference():
    """Effects and risks of the classes that are estimated together, and what stands beside them."""
    study = load_study(HERE.parents[1] / "analyses" / STUDIES["simulated_reference"])
    plan, settings = study.plan.hierarchical, study.plan.settings
    asked = asked_of(plan, together(study))
    posterior = fits_of(plan, asked, settings.horizon)(1.0)
    parts = {"effects": together_rows(posterior, settings.conf_level), "risks": risk_rows(posterior, asked, settings)}
    table = pd.concat([part.assign(section=section) for section, part in parts.items()], ignore_index=True)
    for column in TOGETHER_KEYS:
        table[column] = table[column].map(lambda value: "" if value is None or value != value else str(value))
    return table[[*TOGETHER_KEYS, "n", "n_event", "estimate", "low", "high", "note"]]


def kinome_of_the_simulated_reference():
    """Every row of the kinome page; of the peptides the first hundred."""
    table = kinome_rows(load_study(HERE.parents[1] / "analyses" / STUDIES["simulated_reference"]))
    single = table["section"].isin(["difference", "equivalence"])
    kept = ~single | (table.groupby("section").cumcount() < 100)
    return table.loc[kept, [*KINOME_KEYS, *KINOME_NUMBERS, "note"]].reset_index(drop=True)


def added_value_of_the_simulated_reference():
    """Every row of the ladders."""
    study = load_study(HERE.parents[1] / "analyses" / STUDIES["simulated_reference"])
    parts = [
        getattr(climbing, kind)().assign(section=f"{kind} {place}")
        for place, climbing in enumerate(ladders_of(study), 1)
        for kind in ("rungs", "measures", "calibration", "decision", "sets", "ratios")
    ]
    table = pd.concat(parts, ignore_index=True).reindex(columns=[*ADDED_KEYS, *ADDED_NUMBERS])
    for column in ADDED_KEYS:
        table[column] = table[column].map(lambda value: "" if value is None or value != value else str(value))
    return table


@pytest.mark.parametrize("name", STUDIES)
def test_no_number_moved(name):
    golden = pd.read_csv(HERE / f"{name}.csv", keep_default_na=False, dtype=str)
    now = rows_of(name)
    assert [tuple(row) for row in golden[KEYS].to_numpy()] == [tuple(row) for row in now[KEYS].astype(str).to_numpy()]
    assert list(golden["note"]) == list(now["note"])
    for column in NUMBERS:
        theirs = pd.to_numeric(golden[column]).to_numpy(dtype=float)
        np.testing.assert_allclose(now[column].to_numpy(dtype=float), theirs, rtol=1e-10, atol=1e-13, err_msg=column)


def test_no_effect_moved():
    golden = pd.read_csv(HERE / "simulated_reference_effects.csv", keep_default_na=False, dtype=str)
    now = effects_of_the_simulated_reference()
    assert golden[EFFECT_KEYS].values.tolist() == now[EFFECT_KEYS].values.tolist()
    assert list(golden["note"]) == list(now["note"])
    for column in EFFECT_NUMBERS:
        theirs = pd.to_numeric(golden[column]).to_numpy(dtype=float)
        # models stop when their steps are small: the last digits are not theirs
        np.testing.assert_allclose(now[column].to_numpy(dtype=float), theirs, rtol=1e-6, atol=1e-8, err_msg=column)


def test_nothing_estimated_together_moved():
    golden = pd.read_csv(HERE / "simulated_reference_together.csv", keep_default_na=False, dtype=str)
    now = together_of_the_simulated_reference()
    assert golden[TOGETHER_KEYS].values.tolist() == now[TOGETHER_KEYS].values.tolist()
    numbers = ["n", "n_event", "estimate", "low", "high"]
    before = golden[numbers].apply(pd.to_numeric).to_numpy(dtype=float)
    after = now[numbers].to_numpy(dtype=float)
    drawn = (now["method"] == "hierarchical").to_numpy()
    np.testing.assert_allclose(after[~drawn], before[~drawn], rtol=1e-6, atol=1e-8)
    # on another machine the last digit of a sum differs, and then the chains: medians are known to a few hundredths of
    # a posterior SD, ends of intervals to a tenth
    spread = (before[drawn, 4] - before[drawn, 3]) / 4
    np.testing.assert_array_equal(after[drawn, :2], before[drawn, :2])
    assert (np.abs(after[drawn, 2] - before[drawn, 2]) < 0.2 * spread).all()
    assert (np.abs(after[drawn, 3:] - before[drawn, 3:]) < 0.5 * spread[:, None]).all()


def test_nothing_of_the_kinome_moved():
    golden = pd.read_csv(HERE / "simulated_reference_kinome.csv", keep_default_na=False, dtype=str)
    now = kinome_of_the_simulated_reference()
    assert golden[[*KINOME_KEYS, "note"]].values.tolist() == now[[*KINOME_KEYS, "note"]].values.tolist()
    for column in KINOME_NUMBERS:
        theirs = pd.to_numeric(golden[column]).to_numpy(dtype=float)
        np.testing.assert_allclose(now[column].to_numpy(dtype=float), theirs, rtol=1e-8, atol=1e-10, err_msg=column)


def test_no_added_value_moved():
    golden = pd.read_csv(HERE / "simulated_reference_added_value.csv", keep_default_na=False, dtype=str)
    now = added_value_of_the_simulated_reference()
    assert golden[ADDED_KEYS].values.tolist() == now[ADDED_KEYS].values.tolist()
    for column in ADDED_NUMBERS:
        theirs = pd.to_numeric(golden[column]).to_numpy(dtype=float)
        np.testing.assert_allclose(now[column].to_numpy(dtype=float), theirs, rtol=1e-6, atol=1e-8, err_msg=column)


if __name__ == "__main__":
    for name in STUDIES:
        rows_of(name).astype(dict.fromkeys(KEYS, str)).to_csv(HERE / f"{name}.csv", index=False, lineterminator="\n")
    effects_of_the_simulated_reference().to_csv(HERE / "simulated_reference_effects.csv", index=False, lineterminator="\n")
    together_of_the_simulated_reference().to_csv(
        HERE / "simulated_reference_together.csv", index=False, lineterminator="\n"
    )
    kinome_of_the_simulated_reference().to_csv(HERE / "simulated_reference_kinome.csv", index=False, lineterminator="\n")
    added = added_value_of_the_simulated_reference()
    added.to_csv(HERE / "simulated_reference_added_value.csv", index=False, lineterminator="\n")
