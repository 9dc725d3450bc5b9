"""A study's arrays are the same whatever the order of the file, and arrays of nobody move no number."""

import pathlib
import tempfile

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

import ikzf1_outcomes as iko
from ikzf1_outcomes.study.kinome_results import TEXTS, kinome_rows

STUDY = """
[study]
title = "Order"
[cohort]
file = "patients.csv"
[cohort.columns]
id = "pat"
age = "age"
first_event = "s"
first_event_time = "t"
arm = "arm"
batch = "batch"
[cohort.fields.arm]
kind = "category"
[cohort.fields.batch]
kind = "category"
[cohort.units]
first_event_time = "years"
[cohort.codes]
first_event = { "0" = "none", "1" = "relapse" }
[endpoints.EFS]
[analysis]
horizon = 3
[kinome]
file = "matrix.csv"
format = "matrix"
rows = "peptides"
sets = "sets.gmt"
scores = ["A"]
batch = "batch"
covariates = ["age"]
annotations = ["arm", "age"]
permutations = 10
margin = 0.5
known_at = 0
compare = { column = "arm", first = "x", second = "y" }
[kinome.columns]
gene = "gene"
"""
N, M = 16, 12


def rows_of(values, patients):
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        patients.to_csv(place / "patients.csv", index=False)
        table = values.copy()
        table.insert(0, "gene", [name.partition("_")[0] for name in values.index])
        table.to_csv(place / "matrix.csv")
        (place / "sets.gmt").write_text("A\tone\tg0\tg1\nB\ttwo\tg2\n", encoding="utf-8")
        (place / "study.toml").write_text(STUDY, encoding="utf-8")
        study = iko.load_study(place / "study.toml")
        return study.cohort.frame.set_index("id")["score_a"], kinome_rows(study)


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), strangers=st.integers(0, 3))
def test_order_and_strangers_do_not_matter(seed, strangers):
    rng = np.random.default_rng(seed)
    ids = [f"P{k}" for k in range(N)]
    values = pd.DataFrame(rng.normal(8, 1, (M, N)), index=[f"g{k % 3}_{k}" for k in range(M)], columns=ids)
    patients = pd.DataFrame(
        {
            "pat": ids,
            "age": rng.uniform(1, 17, N).round(1),
            "s": rng.integers(0, 2, N),
            "t": rng.uniform(1, 9, N).round(2),
            "arm": ["x", "y"] * (N // 2),
            "batch": ["b1", "b1", "b2", "b2"] * (N // 4),
        }
    )
    score, rows = rows_of(values, patients)
    more = values.assign(**{f"Q{k}": rng.normal(8, 1, M) for k in range(strangers)})
    turned = more.iloc[rng.permutation(M), rng.permutation(N + strangers)]
    again, others = rows_of(turned, patients)
    np.testing.assert_allclose(again.loc[ids], score.loc[ids], rtol=1e-12)
    key = ["section", "term", "group", "method", "level", "variable", "analysis"]
    for section in dict.fromkeys(rows["section"]):
        left, right = (t[t["section"] == section].sort_values(key).reset_index(drop=True) for t in (rows, others))
        if section == "samples":
            nobody = left["term"].str.startswith("arrays of nobody")
            assert left.loc[nobody, "estimate"].tolist() == [0]
            assert right.loc[nobody, "estimate"].tolist() == [strangers]
            left, right = left[~nobody], right[~nobody]
        assert left[key].equals(right[key])
        numbers = [name for name in left if name not in TEXTS]
        np.testing.assert_allclose(right[numbers].to_numpy(), left[numbers].to_numpy(), rtol=1e-6, atol=1e-9)
