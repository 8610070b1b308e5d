"""Reading tables: plan the files with PyIceberg, hand out a lazy DataFrame over exactly these files.

The engine never lists a table's folder: files there may belong to other snapshots. A table whose columns were renamed
or retyped, or that holds delete files, is read by PyIceberg itself, which knows field ids and deletes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.expressions import (
    AlwaysTrue,
    BooleanExpression,
    GreaterThanOrEqual,
    In,
    IsNull,
    LessThanOrEqual,
)
from pyiceberg.io.pyarrow import ArrowScan, schema_to_pyarrow
from pyiceberg.manifest import DataFile
from pyiceberg.table import FileScanTask, Table
from pyspark.sql import DataFrame

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.storage.lake import Lake

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class FileChanges:
    """Data files that differ between two snapshots of a table."""

    added: tuple[DataFile, ...]
    removed: tuple[DataFile, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)


def read_table(
    lake: Lake,
    contract: TableContract,
    where: BooleanExpression | None = None,
    *,
    snapshot_id: int | None = None,
) -> DataFrame:
    """The rows of a table whose files may hold what `where` asks for.

    `where` chooses files, by partition and by their bounds; it does not filter rows within them.

    Args:
        contract: the table; its columns are the result's columns.
        where: which files to read; None reads all.
        snapshot_id: a staged or an older snapshot; None reads main.
    """
    table = lake.table(contract)
    tasks = list(table.scan(row_filter=where or AlwaysTrue(), snapshot_id=snapshot_id).plan_files())
    return _read_tasks(lake, contract, table, tasks)


def read_data_files(lake: Lake, contract: TableContract, files: Sequence[DataFile]) -> DataFrame:
    """The rows of these data files of main: without those that delete files delete, by today's names and types."""
    table = lake.table(contract)
    paths = {file.file_path for file in files}
    tasks = [task for task in table.scan().plan_files() if task.file.file_path in paths]
    return _read_tasks(lake, contract, table, tasks)


def read_files(lake: Lake, contract: TableContract, paths: Sequence[str]) -> DataFrame:
    """The rows of these Parquet files, with the contract's columns; no files give no rows."""
    session = lake.engine.session
    if not paths:
        return session.createDataFrame([], contract.spark_schema)
    return session.read.schema(contract.spark_schema).parquet(*paths)


def plan_files(
    lake: Lake,
    contract: TableContract,
    where: BooleanExpression | None = None,
    *,
    snapshot_id: int | None = None,
) -> list[DataFile]:
    """The data files of main, or of a staged or older snapshot, that may hold what `where` asks for."""
    scan = lake.table(contract).scan(row_filter=where or AlwaysTrue(), snapshot_id=snapshot_id)
    return [task.file for task in scan.plan_files()]


def partition_day(file: DataFile) -> date:
    """The day partition of a file of a table partitioned by day."""
    value = file.partition[0]
    return value if isinstance(value, date) else _EPOCH + timedelta(days=int(str(value)))


def count_rows_by_day(files: Iterable[DataFile]) -> dict[date, int]:
    """Rows by day partition, from the files' own counts; a day without files is absent."""
    rows: Counter[date] = Counter()
    for file in files:
        rows[partition_day(file)] += file.record_count
    return dict(rows)


def count_rows(lake: Lake, contract: TableContract, snapshot_id: int) -> int:
    """Rows of a snapshot, from its summary."""
    snapshot = lake.table(contract).snapshot_by_id(snapshot_id)
    if snapshot is None or snapshot.summary is None:
        return 0
    return int(snapshot.summary.additional_properties.get("total-records", 0))


def read_preview(lake: Lake, contract: TableContract, paths: Sequence[str], rows: int) -> list[dict[str, Any]]:
    """The first rows of the first of these data files, with the contract's columns; read without the engine."""
    if not paths:
        return []
    with lake.table(contract).io.new_input(paths[0]).open() as stream:
        batch = next(pq.ParquetFile(stream).iter_batches(batch_size=rows, columns=contract.column_names), None)
        return batch.to_pylist() if batch is not None else []


