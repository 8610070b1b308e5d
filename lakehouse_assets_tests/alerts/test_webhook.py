"""The webhook against a real server: what is tried again and what is not, for how long, and what is never shown."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from time import monotonic

import pytest

from lakehouse_assets.alerts.channels import Deadline, Patience
from lakehouse_assets.alerts.errors import DeliveryError
from lakehouse_assets.alerts.webhook import Webhook
from lakehouse_assets.alerts.wording import Text
from lakehouse_assets.errors import SettingsError
from lakehouse_assets_tests.alerts.servers import HANG, SECRET_PATH, Answer, free_port, webhook

TEXT = Text("A subject", ("A line.",))
QUICK = Patience(attempts=3, first_wait=0.01, longest_wait=2.0, timeout=5.0)
BUSY: Answer = (429, {})
BROKEN: Answer = (500, {})


def send(url: str, patience: Patience = QUICK, seconds: float = 30.0) -> None:
    Webhook(url, patience).send(TEXT, Deadline(seconds))


def test_message_is_posted_as_slack_takes_it() -> None:
    with webhook() as hook:
        send(hook.url)
    assert hook.requests == [{"text": "*A subject*\nA line.", "path": SECRET_PATH}]


@pytest.mark.parametrize("answers", [[BUSY, BUSY], [BROKEN], [(503, {}), BUSY]])
def test_server_that_is_busy_or_broken_for_a_moment_is_tried_again(answers: list[Answer]) -> None:
    with webhook(*answers) as hook:
        send(hook.url)
    assert len(hook.requests) == len(answers) + 1


def test_server_that_stays_broken_is_tried_as_often_as_was_said() -> None:
    with webhook(*[BROKEN] * 10) as hook, pytest.raises(DeliveryError, match=r"at 127\.0\.0\.1 answered 500"):
        send(hook.url)
    assert len(hook.requests) == 3


@pytest.mark.parametrize("status", [302, 400, 403, 404, 410])
def test_answer_that_will_not_change_is_not_asked_for_again(status: int) -> None:
    with webhook((status, {"Location": "/elsewhere"})) as hook, pytest.raises(DeliveryError, match=f"{status}"):
        send(hook.url)
    assert len(hook.requests) == 1


def test_server_that_says_when_to_come_back_is_left_alone_until_then() -> None:
    with webhook((429, {"Retry-After": "1"})) as hook:
        started = monotonic()
        send(hook.url)
    assert monotonic() - started >= 1
    assert len(hook.requests) == 2


@pytest.mark.parametrize(
    "after",
    ["4", format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)],
    ids=["seconds", "date"],
)
def test_server_that_asks_for_a_longer_wait_than_is_allowed_is_not_tried_again(after: str) -> None:
    with webhook((429, {"Retry-After": after})) as hook, pytest.raises(DeliveryError, match="429"):
        send(hook.url)
    assert len(hook.requests) == 1


@pytest.mark.parametrize(
    "after",
    ["soon", "-1", "", format_datetime(datetime.now(UTC) - timedelta(hours=1))],
    ids=["word", "negative", "empty", "past"],
)
def test_wait_that_makes_no_sense_is_not_waited_for(after: str) -> None:
    with webhook((429, {"Retry-After": after})) as hook:
        send(hook.url)
    assert len(hook.requests) == 2


def test_server_that_does_not_answer_in_time_is_given_up() -> None:
    patience = Patience(attempts=2, first_wait=0.01, timeout=0.1)
    with webhook(HANG, HANG) as hook, pytest.raises(DeliveryError, match="ReadTimeout"):
        send(hook.url, patience)
    assert len(hook.requests) == 2


def test_deadline_ends_attempts_before_their_number_does() -> None:
    started = monotonic()
    with webhook(*[HANG] * 3) as hook, pytest.raises(DeliveryError):
        send(hook.url, Patience(attempts=3, first_wait=60.0, longest_wait=60.0), seconds=0.2)
    assert monotonic() - started < 5
    assert len(hook.requests) == 1


def test_server_that_is_not_there_is_an_error_after_all_attempts() -> None:
    with pytest.raises(DeliveryError, match=r"the webhook at 127\.0\.0\.1: ConnectError"):
        send(f"http://127.0.0.1:{free_port()}{SECRET_PATH}")


@pytest.mark.parametrize(
    "url", ["hooks.slack.com/plantedSecret", "ftp://host/plantedSecret", "https://", "https://h:plantedSecret/"]
)
def test_address_that_is_none_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(SettingsError, match="LAKEHOUSE_ALERT_WEBHOOK is no address") as refused:
        Webhook(url, QUICK)
    assert "plantedSecret" not in str(refused.value)


def test_address_and_text_are_in_no_log_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, name)
    with webhook(BROKEN, (404, {})) as hook, pytest.raises(DeliveryError) as refused:
        send(hook.url)
    shown = caplog.text + str(refused.value) + repr(refused.value)
    assert "plantedSecret" not in shown
    assert "A subject" not in shown
    assert refused.value.__cause__ is None


def test_logs_of_httpx_for_others_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "httpx")
    with webhook() as hook:
        send(hook.url)
    logging.getLogger("httpx").info("of somebody else")
    assert [record.message for record in caplog.records] == ["of somebody else"]
