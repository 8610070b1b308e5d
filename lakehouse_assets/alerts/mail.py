"""Messages by e-mail over SMTP, with STARTTLS and a login where they are set.

Errors never repeat what the server said.
"""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from lakehouse_assets.alerts.channels import Deadline, Patience
from lakehouse_assets.alerts.errors import DeliveryError
from lakehouse_assets.alerts.retries import TemporaryError, with_retries
from lakehouse_assets.alerts.wording import Text

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Server:
    """An SMTP server; `password` goes with `user`."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    starttls: bool = True


class Mail:
    """A channel.

    Args:
        server: takes the mail.
        sender: address.
        recipients: addresses.
        patience: how often to try.
    """

    def __init__(self, server: Server, sender: str, recipients: Sequence[str], patience: Patience) -> None:
        self._server = server
        self._sender = sender
        self._recipients = list(recipients)
        self._patience = patience

    def send(self, text: Text, deadline: Deadline) -> None:
        """Send one message.

        Raises:
            DeliveryError: the server did not take it for any recipient.
        """
        mail = EmailMessage()
        mail["Subject"] = text.subject
        mail["From"] = self._sender
        mail["To"] = ", ".join(self._recipients)
        mail["Date"] = formatdate()
        # The same in every attempt, so that a mail that came twice is known as one.
        mail["Message-ID"] = make_msgid(domain="lakehouse")
        mail.set_content(text.as_mail())
        with_retries(lambda: self._send(mail, deadline), self._patience, deadline)

    def _send(self, mail: EmailMessage, deadline: Deadline) -> None:
        timeout = min(self._patience.timeout, max(deadline.seconds_left, 0.001))
        try:
            with closing(smtplib.SMTP(self._server.host, self._server.port, timeout=timeout)) as connection:
                if self._server.starttls:
                    connection.starttls(context=ssl.create_default_context())
                if self._server.user is not None and self._server.password is not None:
                    connection.login(self._server.user, self._server.password)
                refused = connection.send_message(mail)
                # The mail is taken; how the server says goodbye must not have it sent once more.
                with suppress(OSError):
                    connection.quit()
        except ssl.SSLError as error:
            raise DeliveryError(f"{self._where}: no trusted connection ({error.reason})") from None
        except smtplib.SMTPResponseException as error:
            raise self._answered(error.smtp_code, type(error).__name__) from None
        except smtplib.SMTPRecipientsRefused as error:
            raise self._answered(min(code for code, _ in error.recipients.values()), "recipients refused") from None
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            # Among others smtplib.SMTPException, which is an OSError.
            is_final = isinstance(error, smtplib.SMTPNotSupportedError)
            kind = DeliveryError if is_final else TemporaryError
            raise kind(f"{self._where}: {type(error).__name__}") from None
        if refused:
            # The others have it, so it is not sent again.
            _LOG.warning("%s refused %d of %d recipients", self._where, len(refused), len(self._recipients))

    def _answered(self, code: int, what: str) -> DeliveryError:
        said = f"{self._where} answered {code} ({what})"
        return TemporaryError(said) if 400 <= code < 500 else DeliveryError(said)

    @property
    def _where(self) -> str:
        return f"the mail server {self._server.host}:{self._server.port}"
