"""Removing old verdicts: exactly the days that are too old, one commit, and no day is judged again because of it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lakehouse_assets.contracts.sources import EVENTS
from lakehouse_assets.contracts.tables import QUARANTINE
from lakehouse_assets.pipeline.quarantine import ExpiredDay, expire_quarantine, find_expired
from lakehouse_assets.pipeline.silver import stage_silver
from lakehouse_assets.quarantine_command import app
from lakehouse_assets.storage.applied import read_applied
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.stage import RunInfo
from lakehouse_assets_tests.comparing import oracle_as_rows, tables_as_rows
from lakehouse_assets_tests.driving import DEFAULT_GATE, HORIZON_DAYS, run_pipeline
from lakehouse_assets_tests.quarantine.home import cells, deliver, good_events, quarantine

TODAY = date(2024, 11, 16)
DAYS = [date(2024, 11, day) for day in (13, 14, 15)]
RUN = RunInfo("test-expire", "test", "0", datetime(2024, 11, 16, tzinfo=UTC))


@pytest.fixture
def judged(lake: Lake, tmp_path: Path) -> Lake:
    """A bad and a good event on each of the three days."""
    for number, day in enumerate(DAYS):
        deliver(tmp_path, "events", day, "a.json", "{broken\n" + good_events(number, day=day))
    run_pipeline(lake, tmp_path / "landing", DAYS)
    return lake


def quarantined_days(lake: Lake) -> list[date]:
    return sorted(row["arrival_date"] for row in tables_as_rows(lake)["quarantine.events"])


def snapshots(lake: Lake, source: str) -> int:
    return len(lake.table(QUARANTINE[source]).snapshots())


def test_days_older_than_what_is_kept_go_and_the_day_at_the_edge_stays(judged: Lake) -> None:
    before = {source: snapshots(judged, source) for source in QUARANTINE}
    expired = expire_quarantine(judged, 2, TODAY, RUN)
    assert expired == [ExpiredDay("events", DAYS[0], 1)]
    assert quarantined_days(judged) == DAYS[1:]
    assert {source: snapshots(judged, source) - before[source] for source in QUARANTINE} == {
        "events": 1,
        "transactions": 0,
        "users": 0,
    }


def test_note_is_kept_so_that_no_day_is_judged_again(judged: Lake, tmp_path: Path) -> None:
    note = read_applied(judged.table(QUARANTINE["events"]))
    assert note is not None
    expire_quarantine(judged, 1, TODAY, RUN)
    assert read_applied(judged.table(QUARANTINE["events"])) == note
    write = stage_silver(judged, EVENTS, DAYS, gate=DEFAULT_GATE, horizon_days=HORIZON_DAYS, run=RUN)
    assert write.judged_days == ()
    run_pipeline(judged, tmp_path / "landing", DAYS)
    assert quarantined_days(judged) == DAYS[2:]


def test_expired_day_whose_file_changes_has_its_verdicts_again_after_its_run(judged: Lake, tmp_path: Path) -> None:
    expire_quarantine(judged, 2, TODAY, RUN)
    deliver(tmp_path, "events", DAYS[0], "a.json", "{other\n" + good_events(0, day=DAYS[0]))
    run_pipeline(judged, tmp_path / "landing", DAYS[:1])
    assert quarantined_days(judged) == DAYS
    assert tables_as_rows(judged) == oracle_as_rows(tmp_path / "landing")


def test_nothing_old_commits_nothing(judged: Lake) -> None:
    before = snapshots(judged, "events")
    assert expire_quarantine(judged, 3, TODAY, RUN) == []
    assert snapshots(judged, "events") == before


def test_lake_without_tables_has_nothing_to_expire_and_gets_none(lake: Lake) -> None:
    assert expire_quarantine(lake, 1, TODAY, RUN) == []
    assert lake.catalog.list_namespaces() == []


def test_command_with_dry_run_says_what_would_go_and_without_it_removes_that(judged: Lake, tmp_path: Path) -> None:
    planned = quarantine(tmp_path, "expire", "--keep-days", "1", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert cells(planned.stdout)[3:] == [[str(day), "events", "1"] for day in DAYS]
    assert "3 lines would be removed" in planned.stderr
    assert quarantined_days(judged) == DAYS

    removed = quarantine(tmp_path, "expire", "--keep-days", "1")

    assert removed.returncode == 0, removed.stderr
    assert removed.stdout == planned.stdout
    assert "3 lines were removed" in removed.stderr
    assert quarantined_days(judged) == []
    assert find_expired(judged.catalog, 1, TODAY) == []


def test_without_a_number_of_days_nothing_is_removed(judged: Lake, tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["expire"], env={"LAKEHOUSE_HOME": str(tmp_path), "COLUMNS": "200"})
    assert refused.exit_code == 2
    assert "Nothing was removed. Give --keep-days N" in refused.stderr
    assert quarantined_days(judged) == DAYS
