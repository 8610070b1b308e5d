"""Scratch folders: files of one run, gone with it, also when the run was killed.

Each folder has a lock file that its process holds; the system lets go of it when the process ends, however it ends. So
whoever opens the next folder knows which are abandoned. What is written into a folder is decided in `pipeline`.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

logger = logging.getLogger(__name__)


@contextmanager
def open_scratch(parent: Path) -> Iterator[Path]:
    """A new scratch folder below `parent`, removed at the end; first those are removed that killed runs left there."""
    parent.mkdir(parents=True, exist_ok=True)
    for lock_file in parent.glob("*.lock"):
        _remove_if_abandoned(lock_file)
    folder = parent / uuid4().hex
    lock_file = folder.with_suffix(".lock")
    with FileLock(lock_file):
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock_file.unlink(missing_ok=True)


def _remove_if_abandoned(lock_file: Path) -> None:
    try:
        with FileLock(lock_file, timeout=0):
            shutil.rmtree(lock_file.with_suffix(""), ignore_errors=True)
            lock_file.unlink(missing_ok=True)
            logger.info("removed the scratch files of a run that did not end: %s", lock_file.with_suffix(""))
    except Timeout:
        return
