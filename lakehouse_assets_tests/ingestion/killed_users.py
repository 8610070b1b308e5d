"""Pulls of users that end by SIGKILL: `python -m lakehouse_assets_tests.ingestion.killed_users STEP URL HOME...`.

Each pull is a process, which kills itself right before its STEP-th thing that reaches a disk, as in `killed_pull`; here
these are also the changes of the rows that are known to have landed. Prints the exit status of each.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from sqlalchemy import make_url

from lakehouse_assets.ingestion.landed_rows import LandedRows
from lakehouse_assets.ingestion.postgres import Sizes
from lakehouse_assets_tests.ingestion.destinations import NOW
from lakehouse_assets_tests.ingestion.killed_pull import guard_every_step, pull_in_each_home
from lakehouse_assets_tests.ingestion.users_table import source


def pull_and_die(url: str, home: Path, before: int | None) -> None:
    """Pull in this process, which may not live on."""
    killer = guard_every_step(before)
    # In their transactions, so that SQLite has them to undo.
    LandedRows._take = killer.guard(LandedRows._take)  # type: ignore[method-assign]
    LandedRows._drop_staged = killer.guard(LandedRows._drop_staged)  # type: ignore[method-assign]
    LandedRows.stage = killer.guard(LandedRows.stage)  # type: ignore[method-assign]
    source(home, make_url(url), Sizes(fetch_rows=2, file_rows=3)).pull(NOW)


def main() -> None:
    step, url, *homes = sys.argv[1:]
    pull_in_each_home(step, homes, partial(pull_and_die, url))


if __name__ == "__main__":
    main()
