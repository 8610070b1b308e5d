"""Reports of runs and of landing through real channels: what is sent once, tried again, and never waited for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from threading import Event
from time import monotonic

import pytest
from dagster import DagsterEventType, Failure

from lakehouse_assets.alerts import channels, report
from lakehouse_assets.alerts.channels import Deadline, Patience
from lakehouse_assets.alerts.report import report_missing_files, report_run, store_file
from lakehouse_assets.alerts.store import CLAIM, Store
from lakehouse_assets.alerts.wording import Text
from lakehouse_assets_tests.alerts.configured import settings
from lakehouse_assets_tests.alerts.runs import GATE_FAILS, GATE_PASSES, SAMPLE, Runs, Step, dagster_home
from lakehouse_assets_tests.alerts.servers import HANG, Answer, free_port, mail_server, webhook

NOON = datetime(2024, 11, 16, 12, tzinfo=UTC)
HELD = "[ERROR] Day held: silver.events 2024-11-15"
OVER = "Resolved: Day held: silver.events 2024-11-15"
REFUSED: Answer = (404, {})


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    with dagster_home(tmp_path) as runs:
        yield runs


def mail_to(port: int) -> dict[str, object]:
    return {
        "alert_smtp_host": "127.0.0.1",
        "alert_smtp_port": port,
        "alert_smtp_from": "lake@example.org",
        "alert_smtp_to": "a@example.org",
        "alert_smtp_starttls": False,
    }


def test_held_day_is_one_message_with_counts_query_link_and_next_commands(runs: Runs, tmp_path: Path) -> None:
    run_id = runs.run(GATE_FAILS)
    with webhook() as hook:
        report_run(settings(tmp_path, alert_webhook=hook.url), runs.instance, run_id, now=NOON)
    assert hook.texts == [
        f"*{HELD}*\n"
        "None of the day's lines is in silver; its verdicts are in quarantine.\n"
        "2024-11-15 silver.events: 20 of 30 failed (66.7 %)\n"
        "Threshold: threshold of gate.\n"
        "Rows: ```SELECT 'gate'```\n"
        f"<http://127.0.0.1:3000/runs/{run_id}|Run in the web UI>\n"
        "Next: `lakehouse quarantine show --day 2024-11-15 --source events`\n"
        "Next: `lakehouse run --from 2024-11-15 --to 2024-11-15`"
    ]
    assert SAMPLE not in hook.texts[0]


def test_run_that_command_and_sensor_report_is_told_once(runs: Runs, tmp_path: Path) -> None:
    run_id = runs.run(GATE_FAILS)
    with webhook() as hook:
        for _ in range(2):
            report_run(settings(tmp_path, alert_webhook=hook.url), runs.instance, run_id, now=NOON)
    assert hook.subjects == [HELD]


def test_day_that_runs_well_again_is_told_once_and_a_rerun_says_nothing(runs: Runs, tmp_path: Path) -> None:
    with webhook() as hook:
        for step in (GATE_FAILS, GATE_FAILS, GATE_PASSES, GATE_PASSES):
            report_run(settings(tmp_path, alert_webhook=hook.url), runs.instance, runs.run(step), now=NOON)
    assert hook.subjects == [HELD, OVER]


def test_failed_run_is_told_and_over_when_its_days_ran_well(runs: Runs, tmp_path: Path) -> None:
    broken = Step("bronze_events", error=Failure("cut.jsonl.gz cannot be read to its end"))
    with webhook() as hook:
        for step in (broken, Step("bronze_events")):
            run_id = runs.run(step, last="2024-11-17")
            report_run(settings(tmp_path, alert_webhook=hook.url), runs.instance, run_id, now=NOON)
    days = "2024-11-15 to 2024-11-17 (3 days)"
    assert hook.subjects == [
        f"[ERROR] Run failed: bronze.events {days}",
        f"Resolved: Run failed: bronze.events {days}",
    ]
    assert "2024-11-16 bronze.events: cut.jsonl.gz cannot be read to its end" in hook.texts[0]
    assert "Next: `lakehouse run --from 2024-11-15 --to 2024-11-17`" in hook.texts[0]


def test_killed_run_whose_day_has_run_since_is_not_told_when_both_are_reported(runs: Runs, tmp_path: Path) -> None:
    killed, well = runs.end_from_outside(DagsterEventType.RUN_FAILURE), runs.run(Step("bronze_events"))
    with webhook() as hook:
        report_run(settings(tmp_path, alert_webhook=hook.url), runs.instance, killed, well, now=NOON)
    assert hook.subjects == []


def test_killed_run_is_told(runs: Runs, tmp_path: Path) -> None:
    killed = runs.end_from_outside(DagsterEventType.RUN_FAILURE)
    with webhook() as hook:
        report_run(settings(tmp_path, alert_webhook=hook.url), runs.instance, killed, now=NOON)
    assert hook.subjects == ["[ERROR] Run failed: 2024-11-15"]


def test_without_a_channel_nothing_is_looked_at_or_stored(runs: Runs, tmp_path: Path) -> None:
    report_run(settings(tmp_path), runs.instance, runs.run(GATE_FAILS), now=NOON)
    report_missing_files(settings(tmp_path, alert_expected_by=time(6)), runs.home, NOON)
    assert not store_file(runs.home).exists()


def test_channel_that_refuses_is_a_warning_and_is_tried_again_at_the_next_look(
    runs: Runs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with webhook(REFUSED) as hook:
        configured = settings(tmp_path, alert_webhook=hook.url)
        report_run(configured, runs.instance, runs.run(GATE_FAILS), now=NOON)
        (warning,) = caplog.messages
        report_missing_files(configured, runs.home, NOON)
    assert hook.subjects == [HELD, HELD]
    assert warning == "Alerts: 1 of 1 messages are not sent yet: the webhook at 127.0.0.1 answered 404"


def test_channel_that_refuses_does_not_have_the_other_told_twice(runs: Runs, tmp_path: Path) -> None:
    run_id = runs.run(GATE_FAILS)
    with webhook(REFUSED) as hook, mail_server() as box:
        configured = settings(tmp_path, alert_webhook=hook.url, **mail_to(box.port))
        for _ in range(2):
            report_run(configured, runs.instance, run_id, now=NOON)
    assert hook.subjects == [HELD, HELD]
    assert box.subjects == [HELD]


def test_secret_file_that_is_open_to_others_is_a_warning_and_the_other_channel_is_told(
    runs: Runs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("https://hooks.example.org/plantedSecret")
    secret.chmod(0o644)
    with mail_server() as box:
        configured = settings(tmp_path, alert_webhook_file=secret, **mail_to(box.port))
        report_run(configured, runs.instance, runs.run(GATE_FAILS), now=NOON)
        assert "is open to others than its owner (mode 0644)" in caplog.text
        with webhook() as hook:
            secret.write_text(hook.url)
            secret.chmod(0o600)
            report_run(configured, runs.instance, now=NOON)
    assert (box.subjects, hook.subjects) == ([HELD], [HELD])
    assert "plantedSecret" not in caplog.text


def test_first_message_that_is_not_taken_keeps_the_others_for_the_next_look(runs: Runs, tmp_path: Path) -> None:
    held = [GATE_FAILS, Step("bronze_users", error=Failure("no file"))]
    with webhook(REFUSED) as hook:
        configured = settings(tmp_path, alert_webhook=hook.url)
        run_id = runs.run(*held)
        report_run(configured, runs.instance, run_id, now=NOON)
        assert len(hook.texts) == 1
        report_run(configured, runs.instance, run_id, now=NOON)
    assert len(hook.texts) == 3


def test_channel_that_hangs_is_not_waited_for_longer_than_allowed_and_due_again_later(
    runs: Runs, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "SECONDS", 0.3)
    run_id = runs.run(GATE_FAILS)
    with webhook(HANG) as hook:
        configured = settings(tmp_path, alert_webhook=hook.url)
        started = monotonic()
        report_run(configured, runs.instance, run_id, now=NOON)
        assert monotonic() - started < 5
        assert caplog.messages != []
        monkeypatch.setattr(report, "SECONDS", 15.0)
        report_run(configured, runs.instance, run_id, now=NOON + CLAIM)
    assert hook.subjects == [HELD, HELD]


def test_channel_that_keeps_to_no_time_limit_is_not_waited_for(
    runs: Runs, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = Event()

    class Stuck:
        def send(self, text: Text, deadline: Deadline) -> None:
            ended.wait(30)

    monkeypatch.setattr(report, "SECONDS", 0.2)
    monkeypatch.setattr(report, "configured_channels", lambda _: {"webhook": Stuck})
    run_id = runs.run(GATE_FAILS)
    started = monotonic()
    report_run(settings(tmp_path, alert_webhook="https://hooks.example.org/x"), runs.instance, run_id, now=NOON)
    assert monotonic() - started < 5
    ended.set()
    assert "were not waited for" in caplog.text


def test_server_that_is_not_there_fails_nothing(
    runs: Runs, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "Patience", lambda: Patience(attempts=1))
    url = f"http://127.0.0.1:{free_port()}/plantedSecret"
    report_run(settings(tmp_path, alert_webhook=url), runs.instance, runs.run(GATE_FAILS), now=NOON)
    assert "the webhook at 127.0.0.1: ConnectError" in caplog.text
    assert "plantedSecret" not in caplog.text


def test_file_of_incidents_that_is_damaged_fails_nothing(
    runs: Runs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store_file(runs.home).write_bytes(b"no database" * 100)
    with webhook() as hook:
        report_run(settings(tmp_path, alert_webhook=hook.url), runs.instance, runs.run(GATE_FAILS), now=NOON)
    assert hook.texts == []
    assert "alerts.db cannot be used" in caplog.text


def test_unexpected_error_fails_nothing_and_is_named_with_its_place_and_not_quoted(
    runs: Runs, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("plantedSecret")

    monkeypatch.setattr(report, "observe_run", fail)
    with webhook() as hook:
        report_run(settings(tmp_path, alert_webhook=hook.url), runs.instance, "run", now=NOON)
    assert "no alert was sent, because of an unexpected RuntimeError at " in caplog.text
    assert "test_report.py:" in caplog.text
    assert "plantedSecret" not in caplog.text


def test_hourly_look_reminds_once_a_day(runs: Runs, tmp_path: Path) -> None:
    with webhook() as hook:
        configured = settings(tmp_path, alert_webhook=hook.url)
        report_run(configured, runs.instance, runs.run(GATE_FAILS), now=NOON)
        for hours in (1, 23, 24, 25):
            report_missing_files(configured, runs.home, NOON + timedelta(hours=hours))
    assert hook.subjects == [HELD, f"Still open: {HELD}"]


def land(home: Path, source: str, day: str) -> None:
    folder = home / "landing" / source / f"dt={day}"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text("{}\n")


def test_missing_file_is_told_after_its_time_and_over_when_it_is_there(runs: Runs, tmp_path: Path) -> None:
    for source in ("transactions", "users"):
        land(tmp_path, source, "2024-11-15")
    with webhook() as hook:
        configured = settings(
            tmp_path, alert_webhook=hook.url, alert_expected_by=time(6), start_date=NOON.date() - timedelta(days=1)
        )
        report_missing_files(configured, runs.home, NOON.replace(hour=5, minute=59))
        assert hook.subjects == []
        report_missing_files(configured, runs.home, NOON.replace(hour=6))
        report_missing_files(configured, runs.home, NOON.replace(hour=7))
        land(tmp_path, "events", "2024-11-15")
        report_missing_files(configured, runs.home, NOON.replace(hour=8))
        report_missing_files(configured, runs.home, NOON.replace(hour=9))
    missing = "No landing file: landing.events 2024-11-15"
    assert hook.subjects == [f"[ERROR] {missing}", f"Resolved: {missing}"]


def test_missing_file_of_long_ago_is_over_when_it_comes(runs: Runs, tmp_path: Path) -> None:
    for source in ("transactions", "users"):
        land(tmp_path, source, "2024-11-15")
    start = {"start_date": NOON.date() - timedelta(days=1)}
    with webhook() as hook:
        configured = settings(tmp_path, alert_webhook=hook.url, alert_expected_by=time(6), **start)
        report_missing_files(configured, runs.home, NOON)
        land(tmp_path, "events", "2024-11-15")
        report_missing_files(configured, runs.home, NOON + timedelta(days=60))
    assert "Resolved: No landing file: landing.events 2024-11-15" in hook.subjects
    assert {incident.key.day for incident in Store(store_file(runs.home)).incidents()} >= {"2025-01-14"}


def test_run_does_not_remind_of_missing_files_that_it_does_not_look_for(runs: Runs, tmp_path: Path) -> None:
    with webhook() as hook:
        configured = settings(tmp_path, alert_webhook=hook.url, alert_expected_by=time(6))
        report_missing_files(configured, runs.home, NOON)
        sent = len(hook.texts)
        run_id = runs.run(Step("bronze_events"))
        report_run(configured, runs.instance, run_id, now=NOON + timedelta(days=2))
    assert sent == 3
    assert len(hook.texts) == sent
