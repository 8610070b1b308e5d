"""Reading the shards of a stream into landing: page by page, a batch at a time, parents before their children.

`Reading` goes round all shards that may be read, lands what is in hand by size or time, and moves the checkpoints with
it. How one shard is read is in `kinesis_shard_reader`, when to begin and to end is decided in `kinesis`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lakehouse_assets.errors import SourceUnreachableError
from lakehouse_assets.ingestion.clock import Now
from lakehouse_assets.ingestion.kinesis_client import KinesisClient, Page, Record, Start, Stream
from lakehouse_assets.ingestion.kinesis_errors import SOURCE
from lakehouse_assets.ingestion.kinesis_files import Batch, Landed, LandedBatch
from lakehouse_assets.ingestion.kinesis_shard_reader import Pace, ShardReader
from lakehouse_assets.ingestion.kinesis_state import Gap, StreamState, plan_gaps, plan_readable, replaced
from lakehouse_assets.ingestion.ledger_tables import Advance, ShardCheckpoint, ShardState
from lakehouse_assets.ingestion.options import KinesisOptions
from lakehouse_assets.ingestion.pull import Pull

logger = logging.getLogger(__name__)

# Between two looks at the shards while following; new ones also show as their parents end.
_LISTED_SECONDS = 30.0


@dataclass
class Totals:
    """What was brought so far."""

    files: int = 0
    rows: int = 0
    bytes: int = 0
    skipped: int = 0
    records: int = 0

    def add(self, landed: LandedBatch) -> None:
        self.files += len(landed.files)
        self.rows += landed.rows
        self.bytes += landed.bytes

    def __str__(self) -> str:
        return f"{self.files:,} files, {self.rows:,} rows"


@dataclass
class _InHand:
    """Records that were read and have not landed, with what becomes true once they have."""

    batch: Batch
    since_seconds: float
    checkpoints: dict[str, ShardCheckpoint] = field(default_factory=dict)
    read_up_to: dict[str, datetime] = field(default_factory=dict)


class Reading:
    """All shards of a stream, read on from their checkpoints.

    Args:
        client: of the stream.
        pull: holds the lock.
        stream: as it was described at the start.
        state: what is known of it.
        landed: what landing holds.
        options: of the source.
        pace: how fast.
        clock: the time.
        on_landed: is told of each batch that landed.
    """

    def __init__(
        self,
        client: KinesisClient,
        pull: Pull,
        stream: Stream,
        state: StreamState,
        *,
        landed: Landed,
        options: KinesisOptions,
        pace: Pace,
        clock: Now,
        on_landed: Callable[[LandedBatch], None],
    ) -> None:
        self.stream = stream
        self.state = state
        self.totals = Totals()
        self.failed: dict[str, SourceUnreachableError] = {}
        self.greatest_lag = timedelta()
        self._client = client
        self._pull = pull
        self._landed = landed
        self._options = options
        self._pace = pace
        self._clock = clock
        self._on_landed = on_landed
        self._readers: dict[str, ShardReader] = {}
        self._hand = self._empty_hand()
        self._listed_seconds = float("-inf")

    @property
    def lag(self) -> timedelta:
        """How far the shard that is furthest behind is from its tip."""
        return max((reader.behind or timedelta() for reader in self._readers.values()), default=timedelta())

    @property
    def is_at_tip(self) -> bool:
        """Whether everything has been read that had come when it was asked for."""
        return all(reader.is_at_tip for reader in self._readers.values())

    def admit(self) -> None:
        """Look which shards there are, note gaps, and read those too whose parents were drained meanwhile.

        Raises:
            SourceError: they cannot be listed.
        """
        shards = self._client.shards()
        self._listed_seconds = self._clock.elapsed_seconds
        gaps = plan_gaps(shards, self.state, self._clock() - self.stream.retention)
        self._note(gaps, gone={gap.shard_id for gap in gaps} - {shard.shard_id for shard in shards})
        drained = self.state.drained | {
            shard for shard, each in self._hand.checkpoints.items() if each.state is ShardState.DRAINED
        }
        for shard in plan_readable(shards, drained):
            if shard.shard_id not in self._readers and shard.shard_id not in self.failed:
                start = Start(after=self._last_read(shard.shard_id))
                self._readers[shard.shard_id] = ShardReader(self._client, shard, start, self._pace.page_records)

    def read_round(self, until: datetime) -> None:
        """A page of each shard that has not been read up to a time.

        Raises:
            SourceError: the stream cannot be read. Of a single shard that does not answer it is kept in `failed`.
        """
        ended = False
        for reader in list(self._readers.values()):
            if reader.is_at_tip:
                continue
            try:
                ended |= self._read_page(reader, until)
            except SourceUnreachableError as error:
                # Raises the same where all of Kinesis is away; else the other shards go on.
                self._check_same_stream()
                self.failed[reader.shard_id] = error
                del self._readers[reader.shard_id]
            if self._hand.batch.size_bytes >= self._options.batch_bytes:
                self.land()
        if ended:
            self.admit()
        if self._clock.elapsed_seconds - self._hand.since_seconds >= self._options.batch_seconds:
            self.land()

    def look_again(self) -> None:
        """Take up all shards once more for what came since; from time to time also those that did not answer.

        Raises:
            SourceError: the shards cannot be listed.
        """
        if self._clock.elapsed_seconds - self._listed_seconds >= _LISTED_SECONDS:
            self.failed.clear()
            self.admit()
        for reader in self._readers.values():
            reader.is_at_tip = False

    def land(self) -> None:
        """Land what is in hand, and move the checkpoints with it.

        Raises:
            SourceReplacedError: the stream is another one by now; nothing of what is in hand landed.
            SourceError: it cannot be looked at.
            LandingError: landing cannot be written.
        """
        hand = self._hand
        if hand.checkpoints or hand.read_up_to:
            self._check_same_stream()
            moved = self.state.moved(list(hand.checkpoints.values()), hand.read_up_to)
            advance = Advance(
                watermarks=moved.watermarks(self.stream.name), checkpoints=tuple(hand.checkpoints.values())
            )
            landed = hand.batch.land(self._pull, advance, self._clock())
            self.state = moved
            self.totals.add(landed)
            if landed.files:
                self._on_landed(landed)
        self._hand = self._empty_hand()

    def _empty_hand(self) -> _InHand:
        return _InHand(Batch(self.stream), self._clock.elapsed_seconds)

    def _check_same_stream(self) -> None:
        now = self._client.describe()
        if now.key != self.stream.key:
            raise replaced(now, self.stream.created_at)

    def _read_page(self, reader: ShardReader, until: datetime) -> bool:
        """Whether the shard has ended with this page."""
        is_first = reader.behind is None
        page = reader.next_page()
        if page is None:
            self._pass_over_what_is_gone(reader)
            return False
        now = self._clock()
        if is_first:
            oldest = [now - record.arrived_at for record in page.records[:1]]
            self.greatest_lag = max(self.greatest_lag, page.behind, *oldest)
        for record in page.records:
            self._take(reader.shard_id, record)
        self._hold(reader, page, now)
        reader.is_at_tip = reader.is_past(page, now, until)
        if reader.has_ended:
            del self._readers[reader.shard_id]
        return reader.has_ended

    def _take(self, shard_id: str, record: Record) -> None:
        self.totals.records += 1
        if self._landed.holds(shard_id, record):
            # By a replay, or by a pull of which the ledger was lost.
            self._hand.batch.pass_over(shard_id)
            self.totals.skipped += 1
        else:
            self._hand.batch.add(shard_id, record)

    def _hold(self, reader: ShardReader, page: Page, now: datetime) -> None:
        """Keep the new position until what is in hand lands."""
        shard_id = reader.shard_id
        # Some servers say that nothing follows where something does: what arrived last is sure.
        self._hand.read_up_to[shard_id] = min([now - page.behind, *(each.arrived_at for each in page.records[-1:])])
        if not page.records and not reader.has_ended:
            return
        last = self._last_read(shard_id)
        before = self._hand.checkpoints.get(shard_id) or self.state.checkpoints.get(shard_id)
        arrived_at = before.arrived_at if before else None
        if page.records:
            last, arrived_at = page.records[-1].sequence, page.records[-1].arrived_at
        self._hand.checkpoints[shard_id] = ShardCheckpoint(
            self.stream.key,
            shard_id,
            str(last) if last is not None else None,
            ShardState.DRAINED if reader.has_ended else ShardState.READING,
            arrived_at,
        )

    def _last_read(self, shard_id: str) -> int | None:
        in_hand = self._hand.checkpoints.get(shard_id)
        if in_hand is not None and in_hand.sequence_number is not None:
            return int(in_hand.sequence_number)
        return self.state.last_landed(shard_id)

    def _pass_over_what_is_gone(self, reader: ShardReader) -> None:
        """The position was trimmed away: say so, and go on with the oldest record that is kept."""
        self._check_same_stream()
        if reader.is_at_the_oldest:
            # Not even that: the shard is gone, which the next look at the shards notes.
            del self._readers[reader.shard_id]
            return
        now = self._clock()
        start = self.state.read_up_to.get(reader.shard_id, self.stream.created_at)
        known = {(gap.shard_id, gap.start) for gap in self.state.gaps}
        if (reader.shard_id, start) not in known:
            self._note([Gap(reader.shard_id, start, max(start, now - self.stream.retention))], gone=set())
        reader.from_the_oldest()

    def _note(self, gaps: Sequence[Gap], gone: Collection[str]) -> None:
        """Put gaps into the ledger before anything is read past them; shards that are gone count as drained."""
        if not gaps:
            return
        logger.warning("%s: records are gone that were not pulled: %s", SOURCE, "; ".join(map(str, gaps)))
        ended = [
            ShardCheckpoint(self.stream.key, shard_id, self._text(shard_id), ShardState.DRAINED)
            for shard_id in sorted(gone)
        ]
        self.state = self.state.with_gaps(gaps).moved(ended, {})
        advance = Advance(watermarks=self.state.watermarks(self.stream.name), checkpoints=tuple(ended))
        self._pull.ledger.advance(advance, self._clock())

    def _text(self, shard_id: str) -> str | None:
        last = self.state.last_landed(shard_id)
        return None if last is None else str(last)
