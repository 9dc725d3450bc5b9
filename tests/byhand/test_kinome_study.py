"""The [kinome] part of a study: from the file of the arrays to columns, rows and a page."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kinome.differences import differential_phosphorylation
from ikzf1_outcomes.report import kinome as page
from ikzf1_outcomes.simulate import hospital_file, simulate_arrays, simulate_cohort
from ikzf1_outcomes.study.effects_page import effect_rows
from ikzf1_outcomes.study.kinome_plan import score_column
from ikzf1_outcomes.study.kinome_results import kinome_rows
from ikzf1_outcomes.study.load import load_study

COHORT = simulate_cohort(80, seed=11)
RUN = simulate_arrays(COHORT, seed=5, arrays=40, peptides=96)
STUDY = """
[study]
title = "Arrays"
[cohort]
file = "patients.csv"
simulated = true
[cohort.columns]
id = "Patient"
sample = "Date_diagnosis"
age = "Age"
sex = "Sex"
wbc = "Leukocytes"
ikzf1_class = "IKZF1"
relapse = "Date_relapse"
death = "Date_death"
last_contact = "Date_last_contact"
remission = "Date_remission"
[cohort.dates]
format = "year-month-day"
diagnosis = "Date_diagnosis"
[cohort.codes]
sex = { M = "male", F = "female" }
ikzf1_class = { none = "none", "1-8" = "whole_gene", "4-7" = "ik6", "4-8" = "del_4_8", other = "other", gain = "gain" }
[endpoints.EFS]
[analysis]
horizon = 3
times = [3]
"""
SPOTS = """
[kinome]
file = "spots.csv"
format = "spots"
scores = ["JAK/STAT5", "cell cycle"]
permutations = 60
seed = 7
"""


def written(folder, part, spots=RUN.spots, study=STUDY, cohort=COHORT):
    hospital_file(cohort).to_csv(folder / "patients.csv", index=False)
    if spots is not None:
        spots.to_csv(folder / "spots.csv", index=False)
    path = folder / "study.toml"
    path.write_text(study + part, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return load_study(written(tmp_path_factory.mktemp("kinome"), SPOTS + "margin = 1.0\n"))


@pytest.fixture(scope="module")
def rows(loaded):
    return kinome_rows(loaded)


@pytest.fixture(scope="module")
def arrays():
    return iko.normalise_spots(
        RUN.spots, replicate="replicate", control="control", saturated="saturated", batch="batch", annotation=["gene"]
    )


def test_patients_gain_their_scores_and_who_was_measured(loaded, arrays):
    frame = loaded.cohort.frame
    assert frame["has_array"].sum() == 40
    sets = iko.pathway_sets(arrays)
    scores = iko.pathway_scores(arrays, sets).values["JAK/STAT5"]
    found = frame.set_index("id")["score_jak_stat5"]
    np.testing.assert_allclose(found.loc[scores.index], scores, rtol=1e-14)
    assert found.notna().sum() == 40
    assert loaded.cohort.known_at("score_cell_cycle") == 0.0
    assert "arrays of patients 40; arrays of nobody in the cohort, left out 0" in loaded.cohort.provenance.notes[-1]


def test_scores_may_be_known_later_than_the_start(tmp_path):
    later = load_study(written(tmp_path, SPOTS + "known_at = 0.2\n"))
    assert later.cohort.known_at("score_jak_stat5") == 0.2


def test_scores_known_late_do_not_enter_what_starts_at_diagnosis(tmp_path):
    effects = STUDY.replace("horizon = 3", 'horizon = 3\neffects = ["score_jak_stat5"]')
    rows = effect_rows(load_study(written(tmp_path, SPOTS, study=effects)), "EFS")
    assert rows["n"].max() == 40
    late = load_study(written(tmp_path, SPOTS + "known_at = 0.2\n", study=effects))
    with pytest.raises(InputError, match="'score_jak_stat5' is known only after follow-up has begun"):
        effect_rows(late, "EFS")


def test_rows_are_those_of_the_functions(rows, arrays):
    deleted = COHORT.frame.set_index("id")["ikzf1_deletion"].astype(object)
    batch = arrays.samples.set_index("sample")["batch"]
    fit = differential_phosphorylation(
        arrays, deleted, contrast="deleted vs not deleted", batch=batch, permutations=60,
        seed=np.random.default_rng([7, 0]),
    )  # fmt: skip
    own = rows[rows["section"] == "difference"]
    for name in ("estimate", "std_error", "p_value", "p_adjusted", "p_family", "fdr"):
        np.testing.assert_allclose(own[name], fit.tidy()[name], rtol=1e-12)
    assert page.value_of(rows, "hits", "n_hits") == fit.glance()["n_hits"].iloc[0]
    assert rows.loc[rows["term"] == "finding", "note"].iloc[0] == fit.words()
    tests = iko.pathway_tests(
        arrays, iko.pathway_sets(arrays), deleted, contrast="deleted vs not deleted", batch=batch, correlation=None
    )
    camera = rows[(rows["section"] == "sets") & (rows["method"] == "camera")]
    np.testing.assert_allclose(camera["p_value"], tests.tidy()["p_value"], rtol=1e-12)


def test_every_section_is_there_and_nobody_is_named(rows):
    assert list(dict.fromkeys(rows["section"])) == [
        "samples", "quality", "batches", "selection", "difference", "hits", "sets", "scores", "nonnull", "equivalence",
        "clusters",
    ]  # fmt: skip
    cells = set(rows.astype(str).to_numpy().ravel())
    assert not cells & set(COHORT.frame["id"])


def test_counts_of_the_match_by_hand(tmp_path):
    """Of 40 arrays two are of patients whom the study leaves out, and one is of nobody."""
    ids = RUN.samples["sample"]
    spots = RUN.spots.replace({"sample": {ids[0]: "stranger"}})
    excluded = f'[[cohort.exclusions]]\nreason = "x"\ncolumn = "Patient"\nis = ["{ids[1]}", "{ids[2]}"]\n'
    study = load_study(written(tmp_path, SPOTS, spots, STUDY + excluded))
    counts = study.kinome.match.set_index("term")["n"]
    assert counts["arrays of patients"] == 37
    assert counts["arrays of nobody in the cohort, left out"] == 3
    assert counts["patients without an array"] == 78 - 37
    groups = study.cohort.frame.set_index("id").loc[ids[3:], "ikzf1_deletion"]
    assert counts["arrays of patients of neither group"] == groups.isna().sum()


# A matrix of six arrays, by hand: peptide P1 is 1, 2, 3 in the deleted and 4, 5, 6 in the others.

MATRIX = pd.DataFrame(
    {"P1": [1.0, 2, 3, 4, 5, 6], "P2": [5.0, 5, 6, 5, 6, 6], "P3": [7.0, 7.5, 8, 8, 7.5, 7.25]}, index=list("abcdef")
).rename_axis("patient")
SMALL = pd.DataFrame(
    {"pat": list("abcdefgh"), "group": ["x"] * 3 + ["y"] * 3 + ["x", "y"], "t": range(1, 9), "s": [1, 0] * 4}
)
SMALL_STUDY = """
[study]
title = "Eight"
[cohort]
file = "patients.csv"
[cohort.columns]
id = "pat"
first_event = "s"
first_event_time = "t"
arm = "group"
[cohort.fields.arm]
kind = "category"
label = "Arm"
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
sets = "none"
method = "t"
permutations = 500
known_at = 0
compare = { column = "arm", first = "x", second = "y" }
"""


def small(folder, part='rows = "samples"\n', matrix=MATRIX):
    SMALL.to_csv(folder / "patients.csv", index=False)
    matrix.to_csv(folder / "matrix.csv")
    (folder / "study.toml").write_text(SMALL_STUDY + part, encoding="utf-8")
    return load_study(folder / "study.toml")


def test_a_small_matrix_by_hand(tmp_path):
    """P1: difference 2 - 5 = -3; the variance within groups is 1, so t = -3 / sqrt(2 / 3), on 4 degrees of freedom."""
    rows = kinome_rows(small(tmp_path))
    own = rows[(rows["section"] == "difference") & (rows["term"] == "P1")].iloc[0]
    assert (own["n_group"], own["n_reference"]) == (3, 3)
    assert own["estimate"] == pytest.approx(-3.0, rel=1e-12)
    assert own["statistic"] == pytest.approx(-3 / np.sqrt(2 / 3), rel=1e-12)
    assert own["p_value"] == pytest.approx(ttest_ind([1, 2, 3], [4, 5, 6]).pvalue, rel=1e-10)
    # three of six labels can be given in 20 ways: all are taken, and 2 of them are as extreme for P1
    assert page.value_of(rows, "hits", "permutations") == 20
    assert own["p_family"] == pytest.approx(0.1)
    assert page.value_of(rows, "samples", "patients without an array") == 2
    assert "sets" not in set(rows["section"])


def test_a_flag_can_make_the_groups(tmp_path):
    small(tmp_path)
    text = (tmp_path / "study.toml").read_text(encoding="utf-8")
    text = text.replace('kind = "category"', 'kind = "flag"').replace(
        'first = "x", second = "y"', 'first = "True", second = "False"'
    )
    text = text.replace("[endpoints", "arm = { x = true, y = false }\n[endpoints")
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    rows = kinome_rows(load_study(tmp_path / "study.toml"))
    own = rows[(rows["section"] == "difference") & (rows["term"] == "P1")].iloc[0]
    assert own["contrast"] == "True vs False"
    assert own["estimate"] == pytest.approx(-3.0, rel=1e-12)


def test_a_matrix_may_stand_either_way(tmp_path):
    upright = small(tmp_path).kinome.values
    turned = small(tmp_path, 'rows = "peptides"\n', MATRIX.T).kinome.values
    pd.testing.assert_frame_equal(upright, turned, check_names=False)


def test_intensities_of_a_matrix_become_logarithms(tmp_path):
    found = small(tmp_path, 'rows = "samples"\nscale = "intensity"\nnormalisation = { floor = 2.0 }\n').kinome
    assert found.values.loc["P1"].tolist() == np.log2([2, 2, 3, 4, 5, 6]).tolist()
    assert found.read.method == "Matrix of values: normalised before, log2 of intensities, those below 2 set to it."


def test_an_export_of_bionavigator_is_read_at_one_time(tmp_path):
    samples = list("abcdef")
    lines = ["BioNavigator Version\t6.3\tQuantitationType\tMedian_SigmBg" + "\t" * 10]
    lines += ["\tCycle\t" + "\t".join(["92", "97"] * 6), "\tSample name\t" + "\t".join(np.repeat(samples, 2))]
    lines += ["ID\t" + "\t" * 12]
    for place, name in enumerate(("AKT1_301_313", "BAD_69_81", "SRC_1_9", "SYK_1_9")):
        lines.append(f"{name}\t\t" + "\t".join(str(2.0 ** (3 + (place * k) % 5 + k % 2)) for k in range(12)))
    SMALL.to_csv(tmp_path / "patients.csv", index=False)
    (tmp_path / "export.txt").write_text("\n".join(lines), encoding="utf-8")
    study = SMALL_STUDY.replace("matrix.csv", "export.txt").replace('"matrix"', '"bionavigator"')
    more = 'cycle = 97\nnormalisation = { normalise = "none", least_correlation = false }\n'
    (tmp_path / "study.toml").write_text(study + more, encoding="utf-8")
    values = load_study(tmp_path / "study.toml").kinome.values
    assert values.loc["BAD_69_81"].tolist() == [float(3 + k % 5 + 1) for k in range(1, 12, 2)]


# The page

NONE = "No single peptide is shown to differ, a vs b"


def test_the_name_of_a_score_can_stand_in_a_formula():
    assert [score_column(name) for name in ("JAK/STAT5", "cell cycle")] == ["score_jak_stat5", "score_cell_cycle"]


@pytest.mark.parametrize(
    ("hits", "left", "p", "said"),
    [
        (38, 0, 0.7, f"{NONE}, and there are fewer small P values than chance makes."),
        (
            60,
            0,
            0.2,
            f"{NONE}, and there are no more small P values than chance makes.",
        ),
        (90, 0, 0.01, "More peptides have a small P, a vs b, than chance makes, but none can be named."),
        (90, 1200, 0.01, "Single peptides differ, a vs b: 1,200 after correction for the number of tests."),
    ],
)
def test_the_finding_in_words(hits, left, p, said):
    values = {"n_hits": hits, "n_hits_expected": 50.4, "n_hits_adjusted": left, "p_hits": p}
    rows = pd.DataFrame({"section": "hits", "term": list(values), "estimate": list(values.values()), "contrast": "a vs b"})
    assert page.verdict(rows) == said


def test_a_peptide_that_permutation_alone_would_name_is_said():
    values = {"n_hits": 60, "n_hits_expected": 50.4, "n_hits_adjusted": 0, "p_hits": 0.2}
    rows = pd.DataFrame({"section": "hits", "term": list(values), "estimate": list(values.values()), "contrast": "a vs b"})
    single = pd.DataFrame({"section": "difference", "term": ["P1", "P2"], "p_family": [0.04, 0.9]})
    told = page.verdict(pd.concat([rows, single], ignore_index=True))
    assert told.endswith("than chance makes. Permutation alone would name 1: see the family-wise P.")


def test_the_page_and_its_files(tmp_path):
    study = written(tmp_path, SPOTS + "margin = 1.0\n")
    folder = iko.run_study(study, tmp_path / "one")
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert '<h2 id="kinome">Kinome</h2>' in text
    assert "Simulated arrays. " in text
    for name in ("hits", "peptides", "sets", "clusters", "quality", "batches", "selection"):
        table = (folder / "tables" / f"kinome_{name}.html").read_text(encoding="utf-8")
        assert "simulated data" in table
    for name in ("all", "top", "volcano", "pathways"):
        assert (folder / "figures" / f"kinome_{name}.svg").is_file()
    assert text.count("Simulated data.") >= 4
    saved = pd.read_csv(folder / "kinome" / "kinome.csv")
    assert set(saved["data"]) == {"simulated"}
    content = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert content["inputs"]["kinome 1"]["name"] == "spots.csv"
    assert content["settings"]["kinome"]["file"] == "spots.csv"
    assert "## Kinome" in (folder / "methods.md").read_text(encoding="utf-8")
    everything = "".join(p.read_text(encoding="utf-8") for p in folder.rglob("*") if p.suffix in (".csv", ".html", ".json"))
    assert not any(f">{name}<" in everything or f",{name}," in everything for name in COHORT.frame["id"])
    again = iko.run_study(study, tmp_path / "two")
    for path in folder.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (again / path.relative_to(folder)).read_bytes(), path.name


def test_a_study_without_the_part_has_no_page(tmp_path):
    folder = iko.run_study(written(tmp_path, "", None), tmp_path / "out")
    assert "kinome" not in (folder / "report.html").read_text(encoding="utf-8").lower()
    assert not (folder / "kinome").exists()
