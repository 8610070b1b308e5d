"""`lakehouse quarantine replay`: running days again and saying what became of their quarantined lines."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from typer.testing import CliRunner

from lakehouse_assets.contracts.tables import TABLES
from lakehouse_assets.quarantine_command import app, day_ranges
from lakehouse_assets.storage.lake import Lake, open_catalog
from lakehouse_assets_tests.comparing import oracle_as_rows, tables_as_rows
from lakehouse_assets_tests.driving import run_pipeline
from lakehouse_assets_tests.quarantine.home import HEADER, cells, deliver, good_events, quarantine

TUESDAY, WEDNESDAY, FRIDAY = date(2024, 11, 12), date(2024, 11, 13), date(2024, 11, 15)
DAYS = [date(2024, 11, day) for day in range(12, 16)]
BAD = "{broken\n"


def heads(home: Path) -> dict[str, int | None]:
    """The snapshot that each table stands at."""
    catalog = open_catalog(home)
    return {name: catalog.load_table(name).metadata.current_snapshot_id for name in TABLES}


def test_days_without_gaps_are_one_range() -> None:
    assert day_ranges([FRIDAY, WEDNESDAY, TUESDAY, WEDNESDAY]) == [(TUESDAY, WEDNESDAY), (FRIDAY, FRIDAY)]
    assert day_ranges([]) == []


def test_corrected_files_become_good_and_what_is_bad_gone_and_new_is_counted(lake: Lake, tmp_path: Path) -> None:
    deliver(tmp_path, "events", WEDNESDAY, "a.json", good_events(1, day=WEDNESDAY) + BAD + BAD)
    removed = deliver(tmp_path, "events", WEDNESDAY, "b.json", BAD)
    deliver(tmp_path, "events", FRIDAY, "a.json", BAD * 20)
    transactions = deliver(tmp_path, "transactions", TUESDAY, "c.csv", f"{HEADER}T1,S1,U1,1,XXX,2024-11-12 10:00:00\n")
    run_pipeline(lake, tmp_path / "landing", DAYS)
    deliver(tmp_path, "events", WEDNESDAY, "a.json", BAD + good_events(2, day=WEDNESDAY) + BAD)
    removed.unlink()
    deliver(tmp_path, "events", FRIDAY, "a.json", good_events(*range(100, 119)) + BAD)
    transactions.write_text(transactions.read_text().replace("XXX", "USD"))

    replayed = quarantine(tmp_path, "replay")

    assert replayed.returncode == 0, replayed.stderr
    assert cells(replayed.stdout)[1:] == [
        ["day", "source", "became good", "still bad", "gone", "new", "held"],
        ["─" * len(replayed.stdout.splitlines()[3].strip())],
        ["2024-11-15", "events", "19", "1", "0", "0", "no"],
        ["2024-11-13", "events", "1", "1", "1", "1", "no"],
        ["2024-11-12", "transactions", "1", "0", "0", "0", "no"],
    ]
    assert "Arrival days 2024-11-12 to 2024-11-13" in replayed.stderr
    assert "Arrival days 2024-11-15 to 2024-11-15" in replayed.stderr
    assert tables_as_rows(lake) == oracle_as_rows(tmp_path / "landing")


def test_day_that_is_still_held_ends_with_exit_code_1(lake: Lake, tmp_path: Path) -> None:
    deliver(tmp_path, "events", FRIDAY, "a.json", BAD * 21)
    run_pipeline(lake, tmp_path / "landing", [FRIDAY])
    deliver(tmp_path, "events", FRIDAY, "a.json", BAD * 20 + good_events(1))

    replayed = quarantine(tmp_path, "replay", "--day", "2024-11-15", "--rule", "corrupt_json")

    assert replayed.returncode == 1
    assert ["2024-11-15", "events", "1", "20", "0", "0", "yes"] in cells(replayed.stdout)
    assert "events 2024-11-15 is held: 20 of 21 lines" in replayed.stderr
    assert "A day failed or is still held" in replayed.stderr


def test_dry_run_names_days_and_lines_and_starts_nothing(home: Path) -> None:
    before = heads(home)
    planned = quarantine(home, "replay", "--dry-run", "--source", "events")
    assert planned.returncode == 0, planned.stderr
    assert cells(planned.stdout)[3:] == [
        ["2024-11-15", "events", "30", "20"],
        ["2024-11-14", "events", "3", "2"],
        ["2024-11-07", "events", "2", "1"],
    ]
    assert "Runs: 2024-11-07 to 2024-11-07, 2024-11-14 to 2024-11-15. Nothing was started." in planned.stderr
    assert heads(home) == before
    assert not (home / "dagster").exists()


def test_day_before_the_start_of_partitions_is_refused(home: Path) -> None:
    settings = {"LAKEHOUSE_HOME": str(home), "LAKEHOUSE_START_DATE": "2024-11-10", "COLUMNS": "200"}
    refused = CliRunner().invoke(app, ["replay"], env=settings)
    assert refused.exit_code == 2
    assert "2024-11-07 is before LAKEHOUSE_START_DATE 2024-11-10. Nothing was started." in refused.stderr
