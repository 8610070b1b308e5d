"""Fixtures for sources: real servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse_assets_tests.ingestion.postgres_server import PostgresServer, running_postgres
from lakehouse_assets_tests.ingestion.sftp_site import Site, running_site
from lakehouse_assets_tests.ingestion.users_table import UsersTable


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


@pytest.fixture
def users(postgres: PostgresServer) -> UsersTable:
    """A table of users, empty, in a database of its own."""
    table = UsersTable(postgres.new_database())
    table.create()
    return table


@pytest.fixture
def postgres_with_prepared() -> Iterator[UsersTable]:
    """A table of users in a server that allows transactions of two phases."""
    with running_postgres("max_prepared_transactions=1") as server:
        table = UsersTable(server.new_database())
        table.create()
        yield table
