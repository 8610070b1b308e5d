"""Scratch folders: gone at the end however it ends, and those of killed processes gone with the next."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lakehouse_assets.storage.scratch import open_scratch

_HOLDER = """
import sys
from pathlib import Path
from lakehouse_assets.storage.scratch import open_scratch
with open_scratch(Path(sys.argv[1])) as folder:
    (folder / "rows.parquet").write_bytes(b"rows")
    print(folder, flush=True)
    sys.stdin.read()
"""


@contextmanager
def _other_process(parent: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that holds a scratch folder with a file in it, until its standard input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(parent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())


def _fail_halfway(parent: Path) -> None:
    with open_scratch(parent) as folder:
        (folder / "rows.parquet").write_bytes(b"rows")
        raise RuntimeError("halfway")


def test_folder_is_there_inside_and_gone_afterwards(tmp_path: Path) -> None:
    with open_scratch(tmp_path / "scratch") as folder:
        assert folder.is_dir()
        assert folder.parent == tmp_path / "scratch"
        (folder / "below").mkdir()
        (folder / "below" / "rows.parquet").write_bytes(b"rows")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_folder_is_gone_after_an_exception_which_goes_on(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="halfway"):
        _fail_halfway(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_folders_at_once_do_not_touch_each_other(tmp_path: Path) -> None:
    with open_scratch(tmp_path) as first:
        with open_scratch(tmp_path) as second:
            assert first != second
        assert first.is_dir()
        assert not second.exists()


def test_folder_of_a_killed_process_is_removed_by_the_next_and_not_before(tmp_path: Path) -> None:
    with _other_process(tmp_path) as (process, abandoned):
        process.kill()
        assert process.wait(timeout=60) == -signal.SIGKILL
    assert (abandoned / "rows.parquet").exists()
    with open_scratch(tmp_path) as folder:
        assert {path.name for path in tmp_path.iterdir()} == {folder.name, f"{folder.name}.lock"}


def test_folder_of_a_process_that_is_alive_is_left_alone(tmp_path: Path) -> None:
    with _other_process(tmp_path) as (process, held):
        with open_scratch(tmp_path):
            assert (held / "rows.parquet").read_bytes() == b"rows"
        assert (held / "rows.parquet").read_bytes() == b"rows"
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_files_of_others_beside_the_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with open_scratch(tmp_path):
        pass
    assert (tmp_path / "notes.txt").read_text() == "mine"
