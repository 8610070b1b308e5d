"""Kinesis as the reading needs it: a stream, its shards, pages of records.

The only module that asks AWS; what its errors mean is in `kinesis_errors`. boto3's own retries are off: trying again is
`retries`' trade. Nothing is decided here; what is read next is in `kinesis_reading`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from boto3.session import Session
from botocore import exceptions as boto
from botocore.config import Config
from botocore.parsers import ResponseParserError

from lakehouse_assets.errors import SettingsError
from lakehouse_assets.ingestion.kinesis_errors import (
    CREDENTIALS,
    NOT_FOUND,
    SOURCE,
    code_of,
    is_transient,
    refused,
    unanswered,
    without_credentials,
)
from lakehouse_assets.ingestion.options import KinesisOptions
from lakehouse_assets.ingestion.retries import RetryPolicy, with_retries

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient as BotoClient

OLDEST = "TRIM_HORIZON"
# The iterator is older than five minutes, or belongs to a stream that is gone.
_EXPIRED = frozenset({"ExpiredIteratorException", "InvalidArgumentException"})
# Kinesis has nothing at that position: it was trimmed, or the shard or the whole stream is another one.
_NO_SUCH_POSITION = frozenset({"InvalidArgumentException", NOT_FOUND})


@dataclass(frozen=True)
class Stream:
    """A stream, and which of all that ever had its name.

    Args:
        name: of the stream.
        arn: its name in all of AWS, with region and account.
        created_at: when it was made.
        retention: how long a record is kept.
    """

    name: str
    arn: str
    created_at: datetime
    retention: timedelta

    @property
    def key(self) -> str:
        """Tells it from every other stream, also from an earlier or later one of its name."""
        return f"{self.arn}@{self.created_at.isoformat(timespec='milliseconds')}"

    @property
    def tag(self) -> str:
        """The key for file names."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:10]


@dataclass(frozen=True)
class Shard:
    """A shard.

    Args:
        shard_id: its id.
        parents: the shards that were split or merged into it.
        is_closed: whether it was split or merged, and takes no more records.
    """

    shard_id: str
    parents: tuple[str, ...] = ()
    is_closed: bool = False


@dataclass(frozen=True)
class Record:
    """A record as it was put.

    Args:
        sequence: its sequence number; grows within a shard.
        arrived_at: when it came to the stream, approximately, UTC.
        data: bytes of any kind.
    """

    sequence: int
    arrived_at: datetime
    data: bytes


@dataclass(frozen=True)
class Page:
    """What one request brought.

    Args:
        records: in the order of the shard; there may be none although more follow.
        next_iterator: None at the end of a closed shard.
        behind: how far the end of the page is from the tip of the shard; zero at the tip, and to some servers also
            before it.
    """

    records: tuple[Record, ...]
    next_iterator: str | None
    behind: timedelta

    @property
    def is_at_tip(self) -> bool:
        """Whether nothing follows yet."""
        return not self.records and not self.behind


