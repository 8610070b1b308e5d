"""Replay: what arrived in a range of time and is not in landing any more lands again, and nothing else changes.

Records come under their own arrival days, so that the rules judge them as they did, and in files named by what they
hold. What landing has is left out, so a second replay lands nothing, and no line is there twice: doubled bad lines
could hold a day. Names order as records do, so of two versions of a key the same one wins, however the files
are cut. Checkpoints stay where they are; what a replay lands ahead of them the next pull leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lakehouse_assets.errors import SettingsError, SourceNotFoundError
from lakehouse_assets.ingestion.clock import Now
from lakehouse_assets.ingestion.kinesis_client import KinesisClient, Page, Shard, Start, Stream
from lakehouse_assets.ingestion.kinesis_errors import SOURCE
from lakehouse_assets.ingestion.kinesis_files import Batch, Landed, LandedBatch, read_landed
from lakehouse_assets.ingestion.kinesis_reading import Totals
from lakehouse_assets.ingestion.kinesis_shard_reader import Pace, ShardReader
from lakehouse_assets.ingestion.kinesis_state import read_state, shown
from lakehouse_assets.ingestion.ledger_tables import Advance
from lakehouse_assets.ingestion.options import KinesisOptions
from lakehouse_assets.ingestion.pull import Destination, Pull, open_pull
from lakehouse_assets.ingestion.report import PullReport
from lakehouse_assets.ingestion.source import ReportProgress

# Times of arrival are approximate: a record may come a little after one that arrived later.
_DISORDER = timedelta(minutes=1)


def replay(
    client: KinesisClient,
    destination: Destination,
    *,
    start: datetime,
    end: datetime,
    clock: Now,
    options: KinesisOptions,
    pace: Pace,
    progress: ReportProgress,
) -> PullReport:
    """Land what arrived in [start, end) and is not in landing.

    Args:
        client: of the stream.
        destination: where it lands.
        start: the first time of arrival.
        end: the first time of arrival that is not meant.
        clock: the time.
        options: of the source.
        pace: how fast.
        progress: is told how far it is.

    Returns:
        What landed; `skipped` are the records that landing had.

    Raises:
        SettingsError: the range is empty, or begins in the future.
        SourceError: the stream cannot be read; what had landed stays, and a next replay goes on from there.
        LandingError: landing cannot be written.
    """
    now = clock()
    if not start < min(end, now):
        raise SettingsError(
            f"No record can have arrived from {shown(start)} to {shown(min(end, now))}. Nothing was replayed. Choose "
            "an earlier --from, or a later --to."
        )
    with open_pull(destination, SOURCE, now) as pull:
        stream = client.describe()
        read_state(pull.ledger, stream)
        landed = read_landed(destination.landing, stream, start.date())
        replaying = _Replay(client, pull, stream, landed, start, end, clock, options, pace)
        for shard in client.shards():
            replaying.read(shard)
            progress(f"{shard.shard_id}, {replaying.totals}")
        replaying.land()
    return PullReport(
        SOURCE,
        tuple(replaying.files),
        rows=replaying.totals.rows,
        bytes=replaying.totals.bytes,
        skipped=replaying.totals.skipped,
        seconds=clock.elapsed_seconds,
        warnings=_warnings(stream, start, now),
    )


@dataclass
class _Replay:
    """The shards, one after another; the arguments are those of `replay`, the rest is what came of them."""

    client: KinesisClient
    pull: Pull
    stream: Stream
    landed: Landed
    start: datetime
    end: datetime
    clock: Now
    options: KinesisOptions
    pace: Pace
    totals: Totals = field(default_factory=Totals)
    files: list[str] = field(default_factory=list)
    batch: Batch = field(init=False)

    def __post_init__(self) -> None:
        self.batch = Batch(self.stream)

    def read(self, shard: Shard) -> None:
        """Take what a shard holds of the range."""
        reader = ShardReader(self.client, shard, Start(at=self.start), self.pace.page_records)
        while True:
            began = self.clock.elapsed_seconds
            page = reader.next_page()
            if page is None:
                self._check_that_only_the_shard_is_gone(shard)
                return
            for record in page.records:
                if not self.start <= record.arrived_at < self.end:
                    self.batch.pass_over(shard.shard_id)
                elif self.landed.holds(shard.shard_id, record):
                    self.batch.pass_over(shard.shard_id)
                    self.totals.skipped += 1
                else:
                    self.batch.add(shard.shard_id, record)
            if self.batch.size_bytes >= self.options.batch_bytes:
                self.land()
            if self._is_past_the_end(reader, page):
                return
            self.clock.wait_since(began, self.pace.round_seconds)

    def land(self) -> None:
        """Land what is in hand; no checkpoint moves."""
        brought: LandedBatch = self.batch.land(self.pull, Advance(), self.clock())
        self.totals.add(brought)
        self.files += brought.files
        self.batch = Batch(self.stream)

    def _is_past_the_end(self, reader: ShardReader, page: Page) -> bool:
        return reader.has_ended or page.is_at_tip or reader.is_past(page, self.clock(), self.end + _DISORDER)

    def _check_that_only_the_shard_is_gone(self, shard: Shard) -> None:
        """A shard whose last record was just dropped has nothing to replay; a stream that is gone is an error."""
        if self.client.describe().key != self.stream.key:
            raise SourceNotFoundError(
                f"The stream {self.stream.name} was removed or made anew while {shard.shard_id} was replayed. What "
                "had landed before stays landed, the rest was not replayed.",
                source=SOURCE,
            )


def _warnings(stream: Stream, start: datetime, now: datetime) -> tuple[str, ...]:
    kept_from = max(now - stream.retention, stream.created_at)
    if start >= kept_from:
        return ()
    hours = (kept_from - start).total_seconds() / 3600
    return (
        f"{stream.name} holds nothing that arrived before {shown(kept_from)}: what is asked for from {shown(start)} to "
        f"then ({hours:,.1f} hours) could not be replayed.",
    )
