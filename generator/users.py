"""Users: sign-ups, later changes of device type or country, and the day each version is delivered.

Most users exist when the calendar begins and are delivered on its first day; the others sign up along the
traffic. A few are delivered one or two days late. The lines of a day follow from the sign-ups of the last
days and from the replayed changes of all days before; nothing else is remembered.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from generator.calendar import DAY_SECONDS, EVENTS_PER_BLOCK, Timetable
from generator.deliveries import spoil_users
from generator.randomness import Choice, Ints, Stream, rng, ticks
from generator.rows import UserRows
from generator.vocabulary import COUNTRIES, COUNTRY_WEIGHTS, DEVICE_TYPES, DEVICE_WEIGHTS

DEVICE = Choice(DEVICE_WEIGHTS)
COUNTRY = Choice(COUNTRY_WEIGHTS)
OLDEST_SIGN_UP_DAYS = 700
# Two days late, and one more where the empty day lies in between.
LONGEST_DELAY_DAYS = 3


@dataclass(frozen=True)
class SignUps:
    """The users who sign up on a day, and on which day their first version is delivered."""

    rows: UserRows
    delivery_day: Ints


class UserHistory:
    """The versions of users, day by day; days may be asked for in any order, ascending is cheapest."""

    def __init__(self, timetable: Timetable) -> None:
        self._timetable = timetable
        self._seed = timetable.config.calendar.seed
        self._start_over()

    def rows_of(self, day: int) -> Iterator[UserRows]:
        """The users' lines that land on a day, in portions that fit in memory as text."""
        if day == self._timetable.empty_day:
            return
        delivered = self._first_versions(day).followed_by([self._changes_on(day)])
        random = rng(self._seed, Stream.USER_DELIVERIES, day)
        rows = spoil_users(self._timetable, delivered, self._timetable.config.volumes.num_users, random)
        for begin in range(0, len(rows), EVENTS_PER_BLOCK):
            yield rows.take(slice(begin, begin + EVENTS_PER_BLOCK))

    def _first_versions(self, day: int) -> UserRows:
        """First versions due today; `remark` marks those that signed up on an earlier day."""
        arrival = self._timetable.day_start(day + 1) - 1
        due = []
        for sign_up_day in range(max(0, day - LONGEST_DELAY_DAYS), day + 1):
            sign_ups = self._sign_ups(sign_up_day)
            rows = sign_ups.rows.take(np.flatnonzero(sign_ups.delivery_day == day))
            due.append(replace(rows, arrival=np.full(len(rows), arrival)))
        return due[0].followed_by(due[1:])

    def _sign_ups(self, day: int) -> SignUps:
        table = self._timetable
        random = rng(self._seed, Stream.SIGN_UPS, day)
        new = int(table.sign_ups_per_day[day])
        existing = int(table.users_before[0]) if day == 0 else 0
        long_ago = table.start - 1 - random.integers(0, OLDEST_SIGN_UP_DAYS * DAY_SECONDS, existing)
        today = table.instants(day, (np.arange(new) + random.random(new)) / max(new, 1))
        signup = np.concatenate([np.sort(long_ago), today])
        size = len(signup)
        first = 1 if day == 0 else int(table.users_before[day]) + 1
        number = np.arange(first, first + size, dtype=np.int64)
        late = np.zeros(size, dtype=np.int64)
        late_count = ticks(table.config.defects.late_user, first, first + size)
        late[random.permutation(size)[:late_count]] = 1 + random.integers(0, 2, late_count)
        rows = UserRows(
            number=number,
            user=number,
            timestamp=signup,
            arrival=signup,
            signup=signup,
            device_type=DEVICE.draw(random, size),
            country=COUNTRY.draw(random, size),
            **UserRows.marks(size, random.integers(0, 2**31, size)),
        )
        delivery_day = self._delivery_days(day, late)
        return SignUps(replace(rows, remark=(delivery_day > day).astype(np.int64)), delivery_day)

    def _delivery_days(self, day: int, late: Ints) -> Ints:
        delivery_day = day + late
        if self._timetable.empty_day is not None:
            delivery_day += delivery_day == self._timetable.empty_day
        return np.minimum(delivery_day, self._timetable.days - 1)

    def _changes_on(self, day: int) -> UserRows:
        """The day's changes, applied to the users' state as the days before left it."""
        if day < self._next_day:
            self._start_over()
        while self._next_day < day:
            self._apply_changes(self._next_day)
        return self._apply_changes(day)

    def _start_over(self) -> None:
        size = self._timetable.config.volumes.num_users
        self._next_day = 0
        self._device_type = np.zeros(size + 1, dtype=np.int8)
        self._country = np.zeros(size + 1, dtype=np.int8)
        self._signup = np.zeros(size + 1, dtype=np.int64)

    def _apply_changes(self, day: int) -> UserRows:
        table = self._timetable
        random = rng(self._seed, Stream.USER_CHANGES, day)
        known = int(table.users_before[day]) if day > 0 else 0
        rate = table.config.defects.user_changes_per_day if day != table.empty_day else 0.0
        size = ticks(rate, 0, known, random.random())
        number = np.sort(random.choice(known, size, replace=False)) + 1 if size else np.zeros(0, dtype=np.int64)
        moves = random.random(size) < 0.4
        step = 1 + random.integers(0, 9, size)
        self._device_type[number] = (self._device_type[number] + np.where(moves, 0, 1 + step % 2)) % len(DEVICE_TYPES)
        self._country[number] = (self._country[number] + np.where(moves, step, 0)) % len(COUNTRIES)
        timestamp = np.sort(table.day_start(day) + random.integers(0, DAY_SECONDS, size))
        changed = UserRows(
            number=number,
            user=number,
            timestamp=timestamp,
            arrival=np.full(size, table.day_start(day + 1) - 1),
            signup=self._signup[number],
            device_type=self._device_type[number].astype(np.int64),
            country=self._country[number].astype(np.int64),
            **UserRows.marks(size, random.integers(0, 2**31, size)),
        )
        self._remember(self._sign_ups(day).rows)
        self._next_day = day + 1
        return changed

    def _remember(self, rows: UserRows) -> None:
        self._device_type[rows.number] = rows.device_type
        self._country[rows.number] = rows.country
        self._signup[rows.number] = rows.signup
