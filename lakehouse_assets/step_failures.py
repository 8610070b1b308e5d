"""What Dagster recorded of a failed step: our own text, or the error at the root of it."""

from __future__ import annotations

from dagster._core.events import DagsterEvent
from dagster_shared.error import SerializableErrorInfo


def own_text(failure: DagsterEvent) -> str | None:
    """The text of a `Failure` that a step raised on purpose; None for any other error."""
    raised = failure.step_failure_data.user_failure_data
    return str(raised.description) if raised is not None and raised.description else None


def root_cause(error: SerializableErrorInfo | None) -> SerializableErrorInfo | None:
    """The error that all the others came from."""
    while error is not None and error.cause is not None:
        error = error.cause
    return error
