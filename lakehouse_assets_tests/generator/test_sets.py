"""What a set looks like: exact volumes, funnels, purchases and their transactions, users and their lives, arrivals."""

import itertools
import re
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from generator import GeneratorConfig, generate

from .conftest import EMPTY_DAY, FIRST_DAY
from .reading import (
    Record,
    base_events,
    base_transactions,
    instant,
    kinds_by_line,
    landed_lines,
    parsed,
    user_versions,
)

FUNNEL = ["page_view", "search", "add_to_cart", "checkout", "purchase"]
VOLUMES = [
    pytest.param({}, id="default"),
    pytest.param({"num_events": 500}, id="one_event_per_session"),
    pytest.param({"num_sessions": 40, "num_transactions": 90, "num_events": 700}, id="several_purchases_per_session"),
    pytest.param({"num_users": 1, "num_sessions": 1, "num_events": 1, "num_transactions": 0}, id="least"),
    pytest.param({"num_transactions": 0, "empty_day": 3, "days": 5, "seed": 9}, id="nobody_buys"),
]


def by_session(events: list[Record]) -> dict[str, list[Record]]:
    sessions = defaultdict(list)
    for event in sorted(events, key=lambda event: (event["event_timestamp"], event["event_id"])):
        sessions[event["session_id"]].append(event)
    return sessions


@pytest.mark.parametrize("volumes", VOLUMES)
def test_volumes_are_exact_and_identifiers_have_no_gap(volumes: dict[str, Any], tmp_path: Path) -> None:
    config = GeneratorConfig.load(start=FIRST_DAY, **volumes)
    generate(config, tmp_path)
    events, transactions = base_events(tmp_path), base_transactions(tmp_path)
    wanted = config.volumes
    assert sorted(event["event_id"] for event in events) == [f"EVT_{n:08d}" for n in range(1, wanted.num_events + 1)]
    assert {event["session_id"] for event in events} == {f"SES_{n:06d}" for n in range(1, wanted.num_sessions + 1)}
    assert sorted(row["transaction_id"] for row in transactions) == [
        f"TXN_{n:07d}" for n in range(1, wanted.num_transactions + 1)
    ]
    assert {row["user_id"] for row in user_versions(tmp_path)} == {
        f"USR_{n:05d}" for n in range(1, wanted.num_users + 1)
    }


def test_funnel_stages_are_entered_in_order(default_home: Path) -> None:
    for session in by_session(base_events(default_home)).values():
        types = [event["event_type"] for event in session]
        entered = [types.index(stage) for stage in FUNNEL if stage in types]
        assert entered == sorted(entered)
        assert types[0] == "page_view"


def test_buyers_mostly_walk_the_whole_funnel_and_others_leave_it_at_any_stage(rough_home: Path) -> None:
    stages = [
        tuple(stage in {event["event_type"] for event in session} for stage in FUNNEL)
        for session in by_session(base_events(rough_home)).values()
    ]
    buyers = [seen for seen in stages if seen[-1]]
    assert sum(all(seen) for seen in buyers) > 0.9 * len(buyers)
    assert {sum(seen) for seen in stages} == {1, 2, 3, 4, 5}


def test_a_session_belongs_to_one_user_and_lasts_three_hours_at_most(default_home: Path) -> None:
    for session in by_session(base_events(default_home)).values():
        assert len({event["user_id"] for event in session}) == 1
        times = [instant(event["event_timestamp"]) for event in session]
        assert times[-1] - times[0] <= timedelta(hours=3)


def test_some_sessions_cross_midnight(rough_home: Path) -> None:
    days = [
        {event["event_timestamp"][:10] for event in session} for session in by_session(base_events(rough_home)).values()
    ]
    assert any(len(seen) == 2 for seen in days)


def test_each_transaction_follows_a_purchase_of_its_session_and_user(default_home: Path) -> None:
    purchases = sorted(
        (event["session_id"], event["user_id"], instant(event["event_timestamp"]))
        for event in base_events(default_home)
        if event["event_type"] == "purchase"
    )
    paid = sorted(
        (row["session_id"], row["user_id"], instant(row["transaction_timestamp"]))
        for row in base_transactions(default_home)
    )
    assert [row[:2] for row in paid] == [purchase[:2] for purchase in purchases]
    delays = [(row[2] - purchase[2]).total_seconds() for row, purchase in zip(paid, purchases, strict=True)]
    assert min(delays) >= 0
    assert max(delays) <= 5


