"""The table of users in its database: connecting, what the table is like, and its rows in pages.

Every transaction is read-only. Settings hold for one transaction only (`SET LOCAL`), so that a pooler that gives each
transaction another session does no harm. Rows come through a cursor at the server: a page of them is in memory. All
values come as text that the server made, in UTC and ISO 8601: a value that Python has no type for, such as the year 44
BC or infinity, lands like any other and is judged by the rules. Up to where is read is in `postgres_bounds`, what goes
wrong in `postgres_errors`, what lands in `postgres`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    MetaData,
    NullPool,
    Select,
    Table,
    Text,
    cast,
    create_engine,
    false,
    func,
    select,
    text,
)
from sqlalchemy.sql import quoted_name

from lakehouse_assets.contracts.sources import USERS
from lakehouse_assets.ingestion.options import PostgresOptions
from lakehouse_assets.ingestion.postgres_bounds import Bound, Observed, plan_bound, read_observed
from lakehouse_assets.ingestion.postgres_errors import absent, translated

COLUMNS = (*USERS.required_columns, *USERS.optional_columns)
_TIMES = {"timestamp with time zone": True, "timestamp without time zone": False}
_COUNTED_ROWS = 100_000

_COLUMNS_OF = text("""
SELECT attname, format_type(atttypid, NULL) AS type
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = :schema AND relname = :table AND attnum > 0 AND NOT attisdropped
""")
_DEFAULT_ZONE = text("SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'")
_SERVER = text("""
SELECT current_setting('server_version') AS version,
    coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS is_encrypted
