"""The calendar: which second, session and number falls on which day.

A daily and a weekly curve spread the totals over days and hours; the identifiers of a day follow from the
cumulated counts of the days before it, so each day knows its numbers without making the others. Instants are
seconds since 1970 (UTC), days are indices from the first arrival day, ranges are half-open. What happens in a
session is in `sessions`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from generator.config import GeneratorConfig
from generator.randomness import Floats, Ints, Stream, rng, share_out

HOUR_SECONDS = 3600
DAY_SECONDS = 86_400
EVENTS_PER_BLOCK = 32_768
EXISTING_USER_SHARE = 0.6

WEEK_WEIGHTS = (1.0, 0.95, 0.97, 1.0, 1.15, 1.3, 1.2)
HOUR_WEIGHTS = (2, 1, 1, 1, 1, 2, 3, 5, 6, 7, 8, 9, 10, 9, 8, 8, 8, 9, 11, 13, 14, 12, 8, 4)


@dataclass(frozen=True)
class Block:
    """A run of neighbouring sessions of one day, small enough to be made in memory.

    Sessions of a day are numbered in the order of their starts, so blocks of a day follow each other in time.
    All numbers count from 0 over the whole calendar.
    """

    day: int
    index: int
    first_in_day: int
    sessions: range
    events: range
    transactions: range


class Timetable:
    """The counts of every day and the instants of a configuration's calendar."""

    def __init__(self, config: GeneratorConfig) -> None:
        self.config = config
        self.days = config.calendar.days
        self.empty_day = config.defects.empty_day
        midnight = datetime.combine(config.first_day, datetime.min.time(), UTC)
        self.start = int(midnight.timestamp())
        self.end = self.start + self.days * DAY_SECONDS
        weights = self._day_weights()
        volumes = config.volumes
        existing = max(1, round(volumes.num_users * EXISTING_USER_SHARE))
        self.sessions_per_day = share_out(volumes.num_sessions, weights)
        self.sign_ups_per_day = share_out(volumes.num_users - existing, weights)
        self.sessions_before = _cumulated(self.sessions_per_day)
        self.users_before = existing + _cumulated(self.sign_ups_per_day)
        self._hour_cdf = np.concatenate([[0.0], np.cumsum(HOUR_WEIGHTS) / np.sum(HOUR_WEIGHTS)])

    def day_start(self, day: int) -> int:
        """The first second of a day."""
        return self.start + day * DAY_SECONDS

    def date_of(self, day: int) -> date:
        """The calendar date of a day's index."""
        return self.config.first_day + timedelta(days=day)

    def events_before(self, session: int) -> int:
        """How many base events the sessions before `session` have: one each, an even share of the rest."""
        volumes = self.config.volumes
        return session + (volumes.num_events - volumes.num_sessions) * session // volumes.num_sessions

    def transactions_before(self, session: int) -> int:
        """How many transactions the sessions before `session` have."""
        volumes = self.config.volumes
        return volumes.num_transactions * session // volumes.num_sessions

    def instants(self, day: int, quantiles: Floats) -> Ints:
        """The seconds at which the given shares of the day's traffic have passed."""
        within: Floats = np.interp(quantiles, self._hour_cdf, np.arange(25) * float(HOUR_SECONDS))
        return self.day_start(day) + np.minimum(within, DAY_SECONDS - 1).astype(np.int64)

    def block_start(self, block: Block) -> int:
        """No session of the block starts before this second."""
        share = block.first_in_day / int(self.sessions_per_day[block.day])
        return int(self.instants(block.day, np.array([share]))[0])

    def block_end(self, block: Block) -> int:
        """No session of the block starts after this second."""
        share = (block.first_in_day + len(block.sessions)) / int(self.sessions_per_day[block.day])
        return int(self.instants(block.day, np.array([share]))[0])

    def blocks(self, day: int) -> Iterator[Block]:
        """The day's sessions in blocks of about EVENTS_PER_BLOCK events."""
        volumes = self.config.volumes
        size = max(1, EVENTS_PER_BLOCK * volumes.num_sessions // volumes.num_events)
        first, last = int(self.sessions_before[day]), int(self.sessions_before[day + 1])
        for index, begin in enumerate(range(first, last, size)):
            end = min(begin + size, last)
            yield Block(
                day=day,
                index=index,
                first_in_day=begin - first,
                sessions=range(begin, end),
                events=range(self.events_before(begin), self.events_before(end)),
                transactions=range(self.transactions_before(begin), self.transactions_before(end)),
            )

    def out_of_outage(self, timestamps: Ints, arrivals: Ints) -> Ints:
        """Move arrivals off the empty day: to its eve if late even then, else to the morning after."""
        if self.empty_day is None:
            return arrivals
        outage_start = self.day_start(self.empty_day)
        outage_end = outage_start + DAY_SECONDS
        fallen = (arrivals >= outage_start) & (arrivals < outage_end)
        on_the_eve = timestamps <= outage_start - 1 - 2 * HOUR_SECONDS
        moved = np.where(on_the_eve, outage_start - 1, outage_end + arrivals % HOUR_SECONDS)
        return np.where(fallen, moved, arrivals)

    def _day_weights(self) -> Floats:
        weekdays = [self.date_of(day).weekday() for day in range(self.days)]
        noise = rng(self.config.calendar.seed, Stream.CALENDAR).lognormal(0.0, 0.08, self.days)
        weights = np.array([WEEK_WEIGHTS[weekday] for weekday in weekdays]) * noise
        if self.empty_day is not None:
            weights[self.empty_day] = 0.0
        return weights


def _cumulated(counts: Ints) -> Ints:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
