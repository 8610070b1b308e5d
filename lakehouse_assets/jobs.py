"""The job `daily` (bronze to gold for a day or a range), its schedule and its executor."""

from __future__ import annotations

from datetime import UTC, timedelta

from dagster import (
    AssetSelection,
    DailyPartitionsDefinition,
    DefaultScheduleStatus,
    ExecutorDefinition,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    define_asset_job,
    in_process_executor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

EXECUTOR: ExecutorDefinition = in_process_executor.configured(
    # A held day fails its silver step after everything else is published; gold goes on with the other days.
    {"step_dependency_config": {"require_upstream_step_success": False}},
    name="in_process",
)


def build_daily_job() -> UnresolvedAssetJobDefinition:
    """All tables, for one arrival day or a range in one run."""
    return define_asset_job(
        "daily",
        selection=AssetSelection.groups("bronze", "silver", "quarantine", "gold"),
        executor_def=EXECUTOR,
        description="Landing to gold for one arrival day, or for a range in a single run.",
    )


def build_daily_schedule(
    job: UnresolvedAssetJobDefinition, partitions: DailyPartitionsDefinition
) -> ScheduleDefinition:
    """Yesterday's arrival day, every night at 00:30 UTC."""

    def evaluate(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        # Not the newest partition: today's day is one too (`end_offset`), and it has only begun.
        ended = context.scheduled_execution_time.astimezone(UTC).date() - timedelta(days=1)
        if ended < partitions.start.date():
            return SkipReason(f"{ended} is before the first partition day {partitions.start.date()}.")
        return RunRequest(run_key=ended.isoformat(), partition_key=ended.isoformat())

    return ScheduleDefinition(
        name="daily_schedule",
        job=job,
        cron_schedule="30 0 * * *",
        execution_timezone="UTC",
        execution_fn=evaluate,
        default_status=DefaultScheduleStatus.RUNNING,
        description="Runs the arrival day that has just ended, at 00:30 UTC.",
    )
