"""The job `daily` (bronze to gold for a day or a range), its schedule and its executor."""

from __future__ import annotations

from dagster import (
    AssetSelection,
    DailyPartitionsDefinition,
    DefaultScheduleStatus,
    ExecutorDefinition,
    ScheduleDefinition,
    build_schedule_from_partitioned_job,
    define_asset_job,
    in_process_executor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

EXECUTOR: ExecutorDefinition = in_process_executor.configured(
    # A held day fails its silver step after everything else is published; gold goes on with the other days.
    {"step_dependency_config": {"require_upstream_step_success": False}},
    name="in_process",
)


def build_daily_job(partitions: DailyPartitionsDefinition) -> UnresolvedAssetJobDefinition:
    """All tables, for one arrival day or a range in one run."""
    return define_asset_job(
        "daily",
        selection=AssetSelection.groups("bronze", "silver", "quarantine", "gold"),
        partitions_def=partitions,
        executor_def=EXECUTOR,
        description="Landing to gold for one arrival day, or for a range in a single run.",
    )


def build_daily_schedule(job: UnresolvedAssetJobDefinition) -> ScheduleDefinition:
    """Yesterday's arrival day, every night at 00:30 UTC."""
    return build_schedule_from_partitioned_job(  # type: ignore[return-value]
        job,
        name="daily_schedule",
        hour_of_day=0,
        minute_of_hour=30,
        default_status=DefaultScheduleStatus.RUNNING,
        description="Runs the arrival day that has just ended, at 00:30 UTC.",
    )
