"""The channels that messages go to, made from the settings, and the time that they may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Protocol

from pydantic import SecretStr

from lakehouse_assets.alerts.configuration import AlertSettings, has_mail, has_webhook
from lakehouse_assets.alerts.wording import Text
from lakehouse_assets.errors import SettingsError
from lakehouse_assets.secret_files import read_secret


class Deadline:
    """When all sending must have ended."""

    def __init__(self, seconds: float) -> None:
        self._end = monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._end - monotonic())


@dataclass(frozen=True)
class Patience:
    """How often and how long a channel is tried.

    Args:
        attempts: for one message, the first included.
        first_wait: seconds before the second attempt; doubles from attempt to attempt, with as much again at random.
        longest_wait: seconds between two attempts; a server that asks for more is tried no more.
        timeout: seconds for one step of an attempt, such as connecting.
    """

    attempts: int = 4
    first_wait: float = 0.5
    longest_wait: float = 8.0
    timeout: float = 5.0


class Channel(Protocol):
    """Where messages go."""

    def send(self, text: Text, deadline: Deadline) -> None:
        """Send one message.

        Raises:
            DeliveryError: it was not taken; says why, without secrets.
        """


def configured_channels(settings: AlertSettings, patience: Patience | None = None) -> dict[str, Callable[[], Channel]]:
    """How to open each configured channel, by its name; one that cannot be opened raises `SettingsError` then."""
    patience = patience or Patience()
    channels: dict[str, Callable[[], Channel]] = {}
    if has_webhook(settings):
        channels["webhook"] = lambda: _open_webhook(settings, patience)
    if has_mail(settings):
        channels["mail"] = lambda: _open_mail(settings, patience)
    return channels


def _open_webhook(settings: AlertSettings, patience: Patience) -> Channel:
    from lakehouse_assets.alerts.webhook import Webhook

    url = _secret("LAKEHOUSE_ALERT_WEBHOOK", settings.alert_webhook, settings.alert_webhook_file)
    if url is None:
        raise SettingsError("LAKEHOUSE_ALERT_WEBHOOK is empty. No alert was sent. Set an address, or unset it.")
    return Webhook(url, patience)


def _open_mail(settings: AlertSettings, patience: Patience) -> Channel:
    from lakehouse_assets.alerts.mail import Mail, Server

    host, sender, recipients = settings.alert_smtp_host, settings.alert_smtp_from, _addresses(settings.alert_smtp_to)
    if not host or not sender or not recipients:
        raise SettingsError(
            "LAKEHOUSE_ALERT_SMTP_HOST needs LAKEHOUSE_ALERT_SMTP_FROM and LAKEHOUSE_ALERT_SMTP_TO beside it. "
            "No alert was sent. Set all three, or none."
        )
    password = _secret("LAKEHOUSE_ALERT_SMTP_PASSWORD", settings.alert_smtp_password, settings.alert_smtp_password_file)
    if (settings.alert_smtp_user is None) != (password is None):
        raise SettingsError(
            "LAKEHOUSE_ALERT_SMTP_USER and LAKEHOUSE_ALERT_SMTP_PASSWORD go together. No alert was sent. "
            "Set both, or none."
        )
    server = Server(host, settings.alert_smtp_port, settings.alert_smtp_user, password, settings.alert_smtp_starttls)
    return Mail(server, sender, recipients, patience)


def _secret(name: str, value: SecretStr | None, file: Path | None) -> str | None:
    return read_secret(name, value, file, untouched="no alert was sent")


def _addresses(listed: str | None) -> list[str]:
    return [address.strip() for address in (listed or "").split(",") if address.strip()]