""")


@dataclass(frozen=True)
class Waiting:
    """Rows at or after the bound, as far as they can be seen.

    Args:
        rows: how many.
        future: those of them whose time the database's clock has not reached.
        latest: the greatest time, as text.
    """

    rows: int
    future: int
    latest: str


class UsersTable:
    """The table, read within one transaction.

    Args:
        connection: with that transaction.
        table: with the columns of the contract.
        has_zone: whether `updated_at` has a time zone; if not, it is taken as UTC.
        fetch_rows: how many rows are fetched at once.
    """

    def __init__(self, connection: Connection, table: Table, has_zone: bool, fetch_rows: int) -> None:
        self._connection = connection
        self._table = table
        self._has_zone = has_zone
        self._fetch_rows = fetch_rows

    def changed(self, start: datetime, end: datetime) -> Generator[list[Any], None, None]:
        """Pages of the rows with `start <= updated_at < end`, by (updated_at, user_id), and then those without a time.

        Both ends lie between times, never within rows of one time: ties are read together or not at all.
        """
        updated_at, user_id = self._table.c.updated_at, self._table.c.user_id
        rows = self._rows(false())
        in_range = (updated_at >= self._time(start)) & (updated_at < self._time(end))
        yield from self._pages(rows.where(in_range).order_by(updated_at, user_id))
        yield from self._pages(rows.where(updated_at.is_(None)))

    def all(self, end: datetime) -> Generator[list[Any], None, None]:
        """Pages of all rows, in the order in which the server reads fastest; `waits` marks those from `end` on."""
        yield from self._pages(self._rows(func.coalesce(self._table.c.updated_at >= self._time(end), False)))

    def waiting(self, end: datetime, now: datetime) -> Waiting:
        """What is there from `end` on."""
        updated_at = self._table.c.updated_at
        future = func.count().filter(updated_at > self._time(now))
        wanted = select(func.count(), future, cast(func.max(updated_at), Text)).where(updated_at >= self._time(end))
        rows, ahead, latest = self._connection.execute(wanted).one()
        return Waiting(rows, ahead, latest or "")

    def count_changed(self, start: datetime | None, end: datetime) -> str:
        """How many rows wait to be pulled, counted up to a limit, for a person."""
        updated_at = self._table.c.updated_at
        wanted = select(updated_at).where(updated_at < self._time(end))
        if start is not None:
            wanted = wanted.where(updated_at >= self._time(start))
        limited = wanted.limit(_COUNTED_ROWS + 1).subquery()
        rows = self._connection.execute(select(func.count()).select_from(limited)).scalar_one()
        return f"{rows:,} rows" if rows <= _COUNTED_ROWS else f"more than {_COUNTED_ROWS:,} rows"

    def zone_warnings(self) -> tuple[str, ...]:
        """What a person should know of times without a zone."""
        zone = str(self._connection.execute(_DEFAULT_ZONE).scalar_one())
        if self._has_zone or zone.upper() in {"UTC", "ETC/UTC", "GMT", "ETC/GMT", "ETC/UCT", "UCT", "ZULU"}:
            return ()
        return (
            f"updated_at has no time zone and is taken as UTC, and this database's own zone is {zone}: `now()` writes "
            "local time into it, and changes may be missed. Make it timestamptz, or name a view that converts it.",
        )

    def _rows(self, waits: ColumnElement[bool]) -> Select[Any]:
        texts: list[ColumnElement[Any]] = [cast(self._table.c[name], Text) for name in COLUMNS]
        return select(*texts, waits)

    def _pages(self, statement: Select[Any]) -> Generator[list[Any], None, None]:
        result = self._connection.execute(statement, execution_options={"yield_per": self._fetch_rows})
        # SQLAlchemy 2.1 leaves it open when the connection breaks, and psycopg warns of that.
        with closing(result.cursor):
            for page in result.partitions():
                yield list(page)

    def _time(self, time: datetime) -> datetime:
        return time if self._has_zone else time.replace(tzinfo=None)


class UsersDatabase:
    """A connection to the database of users.

    Args:
        connection: without a transaction.
        options: of the source.
        source: name of the source.
    """

    def __init__(self, connection: Connection, options: PostgresOptions, source: str) -> None:
        self._connection = connection
        self._options = options
        self._source = source

    def observe(self) -> Bound:
        """Up to where can be read; to be asked before `reading`, see `postgres_bounds`."""
        with self._transaction("READ COMMITTED"):
            observed: Observed = read_observed(self._connection)
        return plan_bound(
            observed,
            safety_seconds=self._options.safety_seconds,
            lookback_seconds=self._options.lookback_seconds,
        )

    def describe(self) -> str:
        """Who answers, for a person."""
        with self._transaction("READ COMMITTED"):
            server = self._connection.execute(_SERVER).one()
        # The version may have a packager's words behind it.
        return f"PostgreSQL {server.version.split()[0]}, {'TLS' if server.is_encrypted else 'not encrypted'}"

    @contextmanager
    def reading(self, fetch_rows: int) -> Iterator[UsersTable]:
        """The table as of one moment."""
        with self._transaction("REPEATABLE READ"):
            table, has_zone = self._table()
            yield UsersTable(self._connection, table, has_zone, fetch_rows)

    def _table(self) -> tuple[Table, bool]:
        names = {"schema": self._options.schema, "table": self._options.table}
        types = {row.attname: row.type for row in self._connection.execute(_COLUMNS_OF, names)}
        if not types:
            raise absent(self._options, self._source, "there is no such table")
        missing = [name for name in COLUMNS if name not in types]
        if missing:
            raise absent(self._options, self._source, f"it has no column {', '.join(missing)}")
        if types["updated_at"] not in _TIMES:
            raise absent(self._options, self._source, f"updated_at is {types['updated_at']}, and no timestamp")
        has_zone = _TIMES[types["updated_at"]]
        columns = [Column(name, DateTime(timezone=has_zone) if name == "updated_at" else None) for name in COLUMNS]
        name, schema = (quoted_name(each, quote=True) for each in (self._options.table, self._options.schema))
        return Table(name, MetaData(), *columns, schema=schema), has_zone

    @contextmanager
    def _transaction(self, isolation: str) -> Iterator[None]:
        self._connection.execution_options(isolation_level=isolation, postgresql_readonly=True)
        with self._connection.begin():
            local = {
                "TimeZone": "UTC",
                "DateStyle": "ISO, YMD",
                "statement_timeout": f"{self._options.timeout_seconds}s",
                # Else a row-level policy would leave rows out without a word; so it is an error.
                "row_security": "off",
            }
            self._connection.execute(select(*(func.set_config(name, value, True) for name, value in local.items())))
            yield


@contextmanager
def connected(options: PostgresOptions, source: str) -> Iterator[UsersDatabase]:
    """A connection, closed afterwards.

    Raises:
        SourceError: the database cannot be reached or read; says why.
    """
    # Values stand in no error text.
    engine = create_engine(options.url, poolclass=NullPool, hide_parameters=True, connect_args=_arguments(options))
    try:
        with translated(options, source), engine.connect() as connection:
            yield UsersDatabase(connection, options, source)
    finally:
        engine.dispose()


def _arguments(options: PostgresOptions) -> dict[str, Any]:
    """What libpq is told, unless the URL says otherwise."""
    url: URL = options.url
    arguments = {
        "application_name": "lakehouse",
        "client_encoding": "utf8",
        "connect_timeout": options.timeout_seconds,
        # A peer that vanished is noticed, although the next page has no timeout on this side.
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": options.timeout_seconds * 1000,
    }
    usual = {name: value for name, value in arguments.items() if name not in url.query}
    # Not prepared at the server: a pooler may send the next transaction to another one.
    return {**usual, "prepare_threshold": None}
