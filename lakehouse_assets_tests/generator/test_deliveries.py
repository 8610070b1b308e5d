"""How lines and files land: late, twice, gzipped, on every day but the empty one, in the schema of their day."""

import gzip
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from .conftest import EMPTY_DAY, ROUGH_DAYS, SCHEMA_CHANGE_DAY, NewHome
from .reading import (
    LandedLine,
    base_events,
    event_time,
    kinds_by_line,
    landed_lines,
    landing_hour,
    line_records,
    truth_records,
)

HOUR = timedelta(hours=1)
# Without the defects that leave the same remnant of different lines.
WHOLE_LINES = {"corrupt_json_not_an_object": 0, "corrupt_json_truncated": 0}
timed_sources = pytest.mark.parametrize("source", ["events", "transactions"])


def lines_of_kinds(home: Path, source: str, kinds: set[str]) -> list[LandedLine]:
    """The lines with exactly these kinds in the truth, files that landed twice left out."""
    told = kinds_by_line(home)
    return [
        line
        for line in landed_lines(home, source)
        if told.get((line.source_file, line.line_number), set()) == kinds and "-redelivered" not in line.source_file
    ]


@pytest.mark.parametrize(("source", "clean"), [("events", 9000), ("transactions", 600)])
def test_late_lines_are_their_share_and_come_2_to_48_hours_after_their_time(
    source: str, clean: int, rough_home: Path
) -> None:
    late = lines_of_kinds(rough_home, source, {"late_arrival"})
    assert 0.04 <= len(late) / clean <= 0.06
    delays = [landing_hour(line) - event_time(line) for line in late]
    # The file's name tells the hour of the arrival only.
    assert min(delays) > 1 * HOUR
    assert max(delays) < 48 * HOUR
    assert sum(delay > 12 * HOUR for delay in delays) > 0.2 * len(late)


@timed_sources
def test_other_clean_lines_come_in_the_hour_of_their_time(source: str, default_home: Path) -> None:
    on_time = lines_of_kinds(default_home, source, set())
    assert len(on_time) > 200
    for line in on_time:
        assert landing_hour(line) == event_time(line).replace(minute=0, second=0)


@pytest.mark.parametrize(("source", "expected"), [("events", 200), ("transactions", 30)])
def test_duplicates_are_their_share(source: str, expected: int, new_home: NewHome) -> None:
    home = new_home(duplicate_rate=0.1, redelivered_file=0)
    kinds = Counter((record["source"], record["kind"]) for record in line_records(home))
    assert abs(kinds[source, "exact_duplicate"] - expected) <= 1
    assert kinds["users", "exact_duplicate"] == 0


@timed_sources
def test_a_duplicate_repeats_a_line_of_its_own_or_the_hour_before_byte_for_byte(source: str, new_home: NewHome) -> None:
    """In one schema: a line that comes again after the change is written in the new one."""
    home = new_home(duplicate_rate=0.1, redelivered_file=0, schema_change_day="none", **WHOLE_LINES)
    told = kinds_by_line(home)
    hours: dict[bytes, list[tuple[bool, float]]] = {}
    for line in landed_lines(home, source):
        is_copy = "exact_duplicate" in told.get((line.source_file, line.line_number), set())
        hours.setdefault(line.content, []).append((is_copy, landing_hour(line).timestamp() / 3600))
    repeated = [sorted(places) for places in hours.values() if any(is_copy for is_copy, _ in places)]
    assert len(repeated) > 20
    for (is_copy, first), *copies in repeated:
        assert not is_copy
        assert all(is_copy and 0 <= hour - first <= 1 for is_copy, hour in copies)


def test_of_each_day_that_has_lines_one_file_lands_again_with_the_same_bytes(rough_home: Path) -> None:
    records = [record for record in truth_records(rough_home) if record["kind"] == "redelivered_file"]
    assert [record["arrival_date"] for record in records] == [day.isoformat() for day in ROUGH_DAYS if day != EMPTY_DAY]
    landing = rough_home / "landing"
    for record in records:
        assert record["source_file"] == record["key"].replace(".", "-redelivered.", 1)
        assert (landing / record["source_file"]).read_bytes() == (landing / record["key"]).read_bytes()
    landed = {path.relative_to(landing).as_posix() for path in landing.glob("*/*/*-redelivered*")}
    assert landed == {record["source_file"] for record in records}


def test_without_its_rate_no_file_lands_again(new_home: NewHome) -> None:
    home = new_home(redelivered_file=0)
    assert not list(home.rglob("*-redelivered*"))


@pytest.mark.parametrize(("rate", "endings"), [(0, {".jsonl"}), (0.5, {".jsonl", ".gz"}), (1, {".gz"})])
def test_event_files_are_gzipped_at_their_rate_and_others_never(
    rate: float, endings: set[str], new_home: NewHome
) -> None:
    home = new_home(gzip_rate=rate, days=2)
    assert {path.suffix for path in home.glob("landing/events/*/*")} == endings
    assert {path.suffix for path in home.glob("landing/[tu]*/*/*")} == {".csv"}


def test_gzipped_files_carry_neither_time_nor_name(rough_home: Path) -> None:
    packed = sorted((rough_home / "landing").rglob("*.gz"))
    assert packed
    for path in packed:
        content = path.read_bytes()
        assert content[3:8] == b"\0\0\0\0\0"
        assert gzip.decompress(content).endswith(b"\n")


def test_nothing_lands_on_the_empty_day_and_the_rest_comes_around_it(rough_home: Path) -> None:
    landed = {path.name for path in (rough_home / "landing").glob("*/dt=*")}
    assert landed == {f"dt={day}" for day in ROUGH_DAYS if day != EMPTY_DAY}
    assert len(base_events(rough_home)) == 9000


def test_from_the_schema_change_on_files_carry_a_new_field_and_another_column_order(rough_home: Path) -> None:
    versioned = {
        (event["arrival_date"] >= SCHEMA_CHANGE_DAY, "app_version" in event) for event in base_events(rough_home)
    }
    assert versioned == {(False, False), (True, True)}
    assert headers(rough_home, "users") == {
        (False, "user_id,signup_date,device_type,country,updated_at"),
        (True, "user_id,updated_at,country,device_type,signup_date,marketing_opt_in"),
    }
    assert headers(rough_home, "transactions") == {
        (False, "transaction_id,session_id,user_id,amount,currency,transaction_timestamp"),
        (True, "transaction_id,user_id,session_id,payment_method,amount,currency,transaction_timestamp"),
    }


def headers(home: Path, source: str) -> set[tuple[bool, str]]:
    """The headers of a source's files, and whether they came after the change."""
    return {(line.arrival_date >= SCHEMA_CHANGE_DAY, ",".join(line.columns)) for line in landed_lines(home, source)}
