"""The gate: an arrival day with too many quarantined lines is held, and none of its lines reaches silver."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gate:
    """A day is held when it has at least `min_rows` quarantined lines and they are over `max_percent` of its lines."""

    min_rows: int
    max_percent: float

    def __str__(self) -> str:
        return f"held from {self.min_rows} quarantined lines that are over {self.max_percent:g} % of the day's"

    def holds(self, *, lines: int, quarantined: int) -> bool:
        return quarantined >= self.min_rows and quarantined * 100 > lines * self.max_percent
