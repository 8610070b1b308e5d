"""Homes that several tests read: the default set, and one with every defect often and an empty day."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from generator import GeneratorConfig, generate

FIRST_DAY = date(2024, 11, 4)
EMPTY_DAY = date(2024, 11, 7)
SCHEMA_CHANGE_DAY = date(2024, 11, 8)
ROUGH_DAYS = [FIRST_DAY + timedelta(days=index) for index in range(6)]
# Every kind that is a line of its own, with the rules that it breaks, by source.
PLANTED_LINES: dict[str, dict[str, list[str]]] = {
    "corrupt_json_truncated": {"events": ["corrupt_json"]},
    "corrupt_json_trailing_text": {"events": ["corrupt_json"]},
    "corrupt_json_not_an_object": {"events": ["corrupt_json"]},
    "corrupt_json_single_quotes": {"events": ["corrupt_json"]},
    "corrupt_json_nan_literal": {"events": ["corrupt_json"]},
    "corrupt_csv_wrong_field_count": {"transactions": ["corrupt_csv"], "users": ["corrupt_csv"]},
    "corrupt_csv_unbalanced_quote": {"transactions": ["corrupt_csv"], "users": ["corrupt_csv"]},
    "invalid_utf8": {"events": ["not_utf8"], "transactions": ["not_utf8"], "users": ["not_utf8"]},
    "unknown_event_type": {"events": ["event_type_allowed"]},
    "unknown_currency": {"transactions": ["currency_allowed"]},
    "invalid_amount": {"transactions": ["amount_valid"]},
    "negative_amount": {"transactions": ["amount_positive"]},
    "unknown_device_type": {"users": ["device_type_allowed"]},
    "invalid_country": {"users": ["country_valid"]},
    "null_user": {
        "events": ["user_id_not_null"],
        "transactions": ["user_id_not_null"],
        "users": ["user_id_not_null"],
    },
    "future_time": {"events": ["event_timestamp_in_range"], "transactions": ["transaction_timestamp_in_range"]},
    "epoch_time": {"events": ["event_timestamp_in_range"], "transactions": ["transaction_timestamp_in_range"]},
    "near_duplicate": {"events": []},
}
OTHER_RATES = ("orphan_user", "late_user", "user_changes_per_day", "redelivered_file")

NewHome = Callable[..., Path]


@pytest.fixture
def new_home(tmp_path: Path) -> NewHome:
    """Make a set of its own for a test, from overrides of the settings."""

    def make(**overrides: Any) -> Path:
        generate(GeneratorConfig.load(**{"start": FIRST_DAY, **overrides}), tmp_path)
        return tmp_path

    return make


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
    """Six days; every kind often, a file repeated every day, nothing on the fourth, a new schema on the fifth."""
    often: dict[str, Any] = dict.fromkeys(PLANTED_LINES, 0.02)
    return GeneratorConfig.load(
        start=FIRST_DAY,
        days=len(ROUGH_DAYS),
        seed=7,
        num_users=400,
        num_sessions=1500,
        num_events=9000,
        num_transactions=600,
        empty_day=ROUGH_DAYS.index(EMPTY_DAY),
        schema_change_day=ROUGH_DAYS.index(SCHEMA_CHANGE_DAY),
        redelivered_file=1,
        duplicate_rate=0.2,
        **often,
    )


@pytest.fixture(scope="session")
def rough_home(rough_config: GeneratorConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("rough")
    generate(rough_config, home)
    return home