def test_late_share_is_the_rate_and_lateness_lies_between_2_and_48_hours(rough_home: Path) -> None:
    kinds = kinds_by_line(rough_home)
    late = [
        line
        for line in landed_lines(rough_home, "events")
        if kinds.get((line.source_file, line.line_number)) == {"late_arrival"}
        and "-redelivered" not in line.source_file
    ]
    assert 0.04 <= len(late) / 9000 <= 0.06
    for line in late:
        hour = int(re.search(r"events-(\d\d)", line.source_file)[1])  # type: ignore[index]
        lands = instant(f"{line.arrival_date}T00:00:00") + timedelta(hours=hour)
        happened = instant(line.content.partition(b'"event_timestamp":"')[2][:19].decode())
        assert timedelta(hours=1) < lands - happened < timedelta(hours=48)


def test_lines_that_are_not_late_lie_in_the_hour_of_their_event_time_or_the_next(default_home: Path) -> None:
    kinds = kinds_by_line(default_home)
    for line in landed_lines(default_home, "transactions"):
        planted = kinds.get((line.source_file, line.line_number), set())
        if planted <= {"exact_duplicate", "orphan_user"}:
            hour = int(re.search(r"transactions-(\d\d)", line.source_file)[1])  # type: ignore[index]
            lands = instant(f"{line.arrival_date}T00:00:00") + timedelta(hours=hour)
            happened = instant(parsed(line)["transaction_timestamp"]).replace(minute=0, second=0)
            assert (lands - happened) / timedelta(hours=1) in ([0, 1] if "exact_duplicate" in planted else [0])


def test_users_arrive_by_the_day_of_their_first_session_but_for_late_and_orphan_ones(rough_home: Path) -> None:
    late = {key for (key, kinds) in keyed_kinds(rough_home, "users") if "late_user" in kinds}
    arrival: dict[str, str] = {}
    for row in user_versions(rough_home):
        arrival[row["user_id"]] = min(row["arrival_date"], arrival.get(row["user_id"], "9999"))
    orphans = set()
    for event in base_events(rough_home):
        user = event["user_id"]
        if user not in arrival:
            orphans.add(user)
        else:
            assert user in late or arrival[user] <= event["event_timestamp"][:10]
    assert orphans
    assert 0 < len(late) < 0.1 * len(arrival)


def keyed_kinds(home: Path, source: str) -> list[tuple[str, set[str]]]:
    kinds = kinds_by_line(home)
    return [
        (line.content.decode().split(",")[0], kinds[line.source_file, line.line_number])
        for line in landed_lines(home, source)
        if (line.source_file, line.line_number) in kinds and line.content.isascii()
    ]


def test_users_sign_up_before_their_sessions_and_change_afterwards(rough_home: Path) -> None:
    versions = defaultdict(list)
    for row in user_versions(rough_home):
        versions[row["user_id"]].append(row)
    changed = [sorted(rows, key=lambda row: row["updated_at"]) for rows in versions.values() if len(rows) > 1]
    assert len(changed) > 20
    for rows in changed:
        assert len({row["signup_date"] for row in rows}) == 1
        assert rows[0]["updated_at"] == rows[0]["signup_date"]
        for before, after in itertools.pairwise(rows):
            assert (before["device_type"], before["country"]) != (after["device_type"], after["country"])
    for event in base_events(rough_home):
        for row in versions.get(event["user_id"], []):
            assert row["signup_date"].replace(" ", "T") <= event["event_timestamp"]


def test_nothing_lands_on_the_empty_day_and_the_rest_comes_around_it(rough_home: Path) -> None:
    landed = {path.name for path in (rough_home / "landing").glob("*/dt=*")}
    assert f"dt={EMPTY_DAY}" not in landed
    assert len(landed) == 5
    assert len(base_events(rough_home)) == 9000


def test_from_the_schema_change_on_files_carry_a_new_field_and_another_column_order(rough_home: Path) -> None:
    change = FIRST_DAY + timedelta(days=4)
    versioned = {(event["arrival_date"] >= change, "app_version" in event) for event in base_events(rough_home)}
    assert versioned == {(False, False), (True, True)}
    assert headers(rough_home, "users", change) == {
        (False, ("user_id", "signup_date", "device_type", "country", "updated_at")),
        (True, ("user_id", "updated_at", "country", "device_type", "signup_date", "marketing_opt_in")),
    }
    assert headers(rough_home, "transactions", change) == {
        (False, ("transaction_id", "session_id", "user_id", "amount", "currency", "transaction_timestamp")),
        (
            True,
            (
                "transaction_id",
                "user_id",
                "session_id",
                "payment_method",
                "amount",
                "currency",
                "transaction_timestamp",
            ),
        ),
    }


def headers(home: Path, source: str, change: date) -> set[tuple[bool, tuple[str, ...]]]:
    return {(line.arrival_date >= change, line.columns) for line in landed_lines(home, source)}


def test_evenings_are_busier_than_nights(rough_home: Path) -> None:
    hours = [event["event_timestamp"][11:13] for event in base_events(rough_home)]
    assert sum(hour in {"19", "20", "21"} for hour in hours) > 4 * sum(hour in {"02", "03", "04"} for hour in hours)
