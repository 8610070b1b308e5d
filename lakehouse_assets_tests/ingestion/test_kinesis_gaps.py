"""What a stream dropped before it was pulled, what is near to that, and a stream made anew: never passed over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from lakehouse_assets.errors import (
    DataGapError,
    SourcePermissionError,
    SourceReplacedError,
)
from lakehouse_assets_tests.ingestion.destinations import files_below
from lakehouse_assets_tests.ingestion.kinesis_proxy import Fault
from lakehouse_assets_tests.ingestion.kinesis_server import SHARD, KinesisStream, event, event_ids

MakeStream = Callable[[int], KinesisStream]


def later(hours: float) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


def test_gap_is_told_once_with_its_times_and_what_is_kept_lands(stream: KinesisStream) -> None:
    stream.put(event(1))
    stream.pull()
    stream.put(event(2))
    with pytest.raises(DataGapError) as gap:
        stream.pull(later(hours=30))
    text = str(gap.value)
    assert f"The stream {stream.name} dropped records by its retention before they were pulled" in text
    assert "shardId-000000000000 from 20" in text
    assert "(6.0 hours)" in text
    assert "What is kept was pulled: 1 files, 1 rows landed." in text
    assert stream.ids() == event_ids([1, 2])
    assert stream.pull(later(hours=31)).warnings == ()
    assert "1 gaps so far" in stream.source().check(later(hours=31)).detail


def test_checkpoint_that_was_trimmed_away_is_a_gap_and_reading_goes_on_with_the_oldest(stream: KinesisStream) -> None:
    stream.put(*map(event, range(2)))
    stream.pull()
    stream.put(*map(event, range(2, 6)))
    stream.proxy.trimmed_up_to = {SHARD.format(0): 4}
    stream.proxy.refuses_trimmed = True
    with pytest.raises(DataGapError, match="shardId-000000000000 from"):
        stream.pull()
    assert stream.ids() == event_ids([0, 1, 4, 5])
    assert stream.pull().rows == 0


def test_shard_that_went_before_it_was_drained_is_a_gap_and_its_children_are_read(make_stream: MakeStream) -> None:
    stream = make_stream(3)
    stream.put(event(1), shard=0)
    stream.put(event(2), shard=1)
    stream.proxy.hidden = {SHARD.format(1), SHARD.format(2)}
    stream.pull()
    stream.split()
    stream.proxy.hidden = {SHARD.format(0)}
    with pytest.raises(DataGapError, match="shardId-000000000000 from"):
        stream.pull()
    assert stream.ids() == event_ids([1, 2])
    assert stream.pull().rows == 0


def test_gap_of_a_pull_that_was_ended_before_it_told_is_told_by_the_next(stream: KinesisStream) -> None:
    stream.put(event(1))
    stream.pull()
    stream.proxy.faults = [Fault("GetRecords", "AccessDeniedException")]
    with pytest.raises(SourcePermissionError):
        stream.pull(later(hours=30))
    with pytest.raises(DataGapError):
        stream.pull(later(hours=30))


def test_lag_near_the_retention_is_warned_of_and_a_small_one_is_not(stream: KinesisStream) -> None:
    stream.put(event(1))
    assert stream.pull(later(hours=17)).warnings == ()
    stream.put(event(2))
    (warning,) = stream.pull(later(hours=19)).warnings
    assert warning == (
        f"The pull of events was 19.0 h behind, 79 % of the 1 days for which {stream.name} keeps records; older ones "
        "are lost. Pull more often, or lengthen the retention."
    )


def test_stream_made_anew_is_not_pulled_until_a_person_says_so(stream: KinesisStream) -> None:
    stream.put(event(1))
    stream.pull()
    before = files_below(stream.home / "landing")
    stream.make_anew()
    stream.put(event(2))
    with pytest.raises(SourceReplacedError, match=r"is not the one that was pulled so far: it was made 20.*accept-new"):
        stream.pull()
    with pytest.raises(SourceReplacedError):
        stream.source().check(datetime.now(UTC))
    assert files_below(stream.home / "landing") == before
    stream.source().accept_new_stream(datetime.now(UTC))
    stream.pull()
    known = stream.state()
    stream.source().accept_new_stream(datetime.now(UTC))
    assert stream.state() == known
    # Both have the sequence number 1: the earlier file is still there.
    assert sorted(stream.ids()) == event_ids([1, 2])


def test_stream_made_anew_while_it_is_read_lands_nothing_under_the_old_name(stream: KinesisStream) -> None:
    stream.put(event(1))
    made = iter([stream.make_anew])
    stream.proxy.before = lambda action, _: next(made, lambda: None)() if action == "GetRecords" else None
    with pytest.raises(SourceReplacedError):
        stream.pull()
    assert stream.files() == {}
