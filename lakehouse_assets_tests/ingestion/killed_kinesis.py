"""Pulls of events that end by SIGKILL: `python -m <this module> STEP URL STREAM HOME...`.

As `killed_pull`, with the same steps; all homes pull one stream. `test_killed_kinesis.py` starts it.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from lakehouse_assets.ingestion.kinesis import KinesisSource
from lakehouse_assets.ingestion.kinesis_shard_reader import Pace
from lakehouse_assets.ingestion.options import KinesisOptions
from lakehouse_assets_tests.ingestion.destinations import destination
from lakehouse_assets_tests.ingestion.killed_pull import guard_every_step, pull_in_each_home
from lakehouse_assets_tests.ingestion.kinesis_server import REGION

# A landing for each page of two records; a page of the last shard has one.
PACE = Pace(round_seconds=0.0, page_records=2)
BATCH_BYTES = 1


def pull(url: str, stream: str, home: Path) -> None:
    """All that is new, in several landings."""
    options = KinesisOptions(stream, REGION, url, BATCH_BYTES, 60, 75, 10)
    KinesisSource(options, destination(home), pace=PACE).pull(datetime.now(UTC))


def pull_and_die(url: str, stream: str, home: Path, before: int | None) -> None:
    """Pull in this process, which may not live on."""
    guard_every_step(before)
    pull(url, stream, home)


def main() -> None:
    step, url, stream, *homes = sys.argv[1:]
    pull_in_each_home(step, homes, partial(pull_and_die, url, stream))


if __name__ == "__main__":
    main()
