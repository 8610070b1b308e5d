"""Reading tables: plan the files with PyIceberg, hand out a lazy DataFrame over exactly these files.

The engine never lists a table's folder: files there may belong to other snapshots. A table whose columns were renamed
or retyped, or that holds delete files, is read by PyIceberg itself, which knows field ids and deletes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow.parquet as pq
from pyiceberg.expressions import AlwaysTrue, BooleanExpression, parser
from pyiceberg.manifest import DataFile
from pyiceberg.table import FileScanTask, Table
from pyspark.sql import DataFrame

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.storage.lake import Lake


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
    ref: str = "main",
) -> DataFrame:
    """The rows of a table whose files may hold what `where` asks for.

    `where` chooses files, by partition and by their bounds; it does not filter rows within them.

    Args:
        contract: the table; its columns are the result's columns.
        where: which files to read; None reads all.
        ref: branch or tag.
    """
    table = lake.table(contract)
    snapshot = table.snapshot_by_name(ref)
    snapshot_id = snapshot.snapshot_id if snapshot else None
    tasks = list(table.scan(row_filter=where or AlwaysTrue(), snapshot_id=snapshot_id).plan_files())
    if _needs_pyiceberg(table, tasks):
        return _read_by_pyiceberg(lake, contract, table, where, snapshot_id)
    return read_files(lake, contract, [task.file.file_path for task in tasks])


def read_files(lake: Lake, contract: TableContract, paths: Sequence[str]) -> DataFrame:
    """The rows of these Parquet files, with the contract's columns; no files give no rows."""
    session = lake.engine.session
    if not paths:
        return session.createDataFrame([], contract.spark_schema)
    return session.read.schema(contract.spark_schema).parquet(*paths)


def plan_files(lake: Lake, contract: TableContract, where: BooleanExpression | None = None) -> list[DataFile]:
    """The data files of main that may hold what `where` asks for."""
    return [task.file for task in lake.table(contract).scan(row_filter=where or AlwaysTrue()).plan_files()]


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
    return parser.parse(f"{column} in ({', '.join(repr(day.isoformat()) for day in days)})")


def between(column: str, first: str, last: str) -> BooleanExpression:
    """Files that may hold a value from first to last, both included; times as ISO 8601 with an offset."""
    for bound in (first, last):
        if "'" in bound:
            return AlwaysTrue()
    return parser.parse(f"{column} >= '{first}' and {column} <= '{last}'")


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


def _read_by_pyiceberg(
    lake: Lake,
    contract: TableContract,
    table: Table,
    where: BooleanExpression | None,
    snapshot_id: int | None,
) -> DataFrame:
    scan = table.scan(
        row_filter=where or AlwaysTrue(),
        selected_fields=tuple(contract.column_names),
        snapshot_id=snapshot_id,
    )
    path = lake.new_scratch_path()
    with scan.to_arrow_batch_reader() as batches, pq.ParquetWriter(path, batches.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return read_files(lake, contract, [path.as_uri()])
