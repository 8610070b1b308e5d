"""What Dagster shows before the first run: assets with descriptions, columns, edges and pools; job and automation."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    DailyPartitionsDefinition,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    Definitions,
    FreshnessPolicy,
    TableSchema,
    TimeWindowPartitionMapping,
)

from lakehouse_assets.definitions import build_defs
from lakehouse_assets.settings import Settings

ROOT = Path(__file__).resolve().parents[2]

# Asset: the assets it is made from.
GRAPH = {
    "landing/events": [],
    "landing/transactions": [],
    "landing/users": [],
    "bronze/events": ["landing/events"],
    "bronze/transactions": ["landing/transactions"],
    "bronze/users": ["landing/users"],
    "quarantine/events": ["bronze/events"],
    "quarantine/transactions": ["bronze/transactions"],
    "quarantine/users": ["bronze/users"],
    "silver/events": ["bronze/events"],
    "silver/transactions": ["bronze/transactions"],
    "silver/users": ["bronze/users"],
    "gold/user_session_analysis": ["silver/events", "silver/transactions", "silver/users"],
}

BRONZE_COLUMNS = {
    "arrival_date": "date",
    "source_file": "string",
    "line_number": "bigint",
    "raw": "string",
    "header": "string",
    "read_errors": "array<string>",
    "ingested_at": "timestamp",
}
QUARANTINE_COLUMNS = {
    "arrival_date": "date",
    "source_file": "string",
    "line_number": "bigint",
    "raw": "string",
    "failed_rules": "array<string>",
    "quarantined_at": "timestamp",
    "run_id": "string",
}
COLUMNS = {
    "bronze/events": BRONZE_COLUMNS,
    "bronze/transactions": BRONZE_COLUMNS,
    "bronze/users": BRONZE_COLUMNS,
    "quarantine/events": QUARANTINE_COLUMNS,
    "quarantine/transactions": QUARANTINE_COLUMNS,
    "quarantine/users": QUARANTINE_COLUMNS,
    "silver/events": {
        "event_id": "string",
        "session_id": "string",
        "user_id": "string",
        "event_type": "string",
        "event_timestamp": "timestamp",
        "page_url": "string",
        "event_details": "string",
        "extra": "string",
        "arrival_date": "date",
        "source_file": "string",
        "line_number": "bigint",
    },
    "silver/transactions": {
        "transaction_id": "string",
        "session_id": "string",
        "user_id": "string",
        "amount": "decimal(10,2)",
        "currency": "string",
        "transaction_timestamp": "timestamp",
        "extra": "string",
        "arrival_date": "date",
        "source_file": "string",
        "line_number": "bigint",
    },
    "silver/users": {
        "user_id": "string",
        "effective_from": "timestamp",
        "effective_to": "timestamp",
        "signup_date": "date",
        "device_type": "string",
        "country": "string",
        "extra": "string",
        "arrival_date": "date",
        "source_file": "string",
        "line_number": "bigint",
    },
    "gold/user_session_analysis": {
        "user_id": "string",
        "session_id": "string",
        "signup_date": "date",
        "device_type": "string",
        "country": "string",
        "session_start_time": "timestamp",
        "session_end_time": "timestamp",
        "session_duration_seconds": "int",
        "session_date": "date",
        "total_events": "int",
        "event_types": "array<string>",
        "first_event_type": "string",
        "last_event_type": "string",
        "transaction_id": "string",
        "transaction_amount": "decimal(10,2)",
        "transaction_currency": "string",
        "transaction_timestamp": "timestamp",
        "has_transaction": "boolean",
        "time_to_purchase_seconds": "int",
        "processing_timestamp": "timestamp",
        "data_version": "int",
        "source_system": "string",
    },
}

# Table: group, owner, how its description begins, and its name in the catalog.
SHOWN = {
    "bronze/events": ("bronze", "team:data-platform", "Every line that landed", "bronze.events"),
    "bronze/transactions": ("bronze", "team:data-platform", "Every line that landed", "bronze.transactions"),
    "bronze/users": ("bronze", "team:data-platform", "Every line that landed", "bronze.users"),
    "quarantine/events": ("quarantine", "team:data-platform", "Lines that failed rules", "quarantine.events"),
    "quarantine/transactions": (
        "quarantine",
        "team:data-platform",
        "Lines that failed rules",
        "quarantine.transactions",
    ),
    "quarantine/users": ("quarantine", "team:data-platform", "Lines that failed rules", "quarantine.users"),
    "silver/events": ("silver", "team:data-platform", "User events", "silver.events"),
    "silver/transactions": ("silver", "team:data-platform", "Transactions", "silver.transactions"),
    "silver/users": ("silver", "team:data-platform", "The history of users (SCD2)", "silver.users"),
    "gold/user_session_analysis": ("gold", "team:analytics", "User sessions", "gold.user_session_analysis"),
}

TABLES = list(SHOWN)


@pytest.fixture(scope="module")
def defs(tmp_path_factory: pytest.TempPathFactory) -> Definitions:
    home = tmp_path_factory.mktemp("home")
    return build_defs(settings=Settings.model_validate({"home": home, "start_date": date(2024, 11, 1)}))


def _key(asset: str) -> AssetKey:
    return AssetKey(asset.split("/"))


def _spec(defs: Definitions, asset: str) -> AssetSpec:
    return {spec.key: spec for spec in defs.resolve_all_asset_specs()}[_key(asset)]


def _columns(defs: Definitions, asset: str) -> TableSchema:
    schema = _spec(defs, asset).metadata["dagster/column_schema"]
    assert isinstance(schema, TableSchema)
    return schema


def _writers(defs: Definitions) -> dict[str, AssetsDefinition]:
    return {asset: defs.resolve_asset_graph().get(_key(asset)).assets_def for asset in TABLES}


def test_assets_and_their_edges_are_exactly_these(defs: Definitions) -> None:
    graph = defs.resolve_asset_graph()
    edges = {
        key.to_user_string(): sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        for key in graph.get_all_asset_keys()
    }
    assert edges == GRAPH


@pytest.mark.parametrize("asset", TABLES)
def test_table_shows_what_it_is_before_its_first_run(defs: Definitions, asset: str) -> None:
    group, owner, description, name = SHOWN[asset]
    spec = _spec(defs, asset)
    assert spec.group_name == group
    assert list(spec.owners) == [owner]
    assert (spec.description or "").startswith(description)
    assert "Grain: one row per" in (spec.description or "")
    assert spec.kinds == {"iceberg", "pyspark"}
    assert spec.tags["layer"] == group
    assert spec.metadata["dagster/table_name"] == f"lake.{name}"
    assert spec.metadata["dagster/uri"] == f"iceberg://lake/{name}"
    assert spec.freshness_policy == FreshnessPolicy.time_window(fail_window=timedelta(hours=36))


@pytest.mark.parametrize("asset", TABLES)
def test_table_shows_every_column_with_its_type_and_a_description(defs: Definitions, asset: str) -> None:
    columns = _columns(defs, asset).columns
    assert {column.name: column.type for column in columns} == COLUMNS[asset]
    assert [column.name for column in columns] == list(COLUMNS[asset])
    assert [column.name for column in columns if not (column.description or "").strip()] == []


def test_columns_show_which_may_be_null_and_which_hold_personal_data(defs: Definitions) -> None:
    columns = _columns(defs, "gold/user_session_analysis").columns
    assert {column.name for column in columns if column.constraints.nullable} == {
        "signup_date",
        "device_type",
        "country",
        "transaction_id",
        "transaction_amount",
        "transaction_currency",
        "transaction_timestamp",
        "time_to_purchase_seconds",
    }
    tagged = {column.name: dict(column.tags) for column in columns if column.tags}
    assert tagged == {"user_id": {"pii": "pseudonym"}, "session_id": {"pii": "pseudonym"}}


@pytest.mark.parametrize(("asset", "file_format"), [("events", "json"), ("transactions", "csv"), ("users", "csv")])
def test_landing_folder_is_an_external_asset_that_lineage_starts_from(
    defs: Definitions, asset: str, file_format: str
) -> None:
    spec = _spec(defs, f"landing/{asset}")
    assert spec.group_name == "landing"
    assert spec.kinds == {file_format, "file"}
    assert list(spec.owners) == ["team:data-platform"]
    assert f"landing/{asset}/dt=YYYY-MM-DD/" in (spec.description or "")
    node = defs.resolve_asset_graph().get(_key(f"landing/{asset}"))
    assert node.is_external
    assert {key.to_user_string() for key in node.child_keys} == {f"bronze/{asset}"}


@pytest.mark.parametrize("asset", GRAPH)
def test_asset_has_a_partition_per_arrival_day_in_utc_today_included(defs: Definitions, asset: str) -> None:
    partitions = defs.resolve_asset_graph().get(_key(asset)).partitions_def
    assert partitions == DailyPartitionsDefinition(start_date="2024-11-01", timezone="UTC", end_offset=1)


@pytest.mark.parametrize(
    ("asset", "upstream"),
    [
        ("silver/events", ["bronze/events"]),
        ("silver/transactions", ["bronze/transactions"]),
        ("silver/users", ["bronze/users"]),
        ("quarantine/events", ["bronze/events"]),
        ("quarantine/transactions", ["bronze/transactions"]),
        ("quarantine/users", ["bronze/users"]),
        ("gold/user_session_analysis", ["silver/events", "silver/transactions", "silver/users"]),
    ],
)
def test_day_of_an_asset_is_made_from_that_day_and_the_two_before(
    defs: Definitions, asset: str, upstream: list[str]
) -> None:
    mappings = defs.resolve_asset_graph().get(_key(asset)).partition_mappings
    assert mappings == {_key(parent): TimeWindowPartitionMapping(start_offset=-2) for parent in upstream}


def test_a_table_has_one_writer_at_a_time_and_no_other_table_waits_for_it(defs: Definitions) -> None:
    pools = {asset: writer.op.pool for asset, writer in _writers(defs).items()}
    assert pools == {
        "bronze/events": "bronze_events",
        "bronze/transactions": "bronze_transactions",
        "bronze/users": "bronze_users",
        "quarantine/events": "silver_events",
        "quarantine/transactions": "silver_transactions",
        "quarantine/users": "silver_users",
        "silver/events": "silver_events",
        "silver/transactions": "silver_transactions",
        "silver/users": "silver_users",
        "gold/user_session_analysis": "gold_user_session_analysis",
    }


def test_quarantine_is_written_by_the_step_of_its_silver_table(defs: Definitions) -> None:
    steps = {asset: writer.op.name for asset, writer in _writers(defs).items()}
    assert steps == {
        "bronze/events": "bronze_events",
        "bronze/transactions": "bronze_transactions",
        "bronze/users": "bronze_users",
        "quarantine/events": "silver_events",
        "quarantine/transactions": "silver_transactions",
        "quarantine/users": "silver_users",
        "silver/events": "silver_events",
        "silver/transactions": "silver_transactions",
        "silver/users": "silver_users",
        "gold/user_session_analysis": "gold_user_session_analysis",
    }


@pytest.mark.parametrize("asset", TABLES)
def test_backfill_of_a_range_is_a_single_run(defs: Definitions, asset: str) -> None:
    assert _writers(defs)[asset].backfill_policy == BackfillPolicy.single_run()


def test_job_daily_makes_every_table_and_no_landing_folder(defs: Definitions) -> None:
    job = defs.resolve_job_def("daily")
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == set(TABLES)
    assert job.partitions_def == DailyPartitionsDefinition(start_date="2024-11-01", timezone="UTC", end_offset=1)


def test_schedule_and_sensor_run_the_job_without_being_switched_on(defs: Definitions) -> None:
    schedule = defs.resolve_schedule_def("daily_schedule")
    sensor = defs.resolve_sensor_def("landing_files")
    assert schedule.job_name == "daily"
    assert schedule.default_status == DefaultScheduleStatus.RUNNING
    assert [target.job_name for target in sensor.targets] == ["daily"]
    assert sensor.default_status == DefaultSensorStatus.RUNNING


def _python(home: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=home,
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "DAGSTER_HOME": str(home), "LAKEHOUSE_HOME": str(home)}
        | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_loading_the_definitions_gives_no_warning(tmp_path: Path) -> None:
    loaded = _python(
        tmp_path,
        "from dagster import Definitions; from lakehouse_assets.definitions import defs; "
        "Definitions.validate_loadable(defs)",
    )
    assert (loaded.returncode, loaded.stdout, loaded.stderr) == (0, "", "")


def test_environment_is_read_when_definitions_are_asked_for_and_not_when_the_module_is_imported(tmp_path: Path) -> None:
    loaded = _python(
        tmp_path,
        "import lakehouse_assets.definitions as module; print('imported'); module.defs",
        LAKEHOUSE_HORIZON_DAYS="-1",
    )
    assert loaded.stdout == "imported\n"
    assert loaded.returncode == 1
    assert "SettingsError: Wrong settings: LAKEHOUSE_HORIZON_DAYS" in loaded.stderr
