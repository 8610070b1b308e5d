"""Delivered CSV files: whether one may land, looked at before it does.

Here is what makes a file refused as a whole: no readable header, a required column that is not there, fewer rows than
its sender declares, broken compression. What single lines are worth is judged after they landed (`transforms`), so no
line is looked at here but the first and the last.

A sender declares rows in a trailer, a last line such as `TRAILER,1200`, or in a manifest: what is in `<name>.done`, a
JSON object of which `rows`, `size_bytes` and `sha256` are read. A trailer is no row and does not land.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from lakehouse_assets.contracts.rules import MAX_LINE_BYTES
from lakehouse_assets.contracts.sources import SourceContract
from lakehouse_assets.errors import LakehouseError, LandingError
from lakehouse_assets.ingestion.names import shown_name
from lakehouse_assets.landing.files import LandingFile
from lakehouse_assets.landing.lines import read_lines

MAX_MANIFEST_BYTES = 65_536
# Two fields, where a row has at least as many as there are required columns.
_TRAILER = re.compile(r"#?\s*(?:trailer|trl|rows?|row_count|count)\s*[,;|:=]\s*(\d{1,12})[\s,;|]*", re.I | re.ASCII)
_LONGEST_TRAILER_BYTES = 1024
# Blank lines may follow a trailer.
_KEPT_BYTES = 65_536
_BLOCK_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"


class RefusedFileError(LakehouseError):
    """The file is not fit to land; the text says why, for its sender."""


@dataclass(frozen=True)
class Declared:
    """What the sender says of a file; None where it says nothing."""

    rows: int | None = None
    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Delivered:
    """A file that may land.

    Args:
        rows: lines that are not blank, without header and trailer.
        has_trailer: whether the last line is one.
    """

    rows: int
    has_trailer: bool


def parse_manifest(content: bytes) -> Declared:
    """What a marker says; one that is no JSON object, such as an empty one or a date, says nothing.

    Raises:
        RefusedFileError: it begins as an object and cannot be read.
    """
    if not content.lstrip().startswith(b"{"):
        return Declared()
    try:
        values = json.loads(content)
        rows, size, digest = (values.get(name) for name in ("rows", "size_bytes", "sha256"))
    except (ValueError, RecursionError):
        raise RefusedFileError("Its manifest is no JSON object.") from None
    for name, value in (("rows", rows), ("size_bytes", size)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise RefusedFileError(f"Its manifest has {name} that is no number of {name}.")
    if digest is not None and not (isinstance(digest, str) and re.fullmatch("[0-9a-fA-F]{64}", digest)):
        raise RefusedFileError("Its manifest has a sha256 that is none.")
    return Declared(rows, size, digest.lower() if digest is not None else None)


def judge_delivered(path: Path, name: str, contract: SourceContract, declared: Declared, sha256: str) -> Delivered:
    """Look at a file that was downloaded whole.

    Args:
        path: where it is.
        name: under which it would land; says whether it is compressed.
        contract: has the required columns.
        declared: what its sender says of it.
        sha256: of its bytes.

    Raises:
        RefusedFileError: it may not land.
        LandingError: it cannot be read here.
    """
    size = path.stat().st_size
    if declared.size_bytes not in (None, size):
        raise RefusedFileError(f"It has {size:,} bytes, its manifest declares {declared.size_bytes:,}.")
    if declared.sha256 not in (None, sha256):
        raise RefusedFileError(f"Its SHA-256 is {sha256}, its manifest declares {declared.sha256}.")
    try:
        _judge_header(_first_line(path, name), contract)
        rows, last = _rows_and_last_line(path, name)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise RefusedFileError("It is no intact gzip file: it was cut off, or damaged.") from None
    trailer = _TRAILER.fullmatch(last.strip())
    rows -= trailer is not None
    for who, expected in (("trailer", int(trailer[1]) if trailer else None), ("manifest", declared.rows)):
        if expected is not None and rows < expected:
            raise RefusedFileError(f"It has {rows:,} rows, its {who} declares {expected:,}.")
    return Delivered(rows, trailer is not None)


def copy_without_trailer(path: Path, name: str, write: Callable[[bytes], int]) -> None:
    """The file without its last line that is not blank, compressed where the name says so.

    Args:
        path: a file that has a trailer.
        name: as of `judge_delivered`.
        write: gets the bytes.
    """
    with _opened(path, name) as stream:
        if not name.endswith(".gz"):
            _copy_without_last_line(stream, write)
            return
        # No time in it: a file that is pulled again after a kill has the same bytes.
        with gzip.GzipFile(filename="", mode="wb", fileobj=cast(BinaryIO, _Sink(write)), mtime=0) as packed:
            _copy_without_last_line(stream, packed.write)


class _Sink:
    """What `GzipFile` needs to write to."""

    def __init__(self, write: Callable[[bytes], int]) -> None:
        self.write = write

    def flush(self) -> None:
        """Nothing is kept back."""


def _copy_without_last_line(stream: BinaryIO, write: Callable[[bytes], int]) -> None:
    held = b""
    while block := stream.read(_BLOCK_BYTES):
        held += block
        write(held[:-_KEPT_BYTES])
        held = held[-_KEPT_BYTES:]
    kept = held.rstrip(b" \t\r\n")
    write(kept[: kept.rfind(b"\n") + 1])


def _opened(path: Path, name: str) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if name.endswith(".gz") else path.open("rb")


def _first_line(path: Path, name: str) -> str:
    """The first line that is not blank; empty where there is none."""
    with _opened(path, name) as stream:
        line = stream.readline(MAX_LINE_BYTES + 1).removeprefix(_BOM)
        while line and not line.strip():
            line = stream.readline(MAX_LINE_BYTES + 1)
    if len(line) > MAX_LINE_BYTES:
        raise RefusedFileError("It is no CSV file: its first line has no end.")
    try:
        return line.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise RefusedFileError("It is no CSV file: its first line is not UTF-8.") from None


def _judge_header(header: str, contract: SourceContract) -> None:
    if not header:
        raise RefusedFileError("It is empty: it has no header line.")
    try:
        (fields,) = csv.reader([header], strict=True)
    except (csv.Error, ValueError):
        raise RefusedFileError("Its header line is no CSV.") from None
    columns = [field.strip() for field in fields]
    missing = [column for column in contract.required_columns if column not in columns]
    if missing:
        raise RefusedFileError(
            f"Its header lacks {', '.join(missing)}; it has {shown_name(','.join(columns))}. Required are "
            f"{', '.join(contract.required_columns)}, in any order."
        )
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise RefusedFileError(f"Its header names {shown_name(', '.join(twice))} twice.")


def _rows_and_last_line(path: Path, name: str) -> tuple[int, str]:
    """Counted as bronze counts them; the last line is empty where it is too long to be a trailer."""
    rows, last = 0, ""
    try:
        for lines in read_lines(LandingFile(name, path, 0, 0), has_header=True):
            rows += len(lines.raw)
            last = str(lines.raw[-1])
    except LandingError as error:
        if isinstance(error.__cause__, EOFError | zlib.error | gzip.BadGzipFile):
            raise error.__cause__ from None
        raise
    return rows, last if len(last) <= _LONGEST_TRAILER_BYTES else ""
