"""The quick look that the founding reference folder brings along must find nothing short."""

import importlib.util

import pytest


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # it leaves its files to the garbage collector
@pytest.mark.parametrize("family", ["km", "logrank", "cif", "cox", "finegray", "firth"])
def test_nothing_falls_short(shared, family):
    spec = importlib.util.spec_from_file_location(f"agreement_{family}", shared / "reference" / "agreement.py")
    assert spec is not None
    assert spec.loader is not None
    agreement = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(agreement)
    agreement.FAMILIES[family]()
    assert agreement.BAD == []
    assert agreement.N > 0
