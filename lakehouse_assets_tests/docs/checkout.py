"""A fresh checkout that `run_pipeline.sh` has installed and run once, shared by all workers of a test session.

It holds the files git knows or would add, and is run in an environment with nothing in it but what pip needs to find
packages: so a file that is not in the repository, or a variable of the developer, cannot make it work.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
PASSED_ON = ("PIP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "TMPDIR")
DEADLINE_SECONDS = 900


@dataclass(frozen=True)
class Checkout:
    """The checkout, and what its first run wrote."""

    folder: Path

    @property
    def first_run(self) -> subprocess.CompletedProcess[str]:
        code, out, err = ((self.folder / f"first_run.{name}").read_text() for name in ("code", "out", "err"))
        return subprocess.CompletedProcess("./run_pipeline.sh", int(code), out, err)

    @property
    def first_run_seconds(self) -> float:
        return float((self.folder / "first_run.seconds").read_text())

    def environment(self, **more: str) -> dict[str, str]:
        """PATH, an empty HOME, pip's own configuration and cache, and `more`."""
        home = Path.home()
        cache = subprocess.run(
            [sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=False
        ).stdout.strip()
        kept = {name: value for name, value in os.environ.items() if name.upper().startswith(PASSED_ON)}
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "empty_home"),
            "XDG_CONFIG_HOME": os.environ.get("XDG_CONFIG_HOME", str(home / ".config")),
            "PIP_CACHE_DIR": cache or str(home / ".cache" / "pip"),
            **kept,
            **more,
        }

    def run_pipeline(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["./run_pipeline.sh", *arguments],
            cwd=self.folder,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_SECONDS,
        )


@contextmanager
def shared_checkout(folder: Path) -> Iterator[Checkout]:
    """The checkout in this folder: who comes first copies and runs it, the others wait; who goes last removes it."""
    lock = FileLock(folder.with_suffix(".lock"))
    user = folder.with_suffix(f".user-{os.getpid()}")
    with lock:
        if not folder.exists():
            _make(Checkout(folder))
        user.touch()
    yield Checkout(folder)
    with lock:
        user.unlink()
        if not list(folder.parent.glob(f"{folder.name}.user-*")):
            shutil.rmtree(folder)


def _make(checkout: Checkout) -> None:
    folder = checkout.folder
    _copy_files_of_the_repository(folder)
    (folder / "empty_home").mkdir()
    started = time.monotonic()
    ran = checkout.run_pipeline()
    (folder / "first_run.seconds").write_text(str(time.monotonic() - started))
    (folder / "first_run.out").write_text(ran.stdout)
    (folder / "first_run.err").write_text(ran.stderr)
    (folder / "first_run.code").write_text(str(ran.returncode))


def files_of_the_repository() -> list[str]:
    """Files that git tracks or would add, as they are in the working tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    return sorted({name for name in listed if name and (ROOT / name).is_file()})


def _copy_files_of_the_repository(folder: Path) -> None:
    for name in files_of_the_repository():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
