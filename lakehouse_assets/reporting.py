"""What the commands print: the tables after a run, and their status. Reads snapshots only, writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table as IcebergTable
from rich import box
from rich.console import Console
from rich.table import Table

from lakehouse_assets.contracts.tables import GOLD, TABLES
from lakehouse_assets.settings import Settings
from lakehouse_assets.storage.lake import open_catalog

_GOLD_PREVIEW_ROWS = 5
_GOLD_PREVIEW_COLUMNS = (
    "session_id",
    "user_id",
    "session_date",
    "total_events",
    "first_event_type",
    "last_event_type",
    "transaction_amount",
    "country",
)


@dataclass
class TableReport:
    """What a run said of one table, summed over its days; None where it says nothing of that kind."""

    quarantined: int | None = None
    duplicates: int | None = None
    late: int | None = None
    seconds: float | None = None

    def add(self, numbers: Mapping[str, Any]) -> None:
        """Add the metadata of one day's materialization; seconds are the step's, the same for each of its days."""
        for name in ("quarantined", "duplicates", "late"):
            if name in numbers:
                setattr(self, name, (getattr(self, name) or 0) + numbers[name])
        self.seconds = numbers.get("seconds", self.seconds)


def print_run(
    settings: Settings, run_id: str, first: date, last: date, reports: Mapping[str, TableReport], out: Console
) -> None:
    """A line per table, some gold rows, the next commands.

    Args:
        reports: by table name, what the run's materializations said; tables without one show what the catalog knows.
    """
    catalog = open_catalog(settings.home)
    tables = Table(title=f"Arrival days {first} to {last}, run {run_id[:8]}", box=box.SIMPLE_HEAD)
    tables.add_column("table", no_wrap=True)
    for heading in ("rows", "new", "quarantined", "duplicates", "late", "seconds", "snapshot"):
        tables.add_column(heading, justify="right", overflow="fold")
    for name in TABLES:
        table = _load(catalog, name)
        if table is None:
            continue
        report = reports.get(name, TableReport())
        tables.add_row(
            name,
            f"{_rows(table):,}",
            f"{_new_rows(table, run_id):+,}",
            *("" if count is None else f"{count:,}" for count in (report.quarantined, report.duplicates, report.late)),
            "" if report.seconds is None else f"{report.seconds:.1f}",
            str(_snapshot_id(table)),
        )
    out.print(tables)
    _print_gold_rows(catalog, out)
    out.print(
        "Next: [bold]lakehouse status[/], [bold]lakehouse run --from D --to D[/] after late files, "
        "[bold]./run_pipeline.sh --ui[/] for the web UI.",
        highlight=False,
    )


def print_status(settings: Settings, out: Console) -> None:
    """A line per table: rows, files, newest snapshot and who wrote it when."""
    catalog = open_catalog(settings.home)
    tables = Table(title=f"Tables of the catalog lake, home {settings.home}", box=box.SIMPLE_HEAD)
    tables.add_column("table", no_wrap=True)
    for heading in ("rows", "files", "snapshot", "written (UTC)", "days of that run"):
        tables.add_column(heading, justify="right" if heading in ("rows", "files") else "left", overflow="fold")
    for name in TABLES:
        table = _load(catalog, name)
        if table is None:
            tables.add_row(name, "-", "-", "not written yet", "", "")
            continue
        summary = _summary(table)
        snapshot = table.current_snapshot()
        written = datetime.fromtimestamp((snapshot.timestamp_ms if snapshot else 0) / 1000, UTC)
        tables.add_row(
            name,
            f"{_rows(table):,}",
            summary.get("total-data-files", "0"),
            str(_snapshot_id(table)),
            f"{written:%Y-%m-%d %H:%M:%S}",
            summary.get("dagster.partition", ""),
        )
    out.print(tables)


def _load(catalog: Catalog, name: str) -> IcebergTable | None:
    try:
        return catalog.load_table(name)
    except NoSuchTableError:
        return None


def _summary(table: IcebergTable) -> dict[str, Any]:
    snapshot = table.current_snapshot()
    if snapshot is None or snapshot.summary is None:
        return {}
    return dict(snapshot.summary.additional_properties)


def _snapshot_id(table: IcebergTable) -> int | None:
    snapshot = table.current_snapshot()
    return snapshot.snapshot_id if snapshot else None


def _rows(table: IcebergTable) -> int:
    return int(_summary(table).get("total-records", 0))


def _new_rows(table: IcebergTable, run_id: str) -> int:
    """Rows that the table gained by this run; negative where it lost some."""
    summary = _summary(table)
    if summary.get("dagster.run-id") != run_id:
        return 0
    return int(summary.get("added-records", 0)) - int(summary.get("deleted-records", 0))


def _print_gold_rows(catalog: Catalog, out: Console) -> None:
    gold = _load(catalog, GOLD.name)
    if gold is None:
        return
    rows = gold.scan(selected_fields=_GOLD_PREVIEW_COLUMNS, limit=_GOLD_PREVIEW_ROWS).to_arrow().to_pylist()
    if not rows:
        return
    preview = Table(title=f"{len(rows)} rows of {GOLD.name}", box=box.SIMPLE_HEAD)
    for column in _GOLD_PREVIEW_COLUMNS:
        preview.add_column(column, overflow="fold")
    for row in rows:
        preview.add_row(*("" if row[column] is None else str(row[column]) for column in _GOLD_PREVIEW_COLUMNS))
    out.print(preview)
