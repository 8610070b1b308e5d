"""Texts to values: times, dates and amounts. Each takes and returns a column; what does not convert becomes null."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

_FIRST_MICROSECOND = -62_135_596_800_000_000
"""0001-01-01T00:00:00Z: an offset must not push a time out of the calendar that every reader knows."""
_LAST_MICROSECOND = 253_402_300_799_999_999
"""9999-12-31T23:59:59.999999Z."""
_SECONDS_LENGTH = len("2024-11-15T14:30:00")


def parse_time(text: Column) -> Column:
    """A text in the form of `contracts.rules.EVENT_TIME_PATTERN` as a UTC timestamp; null for no calendar day."""
    tail = F.substring(text, _SECONDS_LENGTH + 1, 16)
    fraction = F.regexp_extract(tail, r"^\.[0-9]+", 0)
    local = F.concat(F.substring(text, 1, _SECONDS_LENGTH), fraction).try_cast("timestamp")
    shifted = F.unix_micros(local) - _offset_seconds(tail) * 1_000_000
    in_calendar = (shifted >= _FIRST_MICROSECOND) & (shifted <= _LAST_MICROSECOND)
    return F.when(F.length(text) == _SECONDS_LENGTH, text.try_cast("timestamp")).otherwise(
        F.when(in_calendar, F.timestamp_micros(shifted))
    )


def parse_day(text: Column) -> Column:
    """A time as in `parse_time`, or a plain date, as the UTC day; null for no day of the calendar."""
    return F.when(F.length(text) == len("2024-11-15"), text.try_cast("date")).otherwise(F.to_date(parse_time(text)))


def parse_amount(text: Column) -> Column:
    """A text with at most eight digits before and two after the point as DECIMAL(10,2)."""
    return text.try_cast("decimal(10,2)")


def _offset_seconds(tail: Column) -> Column:
    pattern = r"([+-])([0-9]{2}):?([0-9]{2})?$"
    hours = F.regexp_extract(tail, pattern, 2).try_cast("bigint")
    minutes = F.coalesce(F.regexp_extract(tail, pattern, 3).try_cast("bigint"), F.lit(0))
    sign = F.when(F.regexp_extract(tail, pattern, 1) == "-", -1).otherwise(1)
    return F.coalesce(sign * (hours * 3600 + minutes * 60), F.lit(0))
