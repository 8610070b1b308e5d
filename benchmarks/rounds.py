"""Rounds: ours and the peers taken in turns, medians over the rounds, and ratios within each round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from benchmarks.measure import Usage

Side = Callable[[], Usage]


@dataclass(frozen=True)
class Absent:
    """Why a peer has no figures.

    Args:
        reason: in words.
        asked_for: whether the peer should have run; false when it was left out on request.
    """

    reason: str
    asked_for: bool


class Figure(StrEnum):
    """A figure that ratios are taken of."""

    WALL = "wall"
    CPU = "CPU"

    def of(self, usage: Usage) -> float:
        """Its value in seconds."""
        return usage.wall_seconds if self is Figure.WALL else usage.cpu_seconds


def alternate(
    ours: Side, peers: Mapping[str, Side | Absent], rounds: int
) -> tuple[list[Usage], dict[str, list[Usage] | Absent]]:
    """Measure every side once per round, the peers in the given order and then ours.

    Returns:
        Our usage in each round; the same of each peer, or why it is absent.
    """
    our_usages: list[Usage] = []
    usages: dict[str, list[Usage]] = {name: [] for name, side in peers.items() if not isinstance(side, Absent)}
    for _ in range(rounds):
        for name, side in peers.items():
            if not isinstance(side, Absent):
                usages[name].append(side())
        our_usages.append(ours())
    return our_usages, {name: side if isinstance(side, Absent) else usages[name] for name, side in peers.items()}


def median_usage(usages: Sequence[Usage]) -> Usage:
    """The median of each figure by itself."""
    return Usage(
        median(usage.wall_seconds for usage in usages),
        median(usage.cpu_seconds for usage in usages),
        int(median(usage.peak_bytes for usage in usages)),
    )


def median_ratio(figure: Figure, ours: Sequence[Usage], theirs: Sequence[Usage]) -> float:
    """The median of ours / theirs, each taken within one round, so that a drift of the machine cancels out."""
    return median(figure.of(our) / figure.of(their) for our, their in zip(ours, theirs, strict=True))
