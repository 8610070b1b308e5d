"""Replay: what arrived in a range of time and is not in landing any more lands again, and nothing else changes.

Records come under their own arrival days, so that the rules judge them as they did, and in files named by what they
hold. What landing has is left out, so a second replay lands nothing, and no line is there twice: doubled bad lines
could hold a day. Names order as records do, so of two versions of a key the same one wins, however the files
are cut. Checkpoints stay where they are; what a replay lands ahead of them the next pull leaves out.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from lakehouse_assets.errors import SettingsError, SourceNotFoundError
from lakehouse_assets.ingestion.kinesis_client import KinesisClient, Page, Shard, Start, Stream
from lakehouse_assets.ingestion.kinesis_errors import SOURCE
from lakehouse_assets.ingestion.kinesis_files import Batch, Landed, LandedBatch, read_landed
from lakehouse_assets.ingestion.kinesis_reading import Totals
from lakehouse_assets.ingestion.kinesis_shard_reader import Clock, Pace, ShardReader
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
    clock: Clock,
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
    now = clock.now()
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
        seconds=clock.seconds,
        warnings=_warnings(stream, start, now),
    )


class _Replay:
    """The shards, one after another; the arguments are those of `replay`."""

    def __init__(
        self,
        client: KinesisClient,
        pull: Pull,
        stream: Stream,
        landed: Landed,
        start: datetime,
        end: datetime,
        clock: Clock,
        options: KinesisOptions,
        pace: Pace,
    ) -> None:
        self.totals = Totals()
        self.files: list[str] = []
        self._client = client
        self._pull = pull
        self._stream = stream
        self._landed = landed
        self._start = start
        self._end = end
        self._clock = clock
        self._options = options
        self._pace = pace
        self._batch = Batch(stream)

    def read(self, shard: Shard) -> None:
        """Take what a shard holds of the range."""
        reader = ShardReader(self._client, shard, Start(at=self._start), self._pace.page_records)
        while True:
            began = self._clock.seconds
            page = reader.next_page()
            if page is None:
                self._check_that_only_the_shard_is_gone(shard)
                return
            for record in page.records:
                if not self._start <= record.arrived_at < self._end:
                    self._batch.pass_over(shard.shard_id)
                elif self._landed.holds(shard.shard_id, record):
                    self._batch.pass_over(shard.shard_id)
                    self.totals.skipped += 1
                else:
                    self._batch.add(shard.shard_id, record)
            if self._batch.size_bytes >= self._options.batch_bytes:
                self.land()
            if self._is_past_the_end(reader, page):
                return
            time.sleep(max(0.0, began + self._pace.round_seconds - self._clock.seconds))

    def land(self) -> None:
        """Land what is in hand; no checkpoint moves."""
        brought: LandedBatch = self._batch.land(self._pull, Advance(), self._clock.now())
        self.totals.add(brought)
        self.files += brought.files
        self._batch = Batch(self._stream)

    def _is_past_the_end(self, reader: ShardReader, page: Page) -> bool:
        return reader.has_ended or page.is_at_tip or reader.is_past(page, self._clock.now(), self._end + _DISORDER)

    def _check_that_only_the_shard_is_gone(self, shard: Shard) -> None:
        """A shard whose last record was just dropped has nothing to replay; a stream that is gone is an error."""
        if self._client.describe().key != self._stream.key:
            raise SourceNotFoundError(
                f"The stream {self._stream.name} was removed or made anew while {shard.shard_id} was replayed. What "
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
