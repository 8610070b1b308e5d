"""The reference against literals by hand: files, gate, deduplication, history of users.

Nothing here is compared with the platform; if one of these tests is red, the reference itself is wrong. What
single lines and files must give is in `test_examples.py`, sessions are in `test_sessions.py`.
"""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from .builders import D15, D16, D17, D18, TRANSACTIONS, USERS, at, event, pick, write
from .formats import parse_json
from .judge import Row
from .tables import Counts, Tables, recompute

# --- landing


def test_absent_landing_folder_gives_empty_tables(tmp_path: Path) -> None:
    nothing: dict[str, list[Row]] = {"events": [], "transactions": [], "users": []}
    assert recompute(tmp_path / "none") == Tables(nothing, nothing, nothing, [], set(), {})


def test_unfinished_hidden_and_misplaced_files_are_ignored(tmp_path: Path) -> None:
    line = event("E1", "2024-11-15T08:00:00")
    for name in (
        ".a.json",
        "_a.json",
        "a.json.tmp",
        "a.json.part",
        "a.json.inprogress",
        "a.json.gz.tmp",
        "a.txt",
        "a.JSON",
        "a.json.zip",
        "json",
        ".json",
        "a.json.bak",
    ):
        write(tmp_path, f"events/15/{name}", line)
    for folder in (
        "events/dt=2024-11-31",
        "events/2024-11-15",
        "events/dt=2024-11-15/deeper",
        "clicks/dt=2024-11-15",
    ):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.json").write_text(line)
    (tmp_path / "events/a.json").write_text(line)
    (tmp_path / "events/dt=2024-11-15/folder.json").mkdir()
    assert recompute(tmp_path).bronze == {"events": [], "transactions": [], "users": []}


def test_bronze_is_sorted_by_day_file_and_line(tmp_path: Path) -> None:
    write(tmp_path, "events/16/a.json", "x")
    write(tmp_path, "events/15/b.json", "x", "", "x")
    write(tmp_path, "events/15/B.csv", "x")
    write(tmp_path, "events/15/a b.tmp.json", "x")
    assert pick(recompute(tmp_path).bronze["events"], "arrival_date", "source_file", "line_number") == [
        (D15, "events/dt=2024-11-15/B.csv", 1),
        (D15, "events/dt=2024-11-15/a b.tmp.json", 1),
        (D15, "events/dt=2024-11-15/b.json", 1),
        (D15, "events/dt=2024-11-15/b.json", 3),
        (D16, "events/dt=2024-11-16/a.json", 1),
    ]


def test_every_file_has_its_own_header(tmp_path: Path) -> None:
    write(tmp_path, "users/15/a.csv", "country,device_type,signup_date,user_id", "PE,Web,2024-01-01,U1")
    write(tmp_path, "users/15/b.csv", "user_id,country", "U2,PE")
    write(tmp_path, "users/15/c.csv", USERS, "U3,2024-01-01,iOS,MX,")
    tables = recompute(tmp_path)
    assert pick(tables.silver["users"], "user_id", "country") == [("U1", "PE"), ("U3", "MX")]
    assert pick(tables.quarantine["users"], "source_file", "raw", "failed_rules") == [
        ("users/dt=2024-11-15/b.csv", "U2,PE", ["missing_column"])
    ]


def test_parse_json_reads_numbers_as_python_does_and_refuses_what_is_not_json() -> None:
    assert parse_json('{"a":[1,2.5,1e5,-0,"1"]}') == {"a": [1, 2.5, 100000.0, 0, "1"]}
    with pytest.raises(ValueError, match="NaN is not JSON"):
        parse_json("[NaN]")


# --- gate


def good_and_bad(landing: Path, day: str, good: int, bad: int) -> None:
    lines = [event(f"E{day}-{number}", f"2024-11-{day}T08:00:00") for number in range(good)]
    write(landing, f"events/{day}/a.json", *lines, *["bad"] * bad)


@pytest.mark.parametrize(
    ("good", "bad", "held"),
    [
        (0, 19, set()),
        (0, 20, {("events", D15)}),
        (181, 19, set()),
        (180, 20, set()),
        (179, 20, {("events", D15)}),
        (900, 100, set()),
        (900, 101, {("events", D15)}),
    ],
)
def test_day_is_held_from_20_bad_lines_that_are_over_10_percent(
    good: int, bad: int, held: set[tuple[str, date]], tmp_path: Path
) -> None:
    good_and_bad(tmp_path, "15", good, bad)
    assert recompute(tmp_path).held == held


