"""The audit: what is staged is looked at before main moves, one verdict for each check and arrival day.

Nothing here asks the code that computed the rows: what is staged is held against the contract, against bronze, against
the judged lines and, for gold, against silver. An engine that fails raises; it never makes a failed check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import reduce
from typing import Any

from pyiceberg.expressions import And
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.contracts.sources import USERS, SourceContract
from lakehouse_assets.contracts.tables import GOLD, SILVER
from lakehouse_assets.pipeline.bronze import read_bronze_days
from lakehouse_assets.pipeline.gold import GoldWrite
from lakehouse_assets.pipeline.judging import JudgedDays, files_in_reach
from lakehouse_assets.pipeline.silver import SilverWrite, lookback_window
from lakehouse_assets.quality import catalogue
from lakehouse_assets.quality.catalogue import Severity, find_check, named_row_checks, unique_key
from lakehouse_assets.quality.results import CheckResult, judge_share
from lakehouse_assets.quality.row_checks import count_failing, row_checks, schema_faults
from lakehouse_assets.quality.volume import judge_volume, past_weeks
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import at_least, at_most, on_days, plan_files, read_files, read_table
from lakehouse_assets.storage.stage import StagedWrite

_SAMPLE_ROWS = 10
_SESSION = ["session_id", "user_id"]


def audit_silver(
    lake: Lake, source: SourceContract, write: SilverWrite, days: Sequence[date], horizon_days: int
) -> list[CheckResult]:
    """Verdicts on one source: landing rules and gate from the judged lines, the rest from the staged rows.

    Args:
        write: staged and not yet published.
        days: the arrival days of the run.
        horizon_days: see `pipeline.silver.stage_silver`.

    Raises:
        AuditError: the audit itself failed; nothing was published.
        StorageError: a table cannot be read.
    """
    results = [*_judge_rules(lake, source, write, days), *_judge_gate(source, write, days)]
    results += _judge_lines(lake, source, write, days)
    results += _judge_columns(lake, write.silver, days)
    results += _audit_rows(lake, write.silver, "arrival_date", days)
    results += _audit_keys(lake, source, write, days, horizon_days)
    if source is not USERS:
        results += _judge_users(lake, source, write, days)
    return results


def audit_gold(lake: Lake, write: GoldWrite, days: Sequence[date]) -> list[CheckResult]:
    """Verdicts on gold: the contract on the staged rows, and the recomputed sessions against silver.

    Args:
        write: staged and not yet published.
        days: the partition days of the run; rows of other days count for the first of them.

    Raises:
        AuditError: the audit itself failed; nothing was published.
        StorageError: a table cannot be read.
    """
    results = _audit_rows(lake, write.staged, "session_date", days)
    if not write.staged.changes_rows:
        names = (
            unique_key(GOLD),
            catalogue.MATCHES_SILVER,
            catalogue.TRANSACTIONS_MATCH_SILVER,
            catalogue.KNOWN_USERS_HAVE_ATTRIBUTES,
        )
        return results + [result for name in names for result in _by_day(GOLD, name, days, {}, {})]
    return results + _audit_sessions(lake, write, days)


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
    return [replace(result, sample=samples.get((result.day, result.check.name), ())) for result in results]


def _sample_lines(
    lake: Lake, quarantine: StagedWrite, failed: Sequence[CheckResult]
) -> dict[tuple[date, str], tuple[dict[str, Any], ...]]:
    """Some lines of each rule that failed on a day, as quarantine shows them, without their text."""
    if not failed:
        return {}
    days, rules = sorted({result.day for result in failed}), sorted({result.check.name for result in failed})
    first_lines = Window.partitionBy("arrival_date", "rule").orderBy("source_file", "line_number")
    lines = (
        read_table(lake, quarantine.contract, on_days("arrival_date", days), snapshot_id=quarantine.snapshot_id)
        .select("arrival_date", "source_file", "line_number", F.explode("failed_rules").alias("rule"))
        .filter(F.col("arrival_date").isin(*days) & F.col("rule").isin(*rules))
        .withColumn("_rank", F.row_number().over(first_lines))
        .filter(F.col("_rank") <= _SAMPLE_ROWS)
    )
    samples: dict[tuple[date, str], tuple[dict[str, Any], ...]] = {}
    for row in lines.orderBy("source_file", "line_number").collect():
        shown = {"source_file": row.source_file, "line_number": row.line_number}
        samples[row.arrival_date, row.rule] = (*samples.get((row.arrival_date, row.rule), ()), shown)
    return samples


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


def _judge_lines(lake: Lake, source: SourceContract, write: SilverWrite, days: Sequence[date]) -> list[CheckResult]:
    """Lines against bronze, and against past weeks."""
    contract = SILVER[source.name]
    asked = sorted({*days, *(past for day in days for past in past_weeks(day))})
    landed = {day: of_day.lines for day, of_day in read_bronze_days(lake, source.name, asked).items()}
    missing = {day: abs(landed.get(day, 0) - write.numbers[day].lines) for day in days}
    volume = find_check(contract, catalogue.VOLUME)
    return [
        *_by_day(contract, catalogue.LINES_ADD_UP, days, missing, landed),
        *(judge_volume(volume, day, landed) for day in days),
    ]


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


def _audit_rows(lake: Lake, staged: StagedWrite, day_column: str, days: Sequence[date]) -> list[CheckResult]:
    """The contract on the rows that are new in the staged snapshot."""
    contract = staged.contract
    named = named_row_checks(contract)
    others = [check for check in row_checks(contract) if check not in named]
    failing: dict[str, dict[date, int]] = {check.name: {} for check in (*named, *others)}
    total: dict[date, int] = {}
    faults: list[str] = []
    if staged.added_paths:
        rows = read_files(lake, contract, staged.added_paths)
        faults = schema_faults(rows, contract)
        for counted in count_failing(rows, row_checks(contract), day_column).collect():
            day = counted[day_column] if counted[day_column] in days else min(days)
            total[day] = total.get(day, 0) + counted["rows"]
            for name, by_day in failing.items():
                by_day[day] = by_day.get(day, 0) + counted[name]
    in_contract = {
        day: len(faults) + sum(failing[check.name].get(day, 0) for check in others) for day in (*total, min(days))
    }
    broken = [check.sql for check in others if any(failing[check.name].values())]
    condition = " AND ".join(f"({sql})" for sql in broken or [check.sql for check in others])
    results = _by_day(contract, catalogue.CONTRACT, days, in_contract, total, _failing_sql(contract, condition))
    for check in named:
        sql = _failing_sql(contract, check.sql)
        results += _by_day(contract, check.name, days, failing[check.name], total, sql)
    return results


def _audit_keys(
    lake: Lake, source: SourceContract, write: SilverWrite, days: Sequence[date], horizon_days: int
) -> list[CheckResult]:
    """No key stands twice, and none is lost, among what is new and what is within reach of it."""
    contract = SILVER[source.name]
    doubled: dict[date, int] = {}
    lost: dict[date, int] = {}
    if write.judged is not None and write.silver.changes_rows:
        counted = _keys_beside_versions(lake, source, write, write.judged, horizon_days).collect()
        doubled = _sum_by_day(((row.arrival_date, row.doubled) for row in counted), days)
        lost = _sum_by_day(((row.arrival_date, row.lost) for row in counted), days)
    total = {day: write.numbers[day].accepted for day in days}
    return [
        *_by_day(contract, unique_key(contract), days, doubled, total, _doubled_sql(contract)),
        *_by_day(contract, catalogue.NO_KEY_IS_LOST, days, lost, total),
    ]


def _keys_beside_versions(
    lake: Lake, source: SourceContract, write: SilverWrite, judged: JudgedDays, horizon_days: int
) -> DataFrame:
    """One row per arrival_date with keys that are new and `doubled`, and keys of a version that are `lost`.

    Staged rows and versions go through one grouping by key: a join of both took three times as long.
    """
    contract, staged = SILVER[source.name], write.silver
    key = list(contract.key)
    added = read_files(lake, contract, staged.added_paths)
    kept = read_files(lake, contract, _kept_paths(lake, source, write, horizon_days))
    replaced = read_files(lake, contract, [file.file_path for file in staged.replaced])
    versions = judged.accepted.select(*key, "arrival_date").unionByName(
        replaced.filter(~F.col("arrival_date").isin(*judged.days)).select(*key, "arrival_date")
    )

    def counting(rows: DataFrame, stored: int, new: int) -> DataFrame:
        return rows.select(*key, "arrival_date", F.lit(stored).alias("_stored"), F.lit(new).alias("_new"))

    keys = (
        counting(added, 1, 1)
        .unionByName(counting(kept, 1, 0))
        .unionByName(counting(versions, 0, 0))
        .groupBy(*key)
        .agg(
            F.max("arrival_date").alias("arrival_date"),
            F.sum("_stored").alias("_stored"),
            F.max("_new").alias("_new"),
        )
    )
    is_doubled, is_lost = (F.col("_stored") > 1) & (F.col("_new") == 1), F.col("_stored") == 0
    return (
        keys.filter(is_doubled | is_lost)
        .groupBy("arrival_date")
        .agg(F.count_if(is_doubled).alias("doubled"), F.count_if(is_lost).alias("lost"))
    )


def _kept_paths(lake: Lake, source: SourceContract, write: SilverWrite, horizon_days: int) -> list[str]:
    """Files of the staged snapshot that are not new and may hold a key of the judged days' versions."""
    reach = None
    if source.event_time is not None:
        if write.judged is None or write.judged.times is None:
            return []
        reach = files_in_reach(source.event_time, write.judged.times, horizon_days)
    files = plan_files(lake, write.silver.contract, reach, snapshot_id=write.silver.snapshot_id)
    return [file.file_path for file in files if file.file_path not in write.silver.added_paths]


