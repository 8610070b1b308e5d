"""Bytes to lines: every non-blank, non-header line of a landing file, with its number and what its bytes broke.

A record is a physical line (LF or CRLF). Work goes block by block on Arrow buffers, so memory does not grow with the
file and no Python object is made per line, but for the rare lines that are too long or not UTF-8. What a line means is
judged later (`transforms`); which files count is in `files`.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakehouse_assets.contracts.rules import LINE_TOO_LONG, MAX_LINE_BYTES, NOT_UTF8
from lakehouse_assets.errors import LandingError
from lakehouse_assets.landing.files import LandingFile

_BLOCK_BYTES = 16 << 20
_LF, _CR = 10, 13
_BLANK_BYTES = b" \t\r"
_BOM = b"\xef\xbb\xbf"

_Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lines:
    """Consecutive lines of one file.

    Args:
        raw: text of each line without its line end.
        line_number: physical line, 1-based.
        read_errors: names of the byte rules a line broke, None where none.
        header: the header line of a CSV file, else None.
    """

    raw: pa.StringArray
    line_number: npt.NDArray[np.int64]
    read_errors: dict[int, list[str]]
    header: str | None


def read_lines(file: LandingFile, *, has_header: bool) -> Iterator[Lines]:
    """Read a file, plain or gzip.

    Args:
        file: the file.
        has_header: whether the first non-blank line is a header (CSV), which is no record itself.

    Yields:
        Its records in file order; nothing for a file without any.

    Raises:
        LandingError: the file cannot be read or is no intact gzip file.
    """
    header: str | None = None
    awaiting_header = has_header
    try:
        with _open(file) as stream:
            first_line = 1
            for block in _blocks_of_whole_lines(stream):
                lines, line_count = _split(block, first_line)
                first_line += line_count
                if awaiting_header and len(lines.raw):
                    header, lines = lines.raw[0].as_py(), _without_first(lines)
                    awaiting_header = False
                if len(lines.raw):
                    yield Lines(lines.raw, lines.line_number, lines.read_errors, header)
    except (OSError, EOFError, zlib.error) as error:
        raise LandingError(
            f"{file.source_file} cannot be read to its end: {error}. No table was changed. "
            "Deliver the file again, or remove it, and run the day again.",
            file=file.source_file,
        ) from error


def _open(file: LandingFile) -> BinaryIO:
    # Not by the name on the disk: a file that is looked at before it lands has a temporary one.
    if file.source_file.endswith(".gz"):
        return cast(BinaryIO, gzip.open(file.path, "rb"))
    return file.path.open("rb")


def _blocks_of_whole_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Blocks that end at a line end (or the file's end). Of a line that is too long only the start is kept."""
    carry = stream.read(len(_BOM)).removeprefix(_BOM)
    # A longer line is too long for certain, whatever follows: one byte over the limit, and one that may be a CR.
    keep_bytes = MAX_LINE_BYTES + 2
    while chunk := stream.read(_BLOCK_BYTES):
        end = chunk.rfind(b"\n") + 1
        if end:
            yield carry + chunk[:end]
            carry = chunk[end : end + keep_bytes]
        elif len(carry) < keep_bytes:
            carry += chunk[: keep_bytes - len(carry)]
    if carry:
        # A CR at the very end ends no line, so it must not be taken for the first half of one that does.
        yield carry + (b"\r\n" if carry.endswith(b"\r") else b"\n")


def _split(block: bytes, first_line: int) -> tuple[Lines, int]:
    """The non-blank lines of a block and the number of its physical lines, blank ones included."""
    bytes_ = np.frombuffer(block, dtype=np.uint8)
    line_ends = np.flatnonzero(bytes_ == _LF)
    starts = np.concatenate((np.zeros(1, dtype=np.int64), line_ends[:-1] + 1))
    ends = line_ends - ((line_ends > starts) & (bytes_[line_ends - 1] == _CR))
    kept = ~_blank(block, bytes_, starts, ends)
    numbers = np.arange(first_line, first_line + len(line_ends), dtype=np.int64)[kept]
    starts, ends = starts[kept], ends[kept]
    ends, read_errors = _judge_bytes(block, starts, ends)
    raw = _decoded(block, starts, ends, read_errors) if read_errors else _gathered(bytes_, starts, ends)
    return Lines(raw, numbers, read_errors, None), len(line_ends)


def _blank(block: bytes, bytes_: npt.NDArray[np.uint8], starts: _Positions, ends: _Positions) -> npt.NDArray[np.bool_]:
    blank: npt.NDArray[np.bool_] = starts == ends
    for position in np.flatnonzero(~blank & np.isin(bytes_[starts], np.frombuffer(_BLANK_BYTES, np.uint8))):
        blank[position] = not block[starts[position] : ends[position]].strip(_BLANK_BYTES)
    return blank


def _judge_bytes(block: bytes, starts: _Positions, ends: _Positions) -> tuple[_Positions, dict[int, list[str]]]:
    """Cut the lines that are too long; find them and the ones that are not UTF-8, by position."""
    too_long = ends - starts > MAX_LINE_BYTES
    errors: dict[int, list[str]] = {int(i): [LINE_TOO_LONG] for i in np.flatnonzero(too_long)}
    ends = np.where(too_long, starts + MAX_LINE_BYTES, ends)
    if errors or not _is_utf8(block):
        for position in range(len(starts)):
            line = block[starts[position] : ends[position]]
            try:
                _decode(line, "strict", is_cut=bool(too_long[position]))
            except UnicodeDecodeError:
                errors.setdefault(position, []).append(NOT_UTF8)
    return ends, errors


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _decode(line: bytes, errors: str, *, is_cut: bool) -> str:
    """The text of a line; of one that was cut without the character that the cut went through."""
    return codecs.getincrementaldecoder("utf-8")(errors).decode(line, final=not is_cut)


def _decoded(block: bytes, starts: _Positions, ends: _Positions, read_errors: dict[int, list[str]]) -> pa.StringArray:
    texts = []
    for position, (start, end) in enumerate(zip(starts, ends, strict=True)):
        is_cut = LINE_TOO_LONG in read_errors.get(position, ())
        texts.append(_decode(block[start:end], "replace", is_cut=is_cut))
    return pa.array(texts, pa.string())


def _gathered(bytes_: npt.NDArray[np.uint8], starts: _Positions, ends: _Positions) -> pa.StringArray:
    lengths = ends - starts
    offsets = np.zeros(len(starts) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    of_lines = np.ones(len(bytes_), dtype=np.bool_)
    gap_starts = np.concatenate((np.zeros(1, dtype=np.int64), ends))
    gap_ends = np.concatenate((starts, np.array([len(bytes_)], dtype=np.int64)))
    of_lines[gap_starts[gap_ends > gap_starts]] = False
    for gap in np.flatnonzero(gap_ends - gap_starts > 1):
        of_lines[gap_starts[gap] : gap_ends[gap]] = False
    payload = bytes_[of_lines]
    return pa.StringArray.from_buffers(len(starts), pa.py_buffer(offsets), pa.py_buffer(payload))


def _without_first(lines: Lines) -> Lines:
    errors = {position - 1: names for position, names in lines.read_errors.items() if position > 0}
    return Lines(lines.raw[1:], lines.line_number[1:], errors, None)
