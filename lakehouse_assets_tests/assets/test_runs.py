"""Runs of the job `daily`: one day, nothing landed, a held day among others, and writers that come in between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from dagster._core.events import DagsterEvent

from lakehouse_assets.contracts.tables import TABLES
from lakehouse_assets.engine.session import Engine
from lakehouse_assets.storage.lake import Lake, open_catalog
from lakehouse_assets_tests.assets.daily_runs import head, open_table, run_key, run_range, snapshots
from lakehouse_assets_tests.assets.deliveries import deliver, event
from lakehouse_assets_tests.comparing import oracle_as_rows, tables_as_rows

THURSDAY, FRIDAY, SATURDAY = "2024-11-14", "2024-11-15", "2024-11-16"
DAYS = (THURSDAY, FRIDAY, SATURDAY)


def _equals_oracle(home: Path, engine: Engine) -> bool:
    return tables_as_rows(Lake(open_catalog(home), engine, home / "scratch")) == oracle_as_rows(home / "landing")


def test_run_of_one_key_takes_in_that_day_only(tmp_path: Path) -> None:
    deliver(tmp_path, "events", THURSDAY, event("E1", "S1", "U1", "2024-11-14T10:00:00"))
    deliver(tmp_path, "events", FRIDAY, event("E2", "S1", "U1", "2024-11-15T10:00:00"))

    ran = run_key(tmp_path, FRIDAY)

    assert ran.succeeded
    assert sorted(ran.materialized) == sorted((name, FRIDAY) for name in TABLES)
    assert ran.landed == [("landing.events", FRIDAY)]
    assert ran.metadata("landing.events", FRIDAY)["files"] == 1
    assert ran.metadata("silver.events", FRIDAY)["dagster/row_count"] == 1
    summary = open_table(tmp_path, "silver.events").current_snapshot()
    assert summary is not None
    assert summary.summary is not None
    assert summary.summary.additional_properties["dagster.run-id"] == ran.run_id
    assert summary.summary.additional_properties["dagster.partition"] == FRIDAY


def test_day_on_which_nothing_landed_is_materialized_with_no_rows(tmp_path: Path) -> None:
    ran = run_key(tmp_path, FRIDAY)
    assert ran.succeeded
    assert sorted(ran.materialized) == sorted((name, FRIDAY) for name in TABLES)
    counts = {
        (ran.metadata(name, FRIDAY)["dagster/partition_row_count"], ran.metadata(name, FRIDAY)["dagster/row_count"])
        for name in TABLES
    }
    assert counts == {(0, 0)}


def test_held_day_of_a_range_fails_its_step_and_lets_everything_else_through(tmp_path: Path, engine: Engine) -> None:
    deliver(tmp_path, "events", THURSDAY, event("E1", "S1", "U1", "2024-11-14T10:00:00"))
    good = [event(f"F{number}", "S2", "U1", "2024-11-15T10:00:00") for number in range(10)]
    deliver(tmp_path, "events", FRIDAY, *["{broken"] * 20, *good)
    deliver(tmp_path, "events", SATURDAY, event("G1", "S1", "U1", "2024-11-16T10:00:00"))

    ran = run_range(tmp_path, THURSDAY, SATURDAY)

    assert set(ran.failures) == {"silver_events"}
    assert "events 2024-11-15 is held: 20 of 30 lines (66.7 %) are quarantined" in ran.failures["silver_events"]
    assert sorted(ran.materialized) == sorted(
        (name, day) for name in TABLES for day in DAYS if (name, day) != ("silver.events", FRIDAY)
    )
    others = [ran.metadata("silver.events", day) for day in (THURSDAY, SATURDAY)]
    assert [metadata["dagster/partition_row_count"] for metadata in others] == [1, 1]
    first_and_last = ("dagster/partition_row_count", "preview")
    assert [(next(iter(metadata)), list(metadata)[-1]) for metadata in others] == [first_and_last] * 2
    held = ran.metadata("quarantine.events", FRIDAY)
    assert (held["dagster/partition_row_count"], held["lines"], held["quarantined/corrupt_json"]) == (20, 30, 20)
    assert ran.metadata("gold.user_session_analysis", SATURDAY)["dagster/row_count"] == 1
    assert _equals_oracle(tmp_path, engine)


def _commit_before_publication(home: Path, step: str, output: str, table: str) -> Callable[[DagsterEvent], None]:
    """Another writer of a table, who commits when the step has handed over the output and it is not yet published."""

    def between(found: DagsterEvent) -> None:
        if found.is_successful_output and found.step_key == step and found.step_output_data.output_name == output:
            with open_table(home, table).transaction() as transaction:
                transaction.update_snapshot({"writer": "somebody else"}).fast_append().commit()

    return between


# Table, its step and output; what must not be built on it.
_CONFLICTS = {
    "bronze.events": ("bronze_events", "bronze", {"quarantine.events", "silver.events", "gold.user_session_analysis"}),
    "quarantine.events": ("silver_events", "quarantine", {"silver.events", "gold.user_session_analysis"}),
    "silver.events": ("silver_events", "silver", {"gold.user_session_analysis"}),
}


@pytest.mark.parametrize("table", _CONFLICTS)
def test_publication_that_another_writer_overtook_fails_and_nothing_is_built_on_it(table: str, tmp_path: Path) -> None:
    step, output, downstream = _CONFLICTS[table]
    deliver(tmp_path, "events", FRIDAY, event("E1", "S1", "U1", "2024-11-15T10:00:00"), "{broken")
    assert run_key(tmp_path, FRIDAY).succeeded
    deliver(tmp_path, "events", FRIDAY, event("E1", "S1", "U1", "2024-11-15T11:00:00"), "{broken too")
    before = snapshots(tmp_path)

    ran = run_range(tmp_path, FRIDAY, FRIDAY, between=_commit_before_publication(tmp_path, step, output, table))

    assert not ran.succeeded
    assert f"{table} was written by another run between staging and publishing" in ran.failures[step]
    assert "Run the same days again" in ran.failures[step]
    main = open_table(tmp_path, table).current_snapshot()
    assert main is not None
    assert main.summary is not None
    assert main.summary.additional_properties["writer"] == "somebody else"
    assert main.parent_snapshot_id == before[table][-1]
    assert set(open_table(tmp_path, table).refs()) == {"main"}
    assert {name: head(tmp_path, name) for name in downstream} == {name: before[name][-1] for name in downstream}
    assert not {name for name, _ in ran.materialized} & {table, *downstream}
