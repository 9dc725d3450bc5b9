"""Study folders of a few patients, written by hand: what becomes of every cell, and what is refused."""

import hashlib
import math
import shutil

import pandas as pd
import pytest

from ikzf1_outcomes import define_endpoint, kaplan_meier
from ikzf1_outcomes.cohort.cbioportal import LOCI, cbioportal_attributes, read_cbioportal
from ikzf1_outcomes.errors import CohortError, ColumnError, InputError

STUDY = "type_of_cancer: all\ncancer_study_identifier: s\nname: n: with a colon\ndescription: d\n"
PATIENT = (
    "#Patient\tOverall status\tOverall months\tDF status\tDF months\tAge\n"
    "#Patient\tStatus\tOverall survival in months since initial diagonosis.\tStatus\tMonths since treatment\tYears\n"
    "#STRING\tSTRING\tNUMBER\tSTRING\tNUMBER\tNUMBER\n"
    "#1\t1\t1\t1\t1\t1\n"
    "PATIENT_ID\tOS_STATUS\tOS_MONTHS\tDFS_STATUS\tDFS_MONTHS\tAGE\n"
    "p1\t1:DECEASED\t18\t1:Recurred/Progressed\t6\t4\n"
    "p2\t0:LIVING\t60\t0:DiseaseFree\t60\t5.5\n"
    "p3\tLIVING\t0\t0:DiseaseFree\t0\tNA\n"
    "p4\tDECEASED\t30\t1:Recurred/Progressed\t30\t[Not Available]\n"
)
SAMPLE = (
    "#P\tS\tSample class\tER status\n#P\tS\tc\te\n#STRING\tSTRING\tSTRING\tBOOLEAN\n#1\t1\t1\t1\n"
    "PATIENT_ID\tSAMPLE_ID\tSAMPLE_TYPE\tBLOOD\n"
    "p1\ts1\tDiagnosis\tTRUE\np2\ts2\tDiagnosis\tFALSE\np3\ts3\tDiagnosis\tNA\np4\ts4\tDiagnosis\t\n"
)
KIND = "cancer_study_identifier: s\ngenetic_alteration_type: "
COPIES = f"{KIND}COPY_NUMBER_ALTERATION\ndatatype: "
BASE = {
    "meta_study.txt": STUDY,
    "meta_clinical_patient.txt": f"{KIND}CLINICAL\ndatatype: PATIENT_ATTRIBUTES\ndata_filename: patients.txt\n",
    "meta_clinical_sample.txt": f"{KIND}CLINICAL\ndatatype: SAMPLE_ATTRIBUTES\ndata_filename: samples.txt\n",
    "patients.txt": PATIENT,
    "samples.txt": SAMPLE,
}
WIDE = (
    "Hugo_Symbol\tEntrez_Gene_Id\tCytoband\ts1\ts2\ts4\ts9\n"
    "TP53\t7157\t17p\tx\tx\tx\tx\n"
    "CDKN2A\t1029\t9p\t-2\t-1\t0\t0\n"
    "CDKN2B|more\t1030\t9p\t-1.5\t1\t2\t0\n"
    "PAX5\t5079\t9p\tNA\t\t[Not Available]\t0\n"
    "CSF2RA\t1438\tX\t-2\t-1\t0\t0\n"
    "IL3RA\t3563\tX\t-2\t-2\t-1\t0\n"
    "IKZF1\t10320\t7p\t-1\t0\t\t0\n"
)
DISCRETE = {"meta_cna.txt": f"{COPIES}DISCRETE\nstable_id: gistic\ndata_filename: cna.txt\n", "cna.txt": WIDE}
LOG2 = {
    "meta_log2.txt": f"{COPIES}LOG2-VALUE\nstable_id: log2CNA\ndata_filename: log2.txt\n",
    "log2.txt": "Hugo_Symbol\ts1\ts2\ts3\ts4\nCDKN2A\t-1.1\t-0.3\t-0.25\t0.2\nETV6\t0.3\t0.21\t-0.2\tNA\n",
}
# whole chromosome 7 normal but for exons 4-7 of s1 (hg19: exon 4 starts 50,444,231, exon 7 ends 50,459,561)
SEGMENTS = (
    "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\n"
    "s1\t7\t100000\t50400000\t9000\t0.0\ns1\t7\t50400001\t50462000\t50\t-0.9\ns1\t7\t50462001\t159000000\t9000\t0.0\n"
    "s2\t7\t100000\t159000000\t18000\t0.01\ns2\t9\t100000\t141000000\t9000\t-0.8\ns2\t12\t100\t200\t1\t-3\n"
)
SEG = {
    "meta_seg.txt": f"{COPIES}SEG\nreference_genome_id: hg19\ndescription: d\ndata_filename: cna.seg\n",
    "cna.seg": SEGMENTS,
}


