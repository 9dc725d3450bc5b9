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
