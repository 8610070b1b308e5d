"""Bronze to silver and quarantine: judge the lines of D-2..D, hold bad days, merge the accepted versions.

Whatever order days are run in, silver ends as one full recompute would leave it. A version that loses is not stored;
when the winner is withdrawn later (corrected or removed file, day held), the versions it had beaten are found again in
bronze, which has every line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.contracts.rules import InRange
from lakehouse_assets.contracts.sources import LOOKBACK_DAYS, SourceContract
from lakehouse_assets.contracts.tables import BRONZE, QUARANTINE, SILVER
from lakehouse_assets.pipeline.bronze import read_bronze_days
from lakehouse_assets.pipeline.changes import stage_changes, write_scratch
from lakehouse_assets.quality.gate import Gate
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import between, on_days, plan_files, read_table
from lakehouse_assets.storage.stage import RunInfo, StagedWrite, stage, write_files
from lakehouse_assets.transforms.deduplicate import build_contested_keys, build_user_history, deduplicate
from lakehouse_assets.transforms.differences import build_day_checksums, build_rows_without_equal
from lakehouse_assets.transforms.judged import build_judged, build_verdicts


@dataclass(frozen=True)
class DayNumbers:
    """What became of one arrival day's lines. `late`: accepted lines whose event day is before the arrival day."""

    lines: int
    accepted: int
    quarantined: int
    late: int
    held: bool
    first_time: datetime | None = None
    last_time: datetime | None = None


@dataclass(frozen=True)
class SilverWrite:
    """Two staged writes, quarantine to be published first, and the numbers of the days they were computed from.

    Args:
        numbers: by arrival day D-2..D; a day without lines has zeros.
        failed_rules: quarantined lines by rule, by arrival day.
    """

    quarantine: StagedWrite
    silver: StagedWrite
    numbers: Mapping[date, DayNumbers]
    failed_rules: Mapping[date, Mapping[str, int]]

    def held_days(self, days: Sequence[date]) -> list[date]:
        return [day for day in days if self.numbers[day].held]


@dataclass(frozen=True)
class _Judged:
    rows: DataFrame
    numbers: dict[date, DayNumbers]


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
    judged = _judge(lake, source, window, gate)
    verdicts = write_scratch(lake, build_verdicts(judged.rows, source))
    return SilverWrite(
        quarantine=_stage_quarantine(lake, source, window, verdicts, run),
        silver=_stage_merge(lake, source, window, judged, gate, horizon_days, run),
        numbers=judged.numbers,
        failed_rules=_count_failed_rules(verdicts),
    )


def _judge(lake: Lake, source: SourceContract, days: Sequence[date], gate: Gate) -> _Judged:
    """Judge the bronze lines of these arrival days, once, into a scratch file; count them; hold days."""
    bronze = read_table(lake, BRONZE[source.name], on_days("arrival_date", days))
    rows = write_scratch(lake, build_judged(bronze.filter(F.col("arrival_date").isin(*days)), source))
    time = source.event_time or "effective_from"
    is_late = F.lit(False)
    if source.event_time is not None:
        is_late = F.to_date(time) < F.col("arrival_date")
    accepted = F.col("passes")
    counted = rows.groupBy("arrival_date").agg(
        F.count("*").alias("lines"),
        F.sum(accepted.cast("bigint")).alias("accepted"),
        F.sum((accepted & is_late).cast("bigint")).alias("late"),
        F.min(F.when(accepted, F.col(time))).alias("first_time"),
        F.max(F.when(accepted, F.col(time))).alias("last_time"),
    )
    numbers = dict.fromkeys(days, DayNumbers(0, 0, 0, 0, held=False))
    for row in counted.collect():
        quarantined = row.lines - row.accepted
        held = gate.holds(lines=row.lines, quarantined=quarantined)
        numbers[row.arrival_date] = DayNumbers(
            row.lines, row.accepted, quarantined, row.late, held, row.first_time, row.last_time
        )
    return _Judged(rows, numbers)


def _accepted(judged: _Judged, source: SourceContract) -> DataFrame:
    """The versions that may reach silver: passing lines of days that are not held."""
    held = [day for day, numbers in judged.numbers.items() if numbers.held]
    passing = judged.rows.filter("passes")
    if held:
        passing = passing.filter(~F.col("arrival_date").isin(*held))
    return passing.select(*SILVER[source.name].column_names)


def _count_failed_rules(verdicts: DataFrame) -> dict[date, dict[str, int]]:
    by_rule = verdicts.select("arrival_date", F.explode("failed_rules").alias("rule")).groupBy("arrival_date", "rule")
    counts: dict[date, dict[str, int]] = {}
    for day, rule, count in by_rule.count().collect():
        counts.setdefault(day, {})[rule] = count
    return counts


def _stage_quarantine(
    lake: Lake, source: SourceContract, days: Sequence[date], verdicts: DataFrame, run: RunInfo
) -> StagedWrite:
    """Replace the verdicts of the days on which they differ from what quarantine holds."""
    contract = QUARANTINE[source.name]
    stored = read_table(lake, contract, on_days("arrival_date", days)).filter(F.col("arrival_date").isin(*days))
    before, after = _checksums(stored, contract), _checksums(verdicts, contract)
    changed = [day for day in days if before.get(day) != after.get(day)]
    if not changed:
        return stage(lake, contract, new_files=[], replaced=[], run=run)
    rows = verdicts.filter(F.col("arrival_date").isin(*changed)).select(
        "*", F.lit(run.now).alias("quarantined_at"), F.lit(run.run_id).alias("run_id")
    )
    replaced = plan_files(lake, contract, on_days("arrival_date", changed))
    return stage(lake, contract, new_files=write_files(lake, contract, rows), replaced=replaced, run=run)


