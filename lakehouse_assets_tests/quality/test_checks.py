"""Checks as Dagster records them: each day its own verdict, with the numbers of the generator's truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetCheckKey, AssetKey, DagsterInstance, ExecuteInProcessResult
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.contracts.tables import GOLD, SILVER
from lakehouse_assets.definitions import build_defs
from lakehouse_assets.pipeline import gold, merge
from lakehouse_assets.quality.catalogue import checks_of
from lakehouse_assets.settings import Settings
from lakehouse_assets.storage.lake import open_catalog
from lakehouse_assets_tests.reference import recompute

FIRST, LAST = "2024-11-14", "2024-11-16"
DAYS = [FIRST, "2024-11-15", LAST]
EVENT = (
    '{"event_id":"E%d","session_id":"S1","user_id":"U1","event_type":"%s","event_timestamp":"2024-11-14T14:30:00"}\n'
)
PASSED, FAILED = AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    with DagsterInstance.local_temp(str(tmp_path / "dagster")) as opened:
        yield opened


def _deliver(home: Path, path: str, text: str) -> None:
    file = home / "landing" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _run(home: Path, instance: DagsterInstance, first: str = FIRST, last: str = LAST) -> ExecuteInProcessResult:
    settings = Settings(home=home, start_date=date.fromisoformat(first))
    return (
        build_defs(settings=settings)
        .resolve_job_def("daily")
        .execute_in_process(
            instance=instance,
            tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last},
            raise_on_error=False,
        )
    )


def _key(contract: TableContract, name: str) -> AssetCheckKey:
    return AssetCheckKey(AssetKey(contract.asset_path), name)


def _statuses(instance: DagsterInstance, contract: TableContract, name: str) -> dict[str | None, Any]:
    infos = instance.event_log_storage.get_asset_check_partition_info([_key(contract, name)])
    return {info.partition_key: info.latest_execution_status for info in infos}


def _evaluations(result: ExecuteInProcessResult, contract: TableContract, name: str) -> dict[str | None, Any]:
    return {
        evaluation.partition: evaluation
        for evaluation in result.get_asset_check_evaluations()
        if evaluation.asset_check_key == _key(contract, name)
    }


def _sample(evaluation: Any) -> list[dict[str, Any]]:
    return [dict(record.data) for record in evaluation.metadata["sample"].records]


def test_every_check_of_every_day_of_a_range_has_its_verdict(tmp_path: Path, instance: DagsterInstance) -> None:
    _deliver(tmp_path, f"events/dt={FIRST}/a.json", EVENT % (1, "click"))
    assert _run(tmp_path, instance).success
    tables = [*SILVER.values(), GOLD]
    keys = [_key(contract, check.name) for contract in tables for check in checks_of(contract)]
    infos = instance.event_log_storage.get_asset_check_partition_info(keys)
    assert {(info.check_key, info.partition_key) for info in infos} == {(key, day) for key in keys for day in DAYS}
    assert {info.latest_execution_status for info in infos} <= {PASSED, FAILED}
    assert all(info.is_current for info in infos)


def test_rule_over_its_limit_fails_on_its_day_only_with_counts_sample_and_sql(
    tmp_path: Path, instance: DagsterInstance
) -> None:
    good = "".join(EVENT % (key, "click") for key in range(100))
    bad = "".join(EVENT % (key, "typo") for key in range(200, 206))
    _deliver(tmp_path, f"events/dt={FIRST}/a.json", good)
    _deliver(tmp_path, "events/dt=2024-11-15/a.json", good + bad)
    result = _run(tmp_path, instance)
    assert _statuses(instance, SILVER["events"], "event_type_allowed") == {
        FIRST: PASSED,
        "2024-11-15": FAILED,
        LAST: PASSED,
    }
    evaluation = _evaluations(result, SILVER["events"], "event_type_allowed")["2024-11-15"]
    metadata = {name: value.value for name, value in evaluation.metadata.items()}
    assert evaluation.severity.value == "WARN"
    assert (metadata["failed_rows"], metadata["total_rows"]) == (6, 106)
    assert metadata["failed_percent"] == pytest.approx(5.66, abs=0.001)
    assert "array_contains(failed_rules, 'event_type_allowed')" in metadata["sql"]
    sample = [
        (record.data["source_file"], record.data["line_number"]) for record in evaluation.metadata["sample"].records
    ]
    assert sample == [("events/dt=2024-11-15/a.json", line) for line in range(101, 107)]
    assert "typo" not in str(evaluation)


def test_new_field_of_the_source_is_a_warning_that_names_it(tmp_path: Path, instance: DagsterInstance) -> None:
    renamed = (EVENT % (2, "click")).replace('"event_type"', '"app_version":"1.2","event_type"')
    _deliver(tmp_path, f"events/dt={FIRST}/a.json", EVENT % (1, "click"))
    _deliver(tmp_path, "events/dt=2024-11-15/a.json", renamed)
    result = _run(tmp_path, instance)
    assert result.success
    assert _statuses(instance, SILVER["events"], "landed_columns") == {
        FIRST: PASSED,
        "2024-11-15": FAILED,
        LAST: PASSED,
    }
    evaluation = _evaluations(result, SILVER["events"], "landed_columns")["2024-11-15"]
    assert evaluation.severity.value == "WARN"
    assert [record.data for record in evaluation.metadata["sample"].records] == [{"column": "app_version", "rows": 1}]


def test_held_day_fails_its_gate_and_the_other_days_pass_theirs(tmp_path: Path, instance: DagsterInstance) -> None:
    _deliver(tmp_path, f"events/dt={FIRST}/a.json", EVENT % (1, "click"))
    _deliver(tmp_path, "events/dt=2024-11-15/a.json", "{broken\n" * 20)
    result = _run(tmp_path, instance)
    assert not result.success
    assert _statuses(instance, SILVER["events"], "gate") == {FIRST: PASSED, "2024-11-15": FAILED, LAST: PASSED}


def test_counts_of_every_rule_and_day_are_those_of_an_independent_judgement(
    tmp_path: Path, instance: DagsterInstance
) -> None:
    for day in DAYS:
        lines = EVENT % (1, "click") + EVENT % (2, "typo") + '{"event_id":1}\n' + "[]\n" * int(day[-1])
        _deliver(tmp_path, f"events/dt={day}/a.json", lines)
    result = _run(tmp_path, instance)
    expected: Counter[tuple[str, str]] = Counter()
    for row in recompute(tmp_path / "landing").quarantine["events"]:
        expected.update((rule, row["arrival_date"].isoformat()) for rule in row["failed_rules"])
    rules = {rule for rule, _ in expected}
    found = {
        (rule, day): evaluation.metadata["failed_rows"].value
        for rule in rules
        for day, evaluation in _evaluations(result, SILVER["events"], rule).items()
    }
    assert rules == {
        "corrupt_json",
        "event_type_allowed",
        "session_id_not_null",
        "user_id_not_null",
        "event_type_not_null",
        "event_timestamp_not_null",
    }
    assert found == dict(expected)


def test_failed_audit_fails_its_check_leaves_main_and_materialises_nothing(
    tmp_path: Path, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    _deliver(tmp_path, f"events/dt={FIRST}/a.json", EVENT % (1, "click"))
    right = gold.build_sessions

    def doubled(*arguments: Any) -> DataFrame:
        rows = right(*arguments)
        return rows.unionByName(rows)

    monkeypatch.setattr(gold, "build_sessions", doubled)
    result = _run(tmp_path, instance)
    assert not result.success
    assert _statuses(instance, GOLD, "is_unique_session_id_user_id")[FIRST] == FAILED
    assert not instance.get_latest_materialization_event(AssetKey(GOLD.asset_path))
    doubled_key = _evaluations(result, GOLD, "is_unique_session_id_user_id")[FIRST]
    assert _sample(doubled_key) == [{"session_id": "S1", "user_id": "U1"}]
    table = open_catalog(tmp_path).load_table(GOLD.name)
    assert table.scan().to_arrow().num_rows == 0
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    text = failure.step_failure_data.user_failure_data.description
    assert f"{GOLD.name} was not published" in text
    assert f"is_unique_session_id_user_id on {FIRST} (1 of 1 rows)" in text


def test_broken_value_is_shown_by_file_and_line_with_the_condition_it_breaks(
    tmp_path: Path, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    _deliver(tmp_path, f"events/dt={FIRST}/a.json", EVENT % (1, "click"))
    right = merge.deduplicate
    monkeypatch.setattr(
        merge, "deduplicate", lambda *arguments: right(*arguments).withColumn("event_type", F.lit("typo"))
    )
    contract = _evaluations(_run(tmp_path, instance), SILVER["events"], "contract")[FIRST]
    assert (contract.passed, contract.metadata["failed_rows"].value) == (False, 1)
    assert _sample(contract) == [
        {
            "arrival_date": FIRST,
            "source_file": f"events/dt={FIRST}/a.json",
            "line_number": 1,
            "condition": "event_type_allowed",
        }
    ]


def test_lost_key_is_shown(tmp_path: Path, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    _deliver(tmp_path, f"events/dt={FIRST}/a.json", EVENT % (1, "click") + EVENT % (2, "click"))
    right = merge.deduplicate
    monkeypatch.setattr(merge, "deduplicate", lambda *arguments: right(*arguments).filter("line_number <> 2"))
    lost = _evaluations(_run(tmp_path, instance), SILVER["events"], "no_key_is_lost")[FIRST]
    assert _sample(lost) == [{"event_id": "E2", "arrival_date": FIRST}]


def test_unknown_users_are_shown_by_key_file_and_line(tmp_path: Path, instance: DagsterInstance) -> None:
    _deliver(tmp_path, f"events/dt={FIRST}/a.json", "".join(EVENT % (key, "click") for key in range(1, 7)))
    unknown = _evaluations(_run(tmp_path, instance), SILVER["events"], "known_user")[FIRST]
    assert (unknown.passed, unknown.metadata["failed_rows"].value) == (False, 6)
    assert _sample(unknown) == [
        {"event_id": f"E{line}", "source_file": f"events/dt={FIRST}/a.json", "line_number": line}
        for line in range(1, 7)
    ]


def test_transactions_without_a_session_are_listed_and_the_sums_say_where_each_amount_is(
    tmp_path: Path, instance: DagsterInstance
) -> None:
    _deliver(tmp_path, f"events/dt={FIRST}/a.json", EVENT % (1, "purchase"))
    _deliver(
        tmp_path,
        f"transactions/dt={FIRST}/a.csv",
        "transaction_id,session_id,user_id,amount,currency,transaction_timestamp\n"
        "T1,S1,U1,10.25,USD,2024-11-14 15:00:00\n"
        "T2,S1,U1,4.50,USD,2024-11-14 16:00:00\n"
        "T3,S9,U1,1000.00,USD,2024-11-14 17:00:00\n",
    )
    result = _run(tmp_path, instance)
    assert result.success
    orphans = _evaluations(result, GOLD, "transactions_have_sessions")[FIRST]
    assert (orphans.metadata["failed_rows"].value, orphans.metadata["total_rows"].value) == (1, 3)
    assert _sample(orphans) == [{"transaction_id": "T3", "session_id": "S9", "user_id": "U1", "amount": "1000.00"}]
    amounts = _evaluations(result, GOLD, "transaction_amounts_match_silver")[FIRST]
    assert amounts.passed
    assert amounts.metadata["threshold"].value == (
        "none may fail; silver 1,014.75 = gold 10.25 + later transactions of a session 4.50"
        " + transactions without a session 1,000.00"
    )


def test_hour_whose_file_did_not_come_is_a_warning_that_names_it(tmp_path: Path, instance: DagsterInstance) -> None:
    weeks = [date(2024, 10, 18) + timedelta(weeks=week) for week in range(5)]
    for day in weeks:
        for hour in (9, 13, 22):
            time = f"{day}T{hour:02}:30:00"
            first_key = day.toordinal() * 10_000 + hour * 100
            lines = (EVENT % (key, "click") for key in range(first_key, first_key + 20))
            _deliver(tmp_path, f"events/dt={day}/{hour:02}.json", "".join(lines).replace("2024-11-14T14:30:00", time))
    (tmp_path / f"landing/events/dt={weeks[-1]}/13.json").unlink()
    *past, last = [_run(tmp_path, instance, str(day), str(day)) for day in weeks]
    assert all(_evaluations(run, SILVER["events"], "no_hour_is_missing") for run in past)
    hours = _evaluations(last, SILVER["events"], "no_hour_is_missing")["2024-11-15"]
    assert (last.success, hours.passed, hours.severity.value) == (True, False, "WARN")
    assert _sample(hours) == [{"hour": "13:00", "rows": 0, "usual": 20}]
    assert hours.description.startswith("1 of 24 hours fail; ")
    assert _evaluations(last, SILVER["events"], "event_time_is_fresh")["2024-11-15"].passed


def test_day_that_failed_its_audit_holds_later_runs_too_until_the_code_is_right(
    tmp_path: Path, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    next_day = "2024-11-15"
    _deliver(tmp_path, f"events/dt={FIRST}/a.json", EVENT % (1, "click"))
    _deliver(tmp_path, f"events/dt={next_day}/a.json", EVENT % (2, "click"))
    right = merge.deduplicate
    with monkeypatch.context() as broken:
        without_first = f"source_file <> 'events/dt={FIRST}/a.json'"
        broken.setattr(merge, "deduplicate", lambda *arguments: right(*arguments).filter(without_first))
        runs = [_run(tmp_path, instance, day, day) for day in (FIRST, next_day)]
    assert [run.success for run in runs] == [False, False]
    assert not _evaluations(runs[1], SILVER["events"], "no_key_is_lost")[next_day].passed
    assert not instance.get_latest_materialization_event(AssetKey(GOLD.asset_path))

    assert _run(tmp_path, instance, next_day, next_day).success
    silver = open_catalog(tmp_path).load_table("silver.events").scan().to_arrow()
    assert sorted(silver["event_id"].to_pylist()) == ["E1", "E2"]
    assert open_catalog(tmp_path).load_table(GOLD.name).scan().to_arrow()["total_events"].to_pylist() == [2]
