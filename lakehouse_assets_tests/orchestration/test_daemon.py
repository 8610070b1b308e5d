"""Dagster's own services as a user starts them: daemon, code location, command line and web server, over real files.

The folder is laid out like a checkout, so that the commands of README.md run in it as they are written there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DailyPartitionsDefinition,
    RunsFilter,
)
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from lakehouse_assets.storage.lake import open_catalog
from lakehouse_assets_tests.processes import answers, free_port, process_group

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 180
POLL_SECONDS = 0.25

TABLES = [
    "bronze/events",
    "bronze/transactions",
    "bronze/users",
    "gold/user_session_analysis",
    "quarantine/events",
    "quarantine/transactions",
    "quarantine/users",
    "silver/events",
    "silver/transactions",
    "silver/users",
]
EVENT = (
    '{"event_id":"E1","session_id":"S1","user_id":"U1","event_type":"click","event_timestamp":"2024-11-15T14:30:00"}\n'
)
SIX_DAYS = ["2024-11-15", "2024-11-16", "2024-11-17", "2024-11-18", "2024-11-19", "2024-11-20"]
RUNS_OF_THE_SENSOR = RunsFilter(tags={"dagster/sensor_name": "landing_files"})


@dataclass(frozen=True)
class Service:
    """A running daemon over its own landing folder, tables and Dagster records."""

    folder: Path
    instance: DagsterInstance
    environment: dict[str, str]

    def wait_until(self, reached: Callable[[], bool], what: str) -> None:
        """Wait for a condition; past the deadline fail with the runs and the end of the log."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not reached():
            assert time.monotonic() < deadline, f"not reached: {what}\n{self.report()}"
            time.sleep(POLL_SECONDS)

    def report(self) -> str:
        runs = [f"{run.run_id} {run.status.value} {run.tags}" for run in self.instance.get_runs()]
        log = (self.folder / "daemon.log").read_text()[-4000:]
        return "\n".join([*runs, log])

    def runs(self, filters: RunsFilter) -> list[DagsterRun]:
        return list(self.instance.get_runs(filters))

    def wait_for_success(self, filters: RunsFilter, count: int) -> list[DagsterRun]:
        self.wait_until(
            lambda: len([run for run in self.runs(filters) if run.is_finished]) >= count, f"{count} runs of {filters}"
        )
        runs = self.runs(filters)
        assert [run.status for run in runs] == [DagsterRunStatus.SUCCESS] * count, self.report()
        return runs


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("checkout")
    (folder / ".venv").symlink_to(sys.prefix)
    shutil.copyfile(ROOT / "workspace.yaml", folder / "workspace.yaml")
    home = folder / "dagster_home"
    home.mkdir()
    shutil.copyfile(ROOT / "dagster_home" / "dagster.yaml", home / "dagster.yaml")
    landing = folder / "data" / "landing" / "events" / "dt=2024-11-15"
    landing.mkdir(parents=True)
    (landing / "events.jsonl").write_text(EVENT)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LAKEHOUSE_", "DAGSTER_"))}
    environment = kept | {
        "LAKEHOUSE_HOME": str(folder / "data"),
        "DAGSTER_HOME": str(home),
        "PYTHONPATH": str(ROOT),
    }
    daemon = [".venv/bin/dagster-daemon", "run", "-w", "workspace.yaml"]
    with (
        DagsterInstance.from_config(str(home)) as instance,
        process_group(daemon, folder, environment, folder / "daemon.log"),
    ):
        yield Service(folder, instance, environment)


@pytest.fixture(scope="module")
def backfilled(service: Service) -> subprocess.CompletedProcess[str]:
    """README's lines for cron, run as they are written."""
    (block,) = [
        text
        for text in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
        if "dagster job backfill" in text
    ]
    assert "dagster job launch" in block
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=service.folder,
        env={name: value for name, value in service.environment.items() if name != "DAGSTER_HOME"},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )


def test_cron_lines_of_the_readme_run_every_day_of_their_range(
    service: Service, backfilled: subprocess.CompletedProcess[str]
) -> None:
    assert backfilled.returncode == 0, backfilled.stdout + backfilled.stderr
    (backfill,) = service.instance.get_backfills()
    runs = service.wait_for_success(RunsFilter(tags={"dagster/backfill": backfill.backfill_id}), 6)
    assert sorted(run.tags["dagster/partition"] for run in runs) == SIX_DAYS
    assert {run.job_name for run in runs} == {"daily"}


