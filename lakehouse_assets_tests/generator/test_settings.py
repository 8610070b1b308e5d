"""Settings: defaults, what a file and arguments override, and what is refused with which words."""

import configparser
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from generator.config import DEFAULT_CONFIG_FILE, GeneratorConfig
from generator.errors import ConfigError


def test_defaults_are_those_of_the_issue() -> None:
    config = GeneratorConfig.load(today=date(2024, 11, 18))
    volumes, quality = config.volumes, config.quality
    assert (volumes.num_users, volumes.num_sessions) == (100, 500)
    assert (volumes.num_events, volumes.num_transactions) == (2000, 300)
    assert (quality.late_arrival_rate, quality.duplicate_rate) == (0.05, 0.02)
    assert (config.first_day, config.last_day) == (date(2024, 11, 4), date(2024, 11, 17))


def test_a_file_overrides_some_keys_and_arguments_override_the_file(tmp_path: Path) -> None:
    path = tmp_path / "my.ini"
    path.write_text("[calendar]\nstart = 2024-11-04\ndays = 3\n[defects]\nempty_day = 1\nnull_user = 0.5\n")
    config = GeneratorConfig.load(path, days=4)
    assert (config.first_day, config.last_day) == (date(2024, 11, 4), date(2024, 11, 7))
    assert (config.defects.empty_day, config.defects.null_user) == (1, 0.5)
    assert config.volumes.num_events == 2000


EVERY_KEY: dict[str, dict[str, Any]] = {
    "data_volumes": {"num_users": 7, "num_sessions": 30, "num_events": 200, "num_transactions": 20},
    "data_quality": {"late_arrival_rate": 0.11, "duplicate_rate": 0.12},
    "calendar": {"start": date(2025, 2, 3), "days": 9, "seed": 77},
    "landing": {"gzip_rate": 0.13},
    "defects": {
        "corrupt_json_truncated": 0.014,
        "corrupt_json_trailing_text": 0.015,
        "corrupt_json_not_an_object": 0.016,
        "corrupt_json_single_quotes": 0.017,
        "corrupt_json_nan_literal": 0.018,
        "corrupt_csv_wrong_field_count": 0.019,
        "corrupt_csv_unbalanced_quote": 0.021,
        "invalid_utf8": 0.022,
        "unknown_event_type": 0.023,
        "unknown_currency": 0.024,
        "invalid_amount": 0.025,
        "negative_amount": 0.026,
        "unknown_device_type": 0.027,
        "invalid_country": 0.028,
        "null_user": 0.029,
        "future_time": 0.031,
        "epoch_time": 0.032,
        "near_duplicate": 0.033,
        "orphan_user": 0.034,
        "late_user": 0.035,
        "user_changes_per_day": 0.036,
        "redelivered_file": 0.37,
        "empty_day": 4,
        "schema_change_day": 6,
    },
}


def test_every_key_of_the_default_file_can_be_set_in_a_file(tmp_path: Path) -> None:
    default = configparser.ConfigParser()
    default.read(DEFAULT_CONFIG_FILE)
    assert {section: set(default[section]) for section in default.sections()} == {
        section: set(keys) for section, keys in EVERY_KEY.items()
    }
    path = tmp_path / "my.ini"
    lines = [
        line
        for section, keys in EVERY_KEY.items()
        for line in (f"[{section}]", *(f"{k} = {v}" for k, v in keys.items()))
    ]
    path.write_text("\n".join(lines))
    config = GeneratorConfig.load(path)
    groups: list[Any] = [config.volumes, config.quality, config.calendar, config.landing, config.defects]
    read = {section: asdict(group) for section, group in zip(EVERY_KEY, groups, strict=True)}
    assert read["calendar"].pop("moving") is False
    assert read == EVERY_KEY


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "my.ini"
    path.write_bytes(b"\xef\xbb\xbf[calendar]\r\ndays = 3\r\n")
    assert GeneratorConfig.load(path).calendar.days == 3


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"num_events": 499}, "num_events = 499: every one of the 500 sessions needs an event"),
        ({"num_users": 0}, "num_users = 0: must lie between 1 and"),
        ({"num_users": 20_000_001}, "num_users = 20000001: must lie between 1 and 20,000,000"),
        ({"num_events": "many"}, "num_events = 'many': expected a whole number"),
        ({"num_sessions": 200, "num_transactions": 900, "num_events": 1000}, "num_events must be at least 1100"),
        ({"num_sessions": 1, "num_events": 200_000}, "more than 100,000 for each of the 1 sessions"),
        ({"late_arrival_rate": 1.5}, r"\[data_quality\] late_arrival_rate = 1.5: a share must lie between 0 and 1"),
        ({"late_arrival_rate": "nan"}, "late_arrival_rate = nan: a share must lie between 0 and 1"),
        ({"days": 0}, "days = 0: must lie between 1 and 3660"),
        ({"seed": -1}, r"seed = -1: must not be negative, and below 2\^63"),
        ({"start": "yesterday"}, "start = 'yesterday': expected a day such as 2024-11-04"),
        ({"start": "1969-12-31"}, "start = 1969-12-31: must lie between 2000-01-01"),
        ({"empty_day": 13}, "empty_day = 13: must lie between 1 and 12"),
        ({"schema_change_day": -1}, "schema_change_day = -1: must not be negative"),
        (
            {"null_user": 0.6, "future_time": 0.6},
            "the shares of late and defective lines add up to 1.28, at most 1 is possible",
        ),
        ({"colour": "red"}, "colour is not a setting of the generator"),
    ],
)
def test_a_setting_out_of_bounds_is_named_with_its_value(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GeneratorConfig.load(**overrides)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[defects]\nnul_user = 0.1\n", r"my.ini: \[defects\] nul_user is not a setting"),
        ("num_users = 3\n", "cannot read the configuration .*my.ini: File contains no section headers"),
    ],
)
def test_a_file_that_cannot_be_understood_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "my.ini"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        GeneratorConfig.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*none\.ini"):
        GeneratorConfig.load(tmp_path / "none.ini")
