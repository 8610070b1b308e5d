"""A table's contract as conditions on its rows: from the pandera model's columns and checks, and the row rules.

Conditions are SQL texts, so that a check can show the query that reproduces it. They are compiled into one aggregation
(`count_failing`): pandera itself runs a job for each check and lets nulls pass. That both give the same verdict is a
property test. pandera is called here only, for what a column is (`schema_faults`).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pandera.config import CONFIG, ValidationDepth, config_context
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.errors import AuditError

_NAMES = {
    "isin": "allowed",
    "greater_than": "positive",
    "greater_than_or_equal_to": "not_negative",
    "str_matches": "valid",
}


@dataclass(frozen=True)
class RowCheck:
    """A condition that every row of a table must meet; null is no pass.

    Args:
        name: `<column>_<what>` or the name of a row rule.
        description: for a person.
        sql: the condition.
    """

    name: str
    description: str
    sql: str


def row_checks(contract: TableContract) -> tuple[RowCheck, ...]:
    """All conditions on a row: of each column in order, then the row rules."""
    checks: list[RowCheck] = []
    for name, column in contract.model.to_schema().columns.items():
        if not column.nullable:
            is_text = any(check.name == "not_equal_to" for check in column.checks)
            condition = f"{name} IS NOT NULL" + (f" AND {name} <> ''" if is_text else "")
            checks.append(RowCheck(f"{name}_not_null", f"{name} has a value.", condition))
        for check in column.checks:
            if check.name in _NAMES:
                condition = _condition(name, check.name, check.statistics)
                condition = f"{name} IS NULL OR {condition}" if column.nullable else condition
                checks.append(RowCheck(f"{name}_{_NAMES[check.name]}", f"{condition}.", condition))
            elif check.name != "not_equal_to":
                raise AuditError(f"{contract.name}: the check {check.name} of {name} has no condition in row_checks.")
    rules = [RowCheck(rule.name, rule.description, rule.sql) for rule in contract.row_rules]
    return (*checks, *rules)


def count_failing(rows: DataFrame, checks: Sequence[RowCheck], by: str) -> DataFrame:
    """One row per value of column `by`, with `rows` and, under the name of each check, the rows that fail it."""
    failing = [
        F.sum(F.when(F.expr(check.sql), F.lit(0)).otherwise(F.lit(1))).cast("bigint").alias(check.name)
        for check in checks
    ]
    return rows.groupBy(by).agg(F.count("*").alias("rows"), *failing)


def schema_faults(rows: DataFrame, contract: TableContract) -> list[str]:
    """What pandera says of the columns and types of `rows`; empty where they are the contract's.

    Nulls are left to `row_checks`: pandera would run a job for each column that may have none.

    Raises:
        AuditError: pandera is switched off, or failed for another reason than the data.
    """
    if not CONFIG.validation_enabled:
        raise AuditError("pandera is switched off (PANDERA_VALIDATION_ENABLED). Nothing was published; switch it on.")
    model: Any = contract.model
    schema = deepcopy(model.to_schema())
    for column in schema.columns.values():
        column.nullable = True
    with config_context(validation_depth=ValidationDepth.SCHEMA_ONLY):
        verdict = schema.validate(rows).pandera.errors
    by_reason = [(reason, fault) for group in verdict.values() for reason, faults in group.items() for fault in faults]
    if any(reason == "CHECK_ERROR" for reason, _ in by_reason):
        raise AuditError(f"{contract.name}: pandera failed for another reason than the data. Nothing was published.")
    # What follows is a row of the data, which has no place in a message.
    return [str(fault["error"]).split(" Row(")[0] for _, fault in by_reason]


def _condition(column: str, check: str, statistics: dict[str, Any]) -> str:
    match check:
        case "isin":
            return f"{column} IN ({', '.join(_literal(value) for value in statistics['allowed_values'])})"
        case "greater_than":
            return f"{column} > {_literal(statistics['min_value'])}"
        case "greater_than_or_equal_to":
            return f"{column} >= {_literal(statistics['min_value'])}"
        case _:
            return f"{column} RLIKE {_literal(statistics['pattern'])}"


def _literal(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"
