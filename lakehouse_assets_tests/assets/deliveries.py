"""Small deliveries to a landing folder for tests of the assets."""

from __future__ import annotations

import json
from pathlib import Path

TRANSACTIONS_HEADER = "transaction_id,session_id,user_id,amount,currency,transaction_timestamp"
USERS_HEADER = "user_id,signup_date,device_type,country"


def event(key: str | None, session: str, user: str, time: str, kind: str = "click") -> str:
    """One event as a line of its file."""
    return json.dumps(
        {"event_id": key, "session_id": session, "user_id": user, "event_type": kind, "event_timestamp": time}
    )


def deliver(home: Path, source: str, day: str, *lines: str) -> int:
    """Put the lines of a source's arrival day in place of those that were there; returns the bytes of the file."""
    folder = home / "landing" / source / f"dt={day}"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / ("a.json" if source == "events" else "a.csv")
    file.write_text("".join(f"{line}\n" for line in lines))
    return file.stat().st_size
