"""The job `daily` (bronze to gold for a day or a range), a job for each source, their schedules and their executor."""

from __future__ import annotations

from datetime import UTC, timedelta

from dagster import (
    AssetSelection,
    DailyPartitionsDefinition,
    DefaultScheduleStatus,
    ExecutorDefinition,
    RunRequest,
    RunsFilter,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    define_asset_job,
    in_process_executor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import SCHEDULE_NAME_TAG

from lakehouse_assets.assets.ingestion import ingestion_key
from lakehouse_assets.sources.model import ConfiguredSource

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


def build_ingest_job(source: ConfiguredSource) -> UnresolvedAssetJobDefinition:
    """One pull of a source. The sensor `landing_files` runs the days that got files."""
    return define_asset_job(
        f"ingest_{source.name}",
        selection=AssetSelection.assets(ingestion_key(source.name)),
        executor_def=EXECUTOR,
        description=f"Brings what is new of {source.name} into landing, once.",
    )


def build_ingest_schedule(job: UnresolvedAssetJobDefinition, source: ConfiguredSource) -> ScheduleDefinition:
    """The pulls of a source, one at a time: a tick that finds one at work leaves it at that."""

    name = f"{job.name}_schedule"
    # Only runs of the schedule: Dagster notices when one of these is killed. Another one would stop the pulls for ever.
    unfinished = RunsFilter(job_name=job.name, tags={SCHEDULE_NAME_TAG: name}, statuses=[*NOT_FINISHED_STATUSES])

    def evaluate(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        at_work = context.instance.get_runs(unfinished, limit=1)
        if at_work:
            return SkipReason(f"Run {at_work[0].run_id[:8]} of {job.name} has not ended yet.")
        return RunRequest()

    return ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=source.cron,
        execution_timezone="UTC",
        execution_fn=evaluate,
        default_status=DefaultScheduleStatus.RUNNING,
        description=f"Pulls {source.name}: {source.cron} (cron, UTC).",
    )
