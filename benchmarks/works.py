"""The works: what is run on which data, and the limit that each result is held against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import partial
from pathlib import Path

from benchmarks.data import (
    FIRST_DAY,
    Scale,
    days_from_first,
    default_totals,
    generated_home,
    home_of_peer_files,
    home_with_history,
)
from benchmarks.home import Home
from benchmarks.lakehouse_runs import run
from benchmarks.measure import Usage
from benchmarks.peer_runs import Peers, write_files
from benchmarks.rounds import Figure, alternate
from benchmarks.snapshots import snapshots
from benchmarks.verdicts import RatioLimit, Row, none_row, peak_row, ratio_row


@dataclass(frozen=True)
class Sitting:
    """What the works of one sitting share.

    Args:
        folder: where the works put their data, each in a folder of its own.
        scale: how much they run.
        rounds: how often each side is measured.
        peers: the peers, as far as they can run.
    """

    folder: Path
    scale: Scale
    rounds: int
    peers: Peers


def default_set(sitting: Sitting) -> list[Row]:
    """The default data set, against the prototype on as many events."""
    folder, days = sitting.folder / "default", days_from_first(sitting.scale.default_days)
    home = generated_home(folder / "home", len(days))
    data = folder / "peer"
    write_files(data, default_totals(len(days))["events"], len(days))
    ours, peers = alternate(
        partial(_first_run, home, days), {"prototype": sitting.peers.prototype(data)}, sitting.rounds
    )
    limit = RatioLimit(Figure.WALL, 1 / 3, "wall <= 1/3")
    return [ratio_row(f"default data set, {len(days)} days", ours, "prototype", peers["prototype"], limit)]


def one_day(sitting: Sitting) -> list[Row]:
    """Many events landed in one day, against DuckDB by hand and the prototype on the same files."""
    folder, events = sitting.folder / "day", sitting.scale.day_events
    data = folder / "peer"
    write_files(data, events, 1)
    home = home_of_peer_files(folder / "home", data)
    candidates = {"duck": sitting.peers.duck(data), "prototype": sitting.peers.prototype(data)}
    ours, peers = alternate(partial(_first_run, home, [FIRST_DAY]), candidates, sitting.rounds)
    work = f"{events:,} events in one day"
    return [
        ratio_row(work, ours, "duck", peers["duck"], RatioLimit(Figure.CPU, 2.5, "CPU <= 2.5 (aim 1.5)")),
        ratio_row(work, ours, "prototype", peers["prototype"], RatioLimit(Figure.WALL, 1 / 4, "wall <= 1/4")),
        peak_row(work, ours, at_most_gib=3),
    ]


def history(sitting: Sitting) -> list[Row]:
    """The same day with the same files, after a long history and after its last few days only."""
    folder, scale = sitting.folder / "history", sitting.scale
    *past, last = days_from_first(scale.long_history + 1)
    source = generated_home(folder / "source", len(past) + 1)
    long = home_with_history(folder / "long", source, past, last)
    short = home_with_history(folder / "short", source, past[-scale.short_history :], last)
    peer = f"after {scale.short_history} days"
    ours, peers = alternate(partial(_thawed_run, long, last), {peer: partial(_thawed_run, short, last)}, sitting.rounds)
    limit = RatioLimit(Figure.WALL, 1.3, "wall <= 1.3")
    return [ratio_row(f"one day after {len(past)} days of history", ours, peer, peers[peer], limit)]


def rerun(sitting: Sitting) -> list[Row]:
    """The default data set run again, with nothing changed since its first run."""
    days = days_from_first(sitting.scale.default_days)
    home = generated_home(sitting.folder / "rerun" / "home", len(days))
    committed: Counter[str] = Counter()

    def second() -> Usage:
        before = snapshots(home)
        usage = run(home, days[0], days[-1])
        committed.update(table for table, _ in snapshots(home) - before)
        return usage

    ours, peers = alternate(second, {"first run": partial(_first_run, home, days)}, sitting.rounds)
    work = f"rerun of {len(days)} days, nothing changed"
    return [
        ratio_row(work, ours, "first run", peers["first run"], RatioLimit(Figure.WALL, 1, "wall <= 1")),
        none_row(work, committed, "snapshots committed"),
    ]


class WorkName(StrEnum):
    """The works by the names that the command line gives them."""

    DEFAULT = "default"
    DAY = "day"
    HISTORY = "history"
    RERUN = "rerun"


WORKS: dict[WorkName, Callable[[Sitting], list[Row]]] = {
    WorkName.DEFAULT: default_set,
    WorkName.DAY: one_day,
    WorkName.HISTORY: history,
    WorkName.RERUN: rerun,
}


def _first_run(home: Home, days: list[date]) -> Usage:
    home.forget_runs()
    return run(home, days[0], days[-1])


def _thawed_run(home: Home, day: date) -> Usage:
    home.thaw()
    return run(home, day, day)