@dataclass(frozen=True)
class Start:
    """Where in a shard reading begins: after a record, else at a time, else at the oldest record."""

    after: int | None = None
    at: datetime | None = None

    def parameters(self) -> dict[str, Any]:
        """For `GetShardIterator`."""
        if self.after is not None:
            return {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": str(self.after)}
        if self.at is not None:
            return {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": self.at}
        return {"ShardIteratorType": OLDEST}


class KinesisClient:
    """One stream of Kinesis; connects with the first request.

    Args:
        options: of the source.
        policy: how often and how long is tried again.

    Raises:
        SettingsError: no region, or a profile that does not exist.
    """

    def __init__(self, options: KinesisOptions, policy: RetryPolicy | None = None) -> None:
        self._name = options.stream
        self._policy = policy
        config = Config(
            connect_timeout=options.timeout_seconds,
            read_timeout=options.timeout_seconds,
            retries={"total_max_attempts": 1, "mode": "standard"},
        )
        try:
            self._boto: BotoClient = Session().client(
                "kinesis", region_name=options.region, endpoint_url=options.endpoint_url, config=config
            )
        except boto.NoRegionError:
            raise SettingsError(
                "No AWS region is set for Kinesis. Nothing was pulled. Set LAKEHOUSE_KINESIS_REGION."
            ) from None
        except (boto.ProfileNotFound, boto.ConfigParseError, boto.InvalidRegionError, ValueError) as error:
            raise SettingsError(
                f"Kinesis cannot be set up ({type(error).__name__}). Nothing was pulled. Check AWS_PROFILE, "
                "LAKEHOUSE_KINESIS_REGION and LAKEHOUSE_KINESIS_ENDPOINT_URL."
            ) from None

    @property
    def place(self) -> str:
        """The stream and the host it is asked from, for messages."""
        address = urlsplit(self._boto.meta.endpoint_url)
        return f"The stream {self._name} at {address.hostname}" + (f":{address.port}" if address.port else "")

    def describe(self) -> Stream:
        """Which stream has the name now.

        Raises:
            SourceError: it cannot be looked at.
        """
        found = self._call(
            "DescribeStreamSummary",
            self._boto.describe_stream_summary,
            "StreamDescriptionSummary",
            StreamName=self._name,
        )
        summary = found["StreamDescriptionSummary"]
        return Stream(
            self._name,
            summary["StreamARN"],
            summary["StreamCreationTimestamp"].astimezone(UTC),
            timedelta(hours=summary["RetentionPeriodHours"]),
        )

    def shards(self) -> list[Shard]:
        """All shards that still hold records or take new ones, by id.

        Raises:
            SourceError: they cannot be listed.
        """
        found: list[Shard] = []
        request: dict[str, Any] = {"StreamName": self._name}
        while request:
            listed = self._call("ListShards", self._boto.list_shards, "Shards", **request)
            for shard in listed["Shards"]:
                parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                is_closed = "EndingSequenceNumber" in shard["SequenceNumberRange"]
                found.append(Shard(shard["ShardId"], tuple(parent for parent in parents if parent), is_closed))
            # With a token the stream must not be named.
            request = {"NextToken": listed["NextToken"]} if listed.get("NextToken") else {}
        return sorted(found, key=lambda shard: shard.shard_id)

    def iterator(self, shard_id: str, start: Start) -> str | None:
        """A place to read from; None where the shard has no such position (any more).

        Raises:
            SourceError: it cannot be asked for.
        """
        request = {"StreamName": self._name, "ShardId": shard_id, **start.parameters()}
        found = self._call(
            "GetShardIterator",
            self._boto.get_shard_iterator,
            "ShardIterator",
            unless=_NO_SUCH_POSITION,
            **request,
        )
        return None if found is None else str(found["ShardIterator"])

    def records(self, iterator: str, limit: int) -> Page | None:
        """The next page; None where the iterator has expired.

        Raises:
            SourceError: it cannot be read.
        """
        found = self._call(
            "GetRecords",
            self._boto.get_records,
            "Records",
            unless=_EXPIRED,
            ShardIterator=iterator,
            Limit=limit,
        )
        if found is None:
            return None
        records = (
            Record(
                int(each["SequenceNumber"]), each["ApproximateArrivalTimestamp"].astimezone(UTC), bytes(each["Data"])
            )
            for each in found["Records"]
        )
        behind = timedelta(milliseconds=found.get("MillisBehindLatest") or 0)
        return Page(tuple(records), found.get("NextShardIterator"), behind)

    def _call(
        self,
        operation: str,
        function: Callable[..., Any],
        part: str,
        *,
        unless: frozenset[str] = frozenset(),
        **request: Any,
    ) -> Any:
        """The reply, which has a `part`, or None for one of the `unless` errors."""

        def ask() -> Any:
            reply = function(**request)
            if part not in reply:
                # botocore 1.44 takes a reply that was cut off for a whole one without content.
                raise ResponseParserError(f"{operation} was answered in part")
            return reply

        try:
            return with_retries(ask, what=f"{SOURCE}: {operation}", is_transient=is_transient, policy=self._policy)
        except boto.ClientError as error:
            if code_of(error) in unless:
                return None
            # Without a cause, here and below: texts of AWS may show a request with its token, or a whole address.
            raise refused(self.place, operation, error) from None
        except CREDENTIALS as error:
            raise without_credentials(self.place, error) from None
        except (boto.BotoCoreError, ResponseParserError) as error:
            raise unanswered(self.place, operation, error) from None
