"""Live: the same files as `batch`, each dropped when a simulated clock reaches its due time.

Belongs here: the clock and the waiting. Not here: which files there are (`production`), signals and printing
(`cli`).
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event

from generator.batch import GenerationPlan, begin, close_day, produce
from generator.manifest import note, write_manifest
from generator.production import DayClosed
from generator.writer import LandedFile, land

Report = Callable[[datetime, LandedFile], None]


class SimulatedClock:
    """A clock that starts at an instant and runs `speed` times as fast as the real one."""

    def __init__(self, start: datetime, speed: float) -> None:
        self._start = start.timestamp()
        self._speed = speed
        self._began = time.monotonic()

    def now(self) -> float:
        """The simulated instant, in seconds since 1970."""
        return self._start + (time.monotonic() - self._began) * self._speed

    def wait_until(self, instant: float, stop: Event) -> bool:
        """Wait for a simulated instant; False when `stop` was set first."""
        while not stop.is_set() and (left := instant - self.now()) > 0:
            stop.wait(left / self._speed)
        return not stop.is_set()


def drop_live(plan: GenerationPlan, clock: SimulatedClock, stop: Event, report: Report) -> int:
    """Drop the plan's files as simulated time passes, until the last one or until `stop` is set.

    What was due before the clock's start is dropped at once. A day's truth is written after its last file; a
    day that was stopped half-way stays noted as under way, and the same call takes it up again.

    Returns: how many files were dropped.
    """
    manifest = begin(plan)
    landed: list[LandedFile] = []
    for step in produce(plan).run():
        if isinstance(step, DayClosed):
            close_day(plan, manifest, step)
            continue
        if not clock.wait_until(step.due, stop):
            break
        landed.append(land(step, plan.home / "landing"))
        report(datetime.fromtimestamp(step.due, UTC), landed[-1])
    note(manifest, landed)
    write_manifest(plan.home, manifest)
    return len(landed)
