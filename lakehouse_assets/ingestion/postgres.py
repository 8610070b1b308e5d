"""Users from Postgres: what has changed since the last pull, each version once, and a comparison of the whole table.

A pull reads `[watermark - lookback, end)` of `updated_at` in one read-only snapshot, and rows without a time; what of
that landed before (`landed_rows`) is left out. `end` is where no open transaction can commit any more
(`postgres_bounds`), and the new watermark, which moves with the files (`pull`). It moves back where `end` is earlier: a
clock that was set back then loses nothing.

The first pull reads the whole table. So does each pull after `reconcile_days`, when asked, and when the rows that have
landed are not known: it lands what the pulls could not see (times set by hand, or before the lookback), and lists the
users that had landed and are gone from the table. Nothing is removed from landing or silver for them.
"""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from lakehouse_assets.errors import LedgerError, SourceUnreachableError
from lakehouse_assets.ingestion.landed_rows import LandedRows, open_landed_rows
from lakehouse_assets.ingestion.ledger import POSITION
from lakehouse_assets.ingestion.ledger_tables import Advance
from lakehouse_assets.ingestion.options import PostgresOptions
from lakehouse_assets.ingestion.postgres_bounds import Bound
from lakehouse_assets.ingestion.postgres_database import UsersTable, Waiting, connected
from lakehouse_assets.ingestion.postgres_files import UserFiles
from lakehouse_assets.ingestion.pull import Destination, Pull, open_pull
from lakehouse_assets.ingestion.report import PullReport
from lakehouse_assets.ingestion.retries import RetryPolicy, with_retries
from lakehouse_assets.ingestion.source import ReportProgress, SourceStatus, no_progress

logger = logging.getLogger(__name__)

NAME = "users"
BATCH = "batch"
COMPARED = "compared_at"
ROWS_FILE = "ingestion-users-rows.db"
GONE_FILE = "ingestion-users-gone.csv"


@dataclass(frozen=True)
class Sizes:
    """How much is held at once.

    Args:
        fetch_rows: rows in memory.
        file_rows: rows in a file.
    """

    fetch_rows: int = 5_000
    file_rows: int = 1_000_000


@dataclass(frozen=True)
class _Plan:
    """What a pull goes by.

    Args:
        now: the time, ours.
        watermark: where the last pull ended; None before the first.
        is_whole: whether the whole table is read.
        progress: who watches.
    """

    now: datetime
    watermark: datetime | None
    is_whole: bool
    progress: ReportProgress


