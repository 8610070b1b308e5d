"""From when on the history of a user differs between two states of silver.users; every case written by hand."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame

from lakehouse_assets.contracts.tables import SILVER
from lakehouse_assets.engine.session import Engine
from lakehouse_assets.transforms.differences import build_changed_histories

JANUARY, MARCH, MAY, JULY = (datetime(2024, month, 1, 12) for month in (1, 3, 5, 7))

Version = dict[str, Any]


def version(since: datetime, country: str = "PE", *, user: str = "U1", **values: Any) -> Version:
    """One row of silver.users; `effective_to` is of no account here."""
    return {
        "user_id": user,
        "effective_from": since,
        "effective_to": None,
        "signup_date": date(2023, 12, 1),
        "device_type": "iOS",
        "country": country,
        "extra": None,
        "arrival_date": date(2024, 8, 1),
        "source_file": "users/dt=2024-08-01/a.csv",
        "line_number": 2,
    } | values


def _state(engine: Engine, versions: list[Version]) -> DataFrame:
    contract = SILVER["users"]
    rows = [tuple(row[name] for name in contract.column_names) for row in versions]
    return engine.session.createDataFrame(rows, contract.spark_schema)


def changed(engine: Engine, before: list[Version], after: list[Version]) -> dict[str, tuple[datetime | None, bool]]:
    """By user: changed_from and is_new."""
    rows = build_changed_histories(_state(engine, before), _state(engine, after)).collect()
    by_user = {row.user_id: (row.changed_from, row.is_new) for row in rows}
    assert len(by_user) == len(rows)
    return by_user


AT_ANY_TIME = None
KNOWN, NEW = False, True

CASES = {
    "both states are empty": ([], [], {}),
    "nothing differs": ([version(JANUARY), version(MAY, "US")], [version(MAY, "US"), version(JANUARY)], {}),
    "a new user may differ at any time": ([], [version(MAY)], {"U1": (AT_ANY_TIME, NEW)}),
    "a new user with two versions may differ at any time": (
        [],
        [version(MAY), version(JULY, "US")],
        {"U1": (AT_ANY_TIME, NEW)},
    ),
    "an appended version counts from its start": (
        [version(JANUARY)],
        [version(JANUARY), version(MAY, "US")],
        {"U1": (MAY, KNOWN)},
    ),
    "of two appended versions the earlier counts": (
        [version(JANUARY)],
        [version(JANUARY), version(JULY, "CL"), version(MAY, "US")],
        {"U1": (MAY, KNOWN)},
    ),
    "a version inserted between two counts from its start": (
        [version(JANUARY), version(JULY, "US")],
        [version(JANUARY), version(MAY, "CL"), version(JULY, "US")],
        {"U1": (MAY, KNOWN)},
    ),
    "a corrected first version reaches back to the beginning": (
        [version(JANUARY), version(MAY, "US")],
        [version(JANUARY, "CL"), version(MAY, "US")],
        {"U1": (AT_ANY_TIME, KNOWN)},
    ),
    "a corrected later version counts from its start": (
        [version(JANUARY), version(MAY, "US")],
        [version(JANUARY), version(MAY, "CL")],
        {"U1": (MAY, KNOWN)},
    ),
    "an earlier first version reaches back to the beginning": (
        [version(MARCH)],
        [version(JANUARY, "US"), version(MARCH)],
        {"U1": (AT_ANY_TIME, KNOWN)},
    ),
    "a first version that moved to an earlier time reaches back to the beginning": (
        [version(MARCH)],
        [version(JANUARY)],
        {"U1": (AT_ANY_TIME, KNOWN)},
    ),
    "a first version that moved to a later time reaches back to the beginning": (
        [version(JANUARY)],
        [version(MARCH)],
        {"U1": (AT_ANY_TIME, KNOWN)},
    ),
    "a removed last version counts from its start": (
        [version(JANUARY), version(MAY, "US")],
        [version(JANUARY)],
        {"U1": (MAY, KNOWN)},
    ),
    "a removed version between two counts from its start": (
        [version(JANUARY), version(MAY, "US"), version(JULY, "CL")],
        [version(JANUARY), version(JULY, "CL")],
        {"U1": (MAY, KNOWN)},
    ),
    "a removed first version reaches back to the beginning": (
        [version(JANUARY), version(MAY, "US")],
        [version(MAY, "US")],
        {"U1": (AT_ANY_TIME, KNOWN)},
    ),
    "a user who is gone may differ at any time": (
        [version(JANUARY), version(MAY, "US")],
        [],
        {"U1": (AT_ANY_TIME, KNOWN)},
    ),
    "where a version came from does not count": (
        [version(JANUARY)],
        [
            version(
                JANUARY,
                arrival_date=date(2024, 8, 2),
                source_file="users/dt=2024-08-02/b.csv",
                line_number=9,
            )
        ],
        {},
    ),
    "until when a version holds does not count": ([version(JANUARY)], [version(JANUARY, effective_to=MAY)], {}),
    "what gold does not show does not count": ([version(JANUARY)], [version(JANUARY, extra='{"plan":"pro"}')], {}),
    "another device counts": (
        [version(JANUARY), version(MAY)],
        [version(JANUARY), version(MAY, device_type="Web")],
        {"U1": (MAY, KNOWN)},
    ),
    "another sign-up day counts": (
        [version(JANUARY), version(MAY)],
        [version(JANUARY), version(MAY, signup_date=date(2023, 12, 2))],
        {"U1": (MAY, KNOWN)},
    ),
    "each user has a line of his own and those without a difference have none": (
        [version(JANUARY, user="same"), version(JANUARY, user="longer"), version(JANUARY, user="gone")],
        [
            version(JANUARY, user="same"),
            version(JANUARY, user="longer"),
            version(JULY, "US", user="longer"),
            version(MARCH, user="new"),
        ],
        {"longer": (JULY, KNOWN), "gone": (AT_ANY_TIME, KNOWN), "new": (AT_ANY_TIME, NEW)},
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), CASES.values(), ids=CASES)
def test_history_differs_from_when_on(
    engine: Engine, before: list[Version], after: list[Version], expected: dict[str, tuple[datetime | None, bool]]
) -> None:
    assert changed(engine, before, after) == expected
