"""Runs of the job `daily` in this process, over real tables below a home folder, with what they reported to Dagster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from dagster import DagsterInstance
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.events import DagsterEvent
from dagster._core.execution.api import execute_run_iterator
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)
from pyiceberg.table import Table

from lakehouse_assets.contracts.tables import TABLES
from lakehouse_assets.definitions import build_defs
from lakehouse_assets.settings import Settings
from lakehouse_assets.storage.lake import open_catalog

START = date(2024, 11, 1)


@dataclass(frozen=True)
class DailyRun:
    """What became of a run.

    Args:
        run_id: Dagster's.
        events: all events that Dagster recorded, in order.
    """

    run_id: str
    events: list[DagsterEvent]

    @property
    def succeeded(self) -> bool:
        return not any(event.is_step_failure or event.is_run_failure for event in self.events)

    @property
    def failures(self) -> dict[str, str]:
        """What failed steps told a person, by step."""
        return {
            str(event.step_key): str(event.step_failure_data.user_failure_data.description)
            for event in self.events
            if event.is_step_failure and event.step_failure_data.user_failure_data is not None
        }

    @property
    def materialized(self) -> list[tuple[str, str]]:
        """Table and partition of each materialization of a table."""
        return [(asset, day) for asset, day, _ in self._materializations() if not asset.startswith("landing.")]

    @property
    def landed(self) -> list[tuple[str, str]]:
        """Landing folder and day of each that was found to have files."""
        return [(asset, day) for asset, day, _ in self._materializations() if asset.startswith("landing.")]

    def metadata(self, table: str, day: str) -> dict[str, Any]:
        """The metadata of the one materialization of a table's partition."""
        (found,) = [
            metadata for name, partition, metadata in self._materializations() if (name, partition) == (table, day)
        ]
        return found

    def _materializations(self) -> list[tuple[str, str, dict[str, Any]]]:
        return [
            (
                ".".join(materialization.asset_key.path),
                str(materialization.partition),
                {name: value.value for name, value in materialization.metadata.items()},
            )
            for event in self.events
            if event.is_step_materialization
            for materialization in [event.step_materialization_data.materialization]
        ]


def run_key(home: Path, day: str) -> DailyRun:
    """Run one arrival day, as the sensor and the schedule ask for it."""
    return _run(home, {PARTITION_NAME_TAG: day})


def run_range(
    home: Path, first: str, last: str, *, between: Callable[[DagsterEvent], None] = lambda _: None
) -> DailyRun:
    """Run a range of arrival days as one run.

    Args:
        between: called with each event before the run goes on.
    """
    return _run(home, {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}, between)


def open_table(home: Path, name: str) -> Table:
    """A table as another process opens it."""
    return open_catalog(home).load_table(name)


def snapshots(home: Path) -> dict[str, list[int]]:
    """The snapshots of every table."""
    return {name: [snapshot.snapshot_id for snapshot in open_table(home, name).snapshots()] for name in TABLES}


def head(home: Path, name: str) -> int:
    """The snapshot main stands at."""
    snapshot = open_table(home, name).current_snapshot()
    assert snapshot is not None
    return snapshot.snapshot_id


def _run(home: Path, tags: dict[str, str], between: Callable[[DagsterEvent], None] = lambda _: None) -> DailyRun:
    settings = Settings.model_validate({"home": home, "start_date": START})
    job = build_defs(settings=settings).resolve_job_def("daily")
    with DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(job_def=job, tags=tags)
        for event in execute_run_iterator(InMemoryJob(job), run, instance):
            between(event)
        recorded = instance.all_logs(run.run_id)
    return DailyRun(run.run_id, [entry.dagster_event for entry in recorded if entry.dagster_event is not None])