@pytest.fixture
def write(tmp_path):
    def make(*parts):
        folder = tmp_path / "study"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, text in {name: text for part in (BASE, *parts) for name, text in part.items()}.items():
            if text is not None:
                (folder / name).write_text(text, encoding="utf-8")
        return folder

    return make


def values(cohort, column):
    return [None if pd.isna(cell) else cell for cell in cohort.frame[column].astype(object)]


def text_of(cohort):
    return "\n".join(cohort.provenance.notes)


def test_overall_survival_in_years_from_diagnosis(write):
    cohort = read_cbioportal(write())
    assert values(cohort, "id") == ["p1", "p2", "p3", "p4"]
    assert values(cohort, "vital_status") == ["dead", "alive", "alive", "dead"]
    assert values(cohort, "last_contact") == [1.5, 5.0, 0.0, 2.5]
    assert values(cohort, "death") == [1.5, None, None, 2.5]
    assert "relapse" not in cohort.frame
    assert "OS_MONTHS: Overall survival in months since initial diagonosis." in cohort.provenance.notes
    assert cohort.provenance.origin == "diagnosis"
    assert cohort.provenance.source == "study"
    assert [values(cohort, locus) for locus in LOCI] == [["not_tested"] * 4] * 9
    assert f"no file has {', '.join(LOCI)}: not tested" in cohort.provenance.notes


def test_the_digest_is_that_of_the_lines_of_sha256sum(write):
    lines = "".join(f"{hashlib.sha256(BASE[f].encode()).hexdigest()}  {f}\n" for f in ("patients.txt", "samples.txt"))
    assert read_cbioportal(write()).provenance.sha256 == hashlib.sha256(lines.encode()).hexdigest()


def test_time_zero_must_be_stated(write):
    folder = write({"patients.txt": PATIENT.replace("since initial diagonosis", "on study")})
    with pytest.raises(InputError, match="does not say that it counts from diagnosis"):
        read_cbioportal(folder)
    assert read_cbioportal(folder, origin="enrolment").provenance.origin == "enrolment"
    without = write({"patients.txt": "\n".join(PATIENT.split("\n")[4:])})
    with pytest.raises(InputError, match="does not say"):
        read_cbioportal(without)
    assert values(read_cbioportal(without, origin="diagnosis"), "last_contact") == [1.5, 5.0, 0.0, 2.5]
    listed = write({"patients.txt": PATIENT.replace("since initial diagonosis", "on study")})
    with pytest.raises(InputError, match="does not say"):
        read_cbioportal(listed, columns={"last_contact": ["OS_MONTHS", "AGE"]}, units={"last_contact": "months"})
    relapsed = write({"patients.txt": PATIENT.replace("since initial diagonosis", "since diagnosis of relapse")})
    with pytest.raises(InputError, match="does not say"):
        read_cbioportal(relapsed)


