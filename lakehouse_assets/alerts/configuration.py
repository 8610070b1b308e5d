"""Which settings alerts read. Secrets among them are read by `secret_files`."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr


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
