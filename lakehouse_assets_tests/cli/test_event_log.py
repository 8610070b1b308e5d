"""The event log of `lakehouse run`, row by row beside Dagster's own class; it writes many events at once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, AssetMaterialization, AssetObservation, DagsterEventType, EventLogEntry
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationPlanned,
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.definitions.partitions.definition import DailyPartitionsDefinition
from dagster._core.events import (
    AssetMaterializationPlannedData,
    AssetObservationData,
    DagsterEvent,
    EngineEventData,
    StepMaterializationData,
)
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from lakehouse_assets.event_log import BufferedSqliteEventLogStorage

RUN = "11111111-1111-4111-8111-111111111111"
EVENTS, USERS = AssetKey(["silver", "events"]), AssetKey(["silver", "users"])
PARTITIONS = DailyPartitionsDefinition("2024-11-15", end_date="2024-11-18")
DAYS = ["2024-11-15", "2024-11-16", "2024-11-17"]
NOW = time.time()


def entry(kind: DagsterEventType, data: Any = None) -> EventLogEntry:
    event = DagsterEvent(event_type_value=kind.value, job_name="daily", step_key="silver", event_specific_data=data)
    return EventLogEntry(
        error_info=None,
        level=10,
        user_message="",
        run_id=RUN,
        timestamp=NOW,
        step_key="silver",
        job_name="daily",
        dagster_event=event,
    )


def verdict(name: str, day: str | None, passed: bool, target: int | None = None) -> EventLogEntry:
    about = AssetCheckEvaluationTargetMaterializationData(storage_id=target or 0, run_id=RUN, timestamp=NOW)
    evaluation = AssetCheckEvaluation(
        asset_key=EVENTS,
        check_name=name,
        passed=passed,
        partition=day,
        target_materialization_data=about if target is not None else None,
        metadata={},
    )
    return entry(DagsterEventType.ASSET_CHECK_EVALUATION, evaluation)


def materialization(asset: AssetKey, day: str) -> EventLogEntry:
    tags = {DATA_VERSION_TAG: day, "not/indexed": "x"}
    data = StepMaterializationData(AssetMaterialization(asset, partition=day, tags=tags, metadata={"rows": 3}), [])
    return entry(DagsterEventType.ASSET_MATERIALIZATION, data)


def events_of_a_run() -> Iterator[EventLogEntry]:
    """What a run says, in its order: plans, then steps with several days, one of which was not planned."""
    subset = PARTITIONS.subset_with_partition_keys(DAYS).to_serializable_subset()
    yield entry(DagsterEventType.RUN_START)
    for asset in (EVENTS, USERS):
        for day in DAYS:
            planned = AssetMaterializationPlannedData(asset, partition=day)
            yield entry(DagsterEventType.ASSET_MATERIALIZATION_PLANNED, planned)
    for name in ("gate", "volume"):
        planned_check = AssetCheckEvaluationPlanned(asset_key=EVENTS, check_name=name, partitions_subset=subset)
        yield entry(DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED, planned_check)
    yield entry(DagsterEventType.STEP_START)
    yield materialization(EVENTS, DAYS[0])
    yield materialization(USERS, DAYS[0])
    yield materialization(EVENTS, DAYS[1])
    observed = AssetObservation(EVENTS, partition=DAYS[2], metadata={"held": True})
    yield entry(DagsterEventType.ASSET_OBSERVATION, AssetObservationData(observed))
    for day in DAYS:
        yield verdict("gate", day, passed=day != DAYS[2], target=7)
        yield verdict("volume", day, passed=True)
    yield verdict("volume", "2024-11-14", passed=False)
    yield verdict("volume", "2024-11-14", passed=True)
    yield verdict("not partitioned", None, passed=True)
    yield entry(DagsterEventType.ENGINE_EVENT, EngineEventData())
    yield materialization(USERS, DAYS[2])
    yield entry(DagsterEventType.RUN_SUCCESS)


def rows(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of the log's files, but for when row and file were made."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for file in sorted(folder.glob("*.db")):
        connection = sqlite3.connect(file)
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info('{table}')")]
            kept = ", ".join(f'"{name}"' for name in columns if name not in ("create_timestamp", "migration_completed"))
            found[f"{file.name}:{table}"] = connection.execute(f"SELECT {kept} FROM '{table}' ORDER BY 1").fetchall()
        connection.close()
    return found


def test_the_log_holds_what_dagsters_own_class_would_hold(tmp_path: Path) -> None:
    own, ours = SqliteEventLogStorage(str(tmp_path / "own")), BufferedSqliteEventLogStorage(str(tmp_path / "ours"))
    for event in events_of_a_run():
        own.store_event(event)
        ours.store_event(event)
    expected = rows(tmp_path / "own")
    assert len(expected["index.db:asset_check_executions"]) == 8
    assert rows(tmp_path / "ours") == expected


@pytest.mark.parametrize("shard", ["index.db", f"{RUN}.db"])
def test_what_waits_is_there_for_whoever_asks_the_same_log(tmp_path: Path, shard: str) -> None:
    log = BufferedSqliteEventLogStorage(str(tmp_path))
    log.store_event(entry(DagsterEventType.RUN_START))
    log.store_event(verdict("gate", DAYS[0], passed=False))
    assert rows(tmp_path)[f"{shard}:event_logs"][1:] == []
    assert [one.dagster_event_type for one in log.get_logs_for_run(RUN)] == [
        DagsterEventType.RUN_START,
        DagsterEventType.ASSET_CHECK_EVALUATION,
    ]
    assert len(rows(tmp_path)[f"{shard}:event_logs"]) == 2
