"""Mail against a real SMTP server: login, STARTTLS with a checked certificate, and what is tried again."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from lakehouse_assets.alerts.channels import Deadline, Patience
from lakehouse_assets.alerts.errors import DeliveryError
from lakehouse_assets.alerts.mail import Mail, Server
from lakehouse_assets.alerts.wording import Text
from lakehouse_assets_tests.alerts.servers import certificate, free_port, mail_server, tls_of

TEXT = Text("Ein Betreff: größer", ("A line.",), "SELECT 1", "http://127.0.0.1:3000/runs/r1", ("lakehouse status",))
PASSWORD = "plantedPassword"
QUICK = Patience(attempts=3, first_wait=0.01, timeout=5.0)


def send(port: int, *, starttls: bool = False, user: str | None = None, password: str | None = None) -> None:
    server = Server("127.0.0.1", port, user, password, starttls)
    Mail(server, "lake@example.org", ["a@example.org", "b@example.org"], QUICK).send(TEXT, Deadline(30.0))


@pytest.fixture
def certified(tmp_path: Path) -> Path:
    return certificate(tmp_path)


def test_mail_has_sender_recipients_subject_and_text() -> None:
    with mail_server() as box:
        send(box.port)
    (mail,) = box.mails
    assert (mail["From"], mail["To"]) == ("lake@example.org", "a@example.org, b@example.org")
    assert mail["Subject"] == "Ein Betreff: größer"
    assert mail["Date"]
    assert mail.get_content().replace("\r\n", "\n") == (
        "A line.\n\nRows:\n  SELECT 1\n\nRun: http://127.0.0.1:3000/runs/r1\n\nNext:\n  lakehouse status\n"
    )


def test_login_goes_over_an_encrypted_connection_to_a_server_with_a_trusted_certificate(
    certified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certified))
    with mail_server(login=("lake", PASSWORD), tls=tls_of(certified)) as box:
        send(box.port, starttls=True, user="lake", password=PASSWORD)
    assert box.over_tls == [True]


def test_server_with_a_certificate_that_nobody_vouches_for_gets_neither_password_nor_mail(certified: Path) -> None:
    with (
        mail_server(login=("lake", PASSWORD), tls=tls_of(certified)) as box,
        pytest.raises(DeliveryError, match="no trusted connection"),
    ):
        send(box.port, starttls=True, user="lake", password=PASSWORD)
    assert box.mails == []


def test_server_without_starttls_gets_nothing_where_it_is_asked_for() -> None:
    with mail_server() as box, pytest.raises(DeliveryError, match="SMTPNotSupportedError"):
        send(box.port, starttls=True)
    assert box.mails == []


def test_wrong_password_is_refused_and_not_shown(
    certified: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certified))
    caplog.set_level(logging.DEBUG, "lakehouse_assets")
    with (
        mail_server(login=("lake", "another"), tls=tls_of(certified)) as box,
        pytest.raises(DeliveryError, match=r"answered 535 \(SMTPAuthenticationError\)") as refused,
    ):
        send(box.port, starttls=True, user="lake", password=PASSWORD)
    assert box.mails == []
    assert PASSWORD not in caplog.text + str(refused.value) + repr(refused.value)
    assert refused.value.__cause__ is None


def test_password_is_not_in_what_python_shows_of_a_server() -> None:
    assert PASSWORD not in repr(Server("h", 25, "lake", PASSWORD))


def test_mail_that_is_refused_for_a_moment_is_tried_again_under_the_same_id() -> None:
    with mail_server("451 try later", "452 try later") as box:
        send(box.port)
    assert box.subjects == ["Ein Betreff: größer"]


def test_mail_that_is_refused_for_good_is_not_tried_again() -> None:
    with mail_server("554 no", "554 no") as box, pytest.raises(DeliveryError, match="answered 554"):
        send(box.port)
    assert box.refusals == ["554 no"]


def test_server_that_is_not_there_is_an_error_after_all_attempts() -> None:
    with pytest.raises(DeliveryError, match="ConnectionRefusedError"):
        send(free_port())
