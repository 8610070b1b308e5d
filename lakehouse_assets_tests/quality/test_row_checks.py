"""The compiled conditions and pandera's own verdict agree, on valid and on broken rows, column by column."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyspark.sql.types as T
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from pandera.config import CONFIG, ValidationDepth, config_context
from pyspark.sql import functions as F

from lakehouse_assets.contracts.model import Column, TableContract
from lakehouse_assets.contracts.rules import Matches, ValidTime
from lakehouse_assets.contracts.sources import SOURCES, SourceContract
from lakehouse_assets.contracts.tables import GOLD, SILVER
from lakehouse_assets.engine.session import Engine
from lakehouse_assets.errors import AuditError
from lakehouse_assets.quality.row_checks import count_failing, row_checks, schema_faults

DAY = date(2024, 11, 15)
NOON = datetime(2024, 11, 15, 12, tzinfo=UTC)
VALUES: dict[type[T.DataType], list[Any]] = {
    T.StringType: ["", "E1", "click", "USD", "iOS", "PE", "Peru", "pe"],
    T.DateType: [DAY],
    T.TimestampType: [NOON],
    T.LongType: [-1, 0, 1],
    T.IntegerType: [-1, 0, 1],
    T.BooleanType: [True, False],
    T.DecimalType: [Decimal("-1.00"), Decimal("0.00"), Decimal("9.50")],
    T.ArrayType: [["click"], []],
}
TABLES = [*SILVER.values(), GOLD]


def _values(column: Column) -> st.SearchStrategy[Any]:
    return st.none() | st.sampled_from(VALUES[type(column.spark_type)])


def _rows(contract: TableContract) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    return st.lists(st.tuples(*(_values(column) for column in contract.columns)), min_size=1, max_size=3)


@pytest.mark.parametrize("contract", TABLES, ids=lambda contract: contract.name)
def test_compiled_conditions_and_pandera_reject_the_same_columns(contract: TableContract, engine: Engine) -> None:
    of_columns = [check for check in row_checks(contract) if check.name not in {r.name for r in contract.row_rules}]

    @seed(0)
    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.nested_given, HealthCheck.too_slow])
    @given(rows=_rows(contract))
    def check(rows: list[tuple[Any, ...]]) -> None:
        frame = engine.session.createDataFrame(rows, contract.spark_schema)
        counted = count_failing(frame.withColumn("_all", F.lit(1)), of_columns, "_all").collect()[0]
        compiled = {_column_of(c.name, contract) for c in of_columns if counted[c.name]}
        assert compiled == _rejected_by_pandera(frame, contract)

    check()


def _column_of(check_name: str, contract: TableContract) -> str:
    return max((name for name in contract.column_names if check_name.startswith(f"{name}_")), key=len)


def _rejected_by_pandera(frame: Any, contract: TableContract) -> set[str]:
    model: Any = contract.model
    with config_context(validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        errors = model.validate(frame).pandera.errors
    faults = [fault for group in errors.values() for faults in group.values() for fault in faults]
    return {fault["column"] for fault in faults if fault["column"] in contract.column_names}


@pytest.mark.parametrize("source", SOURCES.values(), ids=lambda source: source.name)
def test_every_rule_of_a_source_is_a_condition_on_its_stored_rows_and_none_is_made_up(source: SourceContract) -> None:
    contract = SILVER[source.name]
    types = {column.name: type(column.spark_type) for column in contract.columns}
    # What a type says needs no condition: a time that is stored is a time, an amount a number with two decimals.
    said_by_type = {
        rule.name
        for rule in source.rules
        if isinstance(rule, ValidTime) or (isinstance(rule, Matches) and types[rule.column] is T.DecimalType)
    }
    conditions = {check.name for check in row_checks(contract)}
    of_our_own = {f"{name}_not_null" for name in ("arrival_date", "source_file", "line_number", "effective_from")} | {
        "line_number_positive",
        "version_ends_after_its_start",
    }
    assert {rule.name for rule in source.rules} - said_by_type == conditions - of_our_own


def test_null_is_no_pass(engine: Engine) -> None:
    frame = engine.session.createDataFrame([(None,)], "country string").withColumn("_all", F.lit(1))
    checks = [check for check in row_checks(SILVER["users"]) if check.name == "country_valid"]
    assert count_failing(frame, checks, "_all").collect()[0]["country_valid"] == 1


def test_missing_column_and_wrong_type_are_named_without_a_row_of_the_data(engine: Engine) -> None:
    contract = SILVER["users"]
    row = ("U_secret", NOON, None, DAY, "iOS", "PE", None, DAY, "f.csv", 1)
    frame = engine.session.createDataFrame([row], contract.spark_schema)
    assert schema_faults(frame, contract) == []
    faults = schema_faults(frame.drop("country").withColumn("line_number", F.lit("x")), contract)
    assert len(faults) == 2
    assert "column 'country' not in dataframe" in faults[0]
    assert "line_number" in faults[1]
    assert "U_secret" not in str(faults)


def test_audit_refuses_to_run_with_pandera_switched_off(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CONFIG, "validation_enabled", False)
    frame = engine.session.createDataFrame([], SILVER["users"].spark_schema)
    with pytest.raises(AuditError, match="pandera is switched off"):
        schema_faults(frame, SILVER["users"])
