"""A pull of events killed at any step, and the next: each record lands once, none is lost."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse_assets_tests.ingestion.destinations import destination
from lakehouse_assets_tests.ingestion.kinesis_server import SHARD, KinesisStream, event, event_ids

KILLED = -signal.SIGKILL
# More than a pull has steps: the last pulls of a walk over all of them live.
MORE_THAN_ALL_STEPS = 36
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def pulls(step: int | str, stream: KinesisStream, homes: Sequence[Path]) -> list[int]:
    """The exit status of a pull into each home, killed before a step."""
    module = "lakehouse_assets_tests.ingestion.killed_kinesis"
    command = [sys.executable, "-m", module, str(step), stream.proxy.url, stream.name, *map(str, homes)]
    ran = subprocess.run(command, check=True, timeout=240, capture_output=True, text=True)
    return [int(line) for line in ran.stdout.split()]


def landed(home: Path) -> list[str]:
    """The ids of the events that a reader sees, doubled ones twice."""
    files = sorted((home / "landing" / "events").glob("dt=*/*.json.gz"))
    lines = [line for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]
    return sorted(json.loads(line)["event_id"] for line in lines)


def is_settled(home: Path) -> bool:
    """Whether nothing is left over and no landing is open."""
    with destination(home).open_ledger("events") as ledger:
        return ledger.unfinished() == {} and not list(home.glob("landing/events/.incoming/*"))


@pytest.fixture
def split_stream(make_stream: Callable[[int], KinesisStream]) -> KinesisStream:
    """Two shards, the second the child of the first, whose records cross midnight."""
    stream = make_stream(2)
    stream.put(*map(event, range(4)), shard=0)
    stream.put(event(4), shard=1)
    stream.proxy.closed = {SHARD.format(0)}
    stream.proxy.parents = {SHARD.format(1): (SHARD.format(0),)}
    stream.proxy.arrived_at = lambda data: (
        MIDNIGHT + timedelta(seconds=-1 if json.loads(data)["event_id"] < "EVT_00000003" else 1)
    )
    return stream


def test_pull_killed_before_any_step_lands_every_record_once(split_stream: KinesisStream, tmp_path: Path) -> None:
    homes = [tmp_path / str(step) for step in range(MORE_THAN_ALL_STEPS)]
    statuses = pulls("each", split_stream, homes)
    steps = statuses.index(0)
    assert set(statuses[:steps]) == {KILLED}
    assert set(statuses[steps:]) == {0}
    # Three landings, one of them of two files, and what the rest takes.
    assert steps > 25
    assert set(pulls("never", split_stream, homes[:steps])) == {0}
    assert {home.name: landed(home) for home in homes if landed(home) != event_ids(range(5))} == {}
    assert all(map(is_settled, homes))


def test_pull_killed_again_and_again_comes_to_its_end(split_stream: KinesisStream, tmp_path: Path) -> None:
    statuses = [status for step in range(6, 30, 6) for status in pulls(step, split_stream, [tmp_path / "home"])]
    assert statuses[0] == KILLED
    assert pulls("never", split_stream, [tmp_path / "home"]) == [0]
    assert landed(tmp_path / "home") == event_ids(range(5))
    assert is_settled(tmp_path / "home")
