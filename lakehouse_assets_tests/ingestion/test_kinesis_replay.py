"""Replay: what landing lost comes back, what it has stays, and silver is the same however often."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from lakehouse_assets.engine.session import Engine
from lakehouse_assets.errors import SettingsError, SourceReplacedError
from lakehouse_assets.storage.lake import Lake, open_catalog
from lakehouse_assets_tests.comparing import oracle_as_rows, tables_as_rows
from lakehouse_assets_tests.driving import run_pipeline
from lakehouse_assets_tests.ingestion.destinations import files_below
from lakehouse_assets_tests.ingestion.kinesis_server import SHARD, KinesisStream, event, event_ids
from lakehouse_assets_tests.reference.tables import recompute

EARLY = datetime(2024, 11, 15, 23, 50, tzinfo=UTC)
POSITION = ("arrival_date", "source_file", "line_number")


def minute_of(data: bytes) -> datetime:
    """Each record arrives a minute after the one before; the eleventh is the first of the next day."""
    return EARLY + timedelta(minutes=int(json.loads(data)["event_id"][4:]))


def silver(stream: KinesisStream, *, without: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Silver by the reference implementation."""
    rows = recompute(stream.home / "landing").silver["events"]
    return [{name: value for name, value in row.items() if name not in without} for row in rows]


def all_of_it(stream: KinesisStream) -> list[str]:
    """Replay everything: the places that landed."""
    return list(replay(stream, EARLY, EARLY + timedelta(days=1)))


def replay(stream: KinesisStream, start: datetime, end: datetime, **values: Any) -> tuple[str, ...]:
    return stream.source(**values).replay(start, end, datetime.now(UTC)).landed


@pytest.fixture
def pulled(stream: KinesisStream) -> KinesisStream:
    """Twenty records on two days, in files of a few; three share their key and its time."""
    stream.proxy.arrived_at = minute_of
    stream.proxy.page_records = 3
    stream.put(*(event(number, event_timestamp="2024-11-15T23:00:00") for number in range(20)))
    stream.pull(batch_bytes=600)
    return stream


def test_replay_of_what_landing_has_changes_nothing(pulled: KinesisStream) -> None:
    before = files_below(pulled.home / "landing")
    checkpoints = pulled.state()
    report = pulled.source().replay(EARLY, EARLY + timedelta(days=1), datetime.now(UTC))
    assert (report.landed, report.rows, report.skipped) == ((), 0, 20)
    assert files_below(pulled.home / "landing") == before
    assert pulled.state() == checkpoints


def test_landing_that_was_lost_comes_back_under_the_days_of_arrival_and_twice_is_once(pulled: KinesisStream) -> None:
    before = silver(pulled, without=POSITION)
    shutil.rmtree(pulled.home / "landing")
    landed = all_of_it(pulled)
    assert [place.split("/")[1] for place in landed] == ["dt=2024-11-15", "dt=2024-11-16"]
    assert silver(pulled, without=POSITION) == before
    once = files_below(pulled.home / "landing"), silver(pulled)
    assert all_of_it(pulled) == []
    assert (files_below(pulled.home / "landing"), silver(pulled)) == once


def test_only_what_is_lost_lands_again_and_no_line_is_there_twice(pulled: KinesisStream) -> None:
    before = sorted(pulled.ids())
    lost = sorted(pulled.files())[1::2]
    for place in lost:
        (pulled.home / "landing" / "events" / place).unlink()
    # Cut otherwise than the pull cut them.
    pulled.proxy.page_records = 2
    assert len(replay(pulled, EARLY, EARLY + timedelta(days=1), batch_bytes=300)) > len(lost)
    assert sorted(pulled.ids()) == before == event_ids(range(20))


def test_only_the_range_is_replayed_half_open(pulled: KinesisStream) -> None:
    shutil.rmtree(pulled.home / "landing")
    replay(pulled, EARLY + timedelta(minutes=4), EARLY + timedelta(minutes=12))
    assert pulled.ids() == event_ids(range(4, 12))
    replay(pulled, EARLY + timedelta(minutes=2), EARLY + timedelta(minutes=6))
    assert pulled.ids() == event_ids(range(2, 12))


