"""The output folder: filled beside the old one, swapped in at the end, taken up again after a break."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from ikzf1_outcomes.errors import StudyError
from ikzf1_outcomes.study.manifest import is_ours

MARK = ".fingerprint"


def slug(name: str) -> str:
    """A file name from any text: letters, digits and underscores, at most 60."""
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower()[:60] or "group"


def inside(folder: Path, name: str) -> Path:
    """A path within a folder.

    Raises
    ------
    StudyError
        The name leads out of the folder.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or path == folder.resolve():
        raise StudyError(f"the output name {name!r} leads out of the output folder")
    return path


def write(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content.encode() if isinstance(content, str) else content)
    os.replace(part, path)


class Workspace:
    """A folder being filled; `finish` puts it in the place of the results.

    Parameters
    ----------
    out
        Where the results will be.
    fingerprint
        Hash of everything the results depend on. What an earlier run with the same one has finished is kept.
    overwrite
        Whether an existing results folder, recognised by its manifest, may be replaced.
    """

    def __init__(self, out: Path, fingerprint: str, *, overwrite: bool) -> None:
        self.out = out.absolute()
        if self.out.exists() or self.out.is_symlink():
            self.check_replaceable(overwrite)
        self.folder = self.out.with_name(f".{self.out.name}.partial")
        self.old = self.out.with_name(f".{self.out.name}.old")
        mark = self.folder / MARK
        if not (mark.is_file() and mark.read_text(encoding="utf-8") == fingerprint):
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            write(mark, fingerprint)
        if self.old.exists() and not self.out.exists():
            # killed between the two renames of `finish`: the earlier results come back
            os.replace(self.old, self.out)

    def check_replaceable(self, overwrite: bool) -> None:
        """Refuse to touch a folder that is not ours or may not be replaced."""
        name = self.out.name
        if not self.out.is_dir() or self.out.is_symlink():
            raise StudyError(f"{name!r} exists and is not a folder", next_step="Choose another --out.")
        if not any(self.out.iterdir()):
            return
        if not is_ours(self.out):
            raise StudyError(
                f"the folder {name!r} holds files that are not results of this program", next_step="Choose another --out."
            )
        if not overwrite:
            raise StudyError(f"the folder {name!r} holds earlier results", next_step="Add --overwrite to replace them.")

    def step(self, name: str, make: Callable[[], str | bytes]) -> Path:
        """Make a file unless an earlier run with the same inputs has finished it."""
        path = inside(self.folder, name)
        if not path.is_file():
            write(path, make())
        return path

    def path(self, name: str) -> Path:
        """A path within the folder."""
        return inside(self.folder, name)

    def drop(self, name: str) -> None:
        """Remove a folder of intermediate files."""
        shutil.rmtree(inside(self.folder, name), ignore_errors=True)

    def files(self) -> list[Path]:
        """All finished files but the mark, sorted."""
        return sorted(p for p in self.folder.rglob("*") if p.is_file() and p.name != MARK)

    def finish(self) -> None:
        """Swap the finished folder in; the earlier results go only when the new ones are in place."""
        (self.folder / MARK).unlink()
        shutil.rmtree(self.old, ignore_errors=True)
        if self.out.exists():
            os.replace(self.out, self.old)
        os.replace(self.folder, self.out)
        shutil.rmtree(self.old, ignore_errors=True)
