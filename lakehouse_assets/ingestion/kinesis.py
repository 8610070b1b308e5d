"""Events from Kinesis: looking, a pull up to the tip, following without an end, and taking up a stream made anew.

Here is when to begin and when to end, and what is told. How shards are read is in `kinesis_reading`, what the ledger
knows in `kinesis_state`, files in `kinesis_files`, AWS in `kinesis_client`, replay in `kinesis_replay`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from lakehouse_assets.errors import DataGapError, SourceReplacedError, SourceUnreachableError
from lakehouse_assets.ingestion.clock import Now
from lakehouse_assets.ingestion.kinesis_client import KinesisClient, Start, Stream
from lakehouse_assets.ingestion.kinesis_errors import SOURCE
from lakehouse_assets.ingestion.kinesis_files import LandedBatch, read_landed
from lakehouse_assets.ingestion.kinesis_reading import Reading, Totals
from lakehouse_assets.ingestion.kinesis_replay import replay
from lakehouse_assets.ingestion.kinesis_shard_reader import Pace, ShardReader
from lakehouse_assets.ingestion.kinesis_state import StreamState, gap_error, plan_readable, read_state, shown
from lakehouse_assets.ingestion.ledger_tables import Advance
from lakehouse_assets.ingestion.options import KinesisOptions
from lakehouse_assets.ingestion.pull import Destination, Pull, open_pull
from lakehouse_assets.ingestion.report import PullReport
from lakehouse_assets.ingestion.retries import RetryPolicy
from lakehouse_assets.ingestion.source import ReportProgress, SourceStatus, no_progress

# A service outlives a restart of a network; a pull is called again anyway.
PATIENT = RetryPolicy(attempts=10, longest_wait_seconds=30.0)
_NAP_SECONDS = 0.1
_PACE = Pace()


class Stop:
    """Asks a `follow` to end; may be asked by a signal handler, so it holds no lock."""

    def __init__(self) -> None:
        self.is_asked = False

    def ask(self) -> None:
        self.is_asked = True

    def wait(self, seconds: float) -> None:
        """Return after so many seconds, or soon after it is asked."""
        deadline = time.monotonic() + seconds
        while not self.is_asked and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, _NAP_SECONDS))


class KinesisSource:
    """Events of a stream.

    Args:
        options: of the source.
        destination: where it lands.
        pace: how fast, and up to which limits.
        policy: how a pull tries again; None for the usual.

    Raises:
        SettingsError: no region, or a profile that does not exist.
    """

    def __init__(
        self,
        options: KinesisOptions,
        destination: Destination,
        *,
        pace: Pace = _PACE,
        policy: RetryPolicy | None = None,
    ) -> None:
        self._options = options
        self._destination = destination
        self._pace = pace
        self._policy = policy
        self._client = KinesisClient(options, policy)

    def check(self, now: datetime) -> SourceStatus:
        """See `Source.check`; reads the next record of each shard and notes nothing."""
        stream = self._client.describe()
        with self._destination.open_ledger(SOURCE) as ledger:
            state = read_state(ledger, stream)
        shards = plan_readable(self._client.shards(), state.drained)
        waiting: list[timedelta] = []
        for shard in shards:
            reader = ShardReader(self._client, shard, Start(after=state.last_landed(shard.shard_id)), limit=1)
            page = reader.next_page()
            if page and (page.records or page.behind):
                waiting.append(max([page.behind, *(now - record.arrived_at for record in page.records)]))
        pending = "nothing" if not waiting else f"{len(waiting)} of {len(shards)} shards, {_age(max(waiting))}"
        gaps = f", {len(state.gaps)} gaps so far" if state.gaps else ""
        return SourceStatus(pending, f"{self._client.place}, kept for {_days(stream.retention)}{gaps}")

    def pull(self, now: datetime, progress: ReportProgress = no_progress) -> PullReport:
        """See `Source.pull`: up to the tip of each shard, or to the limits of the pace.

        Raises:
            SourceReplacedError: the stream is not the one that was pulled before.
            DataGapError: records were gone before they were pulled; what is there has landed, and is said once.
            SourceError: it cannot be read. Where one shard does not answer the others have landed.
        """
        landed: list[str] = []
        clock = Now(now)
        with open_pull(self._destination, SOURCE, now) as pull:
            landed += pull.recovered
            reading = self._begin(self._client, pull, clock, lambda batch: landed.extend(batch.files))
            reading.admit()
            while not (reading.is_at_tip or self._is_at_a_limit(reading, clock)):
                began = clock.elapsed_seconds
                reading.read_round(until=now)
                progress(f"{reading.totals}, {_age(reading.lag)}")
                if not reading.is_at_tip:
                    clock.wait_since(began, self._pace.round_seconds)
            reading.land()
            _raise_for_what_is_missing(reading, pull, clock)
        return PullReport(
            SOURCE,
            tuple(dict.fromkeys(landed)),
            rows=reading.totals.rows,
            bytes=reading.totals.bytes,
            skipped=reading.totals.skipped,
            lag_seconds=reading.lag.total_seconds(),
            seconds=clock.elapsed_seconds,
            warnings=self._warnings(reading),
        )

    def follow(
        self,
        now: datetime,
        stop: Stop,
        progress: ReportProgress = no_progress,
        warn: Callable[[str], None] = no_progress,
    ) -> Totals:
        """Pull without an end, until it is asked to stop; then what is in hand lands.

        Args:
            now: the time.
            stop: asked from outside.
            progress: is told of each batch that landed.
            warn: is told what a person should know, as whole sentences, once each time it begins.

        Returns:
            What was brought.

        Raises:
            DataGapError: at the end, where records were gone before they were pulled; `warn` was told at once.
            SourceError: it stopped; what had landed stays landed.
        """
        clock = Now(now)
        client = KinesisClient(self._options, self._policy or PATIENT)

        def tell(batch: LandedBatch) -> None:
            progress(_line(clock(), batch, reading.lag, self._options.stream))

        with open_pull(self._destination, SOURCE, now) as pull:
            reading = self._begin(client, pull, clock, tell)
            try:
                self._go_round(reading, clock, stop, warn)
            except SourceUnreachableError:
                if not stop.is_asked:
                    raise
                # Landing what is in hand would need Kinesis; it is pulled again.
                return reading.totals
            reading.land()
            _raise_for_gaps(reading, pull, clock)
        return reading.totals

    def _go_round(self, reading: Reading, clock: Now, stop: Stop, warn: Callable[[str], None]) -> None:
        told: set[str] = set()
        while not stop.is_asked:
            began, before = clock.elapsed_seconds, reading.totals.records
            reading.look_again()
            reading.read_round(until=clock())
            told = _tell_what_is_new(self._follow_warnings(reading), told, warn)
            is_idle = reading.is_at_tip and reading.totals.records == before
            pause = self._pace.idle_seconds if is_idle else self._pace.round_seconds
            stop.wait(began + pause - clock.elapsed_seconds)

    def replay(
        self, start: datetime, end: datetime, now: datetime, progress: ReportProgress = no_progress
    ) -> PullReport:
        """Bring again what arrived in [start, end) and is not in landing; see `kinesis_replay`."""
        return replay(
            self._client,
            self._destination,
            start=start,
            end=end,
            clock=Now(now),
            options=self._options,
            pace=self._pace,
            progress=progress,
        )

    def accept_new_stream(self, now: datetime) -> None:
        """Take the stream that has the name now for the one to pull, from its oldest record on.

        Raises:
            SourceError: it cannot be looked at.
        """
        stream = self._client.describe()
        with open_pull(self._destination, SOURCE, now) as pull:
            try:
                # Of a stream that is known nothing is thrown away.
                read_state(pull.ledger, stream)
            except SourceReplacedError:
                state = StreamState(stream.key, stream.created_at)
                pull.ledger.advance(Advance(watermarks=state.watermarks(stream.name)), now)

    def _begin(
        self, client: KinesisClient, pull: Pull, clock: Now, on_landed: Callable[[LandedBatch], None]
    ) -> Reading:
        stream = client.describe()
        state = read_state(pull.ledger, stream)
        first_day = (clock() - stream.retention - timedelta(days=1)).date()
        return Reading(
            client,
            pull,
            stream,
            state,
            landed=read_landed(self._destination.landing, stream, first_day),
            options=self._options,
            pace=self._pace,
            clock=clock,
            on_landed=on_landed,
        )

    def _is_at_a_limit(self, reading: Reading, clock: Now) -> bool:
        most = self._pace.pull_records
        return clock.elapsed_seconds >= self._pace.pull_seconds or (most is not None and reading.totals.records >= most)

    def _warnings(self, reading: Reading) -> tuple[str, ...]:
        warnings = list(self._lag_warning(reading.stream, max(reading.greatest_lag, reading.lag)))
        if not reading.is_at_tip:
            warnings.append(
                f"The pull of {SOURCE} ended at its limit, {_age(reading.lag)} before the tip of the stream. The next "
                "one goes on from there."
            )
        return tuple(warnings)

    def _follow_warnings(self, reading: Reading) -> dict[str, str]:
        """What a person should know now, by what it is about."""
        found = {str(gap): f"Records are gone that were not pulled: {gap}." for gap in reading.state.gaps}
        for warning in self._lag_warning(reading.stream, reading.lag):
            found["lag"] = warning
        return found | {f"failed {shard_id}": str(error) for shard_id, error in reading.failed.items()}

    def _lag_warning(self, stream: Stream, lag: timedelta) -> list[str]:
        percent = 100 * lag / stream.retention
        if percent < self._options.lag_warn_percent:
            return []
        return [
            f"The pull of {SOURCE} was {_age(lag)} behind, {percent:.0f} % of the {_days(stream.retention)} for which "
            f"{stream.name} keeps records; older ones are lost. Pull more often, or lengthen the retention."
        ]


def _raise_for_what_is_missing(reading: Reading, pull: Pull, clock: Now) -> None:
    _raise_for_gaps(reading, pull, clock)
    if reading.failed:
        shards = ", ".join(reading.failed)
        raise SourceUnreachableError(
            f"Not all shards could be read, without {shards}: {next(iter(reading.failed.values()))} The other shards "
            f"were pulled: {reading.totals} landed.",
            source=SOURCE,
        )


def _raise_for_gaps(reading: Reading, pull: Pull, clock: Now) -> None:
    untold = [gap for gap in reading.state.gaps if not gap.is_told]
    if not untold:
        return
    error: DataGapError = gap_error(reading.stream.name, untold, f"What is kept was pulled: {reading.totals} landed.")
    # Noted as told right before it is: killed in between, a person may miss it in the log and finds it by `check`.
    pull.ledger.advance(Advance(watermarks=reading.state.told().watermarks(reading.stream.name)), clock())
    raise error


def _tell_what_is_new(warnings: dict[str, str], told: set[str], warn: Callable[[str], None]) -> set[str]:
    for about, text in warnings.items():
        if about not in told:
            warn(text)
    return set(warnings)


def _line(now: datetime, batch: LandedBatch, lag: timedelta, stream: str) -> str:
    return (
        f"{shown(now)}: {stream}: landed {len(batch.files):,} files, {batch.rows:,} rows, {batch.bytes:,} bytes; "
        f"{_age(lag)} behind"
    )


def _age(lag: timedelta) -> str:
    return f"{lag.total_seconds():,.0f} s" if lag < timedelta(hours=2) else f"{lag.total_seconds() / 3600:,.1f} h"


def _days(retention: timedelta) -> str:
    return f"{retention / timedelta(days=1):g} days"
