"""The truth against an outsider: the reference reads and judges every line, knowing nothing of the generator.

A record stands for a line that is not simply good; lines without one are. What the rates plant is in `test_defects`.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator import GeneratorConfig, generate
from lakehouse_assets_tests.reference import Tables, recompute

from .conftest import EMPTY_DAY, FIRST_DAY, OTHER_RATES, PLANTED_LINES, ROUGH_DAYS
from .reading import SOURCES, Record, base_events, instant, kinds_by_line, landed_lines, line_records, truth_records

GATE_LINES, GATE_PERCENT = 20, 10
ADDED_KINDS = {"late_arrival", "exact_duplicate", "redelivered_file", "day_total"}


@dataclass(frozen=True)
class Told:
    """A home's truth records, and what the reference makes of its landing files."""

    home: Path
    records: list[Record]
    tables: Tables


def told(home: Path) -> Told:
    return Told(home, truth_records(home), recompute(home / "landing"))


@pytest.fixture(scope="module", params=["default_home", "rough_home"])
def seen(request: pytest.FixtureRequest) -> Told:
    return told(request.getfixturevalue(request.param))


def planted_rules(seen: Told) -> dict[tuple[str, int], list[str]]:
    return {
        (record["source_file"], record["line_number"]): record["failed_rules"]
        for record in seen.records
        if record["failed_rules"]
    }


def found_rules(seen: Told) -> dict[tuple[str, int], list[str]]:
    return {
        (row["source_file"], row["line_number"]): row["failed_rules"]
        for rows in seen.tables.quarantine.values()
        for row in rows
    }


def told_counts(seen: Told) -> dict[tuple[str, date], tuple[int, int, int]]:
    """Lines, quarantined and late ones of each source and day that has any."""
    return {
        (record["source"], date.fromisoformat(record["arrival_date"])): counts
        for record in seen.records
        if record["kind"] == "day_total" and any(counts := (record["lines"], record["quarantined"], record["late"]))
    }


def found_counts(seen: Told) -> dict[tuple[str, date], tuple[int, int, int]]:
    return {key: (counts.lines, counts.quarantined, counts.late) for key, counts in seen.tables.counts.items()}


def test_truth_names_exactly_the_lines_that_break_rules_and_these_rules(seen: Told) -> None:
    assert len(planted_rules(seen)) > 20
    assert found_rules(seen) == planted_rules(seen)


def test_day_totals_are_those_of_the_lines(seen: Told) -> None:
    assert sum(late for _, _, late in told_counts(seen).values()) > 20
    assert told_counts(seen) == found_counts(seen)


rates = {
    **{kind: st.sampled_from([0, 0.01, 0.04]) for kind in PLANTED_LINES},
    **{kind: st.sampled_from([0, 0.1, 1]) for kind in OTHER_RATES},
    "late_arrival_rate": st.sampled_from([0, 0.05, 0.2]),
    "duplicate_rate": st.sampled_from([0, 0.1, 1]),
    "gzip_rate": st.sampled_from([0, 0.5]),
}


@settings(max_examples=25, derandomize=True, deadline=None)
@given(
    seed=st.integers(0, 2**63 - 1),
    days=st.integers(3, 5),
    empty_day=st.sampled_from(["none", 1]),
    schema_change_day=st.sampled_from(["none", 0, 1, 9]),
    num_sessions=st.integers(1, 40),
    purchases=st.sampled_from([0, 0.5, 1, 2]),
    num_users=st.integers(1, 40),
    rates=st.fixed_dictionaries(rates),
)
def test_truth_is_right_whatever_the_settings(
    num_sessions: int, purchases: float, rates: dict[str, Any], **others: Any
) -> None:
    transactions = int(num_sessions * purchases)
    config = GeneratorConfig.load(
        start=FIRST_DAY,
        num_sessions=num_sessions,
        num_transactions=transactions,
        num_events=num_sessions * 4 + transactions,
        **rates,
        **others,
    )
    with TemporaryDirectory() as folder:
        generate(config, Path(folder))
        seen = told(Path(folder))
    assert found_rules(seen) == planted_rules(seen)
    assert found_counts(seen) == told_counts(seen)


