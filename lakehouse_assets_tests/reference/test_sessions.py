"""The reference's gold against literals by hand."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from .builders import D15, TRANSACTIONS, USERS, at, event, pick, write
from .tables import recompute


def test_session_across_midnight_has_exactly_the_columns_of_the_design(tmp_path: Path) -> None:
    write(tmp_path, "events/16/a.json", event("E2", "2024-11-16T00:10:00.25", "purchase"))
    write(
        tmp_path,
        "events/15/a.json",
        event("E1", "2024-11-15T23:50:00.5", "login"),
        event("E9", "2024-11-15T23:55:00", "search"),
        event("E3", "2024-11-15T23:55:00", "click"),
    )
    write(tmp_path, "transactions/16/a.csv", TRANSACTIONS, "T1,S1,U1,9.9,PEN,2024-11-16 00:10:00.4")
    write(tmp_path, "users/15/a.csv", USERS, "U1,2024-03-15,iOS,PE,2024-11-01 00:00:00")
    assert recompute(tmp_path).gold == [
        {
            "user_id": "U1",
            "session_id": "S1",
            "signup_date": date(2024, 3, 15),
            "device_type": "iOS",
            "country": "PE",
            "session_start_time": at(15, 23, 50, 0, 500_000),
            "session_end_time": at(16, 0, 10, 0, 250_000),
            "session_duration_seconds": 1199,
            "session_date": D15,
            "total_events": 4,
            "event_types": ["login", "click", "search", "purchase"],
            "first_event_type": "login",
            "last_event_type": "purchase",
            "transaction_id": "T1",
            "transaction_amount": Decimal("9.90"),
            "transaction_currency": "PEN",
            "transaction_timestamp": at(16, 0, 10, 0, 400_000),
            "has_transaction": True,
            "time_to_purchase_seconds": 1199,
        }
    ]


def test_session_without_user_and_transaction_has_nulls(tmp_path: Path) -> None:
    write(tmp_path, "events/15/a.json", event("E1", "2024-11-15T08:00:00"))
    assert recompute(tmp_path).gold == [
        {
            "user_id": "U1",
            "session_id": "S1",
            "signup_date": None,
            "device_type": None,
            "country": None,
            "session_start_time": at(15, 8),
            "session_end_time": at(15, 8),
            "session_duration_seconds": 0,
            "session_date": D15,
            "total_events": 1,
            "event_types": ["click"],
            "first_event_type": "click",
            "last_event_type": "click",
            "transaction_id": None,
            "transaction_amount": None,
            "transaction_currency": None,
            "transaction_timestamp": None,
            "has_transaction": False,
            "time_to_purchase_seconds": None,
        }
    ]


def test_session_id_of_two_users_is_two_sessions_sorted_by_session_and_user(tmp_path: Path) -> None:
    write(
        tmp_path,
        "events/15/a.json",
        event("E1", "2024-11-15T08:00:00", "logout", session="S2", user="U1"),
        event("E2", "2024-11-15T09:00:00", "login", session="S1", user="U2"),
        event("E3", "2024-11-15T10:00:00", "click", session="S1", user="U1"),
        event("E4", "2024-11-15T11:00:00", "search", session="S1", user="U2"),
    )
    assert pick(recompute(tmp_path).gold, "session_id", "user_id", "event_types") == [
        ("S1", "U1", ["click"]),
        ("S1", "U2", ["login", "search"]),
        ("S2", "U1", ["logout"]),
    ]


def test_event_that_moved_to_another_session_leaves_none_behind(tmp_path: Path) -> None:
    write(tmp_path, "events/15/a.json", event("E1", "2024-11-15T08:00:00", session="S1"))
    write(tmp_path, "events/16/a.json", event("E1", "2024-11-15T08:00:01", session="S2"))
    assert pick(recompute(tmp_path).gold, "session_id", "session_start_time") == [("S2", at(15, 8, 0, 1))]


def test_transaction_is_the_earliest_of_the_same_session_and_user(tmp_path: Path) -> None:
    write(
        tmp_path,
        "events/15/a.json",
        event("E1", "2024-11-15T08:00:00", session="S1", user="U1"),
        event("E2", "2024-11-15T08:00:00", session="S2", user="U1"),
    )
    write(
        tmp_path,
        "transactions/15/a.csv",
        TRANSACTIONS,
        "T3,S1,U1,3,USD,2024-11-15 09:00:00",
        "T2,S1,U1,2,EUR,2024-11-15 09:00:00",
        "T1,S1,U1,1,PEN,2024-11-15 09:00:00.000001",
        "T0,S1,U2,4,USD,2024-11-15 08:30:00",
    )
    assert pick(recompute(tmp_path).gold, "session_id", "transaction_id", "transaction_amount", "has_transaction") == [
        ("S1", "T2", Decimal("2.00"), True),
        ("S2", None, None, False),
    ]


@pytest.mark.parametrize(
    ("transaction_time", "seconds"),
    [
        ("08:00:00", 0),
        ("08:00:00.999999", 0),
        ("08:00:01", 1),
        ("07:59:59.999999", -1),
        ("07:59:59", -1),
        ("07:59:58.5", -2),
    ],
)
def test_time_to_purchase_is_floored_also_before_the_start(transaction_time: str, seconds: int, tmp_path: Path) -> None:
    write(tmp_path, "events/15/a.json", event("E1", "2024-11-15T08:00:00"))
    write(tmp_path, "transactions/15/a.csv", TRANSACTIONS, f"T1,S1,U1,3,USD,2024-11-15 {transaction_time}")
    assert pick(recompute(tmp_path).gold, "time_to_purchase_seconds") == [(seconds,)]


@pytest.mark.parametrize(
    ("session_start", "country"),
    [
        ("2024-11-01T00:00:00", "AA"),
        ("2024-11-10T09:59:59.999999", "AA"),
        ("2024-11-10T10:00:00", "AA"),
        ("2024-11-12T09:59:59.999999", "AA"),
        ("2024-11-12T10:00:00", "BB"),
        ("2024-11-14T23:59:59.999999", "BB"),
        ("2024-11-15T00:00:00", "CC"),
        ("2024-11-16T10:00:00", "CC"),
    ],
)
def test_user_version_is_the_one_in_force_at_session_start_or_the_first(
    session_start: str, country: str, tmp_path: Path
) -> None:
    write(
        tmp_path,
        "users/15/a.csv",
        USERS,
        "U1,2024-01-01,iOS,CC,",
        "U1,2024-01-01,iOS,AA,2024-11-10 10:00:00",
        "U1,2024-01-01,iOS,BB,2024-11-12 10:00:00",
        "U0,2024-01-01,iOS,XX,2024-11-01 00:00:00",
    )
    end = event("E2", "2024-11-16T23:00:00")
    write(tmp_path, "events/15/a.json", event("E1", session_start), end)
    assert pick(recompute(tmp_path).gold, "country") == [(country,)]
