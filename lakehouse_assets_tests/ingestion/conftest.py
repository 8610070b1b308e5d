"""Fixtures for sources: real servers, one for the session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lakehouse_assets_tests.ingestion.postgres_server import PostgresServer, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server; tests that stop it start it again."""
    with running_postgres() as server:
        yield server
