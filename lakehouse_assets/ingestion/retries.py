"""Trying again at a source: bounded in number, with exponentially growing waits and chance in them.

Which errors pass by themselves is said by the source, as it knows its library. A retry is logged with the kind of error
only: texts of foreign errors may hold addresses with passwords.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from lakehouse_assets.errors import LakehouseError

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long.

    Args:
        attempts: the first included.
        first_wait_seconds: before the second attempt; doubles from attempt to attempt, with as much again at random.
        longest_wait_seconds: between two attempts, without what chance adds.
    """

    attempts: int = 5
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 15.0


def with_retries(
    action: Callable[[], _Result],
    *,
    what: str,
    is_transient: Callable[[BaseException], bool],
    policy: RetryPolicy | None = None,
) -> _Result:
    """Call `action` until it raises nothing that passes by itself.

    Args:
        action: what to do; must be safe to repeat.
        what: of which source, for the log, such as `transactions: list the folder`; no secrets.
        is_transient: which errors pass by themselves. An error in credentials or in a host key never does.
        policy: how often and how long.

    Raises:
        Exception: that of the last attempt, as it is.
    """
    policy = policy or RetryPolicy()

    def log(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        said = str(error) if isinstance(error, LakehouseError) else type(error).__name__
        logger.warning(
            "%s: attempt %d of %d failed (%s), next in %.1f s",
            *(what, state.attempt_number, policy.attempts, said, state.upcoming_sleep),
        )

    grows = wait_exponential(multiplier=policy.first_wait_seconds, max=policy.longest_wait_seconds)
    retrying = Retrying(
        retry=retry_if_exception(is_transient),
        wait=grows + wait_random(0, policy.first_wait_seconds),
        stop=stop_after_attempt(policy.attempts),
        before_sleep=log,
        reraise=True,
    )
    return retrying(action)
