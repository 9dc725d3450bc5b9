"""Tests of sets of peptides and of bands against limma, and R's own tests (kinome, kinome_sets)."""

import numpy as np
import pandas as pd
import pytest
import reading

import ikzf1_outcomes as iko

FOUNDING = reading.values("kinome", "sets_and_clusters")["roast_camera"]
MATRIX = reading.inputs("kinome", "kinome_matrix").set_index("peptide")
GROUP = reading.inputs("kinome", "kinome_samples").set_index("sample")["grp"]
SETS = {name: MATRIX.index[np.array(rows) - 1] for name, rows in FOUNDING["sets_1based"].items()}

VALUES = reading.values("kinome_sets")
PEPTIDES = reading.inputs("kinome_sets", "peptides").set_index("peptide")
SAMPLES = reading.inputs("kinome_sets", "samples").set_index("sample")
SMALL = {name: PEPTIDES.index[np.atleast_1d(rows) - 1] for name, rows in VALUES["sets"].items()}

CAMERA = {
    "camera_cor0.01": ("camera_rows", {"correlation": 0.01}),
    "camera_estimated_cor": ("camera_est_rows", {"correlation": None}),
    "camera_ranks": ("camera_ranks_rows", {"ranks": True, "correlation": 0.01}),
    "fry": ("fry_rows", {"method": "fry"}),
}


def founding(rows, name):
    return pd.DataFrame(FOUNDING[name], index=FOUNDING[rows]).loc[list(SETS)]


@pytest.mark.parametrize("name", CAMERA)
def test_camera_and_fry_of_a_thousand_peptides(name):
    rows, options = CAMERA[name]
    theirs = founding(rows, name)
    ours = iko.pathway_tests(MATRIX, SETS, GROUP == 1, **options).tidy()
    assert ours["n_peptides"].tolist() == theirs["NGenes"].tolist()
    assert ours["direction"].str.title().tolist() == theirs["Direction"].tolist()
    reading.agree(ours["p_value"], theirs["PValue"].to_numpy())
    reading.agree(ours["p_adjusted"], theirs["FDR"].to_numpy())
    if "Correlation" in theirs:
        reading.agree(ours["correlation"], theirs["Correlation"].to_numpy())
    if name == "fry":
        # with fewer peptides than dimensions (43) limma takes the moments of another sphere: decision 035
        wide = theirs["NGenes"].to_numpy() >= 43
        assert wide.tolist() == [True, True, True, False, True]
        reading.agree(ours["p_mixed"][wide], theirs["PValue.Mixed"].to_numpy()[wide])


def test_roast_of_a_thousand_peptides_within_the_error_of_rotations():
    theirs = founding("mroast_rows", "mroast_stochastic_seed1_9999")
    ours = iko.pathway_tests(MATRIX, SETS, GROUP == 1, method="roast", rotations=9999, seed=1).tidy()
    for column, name in (("p_value", "PValue"), ("p_mixed", "PValue.Mixed")):
        p = theirs[name].to_numpy()
        error = np.sqrt(2 * p * (1 - p) / 9999)
        assert (np.abs(ours[column] - p) < 3.5 * error + 1e-4).all()
    assert ours["direction"].str.title().tolist() == theirs["Direction"].tolist()


OPTIONS = {
    "camera": {"correlation": 0.01},
    "estimated": {"correlation": None},
    "ranks": {"ranks": True, "correlation": 0.05},
    "fry": {"method": "fry"},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_small_sets_beside_a_batch(name):
    theirs = reading.table(VALUES["tests"][name])
    ours = iko.pathway_tests(PEPTIDES, SMALL, SAMPLES["deleted"] == 1, batch=SAMPLES["batch"], **OPTIONS[name]).tidy()
    assert ours["term"].tolist() == theirs["term"].tolist()
    assert ours["direction"].str.title().tolist() == theirs["Direction"].tolist()
    reading.agree(ours["p_value"], theirs["PValue"].to_numpy())


def test_roast_of_small_sets_beside_a_batch():
    theirs = reading.table(VALUES["tests"]["roast"])
    tests = iko.pathway_tests(
        PEPTIDES, SMALL, SAMPLES["deleted"] == 1, batch=SAMPLES["batch"], method="roast", rotations=20_000, seed=2
    )
    for column, name in (("p_value", "PValue"), ("p_mixed", "PValue.Mixed")):
        p = theirs[name].to_numpy()
        error = np.sqrt(p * (1 - p) * (1 / 99_999 + 1 / 20_000))
        assert (np.abs(tests.tidy()[column] - p) < 3.5 * error + 1e-4).all()
    assert tests.glance()["rotations"].item() == 20_000


def test_mean_scores_are_a_linear_model():
    theirs = reading.table(VALUES["means"])
    ours = iko.pathway_tests(PEPTIDES, SMALL, SAMPLES["deleted"] == 1, batch=SAMPLES["batch"], method="mean").tidy()
    for column in ("estimate", "std_error", "statistic", "p_value", "low", "high", "df"):
        reading.agree(ours[column], theirs[column].to_numpy(), column)


def test_the_first_component():
    scores = iko.pathway_scores(PEPTIDES, {"wide": SMALL["wide"]}, method="first_component")
    sign = np.sign(VALUES["wide"]["loadings"])
    reading.agree(scores.values["wide"], sign * np.array(VALUES["wide"]["score"]))
    reading.agree(scores.glance()["share"].item(), VALUES["wide"]["variance"])


def test_bands_against_every_assignment():
    bands = pd.DataFrame(VALUES["blots"]["bands"], index=["a", "b", "c"])
    ours = iko.blot_tests(bands, ["deleted"] * 6 + ["none"] * 8, contrast="deleted vs none")
    for method in ("linear", "wilcoxon", "fisher"):
        reading.agree(ours.loc[ours["method"] == method, "p_value"], VALUES["blots"][method], method)
