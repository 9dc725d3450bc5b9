"""The [genome] part of a study: from the laboratory's file to columns, profiles and a page."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import InputError, StudyError
from ikzf1_outcomes.simulate import hospital_file, simulate_cohort, simulate_mlpa

COHORT = simulate_cohort(60, seed=11)
RUN = simulate_mlpa(COHORT, seed=11)
MEASURED = ["IKZF1", "CDKN2A", "CDKN2B", "PAX5", "ETV6", "RB1", "BTG1", "EBF1", "PAR1", "ERG"]
STUDY = """
[study]
title = "Genome"
[cohort]
file = "patients.csv"
simulated = true
[cohort.columns]
id = "Patient"
age = "Age"
sex = "Sex"
cytogenetic_subtype = "Cytogenetics"
{sample}
relapse = "Date_relapse"
death = "Date_death"
last_contact = "Date_last_contact"
remission = "Date_remission"
[cohort.dates]
format = "year-month-day"
diagnosis = "Date_diagnosis"
[cohort.codes]
sex = {{ M = "male", F = "female" }}
{more}
[endpoints.EFS]
[endpoints.RELAPSE]
[analysis]
groups = ["ikzf1_deletion"]
horizon = 3
times = [3]
{genome}
"""
MLPA = """
[genome]
{options}
[genome.mlpa]
file = "peaks.csv"
columns = {{ sample = "Patient", run = "Run", blasts = "Blasts" }}
{calling}
"""


def study(folder, genome, *, sample='sample = "Date_sample"', more="", peaks=None, patients=None):
    file = hospital_file(COHORT).drop(columns=MEASURED) if patients is None else patients
    file.to_csv(folder / "patients.csv", index=False)
    table = RUN.peaks if peaks is None else peaks
    table.rename(columns={"sample": "Patient", "run": "Run", "blasts": "Blasts"}).to_csv(folder / "peaks.csv", index=False)
    path = folder / "study.toml"
    path.write_text(STUDY.format(genome=genome, sample=sample, more=more), encoding="utf-8")
    return path


def mlpa(options="", calling=""):
    return MLPA.format(options=options, calling=calling)


def test_classes_of_the_study_are_those_of_the_functions(tmp_path):
    loaded = iko.load_study(
        study(tmp_path, mlpa('profiles = ["ikzf1_plus", "uk_all_cna", "uk_all_genetics", "ikzf1_par1"]'))
    )
    frame = loaded.cohort.frame
    calls = iko.call_mlpa(RUN.peaks, run="run", blasts="blasts")
    assert frame["ikzf1_class"].tolist() == calls.classes["ikzf1_class"].tolist()
    assert frame["pax5"].tolist() == calls.genes["pax5"].astype(str).tolist()
    np.testing.assert_allclose(frame["ikzf1_p_ik6"], calls.probabilities["ik6"].to_numpy())
    assert loaded.cohort.known_at("ikzf1_class") == 0.0
    assert frame["ikzf1_plus"].tolist() == iko.ikzf1_plus(frame.assign(erg="not_tested")).tolist()
    assert frame["uk_all_cna"].tolist() == iko.uk_all_cna(frame).tolist()
    cna = iko.uk_all_cna(frame, tiers=2)
    assert (
        frame["uk_all_genetics"].tolist() == iko.uk_all_genetics(cna, frame["cytogenetic_subtype"].astype(object)).tolist()
    )
    assert any("ikzf1_plus: not tested for erg" in note for note in loaded.cohort.provenance.notes)
    assert any(rule.startswith("uk_all_cna: version 1") for rule in loaded.cohort.provenance.rules)


def test_options_reach_the_caller_and_the_profiles(tmp_path):
    options = 'profiles = ["uk_all_cna"]\nuk_all_cna = { tiers = 3 }'
    loaded = iko.load_study(study(tmp_path, mlpa(options, 'thresholds = "all_0.75"\nnormalisation = "run_mean"')))
    calls = iko.call_mlpa(RUN.peaks, run="run", blasts="blasts", thresholds="all_0.75", normalisation="run_mean")
    assert loaded.cohort.frame["ikzf1_class"].tolist() == calls.classes["ikzf1_class"].tolist()
    assert loaded.cohort.frame["uk_all_cna"].tolist() == iko.uk_all_cna(loaded.cohort.frame, tiers=3).tolist()
    assert any("tiers = 3" in rule for rule in loaded.cohort.provenance.rules)


def test_own_ranges_may_stand_in_the_study_file(tmp_path):
    ranges = 'thresholds = [["deleted", 0.3, 0.72], ["normal", 0.8, 1.2]]'
    loaded = iko.load_study(study(tmp_path, mlpa("", ranges)))
    assert set(loaded.cohort.frame["ikzf1_class"].unique()) <= {
        "none",
        "whole_gene",
        "ik6",
        "del_4_8",
        "other",
        "ambiguous",
        "failed",
    }


def test_comparisons_leave_unknown_classes_out_and_say_so(tmp_path):
    loaded = iko.load_study(study(tmp_path, mlpa()))
    from ikzf1_outcomes.study.load import endpoints_of

    unknown = loaded.cohort.frame["ikzf1_class"].isin(["ambiguous", "failed"]).sum()
    assert unknown > 0
    endpoint = endpoints_of(loaded, "ikzf1_class")["EFS"]
    assert int(endpoint.frame["ikzf1_class"].isna().sum()) == unknown
    assert "ambiguous" not in endpoint.groups("ikzf1_class").levels
    assert "is not known are left out: ambiguous" in endpoint.policy[-1]


def test_samples_of_relapse_are_refused_or_left_out(tmp_path):
    peaks = RUN.peaks.assign(When="diagnosis")
    late = peaks.iloc[:3].assign(When="relapse")
    both = pd.concat([peaks, late], ignore_index=True)
    options = 'timepoint = "When"'
    with pytest.raises(StudyError, match="not of diagnosis; rows 61, 62, 63; 3 in all"):
        iko.load_study(study(tmp_path, mlpa(options), peaks=both))
    left = iko.load_study(study(tmp_path, mlpa(f"{options}\nleave_out_others = true"), peaks=both))
    assert left.evidence.set_aside.set_index("reason").loc["reactions of samples not of diagnosis", "n"] == 3
    whole = iko.load_study(study(tmp_path, mlpa()))
    pd.testing.assert_frame_equal(left.cohort.frame, whole.cohort.frame)


def test_undated_samples_are_an_error(tmp_path):
    peaks = RUN.peaks.assign(When=["diagnosis", None, *["diagnosis"] * 58])
    with pytest.raises(StudyError, match="without a time point; row 2"):
        iko.load_study(study(tmp_path, mlpa('timepoint = "When"'), peaks=peaks))
    with pytest.raises(InputError, match="nobody says when"):
        iko.load_study(study(tmp_path, mlpa(), sample=""))
    patients = hospital_file(COHORT).drop(columns=MEASURED)
    patients.loc[4, "Date_sample"] = ""
    with pytest.raises(InputError, match="without a date; row 5"):
        iko.load_study(study(tmp_path, mlpa(), patients=patients))


def test_a_sample_taken_long_after_diagnosis_is_refused(tmp_path):
    patients = hospital_file(COHORT).drop(columns=MEASURED)
    later = pd.to_datetime(patients.loc[7, "Date_diagnosis"]) + pd.Timedelta(days=20)
    patients.loc[7, "Date_sample"] = later.strftime("%Y-%m-%d")
    with pytest.raises(InputError, match=r"not of diagnosis \(.*row 8"):
        iko.load_study(study(tmp_path, mlpa(), patients=patients))
    assert len(iko.load_study(study(tmp_path, mlpa("within_days = 21"), patients=patients)).cohort) == 60


def test_blasts_may_stand_in_the_patient_file(tmp_path):
    patients = hospital_file(COHORT).drop(columns=MEASURED).assign(Marrow=RUN.peaks["blasts"].to_numpy())
    columns = 'sample = "Date_sample"\nblast_share = "Marrow"'
    fields = '[cohort.fields.blast_share]\nkind = "number"\nlabel = "Blasts"\nlow = 0\nhigh = 1'
    genome = mlpa("", 'blasts = "blast_share"').replace(', blasts = "Blasts"', "")
    peaks = RUN.peaks.drop(columns="blasts")
    loaded = iko.load_study(study(tmp_path, genome, sample=columns, more=fields, peaks=peaks, patients=patients))
    whole = iko.load_study(study(tmp_path, mlpa()))
    assert loaded.cohort.frame["ikzf1_class"].tolist() == whole.cohort.frame["ikzf1_class"].tolist()


def test_a_probe_table_may_be_a_file(tmp_path):
    names = [column for column in RUN.peaks.columns if column not in ("sample", "run", "blasts")]
    short = {name: f"p{place}" for place, name in enumerate(names)}
    table = pd.DataFrame({"probe": list(short.values())})
    table["gene"] = [name.split("_")[0] if "control" not in name else "" for name in names]
    table["exon"] = [name.split("_e")[1] if "control" not in name else "" for name in names]
    table["control"] = ["yes" if "control" in name else "no" for name in names]
    table.to_csv(tmp_path / "probes.csv", index=False)
    loaded = iko.load_study(study(tmp_path, mlpa("", 'probes = "probes.csv"'), peaks=RUN.peaks.rename(columns=short)))
    calls = iko.call_mlpa(RUN.peaks, run="run", blasts="blasts")
    assert loaded.cohort.frame["ikzf1_class"].tolist() == calls.classes["ikzf1_class"].tolist()


def test_segments_alone(tmp_path):
    ids = COHORT.frame["id"].tolist()
    rows = [[name, "7", 1, 159_000_000, 9000, 0.0] for name in ids[:-2]]
    rows += [[ids[-2], "7", 43_000, 50_400_000, 900, 0.0], [ids[-2], "7", 50_420_000, 50_465_000, 40, -0.9]]
    rows += [[ids[-2], "7", 50_466_000, 159_000_000, 900, 0.0]]
    header = ["ID", "chrom", "loc.start", "loc.end", "num.mark", "seg.mean"]
    pd.DataFrame(rows, columns=header).to_csv(tmp_path / "cohort.seg", sep="\t", index=False)
    genome = '[genome]\n[genome.segments]\nfile = "cohort.seg"\nbuild = "hg19"\n'
    loaded = iko.load_study(study(tmp_path, genome))
    assert loaded.cohort.frame["ikzf1_class"].tolist() == ["none"] * 58 + ["ik6", "not_tested"]
    assert loaded.cohort.frame["ikzf1_tested"].tolist() == ["tested"] * 59 + ["not tested"]
    assert loaded.evidence.probabilities is None
    with pytest.raises(StudyError, match="build is required"):
        iko.load_study(study(tmp_path, genome.replace('build = "hg19"\n', "")))


def test_exon_calls_alone(tmp_path):
    table = pd.DataFrame({"Pat": COHORT.frame["id"], "Del": ["4-7", "1-8", "none", *["none"] * 57]})
    table.to_csv(tmp_path / "exons.csv", index=False)
    genome = '[genome]\n[genome.exons]\nfile = "exons.csv"\nsample = "Pat"\nlayout = "list"\nexons = "Del"\n'
    loaded = iko.load_study(study(tmp_path, genome))
    assert loaded.cohort.frame["ikzf1_class"].tolist() == ["ik6", "whole_gene"] + ["none"] * 58


@pytest.mark.parametrize(
    ("genome", "message"),
    [
        ('[genome]\nprofiles = ["ikzf1_plus"]', "names 0 assays"),
        (mlpa() + '[genome.exons]\nfile = "peaks.csv"', "names 2 assays"),
        (mlpa("profile = []"), "'profile' is not known"),
        (mlpa('profiles = ["ikzf1_minus"]'), "Did you mean 'ikzf1_plus'"),
        (mlpa("ikzf1_plus = { cdkn2b = 'any' }"), "profiles does not name it"),
        (mlpa('profiles = ["ikzf1_plus"]\nikzf1_plus = { cdkn2c = "any" }'), "'cdkn2c' is not known"),
        (mlpa("", "blast = 0.8"), "'blast' is not known"),
        (mlpa("leave_out_others = 1"), "true or false"),
        (mlpa("call_draws = 1"), "one draw has no variance"),
        (mlpa("", 'error = "small"'), "wrong type"),
        (mlpa("", 'confidence = "high"'), "wrong type"),
        (mlpa('call_outcome = "both"'), "cannot be 'both'"),
        (mlpa("", 'blasts = "nowhere"').replace(', blasts = "Blasts"', ""), "neither the file nor the cohort"),
        (mlpa().replace("peaks.csv", "none.csv"), "no file 'none.csv'"),
        ('[genome]\ntimepoint = "When"\n[genome.segments]\nfile = "peaks.csv"\nbuild = "hg19"', "wide MLPA files only"),
    ],
)
def test_wrong_parts_are_refused(tmp_path, genome, message):
    with pytest.raises(StudyError, match=message):
        iko.load_study(study(tmp_path, genome))


def test_the_page_and_its_files(tmp_path):
    path = study(tmp_path, mlpa('profiles = ["ikzf1_plus"]\ncall_draws = 5'))
    out = iko.run_study(path, tmp_path / "out")
    page = (out / "report.html").read_text(encoding="utf-8")
    for text in (
        "Genome</h2>",
        "Frequency of classes",
        "Effect by hard call",
        "Characteristics by IKZF1",
        "IKZF1 exon calls of 60",
    ):
        assert text in page
    names = {file.name for file in (out / "genome").iterdir()}
    assert {"frequencies.csv", "cooccurrence.csv", "call_uncertainty.csv", "characteristics.csv", "quality.csv"} <= names
    frequencies = pd.read_csv(out / "genome" / "frequencies.csv")
    frame = iko.load_study(path).cohort.frame
    row = frequencies[(frequencies["variable"] == "ikzf1_class") & (frequencies["level"] == "none")].iloc[0]
    known = ~frame["ikzf1_class"].isin(["ambiguous", "failed"])
    assert (row["n"], row["n_known"]) == ((frame["ikzf1_class"] == "none").sum(), known.sum())
    # nobody's identifier leaves the patient file
    for file in out.rglob("*"):
        if file.suffix in (".csv", ".html", ".md", ".json", ".svg"):
            assert not any(name in file.read_text(encoding="utf-8") for name in frame["id"]), file.name


def test_two_runs_give_the_same_bytes(tmp_path):
    path = study(tmp_path, mlpa("call_draws = 3"))
    one, two = (iko.run_study(path, tmp_path / name) for name in ("one", "two"))
    for file in sorted((one / "genome").iterdir()):
        assert file.read_bytes() == (two / "genome" / file.name).read_bytes(), file.name
    assert (one / "report.html").read_bytes() == (two / "report.html").read_bytes()


def test_a_group_that_nobody_is_known_to_have_is_refused_before_the_run(tmp_path):
    unknown = RUN.peaks.assign(blasts=np.nan)
    with pytest.raises(StudyError, match="'ikzf1_deletion' is known of nobody"):
        iko.load_study(study(tmp_path, mlpa(), peaks=unknown))


def test_samples_of_nobody_are_counted_on_the_page(tmp_path):
    patients = hospital_file(COHORT).drop(columns=MEASURED).iloc[5:]
    loaded = iko.load_study(study(tmp_path, mlpa(), patients=patients))
    assert loaded.evidence.set_aside.set_index("reason").loc["samples of nobody in the cohort", "n"] == 5


def test_purities_of_strangers_do_not_matter(tmp_path):
    ids = COHORT.frame["id"].tolist()
    rows = [[name, "7", 1, 159_000_000, 9000, 0.0] for name in [*ids, "stranger"]]
    header = ["ID", "chrom", "loc.start", "loc.end", "num.mark", "seg.mean"]
    pd.DataFrame(rows, columns=header).to_csv(tmp_path / "cohort.seg", sep="\t", index=False)
    patients = hospital_file(COHORT).drop(columns=MEASURED).assign(Marrow=0.9)
    columns = 'sample = "Date_sample"\nblast_share = "Marrow"'
    fields = '[cohort.fields.blast_share]\nkind = "number"\nlabel = "Blasts"\nlow = 0\nhigh = 1'
    genome = '[genome]\n[genome.segments]\nfile = "cohort.seg"\nbuild = "hg19"\npurity = "blast_share"\n'
    loaded = iko.load_study(study(tmp_path, genome, sample=columns, more=fields, patients=patients))
    assert set(loaded.cohort.frame["ikzf1_class"]) == {"none"}
