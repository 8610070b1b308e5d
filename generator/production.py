"""Production: the days' blocks in the order of time, and the landing files they fill.

The only place that knows the whole path from calendar to file. It looks forward only: a block's lines go to
the draft of the hour in which they arrive, and a draft is ready when no later block can reach it. So memory
holds one block, and a day alone needs just the blocks whose deliveries can reach it. Landing the files is
left to the caller, who may take them at once (`generate`) or as a simulated clock runs (`live`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from generator.calendar import DAY_SECONDS, HOUR_SECONDS, Block, Timetable
from generator.config import GeneratorConfig
from generator.deliveries import DUPLICATE_WITHIN_SECONDS, LATEST_LATE_SECONDS, deliver
from generator.events import MAX_SESSION_SECONDS, events_of
from generator.lines import LineFormat
from generator.randomness import Stream, rng
from generator.rows import Rows, Source
from generator.sessions import sessions_of
from generator.transactions import transactions_of
from generator.truth import Tally, day_total_record, records_of, tally_of
from generator.users import UserHistory
from generator.vocabulary import event_details
from generator.writer import Draft, Drop, Redelivery

# How long after its start a session can still send a line: its own length, the longest delay, a duplicate.
LONGEST_REACH_SECONDS = MAX_SESSION_SECONDS + LATEST_LATE_SECONDS + DUPLICATE_WITHIN_SECONDS + 5
FARTHEST_EVENT_DAYS = 400

R = TypeVar("R", bound=Rows)


@dataclass(frozen=True)
class DayClosed:
    """All files of an arrival day have been handed out; `truth` is the content of its truth file."""

    day: int
    total_lines: int
    truth: Iterator[bytes]


class Production:
    """Makes the landing files of some arrival days of a configuration."""

    def __init__(self, config: GeneratorConfig, home: Path, days: Sequence[int]) -> None:
        self._config = config
        self._seed = config.calendar.seed
        self._landing = home / "landing"
        self._spool_folder = home / "truth"
        self._days = sorted(days)
        self._table = Timetable(config)
        self._users = UserHistory(self._table)
        last_second = self._table.end + FARTHEST_EVENT_DAYS * DAY_SECONDS
        self._format = LineFormat(config.volumes, event_details(self._seed), last_second)
        self._drafts: dict[tuple[int, Source], Draft] = {}
        self._finished: dict[int, list[Drop]] = {day: [] for day in self._days}

    def run(self) -> Iterator[Drop | DayClosed]:
        """The files in the order of their due times, and a note after the last file of each day.

        A file must be landed before the next one is asked for: its lines are given back then.
        """
        if not self._days:
            return
        first_needed = self._days[0] - -(-LONGEST_REACH_SECONDS // DAY_SECONDS)
        for day in range(max(0, first_needed), self._days[-1] + 1):
            for block in self._table.blocks(day):
                yield from self._ready_before(self._table.block_start(block))
                if self._reaches_a_wanted_day(block):
                    self._fill(block)
            yield from self._ready_before(self._table.day_start(day + 1))
            if day in self._finished:
                yield from self._close_day(day)

    def _reaches_a_wanted_day(self, block: Block) -> bool:
        start, end = self._table.block_start(block), self._table.block_end(block) + LONGEST_REACH_SECONDS
        return any(self._table.day_start(day) <= end and start < self._table.day_start(day + 1) for day in self._days)

    def _fill(self, block: Block) -> None:
        volumes = self._config.volumes
        events = events_of(self._table, block, sessions_of(self._table, block))
        transactions = transactions_of(self._table, block, events)
        place = (self._seed, Stream.EVENT_DELIVERIES, block.day, block.index)
        self._collect(
            Source.EVENTS,
            deliver(self._table, Source.EVENTS, events, block.events, volumes.num_events, rng(*place)),
        )
        place = (self._seed, Stream.TRANSACTION_DELIVERIES, block.day, block.index)
        self._collect(
            Source.TRANSACTIONS,
            deliver(
                self._table,
                Source.TRANSACTIONS,
                transactions,
                block.transactions,
                volumes.num_transactions,
                rng(*place),
            ),
        )

    def _collect(self, source: Source, rows: Rows) -> None:
        """Write rows, which are in the order of arrival, to the drafts of the wanted days."""
        day = (rows.arrival - self._table.start) // DAY_SECONDS
        rows = rows.take(np.isin(day, self._days))
        change = self._config.defects.schema_change_day
        change = self._table.days if change is None else change
        split = int(np.searchsorted(rows.arrival, self._table.day_start(change)))
        for part, evolved in ((rows.take(slice(None, split)), False), (rows.take(slice(split, None)), True)):
            if len(part):
                self._append(source, part, evolved)

    def _append(self, source: Source, rows: Rows, evolved: bool) -> None:
        lines = self._format.lines(source, rows, evolved)
        hours = (rows.arrival - self._table.start) // HOUR_SECONDS
        begins = np.flatnonzero(np.diff(hours, prepend=-1)).tolist()
        for begin, end in zip(begins, [*begins[1:], len(rows)], strict=True):
            draft = self._draft(source, int(hours[begin]), evolved)
            part = rows.take(slice(begin, end))
            arrival_date = self._table.date_of(int(hours[begin]) // 24).isoformat()
            records, kinds = records_of(source, part, self._format, arrival_date, draft.path, draft.next_line)
            draft.append(lines.between(begin, end), tally_of(source, part, kinds), records)

    def _draft(self, source: Source, hour: int, evolved: bool) -> Draft:
        draft = self._drafts.get((hour, source))
        if draft is None:
            header = ",".join(self._format.header(source, evolved))
            due = self._table.start + (hour + 1) * HOUR_SECONDS
            draft = Draft(source, self._path(source, hour), due, header, self._spool_folder)
            self._drafts[hour, source] = draft
        return draft

    def _path(self, source: Source, hour: int) -> str:
        day, hour_of_day = divmod(hour, 24)
        folder = f"{source}/dt={self._table.date_of(day).isoformat()}"
        if source is Source.USERS:
            return f"{folder}/users.csv"
        if source is Source.TRANSACTIONS:
            return f"{folder}/transactions-{hour_of_day:02d}.csv"
        gzipped = rng(self._seed, Stream.PACKING, day).random(24)[hour_of_day] < self._config.landing.gzip_rate
        return f"{folder}/events-{hour_of_day:02d}.jsonl{'.gz' if gzipped else ''}"

    def _ready_before(self, instant: int) -> Iterator[Drop]:
        """Hand out the drafts whose hour has passed."""
        ready = sorted(key for key, draft in self._drafts.items() if draft.due <= instant)
        for key in ready:
            draft = self._drafts.pop(key)
            yield draft
            draft.close_body()
            self._finished[key[0] // 24].append(draft)

    def _close_day(self, day: int) -> Iterator[Drop | DayClosed]:
        for rows in self._users.rows_of(day):
            if len(rows):
                self._collect(Source.USERS, rows)
        yield from self._ready_before(self._table.day_start(day + 1))
        drops = self._finished.pop(day)
        for redelivery in self._redeliveries(day, drops):
            yield redelivery
            drops.append(redelivery)
        yield DayClosed(day, sum(drop.tally.lines for drop in drops), self._truth(day, drops))

    def _redeliveries(self, day: int, drops: Sequence[Drop]) -> Iterator[Redelivery]:
        random = rng(self._seed, Stream.REDELIVERIES, day)
        hourly = [drop for drop in drops if isinstance(drop, Draft) and drop.source is not Source.USERS]
        if not hourly or random.random() >= self._config.defects.redelivered_file:
            return
        original = hourly[int(random.integers(0, len(hourly)))]
        stem, ending = original.path.split(".", 1)
        path = f"{stem}-redelivered.{ending}"
        arrival_date, due = self._table.date_of(day).isoformat(), self._table.day_start(day + 1)
        yield Redelivery(original, self._landing, path, arrival_date, due)

    def _truth(self, day: int, drops: Sequence[Drop]) -> Iterator[bytes]:
        for drop in drops:
            yield from drop.truth()
        for source in Source:
            total = Tally()
            for drop in drops:
                if drop.source is source:
                    total.add(drop.tally)
            yield day_total_record(self._table.date_of(day).isoformat(), source, total)
