"""Randomness that can be repeated piecewise: named streams, even allotment, quick categorical draws.

Every draw comes from a generator seeded by (seed, stream, indices such as day and block), so that any part of
the data can be made again without making the rest. What is drawn, and from which stream, is decided by the
callers.
"""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Stream(IntEnum):
    """What the numbers are for; a new purpose gets a new number, so that the others keep their values."""

    CALENDAR = 1
    PHASES = 2
    SESSIONS = 3
    EVENTS = 4
    TRANSACTIONS = 5
    EVENT_DELIVERIES = 6
    TRANSACTION_DELIVERIES = 7
    SIGN_UPS = 8
    USER_CHANGES = 9
    USER_DELIVERIES = 10
    PACKING = 11
    REDELIVERIES = 12
    VOCABULARY = 13


def rng(seed: int, stream: Stream, *indices: int) -> np.random.Generator:
    """The generator of one stream at one place (day, block ...)."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, int(stream), *indices])))


def share_out(total: int, weights: Floats) -> Ints:
    """Divide `total` among places by weight: largest remainder, so the parts sum to `total` exactly."""
    quotas = total * (weights / weights.sum())
    parts: Ints = np.floor(quotas).astype(np.int64)
    missing = total - int(parts.sum())
    parts[np.argsort(parts - quotas, kind="stable")[:missing]] += 1
    return parts


def ticks(rate: float, first: int, last: int, phase: float = 0.0) -> int:
    """How many of the numbers `[first, last)` are hit when every 1/rate-th one is.

    Neighbouring ranges add up without gap or overlap, so n numbers hold `rate * n` hits, to within one,
    wherever the range begins: a rate never bunches by chance. `phase` in [0, 1) says where the first hit
    lies.
    """
    return int(np.floor(last * rate + phase) - np.floor(first * rate + phase))


class Choice:
    """Categorical draws by one table look-up: as quick for a Zipf law over thousands as for a coin.

    Probabilities are rounded to 1/65536; an entry below half of that may never be drawn.
    """

    def __init__(self, weights: Sequence[float] | Floats) -> None:
        cumulated = np.cumsum(np.asarray(weights, dtype=np.float64))
        quantiles = (np.arange(65536) + 0.5) / 65536 * cumulated[-1]
        self._table = np.searchsorted(cumulated, quantiles).astype(np.int64)

    def draw(self, random: np.random.Generator, size: int) -> Ints:
        """`size` indices of the weights."""
        drawn: Ints = self._table[random.integers(0, 65536, size=size, dtype=np.uint16)]
        return drawn


def zipf_weights(size: int, exponent: float = 1.1) -> Floats:
    """Weights of ranks 1 .. size by Zipf's law."""
    weights: Floats = np.arange(1, size + 1, dtype=np.float64) ** -exponent
    return weights
