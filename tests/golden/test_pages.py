"""Pages that are made from the code are in step with it."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_the_readme_is_what_a_new_user_gets():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert script("make_readme").with_table(readme) == readme


def test_the_glossary_page_is_the_glossary():
    assert (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8") == script("make_glossary").glossary_page()


@pytest.mark.parametrize("page", sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "docs").rglob("*.md")))
def test_links_lead_somewhere(page):
    import re

    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        if not target.startswith(("http", "mailto")):
            assert ((ROOT / page).parent / target).exists(), target


def test_the_typed_stub_is_in_step():
    made = script("make_stub")
    assert made.STUB.read_text(encoding="utf-8") == made.stub()


def test_the_study_file_of_the_guide_runs(tmp_path):
    import re

    import pandas as pd

    from ikzf1_outcomes import load_study

    block = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "study_file.md").read_text(encoding="utf-8"), re.DOTALL)[0]
    patients = pd.DataFrame(
        {
            "PatNr": ["a", "b", "c"],
            "Sex": [1, 2, 2],
            "AgeDiag": [4.5, 11, 3],
            "WBC": [12, -9, 80],
            "Study": ["one", "one", "two"],
            "MLPA_IKZF1": ["neg", "4-7", "nd"],
            "Ph": ["neg", "neg", "pos"],
            "DateDiag": ["01.02.2010", "03.04.2011", "05.06.2012"],
            "DateCR": ["06.03.2010", "06.05.2011", "NA"],
            "DateRel": ["NA", "01.12.2012", "NA"],
            "DateSMN": ["NA", "NA", "NA"],
            "DateDeath": ["NA", "01.02.2013", "NA"],
            "DateLast": ["01.02.2018", "01.02.2013", "05.07.2012"],
        }
    )
    patients.to_excel(tmp_path / "patients.xlsx", index=False)
    (tmp_path / "study.toml").write_text(block, encoding="utf-8")
    study = load_study(tmp_path / "study.toml")
    assert study.cohort.frame["first_event"].tolist() == ["none", "relapse"]
    assert study.cohort.frame["ikzf1_class"].tolist() == ["none", "ik6"]
    assert {name: endpoint.n_event for name, endpoint in study.endpoints.items()} == {"EFS": 1, "RELAPSE": 1, "OS": 1}
