"""Sources in Dagster: lineage that starts there, a job and a schedule for each, and what a pull shows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRunStatus,
    DefaultScheduleStatus,
    Definitions,
    build_schedule_context,
)
from dagster._core.definitions.schedule_definition import ScheduleExecutionData

from lakehouse_assets.alerts.model import Key, Kind
from lakehouse_assets.alerts.observing import observe_run
from lakehouse_assets.definitions import build_defs
from lakehouse_assets.errors import SourceUnreachableError
from lakehouse_assets.ingestion.report import PullReport
from lakehouse_assets.settings import Settings
from lakehouse_assets.sources import kinesis, postgres, sftp
from lakehouse_assets.sources.model import SourceEntry
from lakehouse_assets.sources.registry import configured_sources
from lakehouse_assets_tests.ingestion.destinations import files_below
from lakehouse_assets_tests.ingestion.fake_source import WARNING, FakeSource, fake_entry

ALL = {"sftp_host": "sftp.example.org", "postgres_host": "db", "kinesis_stream": "clicks"}
FILES = [("one.csv", "transaction_id\nT1\n"), ("two.csv", "transaction_id\nT2\nT3\n")]
DOWN = SourceUnreachableError("sftp.example.org does not answer. Nothing was pulled.", source="transactions")


def definitions(home: Path, entries: Sequence[SourceEntry], **values: object) -> Definitions:
    settings = Settings.model_validate({"home": home, "start_date": date(2024, 11, 1)} | values)
    return build_defs(settings=settings, sources=configured_sources(settings, entries))


@pytest.fixture
def all_three(tmp_path: Path) -> Definitions:
    return definitions(tmp_path, [fake_entry(spec) for spec in (sftp.SPEC, postgres.SPEC, kinesis.SPEC)], **ALL)


def test_lineage_of_each_landing_folder_starts_at_its_source(all_three: Definitions) -> None:
    graph = all_three.resolve_asset_graph()
    edges = {
        key.to_user_string(): [parent.to_user_string() for parent in graph.get(key).parent_keys]
        for key in graph.get_all_asset_keys()
        if key.path[0] in ("sources", "ingestion", "landing")
    }
    assert edges == {
        "sources/sftp_transactions": [],
        "sources/postgres_users": [],
        "sources/kinesis_events": [],
        "ingestion/transactions": ["sources/sftp_transactions"],
        "ingestion/users": ["sources/postgres_users"],
        "ingestion/events": ["sources/kinesis_events"],
        "landing/transactions": ["ingestion/transactions"],
        "landing/users": ["ingestion/users"],
        "landing/events": ["ingestion/events"],
    }


def test_sources_show_what_they_are_before_the_first_pull(all_three: Definitions) -> None:
    specs = {spec.key.to_user_string(): spec for spec in all_three.resolve_all_asset_specs()}
    outside, inside = specs["sources/sftp_transactions"], specs["ingestion/transactions"]
    assert (outside.group_name, inside.group_name) == ("sources", "ingestion")
    assert (outside.kinds, inside.kinds) == ({"sftp", "csv"}, {"python", "file"})
    assert (outside.description or "").startswith("CSV files of transactions in a folder of an SFTP server")
    assert "each record once" in (inside.description or "")
    assert [list(spec.owners) for spec in (outside, inside)] == [["team:data-platform"]] * 2


def test_pull_is_one_step_without_partitions_and_one_at_a_time(all_three: Definitions) -> None:
    graph = all_three.resolve_asset_graph()
    nodes = {name: graph.get(AssetKey(["ingestion", name])) for name in ("transactions", "users", "events")}
    assert {name: node.assets_def.op.pool for name, node in nodes.items()} == {
        "transactions": "ingestion_transactions",
        "users": "ingestion_users",
        "events": "ingestion_events",
    }
    assert {node.partitions_def for node in nodes.values()} == {None}
    assert graph.get(AssetKey(["sources", "kinesis_events"])).is_external


def test_each_source_has_a_job_of_its_pull_and_a_schedule_that_runs_without_being_switched_on(
    all_three: Definitions,
) -> None:
    found = [all_three.resolve_schedule_def(f"ingest_{name}_schedule") for name in ("transactions", "users", "events")]
    schedules = {
        each.name: (each.job_name, each.cron_schedule, each.default_status, each.execution_timezone) for each in found
    }
    running = DefaultScheduleStatus.RUNNING
    assert schedules == {
        "ingest_transactions_schedule": ("ingest_transactions", "10 * * * *", running, "UTC"),
        "ingest_users_schedule": ("ingest_users", "50 23 * * *", running, "UTC"),
        "ingest_events_schedule": ("ingest_events", "*/5 * * * *", running, "UTC"),
    }
    made = {
        name: all_three.resolve_job_def(f"ingest_{name}").asset_layer.executable_asset_keys
        for name in ("transactions", "users", "events")
    }
    assert made == {name: {AssetKey(["ingestion", name])} for name in made}


def test_source_that_is_not_configured_shows_nowhere(tmp_path: Path) -> None:
    entries = [fake_entry(spec) for spec in (sftp.SPEC, postgres.SPEC, kinesis.SPEC)]
    some = definitions(tmp_path, entries, sftp_host="sftp.example.org")
    keys = {key.to_user_string() for key in some.resolve_asset_graph().get_all_asset_keys()}
    shown = {key for key in keys if key.startswith(("sources/", "ingestion/"))}
    assert shown == {"sources/sftp_transactions", "ingestion/transactions"}
    assert {job.name for job in some.resolve_all_job_defs() if job.name.startswith("ingest_")} == {
        "ingest_transactions"
    }


def test_job_daily_pulls_nothing(all_three: Definitions) -> None:
    keys = {key.path[0] for key in all_three.resolve_job_def("daily").asset_layer.executable_asset_keys}
    assert keys == {"bronze", "silver", "quarantine", "gold"}


def test_pull_lands_files_and_shows_the_numbers_of_its_report(tmp_path: Path) -> None:
    defs = definitions(tmp_path, [fake_entry(sftp.SPEC, FILES)], sftp_host="sftp.example.org")
    with DagsterInstance.ephemeral() as instance:
        ran = defs.resolve_job_def("ingest_transactions").execute_in_process(instance=instance)
        (materialization,) = ran.asset_materializations_for_node("ingestion__transactions")
        logged = [record.user_message for record in instance.all_logs(ran.run_id)]
    today = datetime.now(UTC).date()
    shown = {name: value.value for name, value in materialization.metadata.items()}
    assert shown.pop("seconds") == 0
    assert shown == {
        "files": 2,
        "rows": 3,
        "bytes": 39,
        "skipped": 0,
        "rejected": 0,
        "lag_seconds": 0.0,
        "days": [today.isoformat()],
        "landed": [f"transactions/dt={today}/one.csv", f"transactions/dt={today}/two.csv"],
        "warnings": [WARNING],
    }
    assert set(files_below(tmp_path / "landing")) == set(shown["landed"])  # type: ignore[arg-type]
    assert WARNING in logged
    assert "transactions: 2 files, 3 rows, 39 bytes, 0 skipped, 0 rejected, 0.0 seconds, 0.0 lag_seconds" in logged


@pytest.mark.parametrize("refused", [0, 2])
def test_refused_files_warn_and_are_an_incident_of_the_pull(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    monkeypatch.setattr(
        FakeSource, "pull", lambda *_: PullReport("transactions", skipped=1, rejected=refused), raising=True
    )
    defs = definitions(tmp_path, [fake_entry(sftp.SPEC)], sftp_host="sftp.example.org")
    with DagsterInstance.ephemeral() as instance:
        ran = defs.resolve_job_def("ingest_transactions").execute_in_process(instance=instance)
        (found,) = (seen for seen in observe_run(instance, ran.run_id) if seen.key.kind is Kind.THRESHOLD)
    assert found.key == Key(Kind.THRESHOLD, "ingestion.transactions", "", "files_accepted")
    assert found.failing is bool(refused)
    assert (found.facts.failed_rows, found.facts.total_rows, found.facts.severity) == (refused, 1 + refused, "WARN")


def test_pull_that_cannot_reach_its_source_fails_with_the_text_and_is_not_retried(tmp_path: Path) -> None:
    defs = definitions(tmp_path, [fake_entry(sftp.SPEC, error=DOWN)], sftp_host="sftp.example.org")
    with DagsterInstance.ephemeral() as instance:
        ran = defs.resolve_job_def("ingest_transactions").execute_in_process(instance=instance, raise_on_error=False)
    (failed,) = (event for event in ran.all_events if event.is_step_failure)
    failure = failed.step_failure_data.user_failure_data
    assert failure is not None
    assert failure.description == str(DOWN)
    assert [event for event in ran.all_events if event.is_step_up_for_retry] == []


def test_pull_that_fails_is_an_incident_until_one_succeeds(tmp_path: Path) -> None:
    failing = definitions(tmp_path, [fake_entry(sftp.SPEC, error=DOWN)], sftp_host="sftp.example.org")
    mended = definitions(tmp_path, [fake_entry(sftp.SPEC, FILES)], sftp_host="sftp.example.org")
    of_the_step = Key(Kind.RUN_FAILED, "ingestion.transactions", "")
    of_the_run = Key(Kind.RUN_FAILED, "ingest_transactions", "")
    with DagsterInstance.ephemeral() as instance:
        found = []
        for defs in (failing, mended):
            job = defs.resolve_job_def("ingest_transactions")
            ran = job.execute_in_process(instance=instance, raise_on_error=False)
            found.append({seen.key: (seen.failing, seen.facts.note) for seen in observe_run(instance, ran.run_id)})
    assert found[0] == {of_the_step: (True, str(DOWN)), of_the_run: (False, "")}
    assert found[1][of_the_step] == (False, "")
    assert found[1][of_the_run] == (False, "")


def tick(defs: Definitions, instance: DagsterInstance) -> ScheduleExecutionData:
    context = build_schedule_context(
        instance,
        scheduled_execution_time=datetime(2024, 11, 15, 14, 10, tzinfo=UTC),
        repository_def=defs.get_repository_def(),
    )
    return defs.resolve_schedule_def("ingest_transactions_schedule").evaluate_tick(context)


def test_tick_asks_for_a_pull_unless_one_is_at_work(tmp_path: Path) -> None:
    defs = definitions(tmp_path, [fake_entry(sftp.SPEC)], sftp_host="sftp.example.org")
    job = defs.resolve_job_def("ingest_transactions")
    (tmp_path / "dagster").mkdir()
    with DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        assert len(tick(defs, instance).run_requests or []) == 1
        instance.create_run_for_job(job, status=DagsterRunStatus.STARTED)
        assert len(tick(defs, instance).run_requests or []) == 1, "a run by hand, which may have been killed"
        of_schedule = {"dagster/schedule_name": "ingest_transactions_schedule"}
        run = instance.create_run_for_job(job, status=DagsterRunStatus.STARTED, tags=of_schedule)
        left = tick(defs, instance)
        assert left.run_requests == []
        assert left.skip_message == f"Run {run.run_id[:8]} of ingest_transactions has not ended yet."
        instance.report_run_failed(run)
        assert len(tick(defs, instance).run_requests or []) == 1


def test_definitions_with_sources_load_without_a_warning(tmp_path: Path) -> None:
    code = f"""
from dagster import Definitions
from lakehouse_assets_tests.orchestration.test_ingestion import ALL, definitions, fake_entry, kinesis, postgres, sftp
from pathlib import Path
specs = (sftp.SPEC, postgres.SPEC, kinesis.SPEC)
Definitions.validate_loadable(definitions(Path({str(tmp_path)!r}), [fake_entry(spec) for spec in specs], **ALL))
"""
    loaded = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert (loaded.returncode, loaded.stdout, loaded.stderr) == (0, "", "")