def test_disease_free_survival_only_by_its_switch(write):
    cohort = read_cbioportal(write(), disease_free_as_relapse=True)
    assert values(cohort, "relapse") == [0.5, None, None, 2.5]
    assert values(cohort, "first_event") == ["relapse", "none", "none", "relapse"]
    told = text_of(cohort)
    assert "DFS_MONTHS: Months since treatment" in told
    assert "1 of these events fall on the day of death" in told
    assert "less long" not in told
    short = write({"patients.txt": PATIENT.replace("0:DiseaseFree\t60", "0:DiseaseFree\t48")})
    assert "1 patients without such an event were followed" in text_of(read_cbioportal(short, disease_free_as_relapse=True))
    bad = (
        PATIENT.replace("Progressed\t6\t", "Progressed\tNA\t")
        .replace("0:DiseaseFree\t60", "\t60")
        .replace("0:DiseaseFree\t0", "2:X\t0")
    )
    with pytest.raises(CohortError) as caught:
        read_cbioportal(write({"patients.txt": bad}), disease_free_as_relapse=True)
    assert {(p.problem.removeprefix("'patients.txt': ").split(" and ")[0], p.where) for p in caught.value.problems} == {
        ("DFS_STATUS is missing", (2,)),
        ("DFS_STATUS starts neither with 0: nor with 1:", (3,)),
        ("DFS_STATUS says an event", (1,)),
    }
    with pytest.raises(ColumnError, match="no DFS_STATUS and no DFS_MONTHS"):
        read_cbioportal(write({"patients.txt": PATIENT.replace("DFS_", "PFS_")}), disease_free_as_relapse=True)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("1:DECEASED\t18", "1:DECEASED\tNA", "vital_status says dead and last_contact is missing"),
        ("1:DECEASED\t18", "[Not Available]\t18", "vital_status is missing"),
        ("0:LIVING\t60", "0:LIVING\t", "no event and no last contact"),
        ("0:LIVING\t60", "0:LIVING\tlong", "not a finite number"),
        ("0:LIVING\t60", "0:LIVING\t-1", "a negative time"),
        ("0:LIVING\t60", "gone\t60", "a code that was not declared"),
        ("0:LIVING\t60", "[Unknown]\t60", "a code that was not declared"),
        ("p2", "p1", "rows that share one identifier"),
    ],
)
def test_contradictions_are_those_of_the_cohort_reader(write, old, new, problem):
    with pytest.raises(CohortError, match=problem) as caught:
        read_cbioportal(write({"patients.txt": PATIENT.replace(old, new, 1)}))
    assert "'patients.txt': " in str(caught.value)
    assert "p1" not in str(caught.value)
    assert "p2" not in str(caught.value)


def test_patients_are_left_out_with_a_reason(write):
    folder = write({"patients.txt": PATIENT.replace("1:DECEASED", "[Not Available]", 1)})
    cohort = read_cbioportal(folder, exclusions=[{"reason": "no status", "column": "OS_STATUS", "is_missing": True}])
    assert values(cohort, "id") == ["p2", "p3", "p4"]
    assert cohort.flow_table()[["n", "left_out"]].values.tolist() == [[4, 0], [3, 1], [3, 0]]
    rule = [{"reason": "years", "column": "AGE", "below": 5}]
    with pytest.raises(CohortError, match="no event and no last contact") as caught:
        read_cbioportal(write({"patients.txt": PATIENT.replace("60\t0:", "NA\t0:")}), exclusions=rule)
    assert caught.value.problems[0].where == (2,)  # of the file, not of the patients who are left


def test_discrete_levels(write):
    """s1: -2 and -1.5; s2: -1 and 1; s4: 0 and 2; p3 has no row; s9 is nobody's sample; symbols may go on after |."""
    cohort = read_cbioportal(write(DISCRETE))
    assert values(cohort, "cdkn2a") == ["homozygous", "deleted", "not_tested", "normal"]
    assert values(cohort, "cdkn2b") == ["deleted", "gain", "not_tested", "gain"]
    assert values(cohort, "pax5") == ["not_tested"] * 4
    assert values(cohort, "par1") == ["homozygous", "deleted", "not_tested", "ambiguous"]
    assert values(cohort, "etv6") == ["not_tested"] * 4
    told = text_of(cohort)
    assert "no file has etv6, rb1, btg1, ebf1, erg: not tested" in told
    assert "3 of 4 patients have a sample with a call" in told
    assert "1 samples with such calls stand for none of the patients: set aside" in told


def test_a_call_of_the_whole_gene_is_no_class(write):
    cohort = read_cbioportal(write(DISCRETE))
    assert "ikzf1_class" not in cohort.frame
    assert values(cohort, "ikzf1_copy_number") == ["deleted", "normal", "not_tested", "not_tested"]
    assert values(cohort, "ikzf1_deletion") == ["deleted", "not deleted", None, None]
    assert "ikzf1_deletion of 2 patients is the call of the whole gene" in text_of(cohort)


