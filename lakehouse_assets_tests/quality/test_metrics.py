"""The log of verdicts: what is appended is read back, also after conflicts and repeated steps; faults are told."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse_assets.contracts.metrics import METRICS
from lakehouse_assets.engine.session import Engine
from lakehouse_assets.errors import StorageError
from lakehouse_assets.pipeline.metrics import append_metrics, logged_days, read_metrics
from lakehouse_assets.quality.catalogue import Check, Severity
from lakehouse_assets.quality.results import CheckResult
from lakehouse_assets.storage.lake import Lake, open_catalog
from lakehouse_assets.storage.stage import RunInfo

FRIDAY, SATURDAY = date(2024, 11, 15), date(2024, 11, 16)
NOON = datetime(2024, 11, 18, 12, tzinfo=UTC)
RUN_1 = RunInfo("run-1", "2024-11-15...2024-11-16", "1.2.3", NOON)
RUN_2 = RunInfo("run-2", "2024-11-15", "1.2.3", NOON + timedelta(hours=1))

COLUMN_VALID = Check("silver.events", "event_type_allowed", "few")
CONTRACT = Check("silver.events", "contract", "as it should be", is_blocking=True)


def _verdict(check: Check, day: date, failed: int, *, passed: bool) -> CheckResult:
    return CheckResult(check, day, failed, 100, passed=passed, severity=Severity.WARN, threshold="over 1 %")


@pytest.fixture
def other(engine: Engine, tmp_path: Path) -> Lake:
    """The same lake as another process opens it."""
    return Lake(open_catalog(tmp_path), engine, tmp_path / "other-scratch")


def _read(lake: Lake) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_metrics(lake.catalog, FRIDAY, SATURDAY).to_pylist()
    return rows


def _told(lake: Lake) -> list[tuple[Any, ...]]:
    names = ("partition_day", "check_name", "run_id", "failed_rows", "is_current")
    return [tuple(row[name] for name in names) for row in _read(lake)]


def test_what_is_appended_is_read_back_with_every_column(lake: Lake) -> None:
    assert append_metrics(lake, [_verdict(CONTRACT, FRIDAY, 3, passed=False)], RUN_1) == 1
    assert _read(lake) == [
        {
            "table_name": "silver.events",
            "partition_day": FRIDAY,
            "check_name": "contract",
            "run_id": "run-1",
            "measured_at": NOON,
            "passed": False,
            "severity": "WARN",
            "is_blocking": True,
            "failed_rows": 3,
            "total_rows": 100,
            "threshold": "over 1 %",
            "is_current": True,
        }
    ]


def test_one_call_is_one_commit_of_main_that_names_the_run(lake: Lake) -> None:
    before = len(lake.table(METRICS).snapshots())
    verdicts = [
        _verdict(check, day, 0, passed=True) for check in (COLUMN_VALID, CONTRACT) for day in (FRIDAY, SATURDAY)
    ]
    assert append_metrics(lake, verdicts, RUN_1) == 4
    table = lake.table(METRICS)
    snapshot = table.current_snapshot()
    assert snapshot is not None
    assert snapshot.summary is not None
    assert len(table.snapshots()) == before + 1
    assert snapshot.summary.additional_properties["dagster.run-id"] == "run-1"
    assert snapshot.summary.additional_properties["dagster.partition"] == "2024-11-15...2024-11-16"
    assert snapshot.summary.additional_properties["added-records"] == "4"


def test_append_writes_a_file_for_each_month_and_not_for_each_day(lake: Lake) -> None:
    days = [date(2024, 10, 30) + timedelta(days=index) for index in range(5)]
    append_metrics(lake, [_verdict(CONTRACT, day, 0, passed=True) for day in days], RUN_1)
    files = [task.file.record_count for task in lake.table(METRICS).scan().plan_files()]
    assert sorted(files) == [2, 3]


def test_no_verdicts_make_no_table(lake: Lake) -> None:
    assert append_metrics(lake, [], RUN_1) == 0
    assert not lake.catalog.table_exists(METRICS.name)


def test_before_the_first_verdict_nothing_is_read(lake: Lake) -> None:
    assert _read(lake) == []
    assert logged_days(lake.catalog) is None


def test_run_that_is_overtaken_while_it_appends_appends_all_the_same(lake: Lake, other: Lake) -> None:
    class Overtaken(RunInfo):
        """Asked for after the table was opened and before the commit: there another run is quicker."""

        @property
        def snapshot_properties(self) -> dict[str, str]:
            append_metrics(other, [_verdict(COLUMN_VALID, FRIDAY, 2, passed=True)], RUN_2)
            return super().snapshot_properties

    lake.table(METRICS)
    overtaken = Overtaken(RUN_1.run_id, RUN_1.partition, RUN_1.code_version, RUN_1.now)
    assert append_metrics(lake, [_verdict(CONTRACT, FRIDAY, 1, passed=False)], overtaken) == 1
    assert _told(lake) == [
        (FRIDAY, "contract", "run-1", 1, True),
        (FRIDAY, "event_type_allowed", "run-2", 2, True),
    ]
    summaries = [snapshot.summary for snapshot in lake.table(METRICS).snapshots()]
    writers = [summary.additional_properties.get("dagster.run-id") for summary in summaries if summary is not None]
    assert writers == [None, "run-2", "run-1"]


def test_repeated_step_of_a_run_is_read_once_as_it_said_last(lake: Lake) -> None:
    again = replace(RUN_1, now=NOON + timedelta(minutes=5))
    append_metrics(lake, [_verdict(CONTRACT, FRIDAY, 1, passed=False)], RUN_1)
    append_metrics(lake, [_verdict(CONTRACT, FRIDAY, 4, passed=False)], again)
    assert lake.table(METRICS).scan().count() == 2
    assert _told(lake) == [(FRIDAY, "contract", "run-1", 4, True)]


def test_newest_run_tells_what_holds_now_and_older_runs_stay_as_history(lake: Lake) -> None:
    both_days = [_verdict(CONTRACT, day, 7, passed=False) for day in (FRIDAY, SATURDAY)]
    append_metrics(lake, [_verdict(CONTRACT, FRIDAY, 0, passed=True)], RUN_2)
    append_metrics(lake, both_days, RUN_1)
    assert _told(lake) == [
        (FRIDAY, "contract", "run-1", 7, False),
        (FRIDAY, "contract", "run-2", 0, True),
        (SATURDAY, "contract", "run-1", 7, True),
    ]


def test_only_the_days_asked_for_are_read(lake: Lake) -> None:
    days = [date(2024, 10, 31), FRIDAY, SATURDAY, date(2024, 11, 17)]
    append_metrics(lake, [_verdict(CONTRACT, day, 0, passed=True) for day in days], RUN_1)
    assert [row["partition_day"] for row in _read(lake)] == [FRIDAY, SATURDAY]
    assert logged_days(lake.catalog) == (date(2024, 10, 31), date(2024, 11, 17))


def test_log_that_cannot_be_written_or_read_is_a_storage_error_that_says_what_is_missing(
    lake: Lake, tmp_path: Path
) -> None:
    append_metrics(lake, [_verdict(CONTRACT, FRIDAY, 0, passed=True)], RUN_1)
    data = tmp_path / "lakehouse" / "warehouse" / "quality" / "metrics" / "data"
    shutil.rmtree(data)
    data.write_text("a file stands where the folder was")
    with pytest.raises(StorageError, match=r"^quality\.metrics: 1 verdicts of run run-2 could not be logged: .*again"):
        append_metrics(lake, [_verdict(CONTRACT, FRIDAY, 0, passed=True)], RUN_2)
    with pytest.raises(StorageError, match=r"^quality\.metrics cannot be read: "):
        read_metrics(lake.catalog, FRIDAY, SATURDAY)


def test_value_that_no_column_takes_is_a_storage_error_too(lake: Lake) -> None:
    with pytest.raises(StorageError, match="could not be logged"):
        append_metrics(lake, [_verdict(CONTRACT, FRIDAY, 2**63, passed=False)], RUN_1)
