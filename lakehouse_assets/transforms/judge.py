"""Rules as predicates: which rules of its source a parsed line fails.

The rules are in `contracts.sources`, lines are parsed in `parse_json` and `parse_csv`. A rule that does not come
out true fails: null never passes by accident, `(rule) IS NOT TRUE`.
"""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column
from pyspark.sql import functions as F

from lakehouse_assets.contracts.rules import (
    DATE_PATTERN,
    EVENT_TIME_PATTERN,
    InRange,
    Matches,
    NotNull,
    OneOf,
    Positive,
    Rule,
    ValidTime,
)
from lakehouse_assets.contracts.sources import SourceContract
from lakehouse_assets.transforms.values import parse_amount, parse_day, parse_time


def all_rules_pass(source: SourceContract) -> Column:
    """Whether a line passes all column rules of its source: true, false or null, and null is no pass (`is_true`).

    Over columns that hold trimmed texts (null: missing) and `arrival_date`.
    """
    verdict = F.lit(True)
    for column in source.known_columns:
        for _, passes in _verdicts(source, column):
            verdict = verdict & passes
    return verdict


def failing_rules(source: SourceContract) -> Column:
    """The names of the rules a line fails, of each column the first, unsorted; over columns as in `all_rules_pass`."""
    first_failures = []
    for column in source.known_columns:
        failure = F.lit(None).cast("string")
        for name, passes in reversed(_verdicts(source, column)):
            failure = F.when(passes, failure).otherwise(F.lit(name))
        first_failures.append(failure)
    return F.array_compact(F.array(*first_failures))


def is_true(condition: Column) -> Column:
    """True where the condition is, else false, also for null.

    Not `coalesce(condition, false)`: Sail 0.7.2 computes what stands in a coalesce twice.
    """
    return F.when(condition, F.lit(True)).otherwise(F.lit(False))


def _verdicts(source: SourceContract, column: str) -> list[tuple[str, Column]]:
    """Name and verdict of each rule of a column, in order of judgement; an absent optional column passes."""
    verdicts = [(rule.name, _predicate(rule)) for rule in source.rules if rule.column == column]
    if column in source.optional_columns:
        absent = F.col(column).isNull() | (F.col(column) == "")
        return [(name, absent | passes) for name, passes in verdicts]
    return verdicts


def _predicate(rule: Rule) -> Column:
    """The rule over the trimmed text of its column; true, false or null."""
    text = F.col(rule.column)
    match rule:
        case NotNull():
            return text != ""
        case OneOf():
            return text.isin(*rule.values)
        case Matches():
            return text.rlike(rule.pattern)
        case Positive():
            return parse_amount(text) > 0
        case ValidTime(plain_date=True):
            form = text.rlike(EVENT_TIME_PATTERN) | text.rlike(DATE_PATTERN)
            return form & parse_day(text).isNotNull()
        case ValidTime():
            return text.rlike(EVENT_TIME_PATTERN) & parse_time(text).isNotNull()
        case InRange():
            midnight = F.col("arrival_date").cast("timestamp")
            time = parse_time(text)
            earliest = midnight - F.lit(timedelta(days=rule.days_before))
            return (time >= earliest) & (time < midnight + F.lit(timedelta(days=rule.days_after)))