def test_gain_and_homozygous_loss_of_the_whole_gene(write):
    gene = {"cna.txt": "Hugo_Symbol\ts1\ts2\ts3\ts4\nIKZF1\t1\t2\t-2\tNA\n"}
    assert values(read_cbioportal(write(DISCRETE, gene)), "ikzf1_deletion") == [
        "not deleted",
        "not deleted",
        "deleted",
        None,
    ]


def test_the_callers_class_goes_before_the_gene(write):
    """The gene-level call says s1 deleted and s2 not; the caller's own class says the reverse."""
    classes = {"samples.txt": SAMPLE.replace("s1\tDiagnosis", "s1\tno").replace("s2\tDiagnosis", "s2\tik6")}
    codes = {"ikzf1_class": {"no": "none", "Diagnosis": "not_tested"}}
    cohort = read_cbioportal(write(DISCRETE, classes), columns={"ikzf1_class": "SAMPLE_TYPE"}, codes=codes)
    assert values(cohort, "ikzf1_deletion") == ["not deleted", "deleted", None, None]
    assert cohort.known_at("ikzf1_class") == cohort.known_at("ikzf1_deletion") == "sample"


def test_long_levels_say_the_same(write):
    rows = [line.split("\t") for line in WIDE.splitlines()]
    lines = ["Hugo_Symbol\tEntrez_Gene_Id\tSample_Id\tValue\tcbp_driver"]
    lines += [f"{row[0]}\t{row[1]}\t{s}\t{row[3 + i]}\t" for row in rows[1:] for i, s in enumerate(rows[0][3:])]
    long = {"meta_cna.txt": DISCRETE["meta_cna.txt"].replace("DISCRETE", "DISCRETE_LONG"), "cna.txt": "\n".join(lines)}
    wide = read_cbioportal(write(DISCRETE)).frame
    pd.testing.assert_frame_equal(read_cbioportal(write(long)).frame, wide)


def test_log2_ratios_only_without_discrete_levels(write):
    """At a threshold is beyond it: -1.1 homozygous, -0.3 deleted, 0.3 gain, 0.2 normal; between ambiguous."""
    cohort = read_cbioportal(write(LOG2))
    assert values(cohort, "cdkn2a") == ["homozygous", "deleted", "ambiguous", "normal"]
    assert values(cohort, "etv6") == ["gain", "ambiguous", "normal", "not_tested"]
    assert "log2 ratios read by thresholds, a convention" in text_of(cohort)
    changed = read_cbioportal(write(LOG2), thresholds={"deleted": -0.25})
    assert values(changed, "cdkn2a") == ["homozygous", "deleted", "deleted", "normal"]
    both = read_cbioportal(write(LOG2, DISCRETE))
    assert values(both, "etv6") == ["not_tested"] * 4
    assert "meta_log2.txt: not read, there are discrete levels" in both.provenance.notes
    for thresholds in ({"lost": -1.0}, {"deleted": -2.0}, {"normal": 0.35}, {"deleted": math.nan}):
        with pytest.raises(InputError, match="thresholds"):
            read_cbioportal(write(LOG2), thresholds=thresholds)


def test_segments_give_the_class(write):
    """s1 has lost exons 4-7, s2 has not; chromosome 9 of s2 is lost, s2's third segment has one probe."""
    cohort = read_cbioportal(write(SEG))
    assert values(cohort, "ikzf1_class") == ["ik6", "none", "not_tested", "not_tested"]
    assert values(cohort, "ikzf1_deletion") == ["deleted", "not deleted", None, None]
    assert values(cohort, "pax5") == ["not_tested", "deleted", "not_tested", "not_tested"]
    assert "ikzf1_copy_number" not in cohort.frame
    assert "cna.seg: 1 segments set aside (fewer than 3 probes)" in cohort.provenance.notes


def test_the_class_goes_before_the_gene_and_each_locus_has_one_source(write):
    """s1: class ik6, gene deleted; s2: class none, gene deleted here: the class decides; s4: only the gene."""
    text = WIDE.replace("7p\t-1\t0\t\t0", "7p\t-1\t-1\t-2\t0")
    cohort = read_cbioportal(write(SEG, DISCRETE | {"cna.txt": text}))
    assert values(cohort, "ikzf1_deletion") == ["deleted", "not deleted", None, "deleted"]
    assert "class and gene-level call of IKZF1 disagree in 1 patients" in text_of(cohort)
    assert "ikzf1_deletion of 1 patients is the call of the whole gene" in text_of(cohort)
    assert values(cohort, "pax5") == ["not_tested"] * 4  # the discrete file has PAX5, without a level for any sample
    assert values(cohort, "cdkn2a")[1] == "deleted"
    assert "copy numbers from cna.seg: etv6, rb1, btg1, ebf1, erg, ikzf1_class" in cohort.provenance.notes


