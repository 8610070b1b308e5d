"""The truth against a second opinion: every line is read again and judged by a plain-Python copy of the rules."""

from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from generator import GeneratorConfig, generate

from .conftest import EMPTY_DAY, FIRST_DAY
from .line_judge import failed_rules
from .reading import SOURCES, LandedLine, days_from, instant, landed_lines, parsed, truth_records

GATE_LINES, GATE_SHARE = 20, 0.10


@pytest.fixture(params=["default_home", "rough_home"])
def home(request: pytest.FixtureRequest) -> Path:
    chosen: Path = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def verdicts(home: Path) -> dict[LandedLine, list[str]]:
    return {line: failed_rules(line) for source in SOURCES for line in landed_lines(home, source)}


def event_day(line: LandedLine) -> date:
    """The UTC day of a valid event's or transaction's own time."""
    quoted = line.content.partition(b'"event_timestamp":"')[2][:19].decode()
    return instant(quoted or parsed(line)["transaction_timestamp"]).date()


def test_every_line_fails_exactly_the_rules_that_truth_names(home: Path, verdicts: dict[LandedLine, list[str]]) -> None:
    told = {
        (record["source_file"], record["line_number"]): record["failed_rules"]
        for record in truth_records(home)
        if record["failed_rules"]
    }
    found = {(line.source_file, line.line_number): rules for line, rules in verdicts.items() if rules}
    assert found == told


def test_records_of_one_line_agree_and_point_to_lines_that_exist(
    home: Path, verdicts: dict[LandedLine, list[str]]
) -> None:
    lines = {(line.source_file, line.line_number) for line in verdicts}
    rules = defaultdict(set)
    for record in truth_records(home):
        if record["line_number"] is not None:
            rules[record["source_file"], record["line_number"]].add(tuple(record["failed_rules"]))
    assert rules.keys() <= lines
    assert {len(versions) for versions in rules.values()} == {1}


def test_the_key_of_a_record_stands_in_its_line(home: Path) -> None:
    at = {
        (line.source_file, line.line_number): line.content for source in SOURCES for line in landed_lines(home, source)
    }
    # What these defects leave of a line may lack its key, and so does a duplicate of such a line.
    untraceable = {"corrupt_json_not_an_object", "corrupt_json_truncated", "null_user", "exact_duplicate"}
    records = [record for record in truth_records(home) if record["line_number"] is not None]
    absent = {
        record["kind"]
        for record in records
        if record["key"].encode() not in at[record["source_file"], record["line_number"]]
    }
    assert absent <= untraceable


def test_day_totals_equal_a_count_of_the_lines(home: Path, verdicts: dict[LandedLine, list[str]]) -> None:
    lines: Counter[tuple[str, str]] = Counter()
    quarantined: Counter[tuple[str, str]] = Counter()
    late: Counter[tuple[str, str]] = Counter()
    for line, rules in verdicts.items():
        place = (line.source, line.arrival_date.isoformat())
        lines[place] += 1
        quarantined[place] += bool(rules)
        late[place] += not rules and line.source != "users" and event_day(line) < line.arrival_date
    totals = {
        (record["source"], record["arrival_date"]): (record["lines"], record["quarantined"], record["late"])
        for record in truth_records(home)
        if record["kind"] == "day_total"
    }
    assert {place: (lines[place], quarantined[place], late[place]) for place in totals} == totals
    assert lines.keys() <= totals.keys()


def test_every_day_has_totals_also_the_empty_one(rough_home: Path) -> None:
    totals = [record for record in truth_records(rough_home) if record["kind"] == "day_total"]
    days = [day.isoformat() for day in days_from(FIRST_DAY, 6)]
    assert [(record["arrival_date"], record["source"]) for record in totals] == [
        (day, source) for day in days for source in SOURCES
    ]
    assert [record["lines"] for record in totals if record["arrival_date"] == EMPTY_DAY.isoformat()] == [0, 0, 0]


def test_every_kind_of_defect_is_planted(rough_home: Path, default_home: Path) -> None:
    expected = {
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
        "near_duplicate",
        "orphan_user",
        "late_user",
        "exact_duplicate",
        "late_arrival",
        "redelivered_file",
        "day_total",
    }
    assert {record["kind"] for record in truth_records(rough_home)} == expected
    assert {record["kind"] for record in truth_records(default_home)} >= {
        "corrupt_json_truncated",
        "corrupt_csv_unbalanced_quote",
        "near_duplicate",
        "orphan_user",
        "redelivered_file",
    }


def test_a_duplicate_of_a_defective_line_has_both_records(rough_home: Path) -> None:
    kinds = defaultdict(set)
    for record in truth_records(rough_home):
        if record["failed_rules"]:
            kinds[record["source_file"], record["line_number"]].add(record["kind"])
    assert any("exact_duplicate" in planted and len(planted) == 2 for planted in kinds.values())


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize(
    "volumes",
    [
        {},
        {"days": 1},
        {"days": 2, "num_users": 3000, "num_sessions": 4000, "num_events": 20_000, "num_transactions": 3500},
    ],
    ids=["default", "one_day", "scaled"],
)
def test_default_rates_never_reach_the_gate(seed: int, volumes: dict[str, Any], tmp_path: Path) -> None:
    generate(GeneratorConfig.load(start=FIRST_DAY, seed=seed, **volumes), tmp_path)
    held = [
        record
        for record in truth_records(tmp_path)
        if record["kind"] == "day_total"
        and record["quarantined"] >= GATE_LINES
        and record["quarantined"] > GATE_SHARE * record["lines"]
    ]
    assert held == []
