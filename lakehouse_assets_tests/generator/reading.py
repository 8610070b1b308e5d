"""Reading a generated home in plain Python: landing lines, the truth, and snapshots of bytes.

Knows the file formats only; which lines are valid is for `lakehouse_assets_tests.reference` to say.
"""

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

SOURCES = ("events", "transactions", "users")
Record = dict[str, Any]
Row = dict[str, str]


@dataclass(frozen=True)
class LandedLine:
    """A non-blank line below the header, as bytes, and where it stands."""

    source: str
    arrival_date: date
    source_file: str
    line_number: int
    content: bytes
    columns: tuple[str, ...]


def landed_lines(home: Path, source: str) -> Iterator[LandedLine]:
    """Every line of a source, by path and line number."""
    for path in sorted((home / "landing" / source).glob("dt=*/*")):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines = content.split(b"\n")
        columns = tuple(lines[0].decode().split(",")) if source != "events" else ()
        for number, line in enumerate(lines, start=1):
            if line.strip() and not (columns and number == 1):
                name = path.relative_to(home / "landing").as_posix()
                yield LandedLine(source, day_of(path), name, number, line, columns)


def day_of(path: Path) -> date:
    """The arrival day of a landing file."""
    return date.fromisoformat(path.parent.name.removeprefix("dt="))


def truth_records(home: Path) -> list[Record]:
    """All truth records, in the order of the files."""
    files = sorted((home / "truth").glob("dt=*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]


def line_records(home: Path) -> list[Record]:
    """The truth records that stand for a line."""
    return [record for record in truth_records(home) if record["line_number"] is not None]


def kinds_by_line(home: Path) -> dict[tuple[str, int], set[str]]:
    """The kinds planted on each line that has a record."""
    kinds = defaultdict(set)
    for record in line_records(home):
        kinds[record["source_file"], record["line_number"]].add(record["kind"])
    return dict(kinds)


def base_events(home: Path) -> list[Record]:
    """The clean events, once each: parsed, with `arrival_date`; no defective copies, duplicates or repeated files."""
    return [
        json.loads(line.content) | {"arrival_date": line.arrival_date}
        for line in _base_lines(home, "events", {"orphan_user", "late_arrival"})
    ]


def base_transactions(home: Path) -> list[Row]:
    """The clean transactions, once each."""
    return [parsed(line) for line in _base_lines(home, "transactions", {"orphan_user", "late_arrival"})]


def user_versions(home: Path) -> list[Row]:
    """The clean users' lines with their `arrival_date`."""
    return [
        parsed(line) | {"arrival_date": line.arrival_date.isoformat()}
        for line in _base_lines(home, "users", {"late_user"})
    ]


def parsed(line: LandedLine) -> Row:
    """A valid CSV line by column."""
    (fields,) = csv.reader([line.content.decode()], strict=True)
    return dict(zip(line.columns, fields, strict=True))


def instant(text: str) -> datetime:
    """A time of the landing files."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def event_time(line: LandedLine) -> datetime:
    """The time of a valid event or transaction."""
    if line.source == "events":
        return instant(json.loads(line.content)["event_timestamp"])
    return instant(parsed(line)["transaction_timestamp"])


def landing_hour(line: LandedLine) -> datetime:
    """The hour whose file of events or transactions a line stands in."""
    hour = Path(line.source_file).name.partition("-")[2][:2]
    return instant(f"{line.arrival_date}T{hour}:00:00")


def bytes_by_path(home: Path) -> dict[str, bytes]:
    """Landing and truth files with their bytes; the manifest is left out, for it grows with the days."""
    files = [*(home / "landing").glob("*/dt=*/*"), *(home / "truth").glob("dt=*.jsonl")]
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in files}


def bytes_of_day(home: Path, day: date) -> dict[str, bytes]:
    """Like `bytes_by_path`, of one arrival day."""
    return {name: content for name, content in bytes_by_path(home).items() if f"dt={day}" in name}


def _base_lines(home: Path, source: str, harmless: set[str]) -> Iterator[LandedLine]:
    kinds = kinds_by_line(home)
    for line in landed_lines(home, source):
        repeated = "-redelivered" in line.source_file
        if not repeated and kinds.get((line.source_file, line.line_number), set()) <= harmless:
            yield line
