"""A study folder of the portal's own tests, read whole.

The counts are those of plain text tools on its files (five lines of header in a clinical file, one in the others):

    tail -n +6 data_clinical_patients.txt > patients
    tail -n +6 data_clinical_samples.txt > samples
    wc -l patients samples                                              841 patients, 845 samples
    cut -f2 patients | sort | uniq -c                                   721 0:LIVING, 87 1:DECEASED, 33 neither
    awk -F'\t' '$2 ~ /^1/ {s += $3} END {print s}' patients             4992.06 months of those who died
    awk -F'\t' '$2 ~ /^[01]/ {s += $3} END {printf "%.9g", s}' patients 23340.95 months of all with a status
    awk -F'\t' '$2 ~ /^0/ && $3 == 0' patients | wc -l                  59 alive at 0 months
    awk -F'\t' '$2 ~ /^[01]/ && $4 ~ /^1/ && $5 !~ /^[0-9]/' patients | wc -l     56 disease-free events without months
    cut -f1 samples | sort | uniq -d > several; wc -l several           3 patients with several samples
    cut -f1 samples | grep -n -x -f several                             rows 373 575 576 826 843 844 845
    cut -f1 data_cna_discrete.txt | tail -n +2 | sort -u                8 genes, none of the loci
    head -1 data_cna_log2.txt | tr '\t' '\n' | tail -n +3 | sort -u | wc -l        778 samples
    awk '$5 < 3' data_cna_hg19.seg | wc -l                              2 segments under 3 probes
"""

import shutil

import pytest

from ikzf1_outcomes import define_endpoint, kaplan_meier
from ikzf1_outcomes.cohort.cbioportal import LOCI, cbioportal_attributes, read_cbioportal
from ikzf1_outcomes.cohort.cbioportal_files import gene_values
from ikzf1_outcomes.errors import CohortError, InputError

NO_STATUS = [{"reason": "no survival status", "column": "OS_STATUS", "is_missing": True}]


@pytest.fixture(scope="module")
def folder(shared):
    return shared / "data" / "cbioportal_study"


@pytest.fixture(scope="module")
def cohort(folder):
    return read_cbioportal(folder, sample_rule="first", exclusions=NO_STATUS)


def test_patients_and_their_survival(cohort):
    assert cohort.flow_table()[["n", "left_out"]].values.tolist() == [[841, 0], [808, 33], [808, 0]]
    frame = cohort.frame
    assert frame["vital_status"].value_counts().to_dict() == {"alive": 721, "dead": 87}
    assert frame["death"].notna().sum() == 87
    assert frame["death"].sum() * 12 == pytest.approx(4992.06, rel=1e-12)
    assert frame["last_contact"].sum() * 12 == pytest.approx(23340.95, rel=1e-12)
    assert ((frame["last_contact"] == 0) & (frame["vital_status"] == "alive")).sum() == 59
    assert kaplan_meier(define_endpoint(cohort, "OS")).tidy()["n_event"].sum() == 87


def test_without_an_exclusion_the_33_are_an_error(folder):
    with pytest.raises(CohortError) as caught:
        read_cbioportal(folder, sample_rule="first")
    assert [problem.count for problem in caught.value.problems] == [33, 33]


def test_several_samples(folder, cohort):
    with pytest.raises(InputError, match="3 patients have several samples") as caught:
        read_cbioportal(folder, exclusions=NO_STATUS)
    assert caught.value.where == (373, 575, 576, 826, 843, 844, 845)
    assert "4 further samples of the patients: left out by sample_rule (first)" in cohort.provenance.notes


def test_what_was_read_and_set_aside(cohort):
    """No gene of the discrete file is a locus; the segments are of one sample and of chromosome 1 alone."""
    assert cohort.provenance.notes[:2] == (
        "files read: data_clinical_patients.txt, data_clinical_samples.txt, data_cna_discrete.txt, data_cna_hg19.seg",
        "4 further samples of the patients: left out by sample_rule (first)",
    )
    assert "data_cna_hg19.seg: 2 segments set aside (fewer than 3 probes)" in cohort.provenance.notes
    assert "meta_cna_log2.txt: not read, there are discrete levels" in cohort.provenance.notes
    assert "copy numbers from data_cna_discrete.txt: none of the loci" in cohort.provenance.notes
    assert "OS_MONTHS: Overall survival in months since diagnosis" in cohort.provenance.notes
    for column in (*LOCI, "ikzf1_class"):
        assert set(cohort.frame[column]) == {"not_tested"}
        assert cohort.known_at(column) == "sample"
    assert cohort.frame["ikzf1_deletion"].isna().all()


def test_disease_free_events_have_no_months_here(folder):
    known = [*NO_STATUS, {"reason": "no disease-free status", "column": "DFS_STATUS", "is_missing": True}]
    with pytest.raises(CohortError, match="DFS_STATUS says an event and DFS_MONTHS is missing") as caught:
        read_cbioportal(folder, sample_rule="first", exclusions=known, disease_free_as_relapse=True)
    assert [problem.count for problem in caught.value.problems] == [56]


def test_attributes(folder):
    table = cbioportal_attributes(folder)
    assert table["attribute"].tolist() == [
        "PATIENT_ID", "OS_STATUS", "OS_MONTHS", "DFS_STATUS", "DFS_MONTHS", "SAMPLE_ID", "SUBTYPE",
    ]  # fmt: skip
    assert table.loc[4, "description"] == "Disease free in months since treatment"


def test_the_gene_files(folder):
    """788 samples a gene; the symbol of the seventh gene of the log2 file goes on after a bar."""
    long = gene_values(folder / "data_cna_discrete.txt", ["ERCC5", "ACAP3"], long=True)
    assert long.groupby("gene")["sample"].nunique().to_dict() == {"ACAP3": 788, "ERCC5": 788}
    wide = gene_values(folder / "data_cna_log2.txt", ["ERCC5", "ACAP3"], long=False)
    assert wide.groupby("gene")["sample"].nunique().to_dict() == {"ACAP3": 778, "ERCC5": 778}
    assert wide["value"].iloc[:3].tolist() == ["-0.005", "-0.550", "-0.021"]


def test_a_build_that_contradicts_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match="2 genome builds: hg19, hg38"):
        read_cbioportal(folder, sample_rule="first", exclusions=NO_STATUS, build="hg38")
    copy = tmp_path / "study"
    shutil.copytree(folder, copy, copy_function=shutil.copyfile)
    (copy / "meta_study.txt").write_text((folder / "meta_study.txt").read_text().replace("hg19", "hg18"))
    with pytest.raises(InputError, match="2 genome builds: hg18, hg19"):
        read_cbioportal(copy, sample_rule="first", exclusions=NO_STATUS)
