"""A seeded history of two weeks below a home folder, with what a person must see of it in the web UI.

The generator makes the files (late, doubled and defective lines among them) and the truth about them; days that go
wrong get a file more. Expected numbers come from both and never from the platform. The days end yesterday, as a
newcomer's do: older ones would show a tail of missing days up to today.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

DAYS = 14
DEADLINE_SECONDS = 180
HELD, CORRECTED, SWIPED, LATE = 4, 7, 9, 11
BROKEN_LINES = 40
SWIPES = 12
LATE_EVENTS = 3
TRANSACTIONS_HEADER = "transaction_id,session_id,user_id,amount,currency,transaction_timestamp"


@dataclass(frozen=True)
class Counts:
    """Lines of a source's arrival day."""

    lines: int
    quarantined: int
    late: int


@dataclass(frozen=True)
class History:
    """The folder, laid out like a checkout, and its days.

    Args:
        folder: holds `data/`, `dagster_home/`, `workspace.yaml` and `.venv`.
        environment: for commands that are run in it.
        days: arrival days, the oldest first.
    """

    folder: Path
    environment: Mapping[str, str]
    days: tuple[str, ...]

    @property
    def held_day(self) -> str:
        """Its events are held, and stay so."""
        return self.days[HELD]

    @property
    def corrected_day(self) -> str:
        """Its transactions are held until `correct` was called and the day was run again."""
        return self.days[CORRECTED]

    @property
    def swiped_day(self) -> str:
        """Too many of its events are of a type that is not allowed, yet too few to hold it."""
        return self.days[SWIPED]

    @property
    def late_day(self) -> str:
        """Was run once before, and once after a late file came."""
        return self.days[LATE]

    def counts(self, source: str, day: str) -> Counts:
        """What the generator says of a day, and what was added to it by hand."""
        (total,) = [one for one in self._truth(day) if (one["kind"], one["source"]) == ("day_total", source)]
        generated = Counts(total["lines"], total["quarantined"], total["late"])
        broken = BROKEN_LINES * (source == "events" and day == self.held_day) + SWIPES * (
            source == "events" and day == self.swiped_day
        )
        late = LATE_EVENTS * (source == "events" and day == self.late_day)
        return Counts(generated.lines + broken + late, generated.quarantined + broken, generated.late + late)

    def lines_that_fail(self, rule: str, source: str, day: str) -> int:
        """Lines of a day that fail a rule."""
        planted = {
            (one["source_file"], one["line_number"])
            for one in self._truth(day)
            if one["source"] == source and rule in one["failed_rules"]
        }
        swipes = SWIPES * ((rule, source, day) == ("event_type_allowed", "events", self.swiped_day))
        return len(planted) + swipes

    def correct(self) -> None:
        """Take the broken file of `corrected_day` away, as its sender would."""
        self._path("transactions", self.corrected_day, "broken.csv").unlink()

    def run(self, *command: str, exit_code: int = 0) -> None:
        """Run one of the environment's commands in the folder, to its end."""
        done = subprocess.run(
            [f".venv/bin/{command[0]}", *command[1:]],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_SECONDS,
        )
        assert done.returncode == exit_code, done.stdout + done.stderr

    def run_two_weeks(self) -> None:
        """Generate the files, add those that spoil a day, and run all days; two are held."""
        first, last = self.days[0], self.days[-1]
        self.run("lakehouse", "generate", "--start", first, "--days", str(DAYS))
        broken = [f'{{"event_id":"EVT_BROKEN_{number}","session_id"' for number in range(BROKEN_LINES)]
        self._add("events", self.held_day, "broken.jsonl", broken)
        ten = f"{self.swiped_day}T10:00"
        swipes = [_event(f"EVT_SWIPE_{second:02}", "swipe", f"{ten}:{second:02}") for second in range(SWIPES)]
        self._add("events", self.swiped_day, "swipes.jsonl", swipes)
        short = [f"TXN_BROKEN_{number},SES_000001,USR_00001" for number in range(BROKEN_LINES)]
        self._add("transactions", self.corrected_day, "broken.csv", [TRANSACTIONS_HEADER, *short])
        self.run("lakehouse", "run", "--from", first, "--to", last, exit_code=1)

    def run_late_file(self) -> None:
        """A file with events of eight days before lands, and its arrival day is run again."""
        happened = self.days[LATE - 8]
        events = [_event(f"EVT_LATE_{second}", "click", f"{happened}T12:00:0{second}") for second in range(LATE_EVENTS)]
        self._add("events", self.late_day, "late.jsonl", events)
        self.run("lakehouse", "run", "--from", self.late_day, "--to", self.late_day)

    def _add(self, source: str, day: str, name: str, lines: list[str]) -> None:
        self._path(source, day, name).write_text("".join(f"{line}\n" for line in lines))

    def _path(self, source: str, day: str, name: str) -> Path:
        return self.folder / "data" / "landing" / source / f"dt={day}" / name

    def _truth(self, day: str) -> list[dict[str, Any]]:
        text = (self.folder / "data" / "truth" / f"dt={day}.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


def two_weeks_until_yesterday() -> tuple[str, ...]:
    """The days of a history that is made now."""
    today = datetime.now(UTC).date()
    return tuple((today - timedelta(days=passed)).isoformat() for passed in range(DAYS, 0, -1))


def _event(key: str, kind: str, time: str) -> str:
    return json.dumps(
        {
            "event_id": key,
            "session_id": "SES_BY_HAND",
            "user_id": "USR_00001",
            "event_type": kind,
            "event_timestamp": time,
        }
    )
