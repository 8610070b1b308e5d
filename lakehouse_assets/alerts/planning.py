"""Which messages are due: pure functions of what was found, what is stored for a channel, and the time.

An incident is announced once, reminded of at most once in 24 hours and for a week only, and taken back once. What was
never announced is never taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from lakehouse_assets.alerts.model import Event, Incident, Kind, Message, Observation, Stored, first_observed

REMIND_AFTER = timedelta(hours=24)
REMIND_FOR = timedelta(days=7)


def plan_messages(incidents_now: Sequence[Observation], stored: Sequence[Stored], now: datetime) -> list[Message]:
    """The messages that one channel is to get.

    Args:
        incidents_now: what was found just now, good and bad.
        stored: what is stored of these keys, and of all others that fail or that the channel believes to fail.
        now: the time.

    Returns:
        New incidents first, then those that are over, then reminders. The same incident on several days, and all that
        failed in one run, is one message.
    """
    groups: dict[tuple[Event, Kind, str, str], list[Incident]] = {}
    for known in updated(incidents_now, stored):
        event = _due(known, now)
        if event is not None:
            groups.setdefault((event, *_group(known.incident)), []).append(known.incident)
    messages = [Message(group[0], tuple(incidents)) for group, incidents in groups.items()]
    order = {event: place for place, event in enumerate(Event)}
    return sorted(messages, key=lambda message: (order[message.event], message.keys))


def updated(incidents_now: Iterable[Observation], stored: Iterable[Stored]) -> list[Stored]:
    """What is stored, with what was found just now; by key."""
    known = {entry.incident.key: entry for entry in stored}
    for found in incidents_now:
        entry = known.get(found.key)
        if entry is None:
            known[found.key] = Stored(first_observed(found))
        else:
            known[found.key] = replace(entry, incident=entry.incident.observed(found))
    return [known[key] for key in sorted(known)]


def _due(known: Stored, now: datetime) -> Event | None:
    incident = known.incident
    if known.claimed_until is not None and now < known.claimed_until:
        return None
    if incident.failing and not known.announced:
        return Event.OPENED
    if not incident.failing and known.announced:
        return Event.RESOLVED
    if not incident.failing or known.sent_at is None or incident.opened_at is None:
        return None
    is_due = now - known.sent_at >= REMIND_AFTER and now - incident.opened_at <= REMIND_FOR
    return Event.REMINDER if is_due else None


def _group(incident: Incident) -> tuple[Kind, str, str]:
    key = incident.key
    if key.kind is Kind.RUN_FAILED:
        return key.kind, incident.facts.run_id, ""
    return key.kind, key.table, key.check