def test_purity_reaches_the_segments_alone(write):
    """At a purity of 0.2 a loss of one copy expects a quotient of 0.9: 2**-0.9 = 0.54 lies far below."""
    low = read_cbioportal(write(SEG), purity=pd.Series({"s1": 0.2, "s2": 0.0}))
    assert values(low, "ikzf1_class") == ["ik6", "ambiguous", "not_tested", "not_tested"]
    assert "the purity is not used" not in text_of(low)
    with pytest.raises(InputError, match=r"'cna.seg': .*purity"):
        read_cbioportal(write(SEG), purity=1.5)


def test_purity_without_segments_is_noted(write):
    assert "the purity is not used: there are no segments" in read_cbioportal(write(DISCRETE), purity=0.5).provenance.notes


def test_the_build_is_stated_once(write):
    hg38 = {"meta_study.txt": STUDY + "reference_genome: hg38\n"}
    with pytest.raises(InputError, match="name 2 genome builds: hg19, hg38"):
        read_cbioportal(write(SEG, hg38))
    with pytest.raises(InputError, match="name 2 genome builds"):
        read_cbioportal(write(SEG, {"meta_study.txt": STUDY}), build="hg38")
    same = {"meta_study.txt": STUDY + "reference_genome: GRCh37\n"}
    assert values(read_cbioportal(write(SEG, same), build="hg19"), "ikzf1_class")[0] == "ik6"
    unnamed = {"meta_seg.txt": SEG["meta_seg.txt"].replace("reference_genome_id: hg19\n", "")}
    with pytest.raises(InputError, match="does not name its genome build"):
        read_cbioportal(write(SEG, {"meta_study.txt": STUDY}, unnamed))
    assert values(read_cbioportal(write(SEG, {"meta_study.txt": STUDY}, unnamed), build="hg19"), "ikzf1_class")[0] == "ik6"
    mouse = {"meta_seg.txt": SEG["meta_seg.txt"].replace("hg19", "mm10")}
    with pytest.raises(InputError, match=r"'cna.seg': "):
        read_cbioportal(write(SEG, mouse))


def test_what_a_sample_shows_is_refused_from_diagnosis_unless_stated(write):
    cohort = read_cbioportal(write(DISCRETE))
    assert {cohort.known_at(name) for name in (*LOCI, "ikzf1_copy_number", "ikzf1_deletion")} == {"sample"}
    with pytest.raises(InputError, match="known only after follow-up has begun"):
        kaplan_meier(define_endpoint(cohort, "OS"), by="cdkn2a")
    stated = read_cbioportal(write(DISCRETE), sampled_at_diagnosis=True)
    assert {stated.known_at(name) for name in (*LOCI, "ikzf1_copy_number", "ikzf1_deletion")} == {0.0}
    assert len(kaplan_meier(define_endpoint(stated, "OS"), by="cdkn2a").tidy()) > 0
    assert "all samples are stated to be from diagnosis" in stated.provenance.notes
    class_too = read_cbioportal(write(SEG))
    assert class_too.known_at("ikzf1_class") == class_too.known_at("ikzf1_deletion") == "sample"
    own = read_cbioportal(write(DISCRETE), fields={"cdkn2a": {"known_at": 0.0}})
    assert own.known_at("cdkn2a") == 0.0
    assert own.known_at("cdkn2b") == "sample"


