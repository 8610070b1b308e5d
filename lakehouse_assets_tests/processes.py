"""The product as whole processes: a command run to its end, and a service with all that it starts and its address."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError


def run_python(code: str, home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python code, which reads `arguments`, with its data and Dagster's records below `home`."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ
        | {"LAKEHOUSE_HOME": str(home), "DAGSTER_HOME": str(home / "dagster"), "COLUMNS": "200"}
        | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@contextmanager
def process_group(command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """A process in a group of its own, which writes to `log`; the whole group is gone afterwards."""
    with log.open("w") as stream:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=20)


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(address: str) -> bool:
    """Whether a server answers at this address, and well."""
    with suppress(URLError, ConnectionError), urllib.request.urlopen(address, timeout=5) as answer:
        return bool(answer.status == 200)
    return False
