"""Records in hand on their way to files of landing: names, what a file holds, and what landing holds already.

A file has records of one shard and one arrival day, `<stream>-<shard>-<first>-<last>.json.gz`, where the last two are
sequence numbers of 56 digits: a name says what is inside. So names order as the records do, a record that is delivered
twice is known by the names that are there, and files of a stream that was made anew never meet the old ones (`<stream>`
is a digest of the stream with its time of creation).

A record lands as it is, with a line end behind it if it has none. Records are not taken apart nor put together: one
that holds several JSON lines is several lines, one that is printed over several lines is that many corrupt lines.
"""

from __future__ import annotations

import gzip
import io
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from lakehouse_assets.ingestion.kinesis_client import Record, Stream
from lakehouse_assets.ingestion.kinesis_errors import SOURCE
from lakehouse_assets.ingestion.ledger_tables import Advance
from lakehouse_assets.ingestion.pull import Pull
from lakehouse_assets.landing.files import list_days, list_files

_NAME = re.compile(r"([0-9a-f]{10})-([A-Za-z0-9_.-]+)-(\d{56,})-(\d{56,})\.json\.gz", re.ASCII)
_BOM = b"\xef\xbb\xbf"


def file_name(stream: Stream, shard_id: str, first: int, last: int) -> str:
    """The name of the file with the records `first` to `last` of a shard."""
    return f"{stream.tag}-{shard_id}-{first:056d}-{last:056d}.json.gz"


class Landed:
    """Which records of a stream landing holds, by the names of its files.

    Args:
        spans: arrival day, shard, first and last sequence number of each file.
    """

    def __init__(self, spans: Iterable[tuple[date, str, int, int]]) -> None:
        self._spans: dict[tuple[date, str], list[tuple[int, int]]] = {}
        for day, shard_id, first, last in sorted(spans):
            held = self._spans.setdefault((day, shard_id), [])
            if held and first <= held[-1][1]:
                held[-1] = (held[-1][0], max(held[-1][1], last))
            else:
                held.append((first, last))

    def holds(self, shard_id: str, record: Record) -> bool:
        """Whether a file of the record's arrival day has it."""
        spans = self._spans.get((record.arrived_at.date(), shard_id), [])
        before = bisect_right(spans, record.sequence, key=lambda span: span[0])
        return before > 0 and record.sequence <= spans[before - 1][1]


def read_landed(landing: Path, stream: Stream, first_day: date) -> Landed:
    """What landing holds of a stream from an arrival day on.

    Raises:
        LandingError: a folder cannot be listed.
    """
    return Landed(_spans(landing, stream, first_day))


def _spans(landing: Path, stream: Stream, first_day: date) -> Iterator[tuple[date, str, int, int]]:
    for day in list_days(landing, SOURCE):
        for file in list_files(landing, SOURCE, day) if day >= first_day else ():
            match = _NAME.fullmatch(file.path.name)
            if match and match[1] == stream.tag:
                yield day, match[2], int(match[3]), int(match[4])


class _Part:
    """One file that grows, in memory and compressed."""

    def __init__(self, day: date, shard_id: str, first: int) -> None:
        self.day = day
        self.shard_id = shard_id
        self.first = self.last = first
        self._buffer = io.BytesIO()
        # Without time and name in it, so that the same records are the same bytes.
        self._packed = gzip.GzipFile(filename="", mode="wb", fileobj=self._buffer, mtime=0)
        self._is_empty = True

    def add(self, record: Record) -> None:
        if self._is_empty and record.data.startswith(_BOM):
            # A byte order mark at the beginning of a file is dropped, anywhere else it makes the line corrupt. The
            # verdict must not depend on where a file was cut; a blank line does not count.
            self._packed.write(b"\n")
        self._packed.write(record.data if record.data.endswith(b"\n") else record.data + b"\n")
        self.last = record.sequence
        self._is_empty = False

    def content(self) -> bytes:
        self._packed.close()
        return self._buffer.getvalue()


@dataclass(frozen=True)
class LandedBatch:
    """What a batch brought: places below `landing/`, lines that are not blank, and bytes as they are stored."""

    files: tuple[str, ...] = ()
    rows: int = 0
    bytes: int = 0


class Batch:
    """Records in hand, compressed: they land together, or none does.

    Args:
        stream: of the records.
    """

    def __init__(self, stream: Stream) -> None:
        self.rows = 0
        self.size_bytes = 0
        self._stream = stream
        self._growing: dict[tuple[str, date], _Part] = {}
        self._ended: list[_Part] = []

    def add(self, shard_id: str, record: Record) -> None:
        """Take the next record of a shard."""
        day = record.arrived_at.date()
        part = self._growing.get((shard_id, day))
        if part is None:
            part = self._growing[shard_id, day] = _Part(day, shard_id, record.sequence)
        part.add(record)
        self.rows += sum(1 for line in record.data.split(b"\n") if line.strip(b" \t\r"))
        self.size_bytes += len(record.data)

    def pass_over(self, shard_id: str) -> None:
        """Leave a record of the shard out: its files end here, since a name claims all from its first to its last."""
        for key in [key for key in self._growing if key[0] == shard_id]:
            self._ended.append(self._growing.pop(key))

    def land(self, pull: Pull, advance: Advance, now: datetime) -> LandedBatch:
        """Bring the records into landing and make `advance` true; without records that alone.

        Raises:
            DiskFullError: no space is left.
            LandingError: landing cannot be written.
            LedgerError: the ledger cannot be written.
        """
        parts = [*self._ended, *self._growing.values()]
        if not parts:
            pull.ledger.advance(advance, now)
            return LandedBatch()
        with ExitStack() as stack:
            files = []
            for part in parts:
                name = file_name(self._stream, part.shard_id, part.first, part.last)
                # A file of this name has the same records.
                file = stack.enter_context(pull.writing(part.day, name, replaces=True))
                file.write(part.content())
                # Closes it: a stream may have more shards than a process may have files open.
                file.finish()
                files.append(file)
            landed = pull.land(files, advance, now)
            return LandedBatch(landed, self.rows, sum(file.size_bytes for file in files))
