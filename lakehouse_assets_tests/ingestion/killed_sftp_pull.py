"""Pulls by SFTP that end by SIGKILL, each a process; `test_killed_sftp_pulls.py` starts them.

`python -m lakehouse_assets_tests.ingestion.killed_sftp_pull STEP PORT KEYS HOME...` is as `killed_pull`, whose steps
these are, with the blocks of a download among them. KEYS is the folder of `known_hosts`.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from lakehouse_assets.ingestion.landing_writer import PendingFile
from lakehouse_assets.ingestion.options import SftpOptions
from lakehouse_assets.ingestion.sftp import SftpSource
from lakehouse_assets_tests.ingestion.destinations import NOW, destination
from lakehouse_assets_tests.ingestion.killed_pull import guard_every_step, pull_in_each_home
from lakehouse_assets_tests.ingestion.sftp_server import PASSWORD, USER


def pull_and_die(port: int, keys: Path, home: Path, before: int | None) -> None:
    """Pull in this process, which may not live on; what is listed stands still."""
    killer = guard_every_step(before)
    PendingFile.write = killer.guard(PendingFile.write)  # type: ignore[method-assign]
    options = SftpOptions(
        host="127.0.0.1",
        port=port,
        user=USER,
        folder=".",
        known_hosts=keys / "known_hosts",
        key_file=None,
        password=SecretStr(PASSWORD),
        settle_seconds=0,
        timeout_seconds=20,
    )
    SftpSource(options, destination(home)).pull(NOW)


def main() -> None:
    step, port, keys, *homes = sys.argv[1:]
    pull_in_each_home(step, homes, partial(pull_and_die, int(port), Path(keys)))


if __name__ == "__main__":
    main()
