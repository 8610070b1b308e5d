"""The command `lakehouse` as a user runs it: whole processes, exit codes, messages, tables and Dagster's record."""

from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

import pytest
from dagster import AssetCheckKey, AssetKey, AssetRecordsFilter, DagsterInstance, DailyPartitionsDefinition
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from lakehouse_assets.contracts.tables import GOLD
from lakehouse_assets.engine.session import Engine
from lakehouse_assets.quality.catalogue import checks_of
from lakehouse_assets.storage.lake import Lake, open_catalog
from lakehouse_assets_tests.comparing import oracle_as_rows, tables_as_rows
from lakehouse_assets_tests.processes import run_python
from lakehouse_assets_tests.reference import recompute

GOOD_EVENT = (
    '{"event_id":"E%d","session_id":"S1","user_id":"U1","event_type":"click","event_timestamp":"2024-11-15T14:30:00"}\n'
)


def lakehouse(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_python("from lakehouse_assets.cli import main; main()", home, *arguments, **environment)


def _lake(home: Path, engine: Engine) -> Lake:
    return Lake(open_catalog(home), engine, home / "scratch")


def _deliver(home: Path, day: str, text: str) -> None:
    folder = home / "landing" / "events" / f"dt={day}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "events.jsonl").write_text(text)


def _reported(home: Path, key: list[str], partition: str) -> dict[str, object]:
    """Metadata of the newest materialization of a partition, as Dagster recorded it."""
    with DagsterInstance.from_config(str(home / "dagster")) as instance:
        records = instance.fetch_materializations(
            AssetRecordsFilter(asset_key=AssetKey(key), asset_partitions=[partition]), limit=1
        ).records
    materialization = records[0].asset_materialization
    assert materialization is not None
    return {name: value.value for name, value in materialization.metadata.items()}


def test_generated_data_of_a_new_seed_equals_the_independent_recompute(tmp_path: Path, engine: Engine) -> None:
    generated = lakehouse(tmp_path, "generate", "--seed", "4711", "--start", "2024-11-01")
    assert generated.returncode == 0, generated.stderr
    ran = lakehouse(tmp_path, "run", "--from", "2024-11-01", "--to", "2024-11-14")
    assert ran.returncode == 0, ran.stderr

    assert tables_as_rows(_lake(tmp_path, engine)) == oracle_as_rows(tmp_path / "landing")

    oracle = recompute(tmp_path / "landing")
    assert oracle.held == set()
    numbers = oracle.counts["events", date(2024, 11, 5)]
    reported = _reported(tmp_path, ["silver", "events"], "2024-11-05")
    assert {name: reported[name] for name in ("lines", "accepted", "quarantined", "late")} == {
        "lines": numbers.lines,
        "accepted": numbers.accepted,
        "quarantined": numbers.quarantined,
        "late": numbers.late,
    }
    assert "gold.user_session_analysis" in ran.stdout
    status = lakehouse(tmp_path, "status")
    assert status.returncode == 0
    assert "2024-11-01...2024-11-14" in status.stdout


def test_held_day_fails_the_run_shows_red_and_lets_the_other_days_on(tmp_path: Path, engine: Engine) -> None:
    _deliver(tmp_path, "2024-11-14", GOOD_EVENT % 1)
    _deliver(tmp_path, "2024-11-15", "{broken\n" * 20 + "".join(GOOD_EVENT % key for key in range(2, 12)))
    _deliver(tmp_path, "2024-11-16", GOOD_EVENT % 20)

    ran = lakehouse(tmp_path, "run", "--from", "2024-11-14", "--to", "2024-11-16")

    assert ran.returncode == 1
    assert "events 2024-11-15 is held: 20 of 30 lines (66.7 %)" in ran.stderr
    assert "corrupt_json (20)" in ran.stderr
    tables = tables_as_rows(_lake(tmp_path, engine))
    assert tables == oracle_as_rows(tmp_path / "landing")
    assert {row["arrival_date"] for row in tables["silver.events"]} == {date(2024, 11, 14), date(2024, 11, 16)}
    partitions = DailyPartitionsDefinition("2024-11-14", end_date="2024-11-17")
    (tmp_path / "dagster").mkdir(exist_ok=True)
    with DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
        status = get_and_update_asset_status_cache_value(instance, AssetKey(["silver", "events"]), partitions)
        assert status is not None
        materialized = status.deserialize_materialized_partition_subsets(partitions).get_partition_keys()
        failed = status.deserialize_failed_partition_subsets(partitions).get_partition_keys()
        gold_checks = instance.event_log_storage.get_asset_check_partition_info(
            [AssetCheckKey(AssetKey(GOLD.asset_path), check.name) for check in checks_of(GOLD)]
        )
    assert set(materialized) == {"2024-11-14", "2024-11-16"}
    assert set(failed) == {"2024-11-15"}
    assert {info.latest_execution_status.value for info in gold_checks} == {"SUCCEEDED"}


def test_corrected_file_heals_the_held_day(tmp_path: Path, engine: Engine) -> None:
    _deliver(tmp_path, "2024-11-15", "{broken\n" * 20)
    assert lakehouse(tmp_path, "run", "--from", "2024-11-15", "--to", "2024-11-15").returncode == 1
    _deliver(tmp_path, "2024-11-15", GOOD_EVENT % 1)
    assert lakehouse(tmp_path, "run", "--from", "2024-11-15", "--to", "2024-11-15").returncode == 0
    assert tables_as_rows(_lake(tmp_path, engine)) == oracle_as_rows(tmp_path / "landing")


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (("run", "--from", "2024-11-16", "--to", "2024-11-15"), {}, "--from 2024-11-16 is after --to 2024-11-15"),
        (("run", "--from", "tomorrow", "--to", "2024-11-15"), {}, "tomorrow"),
        (("run", "--from", "2024-11-15", "--to", "2999-01-01"), {}, "is after today"),
        (("status",), {"LAKEHOUSE_HORIZON_DAYS": "-1"}, "LAKEHOUSE_HORIZON_DAYS"),
    ],
)
def test_wrong_input_gives_a_message_and_exit_code_2(
    tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], message: str
) -> None:
    ran = lakehouse(tmp_path, *arguments, **environment)
    assert ran.returncode == 2
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "lakehouse").exists()


def test_damaged_gzip_file_fails_the_run_with_its_name_and_no_traceback(tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "events" / "dt=2024-11-15"
    folder.mkdir(parents=True)
    (folder / "cut.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00half")
    ran = lakehouse(tmp_path, "run", "--from", "2024-11-15", "--to", "2024-11-15")
    assert ran.returncode == 1
    assert "events/dt=2024-11-15/cut.jsonl.gz cannot be read to its end" in ran.stderr
    assert "Traceback" not in ran.stderr
