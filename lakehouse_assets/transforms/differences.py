"""What differs between two states of a table: row by row, or partition by partition."""

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


def build_day_checksums(rows: DataFrame, contract: TableContract) -> DataFrame:
    """One row per arrival_date with `rows` and `checksum`, which do not depend on the order of rows."""
    return (
        rows.select("arrival_date", content_hash(contract).cast("decimal(38,0)").alias("_hash"))
        .groupBy("arrival_date")
        .agg(F.count("*").alias("rows"), F.sum("_hash").cast("string").alias("checksum"))
    )
