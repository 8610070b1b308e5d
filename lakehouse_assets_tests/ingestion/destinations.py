"""A place for pulls of tests, and what stands there afterwards."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import URL

from lakehouse_assets.ingestion.pull import Destination

DAY = date(2024, 11, 15)
NOW = datetime(2024, 11, 15, 14, 30, tzinfo=UTC)


def destination(home: Path) -> Destination:
    """Landing, locks and ledger below one folder, laid out as the settings do it."""
    ledger = URL.create("sqlite", database=str(home / "lakehouse" / "ingestion.db"))
    return Destination(home / "landing", home / "lakehouse", ledger)


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file with its content, also those that landing ignores, by path below the folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
