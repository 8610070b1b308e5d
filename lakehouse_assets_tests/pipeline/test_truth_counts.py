"""The generator's truth against the platform's tables: a rough set is run once, every planted line accounted for.

The truth was written before a line landed, by code that knows nothing of the platform: what it names must be found, and
nothing else. The days with nearly a third of bad lines pass because the gate is out of reach, but for the gate's test.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest

from generator import GeneratorConfig, generate
from lakehouse_assets.contracts.sources import SOURCES
from lakehouse_assets.contracts.tables import BRONZE, GOLD, QUARANTINE, SILVER
from lakehouse_assets.engine.session import Engine
from lakehouse_assets.pipeline.silver import stage_silver
from lakehouse_assets.quality.gate import Gate
from lakehouse_assets.storage.lake import Lake, open_catalog
from lakehouse_assets.storage.stage import RunInfo
from lakehouse_assets_tests.driving import DEFAULT_GATE, run_pipeline
from lakehouse_assets_tests.generator.reading import truth_records

FIRST_DAY = date(2024, 11, 4)
EMPTY_DAY = date(2024, 11, 7)
SCHEMA_CHANGE_DAY = date(2024, 11, 8)
OPEN_GATE = Gate(min_rows=10**9, max_percent=100.0)
QUARANTINED_KINDS = (
    "corrupt_json_truncated",
    "corrupt_json_trailing_text",
    "corrupt_json_not_an_object",
    "corrupt_json_single_quotes",
    "corrupt_json_nan_literal",
    "corrupt_csv_wrong_field_count",
    "corrupt_csv_unbalanced_quote",
    "invalid_utf8",
    "unknown_event_type",
    "unknown_currency",
    "invalid_amount",
    "negative_amount",
    "unknown_device_type",
    "invalid_country",
    "null_user",
    "future_time",
    "epoch_time",
)
OFTEN: dict[str, Any] = dict.fromkeys(QUARANTINED_KINDS, 0.03)
CONFIG = GeneratorConfig.load(
    start=FIRST_DAY,
    days=6,
    seed=11,
    num_users=300,
    num_sessions=600,
    num_events=3000,
    num_transactions=500,
    late_arrival_rate=0.1,
    duplicate_rate=0.1,
    near_duplicate=0.05,
    orphan_user=0.1,
    late_user=0.2,
    user_changes_per_day=0.1,
    redelivered_file=1,
    empty_day=(EMPTY_DAY - FIRST_DAY).days,
    schema_change_day=(SCHEMA_CHANGE_DAY - FIRST_DAY).days,
    **OFTEN,
)
RULES = {
    "events": {
        "corrupt_json",
        "not_utf8",
        "event_type_allowed",
        "user_id_not_null",
        "event_timestamp_in_range",
    },
    "transactions": {
        "corrupt_csv",
        "not_utf8",
        "user_id_not_null",
        "currency_allowed",
        "amount_valid",
        "amount_positive",
        "transaction_timestamp_in_range",
    },
    "users": {"corrupt_csv", "not_utf8", "user_id_not_null", "device_type_allowed", "country_valid"},
}

Row = dict[str, Any]
Place = tuple[str, int]
by_source = pytest.mark.parametrize("source", sorted(RULES))


@dataclass(frozen=True)
class Day:
    """The platform's numbers of one arrival day; `held` is the verdict of the default gate."""

    lines: int
    quarantined: int
    late: int
    failed_rules: Mapping[str, int]
    held: bool


@dataclass(frozen=True)
class Outcome:
    """The truth of the set, the tables it became (by name), and what the platform counted, by (source, day)."""

    truth: list[Row]
    tables: dict[str, list[Row]]
    numbers: dict[tuple[str, str], Day]

    def of_kind(self, kind: str, source: str) -> list[Row]:
        return [record for record in self.truth if record["kind"] == kind and record["source"] == source]

    def redelivered(self, source: str) -> dict[str, Row]:
        """The records of files that landed twice, by the second name."""
        return {record["source_file"]: record for record in self.of_kind("redelivered_file", source)}

    def first_deliveries(self, kind: str, source: str) -> list[Row]:
        """Records of lines of a kind, but those of files that landed twice."""
        repeated = self.redelivered(source)
        return [record for record in self.of_kind(kind, source) if record["source_file"] not in repeated]

    def defective(self, source: str) -> dict[Place, Row]:
        """One record of each line that breaks a rule, by its place."""
        return {place(record): record for record in self.truth if record["failed_rules"] and record["source"] == source}

    def day_totals(self, source: str) -> dict[str, Row]:
        """The totals of each arrival day."""
        return {record["arrival_date"]: record for record in self.of_kind("day_total", source)}