def _judge_users(lake: Lake, source: SourceContract, write: SilverWrite, days: Sequence[date]) -> list[CheckResult]:
    """Rows whose user has no version. Days of the lookback are judged again, since their users may have come by now."""
    contract, window = SILVER[source.name], lookback_window(days)
    in_window = And(at_least("arrival_date", window[0].isoformat()), at_most("arrival_date", window[-1].isoformat()))
    rows = read_table(lake, contract, in_window, snapshot_id=write.silver.snapshot_id)
    known = read_table(lake, SILVER["users"]).select("user_id").distinct().withColumn("_known", F.lit(True))
    counted = (
        rows.filter(F.col("arrival_date").isin(*window))
        .join(known, on="user_id", how="left")
        .groupBy("arrival_date")
        .agg(F.count("*").alias("rows"), F.count_if(F.col("_known").isNull()).alias("unknown"))
    )
    by_day = {row.arrival_date: (row.unknown, row.rows) for row in counted.collect()}
    check = find_check(contract, catalogue.KNOWN_USER)
    sql = f"SELECT * FROM lake.{contract.name} LEFT ANTI JOIN lake.silver.users USING (user_id)"
    return [
        judge_share(check, day, *by_day.get(day, (0, 0)), sql=sql) for day in window if day in by_day or day in days
    ]


