"""Fixtures that the tests share: one engine for the session, a lake of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse_assets.engine.session import Engine, start_engine
from lakehouse_assets.storage.lake import Lake, open_catalog


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    started = start_engine("sail")
    assert started.name == "sail"
    yield started
    started.stop()


@pytest.fixture
def lake(engine: Engine, tmp_path: Path) -> Lake:
    return Lake(open_catalog(tmp_path), engine, tmp_path / "scratch")
