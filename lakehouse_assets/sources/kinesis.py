"""Events from Kinesis: what is known of the source, and how it is opened. Its options are made in `kinesis_options`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse_assets.sources.model import SourceEntry, SourceSpec

if TYPE_CHECKING:
    from lakehouse_assets.ingestion.kinesis import KinesisSource
    from lakehouse_assets.ingestion.pull import Destination
    from lakehouse_assets.settings import Settings

SPEC = SourceSpec(
    name="events",
    system="kinesis_events",
    description="Kinesis stream of events, of which what has come is pulled every few minutes.",
    kinds=frozenset({"kinesis", "json"}),
    variables=("LAKEHOUSE_KINESIS_STREAM",),
    is_configured=lambda settings: settings.kinesis_stream is not None,
    cron=lambda settings: f"*/{settings.kinesis_every_minutes} * * * *",
)


def open_kinesis(settings: Settings, destination: Destination) -> KinesisSource:
    """The source itself, for what only it can do: following and replay.

    Raises:
        SettingsError: a setting is wrong.
    """
    from lakehouse_assets.ingestion.kinesis import KinesisSource
    from lakehouse_assets.sources.kinesis_options import kinesis_options

    return KinesisSource(kinesis_options(settings), destination)


ENTRIES: tuple[SourceEntry, ...] = (SourceEntry(SPEC, open_kinesis),)
