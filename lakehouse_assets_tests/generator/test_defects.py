"""Each rate of the section [defects]: as many lines as it says, of that kind alone, with the rules it breaks."""

import json
from collections import Counter
from pathlib import Path

import pytest

from generator.config import Defects

from .conftest import OTHER_RATES, PLANTED_LINES, NewHome
from .reading import SOURCES, landed_lines, line_records, truth_records, user_versions

CLEAN_LINES = {"events": 2000, "transactions": 300, "users": 400}
FAULTLESS = {**dict.fromkeys((*PLANTED_LINES, *OTHER_RATES), 0), "late_arrival_rate": 0, "duplicate_rate": 0}
# An event whose other time is the earlier one may lie two hours behind its arrival.
CONSEQUENCES = {"near_duplicate": {"late_arrival"}}
ONE_DAY = {"days": 1, "num_users": 400, "num_events": 2000, "num_transactions": 300}


def lines_by_source(home: Path) -> dict[str, int]:
    return {source: sum(1 for _ in landed_lines(home, source)) for source in SOURCES}


def test_every_rate_of_the_section_is_tested() -> None:
    assert set(Defects.__annotations__) == {*PLANTED_LINES, *OTHER_RATES, "empty_day", "schema_change_day"}


def test_without_rates_every_line_is_clean(new_home: NewHome) -> None:
    home = new_home(**ONE_DAY, **FAULTLESS)
    assert lines_by_source(home) == CLEAN_LINES
    assert {record["kind"] for record in truth_records(home)} == {"day_total"}


@pytest.mark.parametrize("kind", PLANTED_LINES)
def test_a_rate_plants_its_share_of_its_kind_and_nothing_else(kind: str, new_home: NewHome) -> None:
    home = new_home(**ONE_DAY, **{**FAULTLESS, kind: 0.05})
    records = [record for record in line_records(home) if record["kind"] == kind]
    planted = Counter(record["source"] for record in records)
    assert {record["kind"] for record in line_records(home)} - CONSEQUENCES.get(kind, set()) == {kind}
    assert {record["source"]: record["failed_rules"] for record in records} == PLANTED_LINES[kind]
    for source, rules in PLANTED_LINES[kind].items():
        assert abs(planted[source] - 0.05 * CLEAN_LINES[source]) <= 1
        assert all(record["failed_rules"] == rules for record in records if record["source"] == source)
    assert lines_by_source(home) == {source: count + planted[source] for source, count in CLEAN_LINES.items()}


def test_rates_are_allotted_evenly_over_the_days(new_home: NewHome) -> None:
    """A rate never bunches: each day has its share of its own lines, to within one."""
    home = new_home(days=5, num_events=5000, num_sessions=1000, **{**FAULTLESS, "null_user": 0.04})
    planted = Counter(record["arrival_date"] for record in line_records(home) if record["source"] == "events")
    lines = Counter(line.arrival_date.isoformat() for line in landed_lines(home, "events"))
    assert len(planted) == 5
    for day, count in planted.items():
        assert abs(count - 0.04 * (lines[day] - count)) <= 2


def test_defective_lines_have_identifiers_of_their_own_beyond_the_clean_ones(new_home: NewHome) -> None:
    """So that a line which slips through the rules shows as a row too many."""
    home = new_home(**ONE_DAY, **{**FAULTLESS, **dict.fromkeys(PLANTED_LINES, 0.02), "near_duplicate": 0})
    keys = {(record["source"], int(record["key"][4:])) for record in line_records(home)}
    assert {source for source, _ in keys} == set(SOURCES)
    assert all(number > CLEAN_LINES[source] for source, number in keys)


def test_orphan_sessions_are_their_share_and_their_users_never_arrive(new_home: NewHome) -> None:
    home = new_home(**ONE_DAY, **{**FAULTLESS, "orphan_user": 0.1})
    sessions = {record["session"] for record in line_records(home) if record["source"] == "events"}
    assert 49 <= len(sessions) <= 51
    users = {row["user_id"] for row in user_versions(home)}
    assert len(users) == 400
    events = [json.loads(line.content) for line in landed_lines(home, "events")]
    orphans = {event["user_id"] for event in events if event["session_id"] in sessions}
    others = {event["user_id"] for event in events if event["session_id"] not in sessions}
    assert orphans
    assert not orphans & users
    assert others <= users
