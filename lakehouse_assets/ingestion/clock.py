"""Time that passes while a source is pulled: what waits takes a clock, so that tests need not wait."""

from __future__ import annotations

from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Protocol


class Clock(Protocol):
    """Time that passes; a test's passes when it is waited for."""

    def seconds(self) -> float:
        """Since any moment; never goes back."""

    def wait(self, seconds: float) -> None:
        """Return after so long."""


class SystemClock:
    """That of the machine."""

    def seconds(self) -> float:
        return monotonic()

    def wait(self, seconds: float) -> None:
        sleep(seconds)


class Now:
    """The time, from the start of the pull on."""

    def __init__(self, start: datetime, clock: Clock | None = None) -> None:
        self._start = start
        self._clock = clock or SystemClock()
        self._seconds = self._clock.seconds()

    @property
    def elapsed_seconds(self) -> float:
        return self._clock.seconds() - self._seconds

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=self.elapsed_seconds)

    def wait_since(self, began_seconds: float, seconds: float) -> None:
        """Return once so long has passed since an earlier `elapsed_seconds`."""
        self._clock.wait(max(0.0, began_seconds + seconds - self.elapsed_seconds))

    def wait_until(self, time: datetime) -> None:
        """Return at that time or later."""
        while (left := (time - self()).total_seconds()) > 0:
            self._clock.wait(left)
