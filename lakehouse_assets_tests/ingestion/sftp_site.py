"""An SFTP server with a home that pulls from it, for tests of the source."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from lakehouse_assets.ingestion.ledger_tables import RemoteFile
from lakehouse_assets.ingestion.options import SftpOptions
from lakehouse_assets.ingestion.report import PullReport
from lakehouse_assets.ingestion.retries import RetryPolicy
from lakehouse_assets.ingestion.sftp import SftpSource
from lakehouse_assets_tests.ingestion.destinations import NOW, destination, files_below
from lakehouse_assets_tests.ingestion.sftp_server import PASSWORD, USER, Faults, SftpServer, running_sftp

HEADER = "transaction_id,session_id,user_id,amount,currency,transaction_timestamp"
SETTLE_SECONDS = 60
ATTEMPTS = 3
MTIME = 1_731_670_000


def rows(*numbers: int, amount: str = "10.50") -> str:
    """Rows of a file, one for each number."""
    return "".join(f"TXN_{n:07},SES_{n:06},USR_{n:05},{amount},USD,2024-11-15 12:00:00\n" for n in numbers)


def csv(*numbers: int, amount: str = "10.50") -> str:
    """A file with these rows."""
    return f"{HEADER}\n{rows(*numbers, amount=amount)}"


class FakeClock:
    """Time passes when it is waited for; `during_wait` is done meanwhile."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.during_wait: Callable[[], None] = lambda: None

    def seconds(self) -> float:
        return sum(self.waits)

    def wait(self, seconds: float) -> None:
        self.during_wait()
        self.waits.append(seconds)


class Site:
    """The server, the home, and what tests do with both."""

    def __init__(self, server: SftpServer, home: Path, options: SftpOptions) -> None:
        self.server = server
        self.home = home
        self.options = options
        self.clock = FakeClock()
        self.now = NOW
        self.attempts = ATTEMPTS

    @property
    def faults(self) -> Faults:
        return self.server.faults

    def put(self, name: str, content: str | bytes, mtime: int = MTIME) -> Path:
        """A file on the server; it is there by one rename."""
        path = self.server.folder / name
        temporary = path.with_name(".new")
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(temporary, (mtime, mtime))
        return temporary.replace(path)

    def source(self) -> SftpSource:
        """As it is configured now."""
        at_once = RetryPolicy(attempts=self.attempts, first_wait_seconds=0.0, longest_wait_seconds=0.0)
        return SftpSource(self.options, destination(self.home), self.clock, at_once)

    def pull(self) -> PullReport:
        """Pull; an hour has passed since the last one."""
        self.now += timedelta(hours=1)
        return self.source().pull(self.now)

    def change(self, **options: object) -> None:
        """Configure it otherwise."""
        self.options = replace(self.options, **options)  # type: ignore[arg-type]

    @property
    def landing(self) -> dict[str, str]:
        """What stands below landing, by path without the source."""
        files = files_below(self.home / "landing")
        return {name.removeprefix("transactions/"): content.decode() for name, content in sorted(files.items())}

    @property
    def ledger(self) -> dict[str, RemoteFile]:
        """The newest version of each file, by name."""
        with destination(self.home).open_ledger("transactions") as ledger:
            return {Path(file.version.path).name: file for file in ledger.remote_files()}

    @property
    def states(self) -> dict[str, str]:
        """State of the newest version of each file, by name."""
        return {name: file.state.value for name, file in self.ledger.items()}


def at(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


@contextmanager
def running_site(folder: Path, algorithms: tuple[str, ...] = ("ssh-ed25519",)) -> Iterator[Site]:
    """A server with an empty folder `out`, and a home, below one folder."""
    (folder / "server" / "out").mkdir(parents=True)
    (folder / "keys").mkdir()
    with running_sftp(folder / "server" / "out", folder / "keys", algorithms) as server:
        options = SftpOptions(
            host="127.0.0.1",
            port=server.port,
            user=USER,
            folder=".",
            known_hosts=server.known_hosts(folder / "keys" / "known_hosts"),
            key_file=None,
            password=SecretStr(PASSWORD),
            settle_seconds=SETTLE_SECONDS,
            timeout_seconds=5,
        )
        yield Site(server, folder / "home", options)
