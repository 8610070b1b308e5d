"""A source in memory, to test what stands around sources; it lands by the real protocol."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.ingestion.ledger_tables import Advance
from lakehouse_assets.ingestion.pull import Destination, open_pull
from lakehouse_assets.ingestion.report import PullReport
from lakehouse_assets.ingestion.source import ReportProgress, SourceStatus, no_progress
from lakehouse_assets.settings import Settings
from lakehouse_assets.sources.model import SourceEntry, SourceSpec

WARNING = "One file has a name [red]that looks like markup[/]."


class FakeSource:
    """Files in memory, in the order in which they came; the watermark counts those that landed.

    Args:
        name: of the source.
        destination: where it lands.
        files: names, and texts with a header line.
        error: raised by each look and pull, if any.
    """

    def __init__(
        self, name: str, destination: Destination, files: Sequence[tuple[str, str]], error: LakehouseError | None
    ) -> None:
        self._name = name
        self._destination = destination
        self._files = files
        self._error = error

    def check(self, now: datetime) -> SourceStatus:
        """What waits."""
        if self._error is not None:
            raise self._error
        with self._destination.open_ledger(self._name) as ledger:
            waiting = len(self._files) - (ledger.watermark() or 0)
        return SourceStatus(f"{waiting} files", "in memory")

    def pull(self, now: datetime, progress: ReportProgress = no_progress) -> PullReport:
        """Land what waits."""
        if self._error is not None:
            raise self._error
        landed: list[str] = []
        size = rows = 0
        with open_pull(self._destination, self._name, now) as pull:
            for number in range(pull.ledger.watermark() or 0, len(self._files)):
                name, text = self._files[number]
                progress(name)
                with pull.writing(now.date(), name) as file:
                    size += file.write(text.encode())
                    rows += text.count("\n") - 1
                    landed += pull.land([file], Advance(watermarks={"position": number + 1}), now)
        warnings = (WARNING,) if landed else ()
        return PullReport(self._name, tuple(landed), rows=rows, bytes=size, lag_seconds=0.0, warnings=warnings)


def fake_entry(
    spec: SourceSpec, files: Sequence[tuple[str, str]] = (), error: LakehouseError | None = None
) -> SourceEntry:
    """A registry's entry of it under the specification of a real source."""

    def open_source(_: Settings, destination: Destination) -> FakeSource:
        return FakeSource(spec.name, destination, files, error)

    return SourceEntry(spec, open_source)
