"""A home with quarantined lines of three days, and the command as a user runs it."""

from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

from lakehouse_assets_tests.cli.test_command import GOOD_EVENT
from lakehouse_assets_tests.processes import run_python

WEEK_AGO, THURSDAY, FRIDAY = date(2024, 11, 7), date(2024, 11, 14), date(2024, 11, 15)
DAYS = [date(2024, 11, day) for day in range(7, 16)]

LONG = '{"event_id":"LONGSECRET' + "z" * 5000
HOSTILE = "[bold red]boom[/] :smile: \x1b[31mred\x07 \u202egnp.exe"
SECRETS = [
    "SECRETALPHA",
    "maria.perez",
    "example.com",
    "SecretUser77",
    "teleport",
    "LONGSECRET",
    "boom",
    "gnp",
    "Q9-44",
]
HEADER = "transaction_id,session_id,user_id,amount,currency,transaction_timestamp\n"


def deliver(home: Path, source: str, day: date, name: str, text: str) -> Path:
    """Put a file of an arrival day in place of the one that was there."""
    folder = home / "landing" / source / f"dt={day}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def good_events(*keys: int, day: date = FRIDAY) -> str:
    return "".join(GOOD_EVENT % key for key in keys).replace(str(FRIDAY), str(day))


def deliver_all(home: Path) -> None:
    """25 quarantined lines: events 1 of 2, 2 of 3 and 20 of 30 (held), transactions 2 of 3."""
    deliver(home, "events", WEEK_AGO, "a.json", "{broken\n" + good_events(1, day=WEEK_AGO))
    corrupt = '{"event_id":"SECRETALPHA","user_id":"maria.perez@example.com"\n'
    unknown = good_events(3, day=THURSDAY).replace("click", "teleport").replace("U1", "SecretUser77")
    deliver(home, "events", THURSDAY, "a.json", good_events(2, day=THURSDAY) + corrupt + unknown)
    bad = f"{LONG}\n{HOSTILE}\n" + "{broken\n" * 18
    deliver(home, "events", FRIDAY, "a [b].json", bad + good_events(*range(10, 20)))
    rows = (
        "T1,S1,U1,9.50,USD,2024-11-15 10:30:00\n"
        "T2,S1,U1,-1,USD,2024-11-15 10:30:00\n"
        "T3,S1,Q9-44,abc,XXX,2024-11-15 10:30:00\n"
    )
    deliver(home, "transactions", FRIDAY, "b.csv", HEADER + rows)


def quarantine(home: Path, *arguments: str, before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """`lakehouse quarantine ...` as a process of its own; `before` is Python that it runs first."""
    code = f"{before}\nfrom lakehouse_assets.quarantine_command import app; app()"
    return run_python(code, home, *arguments, **environment)


def cells(text: str) -> list[list[str]]:
    """The lines of printed tables as cells: what stands between two or more spaces."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines() if line.strip()]
