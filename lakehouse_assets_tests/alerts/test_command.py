"""`lakehouse alerts test` and `lakehouse alerts list`: exit codes, what is said, and what is never shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lakehouse_assets.alerts.command import app
from lakehouse_assets.alerts.model import Facts, Key, Kind, Observation
from lakehouse_assets.alerts.report import store_file
from lakehouse_assets.alerts.store import Store
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.alerts.servers import free_port, mail_server, webhook

NOON = datetime(2024, 11, 16, 12, tzinfo=UTC)
Command = Callable[..., Result]


@pytest.fixture
def alerts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, with settings from the environment given."""
    monkeypatch.setattr("lakehouse_assets.settings.load_settings", Settings)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, **environment: str) -> Result:
        names = {f"LAKEHOUSE_ALERT_{name.upper()}": value for name, value in environment.items()}
        return CliRunner().invoke(app, arguments, env=names)

    return run


def mail_to(port: int) -> dict[str, str]:
    return {
        "smtp_host": "127.0.0.1",
        "smtp_port": f"{port}",
        "smtp_from": "lake@example.org",
        "smtp_to": "a@example.org",
        "smtp_starttls": "false",
    }


def test_test_message_goes_to_each_channel(alerts: Command) -> None:
    with webhook() as hook, mail_server() as box:
        ran = alerts("test", webhook=hook.url, **mail_to(box.port))
    assert (ran.exit_code, ran.stdout) == (0, "webhook: taken\nmail: taken\n")
    assert (hook.subjects, box.subjects) == (["Lakehouse: test"], ["Lakehouse: test"])


def test_channel_that_does_not_take_it_is_said_and_the_other_is_tried(alerts: Command) -> None:
    with webhook((404, {})) as hook, mail_server() as box:
        ran = alerts("test", webhook=hook.url, **mail_to(box.port))
    assert ran.exit_code == 1
    assert ran.stdout == "webhook: not taken: the webhook at 127.0.0.1 answered 404\nmail: taken\n"
    assert "plantedSecret" not in ran.output


def test_channel_that_is_not_there_is_said(alerts: Command) -> None:
    port = free_port()
    ran = alerts("test", **mail_to(port))
    assert ran.exit_code == 1
    assert f"mail: not taken: the mail server 127.0.0.1:{port}: ConnectionRefusedError" in ran.stdout


def test_without_a_channel_the_test_says_what_to_set(alerts: Command) -> None:
    ran = alerts("test")
    assert ran.exit_code == 2
    assert "error: No channel is configured. Nothing was sent. Set LAKEHOUSE_ALERT_WEBHOOK" in ran.stderr


def test_secret_in_a_file_that_is_open_to_others_is_wrong_input(alerts: Command, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("https://hooks.example.org/plantedSecret")
    secret.chmod(0o644)
    ran = alerts("test", webhook_file=str(secret))
    assert ran.exit_code == 2
    assert "is open to others than its owner (mode 0644)" in ran.stderr
    assert "plantedSecret" not in ran.output


def test_list_shows_open_incidents_and_with_all_those_that_are_over(alerts: Command, tmp_path: Path) -> None:
    held = Key(Kind.HELD, "silver.events", "2024-11-15", "gate")
    over = Key(Kind.THRESHOLD, "silver.users", "2024-11-14", "volume")
    store = Store(store_file(tmp_path))
    store.claim([], [Observation(key, True, NOON, Facts(failed_rows=20, total_rows=30)) for key in (held, over)], NOON)
    store.claim([], [Observation(over, False, NOON.replace(hour=13), Facts())], NOON)
    url = "https://hooks.example.org/plantedSecret"
    shown = alerts("list", webhook=url)
    assert shown.exit_code == 0
    (line,) = [" ".join(line.split()) for line in shown.stdout.splitlines() if "silver" in line]
    assert line == "2024-11-16 12:00 held silver.events 2024-11-15 gate 20 of 30 failed (66.7 %)"
    everything = alerts("list", "--all", webhook=url)
    assert "2024-11-16 12:00   2024-11-16 13:00   threshold   silver.users" in everything.stdout
    assert "plantedSecret" not in shown.output + everything.output


def test_list_without_incidents_says_so_and_makes_no_file(alerts: Command, tmp_path: Path) -> None:
    assert alerts("list", webhook="https://hooks.example.org/x").stdout == "No open incidents.\n"
    assert list(tmp_path.iterdir()) == []


def test_list_without_a_channel_says_that_nothing_is_followed(alerts: Command) -> None:
    ran = alerts("list")
    assert ran.exit_code == 0
    assert "warning: No channel is configured, so incidents are not followed" in ran.stderr


def test_list_over_a_damaged_file_is_an_error(alerts: Command, tmp_path: Path) -> None:
    store_file(tmp_path).write_bytes(b"no database" * 100)
    ran = alerts("list")
    assert ran.exit_code == 1
    assert "alerts.db cannot be used" in ran.stderr
