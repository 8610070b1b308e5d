"""Positional delete files of Iceberg v2, as other engines write them; PyIceberg 0.12 reads them and writes none."""

from __future__ import annotations

from itertools import chain
from uuid import uuid4

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestWriterV2,
)
from pyiceberg.table import FileScanTask, Table
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import _FastAppendFiles

# The standard fixes names and ids of the two columns (https://iceberg.apache.org/spec/#position-delete-files).
_SCHEMA = pa.schema(
    [
        pa.field("file_path", pa.string(), nullable=False, metadata={"PARQUET:field_id": "2147483546"}),
        pa.field("pos", pa.int64(), nullable=False, metadata={"PARQUET:field_id": "2147483545"}),
    ]
)


def delete_by_position(table: Table, column: str, value: str) -> int:
    """Delete the rows with this value by delete files, one a data file; the data files stay. Returns their number."""
    delete_files = [
        _write_delete_file(table, task, positions)
        for task in table.scan().plan_files()
        if (positions := _positions(table, task, column, value))
    ]
    with table.transaction() as transaction:
        _RowDelta(delete_files, transaction, table).commit()
    return sum(file.record_count for file in delete_files)


def _positions(table: Table, task: FileScanTask, column: str, value: str) -> list[int]:
    with table.io.new_input(task.file.file_path).open() as stream:
        values = pq.read_table(stream, columns=[column]).column(column).to_pylist()
    return [position for position, found in enumerate(values) if found == value]


def _write_delete_file(table: Table, task: FileScanTask, positions: list[int]) -> DataFile:
    location = f"{table.location()}/data/{uuid4().hex}-deletes.parquet"
    filesystem, path = pafs.FileSystem.from_uri(location)
    rows = pa.table([[task.file.file_path] * len(positions), positions], schema=_SCHEMA)
    with filesystem.open_output_stream(path) as stream:
        pq.write_table(rows, stream)
    return DataFile.from_args(
        content=DataFileContent.POSITION_DELETES,
        file_path=location,
        file_format=FileFormat.PARQUET,
        partition=task.file.partition,
        record_count=len(positions),
        file_size_in_bytes=filesystem.get_file_info(path).size,
        spec_id=task.file.spec_id,
    )


class _DeleteManifestWriter(ManifestWriterV2):
    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return super()._meta | {"content": "deletes"}


class _RowDelta(_FastAppendFiles):
    """A commit that adds delete files and keeps everything else."""

    def __init__(self, delete_files: list[DataFile], transaction: object, table: Table) -> None:
        super().__init__(Operation.DELETE, transaction, table.io)  # type: ignore[arg-type]
        # Of these the snapshot's summary is made.
        self._added_data_files = delete_files

    def _manifests(self) -> list[ManifestFile]:
        metadata = self._transaction.table_metadata
        with _DeleteManifestWriter(
            metadata.spec(), metadata.schema(), self.new_manifest_output(), self._snapshot_id, self._compression
        ) as writer:
            for file in self._added_data_files:
                writer.add(ManifestEntry.from_args(status=ManifestEntryStatus.ADDED, data_file=file))
        return list(chain([writer.to_manifest_file()], self._existing_manifests()))
