"""Data sets: how much the works run, and the landing zones for it, made anew from fixed days and a fixed seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from benchmarks import lakehouse_runs
from benchmarks.home import Home

FIRST_DAY = date(2024, 11, 1)  # also where the peers' events begin
_SEED = 42
_DAYS_OF_DEFAULT_TOTALS = 14
# What `lakehouse generate` spreads over its 14 days by default; kept per day, however many days a set has.
_DEFAULT_TOTALS = {"users": 100, "sessions": 500, "events": 2_000, "transactions": 300}
_DAYS_PER_RUN_OF_HISTORY = 25


@dataclass(frozen=True)
class Scale:
    """How much the works run.

    Args:
        default_days: days of the default data set.
        day_events: events that land in one day.
        short_history: days of history before the day that is measured.
        long_history: the same, in the longer case.
    """

    default_days: int
    day_events: int
    short_history: int
    long_history: int


FULL = Scale(default_days=14, day_events=2_000_000, short_history=5, long_history=200)
SMALL = Scale(default_days=2, day_events=20_000, short_history=2, long_history=6)


def days_from_first(count: int) -> list[date]:
    """So many days from FIRST_DAY on."""
    return [FIRST_DAY + timedelta(days=index) for index in range(count)]


def default_totals(days: int) -> dict[str, int]:
    """Users, sessions, events and transactions of so many days at the default volumes."""
    return {name: total * days // _DAYS_OF_DEFAULT_TOTALS for name, total in _DEFAULT_TOTALS.items()}


def generated_home(path: Path, days: int) -> Home:
    """A home where the generator's files of so many days have landed."""
    home = Home(path)
    lakehouse_runs.generate(home, FIRST_DAY, days, _SEED, default_totals(days))
    return home


def home_of_peer_files(path: Path, data: Path) -> Home:
    """A home where the peers' files have landed, all on FIRST_DAY."""
    home = Home(path)
    for file in ("events.jsonl", "transactions.csv", "users.csv"):
        home.land(data / file, file.partition(".")[0], FIRST_DAY)
    return home


def home_with_history(path: Path, source: Home, history: Sequence[date], next_day: date) -> Home:
    """A frozen home that has run the history, and where the files of the next day have landed since."""
    home = Home(path)
    for day in history:
        home.land_day_of(source, day)
    home.forget_runs()
    for index in range(0, len(history), _DAYS_PER_RUN_OF_HISTORY):
        days = history[index : index + _DAYS_PER_RUN_OF_HISTORY]
        lakehouse_runs.run(home, days[0], days[-1])
    home.land_day_of(source, next_day)
    home.freeze()
    return home
