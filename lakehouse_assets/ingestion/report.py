"""What a pull tells: one object, whose numbers are those of the log, of the command's table and of Dagster."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class PullReport:
    """How a pull went; an empty one is a normal one.

    Args:
        source: its name.
        landed: files that landed, below `landing/`, in their order.
        rows: records in them, header lines not counted.
        bytes: of them as they are stored.
        skipped: files that were not taken since their content had landed before; of other sources, records.
        rejected: files that were refused, see `landing/_rejected/`.
        lag_seconds: for how long the oldest thing at the source that has not landed waits; 0 where all has landed,
            None where unknown.
        seconds: how long it took.
        warnings: what a person should know, as whole sentences.
    """

    source: str
    landed: tuple[str, ...] = ()
    rows: int = 0
    bytes: int = 0
    skipped: int = 0
    rejected: int = 0
    lag_seconds: float | None = None
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def days(self) -> tuple[date, ...]:
        """Arrival days that got files, ascending."""
        return tuple(sorted({date.fromisoformat(file.split("/")[1].removeprefix("dt=")) for file in self.landed}))

    def numbers(self) -> dict[str, int | float]:
        """The numbers by name, in the order in which they are shown; a lag that is not known is left out."""
        numbers: dict[str, int | float] = {
            "files": len(self.landed),
            "rows": self.rows,
            "bytes": self.bytes,
            "skipped": self.skipped,
            "rejected": self.rejected,
            "seconds": round(self.seconds, 3),
        }
        return numbers if self.lag_seconds is None else numbers | {"lag_seconds": round(self.lag_seconds, 3)}
