"""The life of users: sign-up before the first session, changes afterwards, a first version that may come days late."""

import itertools
from collections import Counter, defaultdict
from datetime import date, timedelta
from pathlib import Path

import pytest

from .conftest import EMPTY_DAY, ROUGH_DAYS, NewHome
from .reading import Row, base_events, kinds_by_line, landed_lines, parsed, user_versions


def versions_by_user(home: Path) -> dict[str, list[Row]]:
    """The versions of each user, by the time of the update."""
    versions = defaultdict(list)
    for row in sorted(user_versions(home), key=lambda row: row["updated_at"]):
        versions[row["user_id"]].append(row)
    return versions


def users_told_late(home: Path) -> dict[str, Row]:
    """The first versions that the truth calls late, with their arrival day."""
    kinds = kinds_by_line(home)
    late = [
        line for line in landed_lines(home, "users") if kinds.get((line.source_file, line.line_number)) == {"late_user"}
    ]
    return {parsed(line)["user_id"]: parsed(line) | {"arrival_date": line.arrival_date.isoformat()} for line in late}


def test_users_sign_up_before_their_sessions(rough_home: Path) -> None:
    versions = versions_by_user(rough_home)
    known = [event for event in base_events(rough_home) if event["user_id"] in versions]
    assert len(known) > 8000
    for event in known:
        assert versions[event["user_id"]][0]["signup_date"].replace(" ", "T") <= event["event_timestamp"]


def test_each_later_version_changes_the_device_or_the_country_and_nothing_else(rough_home: Path) -> None:
    changed = [rows for rows in versions_by_user(rough_home).values() if len(rows) > 1]
    assert len(changed) > 20
    for rows in changed:
        assert len({row["signup_date"] for row in rows}) == 1
        assert rows[0]["updated_at"] == rows[0]["signup_date"]
        for before, after in itertools.pairwise(rows):
            assert (before["device_type"] != after["device_type"]) != (before["country"] != after["country"])


def test_the_share_of_known_users_that_change_on_a_day_is_the_rate(new_home: NewHome) -> None:
    home = new_home(days=4, num_users=500, user_changes_per_day=0.1)
    versions = user_versions(home)
    changes = Counter(row["updated_at"][:10] for row in versions if row["updated_at"] != row["signup_date"])
    days = [f"2024-11-{day:02d}" for day in (4, 5, 6, 7)]
    sign_ups = {row["user_id"]: row["signup_date"][:10] for row in versions}
    known = [sum(signed_up < day for signed_up in sign_ups.values()) for day in days]
    assert changes[days[0]] == 0
    for day, users in zip(days[1:], known[1:], strict=True):
        assert abs(changes[day] - 0.1 * users) <= 1


@pytest.mark.parametrize(("rate", "least", "most"), [(0, 0, 0), (0.2, 60, 101)])
def test_late_users_are_their_share(rate: float, least: int, most: int, new_home: NewHome) -> None:
    """Of 500; those who sign up at the end have no later day to come on."""
    home = new_home(days=6, num_users=500, late_user=rate)
    assert least <= len(users_told_late(home)) <= most


def test_late_users_arrive_one_or_two_days_after_signing_up(new_home: NewHome) -> None:
    home = new_home(days=6, num_users=500, late_user=0.2)
    late = users_told_late(home)
    delays = Counter(
        (date.fromisoformat(row["arrival_date"]) - max(date.fromisoformat(row["signup_date"][:10]), date(2024, 11, 4)))
        / timedelta(days=1)
        for row in late.values()
    )
    assert set(delays) == {1, 2}
    assert min(delays.values()) > 10


def test_other_users_arrive_on_the_day_they_sign_up_and_the_older_ones_on_the_first(rough_home: Path) -> None:
    late = users_told_late(rough_home)
    assert late
    first = {user: rows[0] for user, rows in versions_by_user(rough_home).items() if user not in late}
    older = [row for row in first.values() if row["signup_date"][:10] < "2024-11-04"]
    assert {row["arrival_date"] for row in older} == {"2024-11-04"}
    newer = [row for row in first.values() if row["signup_date"][:10] >= "2024-11-04"]
    assert len(newer) > 100
    assert [row["arrival_date"] for row in newer] == [row["signup_date"][:10] for row in newer]
    assert {row["arrival_date"] for row in newer} == {day.isoformat() for day in ROUGH_DAYS if day != EMPTY_DAY}


def test_the_longer_a_user_is_there_the_more_sessions_it_has(rough_home: Path) -> None:
    sessions = Counter(
        user for user, _ in {(event["user_id"], event["session_id"]) for event in base_events(rough_home)}
    )
    oldest, youngest = ([sessions[f"USR_{n:05d}"] for n in numbers] for numbers in (range(1, 101), range(101, 201)))
    assert sum(oldest) > 1.5 * sum(youngest)
    assert sum(youngest) > 0
