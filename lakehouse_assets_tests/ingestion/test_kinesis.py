"""Pulls from a real Kinesis server: once and in order, through faults, resharding, and what cannot be pulled."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from lakehouse_assets.errors import (
    SourceUnreachableError,
)
from lakehouse_assets.ingestion.kinesis_shard_reader import Pace
from lakehouse_assets.landing.lines import MAX_LINE_BYTES
from lakehouse_assets_tests.ingestion.destinations import destination
from lakehouse_assets_tests.ingestion.kinesis_proxy import Fault
from lakehouse_assets_tests.ingestion.kinesis_server import SHARD, KinesisStream, event, event_ids
from lakehouse_assets_tests.reference.landing import split_lines
from lakehouse_assets_tests.reference.tables import recompute

MakeStream = Callable[[int], KinesisStream]
EVENING = datetime(2024, 11, 15, 23, 59, 59, tzinfo=UTC)


def later(hours: float) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


def test_records_land_in_their_order_once_and_the_next_pull_goes_on(stream: KinesisStream) -> None:
    stream.put(*map(event, range(5)))
    first = stream.pull()
    today = datetime.now(UTC).date()
    tag = stream.source()._client.describe().tag
    place = f"events/dt={today}/{tag}-{SHARD.format(0)}-{1:056d}-{5:056d}.json.gz"
    assert (first.landed, first.rows, first.skipped, first.lag_seconds) == ((place,), 5, 0, 0.0)
    assert first.bytes == (stream.home / "landing" / place).stat().st_size
    assert stream.ids() == event_ids(range(5))

    stream.put(*map(event, range(5, 8)))
    assert stream.pull().rows == 3
    assert stream.ids() == event_ids(range(8))
    assert stream.pull().landed == ()
    assert stream.state().last_landed(SHARD.format(0)) == 8


def test_each_shard_has_its_own_files_and_checkpoint(make_stream: MakeStream) -> None:
    stream = make_stream(3)
    stream.put(*map(event, range(4)), shard=0)
    stream.put(*map(event, range(4, 6)), shard=2)
    assert len(stream.pull().landed) == 2
    assert stream.ids() == event_ids(range(6))
    known = stream.state()
    assert [known.last_landed(SHARD.format(number)) for number in range(3)] == [4, None, 2]
    assert set(known.read_up_to) == {SHARD.format(number) for number in range(3)}


def test_pages_are_read_until_nothing_follows(stream: KinesisStream) -> None:
    stream.put(*map(event, range(10)))
    stream.proxy.page_records = 3
    assert stream.pull().rows == 10
    assert stream.ids() == event_ids(range(10))
    assert len(stream.files()) == 1


def test_files_are_cut_by_size(stream: KinesisStream) -> None:
    stream.put(*map(event, range(10)))
    stream.proxy.page_records = 2
    assert len(stream.pull(batch_bytes=500).landed) == 3
    assert stream.ids() == event_ids(range(10))


def test_files_are_cut_by_time(stream: KinesisStream) -> None:
    stream.put(*map(event, range(4)))
    stream.proxy.page_records = 2
    assert len(stream.pull(batch_seconds=0).landed) == 2


def test_pull_ends_at_its_limit_with_a_warning_and_the_next_takes_the_rest(stream: KinesisStream) -> None:
    stream.put(*map(event, range(6)))
    stream.proxy.page_records = 2
    stream.proxy.behind_milliseconds = 5000
    short = stream.source(pace=Pace(round_seconds=0.0, pull_records=4)).pull(datetime.now(UTC) + timedelta(hours=1))
    assert (short.rows, short.lag_seconds) == (4, 5.0)
    assert short.warnings == (
        "The pull of events ended at its limit, 5 s before the tip of the stream. The next one goes on from there.",
    )
    stream.proxy.behind_milliseconds = None
    stream.pull()
    assert stream.ids() == event_ids(range(6))


def test_what_comes_while_a_pull_works_does_not_keep_it_going(stream: KinesisStream) -> None:
    numbers = iter(range(1, 1000))
    stream.proxy.before = lambda action, _: stream.put(event(next(numbers))) if action == "GetRecords" else None
    assert stream.pull().rows >= 1
    assert stream.proxy.count("GetRecords") < 10


def test_records_that_cross_midnight_land_under_two_days_in_one_landing(stream: KinesisStream) -> None:
    stream.put(*map(event, range(4)))
    stream.proxy.arrived_at = lambda data: EVENING + timedelta(seconds=json.loads(data)["event_id"] > "EVT_00000001")
    report = stream.pull()
    assert report.days == (date(2024, 11, 15), date(2024, 11, 16))
    first, second = stream.files().items()
    assert first[0].startswith("dt=2024-11-15/")
    assert second[0].startswith("dt=2024-11-16/")
    assert [json.loads(line)["event_id"] for line in second[1].splitlines()] == event_ids([2, 3])
    with destination(stream.home).open_ledger("events") as ledger:
        assert ledger.unfinished() == {}
    assert stream.state().last_landed(SHARD.format(0)) == 4


def test_records_land_as_they_are_and_the_rules_judge_them(stream: KinesisStream) -> None:
    two_lines = event(1) + b"\r\n" + event(2) + b"\n"
    records = [two_lines, b"\xff\xfe no text", b"x" * (MAX_LINE_BYTES - 1), b" ", b"\xef\xbb\xbf" + event(3)]
    stream.put(*records)
    over = event(4, page="y" * MAX_LINE_BYTES)
    # A server of today takes 10 MiB; this one does not, so two records stand for it.
    stream.put(over[: MAX_LINE_BYTES - 9], over[MAX_LINE_BYTES - 9 :])
    report = stream.pull()
    (content,) = stream.files().values()
    ended = [record if record.endswith(b"\n") else record + b"\n" for record in [*records, over[: MAX_LINE_BYTES - 9]]]
    assert content == b"".join(ended) + over[MAX_LINE_BYTES - 9 :] + b"\n"
    assert report.rows == len(list(split_lines(content))) == 7
    tables = recompute(stream.home / "landing")
    assert [row["event_id"] for row in tables.silver["events"]] == event_ids([1, 2])
    assert ["not_utf8"] in [row["failed_rules"] for row in tables.quarantine["events"]]


def test_byte_order_mark_is_judged_alike_wherever_a_file_begins(stream: KinesisStream) -> None:
    stream.put(b"\xef\xbb\xbf" + event(1), event(2), b"\xef\xbb\xbf" + event(3))
    stream.pull()
    assert [row["failed_rules"] for row in recompute(stream.home / "landing").quarantine["events"]] == [
        ["corrupt_json"],
        ["corrupt_json"],
    ]


def test_records_that_a_producer_doubled_and_mixed_up_are_one_row_each(stream: KinesisStream) -> None:
    stream.put(*(event(number) for number in (3, 1, 2, 1, 3)))
    assert stream.pull().rows == 5
    assert [row["event_id"] for row in recompute(stream.home / "landing").silver["events"]] == event_ids([1, 2, 3])


def test_records_that_a_reply_doubles_and_mixes_up_land_once_and_in_order(stream: KinesisStream) -> None:
    stream.put(*map(event, range(5)))
    stream.proxy.page_records = 2
    stream.proxy.repeats = True
    assert stream.pull().rows == 5
    assert stream.ids() == event_ids(range(5))


def test_parent_is_drained_before_its_children_are_read(make_stream: MakeStream) -> None:
    stream = make_stream(3)
    for shard in range(3):
        stream.put(*map(event, range(10 * shard, 10 * shard + 4)), shard=shard)
    stream.proxy.page_records = 2
    stream.split()
    assert stream.pull().rows == 12
    read = stream.proxy.shards_read()
    last_of_parent = max(number for number, shard in enumerate(read) if shard == SHARD.format(0))
    assert last_of_parent < min(number for number, shard in enumerate(read) if shard != SHARD.format(0))
    assert stream.state().drained == {SHARD.format(0)}
    stream.proxy.seen.clear()
    stream.pull()
    assert SHARD.format(0) not in stream.proxy.shards_read()


def test_merged_shard_waits_for_both_its_parents(make_stream: MakeStream) -> None:
    stream = make_stream(3)
    for shard in range(3):
        stream.put(*map(event, range(10 * shard, 10 * shard + 2 + 2 * shard)), shard=shard)
    stream.proxy.page_records = 2
    stream.proxy.closed = {SHARD.format(0), SHARD.format(1)}
    stream.proxy.parents = {SHARD.format(2): (SHARD.format(0), SHARD.format(1))}
    stream.proxy.faults = [Fault("GetRecords", "InternalFailure", 500, times=3, shard_id=SHARD.format(1))]
    with pytest.raises(SourceUnreachableError):
        stream.pull()
    assert SHARD.format(2) not in stream.proxy.shards_read()
    stream.pull()
    assert stream.proxy.shards_read()[-1] == SHARD.format(2)
    assert len(stream.ids()) == len(set(stream.ids())) == 12


def test_split_in_the_middle_of_a_pull_is_followed_in_it(make_stream: MakeStream) -> None:
    stream = make_stream(3)
    for shard in range(3):
        stream.put(*map(event, range(10 * shard, 10 * shard + 4)), shard=shard)
    stream.proxy.hidden = {SHARD.format(1), SHARD.format(2)}
    stream.proxy.page_records = 2

    def split_after_the_first_page(action: str, _: object) -> None:
        if action == "GetRecords":
            stream.proxy.hidden = set()
            stream.split()

    stream.proxy.before = split_after_the_first_page
    assert stream.pull().rows == 12


@pytest.mark.parametrize("reshard", ["split", "merge"])
def test_resharding_by_the_server_itself_leaves_each_event_one_row(make_stream: MakeStream, reshard: str) -> None:
    stream = make_stream(2)
    stream.put(*map(event, range(3)), shard=0)
    stream.pull()
    if reshard == "split":
        stream.client.split_shard(StreamName=stream.name, ShardToSplit=SHARD.format(0), NewStartingHashKey=str(2**126))
    else:
        stream.client.merge_shards(
            StreamName=stream.name, ShardToMerge=SHARD.format(0), AdjacentShardToMerge=SHARD.format(1)
        )
    stream.put(*map(event, range(3, 6)), shard=1)
    stream.pull()
    rows = recompute(stream.home / "landing").silver["events"]
    assert [row["event_id"] for row in rows] == event_ids(range(6))
    assert stream.state().drained >= {SHARD.format(0)}


def test_ledger_that_was_lost_lands_nothing_twice(stream: KinesisStream) -> None:
    stream.put(*map(event, range(3)))
    stream.pull()
    for file in (stream.home / "lakehouse").glob("ingestion.db*"):
        file.unlink()
    stream.put(event(3))
    report = stream.pull()
    assert (report.rows, report.skipped) == (1, 3)
    assert stream.ids() == event_ids(range(4))


def test_check_tells_what_waits_and_changes_nothing(make_stream: MakeStream) -> None:
    stream = make_stream(2)
    stream.put(event(1), event(2))
    status = stream.source().check(later(hours=3))
    assert status.pending == "1 of 2 shards, 3.0 h"
    assert status.detail == f"The stream {stream.name} at {stream.proxy.url.removeprefix('http://')}, kept for 1 days"
    assert stream.files() == {}
    stream.pull()
    assert stream.source().check(datetime.now(UTC)).pending == "nothing"
