"""Which shards may be read, and which records are gone: by hand, without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lakehouse_assets.ingestion.kinesis_client import Shard
from lakehouse_assets.ingestion.kinesis_state import Gap, StreamState, plan_gaps, plan_readable
from lakehouse_assets.ingestion.ledger_tables import ShardCheckpoint, ShardState

NOON = datetime(2024, 11, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
# 0 was split into 1 and 2, then 1 and 3 were merged into 4.
SHARDS = [Shard("0"), Shard("1", ("0",)), Shard("2", ("0",)), Shard("3"), Shard("4", ("1", "3"))]


def readable(*drained: str, without: str = "") -> list[str]:
    return [shard.shard_id for shard in plan_readable([s for s in SHARDS if s.shard_id != without], set(drained))]


def state(*read_up_to: tuple[str, datetime], drained: str = "", gaps: tuple[Gap, ...] = ()) -> StreamState:
    ended = {shard: ShardCheckpoint("s", shard, "7", ShardState.DRAINED) for shard in drained}
    return StreamState("s", NOON - 100 * HOUR, ended, dict(read_up_to), gaps)


def test_children_are_read_once_every_parent_is_drained() -> None:
    assert readable() == ["0", "3"]
    assert readable("0") == ["1", "2", "3"]
    assert readable("0", "1") == ["2", "3"]
    assert readable("0", "3") == ["1", "2"]
    assert readable("0", "1", "3") == ["2", "4"]


def test_parent_that_the_stream_does_not_list_any_more_is_not_waited_for() -> None:
    assert readable(without="0") == ["1", "2", "3"]


def test_shard_that_was_read_up_to_a_time_that_is_not_kept_any_more_has_a_gap_from_there() -> None:
    known = state(("0", NOON - HOUR), ("3", NOON))
    assert plan_gaps([Shard("0"), Shard("3")], known, NOON) == [Gap("0", NOON - HOUR, NOON)]


def test_gap_that_is_known_is_not_found_again() -> None:
    known = state(("0", NOON - HOUR), gaps=(Gap("0", NOON - HOUR, NOON),))
    assert plan_gaps([Shard("0")], known, NOON + HOUR) == []


def test_shard_that_was_not_drained_and_is_not_listed_any_more_has_a_gap() -> None:
    known = state(("0", NOON - 3 * HOUR))
    assert plan_gaps([Shard("1", ("0",))], known, NOON) == [Gap("0", NOON - 3 * HOUR, NOON)]


def test_drained_shard_may_go() -> None:
    assert plan_gaps([Shard("1", ("0",))], state(("1", NOON), drained="0"), NOON) == []


def test_shard_that_came_and_went_unread_shows_by_its_child() -> None:
    known = state(("2", NOON + HOUR), ("3", NOON + 2 * HOUR), drained="0")
    assert plan_gaps([*SHARDS[2:]], known, NOON) == [Gap("1", NOON + HOUR, NOON + HOUR)]
    assert plan_gaps([*SHARDS[2:]], known, NOON + 2 * HOUR)[-1] == Gap("1", NOON + HOUR, NOON + 2 * HOUR)


def test_first_pull_of_a_stream_that_has_lost_shards_already_has_no_gap() -> None:
    assert plan_gaps(SHARDS[1:], state(), NOON) == []


def test_gap_says_its_shard_times_and_hours() -> None:
    assert str(Gap("0", NOON - 30 * HOUR, NOON)) == (
        "0 from 2024-11-14 06:00:00 UTC to 2024-11-15 12:00:00 UTC (30.0 hours)"
    )
