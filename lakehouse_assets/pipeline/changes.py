"""Staging a change of rows: some added, some removed, everything else of the table as it is.

Copy-on-write by day partition: a day that loses rows is written anew, a day that only gains rows gets one more file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyiceberg.manifest import DataFile
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import partition_day, plan_files, read_data_files
from lakehouse_assets.storage.stage import RunInfo, StagedWrite, stage, write_files


def write_scratch(lake: Lake, rows: DataFrame) -> DataFrame:
    """Compute rows once: write them to a scratch file of this run and hand out the DataFrame that reads it back."""
    schema = rows.schema
    location = lake.new_scratch_path().as_uri()
    # A dictionary is no gain for rows that are read back once: it costs a third of the write.
    rows.write.option("compression", "lz4").option("dictionary_enabled", "false").parquet(location)
    return lake.engine.session.read.schema(schema).parquet(location)


def stage_changes(
    lake: Lake,
    contract: TableContract,
    *,
    added: DataFrame,
    removed: DataFrame,
    run: RunInfo,
    applied: Mapping[str, Any] | None = None,
) -> StagedWrite:
    """Stage rows to add and rows to remove as one snapshot.

    Args:
        added: rows with the contract's columns.
        removed: rows of the table, at least the identity and partition columns.
        run: for the snapshot's summary.
        applied: see `StagedWrite.applied`.

    Returns:
        The staged write; without changes where both are empty.
    """
    identity = list(contract.identity)
    replaced = _files_with(lake, contract, removed)
    new_rows = added.select(*contract.column_names)
    if replaced:
        stored = read_data_files(lake, contract, replaced)
        kept = stored.join(removed.select(*identity), on=identity, how="left_anti")
        new_rows = new_rows.unionByName(kept.select(*contract.column_names))
    return stage(
        lake, contract, new_files=write_files(lake, contract, new_rows), replaced=replaced, run=run, applied=applied
    )


def _files_with(lake: Lake, contract: TableContract, rows: DataFrame) -> list[DataFile]:
    """The data files in which these rows of the table may stand."""
    files = plan_files(lake, contract)
    if contract.partitioning is None:
        return files if rows.limit(1).count() else []
    days = {row[0] for row in rows.select(F.to_date(contract.partitioning.column)).distinct().collect()}
    return [file for file in files if partition_day(file) in days]
