"""Measuring one process with all its descendants: wall time, CPU time and peak memory.

Nothing here knows what is run or what the figures are compared with.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import psutil

from benchmarks.errors import ProcessFailed

_SECONDS_BETWEEN_SAMPLES = 0.05
# Looking for new descendants reads every process of the machine, so it is done less often.
_SAMPLES_PER_SEARCH = 5
_SECONDS_FOR_DESCENDANTS = 60.0


@dataclass(frozen=True)
class Usage:
    """What a process tree used.

    Args:
        wall_seconds: from the start of the process to its exit.
        cpu_seconds: user and system time of the whole tree.
        peak_bytes: greatest sum of the resident sets of the tree; pages that two processes share count twice.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


def measure(what: str, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Usage:
    """Run a command in `folder` to its end and measure it.

    Args:
        what: the process, in words, for messages.

    Raises:
        ProcessFailed: its exit code is not 0, or descendants outlive it for long.
    """
    log = folder / "output.log"
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        sampler = _TreeSampler(process.pid)
        sampler.start()
        try:
            _, status, rusage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            left = sampler.end_of_descendants()
    if process.returncode != 0:
        raise ProcessFailed(what, f"ended with exit code {process.returncode}", log.read_text(errors="replace"))
    if left:
        raise ProcessFailed(what, f"left {left} processes running (now killed)", log.read_text(errors="replace"))
    # wait4 lacks descendants that nobody waited for (PySpark's JVM); samples lack the last moments of each process.
    cpu = max(rusage.ru_utime + rusage.ru_stime, sampler.cpu_seconds)
    return Usage(wall, cpu, sampler.peak_bytes)


class _TreeSampler(Thread):
    """Samples memory and CPU time of a process and its descendants until told to end."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self._root = psutil.Process(pid)
        self._cpu_seconds: dict[psutil.Process, float] = {self._root: 0.0}
        self._end = Event()

    @property
    def cpu_seconds(self) -> float:
        """User and system time of every process seen, as of its last sample."""
        return sum(self._cpu_seconds.values())

    def run(self) -> None:
        samples = 0
        while True:
            if samples % _SAMPLES_PER_SEARCH == 0:
                self._search()
            self._sample()
            samples += 1
            if self._end.wait(_SECONDS_BETWEEN_SAMPLES):
                return

    def end_of_descendants(self) -> int:
        """Sample until the last descendant seen is gone; kill those that stay, and return how many they were."""
        _, alive = psutil.wait_procs(list(self._cpu_seconds)[1:], timeout=_SECONDS_FOR_DESCENDANTS)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._end.set()
        self.join()
        return len(alive)

    def _search(self) -> None:
        with suppress(psutil.NoSuchProcess):
            for process in self._root.children(recursive=True):
                self._cpu_seconds.setdefault(process, 0.0)

    def _sample(self) -> None:
        resident = 0
        for process in list(self._cpu_seconds):
            with suppress(psutil.NoSuchProcess), process.oneshot():
                times = process.cpu_times()
                self._cpu_seconds[process] = times.user + times.system
                resident += process.memory_info().rss
        self.peak_bytes = max(self.peak_bytes, resident)
