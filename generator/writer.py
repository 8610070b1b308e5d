"""Files: lines are collected per landing file, packed, and put in place in one step.

A file grows as a draft (in memory while small, else in an unnamed temporary file), is written under a hidden
name in its folder and then renamed: a reader sees all of it or nothing. A file whose bytes are there already
is left alone, so its modification time stays. Which lines go into which file is decided in `production`.
"""

import filecmp
import gzip
import os
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Protocol

from generator.rows import Source
from generator.truth import Tally, redelivery_record

LARGEST_DRAFT_IN_MEMORY_BYTES = 256 * 1024
COPY_BYTES = 1024 * 1024
GZIP_LEVEL = 3


@dataclass(frozen=True)
class LandedFile:
    """A file in its place; `path` is relative to landing."""

    path: str
    lines: int
    size_bytes: int
    crc32: int
    changed: bool


class Drop(Protocol):
    """A file that is ready to land at the instant `due`."""

    @property
    def path(self) -> str: ...

    @property
    def due(self) -> int: ...

    @property
    def source(self) -> Source: ...

    @property
    def tally(self) -> Tally: ...

    def pack(self, target: BinaryIO) -> None:
        """Write the file's bytes as they land."""

    def truth(self) -> Iterator[bytes]:
        """The truth records of the file."""


class Draft:
    """A landing file that still grows."""

    def __init__(self, source: Source, path: str, due: int, header: str, spool_folder: Path) -> None:
        self.source = source
        self.path = path
        self.due = due
        self.tally = Tally()
        self._spool_folder = spool_folder
        self._body = self._spool()
        self._truth = self._spool()
        self._physical_lines = 0
        if header:
            self._body.write(header.encode() + b"\n")
            self._physical_lines = 1

    @property
    def next_line(self) -> int:
        """The physical line number that the next line gets, from 1."""
        return self._physical_lines + 1

    def append(self, pieces: Iterable[bytes | memoryview], tally: Tally, records: bytes) -> None:
        """Add lines, and what the truth says of them."""
        self._body.writelines(pieces)
        self._truth.write(records)
        self._physical_lines += tally.lines
        self.tally.add(tally)

    def pack(self, target: BinaryIO) -> None:
        """Write the file's bytes as they land: gzipped, without name or time, where the name says so."""
        self._body.seek(0)
        if not self.path.endswith(".gz"):
            shutil.copyfileobj(self._body, target, COPY_BYTES)
            return
        with gzip.GzipFile(filename="", mode="wb", compresslevel=GZIP_LEVEL, fileobj=target, mtime=0) as packed:
            shutil.copyfileobj(self._body, packed, COPY_BYTES)

    def truth(self) -> Iterator[bytes]:
        """The truth records of the file."""
        self._truth.seek(0)
        yield from self._truth

    def close_body(self) -> None:
        """Give back the space of the lines; the truth stays readable."""
        self._body.close()

    def _spool(self) -> "SpooledTemporaryFile[bytes]":
        return SpooledTemporaryFile(max_size=LARGEST_DRAFT_IN_MEMORY_BYTES, dir=str(self._spool_folder))


@dataclass
class Redelivery:
    """A landed file that lands again under a new name, byte for byte."""

    original: Draft
    landing: Path
    path: str
    arrival_date: str
    due: int
    tally: Tally = field(init=False)

    def __post_init__(self) -> None:
        self.tally = Tally()
        self.tally.add(self.original.tally)
        self.tally.kinds["redelivered_file"] += 1

    @property
    def source(self) -> Source:
        """The original's."""
        return self.original.source

    def pack(self, target: BinaryIO) -> None:
        """Copy the landed original."""
        with (self.landing / self.original.path).open("rb") as landed:
            shutil.copyfileobj(landed, target, COPY_BYTES)

    def truth(self) -> Iterator[bytes]:
        """One record for the file, then the original's under the new name."""
        yield redelivery_record(self.arrival_date, self.source, self.path, self.original.path, self.tally)
        old, new = (f'"source_file":"{path}"'.encode() for path in (self.original.path, self.path))
        for record in self.original.truth():
            yield record.replace(old, new)


def land(drop: Drop, landing: Path) -> LandedFile:
    """Put a file into its place."""
    target = landing / drop.path
    changed = _put(target, drop.pack)
    size_bytes, crc32 = fingerprint(target)
    return LandedFile(drop.path, drop.tally.lines, size_bytes, crc32, changed)


def write_atomically(target: Path, pieces: Iterable[bytes]) -> None:
    """Write a file in one step; unchanged bytes leave it untouched."""
    _put(target, lambda file: file.writelines(pieces))


def fingerprint(path: Path) -> tuple[int, int]:
    """Size in bytes and CRC-32 of a file."""
    size_bytes = crc32 = 0
    with path.open("rb") as file:
        while piece := file.read(COPY_BYTES):
            size_bytes += len(piece)
            crc32 = zlib.crc32(piece, crc32)
    return size_bytes, crc32


def _put(target: Path, write: Callable[[BinaryIO], None]) -> bool:
    """Write under a hidden name and rename, unless the target holds the same bytes. Returns: changed?"""
    target.parent.mkdir(parents=True, exist_ok=True)
    hidden = target.with_name(f".{target.name}.tmp")
    try:
        with hidden.open("wb") as file:
            write(file)
        if target.is_file() and filecmp.cmp(hidden, target, shallow=False):
            return False
        os.replace(hidden, target)
        return True
    finally:
        hidden.unlink(missing_ok=True)
