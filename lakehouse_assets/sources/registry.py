"""The sources that there are, and those of them that are configured.

The commands load this at their start: a module of a source imports what it needs when the source is opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lakehouse_assets.sources import kinesis, postgres, sftp
from lakehouse_assets.sources.model import ConfiguredSource, SourceEntry

if TYPE_CHECKING:
    from lakehouse_assets.ingestion.source import Source
    from lakehouse_assets.settings import Settings

# In the order in which they are shown.
REGISTRY: tuple[SourceEntry, ...] = (*sftp.ENTRIES, *postgres.ENTRIES, *kinesis.ENTRIES)


def configured_sources(settings: Settings, registry: Sequence[SourceEntry] | None = None) -> list[ConfiguredSource]:
    """The sources that the settings configure, rightly or wrongly; opens none and reads no file.

    Args:
        settings: the settings.
        registry: the sources that there are; None for all that are implemented.
    """
    entries = REGISTRY if registry is None else registry
    return [_bound(entry, settings) for entry in entries if entry.spec.is_configured(settings)]


def _bound(entry: SourceEntry, settings: Settings) -> ConfiguredSource:
    def open_source() -> Source:
        from lakehouse_assets.sources.places import destination

        return entry.open_source(settings, destination(settings))

    return ConfiguredSource(entry.spec, entry.spec.cron(settings), open_source)