def _audit_sessions(lake: Lake, write: GoldWrite, days: Sequence[date]) -> list[CheckResult]:
    """The recomputed sessions, counted again from silver, beside the staged rows."""
    stored, events, transactions = _sessions_and_sources(lake, write)
    expected = events.groupBy(*_SESSION).agg(
        F.count("*").alias("_events"), F.min("event_timestamp").alias("_start"), F.max("event_timestamp").alias("_end")
    )
    paying = transactions.select(*_SESSION).distinct().withColumn("_pays", F.lit(True))
    found = stored.groupBy(*_SESSION).agg(
        F.count("*").alias("_rows"),
        F.max("total_events").alias("total_events"),
        F.min("session_start_time").alias("session_start_time"),
        F.max("session_end_time").alias("session_end_time"),
        F.max("session_date").alias("session_date"),
        F.max("has_transaction").alias("has_transaction"),
        F.max("device_type").alias("device_type"),
    )
    users = read_table(lake, SILVER["users"]).select("user_id").distinct().withColumn("_known", F.lit(True))
    compared = (
        expected.join(found, on=_SESSION, how="full_outer")
        .join(paying, on=_SESSION, how="left")
        .join(users, on="user_id", how="left")
        .withColumn("session_date", F.coalesce("session_date", F.to_date("_start")))
    )
    verdicts: dict[str, Column] = {
        unique_key(GOLD): F.coalesce(F.col("_rows"), F.lit(1)) == 1,
        catalogue.MATCHES_SILVER: _all(
            F.col("_events") == F.col("total_events"),
            F.col("_start") == F.col("session_start_time"),
            F.col("_end") == F.col("session_end_time"),
        ),
        catalogue.TRANSACTIONS_MATCH_SILVER: F.col("_pays").isNotNull() == F.col("has_transaction"),
        catalogue.KNOWN_USERS_HAVE_ATTRIBUTES: F.col("_known").isNull() | F.col("device_type").isNotNull(),
    }
    failing = [
        F.sum(F.when(verdict, F.lit(0)).otherwise(F.lit(1))).cast("bigint").alias(name)
        for name, verdict in verdicts.items()
    ]
    counted = compared.groupBy("session_date").agg(F.count("*").alias("rows"), *failing).collect()
    total = _sum_by_day(((row["session_date"], row["rows"]) for row in counted), days)
    results = []
    for name in verdicts:
        failed = _sum_by_day(((row["session_date"], row[name]) for row in counted), days)
        results += _by_day(GOLD, name, days, failed, total)
    return results