def test_every_day_has_totals_also_the_empty_one(rough_home: Path) -> None:
    totals = [record for record in truth_records(rough_home) if record["kind"] == "day_total"]
    assert [(record["arrival_date"], record["source"]) for record in totals] == [
        (day.isoformat(), source) for day in ROUGH_DAYS for source in SOURCES
    ]
    assert [record["lines"] for record in totals if record["arrival_date"] == EMPTY_DAY.isoformat()] == [0, 0, 0]


def test_every_kind_is_planted_and_no_other(rough_home: Path) -> None:
    planted = {*PLANTED_LINES, "orphan_user", "late_user", *ADDED_KINDS}
    assert {record["kind"] for record in truth_records(rough_home)} == planted


def test_records_of_one_line_agree_and_point_to_lines_that_exist(seen: Told) -> None:
    lines = {(line.source_file, line.line_number) for source in SOURCES for line in landed_lines(seen.home, source)}
    rules = defaultdict(set)
    for record in line_records(seen.home):
        rules[record["source_file"], record["line_number"]].add(tuple(record["failed_rules"]))
    assert rules.keys() <= lines
    assert {len(versions) for versions in rules.values()} == {1}


def test_a_duplicate_of_a_defective_line_has_both_records(rough_home: Path) -> None:
    kinds = defaultdict(set)
    for record in line_records(rough_home):
        kinds[record["source_file"], record["line_number"]].add(record["kind"])
    twice = [planted for planted in kinds.values() if "exact_duplicate" in planted]
    assert {"exact_duplicate", "unknown_event_type"} in twice
    assert {"exact_duplicate", "near_duplicate"} in twice


def test_the_key_of_a_record_stands_in_its_line(seen: Told) -> None:
    at = {
        (line.source_file, line.line_number): line.content
        for source in SOURCES
        for line in landed_lines(seen.home, source)
    }
    # What these defects leave of a line may lack its key, and so does a duplicate of such a line.
    untraceable = {"corrupt_json_not_an_object", "corrupt_json_truncated", "null_user", "exact_duplicate"}
    absent = {
        record["kind"]
        for record in line_records(seen.home)
        if record["key"].encode() not in at[record["source_file"], record["line_number"]]
    }
    assert absent <= untraceable


def test_a_near_duplicate_is_as_many_seconds_apart_as_its_record_says(seen: Told) -> None:
    kinds = kinds_by_line(seen.home)
    originals = {event["event_id"]: instant(event["event_timestamp"]) for event in base_events(seen.home)}
    near = {
        (line.source_file, line.line_number): json.loads(line.content)
        for line in landed_lines(seen.home, "events")
        if "near_duplicate" in kinds.get((line.source_file, line.line_number), set())
    }
    records = [record for record in line_records(seen.home) if record["kind"] == "near_duplicate"]
    assert {record["seconds_apart"] > 0 for record in records} == {True, False}
    for record in records:
        event = near[record["source_file"], record["line_number"]]
        apart = instant(event["event_timestamp"]) - originals[event["event_id"]]
        assert event["event_id"] == record["key"]
        assert apart.total_seconds() == record["seconds_apart"]
        assert 0 < abs(record["seconds_apart"]) <= 3 * 3600


def test_the_session_of_an_orphans_record_stands_in_its_line(rough_home: Path) -> None:
    at = {
        (line.source_file, line.line_number): line.content
        for source in SOURCES
        for line in landed_lines(rough_home, source)
    }
    records = [record for record in line_records(rough_home) if record["kind"] == "orphan_user"]
    assert {record["source"] for record in records} == {"events", "transactions"}
    for record in records:
        assert record["session"].encode() in at[record["source_file"], record["line_number"]]


def test_the_record_of_a_file_that_landed_again_counts_its_lines(rough_home: Path) -> None:
    seen = told(rough_home)
    records = [record for record in seen.records if record["kind"] == "redelivered_file"]
    assert len(records) == 5
    quarantined = [row["source_file"] for rows in seen.tables.quarantine.values() for row in rows]
    lines = [row["source_file"] for rows in seen.tables.bronze.values() for row in rows]
    for record in records:
        assert record["lines"] == lines.count(record["source_file"]) > 0
        assert record["quarantined"] == quarantined.count(record["source_file"])


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
    totals = [record for record in truth_records(tmp_path) if record["kind"] == "day_total"]
    assert sum(record["quarantined"] for record in totals) > 20
    held = [
        record
        for record in totals
        if record["quarantined"] >= GATE_LINES and record["quarantined"] * 100 > GATE_PERCENT * record["lines"]
    ]
    assert held == []
