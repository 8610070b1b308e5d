"""The tables of the ledger and their rows as values. What happens to them is in `ledger`.

Times are aware and UTC; in the tables they are ISO 8601 texts, which every database keeps and orders alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

VERSION = 1
"""Of the tables; a ledger with a greater one was written by a newer release."""


class FileState(StrEnum):
    """What is known of a version of a file; one is superseded once a later version has its place in landing."""

    SEEN = "seen"
    LANDED = "landed"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"
    REJECTED = "rejected"


class ShardState(StrEnum):
    """Where a shard stands."""

    READING = "reading"
    DRAINED = "drained"


class LandingState(StrEnum):
    """Where the landing of files stands, see the protocol in `pull`."""

    LANDING = "landing"
    LANDED = "landed"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True)
class RemoteVersion:
    """A file at a source as its listing shows it; with another size or time it is another version.

    Args:
        path: at the source.
        size_bytes: as listed.
        mtime_seconds: modification time as listed, whole seconds since the epoch.
    """

    path: str
    size_bytes: int
    mtime_seconds: int


@dataclass(frozen=True)
class RemoteOutcome:
    """What became of a version of a file.

    Args:
        version: which.
        state: landed, superseded, skipped or rejected.
        sha256: of its content, or None where it was not read.
        landed_as: place below `landing/`; of a rejected one that of the kept copy; else None.
        reason: why it was skipped or rejected, for a person.
    """

    version: RemoteVersion
    state: FileState
    sha256: str | None = None
    landed_as: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class RemoteFile:
    """A version of a file, with what is known of it.

    Args:
        first_seen_at: the first look that found this version.
        changed_at: when its state changed last.
    """

    version: RemoteVersion
    state: FileState
    sha256: str | None
    landed_as: str | None
    reason: str
    first_seen_at: datetime
    changed_at: datetime


@dataclass(frozen=True)
class ShardCheckpoint:
    """Up to where a shard was pulled.

    Args:
        stream: its name, or what else tells streams apart.
        shard_id: of the shard.
        sequence_number: of the last record that landed; None before the first.
        state: drained once everything of a closed shard has landed.
        arrived_at: when that record came to the stream, for the lag; None where unknown.
    """

    stream: str
    shard_id: str
    sequence_number: str | None
    state: ShardState = ShardState.READING
    arrived_at: datetime | None = None


@dataclass(frozen=True)
class Advance:
    """What becomes true of a source once files have landed, or without any file; all of it or nothing.

    Args:
        remote_files: what became of files at the source.
        watermarks: new values by name; JSON, so times are texts.
        checkpoints: of shards.
    """

    remote_files: tuple[RemoteOutcome, ...] = ()
    watermarks: Mapping[str, Any] = field(default_factory=dict)
    checkpoints: tuple[ShardCheckpoint, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As it is kept with the intent to land."""
        checkpoints = [asdict(each) | {"arrived_at": _text(each.arrived_at)} for each in self.checkpoints]
        return {
            "remote_files": [asdict(each) for each in self.remote_files],
            "watermarks": dict(self.watermarks),
            "checkpoints": checkpoints,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Advance:
        """What `as_json` gave."""
        outcomes = (
            RemoteOutcome(**each | {"version": RemoteVersion(**each["version"]), "state": FileState(each["state"])})
            for each in kept["remote_files"]
        )
        checkpoints = (
            ShardCheckpoint(**each | {"state": ShardState(each["state"]), "arrived_at": _time(each["arrived_at"])})
            for each in kept["checkpoints"]
        )
        return cls(tuple(outcomes), kept["watermarks"], tuple(checkpoints))


class UtcTime(TypeDecorator[datetime]):
    """An aware time, UTC, as ISO 8601 text of fixed length."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return _text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        return _time(value)


METADATA = MetaData()

LEDGER = Table("ingestion_ledger", METADATA, Column("version", Integer, primary_key=True, autoincrement=False))

LANDING = Table(
    "ingestion_landing",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("source", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("advance", JSON, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    # Each pull asks for those that are not finished, among all that ever landed.
    Index("ingestion_landing_by_state", "source", "state"),
)

LANDING_FILE = Table(
    "ingestion_landing_file",
    METADATA,
    Column("landing_id", ForeignKey(LANDING.c.id), primary_key=True),
    Column("source_file", Text, primary_key=True),
    Column("temporary", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("replaces", Boolean, nullable=False),
)

REMOTE_FILE = Table(
    "ingestion_remote_file",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("size_bytes", BigInteger, primary_key=True, autoincrement=False),
    Column("mtime_seconds", BigInteger, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("sha256", String(64), index=True),
    Column("landed_as", Text),
    Column("reason", Text, nullable=False),
    Column("first_seen_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
)

WATERMARK = Table(
    "ingestion_watermark",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", JSON, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
)

SHARD_CHECKPOINT = Table(
    "ingestion_shard_checkpoint",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("shard_id", Text, primary_key=True),
    Column("sequence_number", Text),
    Column("state", String(16), nullable=False),
    Column("arrived_at", UtcTime),
    Column("changed_at", UtcTime, nullable=False),
)


def _text(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat(timespec="microseconds") if time is not None else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
