"""What messages say, as text for each channel."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse_assets.alerts.model import Event, Facts, Incident, Key, Kind, Message
from lakehouse_assets.alerts.wording import write

NOON = datetime(2024, 11, 16, 12, tzinfo=UTC)
UI = "https://dagster.example.org/"


def incident(
    kind: Kind, table: str = "silver.events", day: str = "2024-11-15", check: str = "", **facts: object
) -> Incident:
    return Incident(Key(kind, table, day, check), True, NOON, Facts.from_dict({"run_id": "r1"} | facts), NOON)


def test_slack_takes_nothing_in_a_message_for_a_call_or_a_link() -> None:
    note = "landing/events/dt=D/<!channel> & <https://evil.example.org|click>"
    slack = write(Message(Event.OPENED, (incident(Kind.RUN_FAILED, note=note),)), UI).as_slack()
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example.org|click&gt;" in slack
    assert slack.count("<") == 1
    assert "<https://dagster.example.org/runs/r1|Run in the web UI>" in slack


def test_subject_is_one_line_whatever_the_names_hold() -> None:
    text = write(Message(Event.OPENED, (incident(Kind.RUN_FAILED, "bronze.a\r\nBcc: x@example.org"),)), UI)
    assert text.subject == "[ERROR] Run failed: bronze.a Bcc: x@example.org 2024-11-15"


def test_many_days_are_counted_and_the_first_ten_shown() -> None:
    days = [incident(Kind.HELD, day=f"2024-11-{day:02}", check="gate") for day in range(1, 15)]
    text = write(Message(Event.OPENED, tuple(days)), UI)
    assert text.subject == "[ERROR] Day held: silver.events 2024-11-01 to 2024-11-14 (14 days)"
    assert sum(line.startswith("2024-11-") for line in text.lines) == 10
    assert "... and 4 more: `lakehouse alerts list` shows all that are open." in text.lines


def test_warning_is_told_as_one_and_an_error_among_warnings_as_an_error() -> None:
    warning = incident(Kind.THRESHOLD, check="volume", severity="WARN")
    error = incident(Kind.THRESHOLD, day="2024-11-16", check="volume", severity="ERROR")
    assert write(Message(Event.OPENED, (warning,)), UI).subject.startswith(
        "[WARN] Threshold crossed: silver.events volume"
    )
    assert write(Message(Event.OPENED, (warning, error)), UI).subject.startswith("[ERROR]")


def test_reminder_says_since_when_and_the_end_asks_for_nothing() -> None:
    found = incident(Kind.HELD, check="gate", sql="SELECT 1", failed_rows=20, total_rows=30)
    reminder = write(Message(Event.REMINDER, (found,)), UI)
    assert reminder.subject == "Still open: [ERROR] Day held: silver.events 2024-11-15"
    assert "2024-11-15 silver.events: 20 of 30 failed (66.7 %); since 2024-11-16 12:00 UTC" in reminder.lines
    over = write(Message(Event.RESOLVED, (found,)), UI)
    assert over.subject == "Resolved: Day held: silver.events 2024-11-15"
    assert (over.sql, over.commands) == ("", ())
    assert over.link == "https://dagster.example.org/runs/r1"


@pytest.mark.parametrize(
    ("kind", "table", "check", "shown"),
    [
        (Kind.HELD, "silver.users", "gate", ["--day 2024-11-15 --source users"]),
        (Kind.THRESHOLD, "silver.users", "country_valid", ["--day 2024-11-15 --source users --rule country_valid"]),
        (Kind.THRESHOLD, "silver.users", "volume", []),
        (Kind.BLOCKED, "gold.user_session_analysis", "contract", []),
        (Kind.RUN_FAILED, "", "", []),
        (Kind.MISSING, "landing.events", "", []),
    ],
)
def test_next_commands_show_quarantine_where_lines_are_in_it_and_run_the_day(
    kind: Kind, table: str, check: str, shown: list[str]
) -> None:
    text = write(Message(Event.OPENED, (incident(kind, table, check=check),)), UI)
    run = "lakehouse run --from 2024-11-15 --to 2024-11-15"
    assert list(text.commands) == [*(f"lakehouse quarantine show {options}" for options in shown), run]


def test_next_commands_name_all_days() -> None:
    days = tuple(incident(Kind.HELD, day=day, check="gate") for day in ("2024-11-15", "2024-11-18"))
    assert write(Message(Event.OPENED, days), UI).commands == (
        "lakehouse quarantine show --from 2024-11-15 --to 2024-11-18 --source events",
        "lakehouse run --from 2024-11-15 --to 2024-11-18",
    )


def test_long_note_is_cut() -> None:
    text = write(Message(Event.OPENED, (incident(Kind.RUN_FAILED, note="x" * 5000),)), UI)
    assert max(map(len, text.lines)) < 500


def test_link_is_that_of_the_newest_run() -> None:
    older = incident(Kind.HELD, check="gate")
    newer = Incident(
        Key(Kind.HELD, "silver.events", "2024-11-16", "gate"), True, NOON + timedelta(hours=1), Facts("r2")
    )
    assert write(Message(Event.OPENED, (older, newer)), UI).link.endswith("/runs/r2")


def test_refused_files_of_a_pull_are_told_without_a_day() -> None:
    key = Key(Kind.THRESHOLD, "ingestion.transactions", "", "files_accepted")
    facts = Facts("r1", failed_rows=1, total_rows=3, threshold="one refused file", severity="WARN")
    text = write(Message(Event.OPENED, (Incident(key, True, NOON, facts, NOON),)), UI)
    assert text.subject == "[WARN] Threshold crossed: ingestion.transactions files_accepted"
    assert text.lines == (
        "The files are in landing/_rejected/, each with the reason beside it; the others landed.",
        "ingestion.transactions: 1 of 3 failed (33.3 %)",
        "Threshold: one refused file.",
    )
    assert text.commands == ("lakehouse sources check",)
