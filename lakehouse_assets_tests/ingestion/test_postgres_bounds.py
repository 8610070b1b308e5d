"""Up to where a pull may read: pure, for what no test server shows at will. Real ones are in `test_postgres`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from lakehouse_assets.ingestion.postgres_bounds import Bound, Observed, OpenTransaction, plan_bound
from lakehouse_assets_tests.ingestion.destinations import NOW


def ago(seconds: int) -> datetime:
    return NOW - timedelta(seconds=seconds)


def bound(**observed: Any) -> Bound:
    return plan_bound(Observed(NOW, **observed), safety_seconds=30, lookback_seconds=600)


@pytest.mark.parametrize(
    ("observed", "seconds", "is_held"),
    [
        ({}, 30, False),
        ({"oldest": OpenTransaction(7, ago(29), "active")}, 30, False),
        ({"oldest": OpenTransaction(7, ago(31), "active")}, 31, True),
        ({"prepared_at": ago(5)}, 605, True),
        ({"oldest": OpenTransaction(7, ago(700), "active"), "prepared_at": ago(5)}, 700, True),
        ({"is_standby": True, "replayed_at": ago(100)}, 130, False),
        ({"is_standby": True, "replayed_at": None}, 30, False),
        ({"sees_all": False}, 30, False),
    ],
)
def test_end_is_the_earliest_of_clock_and_open_transactions(
    observed: dict[str, Any], seconds: int, is_held: bool
) -> None:
    found = bound(**observed)
    assert (found.end, found.lag_seconds, found.is_held) == (ago(seconds), seconds, is_held)


def test_nothing_is_said_where_all_is_seen_and_nothing_holds() -> None:
    assert bound(oldest=OpenTransaction(7, ago(29), "active")).warnings == ()


@pytest.mark.parametrize(
    ("observed", "start"),
    [
        ({"is_standby": True, "sees_all": False}, "The server is a standby, which does not show the open transactions"),
        ({"sees_all": False, "hidden": 2}, "The user may not see when transactions of other users began."),
        ({"hidden": 2}, "2 transactions do not show when they began. Switch track_activities on."),
    ],
)
def test_what_cannot_be_seen_is_said_with_what_protects_then(observed: dict[str, Any], start: str) -> None:
    (warning,) = bound(**observed).warnings
    assert warning.startswith(start)
    assert "Until then only the margin of 30 s (LAKEHOUSE_POSTGRES_SAFETY_SECONDS) protects" in warning


def test_open_transaction_is_named_by_pid_state_and_age() -> None:
    (warning,) = bound(oldest=OpenTransaction(7, ago(7200), "idle in transaction")).warnings
    assert warning == (
        "A transaction of pid 7 (idle in transaction) has been open for 7,200 s. Changes since 2024-11-15 12:30:00 UTC "
        "wait until it ends. If it is not meant to be open, end it."
    )
