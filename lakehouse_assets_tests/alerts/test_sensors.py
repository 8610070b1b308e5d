"""The sensors over runs that Dagster recorded: which runs a tick reports, and by which clock landing is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from dagster import DagsterEventType, DefaultSensorStatus, Definitions, SensorDefinition, build_sensor_context
from dagster._core.definitions.sensor_definition import SensorExecutionData

from lakehouse_assets.alerts import sensors
from lakehouse_assets.alerts.configuration import AlertSettings
from lakehouse_assets.alerts.report import report_run
from lakehouse_assets.alerts.sensors import build_alert_sensors
from lakehouse_assets_tests.alerts.configured import settings
from lakehouse_assets_tests.alerts.runs import GATE_FAILS, GATE_PASSES, Runs, Step, dagster_home
from lakehouse_assets_tests.alerts.servers import Hook, webhook

NOON = datetime(2024, 11, 16, 12, tzinfo=UTC)
HELD = "[ERROR] Day held: silver.events 2024-11-15"
OVER = "Resolved: Day held: silver.events 2024-11-15"


@dataclass
class Watch:
    """A sensor with its cursor from tick to tick, as Dagster's daemon keeps it."""

    runs: Runs
    settings: AlertSettings
    name: str = "alert_on_run_end"
    cursor: str | None = None

    def tick(self) -> SensorExecutionData:
        with build_sensor_context(self.runs.instance, self.cursor) as context:
            data = by_name(self.settings)[self.name].evaluate_tick(context)
        self.cursor = data.cursor
        return data


def by_name(settings: AlertSettings) -> dict[str, SensorDefinition]:
    return {sensor.name: sensor for sensor in build_alert_sensors(settings, lambda: NOON)}


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    with dagster_home(tmp_path) as runs:
        yield runs


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook() as hook:
        yield hook


@pytest.fixture
def watch(runs: Runs, hook: Hook, tmp_path: Path) -> Watch:
    return Watch(runs, settings(tmp_path, alert_webhook=hook.url))


@pytest.fixture
def watching(watch: Watch) -> Watch:
    watch.tick()
    return watch


def test_without_a_channel_there_are_no_sensors(tmp_path: Path) -> None:
    assert build_alert_sensors(settings(tmp_path)) == []


def test_with_a_channel_both_run_without_being_switched_on_and_dagster_takes_them(tmp_path: Path) -> None:
    made = by_name(settings(tmp_path, alert_webhook="https://hooks.example.org/x"))
    assert {name: sensor.default_status for name, sensor in made.items()} == {
        "alert_on_run_end": DefaultSensorStatus.RUNNING,
        "alert_on_missing_files": DefaultSensorStatus.RUNNING,
    }
    Definitions.validate_loadable(Definitions(sensors=list(made.values())))


def test_runs_of_before_the_first_tick_are_not_told(watch: Watch, hook: Hook) -> None:
    watch.runs.run(GATE_FAILS)
    watch.tick()
    watch.tick()
    assert hook.subjects == []


def test_first_run_of_all_is_told(watching: Watch, hook: Hook) -> None:
    watching.runs.run(GATE_FAILS)
    watching.tick()
    assert hook.subjects == [HELD]


def test_run_is_reported_by_one_tick_only(watching: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[str] = []
    monkeypatch.setattr(sensors, "report_run", lambda _settings, _instance, *run_ids, now: reported.extend(run_ids))
    ran = [watching.runs.run(Step("bronze_events"))]
    watching.tick()
    ran.append(watching.runs.run(Step("bronze_events")))
    watching.tick()
    watching.tick()
    assert reported == ran


def test_runs_that_are_more_than_a_tick_takes_are_all_reported_in_turn(
    watching: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[str] = []
    monkeypatch.setattr(sensors, "report_run", lambda _settings, _instance, *run_ids, now: reported.extend(run_ids))
    monkeypatch.setattr(sensors, "RUNS_OF_A_TICK", 2)
    ran = [watching.runs.end_from_outside(DagsterEventType.RUN_FAILURE) for _ in range(5)]
    for _ in range(3):
        watching.tick()
    assert sorted(reported) == sorted(ran)


@pytest.mark.parametrize("end", [DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED])
def test_run_that_was_killed_or_canceled_is_told(watching: Watch, hook: Hook, end: DagsterEventType) -> None:
    watching.runs.end_from_outside(end)
    watching.tick()
    assert hook.subjects == ["[ERROR] Run failed: 2024-11-15"]


def test_run_that_goes_on_is_told_when_it_has_ended(watching: Watch, hook: Hook) -> None:
    run = watching.runs.instance.get_run_by_id(watching.runs.begin())
    assert run is not None
    tick = watching.tick()
    assert (hook.subjects, tick.skip_message) == ([], "No run ended.")
    watching.runs.instance.report_run_failed(run)
    watching.tick()
    assert hook.subjects == ["[ERROR] Run failed: 2024-11-15"]


def test_run_of_the_command_is_told_once_though_the_sensor_sees_it_too(watching: Watch, hook: Hook) -> None:
    for step in (GATE_FAILS, GATE_PASSES):
        run_id = watching.runs.run(step)
        report_run(watching.settings, watching.runs.instance, run_id, now=NOON)
        watching.tick()
    assert hook.subjects == [HELD, OVER]


def test_older_run_that_the_sensor_sees_after_a_newer_one_was_reported_opens_nothing(
    watching: Watch, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "RUNS_OF_A_TICK", 1)
    watching.runs.run(GATE_FAILS)
    report_run(watching.settings, watching.runs.instance, watching.runs.run(GATE_PASSES), now=NOON)
    watching.tick()
    assert hook.subjects == []


def test_missing_files_are_looked_for_by_the_clock(runs: Runs, hook: Hook, tmp_path: Path) -> None:
    configured = settings(
        tmp_path,
        alert_webhook=hook.url,
        alert_expected_by=time(6),
        start_date=datetime(2024, 11, 15, tzinfo=UTC).date(),
    )
    tick = Watch(runs, configured, "alert_on_missing_files").tick()
    assert hook.subjects == [
        f"[ERROR] No landing file: landing.{source} 2024-11-15" for source in ("events", "transactions", "users")
    ]
    assert tick.skip_message == "Looked for files expected by 06:00 UTC, and for reminders and messages that are due."


def test_hourly_tick_sends_what_could_not_be_sent_before(runs: Runs, tmp_path: Path) -> None:
    with webhook((404, {})) as hook:
        configured = settings(tmp_path, alert_webhook=hook.url)
        report_run(configured, runs.instance, runs.run(GATE_FAILS), now=NOON)
        Watch(runs, configured, "alert_on_missing_files").tick()
    assert hook.subjects == [HELD, HELD]
