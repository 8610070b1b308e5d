"""Transactions by SFTP: what is known of the source, and how it is opened. Its options are made in `sftp_options`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse_assets.sources.model import SourceEntry, SourceSpec

if TYPE_CHECKING:
    from lakehouse_assets.ingestion.pull import Destination
    from lakehouse_assets.ingestion.source import Source
    from lakehouse_assets.settings import Settings

SPEC = SourceSpec(
    name="transactions",
    system="sftp_transactions",
    description="CSV files of transactions in a folder of an SFTP server, one an hour.",
    kinds=frozenset({"sftp", "csv"}),
    variables=("LAKEHOUSE_SFTP_HOST",),
    is_configured=lambda settings: settings.sftp_host is not None,
    # Some minutes after the hour: the hour's file is there and stands still.
    cron=lambda _: "10 * * * *",
)


def _open(settings: Settings, destination: Destination) -> Source:
    from lakehouse_assets.ingestion.sftp import SftpSource
    from lakehouse_assets.sources.sftp_options import sftp_options

    return SftpSource(sftp_options(settings), destination)


ENTRIES: tuple[SourceEntry, ...] = (SourceEntry(SPEC, _open),)
