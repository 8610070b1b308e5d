"""Fixtures for sources: real servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse_assets_tests.ingestion.postgres_server import PostgresServer, running_postgres
from lakehouse_assets_tests.ingestion.sftp_site import Site, running_site


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server; tests that stop it start it again."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An SFTP server of the test's own, and a home that pulls from it."""
    with running_site(tmp_path) as site:
        yield site
