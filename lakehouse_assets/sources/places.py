"""Where pulls land and where they note it, from the settings."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from lakehouse_assets.errors import SettingsError
from lakehouse_assets.ingestion.pull import Destination
from lakehouse_assets.secret_files import read_secret
from lakehouse_assets.settings import Settings
from lakehouse_assets.sources.model import UNTOUCHED


def destination(settings: Settings) -> Destination:
    """Where pulls land and note it.

    Raises:
        SettingsError: the setting of the ledger is wrong.
    """
    state = settings.home.resolve() / "lakehouse"
    url = read_secret(
        "LAKEHOUSE_INGESTION_DATABASE",
        settings.ingestion_database,
        settings.ingestion_database_file,
        untouched=UNTOUCHED,
    )
    ledger = URL.create("sqlite", database=str(state / "ingestion.db")) if url is None else _parsed(url)
    return Destination(settings.home.resolve() / "landing", state, ledger)


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        # Without a cause: it may hold the password.
        raise SettingsError(
            "LAKEHOUSE_INGESTION_DATABASE is no SQLAlchemy URL (it is not shown, as it is a secret). Nothing was "
            "pulled. Write it as in postgresql+psycopg://user:password@host/database, or unset it for SQLite."
        ) from None
