"""Which messages are due: by hand for single rules, and over any sequence of looks at the incidents."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.alerts.model import Event, Facts, Key, Kind, Message, Observation, Stored
from lakehouse_assets.alerts.planning import plan_messages, updated

NOON = datetime(2024, 11, 16, 12, tzinfo=UTC)
HELD = Key(Kind.HELD, "silver.events", "2024-11-15", "gate")
LATER = Key(Kind.HELD, "silver.events", "2024-11-16", "gate")
UNKNOWN = Key(Kind.THRESHOLD, "silver.events", "2024-11-15", "known_user")


@dataclass
class Told:
    """A channel that takes every message, unless it is broken."""

    stored: list[Stored] = field(default_factory=list)
    taken: list[tuple[datetime, Message]] = field(default_factory=list)

    def look(self, now: datetime, *found: Observation, broken: bool = False) -> list[Message]:
        messages = plan_messages(found, self.stored, now)
        self.stored = updated(found, self.stored)
        for message in messages * (not broken):
            self.taken.append((now, message))
            self.stored = [
                entry.after(message.event, now) if entry.incident.key in message.keys else entry
                for entry in self.stored
            ]
        return messages

    def of(self, key: Key) -> list[tuple[datetime, Event]]:
        return [(at, message.event) for at, message in self.taken if key in message.keys]


def seen(key: Key, failing: bool, at: datetime, run_id: str = "r1") -> Observation:
    return Observation(key, failing, at, Facts(run_id=run_id))


def events(messages: list[Message]) -> list[Event]:
    return [message.event for message in messages]


def test_incident_that_lasts_is_one_message_and_nothing_more_for_a_day() -> None:
    told = Told()
    assert events(told.look(NOON, seen(HELD, True, NOON))) == [Event.OPENED]
    for hours in (1, 12, 23):
        at = NOON + timedelta(hours=hours)
        assert told.look(at, seen(HELD, True, at)) == []


def test_incident_is_reminded_of_once_a_day_without_being_found_again() -> None:
    told = Told()
    told.look(NOON, seen(HELD, True, NOON))
    looks = [events(told.look(NOON + timedelta(hours=hours))) for hours in (23, 24, 25, 47, 48)]
    assert looks == [[], [Event.REMINDER], [], [], [Event.REMINDER]]


def test_reminders_end_after_a_week_and_the_end_of_the_incident_is_told_all_the_same() -> None:
    told = Told()
    told.look(NOON, seen(HELD, True, NOON))
    reminded = [events(told.look(NOON + timedelta(days=days))) for days in range(1, 20)]
    assert reminded == [[Event.REMINDER]] * 7 + [[]] * 12
    at = NOON + timedelta(days=30)
    assert events(told.look(at, seen(HELD, False, at))) == [Event.RESOLVED]


def test_incident_that_is_over_is_told_once() -> None:
    told = Told()
    told.look(NOON, seen(HELD, True, NOON))
    hour = timedelta(hours=1)
    assert events(told.look(NOON + hour, seen(HELD, False, NOON + hour))) == [Event.RESOLVED]
    assert told.look(NOON + 2 * hour, seen(HELD, False, NOON + 2 * hour)) == []
    assert told.look(NOON + timedelta(days=3)) == []


def test_what_never_failed_is_never_told() -> None:
    assert Told().look(NOON, seen(HELD, False, NOON)) == []


def test_incident_that_ended_before_it_could_be_told_is_never_told() -> None:
    told = Told()
    told.look(NOON, seen(HELD, True, NOON), broken=True)
    hour = timedelta(hours=1)
    assert told.look(NOON + hour, seen(HELD, False, NOON + hour)) == []


def test_message_that_was_not_taken_is_due_again() -> None:
    told = Told()
    told.look(NOON, seen(HELD, True, NOON), broken=True)
    assert events(told.look(NOON)) == [Event.OPENED]


def test_older_run_that_is_reported_after_a_newer_one_changes_nothing() -> None:
    told = Told()
    told.look(NOON, seen(HELD, False, NOON))
    assert told.look(NOON, seen(HELD, True, NOON - timedelta(hours=1))) == []


def test_same_check_on_several_days_is_one_message() -> None:
    (message,) = Told().look(NOON, seen(HELD, True, NOON), seen(LATER, True, NOON))
    assert message.keys == (HELD, LATER)


def test_two_checks_of_a_day_are_two_messages() -> None:
    volume = Key(Kind.THRESHOLD, UNKNOWN.table, UNKNOWN.day, "volume")
    assert len(Told().look(NOON, seen(volume, True, NOON), seen(UNKNOWN, True, NOON))) == 2


def test_all_that_failed_in_one_run_is_one_message_and_another_run_another() -> None:
    tables = [Key(Kind.RUN_FAILED, table, "2024-11-15") for table in ("bronze.events", "silver.events")]
    other = Key(Kind.RUN_FAILED, "bronze.users", "2024-11-15")
    found = [seen(key, True, NOON) for key in tables] + [seen(other, True, NOON, "r2")]
    assert {message.keys for message in Told().look(NOON, *found)} == {tuple(tables), (other,)}


def test_incident_that_another_process_is_telling_is_left_alone_until_its_claim_runs_out() -> None:
    (known,) = updated([seen(HELD, True, NOON)], [])
    claimed = [Stored(known.incident, claimed_until=NOON + timedelta(minutes=1))]
    assert plan_messages([], claimed, NOON) == []
    assert events(plan_messages([], claimed, NOON + timedelta(minutes=1))) == [Event.OPENED]


def test_new_incidents_come_before_those_that_are_over_and_reminders_last() -> None:
    told = Told()
    told.look(NOON, seen(HELD, True, NOON), seen(UNKNOWN, True, NOON))
    at = NOON + timedelta(hours=24)
    new = Key(Kind.THRESHOLD, "silver.users", "2024-11-15", "volume")
    looked = told.look(at, seen(HELD, False, at), seen(new, True, at))
    assert events(looked) == [Event.OPENED, Event.RESOLVED, Event.REMINDER]


@dataclass(frozen=True)
class Look:
    """A time to look at the incidents: what is found of each of two days; None: it is not looked at."""

    hours: int
    failing: tuple[bool | None, bool | None]
    broken: bool


LOOKS = st.lists(
    st.builds(Look, st.integers(0, 30), st.tuples(*[st.sampled_from([True, False, None])] * 2), st.booleans()),
    max_size=25,
)


@given(LOOKS)
def test_any_sequence_tells_a_beginning_once_an_end_once_and_reminds_once_a_day(looks: list[Look]) -> None:
    told, now = Told(), NOON
    failing: dict[Key, bool] = {HELD: False, LATER: False}
    announced: dict[Key, bool] = {HELD: False, LATER: False}
    said_at: dict[Key, datetime] = {}
    for look in looks:
        now += timedelta(hours=look.hours, seconds=1)
        found = [seen(key, state, now) for key, state in zip(failing, look.failing, strict=True) if state is not None]
        failing |= {observation.key: observation.failing for observation in found}
        told.look(now, *found, broken=look.broken)
        for key in failing:
            new = [event for at, event in told.of(key) if at == now]
            changed = failing[key] != announced[key]
            expected = [Event.OPENED if failing[key] else Event.RESOLVED] if changed and not look.broken else []
            assert [event for event in new if event is not Event.REMINDER] == expected
            reminders = [event for event in new if event is Event.REMINDER]
            assert reminders == [] or (failing[key] and now - said_at[key] >= timedelta(hours=24))
            announced[key] = failing[key] if new else announced[key]
            said_at |= dict.fromkeys([key] * bool(new), now)
    for key in failing:
        kinds = [event for _, event in told.of(key) if event is not Event.REMINDER]
        assert kinds == [Event.OPENED, Event.RESOLVED] * (len(kinds) // 2) + [Event.OPENED] * (len(kinds) % 2)
