"""Whether a day is as is usual on its weekday: its lines, its hours, how far its event time reaches.

What is usual is the median of past weeks, give or take the greater of `_DEVIATIONS` scaled median absolute deviations
(Leys et al. 2013, doi:10.1016/j.jesp.2013.03.013) and what the contract allows (`VolumeExpectation`): robust against
single odd days in the past, and a spike that comes each Monday is usual. With few weeks known, and before a day is
over, nothing is judged: a wrong alarm costs more than a late one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import TypeVar

from lakehouse_assets.contracts.model import VolumeExpectation
from lakehouse_assets.quality.catalogue import Check, Severity
from lakehouse_assets.quality.results import CheckResult

_T = TypeVar("_T")

_DEVIATIONS = 4
_MAD_TO_SIGMA = 1.4826
_MINUTES = 24 * 60


@dataclass(frozen=True)
class EventTimes:
    """The event times of the rows that landed on one day and are of that day.

    Args:
        rows_by_hour: rows by UTC hour; an hour without rows is absent.
        last: the newest event time, UTC; None where no row is of the day.
    """

    rows_by_hour: Mapping[int, int]
    last: datetime | None


def past_weeks(day: date, expected: VolumeExpectation) -> list[date]:
    """The days that a day is held against, newest first."""
    return [day - timedelta(weeks=week) for week in range(1, expected.weeks + 1)]


def has_history(day: date, known_days: Mapping[date, object], expected: VolumeExpectation) -> bool:
    """Whether enough past weeks of this day are known."""
    return len(_known(day, known_days, expected)) >= expected.min_weeks


def judge_volume(
    check: Check, day: date, lines_by_day: Mapping[date, int], expected: VolumeExpectation, now: datetime
) -> CheckResult:
    """Whether the day has as many lines as is usual.

    Args:
        lines_by_day: lines of this and of past arrival days; a day that is absent has not landed and is no zero.
        now: UTC.

    Returns:
        A warning where the day is outside the usual range.
    """
    lines = lines_by_day.get(day, 0)
    reason = _why_not_judged(day, lines_by_day, expected, now)
    if reason is not None:
        return _result(check, day, 0, lines, reason)
    past = _known(day, lines_by_day, expected)
    usual, tolerance = median(past), _tolerance(past, expected.lines_percent / 100 * median(past))
    threshold = (
        f"usual on a {day:%A}: {max(0.0, usual - tolerance):,.0f} to {usual + tolerance:,.0f} lines "
        f"(median {usual:,.0f} of {len(past)} weeks); here {lines:,}"
    )
    difference = round(abs(lines - usual)) if abs(lines - usual) > tolerance else 0
    return _result(check, day, difference, lines, threshold)


def judge_hours(
    check: Check, day: date, times_by_day: Mapping[date, EventTimes], expected: VolumeExpectation, now: datetime
) -> CheckResult:
    """Whether each hour that usually has rows has some: an hourly file that did not come shows here.

    Args:
        times_by_day: of this and of past arrival days; a day that is absent has not landed.
        now: UTC.

    Returns:
        A warning with the hours that have too few of their usual rows; hours that are never busy are not judged. The
        rows counted are hours.
    """
    reason = _why_not_judged(day, times_by_day, expected, now)
    if reason is not None:
        return _result(check, day, 0, 24, reason)
    here, past = times_by_day.get(day, EventTimes({}, None)), _known(day, times_by_day, expected)
    may_lack = 1 - expected.hour_percent / 100
    sparse: list[dict[str, str | int]] = []
    for hour in range(24):
        counts = [times.rows_by_hour.get(hour, 0) for times in past]
        usual, rows = median(counts), here.rows_by_hour.get(hour, 0)
        if usual >= expected.min_rows_of_hour and rows < usual - _tolerance(counts, may_lack * usual):
            sparse.append({"hour": f"{hour:02}:00", "rows": rows, "usual": round(usual)})
    named = ", ".join(str(hour["hour"]) for hour in sparse) or "none"
    threshold = (
        f"each hour has {expected.hour_percent} % of its usual rows on a {day:%A} ({len(past)} weeks); "
        f"hours that do not: {named}"
    )
    return _result(check, day, len(sparse), 24, threshold, tuple(sparse))


def judge_freshness(
    check: Check, day: date, times_by_day: Mapping[date, EventTimes], expected: VolumeExpectation, now: datetime
) -> CheckResult:
    """Whether event time reaches as far into the day as is usual: a source whose clock or stream stands still does not.

    Args:
        times_by_day: of this and of past arrival days; a day that is absent has not landed.
        now: UTC.

    Returns:
        A warning where the end of the day is silent for longer than usual. The rows counted are minutes.
    """
    reason = _why_not_judged(day, times_by_day, expected, now)
    if day not in times_by_day:
        reason = reason or "not judged: nothing landed"
    if reason is not None:
        return _result(check, day, 0, _MINUTES, reason)
    past = [
        _silent_minutes(past_day, times_by_day) for past_day in past_weeks(day, expected) if past_day in times_by_day
    ]
    here, limit = _silent_minutes(day, times_by_day), median(past) + _tolerance(past, expected.silent_minutes)
    threshold = (
        f"on a {day:%A} the last {limit:,.0f} minutes may be without events "
        f"(median {median(past):,.0f} of {len(past)} weeks); here {here:,}"
    )
    return _result(check, day, here if here > limit else 0, _MINUTES, threshold)


def _why_not_judged(
    day: date, known_days: Mapping[date, object], expected: VolumeExpectation, now: datetime
) -> str | None:
    if now < _end(day):
        return "not judged yet: the day is not over"
    if not has_history(day, known_days, expected):
        known = len(_known(day, known_days, expected))
        return f"not judged yet: {known} of {expected.min_weeks} past weeks are known"
    return None


def _known(day: date, by_day: Mapping[date, _T], expected: VolumeExpectation) -> list[_T]:
    return [by_day[past_day] for past_day in past_weeks(day, expected) if past_day in by_day]


def _tolerance(past: Sequence[float], least: float) -> float:
    usual = median(past)
    return max(_DEVIATIONS * _MAD_TO_SIGMA * median(abs(value - usual) for value in past), least)


def _silent_minutes(day: date, times_by_day: Mapping[date, EventTimes]) -> int:
    last = times_by_day[day].last
    return int((_end(day) - last) / timedelta(minutes=1)) if last is not None else _MINUTES


def _end(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _result(
    check: Check, day: date, failed: int, total: int, threshold: str, sample: tuple[Mapping[str, str | int], ...] = ()
) -> CheckResult:
    return CheckResult(
        check,
        day,
        failed,
        total,
        passed=not failed,
        severity=Severity.WARN,
        threshold=threshold,
        sample=sample[:10],
    )
