"""Events from Kinesis: what is known of the source, and how it is opened. Its options are made in `kinesis_options`."""

from __future__ import annotations

from lakehouse_assets.sources.model import SourceEntry, SourceSpec

SPEC = SourceSpec(
    name="events",
    system="kinesis_events",
    description="Kinesis stream of events, of which what has come is pulled every few minutes.",
    kinds=frozenset({"kinesis", "json"}),
    variables=("LAKEHOUSE_KINESIS_STREAM",),
    is_configured=lambda settings: settings.kinesis_stream is not None,
    cron=lambda settings: f"*/{settings.kinesis_every_minutes} * * * *",
)

ENTRIES: tuple[SourceEntry, ...] = ()
