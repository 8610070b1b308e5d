"""Bronze lines to judged rows, and failing lines to verdicts.

Two looks at a line: the first parses it, computes its values and whether all rules pass; it is taken at every line. The
second names the rules that fail; it costs more and is taken only at lines that did not pass.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.contracts.sources import EVENTS, TRANSACTIONS, USERS, SourceContract
from lakehouse_assets.contracts.tables import SILVER
from lakehouse_assets.transforms.judge import all_rules_pass, failing_rules
from lakehouse_assets.transforms.parse_csv import parse_csv_lines
from lakehouse_assets.transforms.parse_json import parse_json_lines
from lakehouse_assets.transforms.values import parse_amount, parse_day, parse_time

_LINE = ("arrival_date", "source_file", "line_number")
_KEPT_OF_FAILING_LINES = ("raw", "header", "read_errors")


def build_judged(bronze: DataFrame, source: SourceContract) -> DataFrame:
    """Parse every line, compute its values and say whether it passes all rules of its source.

    Args:
        bronze: rows of the source's bronze table.
        source: the source.

    Returns:
        One row per line: `passes` (never null); the columns of the source's silver table, times UTC, of which on
        failing lines only arrival_date, source_file and line_number mean anything (users: `effective_to` is null
        throughout); `raw`, `header` and `read_errors` of failing lines, null on passing ones.
    """
    texts = _texts(bronze, source)
    passes = F.col("line_errors").isNull() & all_rules_pass(source)
    values = _VALUES[source.name]()
    columns = [values.get(name, F.col(name)).alias(name) for name in SILVER[source.name].column_names]
    judged = texts.select(*columns, passes.alias("passes"), *_KEPT_OF_FAILING_LINES)
    kept = [F.when(~F.col("passes"), F.col(name)).alias(name) for name in _KEPT_OF_FAILING_LINES]
    return judged.select(*SILVER[source.name].column_names, "passes", *kept)


def build_verdicts(judged: DataFrame, source: SourceContract) -> DataFrame:
    """Name the rules that the failing lines fail.

    Args:
        judged: rows of `build_judged`.
        source: the source.

    Returns:
        One row per failing line: arrival_date, source_file, line_number, raw, failed_rules (sorted).
    """
    failing = judged.filter(~F.col("passes")).select(*_LINE, *_KEPT_OF_FAILING_LINES)
    failed_rules = F.array_sort(F.coalesce(F.col("line_errors"), failing_rules(source)))
    return _texts(failing, source).select(*_LINE, "raw", failed_rules.alias("failed_rules"))


def _texts(bronze: DataFrame, source: SourceContract) -> DataFrame:
    """Lines with one column of text for each known column, trimmed but for JSON text."""
    parse = parse_json_lines if source.file_format == "json" else parse_csv_lines
    trimmed = [_known_text(source, name).alias(name) for name in source.known_columns]
    return parse(bronze, source).select(*_LINE, *_KEPT_OF_FAILING_LINES, "extra", "line_errors", *trimmed)


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
