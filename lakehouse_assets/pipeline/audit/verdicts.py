"""From counts by day to verdicts by day, with some of the rows that fail; what is counted is in the other modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.quality.catalogue import find_check
from lakehouse_assets.quality.results import CheckResult

Sample = tuple[Mapping[str, Any], ...]

_SAMPLE_ROWS = 10


def named_day(day: date | None, days: Sequence[date]) -> date:
    """The day of the run that rows of a day count for: its first where it does not name it, so none is overlooked."""
    return day if day is not None and day in days else min(days)


def sum_by_day(counts: Iterable[tuple[date | None, int]], days: Sequence[date]) -> dict[date, int]:
    """Counts by day of the run."""
    by_day: dict[date, int] = {}
    for day, count in counts:
        by_day[named_day(day, days)] = by_day.get(named_day(day, days), 0) + count
    return by_day


def verdicts_by_day(
    contract: TableContract,
    name: str,
    days: Sequence[date],
    failed: Mapping[date, int],
    total: Mapping[date, int],
    sql: str = "",
    samples: Mapping[date, Sample] | None = None,
) -> list[CheckResult]:
    """A verdict for each day: passed where nothing fails."""
    check, samples = find_check(contract, name), samples or {}
    return [
        CheckResult(
            check,
            day,
            failed.get(day, 0),
            total.get(day, 0),
            passed=not failed.get(day, 0),
            sql=sql,
            sample=samples.get(day, ()),
        )
        for day in days
    ]


def sample_rows(
    failing: DataFrame, day_column: str, columns: Sequence[str], days: Sequence[date]
) -> dict[str, dict[date, Sample]]:
    """Up to ten of the rows that fail each check on each day.

    Args:
        failing: one row for each check that a row fails, its name in `check`.
        day_column: which day the row counts for.
        columns: what is shown, in this order; no column that may hold free text.

    Returns:
        Samples by check and day.
    """
    in_order = Window.partitionBy(day_column, "check").orderBy(*columns)
    rows = (
        failing.select(day_column, "check", *(name for name in columns if name != day_column))
        .withColumn("_rank", F.row_number().over(in_order))
        .filter(F.col("_rank") <= _SAMPLE_ROWS)
        .orderBy("check", day_column, *columns)
    )
    samples: dict[str, dict[date, Sample]] = {}
    for row in rows.collect():
        by_day, day = samples.setdefault(row["check"], {}), named_day(row[day_column], days)
        shown = {name: _shown(row[name]) for name in columns}
        by_day[day] = (*by_day.get(day, ()), shown)[:_SAMPLE_ROWS]
    return samples


def failing_sql(contract: TableContract, condition: str) -> str:
    """The query that shows the rows of a table that do not meet a condition."""
    return f"SELECT * FROM lake.{contract.name} WHERE ({condition}) IS NOT TRUE"


def _shown(value: Any) -> str | int | None:
    return value if value is None or isinstance(value, int) else str(value)
