"""What a materialization shows: numbers under stable names, so that the UI can plot them, and a small preview.

Numbers of one arrival day are made here from what `pipeline` counted; numbers of the whole write and the preview from
what was published. Names that begin with `dagster/` are Dagster's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from dagster import MetadataValue, TableColumn, TableRecord, TableSchema

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.contracts.sources import SourceContract
from lakehouse_assets.pipeline.bronze import BronzeWrite
from lakehouse_assets.pipeline.silver import SilverWrite
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import count_rows, count_rows_by_day, on_days, plan_files, read_preview
from lakehouse_assets.storage.stage import StagedWrite

PARTITION_ROWS = "dagster/partition_row_count"
LANDING_LISTING = "landing_listing"
"""Digest of the listing of the files that bronze was read from; the sensor compares it with what is there."""
_PREVIEW_ROWS = 5
_MASKED = "•••"


def bronze_day(day: date, write: BronzeWrite, rows: Mapping[date, int]) -> dict[str, Any]:
    """Numbers of one arrival day in bronze."""
    return {
        PARTITION_ROWS: rows.get(day, 0),
        "files": write.files[day],
        "bytes_landed": write.bytes[day],
        LANDING_LISTING: write.listings[day],
    }


def silver_day(source: SourceContract, day: date, write: SilverWrite) -> dict[str, Any]:
    """Numbers of one arrival day in silver: its lines, what became of them, and why lines were quarantined."""
    numbers = write.numbers[day]
    return {
        PARTITION_ROWS: write.current_rows.get(day, 0),
        "lines": numbers.lines,
        "accepted": numbers.accepted,
        "quarantined": numbers.quarantined,
        "duplicates": write.duplicates(day),
        "late": numbers.late,
        **_by_rule(source, numbers.failed_rules),
    }


def quarantine_day(source: SourceContract, day: date, write: SilverWrite) -> dict[str, Any]:
    """Numbers of one arrival day in quarantine."""
    numbers = write.numbers[day]
    by_rule = _by_rule(source, numbers.failed_rules)
    return {PARTITION_ROWS: numbers.quarantined, "lines": numbers.lines, **by_rule}


def rows_of_days(lake: Lake, staged: StagedWrite, days: Sequence[date]) -> dict[date, int]:
    """Rows by day partition of a table as the write leaves it."""
    partitioning = staged.contract.partitioning
    assert partitioning is not None, "only tables with day partitions are asked"
    files = plan_files(lake, staged.contract, on_days(partitioning.column, days), snapshot_id=staged.snapshot_id)
    return count_rows_by_day(files)


def whole_write(lake: Lake, staged: StagedWrite, snapshot_id: int) -> dict[str, Any]:
    """Numbers of the write as a whole, once it is published, and a preview of the table."""
    return {
        "dagster/row_count": count_rows(lake, staged.contract, snapshot_id),
        # As text: the UI would round an integer of this size.
        "snapshot_id": str(snapshot_id),
        "rows_added": staged.added_rows,
        "rows_removed": staged.removed_rows,
        "bytes_written": staged.added_bytes,
        "preview": _preview(lake, staged),
    }


def _by_rule(source: SourceContract, failed_rules: Mapping[str, int]) -> dict[str, int]:
    """Lines by rule, zeros too, so that plots are lines and not dots."""
    return {f"quarantined/{rule}": failed_rules.get(rule, 0) for rule in sorted(source.rule_names)}


def _preview(lake: Lake, staged: StagedWrite) -> MetadataValue[Any]:
    paths = staged.added_paths or [file.file_path for file in plan_files(lake, staged.contract)]
    rows = read_preview(lake, staged.contract, paths, _PREVIEW_ROWS)
    return MetadataValue.table(
        records=[TableRecord(_shown(row, staged.contract)) for row in rows],
        schema=TableSchema([TableColumn(name) for name in staged.contract.column_names]),
    )


def _shown(row: Mapping[str, Any], contract: TableContract) -> dict[str, str | int | float | bool | None]:
    """A row as text; texts that may hold anything a person typed are masked."""
    masked = {column.name for column in contract.columns if column.pii == "contains"}
    return {name: _MASKED if name in masked else "" if value is None else str(value) for name, value in row.items()}
