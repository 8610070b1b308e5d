"""The audit of gold: the contract on the staged rows, and the recomputed sessions against silver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import reduce

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from lakehouse_assets.contracts.tables import GOLD, SILVER
from lakehouse_assets.pipeline.audit.stored import audit_rows
from lakehouse_assets.pipeline.audit.verdicts import Sample, named_day, sample_rows, sum_by_day, verdicts_by_day
from lakehouse_assets.pipeline.gold import GoldWrite
from lakehouse_assets.quality import catalogue
from lakehouse_assets.quality.catalogue import find_check, unique_key
from lakehouse_assets.quality.results import CheckResult, judge_share
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import read_table

_SESSION = ["session_id", "user_id"]


def audit_gold(lake: Lake, write: GoldWrite, days: Sequence[date]) -> list[CheckResult]:
    """Verdicts on gold: the contract on the staged rows, and the recomputed sessions against silver.

    Args:
        write: staged and not yet published.
        days: the partition days of the run; rows of other days count for the first of them.

    Raises:
        AuditError: the audit itself failed; nothing was published.
        StorageError: a table cannot be read.
    """
    results = audit_rows(lake, write.staged, "session_date", days)
    if not write.is_recomputed:
        compared = [*_verdicts(), catalogue.TRANSACTIONS_HAVE_SESSIONS]
        return results + [result for name in compared for result in verdicts_by_day(GOLD, name, days, {}, {})]
    return results + _audit_sessions(lake, write, days)


def _audit_sessions(lake: Lake, write: GoldWrite, days: Sequence[date]) -> list[CheckResult]:
    """The recomputed sessions, counted again from silver, beside the staged rows."""
    stored, events, transactions = _sessions_and_sources(lake, write)
    users = read_table(lake, SILVER["users"])
    compared = _compare_sessions(stored, events, transactions, users)
    is_session = F.col("_events").isNotNull() | F.col("_rows").isNotNull()
    fails = {name: ~F.coalesce(verdict, F.lit(False)) for name, verdict in _verdicts().items()}
    counted = (
        compared.groupBy("day")
        .agg(
            F.count_if(is_session).alias("sessions"),
            *(F.count_if(is_session & condition).alias(name) for name, condition in fails.items()),
            F.sum("_transactions").alias("transactions"),
            F.sum("_amount").alias("silver_amount"),
            F.sum("transaction_amount").alias("gold_amount"),
            F.sum(F.when(~is_session, F.col("_transactions"))).alias("orphans"),
            F.sum(F.when(~is_session, F.col("_amount"))).alias("orphans_amount"),
        )
        .collect()
    )
    failed = {name: sum_by_day(((row["day"], row[name]) for row in counted), days) for name in fails}
    broken = {name: condition for name, condition in fails.items() if any(failed[name].values())}
    samples = _sample_sessions(compared.filter(is_session), broken, days) if broken else {}
    total = sum_by_day(((row["day"], row["sessions"]) for row in counted), days)
    results = [
        result
        for name in fails
        for result in verdicts_by_day(GOLD, name, days, failed[name], total, samples=samples.get(name))
    ]
    sums = _sums_by_day(counted, days)
    results = [
        replace(result, threshold=sums[result.day]) if result.check.name == catalogue.AMOUNTS_MATCH_SILVER else result
        for result in results
    ]
    orphans = transactions.join(stored.select(*_SESSION), on=_SESSION, how="left_anti")
    return results + _judge_orphans(orphans, counted, days)


def _verdicts() -> dict[str, Column]:
    """What must hold of a session, by check; null is no pass."""
    shows_first = _all(
        F.col("transaction_id") == F.col("_first_id"),
        F.col("transaction_timestamp") == F.col("_first_time"),
        F.col("transaction_amount") == F.col("_first_amount"),
    )
    return {
        unique_key(GOLD): F.coalesce(F.col("_rows"), F.lit(1)) == 1,
        catalogue.MATCHES_SILVER: _all(
            F.col("_events") == F.col("total_events"),
            F.col("_start") == F.col("session_start_time"),
            F.col("_end") == F.col("session_end_time"),
        ),
        catalogue.TRANSACTIONS_MATCH_SILVER: F.col("_first_id").isNotNull() == F.col("has_transaction"),
        catalogue.AMOUNTS_MATCH_SILVER: shows_first | (F.col("_first_id").isNull() & F.col("transaction_id").isNull()),
        catalogue.KNOWN_USERS_HAVE_ATTRIBUTES: F.col("_known").isNull() | F.col("device_type").isNotNull(),
    }


def _compare_sessions(stored: DataFrame, events: DataFrame, transactions: DataFrame, users: DataFrame) -> DataFrame:
    """One row per session with events, a row of gold or transactions: what silver says of it, and what gold shows.

    `day` is the session's, or that of its first transaction where it has no event.
    """
    expected = events.groupBy(*_SESSION).agg(
        F.count("*").alias("_events"), F.min("event_timestamp").alias("_start"), F.max("event_timestamp").alias("_end")
    )
    first = F.element_at(F.array_sort(F.collect_list(F.struct("transaction_timestamp", "transaction_id", "amount"))), 1)
    paying = (
        transactions.groupBy(*_SESSION)
        .agg(first.alias("_first"), F.count("*").alias("_transactions"), F.sum("amount").alias("_amount"))
        .select(
            *_SESSION,
            "_transactions",
            "_amount",
            F.col("_first.transaction_timestamp").alias("_first_time"),
            F.col("_first.transaction_id").alias("_first_id"),
            F.col("_first.amount").alias("_first_amount"),
        )
    )
    shown = (
        "total_events",
        "session_start_time",
        "session_end_time",
        "session_date",
        "has_transaction",
        "transaction_id",
        "transaction_timestamp",
        "transaction_amount",
        "device_type",
    )
    found = stored.groupBy(*_SESSION).agg(
        F.count("*").alias("_rows"), *(F.max(column).alias(column) for column in shown)
    )
    known = users.select("user_id").distinct().withColumn("_known", F.lit(True))
    return (
        expected.join(found, on=_SESSION, how="full_outer")
        .join(paying, on=_SESSION, how="full_outer")
        .join(known, on="user_id", how="left")
        .withColumn("day", F.coalesce("session_date", F.to_date("_start"), F.to_date("_first_time")))
    )


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


def _sample_sessions(
    sessions: DataFrame, fails: Mapping[str, Column], days: Sequence[date]
) -> dict[str, dict[date, Sample]]:
    names = F.array(*(F.when(condition, F.lit(name)) for name, condition in fails.items()))
    failing = sessions.withColumn("check", F.explode(F.filter(names, lambda name: name.isNotNull())))
    return sample_rows(failing, "day", _SESSION, days)


def _sums_by_day(counted: Sequence[Row], days: Sequence[date]) -> dict[date, str]:
    """How the sums of silver and gold go together, in words."""
    sums = dict.fromkeys(days, (Decimal(0), Decimal(0), Decimal(0)))
    for row in counted:
        day, zero = named_day(row["day"], days), Decimal(0)
        silver, gold, orphans = sums[day]
        sums[day] = (
            silver + (row["silver_amount"] or zero),
            gold + (row["gold_amount"] or zero),
            orphans + (row["orphans_amount"] or zero),
        )
    return {
        day: f"none may fail; silver {silver:,.2f} = gold {gold:,.2f} + later transactions of a session "
        f"{silver - gold - orphans:,.2f} + transactions without a session {orphans:,.2f}"
        for day, (silver, gold, orphans) in sums.items()
    }


def _judge_orphans(orphans: DataFrame, counted: Sequence[Row], days: Sequence[date]) -> list[CheckResult]:
    """Transactions whose session has no event: listed, with the thresholds of landing rules.

    Args:
        orphans: those transactions, read only where there are any.
    """
    check = find_check(GOLD, catalogue.TRANSACTIONS_HAVE_SESSIONS)
    failed = sum_by_day(((row["day"], row["orphans"] or 0) for row in counted), days)
    total = sum_by_day(((row["day"], row["transactions"] or 0) for row in counted), days)
    samples: dict[date, Sample] = {}
    if any(failed.values()):
        listed = orphans.withColumn("day", F.to_date("transaction_timestamp")).withColumn("check", F.lit(check.name))
        samples = sample_rows(listed, "day", ["transaction_id", *_SESSION, "amount"], days)[check.name]
    sql = (
        f"SELECT * FROM lake.{SILVER['transactions'].name} "
        f"LEFT ANTI JOIN lake.{SILVER['events'].name} USING (session_id, user_id)"
    )
    return [
        replace(judge_share(check, day, failed.get(day, 0), total.get(day, 0), sql=sql), sample=samples.get(day, ()))
        for day in days
    ]


def _all(*conditions: Column) -> Column:
    return reduce(lambda left, right: left & right, conditions)