def test_range_that_is_lost_by_name_is_never_claimed_by_a_file_around_it(pulled: KinesisStream) -> None:
    """A file claims all from its first to its last record; the ones between that it lacks must split it."""
    shutil.rmtree(pulled.home / "landing")
    replay(pulled, EARLY + timedelta(minutes=4), EARLY + timedelta(minutes=6))
    middle = sorted(pulled.files())
    replay(pulled, EARLY, EARLY + timedelta(minutes=10))
    for place in middle:
        (pulled.home / "landing" / "events" / place).unlink()
    assert sorted(pulled.ids()) == event_ids([0, 1, 2, 3, 6, 7, 8, 9])
    all_of_it(pulled)
    assert sorted(pulled.ids()) == event_ids(range(20))


def test_of_two_versions_the_same_one_wins_however_files_are_cut(stream: KinesisStream) -> None:
    stream.proxy.arrived_at = lambda _: EARLY
    stream.proxy.page_records = 1
    same = [event(1, event_timestamp="2024-11-15T23:00:00", page=number) for number in range(12)]
    stream.put(*same)
    stream.pull(batch_bytes=1)
    before = silver(stream, without=POSITION)
    assert [row["extra"] for row in before] == [{"page": 11}]
    for place in sorted(stream.files())[4:]:
        (stream.home / "landing" / "events" / place).unlink()
    stream.proxy.page_records = None
    all_of_it(stream)
    assert silver(stream, without=POSITION) == before


def test_what_a_replay_brings_ahead_of_the_checkpoint_the_next_pull_leaves_out(pulled: KinesisStream) -> None:
    pulled.put(event(20), event(21))
    all_of_it(pulled)
    # A pull of the day on which these arrived; the stream's retention reaches back that far only then.
    report = pulled.pull(EARLY + timedelta(hours=2))
    assert (report.rows, report.skipped) == (0, 2)
    assert pulled.ids() == event_ids(range(22))


def test_closed_shards_are_replayed_too(pulled: KinesisStream) -> None:
    shutil.rmtree(pulled.home / "landing")
    pulled.proxy.closed = {SHARD.format(0)}
    all_of_it(pulled)
    assert pulled.ids() == event_ids(range(20))


def test_range_older_than_the_stream_is_told_with_its_hours(pulled: KinesisStream) -> None:
    now = datetime.now(UTC)
    (warning,) = pulled.source().replay(now - timedelta(hours=30), now, now).warnings
    assert warning.startswith(f"{pulled.name} holds nothing that arrived before ")
    assert "(30.0 hours) could not be replayed" in warning


@pytest.mark.parametrize(("start", "end"), [(1, 1), (2, 1), (24 * 365 * 50, 24 * 365 * 51)])
def test_empty_range_is_refused(stream: KinesisStream, start: int, end: int) -> None:
    first, last = (EARLY + timedelta(hours=hours) for hours in (start, end))
    with pytest.raises(SettingsError, match=r"No record can have arrived from .*Nothing was replayed"):
        stream.source().replay(first, last, datetime.now(UTC))


def test_stream_made_anew_is_not_replayed(pulled: KinesisStream) -> None:
    pulled.make_anew()
    with pytest.raises(SourceReplacedError):
        all_of_it(pulled)


def test_platform_has_the_same_silver_and_quarantine_after_one_replay_and_after_two(
    pulled: KinesisStream, engine: Engine
) -> None:
    """A doubled line that is bad would count twice at the gate; here nothing is doubled."""
    lake = Lake(open_catalog(pulled.home), engine, pulled.home / "scratch")
    days = [date(2024, 11, 15), date(2024, 11, 16)]

    def run() -> dict[str, list[dict[str, Any]]]:
        run_pipeline(lake, pulled.home / "landing", days)
        return tables_as_rows(lake)

    for place in sorted(pulled.files())[::2]:
        (pulled.home / "landing" / "events" / place).unlink()
    all_of_it(pulled)
    once = run()
    assert once == oracle_as_rows(pulled.home / "landing")
    assert len(once["silver.events"]) == 20
    all_of_it(pulled)
    assert run() == once
