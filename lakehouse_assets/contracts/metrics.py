"""The table `quality.metrics`: what every check said, of which day, in which run. A log beside the tables of data.

It is not one of `tables.TABLES`: no asset stands for it, it holds no landed data, and nothing is computed from it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pyspark.sql.types as T
from pandera.pyspark import Field

from lakehouse_assets.contracts.model import Model, Partitioning, TableContract


def _column(description: str) -> Any:
    return Field(nullable=False, description=description, metadata={"pii": None})


class QualityMetrics(Model):
    """Verdicts of the checks. Rows are only ever added; the newest of a table, day and check is today's verdict."""

    table_name: T.StringType = _column("Table that was checked, such as silver.events.")
    partition_day: T.DateType = _column("Partition that was checked: an arrival day of silver, a session day of gold.")
    check_name: T.StringType = _column("Name of the check or rule, unique in its table.")
    run_id: T.StringType = _column("Dagster run that checked.")
    measured_at: T.TimestampType = _column("When the run began the step that checked.")
    passed: T.BooleanType = _column("The verdict.")
    severity: T.StringType = _column("WARN or ERROR: how bad it is that it failed; of no meaning where it passed.")
    is_blocking: T.BooleanType = _column("Whether nothing is published while the check fails.")
    failed_rows: T.LongType = _column("Rows (of landing rules: lines) that fail.")
    total_rows: T.LongType = _column("Rows that were looked at.")
    threshold: T.StringType = _column("From when on it fails, for a person.")

    class Config:
        unique: ClassVar = ["table_name", "partition_day", "check_name", "run_id", "measured_at"]


METRICS = TableContract(
    name="quality.metrics",
    model=QualityMetrics,
    grain="one row per table, partition day and check for each time it was checked",
    identity=("table_name", "partition_day", "check_name", "run_id", "measured_at"),
    # Each step adds a file for each partition it has verdicts of, of a few KB. By day, a backfill of a year would add
    # 365 files a step; by month it adds 12. A report of a month still reads one or two partitions.
    partitioning=Partitioning("month", "partition_day"),
)
