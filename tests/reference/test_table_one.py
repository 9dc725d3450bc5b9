"""Frequencies, co-occurrence, Table 1 and the weights of the tested, against R (make.R of table_one)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import reading

from ikzf1_outcomes.describe import selection
from ikzf1_outcomes.describe.characteristics import table_one
from ikzf1_outcomes.describe.frequencies import frequency_table
from ikzf1_outcomes.describe.pairs import cooccurrence

V = reading.values("table_one")
PATIENTS = reading.inputs("table_one", "patients")


def chiaretti():
    file = Path(__file__).parents[2] / "analyses" / "02_chiaretti" / "clinical.csv"
    raw = pd.read_csv(file, dtype=str, keep_default_na=False, na_values=[""])
    named = raw["mol.biol"].where(raw["mol.biol"].isin(["BCR/ABL", "ALL1/AF4", "E2A/PBX1"]), "none")
    return pd.DataFrame(
        {
            "age": raw["age"].astype(float),
            "sex": raw["sex"],
            "lineage": raw["BT"].str[0],
            "stage": raw["BT"],
            "fusion": named,
        }
    )


DATA = {"patients": PATIENTS, "small": PATIENTS.head(40), "chiaretti": chiaretti()}


@pytest.mark.parametrize("row", V["limits"], ids=lambda r: f"{r['k']} of {r['m']}, {r['conf_level']}")
def test_clopper_pearson(row):
    flags = pd.DataFrame({"x": pd.Categorical(["yes"] * row["k"] + ["no"] * (row["m"] - row["k"]), ["no", "yes"])})
    ours = frequency_table(flags, "x", conf_level=row["conf_level"]).set_index("level").loc["yes"]
    reading.agree(ours[["low", "high"]].to_numpy(float), [row["low"], row["high"]])


def test_the_pairs_of_a_cohort_and_their_adjusted_p_values():
    theirs = pd.DataFrame(V["pairs"]).set_index(["first", "second"]).astype(float)
    for adjust, name in {"fdr_bh": "BH", "fdr_by": "BY", "holm": "holm", "bonferroni": "bonferroni"}.items():
        ours = cooccurrence(PATIENTS, ["ikzf1", "pax5", "ebf1", "erg"], adjust=adjust).set_index(["first", "second"])
        reading.agree(ours["p_adjusted"], theirs[name].to_numpy(), adjust)
    for column in ("n_both", "n_first_only", "n_second_only", "n_neither", "estimate", "low", "high", "p_value"):
        reading.agree(ours[column], theirs[column].to_numpy(), column)
    narrow = cooccurrence(PATIENTS, ["ikzf1", "pax5", "ebf1", "erg"], conf_level=0.9)
    reading.agree(narrow["low"], theirs["low_90"].to_numpy())
    reading.agree(narrow["high"], theirs["high_90"].to_numpy())
    assert np.isneginf(theirs["estimate"]).any()  # zero cells are among them


@pytest.mark.parametrize("row", V["tables"], ids=lambda r: f"{r['a']} {r['b']} {r['c']} {r['d']}")
def test_odds_ratios_of_other_tables(row):
    cells = np.repeat([3, 2, 1, 0], [row[cell] for cell in "abcd"])
    ours = cooccurrence(pd.DataFrame({"x": cells >= 2, "y": cells % 2 == 1}), ["x", "y"]).iloc[0]
    theirs = {k: float(row[k]) for k in ("estimate", "low", "high", "p_value")}
    # where the odds ratio is 1, its logarithm is zero up to the last digits
    np.testing.assert_allclose(ours[list(theirs)].to_numpy(float), list(theirs.values()), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("row", V["tests"], ids=lambda r: f"{r['data']}, {r['test']}: {r['variable']} by {r['by']}")
def test_tests(row):
    kind = row["test"]
    choice = {"numbers_by": kind} if kind in ("rank", "t", "welch") else {"categories_by": kind}
    table = table_one(DATA[row["data"]], row["variable"], by=row["by"], **choice)
    ours = table[table["term"] == "test"].iloc[0]
    reading.agree(ours["p_value"], row["p_value"])
    reading.agree(ours["statistic"], row.get("statistic", np.nan))
    reading.agree(ours["df"], row.get("df", np.nan))


@pytest.mark.parametrize(
    ("data", "variable", "by"), [("patients", "age", "arm"), ("patients", "blasts", "subtype"), ("chiaretti", "age", "sex")]
)
def test_moments_and_quantiles(data, variable, by):
    theirs = pd.DataFrame([r for r in V["numbers"] if (r["data"], r["variable"]) == (data, variable)]).set_index("group")
    table = table_one(DATA[data], variable, by=by)
    ours = table[table["group"] != ""].pivot_table(index="group", columns="term", values="estimate").loc[theirs.index]
    for column in ("n", "mean", "sd", "median", "q1", "q3", "min", "max", "n_missing"):
        reading.agree(ours[column], theirs[column].to_numpy(), column)


@pytest.mark.parametrize("row", V["differences"], ids=lambda r: f"{r['variable']} {r['level']}")
def test_standardised_differences(row):
    table = table_one(DATA[row["data"]], row["variable"], by=row["by"])
    ours = table[(table["term"] == "standardised difference") & (table["level"] == row["level"])]
    assert len(ours) == 1
    reading.agree(ours["estimate"].iloc[0], row["estimate"])


def test_the_weights_of_the_tested():
    theirs = V["testing"]
    terms = "wbc + blasts + protocol"
    found = selection.testing_weights(PATIENTS, terms, tested="tested")
    reading.agree(found.weights.dropna(), theirs["weights"])
    reading.agree(
        selection.testing_weights(PATIENTS, terms, tested="tested", stabilised=False).weights.dropna(), theirs["raw"]
    )
    cut = selection.testing_weights(PATIENTS, terms, tested="tested", truncate=(0.05, 0.9))
    reading.agree(cut.weights.dropna(), theirs["truncated"])
    row = found.diagnostics.iloc[0]
    reading.agree(row["n_effective"], theirs["n_effective"])
    reading.agree(row["concordance"], theirs["concordance"])
    coefficients = pd.DataFrame(theirs["coefficients"])
    ours = found.coefficients[found.coefficients["note"] == ""]
    for column in ("estimate", "std_error"):
        reading.agree(ours[column], coefficients[column].to_numpy(), column)
    for column in ("before", "after"):
        np.testing.assert_allclose(found.balance[column], [r[column] for r in theirs["balance"]], rtol=1e-8, atol=1e-12)
