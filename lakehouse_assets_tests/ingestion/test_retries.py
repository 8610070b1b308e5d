"""Retries: bounded, for errors that pass only, and logged without what an error says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

import pytest

from lakehouse_assets.errors import HostKeyChangedError, SourceUnreachableError
from lakehouse_assets.ingestion.retries import RetryPolicy, with_retries

AT_ONCE = RetryPolicy(attempts=3, first_wait_seconds=0.0, longest_wait_seconds=0.0)


def failing(errors: Iterable[Exception]) -> Callable[[], str]:
    """Raises these one by one, then returns."""
    left: Iterator[Exception] = iter(errors)

    def action() -> str:
        for error in left:
            raise error
        return "done"

    return action


def passes(error: BaseException) -> bool:
    return isinstance(error, ConnectionError | SourceUnreachableError)


def call(*errors: Exception) -> str:
    return with_retries(failing(errors), what="transactions: list", is_transient=passes, policy=AT_ONCE)


def test_what_passes_is_tried_again_until_it_is_done() -> None:
    assert call(ConnectionError("a"), ConnectionError("b")) == "done"


def test_last_error_comes_through_as_it_is_when_the_attempts_are_used_up() -> None:
    with pytest.raises(ConnectionError, match=r"^c$"):
        call(ConnectionError("a"), ConnectionError("b"), ConnectionError("c"))


def test_error_that_does_not_pass_is_not_tried_again() -> None:
    action = failing([HostKeyChangedError("another key", source="transactions")])
    with pytest.raises(HostKeyChangedError):
        with_retries(action, what="transactions: connect", is_transient=passes, policy=AT_ONCE)
    assert action() == "done"


def test_retry_is_logged_with_the_kind_of_a_foreign_error_and_the_words_of_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        call(ConnectionError("postgresql://lake:planted@db"), SourceUnreachableError("no answer", source="users"))
    assert caplog.messages == [
        "transactions: list: attempt 1 of 3 failed (ConnectionError), next in 0.0 s",
        "transactions: list: attempt 2 of 3 failed (no answer), next in 0.0 s",
    ]


def test_waits_grow_up_to_the_longest_with_chance_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    policy = RetryPolicy(attempts=6, first_wait_seconds=1.0, longest_wait_seconds=4.0)
    with pytest.raises(ConnectionError):
        with_retries(failing([ConnectionError()] * 9), what="x", is_transient=passes, policy=policy)
    assert [int(wait) for wait in waits] == [1, 2, 4, 4, 4]
    assert len(set(waits)) == 5
