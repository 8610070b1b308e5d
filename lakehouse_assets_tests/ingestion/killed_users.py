"""Pulls of users that end by SIGKILL: `python -m lakehouse_assets_tests.ingestion.killed_users STEP URL HOME...`.

Each pull is a process, which kills itself right before its STEP-th thing that reaches a disk, as in `killed_pull`; here
these are also the changes of the rows that are known to have landed. Prints the exit status of each.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sqlalchemy import event, make_url
from sqlalchemy.engine import Engine

from lakehouse_assets.ingestion.landed_rows import LandedRows
from lakehouse_assets.ingestion.postgres import Sizes
from lakehouse_assets_tests.ingestion.destinations import NOW
from lakehouse_assets_tests.ingestion.killed_pull import Killer
from lakehouse_assets_tests.ingestion.users_table import source


def pull_and_die(url: str, home: Path, before: int | None) -> None:
    """Pull in this process, which may not live on."""
    killer = Killer(before)
    os.fsync = killer.guard(os.fsync)
    Path.replace = killer.guard(Path.replace)  # type: ignore[method-assign]
    Path.unlink = killer.guard(Path.unlink)  # type: ignore[method-assign]
    # In their transactions, so that SQLite has them to undo.
    LandedRows._take = killer.guard(LandedRows._take)  # type: ignore[method-assign]
    LandedRows._drop_staged = killer.guard(LandedRows._drop_staged)  # type: ignore[method-assign]
    LandedRows.stage = killer.guard(LandedRows.stage)  # type: ignore[method-assign]
    event.listen(Engine, "commit", killer.step)
    source(home, make_url(url), Sizes(fetch_rows=2, file_rows=3)).pull(NOW)


def in_a_process_of_its_own(url: str, home: Path, before: int | None) -> int:
    """Forked, see `killed_pull`."""
    process = os.fork()
    if process == 0:
        try:
            pull_and_die(url, home, before)
        finally:
            os._exit(0 if sys.exc_info()[0] is None else 1)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def main() -> None:
    step, url, *homes = sys.argv[1:]
    for number, home in enumerate(homes):
        before = {"never": None, "each": number}[step]
        print(in_a_process_of_its_own(url, Path(home), before))


if __name__ == "__main__":
    main()