@pytest.mark.parametrize(
    ("min_rows", "max_percent", "held"),
    [
        (2, 33.3, {("events", D15)}),
        (2, 33.4, set()),
        (3, 33.3, set()),
        (0, 0.0, {("events", D15)}),
        (0, 100.0, set()),
    ],
)
def test_gate_follows_its_settings(
    min_rows: int, max_percent: float, held: set[tuple[str, date]], tmp_path: Path
) -> None:
    good_and_bad(tmp_path, "15", 4, 2)
    good_and_bad(tmp_path, "16", 4, 0)
    assert recompute(tmp_path, min_rows=min_rows, max_percent=max_percent).held == held


def test_held_day_keeps_its_lines_from_silver_and_shows_them_in_quarantine(tmp_path: Path) -> None:
    write(tmp_path, "events/15/a.json", event("E1", "2024-11-15T08:00:00", "login"))
    write(
        tmp_path,
        "events/16/a.json",
        event("E1", "2024-11-15T09:00:00"),
        event("E2", "2024-11-16T09:00:00"),
        "bad",
    )
    write(tmp_path, "transactions/16/a.csv", TRANSACTIONS, "T1,S1,U1,5,USD,2024-11-16 09:00:00")
    tables = recompute(tmp_path, min_rows=1)
    assert tables.held == {("events", D16)}
    assert pick(tables.silver["events"], "event_id", "event_type", "arrival_date") == [("E1", "login", D15)]
    assert pick(tables.quarantine["events"], "arrival_date", "line_number", "raw") == [(D16, 3, "bad")]
    assert pick(tables.gold, "total_events", "transaction_id") == [(1, "T1")]
    assert tables.counts == {
        ("events", D15): Counts(lines=1, accepted=1, quarantined=0, current=1, superseded=0, late=0),
        ("events", D16): Counts(lines=3, accepted=2, quarantined=1, current=0, superseded=0, late=1),
        ("transactions", D16): Counts(lines=1, accepted=1, quarantined=0, current=1, superseded=0, late=0),
    }


# --- deduplication


def test_greatest_event_time_wins_over_later_arrival(tmp_path: Path) -> None:
    write(tmp_path, "events/15/a.json", event("E1", "2024-11-15T09:00:00.000001", "login"))
    write(tmp_path, "events/16/a.json", event("E1", "2024-11-15T09:00:00", "logout"))
    assert pick(recompute(tmp_path).silver["events"], "event_id", "event_type") == [("E1", "login")]


def test_equal_event_times_are_decided_by_day_then_file_then_line(tmp_path: Path) -> None:
    same = "2024-11-15T09:00:00"
    write(tmp_path, "events/15/z.json", event("DAY", same, "login"), event("DAY", same, "login"))
    write(tmp_path, "events/16/a.json", event("DAY", "2024-11-15T10:00:00+01:00", "logout"))
    write(tmp_path, "events/15/a.json", *[event("FILE", same, "login")] * 3)
    write(tmp_path, "events/15/b.json", event("FILE", same, "logout"))
    # Line 10 is greater than line 9 as a number, not as text.
    lines = [event("LINE", same, "login")] * 9 + [event("LINE", same, "logout")]
    write(tmp_path, "events/15/c.json", *lines)
    tables = recompute(tmp_path)
    assert pick(tables.silver["events"], "event_id", "event_type", "arrival_date", "source_file", "line_number") == [
        ("DAY", "logout", D16, "events/dt=2024-11-16/a.json", 1),
        ("FILE", "logout", D15, "events/dt=2024-11-15/b.json", 1),
        ("LINE", "logout", D15, "events/dt=2024-11-15/c.json", 10),
    ]
    assert tables.counts == {
        ("events", D15): Counts(lines=16, accepted=16, quarantined=0, current=2, superseded=14, late=0),
        ("events", D16): Counts(lines=1, accepted=1, quarantined=0, current=1, superseded=0, late=1),
    }


