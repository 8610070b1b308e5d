"""Which settings alerts read, and the secrets among them: from the environment, or from a file of mode 0600."""

from __future__ import annotations

import os
import stat
from datetime import date, time
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from lakehouse_assets.errors import SettingsError


class AlertSettings(Protocol):
    """The part of `settings.Settings` that alerts read."""

    @property
    def alert_webhook(self) -> SecretStr | None: ...
    @property
    def alert_webhook_file(self) -> Path | None: ...
    @property
    def alert_smtp_host(self) -> str | None: ...
    @property
    def alert_smtp_port(self) -> int: ...
    @property
    def alert_smtp_user(self) -> str | None: ...
    @property
    def alert_smtp_password(self) -> SecretStr | None: ...
    @property
    def alert_smtp_password_file(self) -> Path | None: ...
    @property
    def alert_smtp_from(self) -> str | None: ...
    @property
    def alert_smtp_to(self) -> str | None: ...
    @property
    def alert_smtp_starttls(self) -> bool: ...
    @property
    def alert_expected_by(self) -> time | None: ...
    @property
    def ui_url(self) -> str: ...
    @property
    def landing(self) -> Path: ...

    def first_day(self) -> date: ...


def has_channel(settings: AlertSettings) -> bool:
    """Whether a channel is configured, rightly or wrongly; reads no file."""
    return has_webhook(settings) or has_mail(settings)


def has_webhook(settings: AlertSettings) -> bool:
    """Whether the webhook is configured."""
    return settings.alert_webhook is not None or settings.alert_webhook_file is not None


def has_mail(settings: AlertSettings) -> bool:
    """Whether e-mail is configured."""
    return settings.alert_smtp_host is not None


def read_secret(name: str, value: SecretStr | None, file: Path | None) -> str | None:
    """A secret, from its variable or from the file that `<name>_FILE` names.

    Args:
        name: of the variable, for messages.
        value: of the variable.
        file: of the other one.

    Raises:
        SettingsError: both are set, or the file cannot be read, is empty, or may be read by others.
    """
    if file is None:
        return value.get_secret_value().strip() or None if value is not None else None
    if value is not None:
        raise SettingsError(f"Both {name} and {name}_FILE are set. No alert was sent. Unset one of them.")
    secret = _read_private(f"{name}_FILE", file)
    if not secret:
        raise SettingsError(f"{name}_FILE: {file} is empty. No alert was sent. Write the secret into it.")
    return secret


def _read_private(name: str, file: Path) -> str:
    try:
        # Not blocking: a FIFO is refused below, not waited for.
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise SettingsError(f"{name}: {file} is no regular file. It was not read, no alert was sent.")
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise SettingsError(
                    f"{name}: {file} is open to others than its owner (mode {stat.S_IMODE(mode):04o}). It was not "
                    f"read, no alert was sent. Run `chmod 600 {file}`; change the secret if others may have read it."
                )
            return stream.read().strip()
    except OSError as error:
        raise SettingsError(
            f"{name}: {file} cannot be read: {error.strerror}. No alert was sent. Correct the path or its permissions."
        ) from error
    except UnicodeDecodeError:
        # Without a cause: it would hold what was read.
        raise SettingsError(f"{name}: {file} is not UTF-8 text. No alert was sent. Write the secret anew.") from None
