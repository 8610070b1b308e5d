"""Pulls of events that end by SIGKILL: `python -m <this module> STEP URL STREAM HOME...`.

As `killed_pull`, with the same steps; all homes pull one stream. `test_killed_kinesis.py` starts it.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import Engine

from lakehouse_assets.ingestion.kinesis import KinesisSource
from lakehouse_assets.ingestion.kinesis_shard_reader import Pace
from lakehouse_assets.ingestion.options import KinesisOptions
from lakehouse_assets_tests.ingestion.destinations import destination
from lakehouse_assets_tests.ingestion.killed_pull import Killer
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
    killer = Killer(before)
    os.fsync = killer.guard(os.fsync)
    os.rename = killer.guard(os.rename)
    os.replace = killer.guard(os.replace)
    Path.unlink = killer.guard(Path.unlink)  # type: ignore[method-assign]
    event.listen(Engine, "commit", killer.step)
    pull(url, stream, home)


def main() -> None:
    step, url, stream, *homes = sys.argv[1:]
    for number, home in enumerate(homes):
        before = None if step == "never" else number if step == "each" else int(step)
        process = os.fork()
        if process == 0:
            try:
                pull_and_die(url, stream, Path(home), before)
            finally:
                # Reached by a living one only; an error shows in the status.
                os._exit(0 if sys.exc_info()[0] is None else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))


if __name__ == "__main__":
    main()
