"""Whether a day brought as many lines as is usual on its weekday: robust against single odd days in the past.

The usual range is the median of past weeks, give or take the greater of `_DEVIATIONS` scaled median absolute deviations
(Leys et al. 2013, doi:10.1016/j.jesp.2013.03.013) and a share of the median. A spike that comes each Monday is usual.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from statistics import median

from lakehouse_assets.quality.catalogue import Check, Severity
from lakehouse_assets.quality.results import CheckResult

_WEEKS = 8
_MIN_WEEKS = 4
_DEVIATIONS = 4
_MAD_TO_SIGMA = 1.4826
_MIN_SHARE = 0.3


def past_weeks(day: date) -> list[date]:
    """The days that a day is held against, newest first."""
    return [day - timedelta(weeks=week) for week in range(1, _WEEKS + 1)]


def judge_volume(check: Check, day: date, lines_by_day: Mapping[date, int]) -> CheckResult:
    """The verdict on one arrival day.

    Args:
        lines_by_day: lines of this and of past arrival days; a day that is absent has not landed and is no zero.

    Returns:
        A warning where the day is outside the usual range; passed where fewer than four past weeks are known.
    """
    lines = lines_by_day.get(day, 0)
    past = [lines_by_day[past_day] for past_day in past_weeks(day) if past_day in lines_by_day]
    if len(past) < _MIN_WEEKS:
        threshold = f"not judged yet: {len(past)} of {_MIN_WEEKS} past weeks are known"
        return CheckResult(check, day, 0, lines, passed=True, severity=Severity.WARN, threshold=threshold)
    usual = median(past)
    deviation = _MAD_TO_SIGMA * median(abs(value - usual) for value in past)
    tolerance = max(_DEVIATIONS * deviation, _MIN_SHARE * usual)
    threshold = (
        f"usual on a {day:%A}: {max(0.0, usual - tolerance):,.0f} to {usual + tolerance:,.0f} lines "
        f"(median {usual:,.0f} of {len(past)} weeks); here {lines:,}"
    )
    passed = abs(lines - usual) <= tolerance
    missing_or_more = 0 if passed else round(abs(lines - usual))
    return CheckResult(check, day, missing_or_more, lines, passed=passed, severity=Severity.WARN, threshold=threshold)
