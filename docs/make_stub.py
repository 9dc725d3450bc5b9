"""Make the typed stub of the package from its table of names: python docs/make_stub.py --write."""

import sys
from pathlib import Path

import ikzf1_outcomes

STUB = Path(ikzf1_outcomes.__file__).with_suffix(".pyi")


def stub() -> str:
    """The stub as text."""
    lines = ['"""Typed names of the package; `__init__.py` resolves them on first use."""', ""]
    for home, names in sorted(ikzf1_outcomes._HOMES.items()):
        lines += [f"from ikzf1_outcomes.{home} import {name} as {name}" for name in sorted(names.split())]
    return "\n".join([*lines, "", "__version__: str", "__all__: list[str]", ""])


if __name__ == "__main__":
    if "--write" in sys.argv:
        STUB.write_text(stub(), encoding="utf-8")
    else:
        sys.stdout.write(stub())
