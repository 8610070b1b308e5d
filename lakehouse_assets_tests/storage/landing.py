"""Small deliveries of events for tests of storage that need the whole pipeline."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path


def event(key: str, *, session: str = "S1", time: str = "2024-11-15T14:30:00", kind: str = "click") -> str:
    """One event as a line of its file."""
    return json.dumps(
        {"event_id": key, "session_id": session, "user_id": "U1", "event_type": kind, "event_timestamp": time}
    )


def deliver_events(home: Path, day: date, *lines: str) -> None:
    """Put the events of an arrival day in place of those that were there."""
    folder = home / "landing" / "events" / f"dt={day}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "events.json").write_text("".join(f"{line}\n" for line in lines))
