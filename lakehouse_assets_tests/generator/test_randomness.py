"""The arithmetic that keeps volumes and rates exact."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from generator.randomness import share_out, ticks


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
