"""What the command says when something around it is broken: one message that tells what to do, never a traceback."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse_assets.contracts.tables import TABLES
from lakehouse_assets.storage.lake import open_catalog
from lakehouse_assets_tests.cli.test_command import GOOD_EVENT, lakehouse

DAY = "2024-11-15"
RUN = ("run", "--from", DAY, "--to", DAY)


def _dagster_home(tmp_path: Path) -> str:
    return str(tmp_path / "dagster")


def _home_that_is_a_file(home: Path) -> None:
    home.write_text("not a folder")


def _catalog_that_is_no_database(home: Path) -> None:
    (home / "lakehouse").mkdir(parents=True)
    (home / "lakehouse" / "catalog.db").write_text("not a database\n" * 100)


def _everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _text(ran: subprocess.CompletedProcess[str]) -> str:
    """What it said on standard error, without line breaks."""
    return " ".join(ran.stderr.split())


@pytest.mark.parametrize("command", [RUN, ("status",)], ids=["run", "status"])
@pytest.mark.parametrize(
    ("break_it", "messages"),
    [
        (_home_that_is_a_file, ("Not a directory", "Nothing was written", "Check LAKEHOUSE_HOME")),
        (_catalog_that_is_no_database, ("file is not a database", "Nothing was written", "Check LAKEHOUSE_HOME")),
    ],
)
def test_broken_home_is_named_and_left_as_it_is(
    tmp_path: Path, command: tuple[str, ...], break_it: Callable[[Path], None], messages: tuple[str, ...]
) -> None:
    home = tmp_path / "home"
    break_it(home)
    before = _everything(tmp_path)

    ran = lakehouse(home, *command, DAGSTER_HOME=_dagster_home(tmp_path))

    assert ran.returncode == 1
    assert [message for message in messages if message not in _text(ran)] == []
    assert "Traceback" not in ran.stderr + ran.stdout
    assert {path: content for path, content in _everything(tmp_path).items() if path in before} == before


def test_unknown_engine_is_named_with_those_there_are(tmp_path: Path) -> None:
    ran = lakehouse(tmp_path, *RUN, LAKEHOUSE_ENGINE="flink")
    assert ran.returncode != 0
    assert "flink" in _text(ran)
    assert "LAKEHOUSE_ENGINE" in _text(ran)
    assert "sail" in _text(ran)
    assert "Traceback" not in ran.stderr


def test_unreadable_file_fails_the_run_by_its_full_name_and_keeps_all_tables_as_they_were(tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "events" / f"dt={DAY}"
    folder.mkdir(parents=True)
    whole = gzip.compress("".join(GOOD_EVENT % number for number in range(1000)).encode())
    # Brackets, because the console reads some of them as colours.
    (folder / "cut [bold].json.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "whole.json").write_text(GOOD_EVENT % 1)

    ran = lakehouse(tmp_path, *RUN)

    assert ran.returncode == 1
    assert f"events/dt={DAY}/cut [bold].json.gz cannot be read to its end" in _text(ran)
    assert "Traceback" not in ran.stderr
    catalog = open_catalog(tmp_path)
    rows = {name: catalog.load_table(name).scan().count() for name in TABLES if catalog.table_exists(name)}
    assert set(rows.values()) == {0}