def _checksums(rows: DataFrame, contract: TableContract) -> dict[date, tuple[int, str]]:
    checksums = build_day_checksums(rows, contract).collect()
    return {row.arrival_date: (row.rows, row.checksum) for row in checksums}


def _stage_merge(
    lake: Lake,
    source: SourceContract,
    days: Sequence[date],
    judged: _Judged,
    gate: Gate,
    horizon_days: int,
    run: RunInfo,
) -> StagedWrite:
    contract = SILVER[source.name]
    accepted = _accepted(judged, source)
    if not plan_files(lake, contract):
        rows = _current_rows(lake, source, accepted)
        return stage(lake, contract, new_files=write_files(lake, contract, rows), replaced=[], run=run)
    stored = _stored_rows(lake, source, days, judged, accepted, horizon_days)
    versions = accepted.unionByName(stored.filter(~F.col("arrival_date").isin(*days)))
    desired = write_scratch(lake, _current_rows(lake, source, versions))
    removed = write_scratch(lake, build_rows_without_equal(stored, desired, contract))
    beaten = _find_beaten_versions(lake, source, days, removed, desired, gate, horizon_days)
    if beaten is not None:
        desired = write_scratch(lake, _current_rows(lake, source, versions.unionByName(beaten)))
        removed = write_scratch(lake, build_rows_without_equal(stored, desired, contract))
    added = build_rows_without_equal(desired, stored, contract)
    return stage_changes(lake, contract, added=added, removed=removed, run=run)


def _current_rows(lake: Lake, source: SourceContract, versions: DataFrame) -> DataFrame:
    """One row per key; users with their intervals."""
    contract = SILVER[source.name]
    contested = write_scratch(lake, build_contested_keys(versions, contract))
    rows = deduplicate(versions, contested, contract)
    return build_user_history(rows, contract) if source.event_time is None else rows


def _stored_rows(
    lake: Lake,
    source: SourceContract,
    days: Sequence[date],
    judged: _Judged,
    accepted: DataFrame,
    horizon_days: int,
) -> DataFrame:
    """Rows of silver that this run may change: those of the window, and those whose key a new version has.

    Users have no horizon, and their intervals depend on each other: all of them.
    """
    contract = SILVER[source.name]
    if source.event_time is None:
        return write_scratch(lake, read_table(lake, contract))
    of_window = read_table(lake, contract, on_days("arrival_date", days)).filter(F.col("arrival_date").isin(*days))
    times = [(n.first_time, n.last_time) for n in judged.numbers.values() if n.first_time and n.last_time]
    if not times:
        return write_scratch(lake, of_window)
    horizon = timedelta(days=horizon_days)
    start = min(first for first, _ in times) - horizon
    end = max(last for _, last in times) + horizon
    nearby = read_table(lake, contract, between(source.event_time, _utc(start), _utc(end)))
    same_key = nearby.filter(~F.col("arrival_date").isin(*days)).join(
        accepted.select(*contract.key), on=list(contract.key), how="left_semi"
    )
    return write_scratch(lake, of_window.unionByName(same_key.select(*contract.column_names)))


def _find_beaten_versions(
    lake: Lake,
    source: SourceContract,
    days: Sequence[date],
    removed: DataFrame,
    desired: DataFrame,
    gate: Gate,
    horizon_days: int,
) -> DataFrame | None:
    """Versions of other arrival days that withdrawn rows had beaten; None where no row was withdrawn.

    A removed row is withdrawn when what stands for its key now is not greater: a version between may exist.
    """
    contract = SILVER[source.name]
    key = list(contract.key)
    order = F.struct(*contract.version_order)
    now = desired.select(*key, order.alias("_now"))
    withdrawn = removed.select(*key, order.alias("_was")).join(now, on=key, how="left")
    withdrawn = write_scratch(
        lake, withdrawn.filter(F.col("_now").isNull() | (F.col("_now") < F.col("_was"))).select(*key, "_was")
    )
    if not withdrawn.limit(1).count():
        return None
    search = [day for day in read_bronze_days(lake, source.name) if day not in set(days)]
    if source.event_time is not None:
        in_range = next(rule for rule in source.rules if isinstance(rule, InRange))
        time = F.to_date(F.col("_was")[source.event_time])
        first, last = withdrawn.agg(F.min(time), F.max(time)).collect()[0]
        earliest = first - timedelta(days=horizon_days + in_range.days_after)
        latest = last + timedelta(days=in_range.days_before + 1)
        search = [day for day in search if earliest <= day <= latest]
    if not search:
        return None
    found = _accepted(_judge(lake, source, search, gate), source)
    return write_scratch(lake, found.join(withdrawn.select(*key), on=key, how="left_semi").select(*found.columns))


def _utc(time: datetime) -> str:
    return time.isoformat() + "+00:00"
