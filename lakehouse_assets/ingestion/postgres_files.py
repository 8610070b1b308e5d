"""Rows of users to landing files: lines of CSV, only what has not landed before; and what is odd about the rows."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import datetime
from enum import StrEnum
from typing import Any

from lakehouse_assets.ingestion.landed_rows import LandedRow, LandedRows
from lakehouse_assets.ingestion.landing_writer import PendingFile
from lakehouse_assets.ingestion.postgres_database import COLUMNS
from lakehouse_assets.ingestion.pull import Pull

# A record of landing is a physical line, even within quotes.
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


class Oddity(StrEnum):
    """What a person should know of rows; the value is what is said of them."""

    WITHOUT_KEY = "have no user_id and were left out, as nothing tells one from another"
    SHARED_KEY = "share their user_id with another row; user_id must be unique, or versions are taken for each other"
    UNDATED = "have no updated_at; they are compared in each pull, and silver takes their arrival day for it"
    BACKWARD = (
        "came with an updated_at before that of the version that had landed; silver keeps the later one as current"
    )
    UNMARKED = "changed without a new updated_at; silver takes what landed last"
    LINE_BREAK = "had line breaks in values, each of which landed as a space"


class UserFiles:
    """The files of one pull. They grow while rows are taken and go when the stack ends, unless they were landed.

    Args:
        pull: to write by.
        known: what landed before.
        stack: that keeps the files.
        now: the time; its UTC day is the arrival day.
        file_rows: how many rows a file holds at most.
    """

    def __init__(self, pull: Pull, known: LandedRows, stack: ExitStack, now: datetime, file_rows: int) -> None:
        self._pull = pull
        self._known = known
        self._stack = stack
        self._now = now
        self._file_rows = file_rows
        self._rows_in_file = 0
        self.files: list[PendingFile] = []
        self.rows = 0
        self.skipped = 0
        self.odd: Counter[Oddity] = Counter()

    @property
    def bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    def take(self, page: Sequence[Any], *, is_whole: bool) -> None:
        """Add what is new among rows of the table.

        Args:
            page: rows of `COLUMNS`, as text, and whether each waits for a later pull.
            is_whole: whether the pages are all of the table, so that a key that is not seen is gone.
        """
        with_key = [row for row in page if row[0] is not None]
        self.odd[Oddity.WITHOUT_KEY] += len(page) - len(with_key)
        rows = [(_landed_row(line), line, is_broken) for line, is_broken in map(_line, _taken(with_key))]
        if is_whole:
            keys = [_one_line(row[0]) for row in with_key]
            self.odd[Oddity.SHARED_KEY] += self._known.see(keys)
        known = self._known.known([row.key for row, _, _ in rows])
        new = [(row, line, is_broken) for row, line, is_broken in rows if not _has_landed(row, known)]
        self.skipped += len(rows) - len(new)
        for row, _, is_broken in new:
            self._judge(row, known.get(row.key), is_broken)
        self.odd[Oddity.UNDATED] += sum(row.version is None for row, _, _ in rows)
        self._write([line for _, line, _ in new])
        self._known.stage([row for row, _, _ in new])

    def _judge(self, row: LandedRow, before: LandedRow | None, is_broken: bool) -> None:
        self.odd[Oddity.LINE_BREAK] += is_broken
        if before is None or before.version is None or row.version is None:
            return
        # Texts of one form and zone: their order is that of the times.
        self.odd[Oddity.BACKWARD] += row.version < before.version
        self.odd[Oddity.UNMARKED] += row.version == before.version

    def _write(self, lines: Sequence[list[str]]) -> None:
        start = 0
        while start < len(lines):
            if not self.files or self._rows_in_file == self._file_rows:
                self._begin_file()
            some = lines[start : start + self._file_rows - self._rows_in_file]
            self.files[-1].write(_csv(some))
            self._rows_in_file += len(some)
            self.rows += len(some)
            start += len(some)

    def _begin_file(self) -> None:
        if self.files:
            self.files[-1].finish()
        # Sorts by time: of two versions with one updated_at silver takes that of the later file.
        name = f"users-{self._now:%Y%m%dT%H%M%S.%fZ}-{len(self.files) + 1:05d}.csv"
        name = self._pull.free_name(self._now.date(), name)
        self.files.append(self._stack.enter_context(self._pull.writing(self._now.date(), name)))
        self.files[-1].write(_csv([list(COLUMNS)]))
        self._rows_in_file = 0

    def warnings(self) -> tuple[str, ...]:
        """What was odd, in the order of `Oddity`."""
        return tuple(f"{self.odd[what]:,} rows {what}." for what in Oddity if self.odd[what])


def _taken(page: Iterable[Any]) -> list[Any]:
    return [row for row in page if not row[-1]]


def _line(row: Any) -> tuple[list[str], bool]:
    """The values of a row without line breaks, and whether there were any."""
    values = ["" if value is None else value for value in row[:-1]]
    flat = [_one_line(value) for value in values]
    return flat, flat != values


def _one_line(value: str) -> str:
    return _LINE_BREAK.sub(" ", value)


def _landed_row(line: Sequence[str]) -> LandedRow:
    # A character that no text of Postgres holds stands between.
    digest = hashlib.blake2b("\0".join(line).encode(), digest_size=16).digest()
    return LandedRow(line[0], line[-1] or None, digest)


def _has_landed(row: LandedRow, known: dict[str, LandedRow]) -> bool:
    before = known.get(row.key)
    return before is not None and before.digest == row.digest


def _csv(lines: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode()
