"""What every table contract has in common: the `TableContract` value and the columns read off its pandera model.

The tables themselves are in `tables`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import pyspark.sql.types as T
from pandera.pyspark import DataFrameModel

if TYPE_CHECKING:
    Model = DataFrameModel[Any]
else:
    # pandera takes a subscript at run time for a request to validate.
    Model = DataFrameModel


@dataclass(frozen=True)
class Column:
    """One column of a table: its name, Spark type, nullability, description and PII class (None: no personal data)."""

    name: str
    spark_type: T.DataType
    nullable: bool
    description: str
    pii: str | None


@dataclass(frozen=True)
class Partitioning:
    """How Iceberg partitions a table: by a date column or its month, or by the UTC day of a timestamp column."""

    transform: Literal["identity", "day", "month"]
    column: str


@dataclass(frozen=True)
class RowRule:
    """What must hold between columns of one row; null is no pass.

    Args:
        name: of the rule, unique in its table.
        description: for a person.
        sql: the condition, in SQL that both engines read alike.
    """

    name: str
    description: str
    sql: str


@dataclass(frozen=True)
class VolumeExpectation:
    """What a day must be like, beside the same weekday of past weeks.

    Args:
        weeks: how many of them are looked at.
        min_weeks: with fewer known, nothing is judged.
        lines_percent: by so much of the median the day's lines may differ, or more where past weeks do.
        hour_percent: so much of its usual rows an hour must have, or less where past weeks vary.
        min_rows_of_hour: hours with fewer usual rows are not judged. Of 20 expected rows at random times, fewer than a
            fifth come once in 300,000 hours (Poisson).
        silent_minutes: by so much longer than usual the end of a day may be without events.
    """

    weeks: int = 8
    min_weeks: int = 4
    lines_percent: int = 30
    hour_percent: int = 20
    min_rows_of_hour: int = 20
    silent_minutes: int = 120


@dataclass(frozen=True)
class TableContract:
    """One table: everything that is fixed about it.

    Args:
        name: `layer.table`, also the asset key.
        model: the pandera model; its columns are the table's columns, in order.
        grain: what one row is, as a sentence.
        identity: columns that identify a row among all rows ever written (where it came from).
        version_order: columns by which the greatest version of a key wins; empty where there is nothing to choose.
        partitioning: of Iceberg, or None.
        audit_columns: written by the run, never compared: they say when and by which run, not what.
        row_rules: what must hold between the columns of every row.
        owner: who answers for the table.
        freshness_hours: the newest partition should be no older than this.
        volume: what its arrival days must be like; None where days are not compared.
    """

    name: str
    model: type[Model]
    grain: str
    identity: tuple[str, ...]
    partitioning: Partitioning | None
    version_order: tuple[str, ...] = ()
    audit_columns: tuple[str, ...] = ()
    row_rules: tuple[RowRule, ...] = ()
    owner: str = "team:data-platform"
    freshness_hours: int = 36
    volume: VolumeExpectation | None = None

    @property
    def layer(self) -> str:
        return self.name.split(".")[0]

    @property
    def asset_path(self) -> list[str]:
        return self.name.split(".")

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that identify what a row is about; unique in the table."""
        return tuple(self.model.to_schema().unique)

    @property
    def columns(self) -> tuple[Column, ...]:
        return _columns_of(self.model)

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def compared_columns(self) -> list[str]:
        """The columns that say what a row holds: all but the audit columns."""
        return [name for name in self.column_names if name not in self.audit_columns]

    @property
    def spark_schema(self) -> T.StructType:
        """The engine's schema. All fields nullable: that is what files on disk promise; nulls are audited."""
        return T.StructType([T.StructField(column.name, column.spark_type) for column in self.columns])

    @property
    def description(self) -> str:
        return (self.model.__doc__ or "").strip()


@cache
def _columns_of(model: type[Model]) -> tuple[Column, ...]:
    return tuple(
        Column(
            name=name,
            spark_type=column.dtype.type,
            nullable=column.nullable,
            description=column.description or "",
            pii=(column.metadata or {}).get("pii"),
        )
        for name, column in model.to_schema().columns.items()
    )
