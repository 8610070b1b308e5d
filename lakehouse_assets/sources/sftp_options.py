"""Transactions by SFTP: its options from the settings, and what these must be together."""

from __future__ import annotations

from pydantic import SecretStr

from lakehouse_assets.errors import SettingsError
from lakehouse_assets.ingestion.options import SftpOptions
from lakehouse_assets.secret_files import read_private_file, read_secret
from lakehouse_assets.settings import Settings
from lakehouse_assets.sources.model import UNTOUCHED


def sftp_options(settings: Settings) -> SftpOptions:
    """The options of the source.

    Raises:
        SettingsError: a setting is absent, settings do not go together, or a secret cannot be read.
    """
    password = read_secret(
        "LAKEHOUSE_SFTP_PASSWORD", settings.sftp_password, settings.sftp_password_file, untouched=UNTOUCHED
    )
    if not settings.sftp_host or not settings.sftp_user or settings.sftp_known_hosts is None:
        raise SettingsError(
            "LAKEHOUSE_SFTP_HOST needs LAKEHOUSE_SFTP_USER and LAKEHOUSE_SFTP_KNOWN_HOSTS beside it. Nothing was "
            "pulled. Set all three; `ssh-keyscan` writes the server's key, which its operator must confirm."
        )
    if (settings.sftp_key_file is None) == (password is None):
        raise SettingsError(
            "Either LAKEHOUSE_SFTP_KEY_FILE or LAKEHOUSE_SFTP_PASSWORD (or _FILE) must be set, and not both. Nothing "
            "was pulled. Set one of them; a key is the better choice."
        )
    if settings.sftp_key_file is not None:
        read_private_file("LAKEHOUSE_SFTP_KEY_FILE", settings.sftp_key_file, untouched=UNTOUCHED)
    if not settings.sftp_known_hosts.is_file():
        raise SettingsError(
            f"LAKEHOUSE_SFTP_KNOWN_HOSTS: {settings.sftp_known_hosts} is no file. Nothing was pulled, and no server "
            "was spoken to whose key is not known. Correct the path."
        )
    return SftpOptions(
        host=settings.sftp_host,
        port=settings.sftp_port,
        user=settings.sftp_user,
        folder=settings.sftp_folder,
        known_hosts=settings.sftp_known_hosts,
        key_file=settings.sftp_key_file,
        password=SecretStr(password) if password is not None else None,
        settle_seconds=settings.sftp_settle_seconds,
        timeout_seconds=settings.sftp_timeout_seconds,
    )