@pytest.mark.parametrize("table", TABLES)
def test_each_day_of_the_range_shows_as_materialized(
    service: Service, backfilled: subprocess.CompletedProcess[str], table: str
) -> None:
    partitions = DailyPartitionsDefinition("2024-11-15", end_date="2024-11-30", timezone="UTC")
    (backfill,) = service.instance.get_backfills()
    service.wait_for_success(RunsFilter(tags={"dagster/backfill": backfill.backfill_id}), 6)
    status = get_and_update_asset_status_cache_value(service.instance, AssetKey(table.split("/")), partitions)
    assert status is not None
    assert sorted(status.deserialize_materialized_partition_subsets(partitions).get_partition_keys()) == SIX_DAYS
    assert list(status.deserialize_failed_partition_subsets(partitions).get_partition_keys()) == []


def test_launch_line_of_the_readme_runs_its_one_day(
    service: Service, backfilled: subprocess.CompletedProcess[str]
) -> None:
    assert backfilled.returncode == 0, backfilled.stdout + backfilled.stderr
    of_others = {"dagster/sensor_name", "dagster/schedule_name", "dagster/backfill"}
    (launched,) = [run for run in service.instance.get_runs() if not of_others & set(run.tags)]
    assert launched.tags["dagster/partition"] == "2024-11-15"
    service.wait_for_success(RunsFilter(run_ids=[launched.run_id]), 1)


def test_file_in_landing_is_a_row_of_gold_without_any_command(service: Service) -> None:
    (run,) = service.wait_for_success(RUNS_OF_THE_SENSOR, 1)
    assert run.tags["dagster/partition"] == "2024-11-15"
    rows = open_catalog(service.folder / "data").load_table("gold.user_session_analysis").scan().to_arrow().to_pylist()
    shown = ("user_id", "session_id", "total_events", "event_types", "session_start_time", "has_transaction")
    assert [{name: row[name] for name in shown} for row in rows] == [
        {
            "user_id": "U1",
            "session_id": "S1",
            "total_events": 1,
            "event_types": ["click"],
            "session_start_time": datetime.fromisoformat("2024-11-15T14:30:00+00:00"),
            "has_transaction": False,
        }
    ]


@pytest.fixture
def graphql(service: Service) -> Iterator[Callable[[str], dict[str, Any]]]:
    port = free_port()
    server = [".venv/bin/dagster-webserver", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]

    def ask(query: str) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/graphql",
            json.dumps({"query": query}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return dict(json.load(answer)["data"])

    with process_group(server, service.folder, service.environment, service.folder / "webserver.log"):
        service.wait_until(lambda: answers(f"http://127.0.0.1:{port}/server_info"), "an answer of the web server")
        yield ask


def test_web_server_shows_the_assets_with_the_numbers_of_their_last_run(
    service: Service, graphql: Callable[[str], dict[str, Any]]
) -> None:
    service.wait_for_success(RUNS_OF_THE_SENSOR, 1)
    answer = graphql(
        """
        { assetNodes { assetKey { path } assetMaterializations(partitions: ["2024-11-15"], limit: 1) {
            partition metadataEntries { label ... on IntMetadataEntry { intValue } } } } }
        """
    )
    nodes = {"/".join(node["assetKey"]["path"]): node["assetMaterializations"] for node in answer["assetNodes"]}
    assert sorted(nodes) == sorted([*TABLES, "landing/events", "landing/transactions", "landing/users"])
    (materialization,) = nodes["silver/events"]
    numbers = {entry["label"]: entry.get("intValue") for entry in materialization["metadataEntries"]}
    assert materialization["partition"] == "2024-11-15"
    assert {name: numbers[name] for name in ("lines", "accepted", "quarantined", "late")} == {
        "lines": 1,
        "accepted": 1,
        "quarantined": 0,
        "late": 0,
    }


def test_services_leave_no_failed_run_and_no_error_in_their_log(
    service: Service, backfilled: subprocess.CompletedProcess[str]
) -> None:
    service.wait_until(lambda: all(run.is_finished for run in service.instance.get_runs()), "the end of all runs")
    assert {run.status for run in service.instance.get_runs()} == {DagsterRunStatus.SUCCESS}
    log = (service.folder / "daemon.log").read_text()
    assert [line for line in log.splitlines() if "ERROR" in line or "Traceback" in line] == []
