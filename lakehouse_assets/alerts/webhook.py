"""Messages to a webhook in Slack's format: `{"text": ...}`.

The address is the secret; texts and logs hold its host only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from lakehouse_assets.alerts.channels import Deadline, Patience
from lakehouse_assets.alerts.errors import DeliveryError
from lakehouse_assets.alerts.retries import TemporaryError, with_retries
from lakehouse_assets.alerts.wording import Text
from lakehouse_assets.errors import SettingsError

_is_sending: ContextVar[bool] = ContextVar("_is_sending", default=False)


class _WithoutAddress(logging.Filter):
    """httpx logs the whole address of each request."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _is_sending.get()


for _name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy"):
    logging.getLogger(_name).addFilter(_WithoutAddress())


class Webhook:
    """A channel.

    Args:
        url: where to post.
        patience: how often to try.

    Raises:
        SettingsError: `url` is no address.
    """

    def __init__(self, url: str, patience: Patience) -> None:
        self._url = _parse(url)
        self._patience = patience

    def send(self, text: Text, deadline: Deadline) -> None:
        """Post one message.

        Raises:
            DeliveryError: it was not taken.
        """
        body = {"text": text.as_slack()}
        with _without_logs():
            with_retries(lambda: self._post(body, deadline), self._patience, deadline)

    def _post(self, body: dict[str, str], deadline: Deadline) -> None:
        timeout = min(self._patience.timeout, max(deadline.seconds_left, 0.001))
        try:
            # Only the head of the answer is read.
            with httpx.Client(timeout=timeout) as client, client.stream("POST", self._url, json=body) as answer:
                self._judge(answer)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Without a cause: its request holds the address.
            raise TemporaryError(f"{self._where}: {type(error).__name__}") from None

    def _judge(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if answer.is_success:
            return
        said = f"{self._where} answered {status}"
        if status == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
            raise TemporaryError(said, _retry_after(answer.headers.get("Retry-After", "")))
        raise DeliveryError(said)

    @property
    def _where(self) -> str:
        return f"the webhook at {self._url.host}"


def _parse(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise SettingsError(
            "LAKEHOUSE_ALERT_WEBHOOK is no address that begins with https:// (it is not shown, as it is a secret). "
            "No alert was sent. Copy it anew."
        )
    return parsed


def _retry_after(value: str) -> float | None:
    """Seconds that the header asks for: a number, or a date."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


@contextmanager
def _without_logs() -> Iterator[None]:
    token = _is_sending.set(True)
    try:
        yield
    finally:
        _is_sending.reset(token)