def test_fields_of_the_study_take_kind_and_label_from_the_file(write):
    cohort = read_cbioportal(
        write(), columns={"age": "AGE", "blood": "BLOOD", "old": "AGE"}, fields={"blood": {}, "old": {}}
    )
    assert values(cohort, "age") == [4.0, 5.5, None, None]
    assert values(cohort, "blood") == [True, False, None, None]
    assert (cohort.dictionary["blood"].label, cohort.known_at("blood")) == ("ER status", "sample")
    assert (cohort.dictionary["old"].kind, cohort.known_at("old")) == ("number", "last_contact")
    assert cohort.known_at("age") == 0.0
    with pytest.raises(CohortError, match="no field 'agee'"):
        read_cbioportal(write(), columns={"agee": "AGE"})
    with pytest.raises(CohortError, match="no column 'AGES'"):
        read_cbioportal(write(), columns={"age": "AGES"})
    with pytest.raises(CohortError, match=r"units\.relapse"):
        read_cbioportal(write(), columns={"relapse": "DFS_MONTHS"})
    assert (
        values(
            read_cbioportal(write(), codes={"ikzf1_class": {"Diagnosis": "other"}}, columns={"ikzf1_class": "SAMPLE_TYPE"}),
            "ikzf1_deletion",
        )
        == ["deleted"] * 4
    )


TWO = SAMPLE + "p1\ts5\tRelapse\tTRUE\np1\ts6\tDiagnosis\tTRUE\nq\ts7\tDiagnosis\tTRUE\n"


def test_several_samples_need_a_rule(write):
    """p1 has s1 and s6 from diagnosis and s5 from relapse; q is no patient."""
    folder = write(
        {"samples.txt": TWO, "cna.txt": "Hugo_Symbol\ts1\ts5\ts6\nRB1\t-1\t-2\t1\n"},
        {"meta_cna.txt": DISCRETE["meta_cna.txt"]},
    )
    with pytest.raises(InputError, match="1 patients have several samples") as caught:
        read_cbioportal(folder)
    assert caught.value.where == (1, 5, 6)
    first = read_cbioportal(folder, sample_rule="first")
    assert values(first, "rb1") == ["deleted", "not_tested", "not_tested", "not_tested"]
    assert "1 samples of patients who are not in the patient file: set aside" in first.provenance.notes
    assert "2 further samples of the patients: left out by sample_rule (first)" in first.provenance.notes
    with pytest.raises(InputError, match="1 patients have several samples") as caught:
        read_cbioportal(folder, sample_rule={"SAMPLE_TYPE": "Diagnosis"})
    assert caught.value.where == (1, 6)
    relapse = read_cbioportal(folder, sample_rule={"SAMPLE_TYPE": ["Relapse"], "BLOOD": "TRUE"})
    assert values(relapse, "rb1") == ["homozygous", "not_tested", "not_tested", "not_tested"]
    assert "3 patients without a sample" in relapse.provenance.notes
    with pytest.raises(ColumnError, match="no column 'SAMPLE_TYP'"):
        read_cbioportal(folder, sample_rule={"SAMPLE_TYP": "Diagnosis"})
    with pytest.raises(InputError, match="sample_rule is None"):
        read_cbioportal(folder, sample_rule="last")


def test_without_a_patient_file_the_samples_name_the_patients(write):
    folder = write()
    (folder / "meta_clinical_patient.txt").unlink()
    cohort = read_cbioportal(folder)
    assert values(cohort, "id") == ["p1", "p2", "p3", "p4"]
    assert "vital_status" not in cohort.frame


def test_attributes(write):
    table = cbioportal_attributes(write())
    assert list(table) == ["table", "attribute", "display_name", "description", "datatype", "priority"]
    assert table.iloc[2].tolist() == [
        "patient", "OS_MONTHS", "Overall months", "Overall survival in months since initial diagonosis.", "NUMBER", "1",
    ]  # fmt: skip
    assert table["attribute"].tolist() == [*PATIENT.splitlines()[4].split("\t"), "SAMPLE_ID", "SAMPLE_TYPE", "BLOOD"]


def test_several_discrete_profiles_need_a_name(write):
    more = {"meta_cna2.txt": DISCRETE["meta_cna.txt"].replace("gistic", "cna_rae").replace("cna.txt", "rae.txt")}
    more["rae.txt"] = "Hugo_Symbol\ts1\nRB1\t2\n"
    with pytest.raises(InputError, match="2 profiles to read among"):
        read_cbioportal(write(DISCRETE, more))
    assert values(read_cbioportal(write(DISCRETE, more), profile="cna_rae"), "rb1")[0] == "gain"
    with pytest.raises(InputError, match="0 profiles"):
        read_cbioportal(write(DISCRETE), profile="cna_rae")


