"""Truth: what was planted, line by line, and the totals of each day; the oracle of the platform's tests.

One JSON line per (line, kind): `arrival_date, source, source_file, line_number, kind, failed_rules, key`, in
`<home>/truth/dt=D.jsonl`, beside landing and never inside it. Lines without a record are valid and on time. A
line has one record per kind that applies (an orphan's line that is late has two), and all of them name the
same failed rules. Some kinds say more:

    near_duplicate     seconds_apart: its time minus its original's (the greater time is the version to keep)
    orphan_user        session: the session of the user who never arrives
    redelivered_file   key: the file it repeats; lines, quarantined, late: the counts of its lines, which have
                       records of their own
    day_total          lines, quarantined, late; the last three records of a file, one for each source

Files are written by `writer`.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from generator.calendar import DAY_SECONDS
from generator.defects import NEAR_DUPLICATE, is_quarantined, kinds_of, rules_failed_by, seconds_apart
from generator.deliveries import EARLIEST_LATE_SECONDS
from generator.lines import LineFormat
from generator.rows import EventRows, Rows, Source, TransactionRows

LATE_ARRIVAL = "late_arrival"
EXACT_DUPLICATE = "exact_duplicate"
REDELIVERED_FILE = "redelivered_file"
DAY_TOTAL = "day_total"
ORPHAN_USER = "orphan_user"
REMARKS = {Source.EVENTS: ORPHAN_USER, Source.TRANSACTIONS: ORPHAN_USER, Source.USERS: "late_user"}

R = TypeVar("R", bound=Rows)


@dataclass
class Tally:
    """Counts over lines of a file or a day; `late`: accepted, of an earlier UTC day than the arrival's."""

    lines: int = 0
    quarantined: int = 0
    late: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Count the other's lines too."""
        self.lines += other.lines
        self.quarantined += other.quarantined
        self.late += other.late
        self.kinds.update(other.kinds)


def tally_of(source: Source, rows: Rows, kinds: Counter[str]) -> Tally:
    """The counts of some rows that land together."""
    quarantined = is_quarantined(source, rows.defect)
    late = ~quarantined & (rows.timestamp // DAY_SECONDS < rows.arrival // DAY_SECONDS)
    late_count = 0 if source is Source.USERS else int(late.sum())
    return Tally(len(rows), int(quarantined.sum()), late_count, kinds)


def records_of(
    source: Source, rows: Rows, names: LineFormat, arrival_date: str, source_file: str, first_line: int
) -> tuple[bytes, Counter[str]]:
    """The records of rows that stand in a file from physical line `first_line` on; their number by kind."""
    late = np.zeros(len(rows), dtype=np.bool_)
    if source is not Source.USERS:
        late = ~is_quarantined(source, rows.defect) & (rows.arrival - rows.timestamp >= EARLIEST_LATE_SECONDS)
    head = f'{{"arrival_date":"{arrival_date}","source":"{source}","source_file":"{source_file}","line_number":'
    special = np.flatnonzero(late | (rows.defect > 0) | (rows.duplicate > 0) | (rows.remark > 0))
    marked = rows.take(special)
    more = _details(marked, names)
    kinds: Counter[str] = Counter()
    lines = []
    for place, (index, number, defect, duplicate, remark, is_late) in enumerate(
        zip(
            special.tolist(),
            marked.number.tolist(),
            marked.defect.tolist(),
            marked.duplicate.tolist(),
            marked.remark.tolist(),
            late[special].tolist(),
            strict=True,
        )
    ):
        applying = []
        if defect:
            applying.append(kinds_of(source)[defect - 1])
        if duplicate:
            applying.append(EXACT_DUPLICATE)
        if remark:
            applying.append(REMARKS[source])
        if is_late:
            applying.append(LATE_ARRIVAL)
        kinds.update(applying)
        rules = ",".join(f'"{rule}"' for rule in rules_failed_by(source, defect))
        tail = f'"failed_rules":[{rules}],"key":"{names.identifier(source, number)}"'
        lines += [f'{head}{first_line + index},"kind":"{kind}",{tail}{more(kind, place)}}}\n' for kind in applying]
    return "".join(lines).encode(), kinds


def _details(rows: Rows, names: LineFormat) -> Callable[[str, int], str]:
    """What the record of a kind says besides, of the row at a place: JSON text to append."""
    apart = seconds_apart(rows.salt).tolist()
    sessions = rows.session.tolist() if isinstance(rows, EventRows | TransactionRows) else []

    def more(kind: str, place: int) -> str:
        if kind == NEAR_DUPLICATE:
            return f',"seconds_apart":{apart[place]}'
        if kind == ORPHAN_USER:
            return f',"session":"{names.session(sessions[place])}"'
        return ""

    return more


def redelivery_record(arrival_date: str, source: Source, source_file: str, original: str, tally: Tally) -> bytes:
    """The record of a whole file that landed again; `key` is the file it repeats."""
    return _record(
        arrival_date=arrival_date,
        source=source,
        source_file=source_file,
        line_number=None,
        kind=REDELIVERED_FILE,
        failed_rules=[],
        key=original,
        lines=tally.lines,
        quarantined=tally.quarantined,
        late=tally.late,
    )


def day_total_record(arrival_date: str, source: Source, tally: Tally) -> bytes:
    """The record that closes a source's day."""
    return _record(
        arrival_date=arrival_date,
        source=source,
        source_file=None,
        line_number=None,
        kind=DAY_TOTAL,
        failed_rules=[],
        key=None,
        lines=tally.lines,
        quarantined=tally.quarantined,
        late=tally.late,
    )


def _record(**values: object) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"
