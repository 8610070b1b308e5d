"""Which days' files are expected at a time, and what counts as a file that is there."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path

import pytest

from lakehouse_assets.alerts.missing import LOOKED_AT_DAYS, expected_days, observe_landing
from lakehouse_assets.alerts.model import Key, Kind

FIRST = date(2024, 11, 1)
DAY = date(2024, 11, 15)


def newest(now: datetime, expected_by: time = time(6)) -> date:
    return expected_days(now, expected_by, FIRST)[-1]


def test_day_is_expected_from_its_time_on_the_next_day() -> None:
    assert newest(datetime(2024, 11, 16, 5, 59, tzinfo=UTC)) == date(2024, 11, 14)
    assert newest(datetime(2024, 11, 16, 6, 0, tzinfo=UTC)) == DAY


def test_time_is_utc_wherever_the_clock_stands() -> None:
    lima = timezone(timedelta(hours=-5))
    assert newest(datetime(2024, 11, 16, 0, 59, tzinfo=lima)) == date(2024, 11, 14)
    assert newest(datetime(2024, 11, 16, 1, 0, tzinfo=lima)) == DAY
    assert newest(datetime(2024, 11, 15, 22, 0, tzinfo=lima), time(3)) == DAY


def test_week_of_days_is_looked_at_and_none_before_the_first() -> None:
    now = datetime(2024, 11, 16, 6, 0, tzinfo=UTC)
    assert len(expected_days(now, time(6), FIRST)) == LOOKED_AT_DAYS
    assert expected_days(now, time(6), date(2024, 11, 14)) == [date(2024, 11, 14), DAY]
    assert expected_days(now, time(6), date(2024, 11, 16)) == []


def missing(landing: Path, *known: Key) -> set[tuple[str, str]]:
    now = datetime(2024, 11, 16, 6, 0, tzinfo=UTC)
    return {(found.key.table, found.key.day) for found in observe_landing(landing, [DAY], known, now) if found.failing}


@pytest.mark.parametrize(("name", "counts"), [("a.json", True), ("a.json.tmp", False), ("_SUCCESS", False)])
def test_only_files_that_count_are_there(tmp_path: Path, name: str, counts: bool) -> None:
    folder = tmp_path / "events" / f"dt={DAY}"
    folder.mkdir(parents=True)
    (folder / name).touch()
    assert (("landing.events", f"{DAY}") not in missing(tmp_path)) == counts


def test_missing_file_that_was_reported_is_looked_for_however_old_it_is(tmp_path: Path) -> None:
    known = Key(Kind.MISSING, "landing.users", "2023-01-01")
    assert ("landing.users", "2023-01-01") in missing(tmp_path, known)


def test_landing_folder_that_is_gone_is_said_in_the_message(tmp_path: Path) -> None:
    found = list(observe_landing(tmp_path / "unmounted", [DAY], [], datetime(2024, 11, 16, 6, 0, tzinfo=UTC)))
    assert {observation.facts.note for observation in found} == {"the landing folder itself is not there"}


def test_folder_that_cannot_be_listed_is_no_missing_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / f"dt={DAY}").touch()
    assert {table for table, _ in missing(tmp_path)} == {"landing.transactions", "landing.users"}
    assert "cannot be listed" in caplog.text
