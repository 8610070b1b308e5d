"""The audit of silver: what landed against rules, gate, bronze and past weeks; what is staged by `stored`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from pyiceberg.expressions import And
from pyspark.sql import functions as F

from lakehouse_assets.contracts.model import VolumeExpectation
from lakehouse_assets.contracts.sources import USERS, SourceContract
from lakehouse_assets.contracts.tables import SILVER
from lakehouse_assets.engine.times import as_number, from_number
from lakehouse_assets.pipeline.audit.stored import audit_keys, audit_rows
from lakehouse_assets.pipeline.audit.verdicts import Sample, sample_rows, verdicts_by_day
from lakehouse_assets.pipeline.bronze import read_bronze_days
from lakehouse_assets.pipeline.silver import SilverWrite, lookback_window
from lakehouse_assets.quality import catalogue
from lakehouse_assets.quality.catalogue import Severity, find_check
from lakehouse_assets.quality.results import CheckResult, judge_share
from lakehouse_assets.quality.weekdays import (
    EventTimes,
    has_history,
    judge_freshness,
    judge_hours,
    judge_volume,
    past_weeks,
)
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import at_least, at_most, on_days, read_table
from lakehouse_assets.storage.stage import StagedWrite


def audit_silver(
    lake: Lake, source: SourceContract, write: SilverWrite, days: Sequence[date], *, horizon_days: int, now: datetime
) -> list[CheckResult]:
    """Verdicts on one source: landing rules and gate from the judged lines, the rest from the staged rows.

    Args:
        write: staged and not yet published.
        days: the arrival days of the run.
        horizon_days: see `pipeline.silver.stage_silver`.
        now: UTC; a day that is not over is not held against past weeks.

    Raises:
        AuditError: the audit itself failed; nothing was published.
        StorageError: a table cannot be read.
    """
    results = [*_judge_rules(lake, source, write, days), *_judge_gate(source, write, days)]
    results += _judge_lines(lake, source, write, days, now)
    results += _judge_columns(lake, write.silver, days)
    results += audit_rows(lake, write.silver, "arrival_date", days)
    results += audit_keys(lake, source, write, days, horizon_days)
    if source is not USERS:
        results += _judge_users(lake, source, write, days)
    return results


def _judge_rules(lake: Lake, source: SourceContract, write: SilverWrite, days: Sequence[date]) -> list[CheckResult]:
    contract = SILVER[source.name]
    results = [
        judge_share(
            find_check(contract, rule),
            day,
            write.numbers[day].failed_rules.get(rule, 0),
            write.numbers[day].lines,
            sql=f"SELECT * FROM lake.quarantine.{source.name} WHERE arrival_date = DATE '{day}' "
            f"AND array_contains(failed_rules, '{rule}')",
        )
        for rule in source.rule_names
        for day in days
    ]
    samples = _sample_lines(lake, write.quarantine, [result for result in results if not result.passed])
    return [replace(result, sample=samples.get(result.check.name, {}).get(result.day, ())) for result in results]


def _sample_lines(lake: Lake, quarantine: StagedWrite, failed: Sequence[CheckResult]) -> dict[str, dict[date, Sample]]:
    """Some lines of each rule that failed on a day, as quarantine shows them, without their text."""
    if not failed:
        return {}
    days, rules = sorted({result.day for result in failed}), sorted({result.check.name for result in failed})
    lines = (
        read_table(lake, quarantine.contract, on_days("arrival_date", days), snapshot_id=quarantine.snapshot_id)
        .withColumn("check", F.explode("failed_rules"))
        .filter(F.col("arrival_date").isin(*days) & F.col("check").isin(*rules))
    )
    return sample_rows(lines, "arrival_date", ["source_file", "line_number"], days)


def _judge_gate(source: SourceContract, write: SilverWrite, days: Sequence[date]) -> list[CheckResult]:
    check = find_check(SILVER[source.name], catalogue.GATE)
    return [
        CheckResult(
            check,
            day,
            write.numbers[day].quarantined,
            write.numbers[day].lines,
            passed=not write.numbers[day].held,
            threshold=str(write.gate),
            sql=f"SELECT * FROM lake.quarantine.{source.name} WHERE arrival_date = DATE '{day}'",
        )
        for day in days
    ]


def _judge_lines(
    lake: Lake, source: SourceContract, write: SilverWrite, days: Sequence[date], now: datetime
) -> list[CheckResult]:
    """Lines against bronze; and lines, hours and event time against what the contract expects of a day."""
    contract, expected = SILVER[source.name], SILVER[source.name].volume
    asked = _with_past_weeks(days, expected) if expected is not None else days
    landed = {day: of_day.lines for day, of_day in read_bronze_days(lake, source.name, asked).items()}
    missing = {day: abs(landed.get(day, 0) - write.numbers[day].lines) for day in days}
    results = verdicts_by_day(contract, catalogue.LINES_ADD_UP, days, missing, landed)
    if expected is None:
        return results
    volume = find_check(contract, catalogue.VOLUME)
    results += [judge_volume(volume, day, landed, expected, now) for day in days]
    if source.event_time is None:
        return results
    judgeable = [day for day in days if has_history(day, landed, expected)]
    asked = _with_past_weeks(judgeable, expected)
    times = _read_event_times(lake, write.silver, source.event_time, asked)
    hours, freshness = (
        find_check(contract, name) for name in (catalogue.NO_HOUR_IS_MISSING, catalogue.EVENT_TIME_IS_FRESH)
    )
    results += [judge_hours(hours, day, times, expected, now) for day in days]
    return results + [judge_freshness(freshness, day, times, expected, now) for day in days]


def _with_past_weeks(days: Sequence[date], expected: VolumeExpectation) -> list[date]:
    return sorted({*days, *(past for day in days for past in past_weeks(day, expected))})


def _read_event_times(lake: Lake, silver: StagedWrite, event_time: str, days: Sequence[date]) -> dict[date, EventTimes]:
    """The event times of the rows that landed on these days; a day without rows is absent."""
    if not days:
        return {}
    rows = read_table(lake, silver.contract, on_days("arrival_date", days), snapshot_id=silver.snapshot_id)
    is_of_the_day = F.to_date(event_time) == F.col("arrival_date")
    counted = (
        rows.filter(F.col("arrival_date").isin(*days))
        .groupBy("arrival_date", F.when(is_of_the_day, F.hour(event_time)).alias("hour"))
        .agg(F.count("*").alias("rows"), as_number(F.max(event_time)).alias("last"))
        .collect()
    )
    times: dict[date, EventTimes] = {}
    for day in {row.arrival_date for row in counted}:
        hours = [row for row in counted if row.arrival_date == day and row.hour is not None]
        last = max((from_number(row["last"]) for row in hours), default=None)
        times[day] = EventTimes({row.hour: row.rows for row in hours}, last)
    return times


def _judge_columns(lake: Lake, staged: StagedWrite, days: Sequence[date]) -> list[CheckResult]:
    """Unknown columns of the rows of each day, with how many rows bring them: a column that was renamed shows here."""
    rows = read_table(lake, staged.contract, on_days("arrival_date", days), snapshot_id=staged.snapshot_id)
    unknown = (
        rows.filter(F.col("arrival_date").isin(*days) & F.col("extra").isNotNull())
        .select("arrival_date", F.explode(F.json_object_keys("extra")).alias("column"))
        .groupBy("arrival_date", "column")
        .count()
    )
    by_day: dict[date, dict[str, int]] = {}
    for day, column, count in unknown.collect():
        by_day.setdefault(day, {})[column] = count
    check = find_check(staged.contract, catalogue.LANDED_COLUMNS)
    return [
        CheckResult(
            check,
            day,
            max(by_day.get(day, {}).values(), default=0),
            sum(by_day.get(day, {}).values()),
            passed=day not in by_day,
            severity=Severity.WARN,
            threshold="no unknown column",
            sql=f"SELECT * FROM lake.{staged.contract.name} WHERE arrival_date = DATE '{day}' AND extra IS NOT NULL",
            sample=tuple({"column": name, "rows": rows} for name, rows in sorted(by_day.get(day, {}).items())[:10]),
        )
        for day in days
    ]


def _judge_users(lake: Lake, source: SourceContract, write: SilverWrite, days: Sequence[date]) -> list[CheckResult]:
    """Rows whose user has no version. Days of the lookback are judged again, since their users may have come by now."""
    contract, window = SILVER[source.name], lookback_window(days)
    in_window = And(at_least("arrival_date", window[0].isoformat()), at_most("arrival_date", window[-1].isoformat()))
    rows = read_table(lake, contract, in_window, snapshot_id=write.silver.snapshot_id)
    known = read_table(lake, SILVER["users"]).select("user_id").distinct().withColumn("_known", F.lit(True))
    beside_known = rows.filter(F.col("arrival_date").isin(*window)).join(known, on="user_id", how="left")
    is_unknown = F.col("_known").isNull()
    counted = beside_known.groupBy("arrival_date").agg(
        F.count("*").alias("rows"), F.count_if(is_unknown).alias("unknown")
    )
    by_day = {row.arrival_date: (row.unknown, row.rows) for row in counted.collect()}
    check = find_check(contract, catalogue.KNOWN_USER)
    sql = f"SELECT * FROM lake.{contract.name} LEFT ANTI JOIN lake.silver.users USING (user_id)"
    results = [
        judge_share(check, day, *by_day.get(day, (0, 0)), sql=sql) for day in window if day in by_day or day in days
    ]
    if all(result.passed for result in results):
        return results
    failing = beside_known.filter(is_unknown).withColumn("check", F.lit(check.name))
    shown = [*contract.key, "source_file", "line_number"]
    samples = sample_rows(failing, "arrival_date", shown, window)[check.name]
    return [result if result.passed else replace(result, sample=samples[result.day]) for result in results]
