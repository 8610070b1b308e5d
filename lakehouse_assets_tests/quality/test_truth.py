"""The generator's truth against the numbers that Dagster shows: every planted defect in the check of its rule and day.

The truth was written before a line landed, by code that knows nothing of the platform. Nothing lands twice here, so
that lines and rows are the same; what repetitions do is in pipeline/test_truth_counts.py.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, DagsterInstance

from generator import GeneratorConfig, generate
from lakehouse_assets.contracts.sources import SOURCES
from lakehouse_assets.contracts.tables import SILVER
from lakehouse_assets.definitions import build_defs
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.generator.reading import truth_records
from lakehouse_assets_tests.pipeline.test_truth_counts import QUARANTINED_KINDS

FIRST_DAY = date(2024, 11, 4)
SCHEMA_CHANGE_DAY = date(2024, 11, 6)
OFTEN: dict[str, Any] = dict.fromkeys(QUARANTINED_KINDS, 0.03)
CONFIG = GeneratorConfig.load(
    start=FIRST_DAY,
    days=4,
    seed=29,
    num_users=200,
    num_sessions=300,
    num_events=1500,
    num_transactions=300,
    duplicate_rate=0.0,
    near_duplicate=0.0,
    orphan_user=0.1,
    late_user=0.0,
    user_changes_per_day=0.1,
    schema_change_day=(SCHEMA_CHANGE_DAY - FIRST_DAY).days,
    **OFTEN,
)
DAYS = [day.isoformat() for day in CONFIG.all_days]
by_source = pytest.mark.parametrize("source", sorted(SOURCES))


@dataclass(frozen=True)
class Shown:
    """The truth, and what the checks show: (failed rows, rows looked at, sample) by source, check and day."""

    truth: list[dict[str, Any]]
    checks: dict[tuple[str, str, str], tuple[int, int, list[dict[str, Any]]]]

    def failed(self, source: str, check: str) -> dict[str, int]:
        return {day: self.checks[source, check, day][0] for day in DAYS}

    def planted(self, source: str, kind: str) -> list[dict[str, Any]]:
        return [record for record in self.truth if record["source"] == source and record["kind"] == kind]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    home: Path = tmp_path_factory.mktemp("truth")
    generate(CONFIG, home)
    settings = Settings(home=home, start_date=FIRST_DAY, quarantine_min_rows=10**9)
    days = {"dagster/asset_partition_range_start": DAYS[0], "dagster/asset_partition_range_end": DAYS[-1]}
    job = build_defs(settings=settings).resolve_job_def("daily")
    with DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, tags=days)
    sources = {AssetKey(contract.asset_path): name for name, contract in SILVER.items()}
    checks = {}
    for evaluation in result.get_asset_check_evaluations():
        numbers = {name: value.value for name, value in evaluation.metadata.items()}
        sample = evaluation.metadata["sample"].records if "sample" in numbers else []
        if evaluation.asset_key in sources:
            checks[sources[evaluation.asset_key], evaluation.check_name, str(evaluation.partition)] = (
                numbers["failed_rows"],
                numbers["total_rows"],
                [dict(record.data) for record in sample],
            )
    return Shown(truth_records(home), checks)


@by_source
def test_each_rule_shows_on_each_day_the_lines_planted_to_fail_it_of_all_that_landed(shown: Shown, source: str) -> None:
    planted = Counter(
        (rule, record["arrival_date"])
        for record in shown.truth
        if record["source"] == source
        for rule in record["failed_rules"]
    )
    lines = {record["arrival_date"]: record["lines"] for record in shown.planted(source, "day_total")}
    assert sum(planted.values()) > 10
    found = {(rule, day): shown.checks[source, rule, day][:2] for rule in SOURCES[source].rule_names for day in DAYS}
    assert found == {at: (planted[at], lines[at[1]]) for at in found}


@by_source
def test_the_gate_shows_the_lines_quarantined(shown: Shown, source: str) -> None:
    told = {record["arrival_date"]: record["quarantined"] for record in shown.planted(source, "day_total")}
    assert shown.failed(source, "gate") == told


@by_source
def test_no_line_and_no_key_is_lost(shown: Shown, source: str) -> None:
    assert shown.failed(source, "lines_add_up") == dict.fromkeys(DAYS, 0)
    assert shown.failed(source, "no_key_is_lost") == dict.fromkeys(DAYS, 0)


@pytest.mark.parametrize("source", ["events", "transactions"])
def test_rows_of_unknown_users_are_the_planted_orphans(shown: Shown, source: str) -> None:
    broken = {(record["source_file"], record["line_number"]) for record in shown.truth if record["failed_rules"]}
    orphans = Counter(
        record["arrival_date"]
        for record in shown.planted(source, "orphan_user")
        if (record["source_file"], record["line_number"]) not in broken
    )
    assert sum(orphans.values()) > 10
    assert shown.failed(source, "known_user") == {day: orphans[day] for day in DAYS}


def test_the_new_column_shows_from_the_day_on_that_brings_it(shown: Shown) -> None:
    days = {day for day in DAYS if shown.checks["events", "landed_columns", day][0]}
    assert days == {day for day in DAYS if day >= SCHEMA_CHANGE_DAY.isoformat()}