def _sessions_and_sources(lake: Lake, write: GoldWrite) -> tuple[DataFrame, DataFrame, DataFrame]:
    """Staged rows, events and transactions of the recomputed sessions; of all where all were recomputed."""
    stored = read_table(lake, GOLD, write.files, snapshot_id=write.staged.snapshot_id)
    events = read_table(lake, SILVER["events"], write.files)
    transactions = read_table(lake, SILVER["transactions"], write.files)
    if write.sessions is None:
        return stored, events, transactions
    stored, events, transactions = (
        rows.join(write.sessions, on=_SESSION, how="left_semi") for rows in (stored, events, transactions)
    )
    return stored, events, transactions


def _all(*conditions: Column) -> Column:
    return reduce(lambda left, right: left & right, conditions)


def _sum_by_day(counts: Any, days: Sequence[date]) -> dict[date, int]:
    """Counts by day; those of days that the run does not name count for its first day, so that none is overlooked."""
    by_day: dict[date, int] = {}
    for day, count in counts:
        named = day if day in days else min(days)
        by_day[named] = by_day.get(named, 0) + count
    return by_day


def _by_day(
    contract: TableContract,
    name: str,
    days: Sequence[date],
    failed: Mapping[date, int],
    total: Mapping[date, int],
    sql: str = "",
) -> list[CheckResult]:
    check = find_check(contract, name)
    return [
        CheckResult(check, day, failed.get(day, 0), total.get(day, 0), passed=not failed.get(day, 0), sql=sql)
        for day in days
    ]


def _failing_sql(contract: TableContract, condition: str) -> str:
    return f"SELECT * FROM lake.{contract.name} WHERE ({condition}) IS NOT TRUE"


def _doubled_sql(contract: TableContract) -> str:
    key = ", ".join(contract.key)
    return f"SELECT {key}, COUNT(*) FROM lake.{contract.name} GROUP BY {key} HAVING COUNT(*) > 1"
