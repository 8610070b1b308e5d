"""Homes that several tests read: the default set, and one with every defect often and an empty day."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from generator import GeneratorConfig, generate

FIRST_DAY = date(2024, 11, 4)
EMPTY_DAY = date(2024, 11, 7)


@pytest.fixture(scope="session")
def default_config() -> GeneratorConfig:
    return GeneratorConfig.load(start=FIRST_DAY)


@pytest.fixture(scope="session")
def default_home(default_config: GeneratorConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("default")
    generate(default_config, home)
    return home


@pytest.fixture(scope="session")
def rough_config() -> GeneratorConfig:
    """Six days; every kind planted, files repeated every day, nothing on the fourth, a new schema on the fifth."""
    often: dict[str, Any] = dict.fromkeys(
        ("corrupt_csv_wrong_field_count", "corrupt_csv_unbalanced_quote", "invalid_utf8", "null_user"), 0.01
    )
    return GeneratorConfig.load(
        start=FIRST_DAY,
        days=6,
        seed=7,
        num_users=400,
        num_sessions=1500,
        num_events=9000,
        num_transactions=600,
        empty_day=(EMPTY_DAY - FIRST_DAY).days,
        schema_change_day=4,
        redelivered_file=1,
        duplicate_rate=0.2,
        **often,
    )


@pytest.fixture(scope="session")
def rough_home(rough_config: GeneratorConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("rough")
    generate(rough_config, home)
    return home
