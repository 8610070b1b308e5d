"""What a run tells Dagster of each day: names and values, counted by hand over one small delivery."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dagster import TableRecord

from lakehouse_assets.contracts.tables import TABLES
from lakehouse_assets_tests.assets.daily_runs import DailyRun, head, run_range, snapshots
from lakehouse_assets_tests.assets.deliveries import TRANSACTIONS_HEADER, USERS_HEADER, deliver, event

THURSDAY, FRIDAY, SATURDAY = "2024-11-14", "2024-11-15", "2024-11-16"
DAYS = (THURSDAY, FRIDAY, SATURDAY)

# What is counted of a day; besides, `quarantined/<rule>` for every rule that a line of it fails.
OF_THE_DAY = {
    "dagster/partition_row_count",
    "files",
    "bytes_landed",
    "lines",
    "accepted",
    "quarantined",
    "duplicates",
    "late",
}
TYPED_BY_A_PERSON = "María, Av. Arequipa 123"


@dataclass(frozen=True)
class Delivered:
    """A home folder with two runs of the same three days behind it."""

    home: Path
    first: DailyRun
    second: DailyRun
    snapshots_between: dict[str, list[int]]


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    """Thursday and Friday with all kinds of lines, nothing on Saturday."""
    home = tmp_path_factory.mktemp("home")
    deliver(
        home,
        "events",
        THURSDAY,
        event("E1", "S1", "U1", "2024-11-14T10:00:00"),
        event("E2", "S1", "U1", "2024-11-14T10:05:00"),
        f'{{"event_id": "E3", "event_details": "{TYPED_BY_A_PERSON}"',  # corrupt_json
        event(None, "S1", "U1", "2024-11-14T10:06:00", kind="dance"),  # event_id_not_null and event_type_allowed
    )
    deliver(
        home,
        "events",
        FRIDAY,
        event("E1", "S1", "U1", "2024-11-14T10:00:00"),  # late; beats the one of Thursday
        event("E4", "S2", "U2", "2024-11-15T09:00:00"),
        event("E4", "S2", "U2", "2024-11-15T09:00:00"),  # beats the one before
    )
    deliver(
        home,
        "transactions",
        THURSDAY,
        TRANSACTIONS_HEADER,
        "T1,S1,U1,9.50,USD,2024-11-14 10:30:00",
        "T2,S1,U1,-1,USD,2024-11-14 10:31:00",  # amount_positive
    )
    deliver(
        home,
        "users",
        FRIDAY,
        USERS_HEADER,
        "U1,2024-01-01,iOS,PE",
        "U2,2024-02-01,Fax,peru",  # device_type_allowed and country_valid
    )
    first = run_range(home, THURSDAY, SATURDAY)
    between = snapshots(home)
    return Delivered(home, first, run_range(home, THURSDAY, SATURDAY), between)


def _numbers(run: DailyRun, table: str, day: str) -> dict[str, Any]:
    """What is counted of the day, without the rules that no line fails."""
    metadata = run.metadata(table, day)
    failed = {name: value for name, value in metadata.items() if name.startswith("quarantined/") and value}
    return {name: value for name, value in metadata.items() if name in OF_THE_DAY} | failed


def _by_day(run: DailyRun, table: str, name: str) -> list[Any]:
    return [run.metadata(table, day)[name] for day in DAYS]


def test_every_table_is_materialized_once_for_every_day(delivered: Delivered) -> None:
    assert delivered.first.succeeded
    assert sorted(delivered.first.materialized) == sorted((name, day) for name in TABLES for day in DAYS)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (
            THURSDAY,
            {
                "dagster/partition_row_count": 1,
                "lines": 4,
                "accepted": 2,
                "quarantined": 2,
                "duplicates": 1,
                "late": 0,
                "quarantined/corrupt_json": 1,
                "quarantined/event_id_not_null": 1,
                "quarantined/event_type_allowed": 1,
            },
        ),
        (
            FRIDAY,
            {
                "dagster/partition_row_count": 2,
                "lines": 3,
                "accepted": 3,
                "quarantined": 0,
                "duplicates": 1,
                "late": 1,
            },
        ),
        (
            SATURDAY,
            {
                "dagster/partition_row_count": 0,
                "lines": 0,
                "accepted": 0,
                "quarantined": 0,
                "duplicates": 0,
                "late": 0,
            },
        ),
    ],
)
def test_silver_tells_what_became_of_the_lines_of_the_day(
    delivered: Delivered, day: str, expected: dict[str, int]
) -> None:
    assert _numbers(delivered.first, "silver.events", day) == expected


def test_silver_of_each_source_tells_why_its_own_lines_were_quarantined(delivered: Delivered) -> None:
    assert _numbers(delivered.first, "silver.transactions", THURSDAY) == {
        "dagster/partition_row_count": 1,
        "lines": 2,
        "accepted": 1,
        "quarantined": 1,
        "duplicates": 0,
        "late": 0,
        "quarantined/amount_positive": 1,
    }
    assert _numbers(delivered.first, "silver.users", FRIDAY) == {
        "dagster/partition_row_count": 1,
        "lines": 2,
        "accepted": 1,
        "quarantined": 1,
        "duplicates": 0,
        "late": 0,
        "quarantined/country_valid": 1,
        "quarantined/device_type_allowed": 1,
    }


def test_quarantine_tells_how_many_lines_of_the_day_it_holds_and_why(delivered: Delivered) -> None:
    assert _numbers(delivered.first, "quarantine.events", THURSDAY) == {
        "dagster/partition_row_count": 2,
        "lines": 4,
        "quarantined/corrupt_json": 1,
        "quarantined/event_id_not_null": 1,
        "quarantined/event_type_allowed": 1,
    }
    assert _numbers(delivered.first, "quarantine.events", FRIDAY) == {"dagster/partition_row_count": 0, "lines": 3}
    assert _numbers(delivered.first, "quarantine.events", SATURDAY) == {"dagster/partition_row_count": 0, "lines": 0}


def test_bronze_tells_lines_files_and_bytes_of_the_day(delivered: Delivered) -> None:
    landed = delivered.home / "landing" / "events" / f"dt={THURSDAY}" / "a.json"
    assert _numbers(delivered.first, "bronze.events", THURSDAY) == {
        "dagster/partition_row_count": 4,
        "files": 1,
        "bytes_landed": landed.stat().st_size,
    }
    assert _numbers(delivered.first, "bronze.events", SATURDAY) == {
        "dagster/partition_row_count": 0,
        "files": 0,
        "bytes_landed": 0,
    }


def test_gold_tells_the_sessions_that_start_on_the_day(delivered: Delivered) -> None:
    assert _by_day(delivered.first, "gold.user_session_analysis", "dagster/partition_row_count") == [1, 1, 0]


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("bronze.events", 7),
        ("bronze.transactions", 2),
        ("bronze.users", 2),
        ("quarantine.events", 2),
        ("quarantine.transactions", 1),
        ("quarantine.users", 1),
        ("silver.events", 3),
        ("silver.transactions", 1),
        ("silver.users", 1),
        ("gold.user_session_analysis", 2),
    ],
)
def test_every_day_tells_the_rows_of_the_whole_table_and_its_snapshot_as_text(
    delivered: Delivered, table: str, rows: int
) -> None:
    assert _by_day(delivered.first, table, "dagster/row_count") == [rows] * 3
    assert _by_day(delivered.first, table, "rows_added") == [rows] * 3
    assert _by_day(delivered.first, table, "rows_removed") == [0] * 3
    assert _by_day(delivered.first, table, "snapshot_id") == [str(head(delivered.home, table))] * 3


@pytest.mark.parametrize("table", TABLES)
def test_numbers_of_the_day_come_before_those_of_the_table_and_the_preview_last(
    delivered: Delivered, table: str
) -> None:
    names = list(delivered.first.metadata(table, THURSDAY))
    of_the_table = ["dagster/row_count", "snapshot_id", "rows_added", "rows_removed", "bytes_written", "preview"]
    assert names[0] == "dagster/partition_row_count"
    assert names[-len(of_the_table) :] == of_the_table


@pytest.mark.parametrize("table", TABLES)
def test_every_day_tells_the_seconds_of_its_step(delivered: Delivered, table: str) -> None:
    seconds = _by_day(delivered.first, table, "seconds")
    assert seconds[0] > 0
    assert seconds == [seconds[0]] * 3


def _preview(run: DailyRun, table: str) -> list[TableRecord]:
    return list(run.metadata(table, THURSDAY)["preview"].records)


@pytest.mark.parametrize(("table", "rows"), [("bronze.events", 4), ("quarantine.events", 2)])
def test_preview_hides_what_a_person_may_have_typed(delivered: Delivered, table: str, rows: int) -> None:
    records = _preview(delivered.first, table)
    assert [record.data["raw"] for record in records] == ["•••"] * rows
    assert TYPED_BY_A_PERSON not in str(records)


def test_preview_shows_rows_with_all_columns_of_the_table(delivered: Delivered) -> None:
    assert [record.data for record in _preview(delivered.first, "silver.transactions")] == [
        {
            "transaction_id": "T1",
            "session_id": "S1",
            "user_id": "U1",
            "amount": "9.50",
            "currency": "USD",
            "transaction_timestamp": "2024-11-14 10:30:00+00:00",
            "extra": "",
            "arrival_date": THURSDAY,
            "source_file": f"transactions/dt={THURSDAY}/a.csv",
            "line_number": "2",
        }
    ]


def test_second_run_adds_no_snapshot_to_any_table(delivered: Delivered) -> None:
    assert delivered.second.succeeded
    assert snapshots(delivered.home) == delivered.snapshots_between


@pytest.mark.parametrize("table", TABLES)
def test_second_run_says_the_same_of_every_day(delivered: Delivered, table: str) -> None:
    assert [_numbers(delivered.second, table, day) for day in DAYS] == [
        _numbers(delivered.first, table, day) for day in DAYS
    ]
    for name in ("dagster/row_count", "snapshot_id"):
        assert _by_day(delivered.second, table, name) == _by_day(delivered.first, table, name)
    for name in ("rows_added", "rows_removed", "bytes_written"):
        assert _by_day(delivered.second, table, name) == [0, 0, 0]
