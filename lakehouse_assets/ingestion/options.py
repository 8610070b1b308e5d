"""What each source is configured with, checked and with its secrets read; a `repr` shows no secret.

Made from the settings in `lakehouse_assets.sources`; defaults, bounds and help texts are in `settings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import URL


@dataclass(frozen=True)
class SftpOptions:
    """Transactions by SFTP.

    Args:
        host: of the server.
        port: of the server.
        user: at the server.
        folder: there; files lie directly in it.
        known_hosts: file with the pinned key of the server, in OpenSSH's format.
        key_file: private key of mode 0600, or None where there is a password.
        password: of the user, or None where there is a key.
        settle_seconds: a file is taken once its size and time have stood still for so long.
        timeout_seconds: for one step, such as connecting or reading a block.
    """

    host: str
    port: int
    user: str
    folder: str
    known_hosts: Path
    key_file: Path | None
    password: SecretStr | None
    settle_seconds: int
    timeout_seconds: int


@dataclass(frozen=True)
class PostgresOptions:
    """Users from Postgres.

    Args:
        url: of the database, for SQLAlchemy with psycopg; `str` and `repr` of it hide the password.
        schema: of the table.
        table: with the columns of the contract of users.
        safety_seconds: the newest changes are left for the next pull, since transactions commit out of order.
        lookback_seconds: changes that are read again before the watermark.
        reconcile_days: the whole table is compared after so many days; 0 for only when asked.
        timeout_seconds: for connecting and for one statement.
    """

    url: URL
    schema: str
    table: str
    safety_seconds: int
    lookback_seconds: int
    reconcile_days: int
    timeout_seconds: int


@dataclass(frozen=True)
class KinesisOptions:
    """Events from Kinesis. Credentials are found by boto3's own rules.

    Args:
        stream: its name.
        region: of AWS, or None for boto3's own rules.
        endpoint_url: another address than AWS's, such as that of a test server.
        batch_bytes: what was read lands once it is so much before compression, ...
        batch_seconds: ... or so old.
        lag_warn_percent: a warning is given once the lag is over this share of the stream's retention.
        timeout_seconds: for one request.
    """

    stream: str
    region: str | None
    endpoint_url: str | None
    batch_bytes: int
    batch_seconds: int
    lag_warn_percent: int
    timeout_seconds: int
