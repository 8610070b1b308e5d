"""Sessions: events, transactions and users to gold.user_session_analysis. Pure; which sessions is decided above."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakehouse_assets.contracts.tables import DATA_VERSION, GOLD, SOURCE_SYSTEM

_SESSION = ["session_id", "user_id"]


def build_sessions(events: DataFrame, transactions: DataFrame, users: DataFrame, now: datetime) -> DataFrame:
    """One row per (session_id, user_id) of the events.

    Args:
        events: rows of silver.events, all events of the sessions in it.
        transactions: rows of silver.transactions, all of these sessions' (others are ignored).
        users: rows of silver.users, all versions of the users of these sessions (others are ignored).
        now: value of processing_timestamp, UTC.

    Returns:
        The columns of gold.user_session_analysis, times UTC. Unknown users and missing transactions give nulls.
    """
    sessions = _summarise_events(events)
    with_users = _join_users(sessions, users)
    rows = with_users.join(_earliest_transactions(transactions), on=_SESSION, how="left")
    values = {
        "session_duration_seconds": _seconds_between("session_start_time", "session_end_time"),
        "session_date": F.to_date("session_start_time"),
        "first_event_type": F.element_at("event_types", 1),
        "last_event_type": F.element_at("event_types", -1),
        "has_transaction": F.col("transaction_id").isNotNull(),
        "time_to_purchase_seconds": _seconds_between("session_start_time", "transaction_timestamp"),
        "processing_timestamp": F.lit(now),
        "data_version": F.lit(DATA_VERSION),
        "source_system": F.lit(SOURCE_SYSTEM),
    }
    return rows.select(*(values.get(c.name, F.col(c.name)).cast(c.spark_type).alias(c.name) for c in GOLD.columns))


def _summarise_events(events: DataFrame) -> DataFrame:
    in_order = F.array_sort(F.collect_list(F.struct("event_timestamp", "event_id", "event_type")))
    return events.groupBy(*_SESSION).agg(
        F.min("event_timestamp").alias("session_start_time"),
        F.max("event_timestamp").alias("session_end_time"),
        F.count("*").alias("total_events"),
        F.transform(in_order, lambda event: event["event_type"]).alias("event_types"),
    )


def _join_users(sessions: DataFrame, users: DataFrame) -> DataFrame:
    """Add the version in force at the session's start; before the first version, the first (half-open intervals)."""
    first = F.min("effective_from").over(Window.partitionBy("user_id"))
    versions = users.select(
        F.col("user_id").alias("_user"),
        "signup_date",
        "device_type",
        "country",
        # Before its first version a user is taken as in its first, so that one reaches back to the beginning.
        F.when(F.col("effective_from") != first, F.col("effective_from")).alias("_from"),
        F.col("effective_to").alias("_to"),
    )
    start = F.col("session_start_time")
    # The intervals of a user do not overlap, so a session meets at most one version.
    in_force = (
        (F.col("user_id") == F.col("_user"))
        & (F.col("_from").isNull() | (start >= F.col("_from")))
        & (F.col("_to").isNull() | (start < F.col("_to")))
    )
    return sessions.join(versions, on=in_force, how="left").drop("_user", "_from", "_to")


def _earliest_transactions(transactions: DataFrame) -> DataFrame:
    """One row per session; by row number, since Sail 0.7.2 takes ten times the CPU for `min` of a struct."""
    earliest_first = Window.partitionBy(*_SESSION).orderBy("transaction_timestamp", "transaction_id")
    return (
        transactions.withColumn("_rank", F.row_number().over(earliest_first))
        .filter(F.col("_rank") == 1)
        .select(
            *_SESSION,
            "transaction_id",
            F.col("amount").alias("transaction_amount"),
            F.col("currency").alias("transaction_currency"),
            "transaction_timestamp",
        )
    )


def _seconds_between(start: str, end: str) -> Column:
    return F.floor((F.unix_micros(F.col(end)) - F.unix_micros(F.col(start))) / F.lit(1_000_000))
