"""The ledger: what was pulled from each source so far, in one small database (SQLAlchemy; SQLite by default).

Each function is one transaction. Files and ledger change together by the protocol that is written down in `pull`, the
only caller of `begin`, `finish` and `forget`. The tables are in `ledger_tables`. Several processes may use the ledger
at once; of one source only the holder of its lock (`pull`) changes anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import URL, ColumnElement, Connection, Engine, Row, Table, and_, create_engine, event, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from lakehouse_assets.errors import LedgerError
from lakehouse_assets.ingestion.landing_writer import WrittenFile
from lakehouse_assets.ingestion.ledger_tables import (
    LANDING,
    LANDING_FILE,
    LEDGER,
    METADATA,
    REMOTE_FILE,
    SHARD_CHECKPOINT,
    VERSION,
    WATERMARK,
    Advance,
    FileState,
    LandingState,
    RemoteFile,
    RemoteOutcome,
    RemoteVersion,
    ShardCheckpoint,
    ShardState,
)

POSITION = "position"
"""The usual name of a source's watermark."""
_BUSY_MILLISECONDS = 30_000
# Any number that no other program takes.
_MAKING_TABLES = 5_018_664_103


class Ledger:
    """What is known of one source.

    Args:
        engine: of the database, whose tables are there.
        source: name of the source.
    """

    def __init__(self, engine: Engine, source: str) -> None:
        self._engine = engine
        self._source = source

    def see(self, listing: Sequence[RemoteVersion], now: datetime) -> list[RemoteFile]:
        """Note what a listing of the source shows now.

        Versions that are new are noted as seen; those that were only ever seen and are not listed any more, such as
        earlier sizes of a file that grows, are dropped.

        Args:
            listing: all files that are there.
            now: time of the listing.

        Returns:
            What is known of each, in the order of the listing. A file stands still when it was first seen earlier.
        """
        with self._transaction() as connection:
            known = {file.version: file for file in _remote_files(connection, self._source)}
            listed = set(listing)
            gone = [file for file in known.values() if file.state is FileState.SEEN and file.version not in listed]
            for file in gone:
                connection.execute(REMOTE_FILE.delete().where(_is_version(self._source, file.version)))
            new = [
                RemoteFile(version, FileState.SEEN, None, None, "", first_seen_at=now, changed_at=now)
                for version in dict.fromkeys(listing)
                if version not in known
            ]
            for file in new:
                connection.execute(REMOTE_FILE.insert().values(source=self._source, **_remote_row(file)))
        known |= {file.version: file for file in new}
        return [known[version] for version in listing]

    def remote_files(self) -> list[RemoteFile]:
        """All versions of files that are known, by path and then by when they were first seen."""
        with self._transaction() as connection:
            return _remote_files(connection, self._source)

    def landed_with_content(self, sha256: str) -> RemoteFile | None:
        """The first version with this content, under whatever name, that landed and was not superseded since."""
        wanted = and_(
            REMOTE_FILE.c.source == self._source,
            REMOTE_FILE.c.sha256 == sha256,
            REMOTE_FILE.c.state == FileState.LANDED.value,
        )
        with self._transaction() as connection:
            row = connection.execute(select(REMOTE_FILE).where(wanted).order_by(REMOTE_FILE.c.first_seen_at)).first()
        return _remote_file(row) if row is not None else None

    def watermark(self, name: str = POSITION) -> Any:
        """The value that was noted last, JSON; None where none was."""
        wanted = and_(WATERMARK.c.source == self._source, WATERMARK.c.name == name)
        with self._transaction() as connection:
            return connection.execute(select(WATERMARK.c.value).where(wanted)).scalar_one_or_none()

    def checkpoints(self, stream: str) -> list[ShardCheckpoint]:
        """Those of all shards of a stream that were ever noted, by shard."""
        table = SHARD_CHECKPOINT
        wanted = and_(table.c.source == self._source, table.c.stream == stream)
        with self._transaction() as connection:
            rows = connection.execute(select(table).where(wanted).order_by(table.c.shard_id)).all()
        return [
            ShardCheckpoint(row.stream, row.shard_id, row.sequence_number, ShardState(row.state), row.arrived_at)
            for row in rows
        ]

    def advance(self, advance: Advance, now: datetime) -> None:
        """Note a change that no file belongs to, such as a skipped file or an increment without rows."""
        with self._transaction() as connection:
            self._apply(connection, advance, now)

    def begin(self, files: Sequence[WrittenFile], advance: Advance, now: datetime) -> str:
        """Note the intent to land files, with what becomes true once they have.

        Returns:
            The id of the landing.
        """
        landing_id = uuid4().hex
        with self._transaction() as connection:
            connection.execute(
                LANDING.insert().values(
                    id=landing_id,
                    source=self._source,
                    state=LandingState.LANDING.value,
                    advance=advance.as_json(),
                    started_at=now,
                )
            )
            connection.execute(LANDING_FILE.insert(), [{"landing_id": landing_id, **asdict(file)} for file in files])
        return landing_id

    def finish(self, landing_id: str, now: datetime) -> None:
        """Note that all files of a landing are in their places, and make true what follows from it."""
        with self._transaction() as connection:
            kept = connection.execute(select(LANDING.c.advance).where(LANDING.c.id == landing_id)).scalar_one()
            self._apply(connection, Advance.from_json(kept), now)
            self._end(connection, landing_id, LandingState.LANDED, now)

    def forget(self, landing_id: str, now: datetime) -> None:
        """Note that a landing did not come about; its files count as not pulled."""
        with self._transaction() as connection:
            self._end(connection, landing_id, LandingState.FORGOTTEN, now)

    def unfinished(self) -> dict[str, list[WrittenFile]]:
        """Landings that were begun and neither finished nor forgotten, the earliest first: their files by id."""
        wanted = and_(LANDING.c.source == self._source, LANDING.c.state == LandingState.LANDING.value)
        found: dict[str, list[WrittenFile]] = {}
        with self._transaction() as connection:
            joined = select(LANDING.c.id, LANDING_FILE).join(LANDING_FILE).where(wanted)
            for row in connection.execute(joined.order_by(LANDING.c.started_at, LANDING_FILE.c.source_file)):
                file = WrittenFile(row.source_file, row.temporary, row.size_bytes, row.sha256, row.replaces)
                found.setdefault(row.id, []).append(file)
        return found

    def _apply(self, connection: Connection, advance: Advance, now: datetime) -> None:
        for outcome in advance.remote_files:
            self._note_outcome(connection, outcome, now)
        for name, value in advance.watermarks.items():
            _put(connection, WATERMARK, {"source": self._source, "name": name}, {"value": value, "changed_at": now})
        for checkpoint in advance.checkpoints:
            _put(
                connection,
                SHARD_CHECKPOINT,
                {"source": self._source, "stream": checkpoint.stream, "shard_id": checkpoint.shard_id},
                {
                    "sequence_number": checkpoint.sequence_number,
                    "state": checkpoint.state.value,
                    "arrived_at": checkpoint.arrived_at,
                    "changed_at": now,
                },
            )

    def _note_outcome(self, connection: Connection, outcome: RemoteOutcome, now: datetime) -> None:
        where = _is_version(self._source, outcome.version)
        first_seen_at = connection.execute(select(REMOTE_FILE.c.first_seen_at).where(where)).scalar_one_or_none()
        file = RemoteFile(
            outcome.version,
            outcome.state,
            outcome.sha256,
            outcome.landed_as,
            outcome.reason,
            first_seen_at=first_seen_at or now,
            changed_at=now,
        )
        row = _remote_row(file)
        key = {"source": self._source} | {name: row.pop(name) for name in ("path", "size_bytes", "mtime_seconds")}
        _put(connection, REMOTE_FILE, key, row)

    def _end(self, connection: Connection, landing_id: str, state: LandingState, now: datetime) -> None:
        connection.execute(LANDING.update().where(LANDING.c.id == landing_id).values(state=state.value, ended_at=now))

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with _translated(self._engine.url, self._source), self._engine.begin() as connection:
            yield connection


