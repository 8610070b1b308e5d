"""What goes wrong at a Postgres, in our words: the one place where errors of SQLAlchemy and psycopg are translated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from lakehouse_assets.errors import (
    SourceAuthenticationError,
    SourceError,
    SourceNotFoundError,
    SourcePermissionError,
    SourceUnreachableError,
)
from lakehouse_assets.ingestion.options import PostgresOptions

# An error while connecting carries no code (psycopg 3.3): libpq keeps the server's to itself. What is left is its text.
_REFUSED = "FATAL:"
_PASSING = ("the database system is", "too many", "remaining connection slots", "terminating connection")
_NO_DATABASE = ("database", "does not exist")
_TIMEOUT = "57014"
_PERMISSION = "42501"
_ABSENT = ("3F000", "42P01", "42703")
# Connection lost, server going down or coming up, a limit that others use up, a conflict on a standby.
_PASSING_CODES = ("08", "57P0", "53300", "40")


@contextmanager
def translated(options: PostgresOptions, source: str) -> Iterator[None]:
    """Errors of the database as `SourceError`; of these only `SourceUnreachableError` passes by itself."""
    try:
        yield
    except SQLAlchemyError as error:
        raise _translate(error, options, source) from error


def _translate(error: SQLAlchemyError, options: PostgresOptions, source: str) -> SourceError:
    said = _said(error, options)
    where = f"{options.url.host or 'the local server'}, database {options.url.database}"
    code = str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")
    kept = "Nothing of this pull landed; the next one goes on from the same watermark."
    if code == _TIMEOUT:
        return SourceError(
            f"Postgres at {where} ended a statement: {said}. {kept} If it took longer than "
            f"{options.timeout_seconds} s, raise LAKEHOUSE_POSTGRES_TIMEOUT_SECONDS, or see that the table is not "
            "locked and has an index on (updated_at, user_id).",
            source=source,
        )
    if code == _PERMISSION:
        return SourcePermissionError(
            f"User {options.url.username} may not read {_table(options)} at {where}: {said}. {kept} Grant what "
            "docs/ingestion.md shows.",
            source=source,
        )
    if code in _ABSENT:
        return absent(options, source, said)
    if code.startswith(_PASSING_CODES) or (not code and not _is_refusal(said) and isinstance(error, DBAPIError)):
        return SourceUnreachableError(
            f"Postgres at {where} does not answer or broke off: {said}. {kept} Check host, port and network, then "
            "pull again.",
            source=source,
        )
    if not code and all(part in said for part in _NO_DATABASE) and "role" not in said:
        return SourceNotFoundError(f"Postgres at {where}: {said}. {kept} Correct the name.", source=source)
    if not code and _is_refusal(said):
        return SourceAuthenticationError(
            f"Postgres at {where} refused user {options.url.username}: {said}. {kept} It was not tried again. Check "
            "user, password and the server's pg_hba.conf.",
            source=source,
        )
    return SourceError(f"Postgres at {where} cannot be read: {said}. {kept}", source=source)


def absent(options: PostgresOptions, source: str, what: str) -> SourceNotFoundError:
    """The error for a table or columns that are not there."""
    return SourceNotFoundError(
        f"{_table(options)} in database {options.url.database} cannot be pulled: {what}. Nothing landed. Correct "
        "LAKEHOUSE_POSTGRES_SCHEMA and LAKEHOUSE_POSTGRES_TABLE, or name a view there that has the columns.",
        source=source,
    )


def _is_refusal(said: str) -> bool:
    """Whether a server answered and said no, for a reason that stays."""
    refused = _REFUSED in said or "no password supplied" in said or "certificate" in said
    return refused and not any(passing in said for passing in _PASSING)


def _said(error: SQLAlchemyError, options: PostgresOptions) -> str:
    """The first line that says something; of a failed connection the last, which has the server's reason."""
    lines = [line.strip() for line in str(getattr(error, "orig", None) or error).splitlines() if line.strip()]
    answered = [line for line in lines if _REFUSED in line]
    said = (answered or lines or [type(error).__name__])[0].rstrip(".")
    password = options.url.password
    return said.replace(str(password), "***") if password else said


def _table(options: PostgresOptions) -> str:
    return f"{options.schema}.{options.table}"
