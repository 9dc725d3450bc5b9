"""Every public name resolves, is documented by an example that runs, and is used in a test."""

import ast
import doctest
import inspect
import re
import sys
from pathlib import Path

import pytest

import ikzf1_outcomes

TESTS = Path(__file__).parent.parent
NAMES = ikzf1_outcomes.__all__
FUNCTIONS = [name for name in NAMES if inspect.isfunction(getattr(ikzf1_outcomes, name))]
CLASSES = [name for name in NAMES if inspect.isclass(getattr(ikzf1_outcomes, name))]


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_resolves(name):
    thing = getattr(ikzf1_outcomes, name)
    assert thing is not None
    assert name in dir(ikzf1_outcomes)


def test_other_names_do_not():
    with pytest.raises(AttributeError, match="has no attribute 'kaplan_mayer'"):
        ikzf1_outcomes.kaplan_mayer


@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES])
def test_a_public_name_is_documented(name):
    text = inspect.getdoc(getattr(ikzf1_outcomes, name)) or ""
    assert len(text.splitlines()[0]) > 15


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_a_function_runs(name):
    function = getattr(ikzf1_outcomes, name)
    text = inspect.getdoc(function)
    assert re.search(r"^Examples\n-+$", text, re.MULTILINE), "no Examples section"
    assert "Returns" in text or "DataFrame" in text
    module = sys.modules[function.__module__]
    found = doctest.DocTestFinder(recurse=False).find(function, name, module=module, globs=dict(vars(module)))
    assert sum(len(test.examples) for test in found) > 0
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE, verbose=False)
    for test in found:
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_parameters_of_a_function_are_in_its_docstring(name):
    """A parameter may be explained by reference ("As in `kaplan_meier`"), but it is named."""
    function = getattr(ikzf1_outcomes, name)
    text = inspect.getdoc(function)
    first = {"endpoint", "by", "at", "cause", "strata", "scores", "conf_type", "conf_level"}
    unnamed = [p for p in inspect.signature(function).parameters if not re.search(rf"\b{p}\b", text) and p not in first]
    assert unnamed == []


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_used_in_a_test(name):
    own = Path(__file__)
    files = [path for path in TESTS.rglob("test_*.py") if path != own]
    assert any(re.search(rf"\b{name}\b", path.read_text()) for path in files)


def test_the_typed_stub_names_the_same():
    stub = Path(ikzf1_outcomes.__file__).with_suffix(".pyi")
    names = set()
    for node in ast.parse(stub.read_text()).body:
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    assert names - {"Any", "annotations"} == set(NAMES)
