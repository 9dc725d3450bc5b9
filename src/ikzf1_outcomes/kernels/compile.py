"""Compilation of the kernels, cached on disk where a folder can be written.

Numba's own cache notices a change of the file that holds a kernel, but not of another file that it calls. The cache
folder is therefore named by a hash of every kernel file. Where no folder can be written, kernels compile in memory.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numba
import platformdirs


def source_hash(folder: Path) -> str:
    """Hash of the names and contents of all Python files in `folder`."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def writable(folder: Path) -> bool:
    """Whether a file can be made in `folder`, which is created if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@cache
def cache_folder() -> Path | None:
    """The folder for compiled kernels of this very source, or None where nothing can be written."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    root = Path(chosen) if chosen else Path(platformdirs.user_cache_dir("ikzf1_outcomes"))
    folder = root / source_hash(Path(__file__).parent)
    return folder if writable(folder) else None


@contextmanager
def caching() -> Iterator[bool]:
    """Let Numba keep in the package's own folder what is compiled within; whether there is one."""
    folder = cache_folder()
    if folder is None:
        yield False
        return
    settings: Any = numba.config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(folder)
    try:
        yield True
    finally:
        settings.CACHE_DIR = before


def compiled(function: Callable) -> Any:
    """Compile `function` on first use; results are kept on disk between processes."""
    with caching() as kept:
        return numba.njit(nogil=True, cache=kept)(function)
