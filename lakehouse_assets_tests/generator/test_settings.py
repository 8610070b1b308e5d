"""Settings and allotment: what a configuration refuses, and the arithmetic that keeps volumes exact."""

from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.config import GeneratorConfig
from generator.errors import ConfigError
from generator.randomness import share_out, ticks


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


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"num_events": 499}, "num_events = 499: every one of the 500 sessions needs an event"),
        ({"num_users": 0}, "num_users = 0: must lie between 1 and"),
        ({"num_events": "many"}, "num_events = 'many': expected a whole number"),
        ({"num_sessions": 200, "num_transactions": 900, "num_events": 1000}, "num_events must be at least 1100"),
        ({"num_sessions": 1, "num_events": 200_000}, "more than 100,000 for each of the 1 sessions"),
        ({"late_arrival_rate": 1.5}, r"\[data_quality\] late_arrival_rate = 1.5: a share must lie between 0 and 1"),
        ({"late_arrival_rate": "nan"}, "late_arrival_rate = nan: a share must lie between 0 and 1"),
        ({"days": 0}, "days = 0: must lie between 1 and 3660"),
        ({"start": "yesterday"}, "start = 'yesterday': expected a day such as 2024-11-04"),
        ({"start": "1969-12-31"}, "start = 1969-12-31: must lie between 2000-01-01"),
        ({"empty_day": 13}, "empty_day = 13: must lie between 1 and 12"),
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


@given(st.floats(0, 1), st.floats(0, 0.999), st.lists(st.integers(0, 10**9), min_size=2, max_size=8))
def test_ticks_of_neighbouring_ranges_add_up_and_keep_to_the_rate(rate: float, phase: float, bounds: list[int]) -> None:
    edges = sorted(bounds)
    parts = [ticks(rate, first, last, phase) for first, last in pairwise(edges)]
    assert sum(parts) == ticks(rate, edges[0], edges[-1], phase)
    assert abs(sum(parts) - rate * (edges[-1] - edges[0])) <= 1.001


def test_what_rounding_leaves_goes_to_the_largest_remainders() -> None:
    assert share_out(7, np.array([5.0, 3.0, 2.0])).tolist() == [4, 2, 1]
    assert share_out(9, np.array([5.0, 3.0, 2.0])).tolist() == [4, 3, 2]


@given(st.integers(0, 10**9), st.lists(st.floats(0, 1e6), min_size=1, max_size=50).filter(lambda w: sum(w) > 0.1))
def test_shares_add_up_and_lie_within_one_of_the_quota(total: int, weights: list[float]) -> None:
    shares = share_out(total, np.array(weights))
    assert int(shares.sum()) == total
    quotas = total * (np.array(weights) / sum(weights))
    assert np.abs(shares - quotas).max() <= 1.001
