"""The sensors `alert_on_run_end` and `alert_on_missing_files`; there are none where no channel is configured."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dagster import (
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRecord,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
)

from lakehouse_assets.alerts.configuration import AlertSettings, has_channel
from lakehouse_assets.alerts.report import report_missing_files, report_run

RUNS_OF_A_TICK = 20
_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
_RUNS_INTERVAL_SECONDS = 30
_MISSING_INTERVAL_SECONDS = 3600
# Runs that end at the same time are not recorded in the order of their times.
_OVERLAP = timedelta(minutes=1)


def utc_now() -> datetime:
    """The current time."""
    return datetime.now(UTC)


def build_alert_sensors(settings: AlertSettings, clock: Callable[[], datetime] = utc_now) -> list[SensorDefinition]:
    """The sensors that send alerts.

    Args:
        settings: with the channels.
        clock: says when it is.
    """
    if not has_channel(settings):
        return []
    return [_on_run_end(settings, clock), _on_missing_files(settings, clock)]


def _on_run_end(settings: AlertSettings, clock: Callable[[], datetime]) -> SensorDefinition:
    def evaluate(context: SensorEvaluationContext) -> SensorResult:
        """The cursor holds the ends of the newest runs that were reported; those before the first tick are not."""
        if context.cursor is None:
            newest = context.instance.get_run_records(RunsFilter(statuses=_ENDED), limit=1, order_by="update_timestamp")
            return SensorResult(
                skip_reason=SkipReason("Runs that end from now on are reported."), cursor=_cursor(newest)
            )
        reported: Mapping[str, str] = json.loads(context.cursor)
        ended = _ended_since(context, reported)
        if not ended:
            return SensorResult(skip_reason=SkipReason("No run ended."), cursor=context.cursor)
        run_ids = [record.dagster_run.run_id for record in ended]
        report_run(settings, context.instance, *run_ids, now=clock())
        return SensorResult(skip_reason=SkipReason(f"Looked at {', '.join(run_ids)}."), cursor=_cursor(ended, reported))

    return SensorDefinition(
        name="alert_on_run_end",
        evaluation_fn=evaluate,
        minimum_interval_seconds=_RUNS_INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Sends alerts about runs that ended: held days, failed checks and steps, and when they are over.",
    )


def _on_missing_files(settings: AlertSettings, clock: Callable[[], datetime]) -> SensorDefinition:
    def evaluate(context: SensorEvaluationContext) -> SkipReason:
        report_missing_files(settings, Path(context.instance.root_directory), clock())
        expected = settings.alert_expected_by
        looked_for = f"files expected by {expected:%H:%M} UTC" if expected is not None else "no files"
        return SkipReason(f"Looked for {looked_for}, and for reminders and messages that are due.")

    return SensorDefinition(
        name="alert_on_missing_files",
        evaluation_fn=evaluate,
        minimum_interval_seconds=_MISSING_INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Sends alerts about files that did not land in time, reminders, and what could not be sent before.",
    )


def _ended_since(context: SensorEvaluationContext, reported: Mapping[str, str]) -> list[RunRecord]:
    since = max(map(datetime.fromisoformat, reported.values()), default=None)
    filters = RunsFilter(statuses=_ENDED, updated_after=since - _OVERLAP if since is not None else None)
    records = context.instance.get_run_records(filters, order_by="update_timestamp", ascending=True)
    return [record for record in records if record.dagster_run.run_id not in reported][:RUNS_OF_A_TICK]


def _cursor(ended: Sequence[RunRecord], reported: Mapping[str, str] | None = None) -> str:
    times = {run_id: datetime.fromisoformat(time) for run_id, time in (reported or {}).items()}
    times |= {record.dagster_run.run_id: record.update_timestamp for record in ended}
    newest = max(times.values(), default=None)
    kept = {run_id: time.isoformat() for run_id, time in times.items() if newest is None or time >= newest - _OVERLAP}
    return json.dumps(kept, sort_keys=True)
