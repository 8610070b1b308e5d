"""A day held against the same weekday of past weeks: expected verdicts are worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from lakehouse_assets.contracts.model import VolumeExpectation
from lakehouse_assets.contracts.tables import SILVER
from lakehouse_assets.quality.catalogue import EVENT_TIME_IS_FRESH, NO_HOUR_IS_MISSING, VOLUME, Severity, find_check
from lakehouse_assets.quality.weekdays import EventTimes, judge_freshness, judge_hours, judge_volume

MONDAY = date(2024, 11, 18)
AFTERWARDS = datetime(2024, 11, 19, tzinfo=UTC)
VOLUME_CHECK, HOURS_CHECK, FRESHNESS_CHECK = (
    find_check(SILVER["events"], name) for name in (VOLUME, NO_HOUR_IS_MISSING, EVENT_TIME_IS_FRESH)
)
EXPECTED = VolumeExpectation(
    weeks=8, min_weeks=4, lines_percent=30, hour_percent=20, min_rows_of_hour=20, silent_minutes=120
)
QUIET_HOUR = 4


def weeks_before(count: int) -> list[date]:
    return [MONDAY - timedelta(weeks=week) for week in range(1, count + 1)]


def times(day: date, last: str = "23:50", **rows: int) -> EventTimes:
    """100 rows in each hour but a quiet one, or as `rows` says (`h13=0`)."""
    by_hour = {hour: 100 for hour in range(24)} | {QUIET_HOUR: 3}
    by_hour |= {int(name.removeprefix("h")): count for name, count in rows.items()}
    return EventTimes(
        {hour: count for hour, count in by_hour.items() if count}, datetime.fromisoformat(f"{day}T{last}+00:00")
    )


def usual_weeks(count: int = 4) -> dict[date, EventTimes]:
    return {day: times(day) for day in weeks_before(count)}


def test_spike_of_each_monday_is_usual_on_a_monday() -> None:
    lines = {day: 5000 for day in [MONDAY, *weeks_before(5)]} | {MONDAY - timedelta(days=1): 100}
    result = judge_volume(VOLUME_CHECK, MONDAY, lines, EXPECTED, AFTERWARDS)
    assert result.passed
    assert result.threshold == "usual on a Monday: 3,500 to 6,500 lines (median 5,000 of 5 weeks); here 5,000"


def test_one_odd_week_in_the_past_does_not_make_a_half_day_usual() -> None:
    lines = dict(zip(weeks_before(5), [5000, 5100, 90_000, 4900, 5000], strict=True)) | {MONDAY: 2500}
    result = judge_volume(VOLUME_CHECK, MONDAY, lines, EXPECTED, AFTERWARDS)
    assert (result.passed, result.severity, result.failed_rows, result.total_rows) == (
        False,
        Severity.WARN,
        2500,
        2500,
    )


def test_hour_without_rows_is_named_with_what_is_usual() -> None:
    days = usual_weeks() | {MONDAY: times(MONDAY, h13=0)}
    result = judge_hours(HOURS_CHECK, MONDAY, days, EXPECTED, AFTERWARDS)
    assert (result.passed, result.severity, result.failed_rows, result.total_rows) == (False, Severity.WARN, 1, 24)
    assert result.sample == ({"hour": "13:00", "rows": 0, "usual": 100},)
    assert result.threshold.endswith("hours that do not: 13:00")


@pytest.mark.parametrize(("rows", "passed"), [(19, False), (20, True)])
def test_a_few_late_rows_of_an_hour_do_not_stand_for_its_file(rows: int, passed: bool) -> None:
    days = usual_weeks() | {MONDAY: times(MONDAY, h13=rows)}
    assert judge_hours(HOURS_CHECK, MONDAY, days, EXPECTED, AFTERWARDS).passed is passed


def test_hour_that_is_never_busy_may_be_empty() -> None:
    days = usual_weeks() | {MONDAY: times(MONDAY, h4=0)}
    assert judge_hours(HOURS_CHECK, MONDAY, days, EXPECTED, AFTERWARDS).passed


def test_hour_that_varies_from_week_to_week_may_be_empty() -> None:
    varying = dict(zip(weeks_before(5), [20, 60, 100, 140, 180], strict=True))
    days = {day: times(day, h13=rows) for day, rows in varying.items()} | {MONDAY: times(MONDAY, h13=0)}
    assert judge_hours(HOURS_CHECK, MONDAY, days, EXPECTED, AFTERWARDS).passed


@pytest.mark.parametrize(("last", "silent", "passed"), [("21:51", 129, True), ("21:49", 131, False)])
def test_event_time_may_end_two_hours_earlier_than_usual(last: str, silent: int, passed: bool) -> None:
    days = usual_weeks() | {MONDAY: times(MONDAY, last)}
    result = judge_freshness(FRESHNESS_CHECK, MONDAY, days, EXPECTED, AFTERWARDS)
    assert result.passed is passed
    assert result.threshold == (
        f"on a Monday the last 130 minutes may be without events (median 10 of 4 weeks); here {silent}"
    )


def test_rows_of_other_days_only_are_no_fresh_event_time() -> None:
    days = usual_weeks() | {MONDAY: EventTimes({}, None)}
    result = judge_freshness(FRESHNESS_CHECK, MONDAY, days, EXPECTED, AFTERWARDS)
    assert (result.passed, result.failed_rows, result.total_rows) == (False, 1440, 1440)


def test_day_on_which_nothing_landed_has_no_event_time_to_judge() -> None:
    result = judge_freshness(FRESHNESS_CHECK, MONDAY, usual_weeks(), EXPECTED, AFTERWARDS)
    assert (result.passed, result.threshold) == (True, "not judged: nothing landed")


@pytest.mark.parametrize("known", [0, 3])
def test_with_fewer_than_four_weeks_nothing_is_judged(known: int) -> None:
    days = usual_weeks(known) | {MONDAY: times(MONDAY, "01:00", h13=0)}
    lines = {day: 5000 for day in weeks_before(known)} | {MONDAY: 1}
    results = [
        judge_volume(VOLUME_CHECK, MONDAY, lines, EXPECTED, AFTERWARDS),
        judge_hours(HOURS_CHECK, MONDAY, days, EXPECTED, AFTERWARDS),
        judge_freshness(FRESHNESS_CHECK, MONDAY, days, EXPECTED, AFTERWARDS),
    ]
    assert [(result.passed, result.threshold) for result in results] == [
        (True, f"not judged yet: {known} of 4 past weeks are known")
    ] * 3


def test_before_the_day_is_over_nothing_is_judged() -> None:
    noon = datetime(2024, 11, 18, 12, tzinfo=UTC)
    days = usual_weeks() | {MONDAY: times(MONDAY, "11:55", h13=0)}
    lines = {day: 5000 for day in weeks_before(4)} | {MONDAY: 1}
    results = [
        judge_volume(VOLUME_CHECK, MONDAY, lines, EXPECTED, noon),
        judge_hours(HOURS_CHECK, MONDAY, days, EXPECTED, noon),
        judge_freshness(FRESHNESS_CHECK, MONDAY, days, EXPECTED, noon),
    ]
    assert [(result.passed, result.threshold) for result in results] == [
        (True, "not judged yet: the day is not over")
    ] * 3
