"""What alerts are about: incidents, what a look at them found, what a channel was told, and the messages to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What kind of incident; a check is always of the same kind."""

    BLOCKED = "blocked"
    HELD = "held"
    RUN_FAILED = "run_failed"
    MISSING = "missing"
    THRESHOLD = "threshold"


class Event(StrEnum):
    """What a message says of its incidents, in the order in which messages are sent."""

    OPENED = "opened"
    RESOLVED = "resolved"
    REMINDER = "reminder"


@dataclass(frozen=True, order=True)
class Key:
    """What makes two findings the same incident.

    Args:
        kind: of incident.
        table: full name; `landing.<source>` for missing files; empty where a run failed outside of its steps.
        day: arrival day as YYYY-MM-DD.
        check: name of the check, where there is one.
    """

    kind: Kind
    table: str
    day: str
    check: str = ""


@dataclass(frozen=True)
class Facts:
    """What a message shows beside the key. Counts and names only, never values of rows.

    Args:
        run_id: Dagster's, of the run that found it; empty for missing files.
        failed_rows: of `total_rows`; None where nothing is counted.
        threshold: from when on the check fails, for a person.
        severity: WARN or ERROR.
        sql: a query that shows the rows.
        note: what else there is to say.
    """

    run_id: str = ""
    failed_rows: int | None = None
    total_rows: int | None = None
    threshold: str = ""
    severity: str = "ERROR"
    sql: str = ""
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Facts:
        """Take what is known of `values`; a later version may have stored more."""
        return cls(**{name: value for name, value in values.items() if name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Observation:
    """What was found of a key at a time; a later one takes the place of an earlier one, whichever is reported first."""

    key: Key
    failing: bool
    seen_at: datetime
    facts: Facts = field(default_factory=Facts)


@dataclass(frozen=True)
class Incident:
    """The newest observation of a key and since when it is so; also of keys that never failed.

    Args:
        opened_at: start of the present or last failure; None where there was none.
        closed_at: its end; None while it lasts.
    """

    key: Key
    failing: bool
    seen_at: datetime
    facts: Facts
    opened_at: datetime | None = None
    closed_at: datetime | None = None

    def observed(self, found: Observation) -> Incident:
        """This incident after an observation; unchanged where that is not newer."""
        if found.seen_at <= self.seen_at:
            return self
        now = replace(self, failing=found.failing, seen_at=found.seen_at, facts=found.facts)
        if found.failing and not self.failing:
            return replace(now, opened_at=found.seen_at, closed_at=None)
        if self.failing and not found.failing:
            return replace(now, closed_at=found.seen_at)
        return now


def first_observed(found: Observation) -> Incident:
    """The incident that an observation of a new key makes."""
    opened_at = found.seen_at if found.failing else None
    return Incident(found.key, found.failing, found.seen_at, found.facts, opened_at)


@dataclass(frozen=True)
class Stored:
    """An incident, with what one channel knows of it.

    Args:
        incident: what is.
        announced: the last message that the channel took said that the incident is open.
        sent_at: when the channel took it.
        claimed_until: a process is sending a message about it; others leave it alone until then.
    """

    incident: Incident
    announced: bool = False
    sent_at: datetime | None = None
    claimed_until: datetime | None = None

    def after(self, event: Event, now: datetime) -> Stored:
        """What the channel knows once it has taken a message."""
        return replace(self, announced=event is not Event.RESOLVED, sent_at=now, claimed_until=None)


@dataclass(frozen=True)
class Message:
    """One message: about one incident, or the same one on several days."""

    event: Event
    incidents: tuple[Incident, ...]

    @property
    def kind(self) -> Kind:
        return self.incidents[0].key.kind

    @property
    def keys(self) -> tuple[Key, ...]:
        return tuple(incident.key for incident in self.incidents)

    @property
    def days(self) -> list[str]:
        return sorted({key.day for key in self.keys})
