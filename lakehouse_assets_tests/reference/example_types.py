"""What an example is, and how examples become landing files. The examples themselves: `examples_*.py`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

EVENTS_HEADER = None
TRANSACTIONS_HEADER = "transaction_id,session_id,user_id,amount,currency,transaction_timestamp"
USERS_HEADER = "user_id,signup_date,device_type,country,updated_at"

ARRIVAL = date(2024, 11, 17)


def utc(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0
) -> datetime:
    """An instant in UTC."""
    return datetime(year, month, day, hour, minute, second, microsecond, tzinfo=UTC)


@dataclass(frozen=True)
class Example:
    """One line and its verdict, derived from the design by hand.

    `line` has no line end and is not the first line of its file; `header` is the file's header (null for
    JSON). `failed_rules` is empty for an accepted line, and `expected` then holds some values of its silver
    row. Accepted examples of a source have different keys, so that none supersedes another. Names are unique
    within a source.
    """

    source: str
    name: str
    line: bytes
    header: str | None
    arrival_date: date
    failed_rules: tuple[str, ...]
    expected: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class FileLine:
    """What bronze must hold of one line of a file, and the rules that the line fails."""

    line_number: int
    raw: str
    failed_rules: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileExample:
    """A whole landing file, byte by byte, and the lines it holds. `header` is bronze's (null for JSON)."""

    source: str
    name: str
    file_name: str
    content: bytes
    header: str | None
    lines: tuple[FileLine, ...]
    arrival_date: date = ARRIVAL

    @property
    def source_file(self) -> str:
        """The path below the landing folder."""
        return f"{self.source}/dt={self.arrival_date}/{self.file_name}"


def write_examples(landing: Path, examples: Iterable[Example]) -> dict[tuple[str, int], Example]:
    """Write examples as landing files, one per source, arrival day and header.

    Returns: the example that stands at each (source_file, line_number).
    """
    groups: dict[tuple[str, date, str | None], list[Example]] = {}
    for example in examples:
        groups.setdefault((example.source, example.arrival_date, example.header), []).append(example)
    written = {}
    for number, ((source, arrival_date, header), group) in enumerate(groups.items()):
        header_lines = [] if header is None else [header.encode()]
        extension = "json" if header is None else "csv"
        source_file = f"{source}/dt={arrival_date}/examples-{number:03}.{extension}"
        content = b"\n".join([*header_lines, *(example.line for example in group), b""])
        _write(landing / source_file, content)
        for line_number, example in enumerate(group, start=1 + len(header_lines)):
            written[source_file, line_number] = example
    return written


def write_example_file(landing: Path, example: FileExample) -> Path:
    """Write the file of an example; returns its path."""
    return _write(landing / example.source_file, example.content)


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
