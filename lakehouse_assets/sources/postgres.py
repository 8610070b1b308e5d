"""Users from Postgres: what is known of the source, how it is opened. Its options are made in `postgres_options`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse_assets.sources.model import SourceEntry, SourceSpec

if TYPE_CHECKING:
    from lakehouse_assets.ingestion.pull import Destination
    from lakehouse_assets.ingestion.source import Source
    from lakehouse_assets.settings import Settings

SPEC = SourceSpec(
    name="users",
    system="postgres_users",
    description="Table of users in a Postgres database, of which each day what has changed is pulled.",
    kinds=frozenset({"postgres"}),
    variables=("LAKEHOUSE_POSTGRES_URL", "LAKEHOUSE_POSTGRES_URL_FILE", "LAKEHOUSE_POSTGRES_HOST"),
    is_configured=lambda settings: (
        settings.postgres_url is not None
        or settings.postgres_url_file is not None
        or settings.postgres_host is not None
    ),
    # Before `daily_schedule`, which runs the day that has ended.
    cron=lambda _: "50 23 * * *",
)


def _open(settings: Settings, destination: Destination) -> Source:
    from lakehouse_assets.ingestion.postgres import PostgresUsers
    from lakehouse_assets.sources.postgres_options import postgres_options

    return PostgresUsers(postgres_options(settings), destination)


ENTRIES: tuple[SourceEntry, ...] = (SourceEntry(SPEC, _open),)
