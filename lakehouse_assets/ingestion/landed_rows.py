"""Which rows of a table have landed: the last version of each key, in a SQLite file beside the ledger.

A source that reads changes again by a lookback asks here what is new, so that nothing lands twice without end; a look
at the whole table finds here which keys are gone. It is a memory, not a truth: a source that lost it reads its table
whole.

It keeps step with the ledger by a batch, a name for each pull. What a pull is about to land is staged under its batch,
committed, and counts only once the ledger has that batch as well; `settle`, at the start of the next pull, takes what
was landed by a pull that was killed and drops what was not. So nothing counts as landed that might not be.

On the disk, since keys are millions; of these at most a page is in memory. Only the holder of the source's lock opens
it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lakehouse_assets.errors import DiskFullError, LedgerError

VERSION = 1
_LOOKED_UP_AT_ONCE = 10_000  # SQLite takes 32,766 parameters
_TABLES = f"""
CREATE TABLE known (key TEXT PRIMARY KEY, version TEXT, digest BLOB NOT NULL, gone INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE staged (key TEXT PRIMARY KEY, version TEXT, digest BLOB NOT NULL, gone INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE batch (landed TEXT, staged TEXT);
INSERT INTO batch VALUES (NULL, NULL);
PRAGMA user_version = {VERSION};
"""


@dataclass(frozen=True)
class LandedRow:
    """A row that has landed.

    Args:
        key: of the row.
        version: what its source orders versions by, as text; None where the row has none.
        digest: of all of it.
    """

    key: str
    version: str | None
    digest: bytes


class LandedRows:
    """The rows of one source.

    Args:
        connection: to the file, whose tables are there.
        source: name of the source.
        path: of the file.
    """

    def __init__(self, connection: sqlite3.Connection, source: str, path: Path) -> None:
        self._connection = connection
        self._source = source
        self._path = path

    def settle(self, batch: str | None) -> bool:
        """Take or drop what an earlier pull had staged; forget everything where file and ledger do not agree.

        Args:
            batch: of the last landing, by the ledger; None where nothing has landed.

        Returns:
            Whether these are the rows that landed up to that batch.
        """
        with self._transaction():
            landed, staged = self._connection.execute("SELECT landed, staged FROM batch").fetchone()
            if batch is not None and staged == batch:
                self._take(batch)
            elif landed != batch:
                self._connection.execute("DELETE FROM known")
                self._connection.execute("UPDATE batch SET landed = NULL")
            self._drop_staged()
        return batch is None or batch in (landed, staged)

    def known(self, keys: Sequence[str]) -> dict[str, LandedRow]:
        """What landed last of these keys."""
        found: dict[str, LandedRow] = {}
        with self._translated():
            for start in range(0, len(keys), _LOOKED_UP_AT_ONCE):
                some = keys[start : start + _LOOKED_UP_AT_ONCE]
                marks = ",".join("?" * len(some))
                rows = self._connection.execute(f"SELECT key, version, digest FROM known WHERE key IN ({marks})", some)
                found |= {key: LandedRow(key, version, digest) for key, version, digest in rows}
        return found

    @contextmanager
    def staging(self, batch: str) -> Iterator[None]:
        """What is staged within is kept together under the batch, or not at all."""
        with self._transaction():
            self._drop_staged()
            self._connection.execute("UPDATE batch SET staged = ?", (batch,))
            self._connection.execute("CREATE TEMP TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY) WITHOUT ROWID")
            self._connection.execute("DELETE FROM seen")
            yield

    def stage(self, rows: Sequence[LandedRow]) -> None:
        """Note rows that are about to land."""
        with self._translated():
            self._connection.executemany(
                "INSERT OR REPLACE INTO staged VALUES (?, ?, ?, 0)",
                ((row.key, row.version, row.digest) for row in rows),
            )

    def see(self, keys: Sequence[str]) -> int:
        """Note keys that the table has.

        Returns:
            How many of them were seen before: keys that several rows share.
        """
        with self._translated():
            before = self._connection.total_changes
            self._connection.executemany("INSERT OR IGNORE INTO seen VALUES (?)", ((key,) for key in keys))
            return len(keys) - (self._connection.total_changes - before)

    def stage_gone(self) -> int:
        """Stage that the known keys that were not seen are gone, and that those seen again are back.

        Returns:
            How many are gone that were not before.
        """
        with self._translated():
            self._connection.execute(
                "INSERT OR IGNORE INTO staged SELECT key, version, digest, 0 FROM known WHERE gone AND key IN seen"
            )
            return self._connection.execute(
                "INSERT INTO staged SELECT key, version, digest, 1 FROM known WHERE NOT gone AND key NOT IN seen"
            ).rowcount

    def take(self, batch: str) -> None:
        """What was staged has landed."""
        with self._transaction():
            self._take(batch)
            self._drop_staged()

    def gone(self) -> Iterator[tuple[str, str | None]]:
        """Keys that are gone, with the version that landed last; by key."""
        with self._translated():
            yield from self._connection.execute("SELECT key, version FROM known WHERE gone ORDER BY key")

    def _take(self, batch: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO known SELECT * FROM staged")
        self._connection.execute("UPDATE batch SET landed = ?", (batch,))

    def _drop_staged(self) -> None:
        self._connection.execute("DELETE FROM staged")
        self._connection.execute("UPDATE batch SET staged = NULL")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            with self._translated():
                self._connection.execute("COMMIT")
        finally:
            # SQLite ends the transaction by itself after some errors.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        with _translated(self._source, self._path):
            yield


@contextmanager
def open_landed_rows(path: Path, source: str) -> Iterator[LandedRows]:
    """The landed rows of a source; an empty file is made where there is none. Its owner alone may read it.

    Raises:
        LedgerError: the file cannot be used.
    """
    with _translated(source, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Keys are data about people.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(path, isolation_level=None)
    with closing(connection):
        with _translated(source, path):
            _prepare(connection)
        yield LandedRows(connection, source, path)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous = FULL")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
    elif version != VERSION:
        raise sqlite3.DatabaseError("another version of lakehouse wrote it")


@contextmanager
def _translated(source: str, path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise DiskFullError(
                f"The disk is full: {path} could not be written. Nothing more landed, and {source} counts it as not "
                "pulled. Free space, then pull again.",
                source=source,
            ) from error
        said = getattr(error, "strerror", None) or error
        raise LedgerError(
            f"{path}, with the rows of {source} that have landed, cannot be used: {said}. Nothing more was pulled. "
            "Check the file; if it is broken, remove it: the next pull then reads the whole table once more.",
            source=source,
        ) from error
