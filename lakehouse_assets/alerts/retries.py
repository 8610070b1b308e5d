"""Trying again: bounded in number and time, with exponentially growing waits and chance in them."""

from __future__ import annotations

from collections.abc import Callable

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential, wait_random

from lakehouse_assets.alerts.channels import Deadline, Patience
from lakehouse_assets.alerts.errors import DeliveryError


class TemporaryError(DeliveryError):
    """It may work in a moment.

    Args:
        message: for a person.
        retry_after: seconds that the server asked to wait for.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def with_retries(attempt: Callable[[], None], patience: Patience, deadline: Deadline) -> None:
    """Call `attempt` until it raises no `TemporaryError`.

    Raises:
        DeliveryError: that of the last attempt.
    """
    grows = wait_exponential(multiplier=patience.first_wait, max=patience.longest_wait)
    backoff = grows + wait_random(0, patience.first_wait)

    def wait(state: RetryCallState) -> float:
        asked = _asked(state)
        return backoff(state) if asked is None else asked

    def stop(state: RetryCallState) -> bool:
        asked = _asked(state) or 0.0
        is_too_long = asked > patience.longest_wait or state.upcoming_sleep >= deadline.seconds_left
        return state.attempt_number >= patience.attempts or is_too_long

    retrying = Retrying(retry=retry_if_exception_type(TemporaryError), wait=wait, stop=stop, reraise=True)
    retrying(attempt)


def _asked(state: RetryCallState) -> float | None:
    error = state.outcome.exception() if state.outcome is not None else None
    return error.retry_after if isinstance(error, TemporaryError) else None