@pytest.mark.parametrize(
    ("parts", "problem", "where"),
    [
        ({"cna.txt": WIDE.replace("9p\t-2", "9p\t-3")}, "'cna.txt' has cells that are no discrete level", (2,)),
        ({"cna.txt": WIDE.replace("9p\t-2", "9p\t0.5")}, "no discrete level", (2,)),
        ({"cna.txt": WIDE.replace("9p\t-2", "9p\tlost")}, "no discrete level", (2,)),
        ({"cna.txt": WIDE + "PAX5\t5079\t9p\t0\t0\t0\t0\n"}, "a gene twice for one sample", (4, 8)),
        ({"cna.txt": WIDE.replace("9p\t-2\t-1\t0\t0", "9p\t-2\t-1\t0")}, "more or fewer cells", (2,)),
        ({"cna.txt": WIDE.replace("Hugo_Symbol", "Symbol")}, "no column 'Hugo_Symbol'", None),
        ({"cna.txt": None}, "'cna.txt', which is not there", None),
        ({"meta_cna.txt": f"{COPIES}DISCRETE_LONG\ndata_filename: cna.txt\n"}, "no column 'Sample_Id'", None),
        ({"meta_cna.txt": f"{COPIES}DISCRETE\ndata_filename: ../cna.txt\n"}, "names no data file of its folder", None),
        ({"meta_cna.txt": f"{COPIES}DISCRETE\n"}, "names no data file of its folder", None),
        ({"meta_study.txt": STUDY + "key\n"}, "not 'key: value'", (5,)),
        ({"meta_study.txt": STUDY + "name: again\n"}, "a key twice", (5,)),
        ({"meta_study.txt": STUDY.replace("identifier: s", "identifier: other")}, "more than one cancer_study", None),
        ({"meta_x.txt": BASE["meta_clinical_sample.txt"]}, "2 meta files of SAMPLE_ATTRIBUTES", None),
        ({"patients.txt": PATIENT.replace("#1\t1\t1\t1\t1\t1\n", "")}, "has 3 lines that start with #", None),
        ({"patients.txt": PATIENT.replace("p2\t", "")}, "more or fewer cells", (2,)),
        ({"patients.txt": PATIENT.replace("PATIENT_ID", "PATIENT")}, "'patients.txt' has no column 'PATIENT_ID'", None),
        ({"patients.txt": "\n".join(PATIENT.split("\n")[:5])}, "has no rows", None),
        ({"patients.txt": PATIENT.replace("AGE", "OS_STATUS")}, "two of one name", None),
        ({"patients.txt": PATIENT.replace("AGE", "BLOOD")}, "'BLOOD' stands in the patient file and", None),
        ({"patients.txt": PATIENT.replace("AGE", "rb1")}, "'rb1' bears the name of a field", None),
        ({"samples.txt": SAMPLE.replace("SAMPLE_ID", "ID")}, "'samples.txt' has no column 'SAMPLE_ID'", None),
        ({"samples.txt": SAMPLE.replace("s3", "s1")}, "'samples.txt': SAMPLE_ID is missing, or repeated", (1, 3)),
        ({"samples.txt": SAMPLE.replace("p3", "NA")}, "'samples.txt': PATIENT_ID is missing", (3,)),
    ],
)  # fmt: skip
def test_files_that_are_not_as_the_format_says(write, parts, problem, where):
    with pytest.raises(InputError) as caught:
        read_cbioportal(write({**DISCRETE, **parts}))
    assert problem in str(caught.value)
    assert caught.value.where == where


def test_folders_that_are_no_study(tmp_path, write):
    with pytest.raises(InputError, match="no folder"):
        read_cbioportal(tmp_path / "none")
    with pytest.raises(InputError, match="has no meta file"):
        read_cbioportal(tmp_path)
    with pytest.raises(InputError, match="'brca1' is no locus"):
        read_cbioportal(write(), loci=["brca1"])
    (write() / "patients.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not text in UTF-8"):
        read_cbioportal(tmp_path / "study")


def test_windows_line_ends_a_byte_order_mark_and_blank_last_lines(write):
    folder = write(DISCRETE)
    plain = read_cbioportal(folder).frame
    for file in folder.iterdir():
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    pd.testing.assert_frame_equal(read_cbioportal(folder).frame, plain)
