"""recompute(): every table for a landing folder. The steps are in the other modules of the package.

Rows are plain dicts with the columns of design sections 5-7 without the audit columns (ingested_at,
quarantined_at, run_id, processing_timestamp) and, in gold, without data_version and source_system. Instants
are datetimes in UTC, amounts Decimals with two digits; `extra` and `event_details` are Python values, not
JSON text: compare them with `parse_json` of the platform's text.

Read this way where the design leaves room:

- `header` is a column of the CSV sources' bronze rows only.
- A day is counted when it has a landing file, also one without lines.
- On a held day `accepted` is the number of lines that pass the rules, while `current` and `superseded` are 0.
- Late lines are counted among all accepted lines, superseded and held ones included.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

from .gold import build_gold
from .judge import EVENT_TIME, SOURCES, Row, Verdict, judge_line
from .landing import Line, find_files, read_file
from .silver import build_silver, find_held_days


class Counts(NamedTuple):
    """What became of the lines of one arrival day of one source.

    lines = accepted + quarantined; accepted = current + superseded, unless the day is held. `late` lines are
    accepted ones whose event time lies before their arrival day (never for users).
    """

    lines: int
    accepted: int
    quarantined: int
    current: int
    superseded: int
    late: int


@dataclass(frozen=True)
class Tables:
    """The tables by source, each sorted by its key (bronze and quarantine: arrival_date, source_file,
    line_number), the held days as (source, arrival_date), and the counts by (source, arrival_date)."""

    bronze: dict[str, list[Row]]
    quarantine: dict[str, list[Row]]
    silver: dict[str, list[Row]]
    gold: list[Row]
    held: set[tuple[str, date]]
    counts: dict[tuple[str, date], Counts]


def recompute(landing: Path, *, min_rows: int = 20, max_percent: float = 10.0) -> Tables:
    """All tables from today's landing folder; `min_rows` and `max_percent` are the gate's settings.

    Raises OSError or EOFError when a landing file cannot be read or decompressed.
    """
    tables = Tables({}, {}, {}, [], set(), {})
    for source in SOURCES:
        days, verdicts = _judge_landing(landing, source)
        held = find_held_days(verdicts, min_rows=min_rows, max_percent=max_percent)
        published = [verdict for verdict in verdicts if verdict.line.arrival_date not in held]
        tables.bronze[source] = [_bronze_row(verdict.line) for verdict in verdicts]
        tables.quarantine[source] = [_quarantine_row(verdict) for verdict in verdicts if verdict.row is None]
        tables.silver[source] = build_silver(source, [verdict.row for verdict in published if verdict.row is not None])
        tables.held.update((source, day) for day in held)
        for day in days:
            tables.counts[source, day] = _count(
                source,
                [verdict for verdict in verdicts if verdict.line.arrival_date == day],
                [row for row in tables.silver[source] if row["arrival_date"] == day],
                is_held=day in held,
            )
    tables.gold.extend(build_gold(**tables.silver))
    return tables


def _judge_landing(landing: Path, source: str) -> tuple[set[date], list[Verdict]]:
    """The arrival days of a source that have files, and the verdicts on all lines, in bronze's order."""
    files = find_files(landing, source)
    verdicts = [
        judge_line(line)
        for day, path in files
        for line in read_file(landing, source, day, path, has_header=source != "events")
    ]
    return {day for day, _ in files}, sorted(verdicts, key=_position)


def _position(verdict: Verdict) -> tuple[date, str, int]:
    return verdict.line.arrival_date, verdict.line.source_file, verdict.line.line_number


def _bronze_row(line: Line) -> Row:
    row: Row = {
        "arrival_date": line.arrival_date,
        "source_file": line.source_file,
        "line_number": line.line_number,
        "raw": line.raw,
    }
    return row if line.source == "events" else row | {"header": line.header}


def _quarantine_row(verdict: Verdict) -> Row:
    return {
        "arrival_date": verdict.line.arrival_date,
        "source_file": verdict.line.source_file,
        "line_number": verdict.line.line_number,
        "raw": verdict.line.raw,
        "failed_rules": list(verdict.failed_rules),
    }


def _count(source: str, verdicts: list[Verdict], current: list[Row], *, is_held: bool) -> Counts:
    accepted = [verdict.row for verdict in verdicts if verdict.row is not None]
    return Counts(
        lines=len(verdicts),
        accepted=len(accepted),
        quarantined=len(verdicts) - len(accepted),
        current=len(current),
        superseded=0 if is_held else len(accepted) - len(current),
        late=sum(_is_late(source, row) for row in accepted),
    )


def _is_late(source: str, row: Row) -> bool:
    is_late: bool = source in EVENT_TIME and row[EVENT_TIME[source]].date() < row["arrival_date"]
    return is_late