@contextmanager
def open_ledger(url: URL, source: str) -> Iterator[Ledger]:
    """The ledger of a source; its tables are made where they are not there yet.

    Args:
        url: of the database. The folder of a SQLite file is made.
        source: name of the source.

    Raises:
        LedgerError: the database cannot be used, or a newer release wrote it.
    """
    with _translated(url, source):
        engine = _open(url)
    try:
        with _translated(url, source):
            _make_tables(engine, source)
        yield Ledger(engine, source)
    finally:
        engine.dispose()


def _open(url: URL) -> Engine:
    # Values stand in no error text: a watermark is none of a log's business.
    engine = create_engine(url, hide_parameters=True)
    if engine.dialect.name == "sqlite":
        if url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _prepare_sqlite)
        # Python's module would begin a transaction with the first write only; two that read first would then collide.
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    connection.execute("PRAGMA journal_mode = WAL")
    # A power cut must not take back that a file landed: it would land a second time.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _make_tables(engine: Engine, source: str) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # IF NOT EXISTS is not enough there: of two that make a table at once one fails.
            connection.execute(select(func.pg_advisory_xact_lock(_MAKING_TABLES)))
        for table in METADATA.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))
        version = connection.execute(select(LEDGER.c.version)).scalar_one_or_none()
        if version is None:
            connection.execute(LEDGER.insert().values(version=VERSION))
        elif version > VERSION:
            raise LedgerError(
                f"The ledger {engine.url.render_as_string()} was written by a newer version of lakehouse. It was left "
                f"as it is, nothing was pulled from {source}. Update lakehouse.",
                source=source,
            )


@contextmanager
def _translated(url: URL, source: str) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        said = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise LedgerError(
            f"The ledger {url.render_as_string()} cannot be used: {said}. It is as it was, nothing more was pulled "
            f"from {source}. Check the database, then pull again.",
            source=source,
        ) from error


def _put(connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Insert or update one row; portable, and safe since one process alone changes a source."""
    where = and_(*(table.c[name] == value for name, value in key.items()))
    if connection.execute(table.update().where(where).values(values)).rowcount == 0:
        connection.execute(table.insert().values({**key, **values}))


def _is_version(source: str, version: RemoteVersion) -> ColumnElement[bool]:
    return and_(
        REMOTE_FILE.c.source == source,
        REMOTE_FILE.c.path == version.path,
        REMOTE_FILE.c.size_bytes == version.size_bytes,
        REMOTE_FILE.c.mtime_seconds == version.mtime_seconds,
    )


def _remote_files(connection: Connection, source: str) -> list[RemoteFile]:
    ordered = select(REMOTE_FILE).where(REMOTE_FILE.c.source == source)
    rows = connection.execute(ordered.order_by(REMOTE_FILE.c.path, REMOTE_FILE.c.first_seen_at))
    return [_remote_file(row) for row in rows]


def _remote_file(row: Row[Any]) -> RemoteFile:
    return RemoteFile(
        RemoteVersion(row.path, row.size_bytes, row.mtime_seconds),
        FileState(row.state),
        row.sha256,
        row.landed_as,
        row.reason,
        row.first_seen_at,
        row.changed_at,
    )


def _remote_row(file: RemoteFile) -> dict[str, Any]:
    row = asdict(file)
    return {**row.pop("version"), **row, "state": file.state.value}
