"""Settings with alerts, as tests configure them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from lakehouse_assets.settings import Settings


def settings(home: Path, **values: object) -> Settings:
    """Settings over a home folder whose partitions begin on 2024-11-01."""
    return Settings.model_validate({"home": home, "start_date": date(2024, 11, 1)} | values)
