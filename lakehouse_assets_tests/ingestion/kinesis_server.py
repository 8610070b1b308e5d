"""A real Kinesis server for tests (moto) on a free port, and a stream on it that lands in a folder of the test."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from moto.server import ThreadedMotoServer

from lakehouse_assets.ingestion.kinesis import KinesisSource
from lakehouse_assets.ingestion.kinesis_shard_reader import Pace
from lakehouse_assets.ingestion.kinesis_state import StreamState, read_state
from lakehouse_assets.ingestion.options import KinesisOptions
from lakehouse_assets.ingestion.report import PullReport
from lakehouse_assets.ingestion.retries import RetryPolicy
from lakehouse_assets_tests.ingestion.destinations import destination
from lakehouse_assets_tests.ingestion.kinesis_proxy import Proxy

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

REGION = "eu-west-1"
# Planted: no log, ledger or landing may hold them.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDKEY",
    "AWS_SECRET_ACCESS_KEY": "planted-secret",
    "AWS_SESSION_TOKEN": "planted-token",
    "AWS_EC2_METADATA_DISABLED": "true",
}
SHARD = "shardId-{:012d}"
FAST = Pace(round_seconds=0.0, idle_seconds=0.01)
AT_ONCE = RetryPolicy(attempts=3, first_wait_seconds=0.0, longest_wait_seconds=0.0)
_NAMES = count(1)


@contextmanager
def running_moto() -> Iterator[str]:
    """Its address."""
    # A line for each request is of no use, and is written to standard error.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def event(number: int, **values: object) -> bytes:
    """A line of an event."""
    known = {
        "event_id": f"EVT_{number:08d}",
        "session_id": "SES_000001",
        "user_id": "USR_00001",
        "event_type": "page_view",
        "event_timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}",
    }
    return json.dumps(known | values).encode()


@dataclass
class KinesisStream:
    """A stream of a test, and where it lands.

    Args:
        home: folder of the test.
        proxy: stands before the server.
        name: of the stream.
        client: asks the server itself.
        shards: how many it has.
    """

    home: Path
    proxy: Proxy
    name: str
    client: KinesisClient
    shards: int

    def put(self, *records: bytes, shard: int = 0) -> None:
        """Put records into a shard, in order."""
        key = str((2**128 // self.shards) * shard + 1)
        for record in records:
            self.client.put_record(StreamName=self.name, PartitionKey="k", ExplicitHashKey=key, Data=record)

    def make_anew(self) -> None:
        """Remove it, and make one of its name."""
        self.client.delete_stream(StreamName=self.name)
        self.client.create_stream(StreamName=self.name, ShardCount=self.shards)

    def split(self) -> None:
        """Shard 0 becomes 1 and 2: so the proxy says, since moto would move the records."""
        self.proxy.closed = {SHARD.format(0)}
        self.proxy.parents = {SHARD.format(number): (SHARD.format(0),) for number in (1, 2)}

    def options(self, **values: Any) -> KinesisOptions:
        known: dict[str, Any] = {
            "stream": self.name,
            "region": REGION,
            "endpoint_url": self.proxy.url,
            "batch_bytes": 16 << 20,
            "batch_seconds": 60,
            "lag_warn_percent": 75,
            "timeout_seconds": 10,
        }
        return KinesisOptions(**known | values)

    def source(self, *, pace: Pace = FAST, **values: Any) -> KinesisSource:
        return KinesisSource(self.options(**values), destination(self.home), pace=pace, policy=AT_ONCE)

    def pull(self, now: datetime | None = None, **values: Any) -> PullReport:
        return self.source(**values).pull(now or datetime.now(UTC))

    def files(self) -> dict[str, bytes]:
        """What landed, unpacked, by place below `landing/events/`."""
        found = sorted((self.home / "landing" / "events").glob("dt=*/*.json.gz"))
        return {f"{path.parent.name}/{path.name}": gzip.decompress(path.read_bytes()) for path in found}

    def lines(self) -> list[bytes]:
        """All lines that landed, in the order of the files."""
        return [line for content in self.files().values() for line in content.split(b"\n") if line]

    def ids(self) -> list[str]:
        """The event ids that landed, in the order of the files."""
        return [json.loads(line)["event_id"] for line in self.lines()]

    def state(self) -> StreamState:
        """What the ledger knows."""
        stream = self.source()._client.describe()
        with destination(self.home).open_ledger("events") as ledger:
            assert ledger.unfinished() == {}
            return read_state(ledger, stream)


def new_stream(home: Path, proxy: Proxy, shards: int) -> KinesisStream:
    """A new, empty stream."""
    client = boto3.session.Session().client("kinesis", region_name=REGION, endpoint_url=proxy.upstream)
    name = f"clicks-{next(_NAMES)}"
    client.create_stream(StreamName=name, ShardCount=shards)
    return KinesisStream(home, proxy, name, client, shards)


def event_ids(numbers: Sequence[int]) -> list[str]:
    """As `event` names them."""
    return [f"EVT_{number:08d}" for number in numbers]
