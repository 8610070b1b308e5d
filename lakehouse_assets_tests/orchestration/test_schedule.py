"""The schedule `daily_schedule`: which arrival day a tick asks for."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from dagster import DagsterInstance, build_schedule_context
from dagster._core.definitions.schedule_definition import ScheduleExecutionData

from lakehouse_assets.definitions import build_defs
from lakehouse_assets.settings import Settings


def _tick(home: Path, start: date, at: datetime) -> ScheduleExecutionData:
    defs = build_defs(settings=Settings.model_validate({"home": home, "start_date": start}))
    with DagsterInstance.ephemeral() as instance:
        context = build_schedule_context(
            instance, scheduled_execution_time=at, repository_def=defs.get_repository_def()
        )
        return defs.resolve_schedule_def("daily_schedule").evaluate_tick(context)


def test_schedule_ticks_every_night_at_half_past_midnight_utc(tmp_path: Path) -> None:
    schedule = build_defs(settings=Settings.model_validate({"home": tmp_path})).resolve_schedule_def("daily_schedule")
    assert schedule.cron_schedule == "30 0 * * *"
    assert schedule.execution_timezone == "UTC"


def test_tick_after_midnight_asks_for_the_day_that_has_just_ended(tmp_path: Path) -> None:
    tick = _tick(tmp_path, start=date(2024, 11, 1), at=datetime(2024, 11, 16, 0, 30, tzinfo=UTC))
    assert [request.partition_key for request in tick.run_requests or []] == ["2024-11-15"]
    assert [request.tags["dagster/partition"] for request in tick.run_requests or []] == ["2024-11-15"]


def test_ticks_of_two_nights_are_two_runs(tmp_path: Path) -> None:
    first = _tick(tmp_path, start=date(2024, 11, 1), at=datetime(2024, 11, 16, 0, 30, tzinfo=UTC))
    second = _tick(tmp_path, start=date(2024, 11, 1), at=datetime(2024, 11, 17, 0, 30, tzinfo=UTC))
    keys = [request.run_key for tick in (first, second) for request in tick.run_requests or []]
    assert len(keys) == 2
    assert keys[0] != keys[1]


def test_tick_on_the_first_partition_day_asks_for_nothing_and_says_why(tmp_path: Path) -> None:
    tick = _tick(tmp_path, start=date(2024, 11, 16), at=datetime(2024, 11, 16, 0, 30, tzinfo=UTC))
    assert list(tick.run_requests or []) == []
    assert tick.skip_message
