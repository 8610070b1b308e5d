"""Landing to bronze: each arrival day's lines, replaced as a whole when the day's files changed.

A bronze data file is named after the fingerprint of the day's files. So the table itself says which content it holds,
in the same commit as the rows, and a day whose files are as they were is not written again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from pyiceberg.manifest import DataFile

from lakehouse_assets.contracts.sources import SourceContract
from lakehouse_assets.contracts.tables import BRONZE
from lakehouse_assets.errors import LandingError
from lakehouse_assets.landing.files import LandingFile, fingerprint, list_files, listing_digest
from lakehouse_assets.landing.lines import Lines, read_lines
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import on_days, partition_day, plan_files
from lakehouse_assets.storage.stage import RunInfo, StagedWrite, new_data_location, stage

logger = logging.getLogger(__name__)

_ROW_GROUP_BYTES = 32 << 20
_READ_ATTEMPTS = 3
_SCHEMA = pa.schema(
    [
        ("arrival_date", pa.date32()),
        ("source_file", pa.dictionary(pa.int32(), pa.string())),
        ("line_number", pa.int64()),
        ("raw", pa.string()),
        ("header", pa.dictionary(pa.int32(), pa.string())),
        ("read_errors", pa.list_(pa.string())),
        ("ingested_at", pa.timestamp("us", "UTC")),
    ]
)


@dataclass(frozen=True)
class BronzeDay:
    """What bronze holds of one arrival day. `version` changes when, and only when, its lines may have changed."""

    version: str
    lines: int


@dataclass(frozen=True)
class BronzeWrite:
    """A staged bronze write and what it saw: files, bytes and listing by arrival day, and the days it rewrites."""

    staged: StagedWrite
    files: dict[date, int]
    bytes: dict[date, int]
    listings: dict[date, str]
    changed_days: tuple[date, ...]


def read_bronze_days(lake: Lake, source: str, days: Sequence[date] | None = None) -> dict[date, BronzeDay]:
    """What bronze holds of these arrival days (None: of all); a day without lines is absent."""
    where = on_days("arrival_date", days) if days is not None else None
    return {
        day: BronzeDay(
            version="+".join(sorted(_stem(file) for file in files)),
            lines=sum(file.record_count for file in files),
        )
        for day, files in _by_day(plan_files(lake, BRONZE[source], where)).items()
    }


def stage_bronze(lake: Lake, landing: Path, source: SourceContract, days: Sequence[date], run: RunInfo) -> BronzeWrite:
    """Stage the lines of the arrival days whose files differ from what bronze holds.

    Args:
        landing: the landing folder.
        days: arrival days; one without files becomes empty.

    Raises:
        LandingError: a file cannot be read, or keeps changing while it is read; nothing was staged.
        StorageError: the table cannot be read or staged.
    """
    contract = BRONZE[source.name]
    held = _by_day(plan_files(lake, contract, on_days("arrival_date", days)))
    landed = {day: list_files(landing, source.name, day) for day in days}
    new_files: list[str] = []
    replaced: list[DataFile] = []
    changed: list[date] = []
    for day, files in landed.items():
        digest = fingerprint(files)
        stems = [_stem(file) for file in held.get(day, [])]
        if stems == [digest] or not (stems or files):
            continue
        location = f"{new_data_location(lake.table(contract))}/{digest}.parquet"
        if _write_day(location, landing, source, day, files, run):
            new_files.append(location)
        replaced.extend(held.get(day, []))
        changed.append(day)
    staged = stage(lake, contract, new_files=new_files, replaced=replaced, run=run)
    return BronzeWrite(
        staged,
        files={day: len(files) for day, files in landed.items()},
        bytes={day: sum(file.size_bytes for file in files) for day, files in landed.items()},
        listings={day: listing_digest(files) for day, files in landed.items()},
        changed_days=tuple(changed),
    )


def _by_day(files: Sequence[DataFile]) -> dict[date, list[DataFile]]:
    by_day: dict[date, list[DataFile]] = {}
    for file in files:
        by_day.setdefault(partition_day(file), []).append(file)
    return by_day


def _stem(file: DataFile) -> str:
    return PurePosixPath(file.file_path).stem


def _write_day(
    location: str,
    landing: Path,
    source: SourceContract,
    day: date,
    files: Sequence[LandingFile],
    run: RunInfo,
) -> int:
    """Write the day's lines to one Parquet file and return their number; without lines no file is left."""
    filesystem, path = pafs.FileSystem.from_uri(location)
    filesystem.create_dir(str(PurePosixPath(path).parent), recursive=True)
    rows = 0
    with (
        filesystem.open_output_stream(path) as stream,
        pq.ParquetWriter(
            stream,
            _SCHEMA,
            compression="snappy",
            use_dictionary=["source_file", "header"],
            write_statistics=["arrival_date", "source_file", "line_number"],
            store_schema=False,
        ) as writer,
    ):
        for table in _row_groups(source, day, files, run):
            writer.write_table(table, row_group_size=len(table))
            rows += len(table)
    if files != list_files(landing, source.name, day):
        filesystem.delete_file(path)
        raise LandingError(
            f"The files of {source.name} {day} changed while they were read. bronze.{source.name} is unchanged. "
            "Writers must rename finished files into place; run the day again when the delivery has ended.",
            table=f"bronze.{source.name}",
            partition=day.isoformat(),
        )
    if not rows:
        filesystem.delete_file(path)
    return rows


def _row_groups(source: SourceContract, day: date, files: Sequence[LandingFile], run: RunInfo) -> Iterator[pa.Table]:
    pending: list[pa.Table] = []
    pending_bytes = 0
    for file in files:
        for lines in read_lines(file, has_header=source.file_format == "csv"):
            pending.append(_table(lines, file.source_file, day, run))
            pending_bytes += lines.raw.nbytes
            if pending_bytes >= _ROW_GROUP_BYTES:
                yield pa.concat_tables(pending).unify_dictionaries()
                pending, pending_bytes = [], 0
    if pending:
        yield pa.concat_tables(pending).unify_dictionaries()


def _table(lines: Lines, source_file: str, day: date, run: RunInfo) -> pa.Table:
    rows = len(lines.raw)
    errors: pa.Array = pa.nulls(rows, _SCHEMA.field("read_errors").type)
    if lines.read_errors:
        errors = pa.array([lines.read_errors.get(i) for i in range(rows)], errors.type)
    columns = [
        pa.repeat(pa.scalar(day, pa.date32()), rows),
        _one_value(source_file, rows),
        pa.array(lines.line_number),
        lines.raw,
        pa.nulls(rows, _SCHEMA.field("header").type) if lines.header is None else _one_value(lines.header, rows),
        errors,
        pa.repeat(pa.scalar(run.now, pa.timestamp("us", "UTC")), rows),
    ]
    return pa.table(columns, schema=_SCHEMA)


def _one_value(value: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(np.zeros(rows, dtype=np.int32), pa.array([value], pa.string()))
