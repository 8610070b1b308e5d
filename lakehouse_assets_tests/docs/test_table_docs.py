"""The table dictionary: docs/tables.md, and the command that makes and checks it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse_assets.contracts.sources import SOURCES
from lakehouse_assets.contracts.tables import TABLES
from lakehouse_assets.table_docs import COMMAND, PATH, table_dictionary

ROOT = Path(__file__).resolve().parents[2]


def lakehouse_docs(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from lakehouse_assets.cli import main; main()", "docs", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_committed_dictionary_is_the_one_of_the_contracts() -> None:
    assert (ROOT / PATH).read_text(encoding="utf-8") == table_dictionary(), f"Run `{COMMAND}` and commit {PATH}."


@pytest.mark.parametrize("name", TABLES)
def test_dictionary_has_every_column_of_the_table_in_its_section(name: str) -> None:
    section = table_dictionary().split(f"\n## {name}\n")[1].split("\n## ")[0]
    rows = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{column}`" for column in TABLES[name].column_names]
    assert TABLES[name].grain in section
    assert TABLES[name].owner in section


@pytest.mark.parametrize("name", SOURCES)
def test_dictionary_has_every_rule_of_the_source_once(name: str) -> None:
    section = table_dictionary().split(f"\n### Rules of {name}\n")[1].split("\n### ")[0]
    rules = [line.split(" | ")[1].strip("`") for line in section.splitlines()[3:] if line]
    assert sorted(rules) == sorted(SOURCES[name].rule_names)
    of_columns = [rule.name for rule in SOURCES[name].rules]
    assert rules[-len(of_columns) :] == of_columns


def test_rules_carry_their_numbers() -> None:
    assert "at most 1,048,576 bytes" in table_dictionary()
    assert "not before the arrival day minus 30 days, and before the arrival day plus 2 days" in table_dictionary()


def test_every_row_of_every_grid_has_as_many_cells_as_its_head() -> None:
    grids = [block.splitlines() for block in table_dictionary().split("\n\n") if block.startswith("| ")]
    cells = [{line.replace("\\|", "").count("|") for line in grid} for grid in grids]
    assert len(grids) == 1 + len(TABLES) + len(SOURCES)
    assert [counts for counts in cells if len(counts) != 1] == []


def test_command_prints_the_dictionary(tmp_path: Path) -> None:
    printed = lakehouse_docs(tmp_path)
    assert (printed.returncode, printed.stdout) == (0, table_dictionary())
    assert list(tmp_path.iterdir()) == []


def test_command_writes_the_file_that_its_check_then_accepts(tmp_path: Path) -> None:
    written = lakehouse_docs(tmp_path, "--out", "tables.md")
    assert (written.returncode, written.stdout) == (0, "")
    assert (tmp_path / "tables.md").read_text(encoding="utf-8") == table_dictionary()
    assert lakehouse_docs(tmp_path, "--out", "tables.md", "--check").returncode == 0


def test_check_of_another_text_exits_with_1_says_what_to_run_and_leaves_the_file(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / PATH).write_text("old\n")
    checked = lakehouse_docs(tmp_path, "--check")
    assert checked.returncode == 1
    assert f"Run `{COMMAND}`" in checked.stderr
    assert (tmp_path / PATH).read_text() == "old\n"


def test_file_that_cannot_be_written_is_wrong_input(tmp_path: Path) -> None:
    refused = lakehouse_docs(tmp_path, "--out", "absent/tables.md")
    assert refused.returncode == 2
    assert "absent/tables.md cannot be written" in refused.stderr
