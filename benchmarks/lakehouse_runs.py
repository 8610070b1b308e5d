"""Processes of the lakehouse: the command `lakehouse` as a person starts it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date

from benchmarks.home import Home
from benchmarks.measure import Usage, measure

_LAKEHOUSE = (sys.executable, "-c", "from lakehouse_assets.cli import main; main()")


def run(home: Home, first: date, last: date) -> Usage:
    """`lakehouse run` over the arrival days first..last."""
    return _lakehouse(home, "run", "--from", str(first), "--to", str(last))


def generate(home: Home, start: date, days: int, seed: int, totals: Mapping[str, int]) -> None:
    """`lakehouse generate` into the landing zone of a home.

    Args:
        totals: number of users, sessions, events and transactions, by the option's name.
    """
    options = [text for name, total in totals.items() for text in (f"--{name}", str(total))]
    home.path.mkdir(parents=True)
    _lakehouse(home, "generate", "--start", str(start), "--days", str(days), "--seed", str(seed), *options)


def _lakehouse(home: Home, *arguments: str) -> Usage:
    return measure("lakehouse " + " ".join(arguments), [*_LAKEHOUSE, *arguments], home.path, home.environment)
