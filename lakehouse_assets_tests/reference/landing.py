"""Landing: which files count, and which lines they hold, untouched. Judging a line's content is in `judge`.

Read this way where the design leaves room:

- The source decides the format, not the file name: every listed extension is read in every source, so a CSV
  file among the events is quarantined line by line instead of being overlooked.
- Names are case-sensitive, files lie directly in `dt=D`, and D is a real day; anything else is ignored.
- A carriage return belongs to the line end only before a line feed: without one, at the file's end, it stays.
- A header is decoded as a line is (replaced, cut at 1 MiB), but carries no fault of its own.
- A damaged `.gz` file raises: it is no data to judge.
"""

import codecs
import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

MAX_LINE_BYTES = 1024 * 1024
BOM = b"\xef\xbb\xbf"

_DAY_FOLDER = re.compile(r"dt=(\d{4}-\d{2}-\d{2})", re.ASCII)
_FILE_NAME = re.compile(r"[^._].*\.(json|jsonl|ndjson|csv)(\.gz)?", re.DOTALL)


@dataclass(frozen=True)
class Line:
    """One non-blank line that is not a header.

    `source_file` is the path below the landing folder, `line_number` counts every physical line from 1, `raw`
    is the text without its line end, `header` the text of the CSV header (null for JSON), and `faults` are
    the rules that only the bytes can tell: `line_too_long`, `not_utf8`.
    """

    source: str
    arrival_date: date
    source_file: str
    line_number: int
    raw: str
    header: str | None
    faults: tuple[str, ...]


def find_files(landing: Path, source: str) -> list[tuple[date, Path]]:
    """The landing files of a source with their arrival days, in the order of their paths."""
    found = []
    for path in sorted((landing / source).glob("dt=*/*")):
        day = _parse_day(path.parent.name)
        if day is not None and _FILE_NAME.fullmatch(path.name) and path.is_file():
            found.append((day, path))
    return found


def _parse_day(folder: str) -> date | None:
    match = _DAY_FOLDER.fullmatch(folder)
    if match is None:
        return None
    try:
        return date.fromisoformat(match[1])
    except ValueError:
        return None


def read_file(landing: Path, source: str, arrival_date: date, path: Path, *, has_header: bool) -> list[Line]:
    """All lines of one landing file, in the order of the file."""
    content = path.read_bytes()
    if path.name.endswith(".gz"):
        content = gzip.decompress(content)
    numbered = split_lines(content)
    header = None
    if has_header:
        _, header_bytes = next(numbered, (0, b""))
        header, _ = decode_line(header_bytes)
    source_file = path.relative_to(landing).as_posix()
    lines = []
    for line_number, line_bytes in numbered:
        raw, faults = decode_line(line_bytes)
        lines.append(Line(source, arrival_date, source_file, line_number, raw, header, faults))
    return lines


def split_lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The non-blank physical lines with their numbers, without byte-order mark and line ends."""
    *ended, last = content.removeprefix(BOM).split(b"\n")
    physical_lines = [line.removesuffix(b"\r") for line in ended] + [last]
    for line_number, line in enumerate(physical_lines, start=1):
        if line.strip(b" \t\r"):
            yield line_number, line


def decode_line(line: bytes) -> tuple[str, tuple[str, ...]]:
    """The line as text, and the rules its bytes fail.

    A line over 1 MiB is cut to it; a character that the cut has split is dropped and is no fault.
    """
    is_cut = len(line) > MAX_LINE_BYTES
    kept = line[:MAX_LINE_BYTES]
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(kept, final=not is_cut)
    faults = ["line_too_long"] if is_cut else []
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(kept, final=not is_cut)
    except UnicodeDecodeError:
        faults.append("not_utf8")
    return text, tuple(faults)
