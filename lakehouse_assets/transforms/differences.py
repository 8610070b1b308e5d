"""What differs between two states of a table: row by row, day by day, or from which time on a history does."""

from __future__ import annotations

import pyspark.sql.types as T
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.contracts.model import TableContract

_SEPARATOR = "\x1f"
_NULL = "\x00"


def content_hash(contract: TableContract) -> Column:
    """64-bit hash over the columns that say what a row holds; equal rows have equal hashes."""
    texts = []
    for column in contract.columns:
        if column.name in contract.audit_columns:
            continue
        value = F.col(column.name)
        is_array = isinstance(column.spark_type, T.ArrayType)
        text = F.array_join(value, _SEPARATOR) if is_array else value.cast("string")
        texts.append(F.coalesce(text, F.lit(_NULL)))
    return F.xxhash64(*texts)


def build_rows_without_equal(rows: DataFrame, others: DataFrame, contract: TableContract) -> DataFrame:
    """Those of `rows` for which `others` has no row of the same identity and content; the contract's columns."""
    identity = list(contract.identity)
    hashed = rows.withColumn("_hash", content_hash(contract))
    hashed_others = others.select(*identity, content_hash(contract).alias("_hash"))
    return hashed.join(hashed_others, on=[*identity, "_hash"], how="left_anti").select(*contract.column_names)


def build_removed_rows(stored: DataFrame, desired: DataFrame, contract: TableContract) -> DataFrame:
    """Stored rows that must go: without an equal in `desired`, or one of several of the same identity."""
    identity = list(contract.identity)
    doubled = stored.groupBy(*identity).count().filter("count > 1").select(*identity)
    doubled_rows = stored.join(doubled, on=identity, how="left_semi").select(*contract.column_names)
    return build_rows_without_equal(stored, desired, contract).unionByName(doubled_rows)


def build_added_rows(desired: DataFrame, stored: DataFrame, removed: DataFrame, contract: TableContract) -> DataFrame:
    """Desired rows that are not there once every stored row of the identities of `removed` is gone."""
    identity = list(contract.identity)
    kept = stored.join(removed.select(*identity), on=identity, how="left_anti")
    return build_rows_without_equal(desired, kept, contract)


def build_day_checksums(rows: DataFrame, contract: TableContract) -> DataFrame:
    """One row per arrival_date with `rows` and `checksum`, which do not depend on the order of rows."""
    return (
        rows.select("arrival_date", content_hash(contract).cast("decimal(38,0)").alias("_hash"))
        .groupBy("arrival_date")
        .agg(F.count("*").alias("rows"), F.sum("_hash").cast("string").alias("checksum"))
    )


def build_changed_histories(before: DataFrame, after: DataFrame) -> DataFrame:
    """The users whose history differs between two states of silver.users, and from when on.

    Args:
        before: all versions of these users as they were.
        after: all versions as they are now.

    Returns:
        One row per user: user_id; `changed_from`, UTC: at earlier times both states say the same, null when they may
        differ at any time; `is_new`: the user has no version in `before`.
    """
    says = ["user_id", "effective_from", "signup_date", "device_type", "country"]
    old, new = before.select(*says), after.select(*says)
    differing = old.join(new, on=says, how="left_anti").unionByName(new.join(old, on=says, how="left_anti"))
    # Before a user's first version the first is in force, so a change of the first reaches back to the beginning.
    starts = after.groupBy("user_id").agg(F.min("effective_from").alias("_start"))
    known = before.select("user_id").distinct().withColumn("_known", F.lit(True))
    return (
        differing.groupBy("user_id")
        .agg(F.min("effective_from").alias("_from"))
        .join(starts, on="user_id", how="left")
        .join(known, on="user_id", how="left")
        .select(
            "user_id",
            F.when(F.col("_start") < F.col("_from"), F.col("_from")).alias("changed_from"),
            F.col("_known").isNull().alias("is_new"),
        )
    )
