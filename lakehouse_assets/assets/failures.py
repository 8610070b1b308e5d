"""The platform's errors as Dagster shows them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import Failure

from lakehouse_assets.errors import LakehouseError


@contextmanager
def clear_failures() -> Iterator[None]:
    """Turn the platform's errors into Dagster failures that say what happened; all others are faults of ours."""
    try:
        yield
    except LakehouseError as error:
        raise Failure(str(error), allow_retries=False) from error
