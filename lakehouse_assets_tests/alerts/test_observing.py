"""What a run tells of incidents: which events are one, which follow from another, and which days they are about."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dagster import AssetCheckSeverity, DagsterEventType, Failure

from lakehouse_assets.alerts.model import Key, Kind, Observation
from lakehouse_assets.alerts.observing import observe_run
from lakehouse_assets_tests.alerts.runs import GATE_FAILS, GATE_PASSES, SAMPLE, Runs, Step, Verdict, dagster_home

DAY = "2024-11-15"
HELD = Key(Kind.HELD, "silver.events", DAY, "gate")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    with dagster_home(tmp_path_factory.mktemp("observing")) as runs:
        yield runs


def observed(runs: Runs, run_id: str) -> dict[Key, Observation]:
    return {found.key: found for found in observe_run(runs.instance, run_id)}


def failing(runs: Runs, run_id: str) -> set[Key]:
    return {key for key, found in observed(runs, run_id).items() if found.failing}


def passing(runs: Runs, run_id: str) -> set[Key]:
    return {key for key, found in observed(runs, run_id).items() if not found.failing}


def test_gate_that_fails_is_a_held_day_and_no_failed_run(runs: Runs) -> None:
    assert failing(runs, runs.run(GATE_FAILS)) == {HELD}


def test_gate_that_passes_is_told_too_and_so_is_the_run_that_ended_well(runs: Runs) -> None:
    ended = {Key(Kind.RUN_FAILED, "silver.events", DAY), Key(Kind.RUN_FAILED, "", DAY)}
    assert passing(runs, runs.run(GATE_PASSES)) == {HELD} | ended


def test_facts_are_the_counts_the_threshold_and_the_query_and_no_sample(runs: Runs) -> None:
    run_id = runs.run(GATE_FAILS)
    facts = observed(runs, run_id)[HELD].facts
    assert facts.as_dict() == {
        "run_id": run_id,
        "failed_rows": 20,
        "total_rows": 30,
        "threshold": "threshold of gate",
        "severity": "ERROR",
        "sql": "SELECT 'gate'",
        "note": "",
    }
    assert SAMPLE not in str(observed(runs, run_id))


def test_rules_that_a_held_day_fails_stand_in_its_note_and_those_of_other_days_for_themselves(runs: Runs) -> None:
    rules = [Verdict("amount_valid", False, failed=4), Verdict("corrupt_json", False), Verdict("other", True)]
    other_day = Verdict("corrupt_json", False, day="2024-11-16")
    held = Step("silver_events", [*rules, other_day, *GATE_FAILS.verdicts], GATE_FAILS.error)
    run_id = runs.run(held, last="2024-11-16")
    of_other_day = Key(Kind.THRESHOLD, "silver.events", "2024-11-16", "corrupt_json")
    assert failing(runs, run_id) == {HELD, of_other_day}
    assert observed(runs, run_id)[HELD].facts.note == "checks that fail most: corrupt_json (20), amount_valid (4)"
    assert Key(Kind.THRESHOLD, "silver.events", DAY, "other") in passing(runs, run_id)


def test_check_that_does_not_block_is_a_threshold_with_its_severity(runs: Runs) -> None:
    warning = Verdict("volume", False, severity=AssetCheckSeverity.WARN)
    run_id = runs.run(Step("silver_events", [warning]))
    key = Key(Kind.THRESHOLD, "silver.events", DAY, "volume")
    assert failing(runs, run_id) == {key}
    assert observed(runs, run_id)[key].facts.severity == "WARN"


def test_blocking_check_is_one_incident_and_steps_that_lack_its_table_are_none(runs: Runs) -> None:
    blocked = Step(
        "silver_events", [Verdict("contract", False, blocking=True)], Failure("silver.events: not published")
    )
    lacking = Step("gold_x", error=Failure("silver.events was not published by this run; nothing was built on it."))
    run_id = runs.run(blocked, lacking)
    assert failing(runs, run_id) == {Key(Kind.BLOCKED, "silver.events", DAY, "contract")}
    assert Key(Kind.RUN_FAILED, "gold.x", DAY) not in observed(runs, run_id)


def test_step_that_fails_for_another_reason_is_a_failed_run_for_each_day_of_the_range(runs: Runs) -> None:
    run_id = runs.run(
        Step("bronze_events", error=Failure("cut.gz cannot be read")), Step("bronze_users"), last="2024-11-16"
    )
    days = (DAY, "2024-11-16")
    assert failing(runs, run_id) == {Key(Kind.RUN_FAILED, "bronze.events", day) for day in days}
    assert {Key(Kind.RUN_FAILED, "bronze.users", day) for day in days} <= passing(runs, run_id)
    notes = {found.facts.note for found in observed(runs, run_id).values() if found.failing}
    assert notes == {"cut.gz cannot be read"}


def test_unexpected_error_is_named_and_not_quoted(runs: Runs) -> None:
    run_id = runs.run(Step("bronze_events", error=ValueError(SAMPLE)))
    (found,) = [found for found in observed(runs, run_id).values() if found.failing]
    assert found.facts.note == "unexpected ValueError"


@pytest.mark.parametrize(
    ("event", "note"),
    [
        (DagsterEventType.RUN_FAILURE, "it ended before its steps did"),
        (DagsterEventType.RUN_CANCELED, "it was canceled"),
    ],
)
def test_run_that_ended_from_outside_is_a_failed_run_of_no_table(
    runs: Runs, event: DagsterEventType, note: str
) -> None:
    run_id = runs.end_from_outside(event)
    (found,) = observed(runs, run_id).values()
    assert (found.key, found.failing, found.facts.note) == (Key(Kind.RUN_FAILED, "", DAY), True, note)


def test_run_of_some_tables_does_not_show_that_a_killed_run_of_all_is_over(runs: Runs) -> None:
    assert Key(Kind.RUN_FAILED, "", DAY) not in observed(runs, runs.run(Step("bronze_events"), job="one_table"))


def test_run_that_has_not_ended_or_is_not_known_tells_nothing(runs: Runs) -> None:
    looks: list[int] = []
    run_id = runs.run(GATE_FAILS, between=lambda run_id: looks.append(len(observe_run(runs.instance, run_id))))
    assert set(looks[:-1]) == {0}
    assert len(observe_run(runs.instance, run_id)) > 0
    assert observe_run(runs.instance, "00000000-0000-0000-0000-000000000000") == []
