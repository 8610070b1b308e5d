"""What the ledger knows of a stream, which shards may be read by it, and which records are gone.

Per shard the ledger keeps a checkpoint (the last record that landed) and, in one watermark per stream, the time up to
which the shard was read: everything that arrived before it has landed, also where nothing came. By the latter a gap is
found: Kinesis passes over records that its retention dropped without a word.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from lakehouse_assets.errors import DataGapError, SourceReplacedError
from lakehouse_assets.ingestion.kinesis_client import Shard, Stream
from lakehouse_assets.ingestion.kinesis_errors import SOURCE
from lakehouse_assets.ingestion.ledger import Ledger
from lakehouse_assets.ingestion.ledger_tables import ShardCheckpoint, ShardState

# More than anybody reads; the watermark is written with each landing.
_GAPS_KEPT = 100


@dataclass(frozen=True)
class Gap:
    """Records of a shard that may have come and are gone.

    Args:
        shard_id: of the shard.
        start: up to here everything has landed, at least.
        end: from here on everything is still kept.
        is_told: whether a pull has ended with an error that says so.
    """

    shard_id: str
    start: datetime
    end: datetime
    is_told: bool = False

    def __str__(self) -> str:
        hours = (self.end - self.start).total_seconds() / 3600
        return f"{self.shard_id} from {shown(self.start)} to {shown(self.end)} ({hours:,.1f} hours)"


@dataclass(frozen=True)
class StreamState:
    """What is known of a stream.

    Args:
        key: of the stream, see `Stream.key`.
        created_at: of the stream.
        checkpoints: by shard.
        read_up_to: by shard, of those that are not drained.
        gaps: that were found, the earliest first.
    """

    key: str
    created_at: datetime
    checkpoints: Mapping[str, ShardCheckpoint] = field(default_factory=dict)
    read_up_to: Mapping[str, datetime] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()

    @property
    def drained(self) -> set[str]:
        """Shards of which everything has landed, or is gone."""
        return {shard for shard, each in self.checkpoints.items() if each.state is ShardState.DRAINED}

    def last_landed(self, shard_id: str) -> int | None:
        """The sequence number of the last record of a shard that landed."""
        checkpoint = self.checkpoints.get(shard_id)
        return int(checkpoint.sequence_number) if checkpoint and checkpoint.sequence_number else None

    def moved(self, checkpoints: Sequence[ShardCheckpoint], read_up_to: Mapping[str, datetime]) -> StreamState:
        """With these positions; a drained shard needs no time."""
        known = {**self.checkpoints, **{each.shard_id: each for each in checkpoints}}
        moved = replace(self, checkpoints=known)
        times = {**self.read_up_to, **read_up_to}
        return replace(moved, read_up_to={shard: time for shard, time in times.items() if shard not in moved.drained})

    def with_gaps(self, gaps: Sequence[Gap]) -> StreamState:
        """With more gaps."""
        return replace(self, gaps=(*self.gaps, *gaps)[-_GAPS_KEPT:])

    def told(self) -> StreamState:
        """With all gaps told."""
        return replace(self, gaps=tuple(replace(gap, is_told=True) for gap in self.gaps))

    def watermarks(self, stream: str) -> dict[str, Any]:
        """As the ledger keeps it beside the checkpoints."""
        gaps = [
            {
                "shard_id": gap.shard_id,
                "start": gap.start.isoformat(),
                "end": gap.end.isoformat(),
                "is_told": gap.is_told,
            }
            for gap in self.gaps
        ]
        return {
            _watermark(stream): {
                "key": self.key,
                "created_at": self.created_at.isoformat(),
                "read_up_to": {shard: time.isoformat() for shard, time in self.read_up_to.items()},
                "gaps": gaps,
            }
        }


def read_state(ledger: Ledger, stream: Stream) -> StreamState:
    """What is known of the stream; nothing at its first pull.

    Raises:
        SourceReplacedError: another stream of this name was pulled before.
    """
    kept = ledger.watermark(_watermark(stream.name))
    if kept is None:
        return StreamState(stream.key, stream.created_at)
    created_at = datetime.fromisoformat(kept["created_at"])
    if kept["key"] != stream.key:
        raise replaced(stream, created_at)
    gaps = (
        Gap(
            each["shard_id"],
            datetime.fromisoformat(each["start"]),
            datetime.fromisoformat(each["end"]),
            each["is_told"],
        )
        for each in kept["gaps"]
    )
    return StreamState(
        stream.key,
        created_at,
        {each.shard_id: each for each in ledger.checkpoints(stream.key)},
        {shard: datetime.fromisoformat(time) for shard, time in kept["read_up_to"].items()},
        tuple(gaps),
    )


def replaced(stream: Stream, created_at: datetime) -> SourceReplacedError:
    """The error for a stream that is not the one of the ledger, which was made at `created_at`."""
    return SourceReplacedError(
        f"The stream {stream.name} is not the one that was pulled so far: it was made {shown(stream.created_at)}, that "
        f"one {shown(created_at)} ({stream.arn} now). Nothing of it was pulled, landing and checkpoints are as they "
        "were; what the earlier stream still held cannot be pulled any more. If the new one is meant, run "
        "`lakehouse ingest events --accept-new-stream` once.",
        source=SOURCE,
    )


def plan_readable(shards: Sequence[Shard], drained: Collection[str]) -> list[Shard]:
    """The shards that may be read now: not drained themselves, and each parent is drained or gone."""
    listed = {shard.shard_id for shard in shards}
    return [
        shard
        for shard in shards
        if shard.shard_id not in drained and all(parent in drained or parent not in listed for parent in shard.parents)
    ]


def plan_gaps(shards: Sequence[Shard], state: StreamState, kept_from: datetime) -> list[Gap]:
    """Gaps that are not known yet.

    Args:
        shards: all that the stream lists.
        state: what is known.
        kept_from: the stream holds no record that arrived earlier.

    Returns:
        Of a shard that was read: what came between the time up to which it was and `kept_from`. Of a shard that came
        and went unread, whose children show it: everything since the stream was last read.
    """
    known = {(gap.shard_id, gap.start) for gap in state.gaps}
    listed = {shard.shard_id for shard in shards}
    passed_over = [
        Gap(shard_id, time, max(kept_from, time))
        for shard_id, time in sorted(state.read_up_to.items())
        if time < kept_from or shard_id not in listed
    ]
    return [gap for gap in passed_over if (gap.shard_id, gap.start) not in known] + _never_seen(
        shards, state, kept_from
    )


def _never_seen(shards: Sequence[Shard], state: StreamState, kept_from: datetime) -> list[Gap]:
    known = {*state.checkpoints, *state.read_up_to}
    if not known:
        return []
    seen = {shard.shard_id for shard in shards} | known | {gap.shard_id for gap in state.gaps}
    children = [shard for shard in shards if shard.shard_id not in known]
    absent = sorted({parent for shard in children for parent in shard.parents} - seen)
    start = min(state.read_up_to.values(), default=state.created_at)
    return [Gap(shard_id, start, max(kept_from, start)) for shard_id in absent]


def gap_error(stream: str, gaps: Sequence[Gap], landed: str) -> DataGapError:
    """The error that tells of gaps.

    Args:
        stream: its name.
        gaps: all that nobody was told of.
        landed: what came into landing all the same, in words.
    """
    return DataGapError(
        f"The stream {stream} dropped records by its retention before they were pulled: what came to "
        f"{'; '.join(map(str, gaps))}. How many records that were, its metric IncomingRecords tells. {landed} "
        "The next pull goes on from there, and this is said once. Get these records from their producer, pull more "
        "often, or lengthen the retention.",
        source=SOURCE,
    )


def shown(time: datetime) -> str:
    """A time for messages."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _watermark(stream: str) -> str:
    return f"stream {stream}"
