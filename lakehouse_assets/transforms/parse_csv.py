"""CSV lines to columns of text, by RFC 4180 within one line; columns are mapped by the names in the file's header."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.contracts.rules import CORRUPT_CSV, MISSING_COLUMN
from lakehouse_assets.contracts.sources import SourceContract

_FIELD = r'("([^"]|"")*"|[^",]*)'
_WELL_FORMED = f"^{_FIELD}(,{_FIELD})*$"


def parse_csv_lines(bronze: DataFrame, source: SourceContract) -> DataFrame:
    """Bronze lines with one column of text for each known column, `extra` and `line_errors`.

    Args:
        bronze: columns of a bronze table, `header` not null.
        source: a CSV source.

    Returns:
        The bronze columns; the known columns (null where the header lacks an optional one); `extra`: the unknown
        columns as a JSON object of texts, null when the header has none; `line_errors`: line rules that fail, null
        when none.
    """
    names = F.col("_names")
    split = bronze.select(
        "*", F.transform(_fields("header"), lambda name: F.trim(name)).alias("_names"), _fields("raw").alias("_values")
    )
    mapped = F.lit(True)
    for name in source.required_columns:
        mapped = mapped & F.array_contains(names, name)
    # A name that stands twice cannot be mapped by name either.
    mapped = mapped & (F.size(F.array_distinct(names)) == F.size(names))
    whole = F.col("_values").isNotNull() & (F.size("_values") == F.size(names))
    line_errors = (
        F.when(F.col("read_errors").isNotNull(), F.col("read_errors"))
        .when(~F.coalesce(mapped, F.lit(False)), F.array(F.lit(MISSING_COLUMN)))
        .when(~F.coalesce(whole, F.lit(False)), F.array(F.lit(CORRUPT_CSV)))
    )
    judged = split.withColumn("line_errors", line_errors)
    good = F.col("line_errors").isNull()
    return judged.select(
        *bronze.columns,
        *(F.when(good, _value(name)).alias(name) for name in source.known_columns),
        F.when(good, _extra(source)).alias("extra"),
        "line_errors",
    )


def _fields(column: str) -> Column:
    """The fields of a line, unquoted; null where it is not well-formed."""
    text = F.col(column)
    quoted = F.regexp_extract_all(F.concat(F.lit(","), text), F.lit(f",{_FIELD}"), F.lit(1))
    unquoted = F.transform(
        quoted,
        lambda field: F.when(
            field.startswith('"'),
            F.replace(F.substring(field, F.lit(2), F.length(field) - 2), F.lit('""'), F.lit('"')),
        ).otherwise(field),
    )
    return F.when(~text.contains('"'), F.split(text, ",", -1)).when(text.rlike(_WELL_FORMED), unquoted)


def _value(name: str) -> Column:
    position = F.array_position(F.col("_names"), name)
    return F.when(position > 0, F.get(F.col("_values"), position - 1))


def _extra(source: SourceContract) -> Column:
    unknown = F.exists("_names", lambda name: ~name.isin(*source.known_columns))
    pairs = F.map_from_arrays("_names", "_values")
    return F.when(unknown, F.to_json(F.map_filter(pairs, lambda name, _: ~name.isin(*source.known_columns))))
