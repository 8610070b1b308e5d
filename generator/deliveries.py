"""Deliveries: which lines arrive late, twice or spoilt, and when. The last step before rows become text.

Counts are allotted, not drawn: a rate of 1 % hits every hundredth identifier to within one, so no day
collects many defects by chance; which rows of a block are hit is drawn. Base rows stay as they are but for
their arrival: duplicates and defective copies come on top. What a defect does to a row is in `defects`.
"""

from dataclasses import replace
from typing import TypeVar

import numpy as np

from generator.calendar import HOUR_SECONDS, Timetable
from generator.defects import kinds_of, spoil
from generator.randomness import Ints, Stream, rng, ticks
from generator.rows import Rows, Source

R = TypeVar("R", bound=Rows)

EARLIEST_LATE_SECONDS = 2 * HOUR_SECONDS
# One hour below the 48 of the contract, so that the duplicate of a late line keeps to it too.
LATEST_LATE_SECONDS = 47 * HOUR_SECONDS
DUPLICATE_WITHIN_SECONDS = HOUR_SECONDS


def deliver(
    timetable: Timetable,
    source: Source,
    base: R,
    numbers: range,
    identifier_offset: int,
    random: np.random.Generator,
) -> R:
    """Everything that lands because of these base rows, ordered by arrival.

    Args:
        numbers: the running numbers of the base rows, which decide how many of each kind they get.
        identifier_offset: what a defective copy's identifier lies above its original's.
    """
    quality = timetable.config.quality
    phases = _phases(timetable, source)
    lottery = random.permutation(len(base))
    late_count = ticks(quality.late_arrival_rate, numbers.start, numbers.stop, phases[0])
    delivered = replace(base, arrival=_late_arrivals(timetable, base, lottery[:late_count], random))
    copies = []
    drawn = late_count
    for kind, phase in zip(kinds_of(source), phases[2:], strict=True):
        count = ticks(getattr(timetable.config.defects, kind), numbers.start, numbers.stop, phase)
        chosen = np.sort(lottery[drawn : drawn + count])
        copies.append(spoil(source, delivered.take(chosen), kind, identifier_offset))
        drawn += count
    delivered = delivered.followed_by(copies)
    duplicate_count = ticks(quality.duplicate_rate, numbers.start, numbers.stop, phases[1])
    delivered = delivered.followed_by([_duplicates(timetable, delivered, duplicate_count, random)])
    arrival = timetable.out_of_outage(delivered.timestamp, delivered.arrival)
    return replace(delivered, arrival=arrival).take(np.argsort(arrival, kind="stable"))


def spoil_users(timetable: Timetable, rows: R, identifier_offset: int, random: np.random.Generator) -> R:
    """The users' lines of a day with their defective copies behind them; all arrive in one file."""
    copies = []
    lottery = random.permutation(len(rows))
    drawn = 0
    for kind in kinds_of(Source.USERS):
        count = ticks(getattr(timetable.config.defects, kind), 0, len(rows), random.random())
        copies.append(spoil(Source.USERS, rows.take(lottery[drawn : drawn + count]), kind, identifier_offset))
        drawn += count
    return rows.followed_by(copies)


def _phases(timetable: Timetable, source: Source) -> list[float]:
    """Where the first hit of each rate lies (late, duplicate, then the kinds), spread so as not to meet."""
    count = 2 + len(kinds_of(source))
    random = rng(timetable.config.calendar.seed, Stream.PHASES, list(Source).index(source))
    return [float(phase) for phase in (random.permutation(count) + random.random()) / count]


def _late_arrivals(timetable: Timetable, base: R, chosen: Ints, random: np.random.Generator) -> Ints:
    """Arrivals with the chosen rows late, most of them by hours; none outlives the calendar."""
    arrival = base.arrival.copy()
    room = np.minimum(LATEST_LATE_SECONDS, timetable.end - 1 - arrival[chosen]) - EARLIEST_LATE_SECONDS
    delay = EARLIEST_LATE_SECONDS + np.floor(np.maximum(room, 0) * random.random(len(chosen)) ** 2).astype(np.int64)
    arrival[chosen] += np.where(room >= 0, delay, 0)
    return arrival


def _duplicates(timetable: Timetable, rows: R, count: int, random: np.random.Generator) -> R:
    """Exact copies of some of the rows, arriving within the hour."""
    chosen = rows.take(np.sort(random.permutation(len(rows))[:count]))
    again = chosen.arrival + random.integers(0, DUPLICATE_WITHIN_SECONDS, len(chosen))
    arrival = np.where(again < timetable.end, again, chosen.arrival)
    return replace(chosen, duplicate=np.ones_like(chosen.duplicate), arrival=arrival)
