"""Real MLPA runs with known genotypes: all events called, no false call among the normals."""

import pandas as pd
import pytest

from ikzf1_outcomes import call_mlpa, read_mlpa

CONTROLS = (1, 4, 5, 7, 9, 10, 12, 14, 16)
LOST = {
    "PradWilli1": {"ube3a", "snrpn", "ubea3a"},
    "PradWilli2": {"ube3a", "snrpn", "ubea3a"},
    "DiGeor1": {"hira"},
    "DiGeor2": {"hira"},
}
GAINED = {"Autism1": {"zwint", "phylip", "rp11"}, "Autism2": {"zwint", "phylip", "rp11"}}
"""The duplication of the two autism samples lies at ZWINT, PHYLIP and RP11; their three 15q11-13 probes read 0.93 to
1.00, so that the peaks do not show a duplication of the Prader-Willi region."""


@pytest.fixture(scope="module")
def run(shared):
    folder = shared / "data" / "mlpa_validation"
    names = {"sample": "Sample", "replicate": "Replica"}
    files = [read_mlpa(folder / f"MLPAvalidation_{part}.csv", columns=names) for part in ("cases", "controls")]
    peaks = pd.concat([file.peaks for file in files], ignore_index=True)
    probes = list(peaks.columns[2:])
    positions = (folder / "MLPAvalidation_reference_probes.txt").read_text().split()
    assert tuple(map(int, positions)) == CONTROLS
    control = [place + 1 in CONTROLS for place in range(len(probes))]
    return peaks, pd.DataFrame({"probe": probes, "gene": probes, "control": control})


PURITY = {"thresholds": "purity_model", "blasts": 1.0}


@pytest.mark.parametrize(
    "options",
    [
        {"thresholds": "mrc"},
        {"thresholds": "all_0.75"},
        PURITY,
        {"thresholds": "mrc", "normalisation": "run_mean"},
        {"thresholds": "all_0.75", "normalisation": "run_mean"},
    ],
    ids=str,
)
def test_known_events_are_called_and_nothing_else(run, options):
    peaks, table = run
    calls = call_mlpa(peaks, replicate="replicate", probes=table, **options)
    rows = calls.tidy()
    assert not calls.quality["failed"].any()
    assert (calls.quality["n_reaction"] == 3).all()
    lost = rows[rows["call"].isin(["deleted", "homozygous"])].groupby("sample")["gene"].agg(set).to_dict()
    gained = rows[rows["call"] == "gain"].groupby("sample")["gene"].agg(set).to_dict()
    assert lost == LOST
    assert gained == GAINED
    assert (rows["call"] != "homozygous").all()


def test_the_run_mean_shrinks_a_gain_until_the_purity_model_will_not_call_it(run):
    peaks, table = run
    doses = {}
    for normalisation in ("robust", "run_mean"):
        calls = call_mlpa(peaks, replicate="replicate", probes=table, normalisation=normalisation, **PURITY)
        doses[normalisation] = calls.quotients.loc["Autism2", "ZWINT"]
        rows = calls.tidy().set_index(["sample", "gene"])
    # two gains among 29 samples raise the mean by 1/29: 1.37 becomes 1.32, ambiguous and not normal
    assert doses["run_mean"] < doses["robust"] - 0.03
    assert rows.loc[("Autism2", "zwint"), "call"] == "ambiguous"


def test_normal_samples_as_reference_give_the_same_calls(run):
    peaks, table = run
    normal = [name for name in peaks["sample"].unique() if name.startswith("NA.")]
    rows = call_mlpa(peaks, replicate="replicate", probes=table, reference=normal, thresholds="mrc").tidy()
    assert rows[rows["call"] == "deleted"].groupby("sample")["gene"].agg(set).to_dict() == LOST
    assert rows[rows["call"] == "gain"].groupby("sample")["gene"].agg(set).to_dict() == GAINED


def test_single_reactions_are_noisier_than_replicates_combined(run):
    peaks, table = run
    alone = peaks.assign(sample=peaks["sample"] + peaks["replicate"]).drop(columns="replicate")
    single = call_mlpa(alone, probes=table, thresholds="mrc").quality
    combined = call_mlpa(peaks, replicate="replicate", probes=table, thresholds="mrc").quality
    assert single["control_sd"].median() > combined["control_sd"].median()


def test_the_wide_text_file_of_another_run_is_read(shared):
    folder = shared / "data" / "mlpa_validation"
    names = {"sample": "id", "replicate": "replicate"}
    parts = [read_mlpa(folder / f"{part}.txt", columns=names).peaks for part in ("BRCAcases", "BRCAcontrols")]
    peaks = pd.concat(parts, ignore_index=True)
    probes = list(peaks.columns[2:])
    positions = {int(word) for word in (folder / "referenceProbes.txt").read_text().split()}
    control = [place + 1 in positions for place in range(len(probes))]
    # the exon is part of the names here: BRCA1Ex13; exon 1 and 11 have two probes
    exon = pd.Series(probes).str.extract(r"Ex(\d+)")[0]
    table = pd.DataFrame({"probe": probes, "gene": ["BRCA1"] * len(probes), "exon": exon, "control": control})
    reference = [f"control{number}" for number in range(1, 6)]
    calls = call_mlpa(
        peaks, replicate="replicate", probes=table, reference=reference, thresholds="all_0.75", max_control_sd=0.25
    )
    assert len(calls.quality) == 15
    # several samples repeat the peaks of others to the digit: they must get the same quotients
    same = calls.quotients.loc[["case07", "case08", "case09", "control2"]]
    assert (same == same.iloc[0]).all(axis=None)
