"""The log of verdicts `quality.metrics`: a step appends what its checks said, reports read the newest of it.

It is appended straight to main: nothing is computed from it, so there is nothing to audit and nothing to stage. The
table is partitioned by month of `partition_day`: each append writes a small file for each partition that it touches.

Several runs may append at once. PyIceberg 0.12 takes a commit that came second up again on the new head: up to four
times, with growing pauses (`commit.retry.*`). At most four steps of a kind write at the same time (Dagster's pools), so
none has to give way more often.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression
from sqlalchemy.exc import SQLAlchemyError

from lakehouse_assets.contracts.metrics import METRICS
from lakehouse_assets.errors import StorageError
from lakehouse_assets.quality.results import CheckResult
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import at_least, at_most
from lakehouse_assets.storage.schema import iceberg_schema
from lakehouse_assets.storage.stage import RunInfo

IS_CURRENT = "is_current"
"""Column that `read_metrics` adds: no other run has said anything newer of the same table, day and check."""

_CHECK = ["table_name", "partition_day", "check_name"]


def append_metrics(lake: Lake, results: Sequence[CheckResult], run: RunInfo) -> int:
    """Append verdicts to the log in one commit; a step that is repeated may append its own again.

    Args:
        run: for the rows and for the snapshot's summary.

    Returns:
        The number of rows.

    Raises:
        StorageError: whatever kept the log from being written; it is not the data, so warn and go on.
    """
    if not results:
        return 0
    try:
        table = lake.table(METRICS)
        rows = pa.Table.from_pylist([_row(result, run) for result in results], schema=table.schema().as_arrow())
        table.append(rows, snapshot_properties=run.snapshot_properties)
    # No fault of the log, of whatever kind, may stop what it is about.
    except Exception as error:
        raise StorageError(
            f"{METRICS.name}: {len(results)} verdicts of run {run.run_id} could not be logged: {error}. All other "
            "tables are as they would be without it; reports lack this run. Run the same days again to log them.",
            table=METRICS.name,
        ) from error
    return len(results)


def read_metrics(catalog: Catalog, first: date, last: date) -> pa.Table:
    """The verdicts on the days first..last: of each table, day, check and run the newest, by these and by time.

    Returns:
        The contract's columns and `is_current`; no rows where there is no log yet.

    Raises:
        StorageError: the log cannot be read.
    """
    days = And(at_least("partition_day", first.isoformat()), at_most("partition_day", last.isoformat()))
    rows = _scan(catalog, days, METRICS.column_names)
    rows = rows.take(_newest(rows, [*_CHECK, "run_id"]))
    current = set(_newest(rows, _CHECK).to_pylist())
    rows = rows.append_column(IS_CURRENT, pa.array([index in current for index in range(len(rows))], pa.bool_()))
    return rows.sort_by([(column, "ascending") for column in (*_CHECK, "measured_at", "run_id")])


def logged_days(catalog: Catalog) -> tuple[date, date] | None:
    """The first and the last day with a verdict; None where there is none.

    Raises:
        StorageError: the log cannot be read.
    """
    days = _scan(catalog, AlwaysTrue(), ["partition_day"])["partition_day"].unique().to_pylist()
    return (min(days), max(days)) if days else None


def _row(result: CheckResult, run: RunInfo) -> dict[str, Any]:
    return {
        "table_name": result.check.table,
        "partition_day": result.day,
        "check_name": result.check.name,
        "run_id": run.run_id,
        "measured_at": run.now,
        "passed": result.passed,
        "severity": str(result.severity),
        "is_blocking": result.check.is_blocking,
        "failed_rows": result.failed_rows,
        "total_rows": result.total_rows,
        "threshold": result.threshold,
    }


def _scan(catalog: Catalog, where: BooleanExpression, columns: Sequence[str]) -> pa.Table:
    try:
        table = catalog.load_table(METRICS.name)
        return table.scan(row_filter=where, selected_fields=tuple(columns)).to_arrow().select(columns)
    except NoSuchTableError:
        return iceberg_schema(METRICS).select(*columns).as_arrow().empty_table().select(columns)
    except (SQLAlchemyError, OSError) as error:
        raise StorageError(
            f"{METRICS.name} cannot be read: {error}. Nothing was written. Check that the catalog and its files can be "
            "reached (by default below LAKEHOUSE_HOME/lakehouse).",
            table=METRICS.name,
        ) from error


def _newest(rows: pa.Table, key: Sequence[str]) -> pa.ChunkedArray:
    """Positions of the newest row of each key."""
    positions = rows.append_column("_position", pa.array(range(len(rows)), pa.int64()))
    by_time = positions.sort_by([("measured_at", "ascending"), ("run_id", "ascending")])
    return by_time.group_by(key, use_threads=False).aggregate([("_position", "last")])["_position_last"]
