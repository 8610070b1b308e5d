"""Which arrival days silver and quarantine have taken in: what lets a run judge only days that changed.

Each of the two tables notes, in the commit that publishes it (`storage.applied`), the bronze version of every arrival
day it shows, and the day's numbers. A day is judged again when bronze holds another version, when a rule or setting it
was judged by differs, or when either table's note is missing or void.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.contracts.sources import SourceContract
from lakehouse_assets.contracts.tables import QUARANTINE, SILVER
from lakehouse_assets.pipeline.bronze import read_bronze_days
from lakehouse_assets.pipeline.judging import DayNumbers
from lakehouse_assets.storage.applied import read_applied
from lakehouse_assets.storage.lake import Lake

_MAX_NOTED_DAYS = 120
_NO_LINES = "no lines"


@dataclass(frozen=True)
class DaysPlan:
    """What a run of silver has to do.

    Args:
        versions: of each arrival day of the run, what a table that has taken it in notes.
        changed: the days to judge.
        known: numbers of the other days, from the note.
    """

    versions: Mapping[date, str]
    changed: tuple[date, ...]
    known: Mapping[date, DayNumbers]


def plan_days(
    lake: Lake, source: SourceContract, days: Sequence[date], *, gate: object, horizon_days: int, code_version: str
) -> DaysPlan:
    """Compare bronze with what silver and quarantine note of these arrival days.

    Args:
        gate: the gate's numbers; they, the horizon and the code's version are part of what a day was judged by.

    Raises:
        StorageError: a table cannot be opened.
    """
    judged_by = hashlib.sha256(repr((source, gate, horizon_days, code_version)).encode()).hexdigest()[:12]
    bronze = read_bronze_days(lake, source.name, days)
    versions = {day: f"{bronze[day].version if day in bronze else _NO_LINES}@{judged_by}" for day in days}
    silver = _noted_days(lake, SILVER[source.name])
    quarantine = _noted_days(lake, QUARANTINE[source.name])
    known = {
        day: DayNumbers(**silver[day.isoformat()]["numbers"])
        for day, version in versions.items()
        if all(note.get(day.isoformat(), {}).get("version") == version for note in (silver, quarantine))
    }
    return DaysPlan(versions, tuple(day for day in days if day not in known), known)


def note_days(
    lake: Lake, contract: TableContract, plan: DaysPlan, numbers: Mapping[date, DayNumbers]
) -> dict[str, Any]:
    """The note of a table after it has taken in these days: its own valid note with them replaced, the newest kept."""
    noted = _noted_days(lake, contract) | {
        day.isoformat(): {"version": plan.versions[day], "numbers": asdict(of_day)} for day, of_day in numbers.items()
    }
    return {"days": {day: noted[day] for day in sorted(noted)[-_MAX_NOTED_DAYS:]}}


def _noted_days(lake: Lake, contract: TableContract) -> dict[str, Any]:
    note = read_applied(lake.table(contract))
    return dict(note["days"]) if note is not None else {}