def place(row: Row) -> Place:
    return row["source_file"], row["line_number"]


@pytest.fixture(scope="module")
def outcome(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    home = tmp_path_factory.mktemp("truth")
    generate(CONFIG, home)
    lake = Lake(open_catalog(home), engine, home / "scratch")
    run_pipeline(lake, home / "landing", CONFIG.all_days, gate=OPEN_GATE)
    contracts = (*BRONZE.values(), *QUARANTINE.values(), *SILVER.values(), GOLD)
    tables = {contract.name: lake.table(contract).scan().to_arrow().to_pylist() for contract in contracts}
    return Outcome(truth_records(home), tables, _numbers(lake))


def _numbers(lake: Lake) -> dict[tuple[str, str], Day]:
    """What silver's step counts of each day; nothing that it stages here is published."""
    run = RunInfo("test-run", "test", "0", datetime.now(UTC))
    numbers = {}
    for name, source in SOURCES.items():
        counted, gated = (
            stage_silver(lake, source, CONFIG.all_days, gate=gate, horizon_days=7, run=run).numbers
            for gate in (OPEN_GATE, DEFAULT_GATE)
        )
        for day in CONFIG.all_days:
            of_day = counted[day]
            numbers[name, day.isoformat()] = Day(
                of_day.lines, of_day.quarantined, of_day.late, of_day.failed_rules, gated[day].held
            )
    return numbers


@by_source
def test_each_planted_defect_is_quarantined_with_exactly_its_rules_and_nothing_else_is(
    outcome: Outcome, source: str
) -> None:
    planted = {at: record["failed_rules"] for at, record in outcome.defective(source).items()}
    assert {rule for rules in planted.values() for rule in rules} == RULES[source]
    rows = outcome.tables[f"quarantine.{source}"]
    assert {place(row): row["failed_rules"] for row in rows} == planted
    assert len(rows) == len(planted)


@by_source
def test_quarantined_lines_of_each_day_and_rule_are_as_many_as_planted(outcome: Outcome, source: str) -> None:
    planted = Counter(
        (record["arrival_date"], rule)
        for record in outcome.defective(source).values()
        for rule in record["failed_rules"]
    )
    found = Counter(
        (row["arrival_date"].isoformat(), rule)
        for row in outcome.tables[f"quarantine.{source}"]
        for rule in row["failed_rules"]
    )
    assert found == planted
    reported = {
        (day, rule): count
        for (of, day), numbers in outcome.numbers.items()
        if of == source
        for rule, count in numbers.failed_rules.items()
    }
    assert reported == planted


@by_source
def test_lines_quarantined_and_late_lines_of_each_day_are_as_many_as_the_truth_counts(
    outcome: Outcome, source: str
) -> None:
    told = {
        day: (total["lines"], total["quarantined"], total["late"]) for day, total in outcome.day_totals(source).items()
    }
    assert len(told) == 6
    counted = {
        day: (numbers.lines, numbers.quarantined, numbers.late)
        for (of, day), numbers in outcome.numbers.items()
        if of == source
    }
    assert counted == told


def test_late_lines_are_many_among_events_and_transactions_and_never_users(outcome: Outcome) -> None:
    late = {source: sum(total["late"] for total in outcome.day_totals(source).values()) for source in sorted(RULES)}
    assert late["events"] > 50
    assert late["transactions"] > 5
    assert late["users"] == 0


@by_source
def test_default_gate_holds_exactly_the_days_with_twenty_bad_lines_that_are_over_a_tenth(
    outcome: Outcome, source: str
) -> None:
    too_bad = {
        day: total["quarantined"] >= 20 and total["quarantined"] * 10 > total["lines"]
        for day, total in outcome.day_totals(source).items()
    }
    assert set(too_bad.values()) == {True, False}
    assert {day: numbers.held for (of, day), numbers in outcome.numbers.items() if of == source} == too_bad


@pytest.mark.parametrize(("source", "rows"), [("events", 3000), ("transactions", 500)])
def test_accepted_lines_beyond_the_rows_of_silver_are_the_planted_repetitions(
    outcome: Outcome, source: str, rows: int
) -> None:
    repeated_lines = {
        place(record)
        for kind in ("exact_duplicate", "near_duplicate")
        for record in outcome.first_deliveries(kind, source)
        if not record["failed_rules"]
    }
    repeated_in_files = sum(record["lines"] - record["quarantined"] for record in outcome.redelivered(source).values())
    assert repeated_lines
    assert repeated_in_files
    accepted = len(outcome.tables[f"bronze.{source}"]) - len(outcome.tables[f"quarantine.{source}"])
    assert accepted - len(outcome.tables[f"silver.{source}"]) == len(repeated_lines) + repeated_in_files
    assert len(outcome.tables[f"silver.{source}"]) == rows


def test_each_accepted_line_of_a_user_is_a_version_of_its_own(outcome: Outcome) -> None:
    accepted = len(outcome.tables["bronze.users"]) - len(outcome.tables["quarantine.users"])
    silver = outcome.tables["silver.users"]
    assert len(silver) == accepted > 300
    assert len({row["user_id"] for row in silver}) == 300
    assert sum(row["effective_to"] is None for row in silver) == 300


def test_of_two_times_of_an_event_the_greater_one_wins(outcome: Outcome) -> None:
    planted = outcome.first_deliveries("near_duplicate", "events")
    later = {record["key"] for record in planted if record["seconds_apart"] > 0}
    earlier = {record["key"] for record in planted if record["seconds_apart"] < 0}
    assert len(later) > 20
    assert len(earlier) > 20
    assert not later & earlier

    lines = {place(record) for record in outcome.of_kind("near_duplicate", "events")}
    winners = {row["event_id"]: row for row in outcome.tables["silver.events"]}
    assert {key for key in later | earlier if place(winners[key]) in lines} == later

    times = delivered_times(outcome)
    for record in planted:
        low, high = sorted(times[record["key"]])
        assert winners[record["key"]]["event_timestamp"] == high
        assert (high - low).total_seconds() == abs(record["seconds_apart"])


def delivered_times(outcome: Outcome) -> dict[str, set[datetime]]:
    """The times that accepted lines in bronze give each event."""
    quarantined = {place(row) for row in outcome.tables["quarantine.events"]}
    accepted = [json.loads(row["raw"]) for row in outcome.tables["bronze.events"] if place(row) not in quarantined]
    times: dict[str, set[datetime]] = {}
    for event in accepted:
        times.setdefault(event["event_id"], set()).add(datetime.fromisoformat(f"{event['event_timestamp']}+00:00"))
    return times


def test_sessions_without_a_known_user_are_those_of_the_planted_orphans(outcome: Outcome) -> None:
    """Users that arrive days after their sessions are known in the end."""
    orphaned = {record["session"] for record in outcome.of_kind("orphan_user", "events")}
    assert 59 <= len(orphaned) <= 61, "a tenth of 600 sessions"
    assert outcome.of_kind("late_user", "users")
    gold = outcome.tables["gold.user_session_analysis"]
    for column in ("device_type", "country", "signup_date"):
        assert {row["session_id"] for row in gold if row[column] is None} == orphaned


def test_gold_has_each_generated_session_once_and_each_transaction_in_its_own(outcome: Outcome) -> None:
    gold = outcome.tables["gold.user_session_analysis"]
    assert sorted(row["session_id"] for row in gold) == [f"SES_{number:06d}" for number in range(1, 601)]
    assert sum(row["total_events"] for row in gold) == 3000
    bought = sorted(row["transaction_id"] for row in gold if row["has_transaction"])
    assert bought == [f"TXN_{number:07d}" for number in range(1, 501)]


def test_file_that_landed_twice_is_in_bronze_twice_and_adds_no_row_to_silver(outcome: Outcome) -> None:
    for source in ("events", "transactions"):
        repeated = outcome.redelivered(source)
        assert repeated
        lines = Counter(row["source_file"] for row in outcome.tables[f"bronze.{source}"])
        for name, record in repeated.items():
            assert lines[name] == lines[record["key"]] == record["lines"] > 0
        assert not repeated.keys() & {row["source_file"] for row in outcome.tables[f"silver.{source}"]}


@by_source
def test_empty_day_has_no_rows(outcome: Outcome, source: str) -> None:
    assert outcome.day_totals(source)[EMPTY_DAY.isoformat()]["lines"] == 0
    for layer in ("bronze", "quarantine", "silver"):
        days = {row["arrival_date"] for row in outcome.tables[f"{layer}.{source}"]}
        assert days
        assert EMPTY_DAY not in days


@pytest.mark.parametrize(
    ("source", "field"),
    [("events", "app_version"), ("transactions", "payment_method"), ("users", "marketing_opt_in")],
)
def test_from_the_schema_change_on_the_unknown_field_is_kept_in_extra(
    outcome: Outcome, source: str, field: str
) -> None:
    fields = {
        (row["arrival_date"] >= SCHEMA_CHANGE_DAY, tuple(json.loads(row["extra"] or "{}")))
        for row in outcome.tables[f"silver.{source}"]
    }
    assert fields == {(False, ()), (True, (field,))}
