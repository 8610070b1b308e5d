"""One shard of a stream, read on from a place whatever happens to its iterator; and how fast.

What becomes of the records is in `kinesis_reading` and `kinesis_replay`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lakehouse_assets.errors import SourceError
from lakehouse_assets.ingestion.kinesis_client import KinesisClient, Page, Shard, Start
from lakehouse_assets.ingestion.kinesis_errors import SOURCE

# An iterator that has expired twice running was not left lying: something else is wrong.
_ITERATORS_A_PAGE = 3


@dataclass(frozen=True)
class Pace:
    """How fast is read, and how long a pull may take.

    Args:
        round_seconds: least time between two requests to a shard; Kinesis serves five a second, to all its readers.
        idle_seconds: the same once everything was read.
        page_records: most records of one request.
        pull_seconds: a pull that is not at the tip by then leaves the rest to the next.
        pull_records: the same by number, or None.
    """

    round_seconds: float = 0.25
    idle_seconds: float = 1.0
    page_records: int = 10_000
    pull_seconds: float = 3600.0
    pull_records: int | None = None


class ShardReader:
    """One shard, read on from a place.

    Args:
        client: of the stream.
        shard: which.
        start: where.
        limit: most records of a page.
    """

    def __init__(self, client: KinesisClient, shard: Shard, start: Start, limit: int) -> None:
        self.shard_id = shard.shard_id
        self.has_ended = False
        self.behind: timedelta | None = None
        self.is_at_tip = False
        self._client = client
        self._is_closed = shard.is_closed
        self._start = start
        self._limit = limit
        self._iterator: str | None = None

    def next_page(self) -> Page | None:
        """The records that follow; None where the place to read from is none of this shard (any more).

        Raises:
            SourceError: the shard cannot be read.
        """
        for _ in range(_ITERATORS_A_PAGE):
            self._iterator = self._iterator or self._client.iterator(self.shard_id, self._start)
            if self._iterator is None:
                return None
            page = self._client.records(self._iterator, self._limit)
            if page is not None:
                return self._moved(page)
            # Expired: on from the last record that was read, which may not have landed yet.
            self._iterator = None
        raise SourceError(
            f"{self._client.place} gives iterators of {self.shard_id} that have expired at once. What had landed "
            "before stays landed, nothing else was pulled. Check this machine's clock, then pull again.",
            source=SOURCE,
        )

    def is_past(self, page: Page, now: datetime, until: datetime) -> bool:
        """Whether all that had arrived by a time has been read with this page."""
        if page.is_at_tip:
            return True
        if page.records:
            return page.records[-1].arrived_at >= until
        return now - page.behind >= until

    @property
    def is_at_the_oldest(self) -> bool:
        """Whether it is to begin with the oldest record."""
        return self._start == Start()

    def from_the_oldest(self) -> None:
        """Go on with the oldest record that is kept."""
        self._start, self._iterator = Start(), None

    def _moved(self, page: Page) -> Page:
        last = self._start.after
        unique = {each.sequence: each for each in page.records if last is None or each.sequence > last}
        fresh = tuple(unique[sequence] for sequence in sorted(unique))
        if fresh:
            self._start = Start(after=fresh[-1].sequence)
        self._iterator = page.next_iterator
        self.behind = page.behind
        # A closed shard says so with a missing iterator, on some servers one page late or never.
        self.has_ended = page.next_iterator is None or (self._is_closed and page.is_at_tip)
        return Page(fresh, page.next_iterator, page.behind)
