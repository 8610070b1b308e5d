"""Instants out of the engine: collected timestamps come in the machine's own zone and without saying so.

PySpark's Connect client converts them, on both engines; so an instant is collected as a number.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pyspark.sql import Column
from pyspark.sql import functions as F

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_number(instant: Column) -> Column:
    """A timestamp column as a number to collect, microseconds since 1970."""
    return F.unix_micros(instant)


def from_number(number: int) -> datetime:
    """The instant of `as_number`, UTC."""
    return _EPOCH + timedelta(microseconds=number)