def plan_file_changes(lake: Lake, contract: TableContract, since: int) -> FileChanges | None:
    """What was added to and removed from main since a snapshot; None when that snapshot is no longer there."""
    table = lake.table(contract)
    if table.snapshot_by_id(since) is None:
        return None
    if head_snapshot_id(table) == since:
        return FileChanges((), ())
    before = {task.file.file_path: task.file for task in table.scan(snapshot_id=since).plan_files()}
    now = {task.file.file_path: task.file for task in table.scan().plan_files()}
    return FileChanges(
        added=tuple(file for path, file in now.items() if path not in before),
        removed=tuple(file for path, file in before.items() if path not in now),
    )


def head_snapshot_id(table: Table) -> int:
    """The snapshot main points to. Tables of the lake always have one."""
    snapshot = table.current_snapshot()
    assert snapshot is not None, "Lake.table() gives every table a first snapshot"
    return snapshot.snapshot_id


def on_days(column: str, days: Iterable[date]) -> BooleanExpression:
    """Files that may hold one of these days in a date column."""
    return among(column, (day.isoformat() for day in days))


def among(column: str, values: Iterable[str]) -> BooleanExpression:
    """Files that may hold one of these values; PyIceberg prunes by up to 200 of them."""
    return In(column, set(values))  # type: ignore[call-arg, arg-type]


def at_least(column: str, first: str) -> BooleanExpression:
    """Files that may hold a value from `first` on; times as ISO 8601 with an offset."""
    return GreaterThanOrEqual(column, first)  # type: ignore[call-arg, arg-type]


def at_most(column: str, last: str) -> BooleanExpression:
    """Files that may hold a value up to `last`, included; times as ISO 8601 with an offset."""
    return LessThanOrEqual(column, last)  # type: ignore[call-arg, arg-type]


def without(column: str) -> BooleanExpression:
    """Files that may hold a row without a value in the column."""
    return IsNull(column)  # type: ignore[call-arg, arg-type]


def _needs_pyiceberg(table: Table, tasks: Sequence[FileScanTask]) -> bool:
    if any(task.delete_files for task in tasks):
        return True
    current = {field.field_id: (field.name, str(field.field_type)) for field in table.schema().fields}
    names = {name: field_id for field_id, (name, _) in current.items()}
    for schema in table.schemas().values():
        for field in schema.fields:
            if field.field_id in current and current[field.field_id] != (field.name, str(field.field_type)):
                return True
            if names.get(field.name, field.field_id) != field.field_id:
                return True
    return False


def _read_tasks(lake: Lake, contract: TableContract, table: Table, tasks: Sequence[FileScanTask]) -> DataFrame:
    if not _needs_pyiceberg(table, tasks):
        return read_files(lake, contract, [task.file.file_path for task in tasks])
    schema = table.schema().select(*contract.column_names)
    rows = ArrowScan(table.metadata, table.io, schema, AlwaysTrue())
    read_as = schema_to_pyarrow(schema, include_field_ids=False)
    columns = pa.schema([pa.field(field.name, _small(field.type)) for field in read_as])
    path = lake.new_scratch_path()
    with pq.ParquetWriter(path, columns) as writer:
        for batch in rows.to_record_batches(tasks):
            writer.write_table(pa.Table.from_batches([batch]).select(columns.names).cast(columns))
    return read_files(lake, contract, [path.as_uri()])


def _small(kind: pa.DataType) -> pa.DataType:
    """PyIceberg reads texts and lists with 64-bit offsets; Sail takes a list for the same only with 32."""
    if pa.types.is_large_list(kind) or pa.types.is_list(kind):
        return pa.list_(_small(kind.value_type))
    return pa.string() if pa.types.is_large_string(kind) else kind
