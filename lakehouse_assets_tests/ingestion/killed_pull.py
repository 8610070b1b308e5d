"""Pulls that end by SIGKILL: `python -m lakehouse_assets_tests.ingestion.killed_pull STEP HOME...`.

The source is a list of days, of which each pull lands all that its watermark has not passed; a day is two files of one
landing. Each pull is a process, which kills itself right before its STEP-th (from 0) thing that reaches the disk: a
flush, a rename, a removal or a commit. With STEP `each` that is 0 in the first home, 1 in the second and so on; with
STEP `never` it lives. Prints the exit status of each; `test_killed_pulls.py` starts it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from lakehouse_assets.ingestion.ledger_tables import Advance
from lakehouse_assets.ingestion.pull import Pull, open_pull
from lakehouse_assets_tests.ingestion.destinations import DAY, NOW, destination

DAYS = 2
CONTENT = "transaction_id\nT{}\n"
REPEATED = "a refused file\n"


class Killer:
    """Counts the steps, from 0; kills before the one that is given, or none."""

    def __init__(self, before: int | None) -> None:
        self._left = before

    def step(self, *_: object) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._left is not None:
            self._left -= 1

    def guard(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **named: Any) -> Any:
            self.step()
            return function(*arguments, **named)

        return guarded


def pull_days(home: Path) -> None:
    """Land the days that the watermark has not passed, and refuse a file once."""
    with open_pull(destination(home), "transactions", NOW) as pull:
        if pull.ledger.watermark("refused") is None:
            with pull.writing(DAY, "bad.csv") as file:
                file.write(REPEATED.encode())
                pull.reject(file, "bad.csv", DAY, "no header")
            pull.ledger.advance(Advance(watermarks={"refused": 1}), NOW)
        for number in range(pull.ledger.watermark() or 0, DAYS):
            _land_day(pull, DAY + timedelta(days=number), number)


def _land_day(pull: Pull, day: date, number: int) -> None:
    with ExitStack() as stack:
        files = [stack.enter_context(pull.writing(day, name)) for name in ("a.csv", "b.csv")]
        for file in files:
            file.write(CONTENT.format(f"{number}-{Path(file.source_file).stem}").encode())
        pull.land(files, Advance(watermarks={"position": number + 1}), NOW)


def guard_every_step(before: int | None) -> Killer:
    """Let this process, which may not live on, kill itself right before a step."""
    killer = Killer(before)
    # The modules reach these through their own names of `os` and `Path`, so this is seen everywhere.
    os.fsync = killer.guard(os.fsync)
    os.rename = killer.guard(os.rename)
    os.replace = killer.guard(os.replace)
    Path.unlink = killer.guard(Path.unlink)  # type: ignore[method-assign]
    event.listen(Engine, "commit", killer.step)
    return killer


def pull_and_die(home: Path, before: int | None) -> None:
    """Pull in this process."""
    guard_every_step(before)
    pull_days(home)


def in_a_process_of_its_own(die: Callable[[], None]) -> int:
    """Forked, since it then need not load the platform anew; nothing is open here.

    Returns:
        The exit status; negative for a signal.
    """
    process = os.fork()
    if process == 0:
        try:
            die()
        finally:
            # Reached by a living one only; an error shows in the status.
            os._exit(0 if sys.exc_info()[0] is None else 1)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def pull_in_each_home(step: str, homes: Sequence[str], die: Callable[[Path, int | None], None]) -> None:
    """Pull into each home in a process of its own that ends before a step, and print how it ended.

    Args:
        step: `never`, `each` or a number, see the module.
        homes: folders.
        die: pulls into a home in this process, and kills it before a step, or never.
    """
    for number, home in enumerate(homes):
        before = None if step == "never" else number if step == "each" else int(step)
        print(in_a_process_of_its_own(partial(die, Path(home), before)))


def main() -> None:
    step, *homes = sys.argv[1:]
    pull_in_each_home(step, homes, pull_and_die)


if __name__ == "__main__":
    main()
