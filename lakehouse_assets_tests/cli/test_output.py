"""What `lakehouse run` prints for a person who reads it in a file: a line per table with what the run said of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lakehouse_assets.contracts.tables import TABLES
from lakehouse_assets.storage.lake import open_catalog
from lakehouse_assets_tests.cli.test_command import GOOD_EVENT, lakehouse

THURSDAY, FRIDAY = "2024-11-14", "2024-11-15"
TRANSACTIONS = """transaction_id,session_id,user_id,amount,currency,transaction_timestamp
T1,S1,U1,9.50,USD,2024-11-15 10:30:00
T1,S1,U1,9.50,USD,2024-11-15 10:30:00
T2,S1,U1,3.00,USD,2024-11-13 10:30:00
T3,S1,U1,-1,USD,2024-11-15 10:31:00
"""


def _deliver(home: Path, source: str, day: str, name: str, text: str) -> None:
    folder = home / "landing" / source / f"dt={day}"
    folder.mkdir(parents=True)
    (folder / name).write_text(text)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Events of two days, of which Friday's are held; transactions of Friday."""
    home = tmp_path_factory.mktemp("home")
    thursday = GOOD_EVENT.replace("2024-11-15", THURSDAY)
    _deliver(home, "events", THURSDAY, "a.json", "{broken\n" + thursday % 1 + thursday % 2)
    _deliver(home, "events", FRIDAY, "a.json", "{broken\n" * 20 + "".join(GOOD_EVENT % key for key in range(10, 20)))
    _deliver(home, "transactions", FRIDAY, "a.csv", TRANSACTIONS)
    return home


@pytest.fixture(scope="module")
def ran(home: Path) -> subprocess.CompletedProcess[str]:
    return lakehouse(home, "run", "--from", THURSDAY, "--to", FRIDAY)


def _cells(ran: subprocess.CompletedProcess[str], table: str) -> list[str]:
    (line,) = [line for line in ran.stdout.splitlines() if line.split()[:1] == [table]]
    return line.split()


def test_summary_has_these_columns_and_a_line_for_every_table(ran: subprocess.CompletedProcess[str]) -> None:
    lines = [line.split() for line in ran.stdout.splitlines()]
    assert ["table", "rows", "new", "quarantined", "duplicates", "late", "seconds", "snapshot"] in lines
    assert [cells[0] for cells in lines if cells and cells[0] in TABLES] == list(TABLES)


def test_summary_counts_rows_and_what_became_of_lines(ran: subprocess.CompletedProcess[str]) -> None:
    assert _cells(ran, "bronze.events")[:3] == ["bronze.events", "33", "+33"]
    assert _cells(ran, "quarantine.events")[:3] == ["quarantine.events", "21", "+21"]
    # Rows and new ones, then quarantined, duplicates and late.
    assert _cells(ran, "silver.transactions")[:6] == ["silver.transactions", "2", "+2", "1", "1", "1"]
    assert _cells(ran, "gold.user_session_analysis")[:3] == ["gold.user_session_analysis", "1", "+1"]


def test_summary_counts_the_days_that_passed_where_another_is_held(ran: subprocess.CompletedProcess[str]) -> None:
    assert _cells(ran, "silver.events")[:6] == ["silver.events", "2", "+2", "1", "0", "0"]


def test_summary_names_the_snapshot_of_each_table_in_full(ran: subprocess.CompletedProcess[str], home: Path) -> None:
    catalog = open_catalog(home)
    for name in TABLES:
        snapshot = catalog.load_table(name).current_snapshot()
        assert snapshot is not None
        assert _cells(ran, name)[-1] == str(snapshot.snapshot_id)


def test_output_in_a_file_has_no_escape_codes_and_no_progress_bar(ran: subprocess.CompletedProcess[str]) -> None:
    assert "\x1b" not in ran.stdout + ran.stderr
    assert "\r" not in ran.stdout + ran.stderr
    assert "━" not in ran.stderr


def test_results_are_on_standard_output_and_messages_on_standard_error(ran: subprocess.CompletedProcess[str]) -> None:
    assert ran.returncode == 1
    assert "is held" in ran.stderr
    assert "is held" not in ran.stdout
    assert "INFO" not in ran.stdout
    assert "snapshot" not in ran.stderr