class PostgresUsers:
    """The source.

    Args:
        options: of the database.
        destination: where it lands.
        retries: of a read that broke off.
        sizes: of pages and files.
    """

    def __init__(
        self,
        options: PostgresOptions,
        destination: Destination,
        *,
        retries: RetryPolicy | None = None,
        sizes: Sizes | None = None,
    ) -> None:
        self._options = options
        self._destination = destination
        self._retries = retries
        self._sizes = sizes or Sizes()

    def check(self, now: datetime) -> SourceStatus:
        """See `Source.check`."""
        with self._destination.open_ledger(NAME) as ledger:
            watermark = _time(ledger.watermark())
        with connected(self._options, NAME) as database:
            server = database.describe()
            bound = database.observe()
            with database.reading(self._sizes.fetch_rows) as table:
                pending = table.count_changed(watermark, bound.end)
                warnings = (*bound.warnings, *table.zone_warnings())
        upto = f"pulled up to {watermark:%Y-%m-%d %H:%M:%S} UTC" if watermark is not None else "never pulled"
        return SourceStatus(pending, " ".join([f"{server}; {upto}.", *warnings]))

    def pull(self, now: datetime, progress: ReportProgress = no_progress) -> PullReport:
        """See `Source.pull`."""
        return self._pull(now, progress, is_asked=False)

    def reconcile(self, now: datetime, progress: ReportProgress = no_progress) -> PullReport:
        """A pull that compares the whole table; raises as `pull` does."""
        return self._pull(now, progress, is_asked=True)

    def _pull(self, now: datetime, progress: ReportProgress, *, is_asked: bool) -> PullReport:
        started = time.monotonic()
        with (
            open_pull(self._destination, NAME, now) as pull,
            open_landed_rows(self._destination.locks / ROWS_FILE, NAME) as known,
        ):
            watermark = _time(pull.ledger.watermark())
            is_known = known.settle(pull.ledger.watermark(BATCH))
            is_whole = is_asked or watermark is None or not is_known or self._is_due(pull, now)
            plan = _Plan(now.astimezone(UTC), watermark, is_whole, progress)
            report = with_retries(
                lambda: self._attempt(pull, known, plan),
                what=f"{NAME}: read the table",
                is_transient=lambda error: isinstance(error, SourceUnreachableError),
                policy=self._retries,
            )
        if not is_known and watermark is not None:
            lost = "Which rows had landed was not known any more; the whole table landed again (silver makes them one)."
            report = replace(report, warnings=(lost, *report.warnings))
        return replace(report, seconds=time.monotonic() - started)

    def _is_due(self, pull: Pull, now: datetime) -> bool:
        compared_at = _time(pull.ledger.watermark(COMPARED))
        days = timedelta(days=self._options.reconcile_days)
        return bool(days) and (compared_at is None or now - compared_at >= days)

    def _attempt(self, pull: Pull, known: LandedRows, plan: _Plan) -> PullReport:
        """Read and land; repeated from the start where reading breaks off, as nothing of it counts until it landed."""
        batch = uuid4().hex
        with ExitStack() as stack:
            files = UserFiles(pull, known, stack, plan.now, self._sizes.file_rows)
            with known.staging(batch):
                bound, waiting, warnings = self._read(files, plan)
                gone = known.stage_gone() if plan.is_whole else 0
            marks = {POSITION: bound.end.isoformat(timespec="microseconds"), BATCH: batch}
            if plan.is_whole:
                marks[COMPARED] = plan.now.isoformat(timespec="microseconds")
            advance = Advance(watermarks=marks)
            if files.files:
                landed = pull.land(files.files, advance, plan.now)
            else:
                landed = ()
                pull.ledger.advance(advance, plan.now)
            known.take(batch)
        if plan.is_whole:
            warnings += self._list_gone(known, gone)
        return PullReport(
            NAME,
            landed,
            rows=files.rows,
            bytes=files.bytes,
            skipped=files.skipped,
            lag_seconds=bound.lag_seconds if bound.is_held or waiting.rows else 0.0,
            warnings=(*warnings, *files.warnings()),
        )

    def _read(self, files: UserFiles, plan: _Plan) -> tuple[Bound, Waiting, tuple[str, ...]]:
        with connected(self._options, NAME) as database:
            # Before the snapshot of the reading, see `postgres_bounds`.
            bound = database.observe()
            with database.reading(self._sizes.fetch_rows) as table:
                with closing(self._pages(table, plan, bound)) as pages:
                    for page in pages:
                        files.take(page, is_whole=plan.is_whole)
                        plan.progress(f"{files.rows:,} rows, {files.bytes / 1e6:,.1f} MB")
                waiting = table.waiting(bound.end, bound.now)
                zone_warnings = table.zone_warnings()
        return bound, waiting, (*bound.warnings, *zone_warnings, *_time_warnings(bound, waiting, plan.watermark))

    def _pages(self, table: UsersTable, plan: _Plan, bound: Bound) -> Generator[list[Any], None, None]:
        if plan.is_whole or plan.watermark is None:
            return table.all(bound.end)
        lookback = timedelta(seconds=self._options.lookback_seconds)
        return table.changed(min(plan.watermark, bound.end) - lookback, bound.end)

    def _list_gone(self, known: LandedRows, new: int) -> tuple[str, ...]:
        path = self._destination.locks / GONE_FILE
        total = _write_gone(path, known)
        logger.info("%s: %d users are gone from the table, %d of them since the last comparison", NAME, total, new)
        if not new:
            return ()
        return (
            f"{new:,} users that had landed are gone from the table since the last comparison, {total:,} in all; see "
            f"{path}. Landing and silver keep them.",
        )


def _time_warnings(bound: Bound, waiting: Waiting, watermark: datetime | None) -> tuple[str, ...]:
    warnings = []
    if waiting.future:
        warnings.append(
            f"{waiting.future:,} rows have an updated_at that the database's clock has not reached, up to "
            f"{waiting.latest}. They land once it has; see the clock of what writes them."
        )
    if watermark is not None and bound.now < watermark:
        warnings.append(
            f"The database's clock shows {bound.now:%Y-%m-%d %H:%M:%S} UTC, and {watermark:%Y-%m-%d %H:%M:%S} was "
            "pulled already: it was set back. Changes are read again from there."
        )
    return tuple(warnings)


def _write_gone(path: Path, known: LandedRows) -> int:
    """The list of users that are gone, whole or as it was; for its owner only.

    Returns:
        How many.
    """
    unfinished = path.with_name(f"{path.name}.part")
    try:
        unfinished.unlink(missing_ok=True)
        unfinished.touch(0o600)
        with unfinished.open("w", encoding="utf-8", newline="") as stream:
            lines = csv.writer(stream, lineterminator="\n")
            lines.writerow(("user_id", "updated_at"))
            total = sum(1 for _ in map(lines.writerow, known.gone()))
        unfinished.replace(path)
    except OSError as error:
        raise LedgerError(
            f"{path}, the list of users that are gone, cannot be written: {error.strerror}. What was new has landed. "
            "Check the folder, then run `lakehouse ingest users --reconcile`.",
            source=NAME,
        ) from error
    return total


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