def test_transactions_meet_across_days_and_a_quarantined_version_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, "transactions/15/a.csv", TRANSACTIONS, "T1,S1,U1,5,USD,2024-11-01 09:00:00")
    write(tmp_path, "transactions/17/a.csv", TRANSACTIONS, " T1 ,S1,U1,7,EUR,2024-11-15 09:00:00")
    write(tmp_path, "transactions/18/a.csv", TRANSACTIONS, "T1,S1,U1,-7,EUR,2024-11-18 09:00:00")
    tables = recompute(tmp_path)
    assert tables.silver["transactions"] == [
        {
            "transaction_id": "T1",
            "session_id": "S1",
            "user_id": "U1",
            "amount": Decimal("7.00"),
            "currency": "EUR",
            "transaction_timestamp": at(15, 9),
            "extra": None,
            "arrival_date": D17,
            "source_file": "transactions/dt=2024-11-17/a.csv",
            "line_number": 2,
        }
    ]
    assert tables.counts == {
        ("transactions", D15): Counts(lines=1, accepted=1, quarantined=0, current=0, superseded=1, late=1),
        ("transactions", D17): Counts(lines=1, accepted=1, quarantined=0, current=1, superseded=0, late=1),
        ("transactions", D18): Counts(lines=1, accepted=0, quarantined=1, current=0, superseded=0, late=0),
    }


def test_event_row_has_exactly_the_columns_of_the_design(tmp_path: Path) -> None:
    line = event("E1", "2024-11-15T09:00:00-05").removesuffix("}") + ',"event_details":{"page_url":"/a"},"v":1}'
    write(tmp_path, "events/15/a.json", line)
    assert recompute(tmp_path).silver["events"] == [
        {
            "event_id": "E1",
            "session_id": "S1",
            "user_id": "U1",
            "event_type": "click",
            "event_timestamp": at(15, 14),
            "page_url": "/a",
            "event_details": {"page_url": "/a"},
            "extra": {"v": 1},
            "arrival_date": D15,
            "source_file": "events/dt=2024-11-15/a.json",
            "line_number": 1,
        }
    ]


# --- history of users


def test_versions_of_a_user_follow_each_other_whatever_order_they_arrive_in(tmp_path: Path) -> None:
    write(
        tmp_path,
        "users/15/a.csv",
        USERS,
        "U2,2024-01-01,Web,MX,",
        "U1,2024-01-01,iOS,PE,2024-11-12 10:00:00",
    )
    write(
        tmp_path,
        "users/16/a.csv",
        USERS,
        "U1,2024-01-01,Web,CL,2024-11-10T05:00:00-05:00",
        "U1,2024-01-02,iOS,AR,",
    )
    tables = recompute(tmp_path)
    assert pick(tables.silver["users"], "user_id", "effective_from", "effective_to", "country") == [
        ("U1", at(10, 10), at(12, 10), "CL"),
        ("U1", at(12, 10), at(16), "PE"),
        ("U1", at(16), None, "AR"),
        ("U2", at(15), None, "MX"),
    ]
    assert tables.counts == {
        ("users", D15): Counts(lines=2, accepted=2, quarantined=0, current=2, superseded=0, late=0),
        ("users", D16): Counts(lines=2, accepted=2, quarantined=0, current=2, superseded=0, late=0),
    }


def test_user_versions_of_one_instant_are_decided_by_day_then_file_then_line(tmp_path: Path) -> None:
    write(
        tmp_path,
        "users/15/a.csv",
        USERS,
        "U1,2024-01-01,iOS,AA,",
        "U1,2024-01-01,iOS,AB,2024-11-15 00:00:00Z",
    )
    write(tmp_path, "users/15/b.csv", USERS, "U2,2024-01-01,iOS,BB,", "U3,2024-01-01,iOS,BC,2024-11-16 00:00:00")
    write(tmp_path, "users/15/a2.csv", USERS, "U2,2024-01-01,iOS,BA,")
    write(tmp_path, "users/16/a.csv", USERS, "U3,2024-01-01,iOS,CC,")
    tables = recompute(tmp_path)
    assert pick(tables.silver["users"], "user_id", "effective_from", "effective_to", "country") == [
        ("U1", at(15), None, "AB"),
        ("U2", at(15), None, "BB"),
        ("U3", at(16), None, "CC"),
    ]
    assert tables.counts["users", D15] == Counts(lines=5, accepted=5, quarantined=0, current=2, superseded=3, late=0)


def test_held_user_day_closes_the_history_over_the_gap(tmp_path: Path) -> None:
    write(tmp_path, "users/15/a.csv", USERS, "U1,2024-01-01,iOS,AA,")
    write(tmp_path, "users/16/a.csv", USERS, "U1,2024-01-01,iOS,BB,", "bad")
    write(tmp_path, "users/17/a.csv", USERS, "U1,2024-01-01,iOS,CC,")
    tables = recompute(tmp_path, min_rows=1)
    assert pick(tables.silver["users"], "effective_from", "effective_to", "country") == [
        (at(15), at(17), "AA"),
        (at(17), None, "CC"),
    ]
