"""Fixtures: a judged home that tests only read."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.engine.session import Engine
from lakehouse_assets.storage.lake import Lake, open_catalog
from lakehouse_assets_tests.driving import run_pipeline
from lakehouse_assets_tests.quarantine.home import DAYS, deliver_all


@pytest.fixture(scope="module")
def home(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `home.deliver_all` delivers, taken to gold. Not to be written to."""
    home = tmp_path_factory.mktemp("home")
    deliver_all(home)
    run_pipeline(Lake(open_catalog(home), engine, home / "scratch"), home / "landing", DAYS)
    return home
