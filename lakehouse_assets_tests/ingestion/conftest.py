"""Fixtures for sources: real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lakehouse_assets_tests.ingestion.kinesis_proxy import running_proxy
from lakehouse_assets_tests.ingestion.kinesis_server import CREDENTIALS, KinesisStream, new_stream, running_moto
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


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """Address of a Kinesis server; each test has streams of its own on it."""
    with running_moto() as address:
        yield address


@pytest.fixture
def make_stream(moto: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], KinesisStream]]:
    """Makes a stream of so many shards, with a proxy before the server and planted credentials."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with running_proxy(moto) as proxy:
        yield lambda shards: new_stream(tmp_path, proxy, shards)


@pytest.fixture
def stream(make_stream: Callable[[int], KinesisStream]) -> KinesisStream:
    """A stream of one shard."""
    return make_stream(1)
