"""A table of users in a real database, a source that pulls it, and what a reader makes of what landed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, NullPool, create_engine, text

from lakehouse_assets.ingestion.options import PostgresOptions
from lakehouse_assets.ingestion.postgres import PostgresUsers, Sizes
from lakehouse_assets.ingestion.retries import RetryPolicy
from lakehouse_assets_tests.ingestion.destinations import destination

AT_ONCE = RetryPolicy(attempts=3, first_wait_seconds=0.0, longest_wait_seconds=0.0)
HEADER = "user_id,signup_date,device_type,country,updated_at"
TABLE = """
CREATE TABLE {} (user_id text PRIMARY KEY, signup_date timestamp, device_type text, country text, updated_at {})
"""
Version = tuple[str, str, str, str, str]


class UsersTable:
    """The table, in a database of its own, as its owner."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self._engine = create_engine(url, poolclass=NullPool)

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """A session; what it does not commit is rolled back."""
        with self._engine.connect() as connection:
            yield connection

    def run(self, statement: str, **values: Any) -> list[Any]:
        """Run and commit."""
        with self._engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return list(result) if result.returns_rows else []

    def create(self, type_of_updated_at: str = "timestamptz", name: str = "users") -> None:
        self.run(TABLE.format(name, type_of_updated_at))

    def put(self, user_id: str, *, ago: str | None = "1 minute", country: str = "PE") -> None:
        """Insert or change a user, with a time so long before now; None for no time."""
        self.run(PUT, user_id=user_id, ago=ago, country=country)

    def versions(self) -> set[Version]:
        """All rows as they must land."""
        return {tuple(row) for row in self.run(VERSIONS)}


PUT = """
INSERT INTO users VALUES (:user_id, '2024-03-15 14:23:00', 'iOS', :country, now() - CAST(:ago AS interval))
ON CONFLICT (user_id) DO UPDATE SET country = EXCLUDED.country, updated_at = EXCLUDED.updated_at
"""
VERSIONS = """
SELECT user_id, to_char(signup_date, 'YYYY-MM-DD HH24:MI:SS'), device_type, country,
    coalesce(to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), '')
FROM users
"""


def options(url: URL, **changes: Any) -> PostgresOptions:
    values: dict[str, Any] = {
        "url": url,
        "schema": "public",
        "table": "users",
        "safety_seconds": 0,
        "lookback_seconds": 3600,
        "reconcile_days": 0,
        "timeout_seconds": 30,
    }
    return PostgresOptions(**values | changes)


def source(home: Path, url: URL, sizes: Sizes | None = None, **changes: Any) -> PostgresUsers:
    return PostgresUsers(options(url, **changes), destination(home), retries=AT_ONCE, sizes=sizes)


def landed_files(home: Path) -> list[Path]:
    return sorted((home / "landing" / "users").glob("dt=*/*.csv"))


def landed(home: Path) -> list[list[Version]]:
    """The rows of each file, the files in their order; times as `UsersTable.versions` has them."""
    files = []
    for path in landed_files(home):
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        assert header == HEADER
        files.append([_version(values) for values in csv.reader(lines)])
    return files


def ids(home: Path) -> list[list[str]]:
    """The user ids of each file, sorted within it."""
    return [sorted(row[0] for row in rows) for rows in landed(home)]


def all_ids(home: Path) -> list[str]:
    """The user ids of all files, sorted, as often as they landed."""
    return sorted(row[0] for rows in landed(home) for row in rows)


def silver(home: Path) -> set[Version]:
    """One row per (user_id, effective_from), of the last file and line, as silver has it."""
    rows = (row for rows in landed(home) for row in rows)
    return set({(row[0], row[4]): row for row in rows}.values())


def _version(values: list[str]) -> Version:
    user_id, signup_date, device_type, country, updated_at = values
    if updated_at:
        parsed = datetime.fromisoformat(updated_at)
        utc = parsed.astimezone(UTC) if parsed.tzinfo else parsed
        updated_at = f"{utc:%Y-%m-%d %H:%M:%S.%f}"
    return user_id, signup_date, device_type, country, updated_at
