"""What was found and said, in `<DAGSTER_HOME>/alerts.db` (SQLite): several processes share it.

Messages are planned and claimed in one write transaction, sent outside of it, and then settled or released; a claim of
a process that was killed runs out.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lakehouse_assets.alerts.errors import AlertStateError
from lakehouse_assets.alerts.model import Facts, Incident, Key, Kind, Message, Observation, Stored
from lakehouse_assets.alerts.planning import plan_messages, updated

CLAIM = timedelta(seconds=60)
KEEP = timedelta(days=400)
_BUSY_SECONDS = 5.0
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS incident (
    kind TEXT, "table" TEXT, day TEXT, "check" TEXT,
    failing INTEGER NOT NULL, seen_at REAL NOT NULL, facts TEXT NOT NULL, opened_at REAL, closed_at REAL,
    PRIMARY KEY (kind, "table", day, "check")
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS told (
    kind TEXT, "table" TEXT, day TEXT, "check" TEXT, channel TEXT,
    announced INTEGER NOT NULL, sent_at REAL, claimed_until REAL,
    PRIMARY KEY (kind, "table", day, "check", channel)
) WITHOUT ROWID;
"""
_KEY = 'kind, "table", day, "check"'
_INCIDENT = f"SELECT {_KEY}, failing, seen_at, facts, opened_at, closed_at FROM incident"
_STORED = f"""
SELECT {_KEY}, failing, seen_at, facts, opened_at, closed_at, announced, sent_at, claimed_until
FROM incident LEFT JOIN (SELECT * FROM told WHERE channel = ?) USING ({_KEY})
"""


class Store:
    """The file; a connection is opened for each call, so that it can be used from any thread."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def claim(
        self, channels: Sequence[str], found: Sequence[Observation], now: datetime, *, kinds: Iterable[Kind] = Kind
    ) -> dict[str, list[Message]]:
        """Take in what was found, and claim the messages that are due for this process.

        Args:
            channels: names.
            found: good and bad.
            now: the time.
            kinds: only incidents of these are looked at, beside those found.

        Returns:
            By channel, what this process must send and then `settle` or `release`.

        Raises:
            AlertStateError: the file cannot be used; nothing is claimed.
        """
        with self._transaction() as connection:
            self._record(connection, found)
            return {channel: self._claim_for(connection, channel, now, set(kinds)) for channel in channels}

    def settle(self, channel: str, message: Message, now: datetime) -> None:
        """The channel took the message."""
        with self._transaction() as connection:
            _write_told(connection, channel, [Stored(known).after(message.event, now) for known in message.incidents])

    def release(self, channel: str, message: Message) -> None:
        """The channel did not take the message; it is due again."""
        with self._transaction() as connection:
            connection.executemany(
                f"UPDATE told SET claimed_until = NULL WHERE ({_KEY}) = (?, ?, ?, ?) AND channel = ?",
                [(*_values(key), channel) for key in message.keys],
            )

    def incidents(self, *, with_closed: bool = False) -> list[Incident]:
        """Open incidents, the newest first; on request also those that are over. No file: none."""
        if not self._file.exists():
            return []
        where = "opened_at IS NOT NULL" if with_closed else "failing"
        with self._transaction() as connection:
            rows = connection.execute(f"{_INCIDENT} WHERE {where} ORDER BY failing DESC, opened_at DESC, {_KEY}")
            return [_incident(row) for row in rows]

    def _record(self, connection: sqlite3.Connection, found: Sequence[Observation]) -> None:
        known = [
            Stored(_incident(row))
            for key in {observation.key for observation in found}
            for row in connection.execute(f"{_INCIDENT} WHERE ({_KEY}) = (?, ?, ?, ?)", _values(key))
        ]
        before = {entry.incident for entry in known}
        after = [entry.incident for entry in updated(found, known)]
        connection.executemany(
            "INSERT OR REPLACE INTO incident VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [_row(incident) for incident in after if incident not in before],
        )
        if after:
            oldest = max(incident.seen_at for incident in after) - KEEP
            connection.execute("DELETE FROM incident WHERE NOT failing AND seen_at < ?", (oldest.timestamp(),))
            connection.execute(f"DELETE FROM told WHERE ({_KEY}) NOT IN (SELECT {_KEY} FROM incident)")

    def _claim_for(
        self, connection: sqlite3.Connection, channel: str, now: datetime, kinds: set[Kind]
    ) -> list[Message]:
        rows = connection.execute(f"{_STORED} WHERE failing OR announced", (channel,))
        stored = [entry for entry in map(_stored, rows) if entry.incident.key.kind in kinds]
        messages = plan_messages([], stored, now)
        known = {entry.incident.key: entry for entry in stored}
        claimed = [known[key] for message in messages for key in message.keys]
        _write_told(connection, channel, [replace(entry, claimed_until=now + CLAIM) for entry in claimed])
        return messages

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction, so that of two processes one waits until the other has claimed."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._file, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                self._prepare(connection)
                yield connection
                connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise AlertStateError(
                f"{self._file} cannot be used: {error}. No alert was sent by this call. Check the file and its folder; "
                "it may be removed, open incidents are then announced again."
            ) from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise AlertStateError(
                f"{self._file} was written by a newer version of lakehouse. It was left as it is, no alert was sent. "
                "Update lakehouse, or move the file away."
            )
        if version < _VERSION:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")


def _write_told(connection: sqlite3.Connection, channel: str, entries: Iterable[Stored]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                *(*_values(entry.incident.key), channel),
                *(entry.announced, _seconds(entry.sent_at), _seconds(entry.claimed_until)),
            )
            for entry in entries
        ],
    )


def _values(key: Key) -> tuple[str, str, str, str]:
    return key.kind.value, key.table, key.day, key.check


def _row(incident: Incident) -> tuple[Any, ...]:
    times = (_seconds(incident.opened_at), _seconds(incident.closed_at))
    facts = json.dumps(incident.facts.as_dict(), sort_keys=True)
    return (*_values(incident.key), incident.failing, incident.seen_at.timestamp(), facts, *times)


def _incident(row: Sequence[Any]) -> Incident:
    kind, table, day, check, failing, seen_at, facts, opened_at, closed_at = row
    return Incident(
        Key(Kind(kind), table, day, check),
        failing=bool(failing),
        seen_at=datetime.fromtimestamp(seen_at, UTC),
        facts=Facts.from_dict(json.loads(facts)),
        opened_at=_time(opened_at),
        closed_at=_time(closed_at),
    )


def _stored(row: Sequence[Any]) -> Stored:
    *incident, announced, sent_at, claimed_until = row
    return Stored(_incident(incident), bool(announced), _time(sent_at), _time(claimed_until))


def _seconds(time: datetime | None) -> float | None:
    return time.timestamp() if time is not None else None


def _time(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
