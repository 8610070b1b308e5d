"""Fixtures for tests of storage: a second process at the same lake."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.engine.session import Engine
from lakehouse_assets.storage.lake import Lake, open_catalog


@pytest.fixture
def other(engine: Engine, tmp_path: Path) -> Lake:
    """The lake of the fixture `lake` as another process opens it: with a catalog and a memory of its own."""
    return Lake(open_catalog(tmp_path), engine, tmp_path / "other-scratch")
