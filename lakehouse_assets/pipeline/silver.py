"""Bronze to silver and quarantine: judge the days of D-2..D that changed, hold bad ones, merge what was accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.contracts.sources import LOOKBACK_DAYS, SourceContract
from lakehouse_assets.contracts.tables import QUARANTINE, SILVER
from lakehouse_assets.pipeline.applied_days import note_days, plan_days
from lakehouse_assets.pipeline.judging import DayNumbers, JudgedDays, judge_days
from lakehouse_assets.pipeline.merge import Merge
from lakehouse_assets.quality.gate import Gate
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import on_days, plan_files, read_table
from lakehouse_assets.storage.stage import RunInfo, StagedWrite, stage, write_files
from lakehouse_assets.transforms.differences import build_day_checksums


@dataclass(frozen=True)
class SilverWrite:
    """Two staged writes, quarantine to be published first, and the numbers of the days they stand for.

    Args:
        numbers: by arrival day D-2..D; a day without lines has zeros.
        current_rows: rows of silver whose winning version landed on the day, by arrival day.
        gate: what the days were held by.
        judged: the lines judged now, None where no day was; the other days stand as an earlier run left them.
    """

    quarantine: StagedWrite
    silver: StagedWrite
    numbers: Mapping[date, DayNumbers]
    current_rows: Mapping[date, int]
    gate: Gate
    judged: JudgedDays | None = None

    @property
    def judged_days(self) -> tuple[date, ...]:
        return () if self.judged is None else tuple(self.judged.days)

    def duplicates(self, day: date) -> int:
        """Accepted lines of a day that another version of their key supersedes; none where the day is held."""
        numbers = self.numbers[day]
        return 0 if numbers.held else numbers.accepted - self.current_rows.get(day, 0)

    def held_days(self, days: Sequence[date]) -> list[date]:
        return [day for day in days if self.numbers[day].held]


def lookback_window(days: Sequence[date]) -> list[date]:
    """The arrival days that a run of these days reads: from two days before the first to the last."""
    first = min(days) - timedelta(days=LOOKBACK_DAYS)
    return [first + timedelta(days=offset) for offset in range((max(days) - first).days + 1)]


def stage_silver(
    lake: Lake, source: SourceContract, days: Sequence[date], *, gate: Gate, horizon_days: int, run: RunInfo
) -> SilverWrite:
    """Stage silver and quarantine of one source for a range of arrival days.

    Args:
        days: the arrival days of the run, without gaps; the lookback is added here.
        gate: which days are held.
        horizon_days: versions of a key further apart in event time need not meet.
        run: for snapshots and audit columns.

    Raises:
        StorageError: a table cannot be read or staged; nothing is published.
    """
    window = lookback_window(days)
    plan = plan_days(lake, source, window, gate=gate, horizon_days=horizon_days, code_version=run.code_version)
    if not plan.changed:
        quarantine, silver = (
            stage(lake, contract, new_files=[], replaced=[], run=run)
            for contract in (QUARANTINE[source.name], SILVER[source.name])
        )
        return SilverWrite(quarantine, silver, plan.known, _count_current_rows(lake, silver, days), gate)
    judged = judge_days(lake, source, plan.changed, gate)
    quarantine_note, silver_note = (
        note_days(lake, contract, plan, judged.numbers) for contract in (QUARANTINE[source.name], SILVER[source.name])
    )
    quarantine = _stage_quarantine(lake, source, judged.days, judged.verdicts, run, quarantine_note)
    silver = Merge(lake, source, judged, gate, horizon_days).stage(run, silver_note)
    numbers = {**plan.known, **judged.numbers}
    current_rows = _count_current_rows(lake, silver, days)
    return SilverWrite(quarantine, silver, numbers, current_rows, gate, judged)


def _count_current_rows(lake: Lake, silver: StagedWrite, days: Sequence[date]) -> dict[date, int]:
    rows = read_table(lake, silver.contract, on_days("arrival_date", days), snapshot_id=silver.snapshot_id)
    counts = rows.filter(F.col("arrival_date").isin(*days)).groupBy("arrival_date").count()
    return dict(counts.collect())


def _stage_quarantine(
    lake: Lake,
    source: SourceContract,
    days: Sequence[date],
    verdicts: DataFrame,
    run: RunInfo,
    applied: Mapping[str, Any],
) -> StagedWrite:
    """Replace the verdicts of the days on which they differ from what quarantine holds."""
    contract = QUARANTINE[source.name]
    stored = read_table(lake, contract, on_days("arrival_date", days)).filter(F.col("arrival_date").isin(*days))
    before, after = _checksums(stored, contract), _checksums(verdicts, contract)
    changed = [day for day in days if before.get(day) != after.get(day)]
    if not changed:
        return stage(lake, contract, new_files=[], replaced=[], run=run, applied=applied)
    rows = verdicts.filter(F.col("arrival_date").isin(*changed)).select(
        "*", F.lit(run.now).alias("quarantined_at"), F.lit(run.run_id).alias("run_id")
    )
    replaced = plan_files(lake, contract, on_days("arrival_date", changed))
    new_files = write_files(lake, contract, rows)
    return stage(lake, contract, new_files=new_files, replaced=replaced, run=run, applied=applied)


def _checksums(rows: DataFrame, contract: TableContract) -> dict[date, tuple[int, str]]:
    checksums = build_day_checksums(rows, contract).collect()
    return {row.arrival_date: (row.rows, row.checksum) for row in checksums}
