"""A small table for tests of storage: things with an amount, by day. Its contract and helpers to write and read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar

import pyspark.sql.types as T
from pandera.pyspark import Field
from pyspark.sql import DataFrame

from lakehouse_assets.contracts.model import Model, Partitioning, TableContract
from lakehouse_assets.pipeline.changes import stage_changes
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.publish import publish
from lakehouse_assets.storage.read import read_table
from lakehouse_assets.storage.stage import RunInfo, StagedWrite, stage, write_files

MONDAY = date(2024, 11, 11)
TUESDAY = date(2024, 11, 12)
RUN = RunInfo("run-1", "2024-11-11...2024-11-12", "1.2.3", datetime(2024, 11, 13, tzinfo=UTC))

Row = dict[str, Any]


def _column(*, nullable: bool = False) -> Any:
    return Field(nullable=nullable, description="Of a test.")


class _Thing(Model):
    thing_id: T.StringType = _column()
    day: T.DateType = _column()

    class Config:
        unique: ClassVar[list[str]] = ["thing_id"]


class Thing(_Thing):
    """Things, for tests."""

    amount: T.IntegerType = _column(nullable=True)


class ThingWithPrice(_Thing):
    """Things whose amount is called price."""

    price: T.IntegerType = _column(nullable=True)


class ThingWithLongAmount(_Thing):
    """Things with amounts of 64 bits."""

    amount: T.LongType = _column(nullable=True)


class ThingWithColour(Thing):
    """Things that may have a colour."""

    colour: T.StringType = _column(nullable=True)


class ThingWithTags(_Thing):
    """Things with a list of texts."""

    tags: Annotated[T.ArrayType, T.StringType(), True] = _column(nullable=True)


THINGS = TableContract(
    name="silver.things",
    model=Thing,
    grain="one row per thing_id",
    identity=("thing_id",),
    partitioning=Partitioning("identity", "day"),
)
THINGS_WITH_PRICE = replace(THINGS, model=ThingWithPrice)
THINGS_WITH_LONG_AMOUNT = replace(THINGS, model=ThingWithLongAmount)
THINGS_WITH_TAGS = replace(THINGS, model=ThingWithTags)
THINGS_WITH_COLOUR = replace(THINGS, model=ThingWithColour)


def frame(lake: Lake, contract: TableContract, rows: Sequence[Sequence[Any]]) -> DataFrame:
    """Rows of a contract's columns as the engine sees them."""
    return lake.engine.session.createDataFrame([tuple(row) for row in rows], contract.spark_schema)


def stage_rows(lake: Lake, contract: TableContract, *rows: Sequence[Any]) -> StagedWrite:
    """Stage rows to be appended."""
    files = write_files(lake, contract, frame(lake, contract, rows))
    return stage(lake, contract, new_files=files, replaced=[], run=RUN)


def append(lake: Lake, contract: TableContract, *rows: Sequence[Any]) -> int:
    """Publish rows and return main's snapshot."""
    return publish(lake, stage_rows(lake, contract, *rows))


def change(
    lake: Lake, contract: TableContract, *, added: Sequence[Sequence[Any]], removed: Sequence[Sequence[Any]]
) -> int:
    """Publish a change of rows and return main's snapshot."""
    staged = stage_changes(
        lake, contract, added=frame(lake, contract, added), removed=frame(lake, contract, removed), run=RUN
    )
    return publish(lake, staged)


def by_engine(lake: Lake, contract: TableContract) -> list[tuple[Any, ...]]:
    """The rows of main as the platform reads them, sorted."""
    return sorted(tuple(row) for row in read_table(lake, contract).collect())


def by_pyiceberg(lake: Lake, contract: TableContract) -> list[tuple[Any, ...]]:
    """The rows of main as any other reader of Iceberg sees them, sorted."""
    names = contract.column_names
    rows: list[Row] = lake.table(contract).scan(selected_fields=tuple(names)).to_arrow().to_pylist()
    return sorted(tuple(row[name] for name in names) for row in rows)
