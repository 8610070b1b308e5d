"""Small landing files in the tests of the reference: days are days of November 2024."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

from .judge import Row

D15, D16, D17, D18 = (date(2024, 11, day) for day in (15, 16, 17, 18))

TRANSACTIONS = "transaction_id,session_id,user_id,amount,currency,transaction_timestamp"
USERS = "user_id,signup_date,device_type,country,updated_at"


def at(day: int, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0) -> datetime:
    """An instant of November 2024, UTC."""
    return datetime(2024, 11, day, hour, minute, second, microsecond, tzinfo=UTC)


def write(landing: Path, path: str, *lines: str) -> None:
    """Write a landing file; "events/15/a.json" lies in the folder of 15 November 2024."""
    source, day, name = path.split("/")
    file = landing / source / f"dt=2024-11-{day}" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines), newline="")


def event(event_id: str, time: str, event_type: str = "click", session: str = "S1", user: str = "U1") -> str:
    return json.dumps(
        {
            "event_id": event_id,
            "session_id": session,
            "user_id": user,
            "event_type": event_type,
            "event_timestamp": time,
        }
    )


def pick(rows: list[Row], *columns: str) -> list[tuple[object, ...]]:
    return [tuple(row[column] for column in columns) for row in rows]
