"""Which sources have no landing file for a day by the time at which they are expected."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from lakehouse_assets.alerts.model import Facts, Key, Kind, Observation
from lakehouse_assets.contracts.sources import SOURCES
from lakehouse_assets.errors import LandingError
from lakehouse_assets.landing.files import list_files

LOOKED_AT_DAYS = 7
_LOG = logging.getLogger(__name__)


def expected_days(now: datetime, expected_by: time, first_day: date) -> list[date]:
    """The newest arrival days whose files must be there.

    Args:
        now: the time.
        expected_by: UTC time of the next day by which a day's files are there.
        first_day: no day before it is expected.
    """
    newest = now.astimezone(UTC).date() - timedelta(days=1)
    if now < datetime.combine(newest + timedelta(days=1), expected_by, UTC):
        newest -= timedelta(days=1)
    days = (newest - timedelta(days=number) for number in range(LOOKED_AT_DAYS))
    return sorted(day for day in days if day >= first_day)


def observe_landing(landing: Path, days: Iterable[date], known: Iterable[Key], now: datetime) -> Iterator[Observation]:
    """Whether each source has a file that counts on each of these days; empty files count.

    Args:
        landing: the landing folder.
        days: expected.
        known: missing files that were reported, looked at however old they are.
        now: the time.
    """
    asked = {(source, day) for source in SOURCES for day in days}
    asked |= {(key.table.removeprefix("landing."), date.fromisoformat(key.day)) for key in known}
    note = "" if landing.is_dir() else "the landing folder itself is not there"
    for source, day in sorted(asked):
        try:
            is_missing = not list_files(landing, source, day)
        except LandingError as error:
            _LOG.warning("Not looked for missing files: %s", error)
            continue
        key = Key(Kind.MISSING, f"landing.{source}", day.isoformat())
        yield Observation(key, is_missing, now, Facts(note=note if is_missing else "a file is there now"))
