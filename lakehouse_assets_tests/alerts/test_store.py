"""What several processes remember together: who may send, what is due again, and what survives."""

from __future__ import annotations

import multiprocessing
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse_assets.alerts.errors import AlertStateError
from lakehouse_assets.alerts.model import Event, Facts, Key, Kind, Observation
from lakehouse_assets.alerts.store import CLAIM, KEEP, Store

NOON = datetime(2024, 11, 16, 12, tzinfo=UTC)
HELD = Key(Kind.HELD, "silver.events", "2024-11-15", "gate")
FACTS = Facts("run", 20, 30, "a threshold", "ERROR", "SELECT 1", "a note")


def seen(failing: bool, at: datetime = NOON, key: Key = HELD) -> Observation:
    return Observation(key, failing, at, FACTS)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "alerts.db")


def due(store: Store, now: datetime = NOON, *found: Observation, channel: str = "webhook") -> list[Event]:
    return [message.event for message in store.claim([channel], found, now)[channel]]


def tell(store: Store, now: datetime = NOON, *found: Observation) -> list[Event]:
    """Claim, send and settle."""
    messages = store.claim(["webhook"], found, now)["webhook"]
    for message in messages:
        store.settle("webhook", message, now)
    return [message.event for message in messages]


def claim_in_a_process(file: Path) -> int:
    return len(Store(file).claim(["webhook"], [seen(True)], NOON)["webhook"])


def test_of_many_processes_that_find_the_same_incident_one_may_tell_it(tmp_path: Path) -> None:
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=spawned) as processes:
        claimed = list(processes.map(claim_in_a_process, [tmp_path / "alerts.db"] * 40))
    assert sum(claimed) == 1


def test_message_comes_back_as_it_was_found(store: Store) -> None:
    (message,) = store.claim(["webhook"], [seen(True)], NOON)["webhook"]
    (incident,) = message.incidents
    assert (incident.key, incident.failing, incident.seen_at, incident.facts) == (HELD, True, NOON, FACTS)
    assert (incident.opened_at, incident.closed_at) == (NOON, None)


def test_claimed_message_is_not_due_for_others(store: Store) -> None:
    assert due(store, NOON, seen(True)) == [Event.OPENED]
    assert due(store, NOON, seen(True)) == []


def test_message_that_was_let_go_is_due_again_at_once(store: Store) -> None:
    (message,) = store.claim(["webhook"], [seen(True)], NOON)["webhook"]
    store.release("webhook", message)
    assert due(store) == [Event.OPENED]


def test_claim_of_a_killed_process_runs_out(store: Store) -> None:
    assert due(store, NOON, seen(True)) == [Event.OPENED]
    assert due(store, NOON + CLAIM - timedelta(seconds=1)) == []
    assert due(store, NOON + CLAIM) == [Event.OPENED]


def test_incident_that_ends_while_its_message_is_on_its_way_is_taken_back_at_the_next_look(store: Store) -> None:
    (message,) = store.claim(["webhook"], [seen(True)], NOON)["webhook"]
    assert due(store, NOON, seen(False, NOON + timedelta(seconds=1))) == []
    store.settle("webhook", message, NOON)
    assert due(store) == [Event.RESOLVED]


def test_each_channel_is_told_for_itself(store: Store) -> None:
    assert tell(store, NOON, seen(True)) == [Event.OPENED]
    assert due(store, channel="mail") == [Event.OPENED]
    assert due(store) == []


def test_kinds_that_are_not_asked_for_are_not_told(store: Store) -> None:
    missing = Key(Kind.MISSING, "landing.events", "2024-11-15")
    assert tell(store, NOON, seen(True, key=missing)) == [Event.OPENED]
    later = NOON + timedelta(days=1)
    assert store.claim(["webhook"], [], later, kinds=[Kind.HELD]) == {"webhook": []}
    assert due(store, later) == [Event.REMINDER]


def test_list_has_open_incidents_and_on_request_those_that_are_over_but_never_what_was_always_well(
    store: Store,
) -> None:
    over = Key(Kind.HELD, "silver.events", "2024-11-14", "gate")
    well = Key(Kind.HELD, "silver.users", "2024-11-14", "gate")
    tell(store, NOON, seen(True), seen(True, key=over), seen(False, key=well))
    tell(store, NOON, seen(False, NOON + timedelta(hours=1), over))
    assert [incident.key for incident in store.incidents()] == [HELD]
    assert [incident.key for incident in store.incidents(with_closed=True)] == [HELD, over]
    assert store.incidents(with_closed=True)[1].closed_at == NOON + timedelta(hours=1)


def test_incident_that_comes_again_is_a_new_one(store: Store) -> None:
    told = [
        tell(store, NOON, seen(failing, NOON + timedelta(minutes=minute)))
        for minute, failing in enumerate([True, False, True])
    ]
    assert told == [[Event.OPENED], [Event.RESOLVED], [Event.OPENED]]
    (incident,) = store.incidents()
    assert (incident.opened_at, incident.closed_at) == (NOON + timedelta(minutes=2), None)


def test_reading_the_list_makes_no_file(store: Store, tmp_path: Path) -> None:
    assert store.incidents() == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_long_over_is_forgotten_and_what_is_open_is_not(store: Store, tmp_path: Path) -> None:
    over = Key(Kind.HELD, "silver.events", "2024-11-14", "gate")
    tell(store, NOON, seen(True), seen(True, key=over))
    tell(store, NOON, seen(False, NOON + timedelta(seconds=1), over))
    new = Key(Kind.HELD, "silver.events", "2026-01-01", "gate")
    tell(store, NOON, seen(False, NOON + KEEP + timedelta(days=1), new))
    assert [incident.key for incident in store.incidents(with_closed=True)] == [HELD]
    with sqlite3.connect(tmp_path / "alerts.db") as connection:
        assert connection.execute("SELECT day FROM told").fetchall() == [("2024-11-15",)]


def test_file_of_a_newer_version_is_left_as_it_is(store: Store, tmp_path: Path) -> None:
    tell(store, NOON, seen(True))
    with sqlite3.connect(tmp_path / "alerts.db") as connection:
        connection.execute("PRAGMA user_version = 2")
    before = (tmp_path / "alerts.db").read_bytes()
    with pytest.raises(AlertStateError, match="newer version of lakehouse"):
        store.claim(["webhook"], [seen(False, NOON + timedelta(hours=1))], NOON)
    assert (tmp_path / "alerts.db").read_bytes() == before


def test_file_that_is_no_database_is_an_error_that_says_what_to_do(store: Store, tmp_path: Path) -> None:
    (tmp_path / "alerts.db").write_bytes(b"no database" * 100)
    with pytest.raises(AlertStateError, match=r"alerts\.db cannot be used: .* it may be removed"):
        store.claim(["webhook"], [seen(True)], NOON)
