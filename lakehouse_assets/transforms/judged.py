"""Bronze lines to judged lines, in two looks.

The first look parses every line with the engine's own functions and lets most lines pass. The second is taken only at
the lines the first did not pass: it reads them to the letter, lets pass what the first could not tell, and names the
rules that the others fail. It costs some 20 times as much a line.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.contracts.sources import EVENTS, TRANSACTIONS, USERS, SourceContract
from lakehouse_assets.contracts.tables import SILVER
from lakehouse_assets.transforms.judge import all_rules_pass, failing_rules, is_true
from lakehouse_assets.transforms.parse_csv import parse_csv_lines
from lakehouse_assets.transforms.parse_json import parse_json_exactly, parse_json_quickly
from lakehouse_assets.transforms.values import parse_amount, parse_day, parse_time

_LINE = ("arrival_date", "source_file", "line_number")
_KEPT_OF_FAILING_LINES = ("raw", "header", "read_errors")


def build_first_look(bronze: DataFrame, source: SourceContract) -> DataFrame:
    """Parse every line and let those pass of which the engine can tell that they pass all rules.

    Args:
        bronze: rows of the source's bronze table.
        source: the source.

    Returns:
        One row per line: `passes` (never null); the columns of the source's silver table, times UTC, of which on lines
        that do not pass only arrival_date, source_file and line_number mean anything (users: `effective_to` is null
        throughout); `raw`, `header` and `read_errors` of the lines that do not pass, null on the others.
    """
    is_json = source.file_format == "json"
    parsed = parse_json_quickly(bronze, source) if is_json else _with_is_whole(parse_csv_lines(bronze, source))
    judged = _judged(parsed, source)
    kept = [F.when(~F.col("passes"), F.col(name)).alias(name) for name in _KEPT_OF_FAILING_LINES]
    return judged.select(*SILVER[source.name].column_names, "passes", *kept)


def build_second_look(lines: DataFrame, source: SourceContract) -> DataFrame:
    """Read the lines that did not pass the first look to the letter, and name the rules they fail.

    Args:
        lines: rows of `build_first_look` that do not pass.
        source: the source.

    Returns:
        One row per line: `passes` and the silver columns as in `build_first_look`; `raw`; `failed_rules` (sorted),
        null on lines that pass.
    """
    parse = parse_json_exactly if source.file_format == "json" else parse_csv_lines
    parsed = _with_is_whole(parse(lines.select(*_LINE, *_KEPT_OF_FAILING_LINES), source))
    failed_rules = F.array_sort(F.coalesce(F.col("line_errors"), failing_rules(source)))
    return _judged(parsed, source, failed_rules.alias("_failed")).select(
        *SILVER[source.name].column_names,
        "passes",
        "raw",
        F.when(~F.col("passes"), F.col("_failed")).alias("failed_rules"),
    )


def _with_is_whole(parsed: DataFrame) -> DataFrame:
    """Add `is_whole`: the line as a whole breaks no rule."""
    return parsed.withColumn("is_whole", F.col("line_errors").isNull())


def _judged(parsed: DataFrame, source: SourceContract, *more: Column) -> DataFrame:
    """Parsed lines with the values of the silver columns and `passes`; texts are trimmed, but for JSON text."""
    trimmed = [_known_text(source, name).alias(name) for name in source.known_columns]
    others = [name for name in parsed.columns if name not in source.known_columns]
    texts = parsed.select(*others, *trimmed)
    values = _VALUES[source.name]()
    columns = [values.get(name, F.col(name)).alias(name) for name in SILVER[source.name].column_names]
    passes = is_true(F.col("is_whole") & all_rules_pass(source))
    return texts.select(*columns, passes.alias("passes"), *_KEPT_OF_FAILING_LINES, *more)


def _known_text(source: SourceContract, name: str) -> Column:
    is_json_text = source.file_format == "json" and name in source.optional_columns
    return F.col(name) if is_json_text else F.trim(F.col(name))


def _event_values() -> dict[str, Column]:
    page_url = F.get_json_object("event_details", "$.page_url")
    return {
        "event_timestamp": parse_time(F.col("event_timestamp")),
        "page_url": F.nullif(F.trim(page_url), F.lit("")),
    }


def _transaction_values() -> dict[str, Column]:
    return {
        "amount": parse_amount(F.col("amount")),
        "transaction_timestamp": parse_time(F.col("transaction_timestamp")),
    }


def _user_values() -> dict[str, Column]:
    arrival = F.col("arrival_date").cast("timestamp")
    return {
        "effective_from": F.coalesce(parse_time(F.col("updated_at")), arrival),
        "effective_to": F.lit(None).cast("timestamp"),
        "signup_date": parse_day(F.col("signup_date")),
    }


_VALUES: dict[str, Callable[[], dict[str, Column]]] = {
    EVENTS.name: _event_values,
    TRANSACTIONS.name: _transaction_values,
    USERS.name: _user_values,
}
