"""Staging: write Parquet files and commit them on a branch of their own, which readers of main do not see.

The steps of every write: `write_files` (files only) -> `stage` (one commit on the branch) -> audit ->
`publish.publish` (main moves to it) or `publish.drop`. Killed at any line, main is as it was; the branch that a killed
run left is dropped by the next stage of the same table (one writer per table at a time: Dagster pools see to that).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import pyarrow.fs as pafs
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table import Table
from pyiceberg.table.update.snapshot import ManageSnapshots
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.errors import StorageError
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import head_snapshot_id

logger = logging.getLogger(__name__)

# It warns of each column of each file whose footer has no statistics; bronze's texts have none on purpose.
logging.getLogger("pyiceberg.io.pyarrow").setLevel(logging.ERROR)

STAGE_BRANCH_PREFIX = "stage-"
_PARTITION_FOLDER = "_partition"


@dataclass(frozen=True)
class RunInfo:
    """Who writes: what every snapshot's summary and every audit column carries.

    Args:
        run_id: Dagster's run id.
        partition: arrival day or `first...last` of a range, as text.
        code_version: version of this package.
        now: when the run began to write, UTC; the value of audit columns.
    """

    run_id: str
    partition: str
    code_version: str
    now: datetime

    @property
    def snapshot_properties(self) -> dict[str, str]:
        return {
            "dagster.run-id": self.run_id,
            "dagster.partition": self.partition,
            "code-version": self.code_version,
        }


@dataclass(frozen=True)
class StagedWrite:
    """A write that waits to be published. `branch` None means: nothing differs, nothing will be committed.

    Args:
        contract: the table.
        base_snapshot_id: main's head when the write was planned; main must still be there at publishing.
        branch: branch that holds the staged snapshot.
        snapshot_id: the staged snapshot, or main's head where nothing differs.
        applied: value for the table's `applied` property, set together with main (see `storage.applied`).
        added_rows: rows main gains.
        removed_rows: rows main loses.
        added_bytes: size of the new files.
        added_paths: where they are.
        replaced: the files of main that they stand for.
    """

    contract: TableContract
    base_snapshot_id: int
    branch: str | None
    snapshot_id: int
    applied: Mapping[str, Any] | None = None
    added_rows: int = 0
    removed_rows: int = 0
    added_bytes: int = 0
    added_paths: tuple[str, ...] = field(default=(), repr=False)
    replaced: tuple[DataFile, ...] = field(default=(), repr=False)

    @property
    def changes_rows(self) -> bool:
        return self.branch is not None


def new_data_location(table: Table) -> str:
    """A new folder below the table's data folder, for the files of one write."""
    return f"{table.location()}/data/{uuid4().hex}"


def write_files(lake: Lake, contract: TableContract, rows: DataFrame) -> list[str]:
    """Let the engine write rows as Parquet files of the table, one partition value a file; nothing is committed.

    Returns:
        The files' locations; none for no rows.
    """
    location = new_data_location(lake.table(contract))
    rows = rows.select(*contract.column_names)
    writer = rows.write
    if contract.partitioning is not None:
        value = F.col(contract.partitioning.column).cast("date")
        writer = rows.withColumn(_PARTITION_FOLDER, value).write.partitionBy(_PARTITION_FOLDER)
    writer.option("compression", "snappy").parquet(location)
    filesystem, path = pafs.FileSystem.from_uri(location)
    selector = pafs.FileSelector(path, recursive=True, allow_not_found=True)
    scheme = location.removesuffix(path)
    return [
        scheme + info.path
        for info in filesystem.get_file_info(selector)
        if info.type == pafs.FileType.File and info.path.endswith(".parquet")
    ]


def stage(
    lake: Lake,
    contract: TableContract,
    *,
    new_files: Sequence[str],
    replaced: Sequence[DataFile],
    run: RunInfo,
    applied: Mapping[str, Any] | None = None,
) -> StagedWrite:
    """Commit new files, and the removal of replaced ones, on a new branch in one snapshot.

    Args:
        new_files: locations of Parquet files with the contract's columns.
        replaced: files of main that the new ones stand for.
        run: for the snapshot's summary.
        applied: see `StagedWrite.applied`.

    Raises:
        StorageError: a file has a null in a required column; nothing was committed.
    """
    table = lake.table(contract)
    drop_leftovers(table)
    base = head_snapshot_id(table)
    data_files = [file for path in new_files if (file := _data_file(table, contract, path)).record_count]
    if not data_files and not replaced:
        return StagedWrite(contract, base, None, base, applied)
    branch = f"{STAGE_BRANCH_PREFIX}{uuid4().hex}"
    transaction = table.transaction()
    ManageSnapshots(transaction).create_branch(base, branch).commit()
    with transaction.update_snapshot(run.snapshot_properties, branch=branch).overwrite() as overwrite:
        for file in data_files:
            overwrite.append_data_file(file)
        for file in replaced:
            overwrite.delete_data_file(file)
    table = transaction.commit_transaction()
    added_rows = sum(file.record_count for file in data_files)
    removed_rows = sum(file.record_count for file in replaced)
    return StagedWrite(
        contract,
        base,
        branch,
        table.refs()[branch].snapshot_id,
        applied,
        added_rows=added_rows,
        removed_rows=removed_rows,
        added_bytes=sum(file.file_size_in_bytes for file in data_files),
        added_paths=tuple(file.file_path for file in data_files),
        replaced=tuple(replaced),
    )


def drop_leftovers(table: Table) -> None:
    """Drop the branches that killed runs left behind."""
    leftovers = [name for name in table.refs() if name.startswith(STAGE_BRANCH_PREFIX)]
    for name in leftovers:
        logger.warning("%s: dropping branch %s, left by a run that did not end", ".".join(table.name()), name)
        table.manage_snapshots().remove_branch(name).commit()


def _field_ids(table: Table) -> dict[str, int]:
    """Field id by Parquet path. Sail 0.7.2 names the elements of a list `item`, the standard says `element`."""
    ids = parquet_path_to_id_mapping(table.schema())
    return ids | {path.replace(".list.element", ".list.item"): field_id for path, field_id in ids.items()}


def _data_file(table: Table, contract: TableContract, location: str) -> DataFile:
    """Describe a Parquet file to Iceberg, from its footer."""
    source = table.io.new_input(location)
    with source.open() as stream:
        footer = pq.read_metadata(stream)
    statistics = data_file_statistics_from_parquet_metadata(
        parquet_metadata=footer,
        stats_columns=compute_statistics_plan(table.schema(), table.metadata.properties),
        parquet_column_mapping=_field_ids(table),
    )
    for name in [column.name for column in contract.columns if not column.nullable]:
        nulls = statistics.null_value_counts.get(table.schema().find_field(name).field_id, 0)
        if nulls:
            raise StorageError(
                f"{contract.name}: {nulls} rows to be written have no {name}, which the contract requires. "
                f"Main is unchanged. This is a fault in the code that computed the rows, please report it.",
                table=contract.name,
            )
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=location,
        file_format=FileFormat.PARQUET,
        partition=statistics.partition(table.spec(), table.schema()),
        file_size_in_bytes=len(source),
        sort_order_id=None,
        spec_id=table.metadata.default_spec_id,
        equality_ids=None,
        key_metadata=None,
        **statistics.to_serialized_dict(),
    )
