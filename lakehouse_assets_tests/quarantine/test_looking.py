"""`lakehouse quarantine list`, `show` and `stats`: what a person sees of bad lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lakehouse_assets.contracts.tables import QUARANTINE
from lakehouse_assets.quarantine_command import app
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets_tests.driving import run_pipeline
from lakehouse_assets_tests.quarantine.home import FRIDAY, HOSTILE, LONG, SECRETS, cells, deliver, quarantine

FRIDAY_EVENTS = {
    "source": "events",
    "day": "2024-11-15",
    "lines": 30,
    "quarantined": 20,
    "percent": 66.667,
    "held": True,
    "rules": {"corrupt_json": 20},
}
FRIDAY_TRANSACTIONS = {
    "source": "transactions",
    "day": "2024-11-15",
    "lines": 3,
    "quarantined": 2,
    "percent": 66.667,
    "held": False,
    "rules": {"amount_positive": 1, "amount_valid": 1, "currency_allowed": 1},
}
THURSDAY_EVENTS = {
    "source": "events",
    "day": "2024-11-14",
    "lines": 3,
    "quarantined": 2,
    "percent": 66.667,
    "held": False,
    "rules": {"corrupt_json": 1, "event_type_allowed": 1},
}
EVENTS_WEEK_AGO = {
    "source": "events",
    "day": "2024-11-07",
    "lines": 2,
    "quarantined": 1,
    "percent": 50.0,
    "held": False,
    "rules": {"corrupt_json": 1},
}


def look(home: Path, *arguments: str, **environment: str) -> Result:
    """The command in this process."""
    return CliRunner().invoke(app, list(arguments), env={"LAKEHOUSE_HOME": str(home), "COLUMNS": "200"} | environment)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), [FRIDAY_EVENTS, FRIDAY_TRANSACTIONS, THURSDAY_EVENTS, EVENTS_WEEK_AGO]),
        (("--source", "transactions", "--source", "users"), [FRIDAY_TRANSACTIONS]),
        (("--rule", "event_type_allowed"), [THURSDAY_EVENTS]),
        (("--from", "2024-11-08", "--to", "2024-11-14"), [THURSDAY_EVENTS]),
        (("--day", "2024-11-07"), [EVENTS_WEEK_AGO]),
        (("--day", "2024-11-09"), []),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_list_as_json_has_the_numbers_of_each_day_newest_first(
    home: Path, options: tuple[str, ...], expected: list[dict[str, object]]
) -> None:
    listed = look(home, "list", "--json", *options)
    assert listed.exit_code == 0
    assert json.loads(listed.stdout) == expected


def test_list_holds_a_day_by_the_settings_of_the_gate(home: Path) -> None:
    listed = look(home, "list", "--json", LAKEHOUSE_QUARANTINE_MIN_ROWS="2")
    assert [day["held"] for day in json.loads(listed.stdout)] == [True, True, True, False]


def test_list_prints_a_line_per_day_and_source(home: Path) -> None:
    listed = quarantine(home, "list")
    assert listed.returncode == 0, listed.stderr
    assert cells(listed.stdout)[1:] == [
        ["day", "source", "lines", "quarantined", "percent", "held", "rules"],
        ["─" * len(listed.stdout.splitlines()[3].strip())],
        ["2024-11-15", "events", "30", "20", "66.7", "yes", "corrupt_json (20)"],
        [
            *("2024-11-15", "transactions", "3", "2", "66.7", "no"),
            "amount_positive (1), amount_valid (1), currency_allowed (1)",
        ],
        ["2024-11-14", "events", "3", "2", "66.7", "no", "corrupt_json (1), event_type_allowed (1)"],
        ["2024-11-07", "events", "2", "1", "50.0", "no", "corrupt_json (1)"],
    ]


def test_show_masks_the_text_and_names_day_file_line_and_rules(home: Path) -> None:
    shown = look(home, "show", "--day", "2024-11-14")
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.splitlines() == [
        "2024-11-14  events/dt=2024-11-14/a.json:2  corrupt_json",
        '  {"event_id":"XXXXXXXXXXX","user_id":"xxxxx.xxxxx@xxxxxxx.xxx"',
        "2024-11-14  events/dt=2024-11-14/a.json:3  event_type_allowed",
        '  {"event_id":"X9","session_id":"X9","user_id":"XxxxxxXxxx99","event_type":"xxxxxxxx",'
        '"event_timestamp":"9999-99-99X99:99:99"}',
    ]


def test_show_of_everything_has_no_secret_and_with_raw_has_all(home: Path) -> None:
    masked = look(home, "show", "--all", COLUMNS="10000")
    raw = look(home, "show", "--all", "--raw", COLUMNS="10000")
    assert len(masked.stdout.splitlines()) == len(raw.stdout.splitlines()) == 2 * 25
    assert [secret for secret in SECRETS if secret in masked.stdout + masked.stderr] == []
    assert [secret for secret in SECRETS if secret not in raw.stdout] == []


def test_show_stops_at_the_limit_and_says_how_many_there_are(home: Path) -> None:
    shown = look(home, "show", "--limit", "3", "--rule", "corrupt_json")
    places = [line.split("  ")[1] for line in shown.stdout.splitlines()[::2]]
    assert places == [f"events/dt=2024-11-15/a [b].json:{line}" for line in (1, 2, 3)]
    assert "3 of 22 lines are shown" in shown.stderr


def test_show_of_a_rule_leaves_out_the_lines_before_that_fail_others(home: Path) -> None:
    shown = look(home, "show", "--rule", "event_type_allowed")
    assert [line.split("  ")[1] for line in shown.stdout.splitlines()[::2]] == ["events/dt=2024-11-14/a.json:3"]


def test_show_of_a_rule_goes_on_to_older_days_for_its_lines(home: Path) -> None:
    shown = look(home, "show", "--raw", "--limit", "21", "--rule", "corrupt_json")
    assert shown.stdout.splitlines()[40].endswith("events/dt=2024-11-14/a.json:2  corrupt_json")
    assert len(shown.stdout.splitlines()) == 42


def test_line_longer_than_the_terminal_is_shortened_to_its_width(home: Path) -> None:
    shown = look(home, "show", "--raw", "--limit", "1", COLUMNS="60")
    text = shown.stdout.splitlines()[1]
    assert text == f"  {LONG}"[:59] + "…"


def test_markup_and_control_characters_of_a_raw_text_are_shown_and_not_obeyed(home: Path) -> None:
    shown = quarantine(home, "show", "--raw", "--day", "2024-11-15", "--source", "events", FORCE_COLOR="1")
    assert r"  [bold red]boom[/] :smile: \x1b[31mred\x07 \u202egnp.exe" in shown.stdout.splitlines()
    assert "\x1b[31m" in HOSTILE
    assert [char for char in ("\x1b[31m", "\x07", "\u202e") if char in shown.stdout] == []


def test_stats_has_a_line_per_rule_with_share_and_trend(home: Path) -> None:
    stats = look(home, "stats")
    assert stats.exit_code == 0, stats.stderr
    friday = ("2024-11-15", "2024-11-15")
    assert cells(stats.stdout)[3:] == [
        ["corrupt_json", "events", "22", "3", "2024-11-07", "2024-11-15", "88.0", "21", "1", "+2000 %"],
        ["event_type_allowed", "events", "1", "1", "2024-11-14", "2024-11-14", "4.0", "1", "0", "new"],
        ["amount_positive", "transactions", "1", "1", *friday, "4.0", "1", "0", "new"],
        ["amount_valid", "transactions", "1", "1", *friday, "4.0", "1", "0", "new"],
        ["currency_allowed", "transactions", "1", "1", *friday, "4.0", "1", "0", "new"],
    ]


def test_trend_ends_with_the_last_day_asked_for_and_looks_back_before_the_first(home: Path) -> None:
    stats = look(home, "stats", "--from", "2024-11-15", "--to", "2024-11-21", "--rule", "corrupt_json")
    assert cells(stats.stdout)[3:] == [
        ["corrupt_json", "events", "20", "1", "2024-11-15", "2024-11-15", "90.9", "20", "1", "+1900 %"]
    ]


@pytest.mark.parametrize("command", [("list",), ("list", "--json"), ("show",), ("stats",), ("replay",)], ids=" ".join)
def test_before_the_first_run_there_is_a_friendly_message(tmp_path: Path, command: tuple[str, ...]) -> None:
    ran = look(tmp_path, *command)
    assert ran.exit_code == 0
    assert f"No run has judged a line yet in {tmp_path}" in " ".join(ran.stderr.split())
    assert ran.stdout == ("[]\n" if "--json" in command else "")


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        (("--source", "orders"), ("'orders'", "events, transactions, users")),
        (("--rule", "no_such_rule"), ("'no_such_rule'", "corrupt_json", "amount_positive")),
        (("--rule", "amount_positive", "--source", "events"), ("no rule of events", "event_type_allowed")),
        (("--from", "2024-11-16", "--to", "2024-11-15"), ("--from 2024-11-16 is after --to 2024-11-15", "Swap")),
        (("--day", "2024-11-15", "--to", "2024-11-15"), ("--day stands for",)),
        (("--day", "Friday"), ("Friday", "%Y-%m-%d")),
        (("--source", "[bold]\x1b[31m"), (r"[bold]\x1b[31m",)),
    ],
    ids=lambda value: " ".join(value),
)
def test_wrong_values_give_a_message_with_those_there_are_and_exit_code_2(
    tmp_path: Path, options: tuple[str, ...], messages: tuple[str, ...]
) -> None:
    ran = look(tmp_path, "list", *options)
    assert ran.exit_code == 2
    assert [message for message in messages if message not in ran.stderr] == []
    assert ran.stdout == ""


def test_every_command_refuses_a_wrong_selection_before_it_does_anything(tmp_path: Path) -> None:
    for command in (["show"], ["stats"], ["replay"], ["export", "--out", str(tmp_path / "bad.csv")]):
        ran = look(tmp_path, *command, "--source", "orders")
        assert (command, ran.exit_code, ran.stdout) == (command, 2, "")
    assert list(tmp_path.iterdir()) == []


def test_damaged_file_of_the_table_is_named_and_nothing_is_changed(lake: Lake, tmp_path: Path) -> None:
    deliver(tmp_path, "events", FRIDAY, "a.json", "{broken\n")
    run_pipeline(lake, tmp_path / "landing", [FRIDAY])
    for task in lake.table(QUARANTINE["events"]).scan().plan_files():
        Path(task.file.file_path.removeprefix("file://")).write_bytes(b"not Parquet")
    ran = look(tmp_path, "list")
    assert ran.exit_code == 1
    assert "quarantine.events cannot be read" in ran.stderr
    assert "Nothing was changed. Check the catalog" in " ".join(ran.stderr.split())
