"""The ledger: what is noted comes back, all of a change or nothing, by source, and by several processes at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL, create_engine, text

from lakehouse_assets.errors import LedgerError
from lakehouse_assets.ingestion.landing_writer import WrittenFile
from lakehouse_assets.ingestion.ledger import Ledger, open_ledger
from lakehouse_assets.ingestion.ledger_tables import (
    Advance,
    FileState,
    RemoteFile,
    RemoteOutcome,
    RemoteVersion,
    ShardCheckpoint,
    ShardState,
)
from lakehouse_assets_tests.ingestion.destinations import NOW, destination
from lakehouse_assets_tests.ingestion.postgres_server import PostgresServer

LATER = NOW + timedelta(minutes=5)
ORDERS = RemoteVersion("/out/orders.csv", 100, 1_700_000_000)
GROWN = RemoteVersion("/out/orders.csv", 200, 1_700_000_060)
CHECKPOINT = ShardCheckpoint("clicks", "shardId-000000000000", "4955", ShardState.READING, NOW)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """A new ledger in each of the databases that it is used with."""
    if request.param == "sqlite":
        return destination(tmp_path).ledger
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


def seen(version: RemoteVersion, first_seen_at: datetime = NOW) -> RemoteFile:
    return RemoteFile(version, FileState.SEEN, None, None, "", first_seen_at, first_seen_at)


def test_file_is_seen_and_keeps_the_time_of_the_first_look(url: URL) -> None:
    with open_ledger(url, "transactions") as ledger:
        assert ledger.see([ORDERS], NOW) == [seen(ORDERS)]
        assert ledger.see([ORDERS], LATER) == [seen(ORDERS)]


def test_file_that_grows_begins_anew_and_its_earlier_size_is_dropped(url: URL) -> None:
    with open_ledger(url, "transactions") as ledger:
        ledger.see([ORDERS], NOW)
        assert ledger.see([GROWN], LATER) == [seen(GROWN, LATER)]
        assert ledger.remote_files() == [seen(GROWN, LATER)]


def test_file_that_landed_is_known_even_when_it_is_gone_and_comes_back(url: URL) -> None:
    landed = RemoteOutcome(ORDERS, FileState.LANDED, "a" * 64, "transactions/dt=2024-11-15/orders.csv")
    with open_ledger(url, "transactions") as ledger:
        ledger.see([ORDERS], NOW)
        ledger.advance(Advance(remote_files=(landed,)), LATER)
        ledger.see([], LATER)
        expected = RemoteFile(
            ORDERS, FileState.LANDED, "a" * 64, "transactions/dt=2024-11-15/orders.csv", "", NOW, LATER
        )
        assert ledger.see([ORDERS], LATER) == [expected]
        assert ledger.landed_with_content("a" * 64) == expected
        assert ledger.landed_with_content("b" * 64) is None


def test_content_that_was_skipped_or_rejected_has_not_landed(url: URL) -> None:
    outcomes = (
        RemoteOutcome(ORDERS, FileState.SKIPPED, "a" * 64, reason="as other.csv"),
        RemoteOutcome(GROWN, FileState.REJECTED, "a" * 64, "_rejected/x.csv", "no header"),
    )
    with open_ledger(url, "transactions") as ledger:
        ledger.advance(Advance(remote_files=outcomes), NOW)
        assert ledger.landed_with_content("a" * 64) is None
        assert [(file.state, file.reason) for file in ledger.remote_files()] == [
            (FileState.SKIPPED, "as other.csv"),
            (FileState.REJECTED, "no header"),
        ]


def test_watermarks_and_checkpoints_are_kept_by_source_and_name(url: URL) -> None:
    moved = Advance(watermarks={"position": {"updated_at": "2024-11-15"}}, checkpoints=(CHECKPOINT,))
    drained = ShardCheckpoint("clicks", "shardId-000000000000", "4999", ShardState.DRAINED)
    with open_ledger(url, "events") as events, open_ledger(url, "users") as users:
        assert (events.watermark(), events.checkpoints("clicks")) == (None, [])
        events.advance(moved, NOW)
        assert events.watermark() == {"updated_at": "2024-11-15"}
        assert events.checkpoints("clicks") == [CHECKPOINT]
        events.advance(Advance(checkpoints=(drained,)), LATER)
        assert events.checkpoints("clicks") == [drained]
        assert events.watermark("reconciled") is None
        assert (users.watermark(), users.checkpoints("clicks"), events.checkpoints("other")) == (None, [], [])


def test_what_a_landing_makes_true_is_not_true_before_it_is_finished(url: URL) -> None:
    files = [
        WrittenFile("transactions/dt=2024-11-15/a.csv", "transactions/.incoming/1.part", 5, "a" * 64),
        WrittenFile("transactions/dt=2024-11-15/b.csv", "transactions/.incoming/2.part", 6, "b" * 64, replaces=True),
    ]
    landed = RemoteOutcome(ORDERS, FileState.LANDED, "a" * 64, files[0].source_file)
    advance = Advance((landed,), {"position": 7}, (CHECKPOINT,))
    with open_ledger(url, "transactions") as ledger:
        landing_id = ledger.begin(files, advance, NOW)
        assert ledger.unfinished() == {landing_id: files}
        assert (ledger.watermark(), ledger.checkpoints("clicks"), ledger.remote_files()) == (None, [], [])
        ledger.finish(landing_id, LATER)
        assert ledger.unfinished() == {}
        assert (ledger.watermark(), ledger.checkpoints("clicks")) == (7, [CHECKPOINT])
        assert [file.state for file in ledger.remote_files()] == [FileState.LANDED]


def test_landing_that_is_forgotten_makes_nothing_true(url: URL) -> None:
    file = WrittenFile("users/dt=2024-11-15/a.csv", "users/.incoming/1.part", 5, "a" * 64)
    with open_ledger(url, "users") as ledger:
        ledger.forget(ledger.begin([file], Advance(watermarks={"position": 7}), NOW), LATER)
        assert (ledger.unfinished(), ledger.watermark()) == ({}, None)


def test_change_that_fails_half_way_leaves_nothing_of_it(url: URL) -> None:
    broken = Advance(watermarks={"position": 1, "other": object()})
    with open_ledger(url, "users") as ledger:
        with pytest.raises((LedgerError, TypeError), match="not JSON serializable"):
            ledger.advance(broken, NOW)
        assert ledger.watermark() is None


def test_landing_of_another_source_is_none_of_this_one(url: URL) -> None:
    file = WrittenFile("users/dt=2024-11-15/a.csv", "users/.incoming/1.part", 5, "a" * 64)
    with open_ledger(url, "users") as users, open_ledger(url, "events") as events:
        users.begin([file], Advance(), NOW)
        assert events.unfinished() == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
VERSIONS = st.builds(RemoteVersion, st.text(max_size=9), st.integers(0, 2**62), st.integers(-(2**40), 2**40))
ADVANCES = st.builds(
    Advance,
    st.lists(st.builds(RemoteOutcome, VERSIONS, st.sampled_from(FileState), st.none() | st.text(max_size=5))).map(
        tuple
    ),
    st.dictionaries(st.text(max_size=5), JSON, max_size=3),
    st.lists(
        st.builds(
            ShardCheckpoint,
            st.just("clicks"),
            st.text(max_size=5),
            st.none() | st.text(max_size=5),
            st.sampled_from(ShardState),
            st.none() | TIMES,
        )
    ).map(tuple),
)


@given(ADVANCES)
def test_advance_comes_back_from_the_ledger_as_it_was(advance: Advance) -> None:
    assert Advance.from_json(advance.as_json()) == advance


def test_processes_that_make_and_change_the_ledger_at_once_lose_nothing(url: URL) -> None:
    def count(source: str) -> int:
        with open_ledger(url, source) as ledger:
            for number in range(1, 21):
                ledger.advance(Advance(watermarks={"position": number}), NOW)
            return int(ledger.watermark())

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(count, ["a", "b", "c", "d"])) == [20, 20, 20, 20]


def test_sqlite_survives_a_power_cut_and_waits_for_others(tmp_path: Path) -> None:
    with open_ledger(destination(tmp_path).ledger, "users") as ledger, ledger._engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 30_000, "foreign_keys": 1}


def test_ledger_of_a_newer_release_is_left_alone(url: URL) -> None:
    with open_ledger(url, "users"):
        pass
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE ingestion_ledger SET version = 99"))
    engine.dispose()
    with (
        pytest.raises(LedgerError, match=r"was written by a newer version of lakehouse\. It was left as it is"),
        open_ledger(url, "users"),
    ):
        pass


def unusable(url: URL) -> str:
    with pytest.raises(LedgerError) as refused, open_ledger(url, "users") as ledger:
        ledger.watermark()
    return str(refused.value)


def test_database_that_cannot_be_used_gives_a_clear_error_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "lakehouse").mkdir()
    (tmp_path / "lakehouse" / "ingestion.db").write_bytes(b"this is no database" * 100)
    said = unusable(destination(tmp_path).ledger)
    assert "ingestion.db cannot be used: file is not a database. It is as it was, nothing more was pulled" in said

    server = URL.create("postgresql+psycopg", "lake", "planted", "127.0.0.1", 1, "ledger", {"connect_timeout": "2"})
    said = unusable(server)
    assert "The ledger postgresql+psycopg://lake:***@127.0.0.1:1/ledger" in said
    assert "planted" not in said


def test_times_come_back_in_utc_and_exact(url: URL) -> None:
    time = datetime(2024, 11, 15, 23, 59, 59, 999_999, tzinfo=UTC)
    with open_ledger(url, "events") as ledger:
        _note(ledger, time)
        assert [point.arrived_at for point in ledger.checkpoints("clicks")] == [time]


def _note(ledger: Ledger, time: datetime) -> None:
    ledger.advance(Advance(checkpoints=(ShardCheckpoint("clicks", "0", "1", ShardState.READING, time),)), NOW)
