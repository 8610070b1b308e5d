"""What a source must offer. Implementations stand beside this module; which are configured is in `sources`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lakehouse_assets.ingestion.report import PullReport

ReportProgress = Callable[[str], None]
"""Gets a short text that says how far a pull is, such as `orders.csv, 3 files, 12 MB`; returns at once."""


def no_progress(_: str) -> None:
    """For those who do not watch."""


@dataclass(frozen=True)
class SourceStatus:
    """What a look at a source found, for a person.

    Args:
        pending: what waits there, such as `3 files, 1.2 MB`.
        detail: more, such as who answered and up to where was pulled; no secrets.
    """

    pending: str
    detail: str = ""


class Source(Protocol):
    """A source; `now` is an aware time, UTC."""

    def check(self, now: datetime) -> SourceStatus:
        """Look at the source and change nothing, neither there nor here; safe while a pull runs.

        Raises:
            SourceError: it cannot be reached or read; says why.
        """

    def pull(self, now: datetime, progress: ReportProgress = no_progress) -> PullReport:
        """Bring what is new into landing, up to an end: what comes while it works may wait for the next.

        Raises:
            SourceError: it stopped; what had landed before stays landed, and a next pull goes on from there.
            LandingError: landing cannot be written.
        """
