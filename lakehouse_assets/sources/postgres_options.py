"""Users from Postgres: its options from the settings, and what these must be together."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from lakehouse_assets.errors import SettingsError
from lakehouse_assets.ingestion.options import PostgresOptions
from lakehouse_assets.secret_files import read_secret
from lakehouse_assets.settings import Settings
from lakehouse_assets.sources.model import UNTOUCHED

_DRIVER = "postgresql+psycopg"
_NAMES_OF_POSTGRES = ("postgres", "postgresql", _DRIVER)


def postgres_options(settings: Settings) -> PostgresOptions:
    """The options of the source.

    Raises:
        SettingsError: a setting is absent, settings do not go together, or a secret cannot be read.
    """
    return PostgresOptions(
        url=_url(settings),
        schema=settings.postgres_schema,
        table=settings.postgres_table,
        safety_seconds=settings.postgres_safety_seconds,
        lookback_seconds=settings.postgres_lookback_seconds,
        reconcile_days=settings.postgres_reconcile_days,
        timeout_seconds=settings.postgres_timeout_seconds,
    )


def _url(settings: Settings) -> URL:
    whole = read_secret(
        "LAKEHOUSE_POSTGRES_URL", settings.postgres_url, settings.postgres_url_file, untouched=UNTOUCHED
    )
    password = read_secret(
        "LAKEHOUSE_POSTGRES_PASSWORD", settings.postgres_password, settings.postgres_password_file, untouched=UNTOUCHED
    )
    if whole is not None:
        if settings.postgres_host is not None:
            raise SettingsError(
                "LAKEHOUSE_POSTGRES_URL and LAKEHOUSE_POSTGRES_HOST are both set. Nothing was pulled. Unset one."
            )
        url = _parsed(whole)
        if password is None:
            return url
        if url.password is not None:
            raise SettingsError(
                "LAKEHOUSE_POSTGRES_URL holds a password and LAKEHOUSE_POSTGRES_PASSWORD (or _FILE) is set. Nothing "
                "was pulled. Leave the password out of the URL."
            )
        return url.set(password=password)
    if not settings.postgres_host or not settings.postgres_database or not settings.postgres_user:
        raise SettingsError(
            "LAKEHOUSE_POSTGRES_HOST needs LAKEHOUSE_POSTGRES_DATABASE and LAKEHOUSE_POSTGRES_USER beside it. Nothing "
            "was pulled. Set all three, or LAKEHOUSE_POSTGRES_URL."
        )
    return URL.create(
        _DRIVER,
        username=settings.postgres_user,
        password=password,
        host=settings.postgres_host,
        port=settings.postgres_port,
        database=settings.postgres_database,
    )


def _parsed(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        url = URL.create("none")
    if url.drivername not in _NAMES_OF_POSTGRES:
        # Without a cause: it may hold the password.
        raise SettingsError(
            "LAKEHOUSE_POSTGRES_URL is no URL of Postgres (it is not shown, as it is a secret). Nothing was pulled. "
            "Write it as in postgresql://user:password@host:5432/database."
        ) from None
    if "password" in url.query:
        # SQLAlchemy hides only the one before the host.
        raise SettingsError(
            "LAKEHOUSE_POSTGRES_URL has its password behind the `?`, where messages would show it. Nothing was pulled. "
            "Write it before the host, or set LAKEHOUSE_POSTGRES_PASSWORD (or _FILE)."
        )
    return url.set(drivername=_DRIVER)
