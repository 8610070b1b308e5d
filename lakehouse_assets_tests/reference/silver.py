"""Silver: from the verdicts of all lines to one row per key: gate, deduplication, history of users.

Read this way where the design leaves room:

- Deduplication is global over all arrival days that are not held: no horizon, no lookback.
- A held day drops out as if its lines had never come: an older version of a key stands again, a user's
  history closes over the gap.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from .judge import EVENT_TIME, Row, Verdict

KEYS = {
    "events": ("event_id",),
    "transactions": ("transaction_id",),
    "users": ("user_id", "effective_from"),
}


def find_held_days(verdicts: Iterable[Verdict], *, min_rows: int, max_percent: float) -> set[date]:
    """The arrival days of one source that the gate stops: at least `min_rows` quarantined lines, and over
    `max_percent` of the day's lines."""
    lines: Counter[date] = Counter()
    quarantined: Counter[date] = Counter()
    for verdict in verdicts:
        lines[verdict.line.arrival_date] += 1
        quarantined[verdict.line.arrival_date] += verdict.row is None
    limit = Decimal(str(max_percent))
    return {day for day in lines if quarantined[day] >= min_rows and 100 * quarantined[day] > limit * lines[day]}


def build_silver(source: str, accepted: Iterable[Row]) -> list[Row]:
    """One row per key, sorted by key: the greatest version by event time (not for users, where it belongs to
    the key), then arrival_date, source_file, line_number."""
    order = [EVENT_TIME[source]] if source in EVENT_TIME else []
    order += ["arrival_date", "source_file", "line_number"]
    latest: dict[tuple[object, ...], Row] = {}
    for row in sorted(accepted, key=lambda row: [row[column] for column in order]):
        latest[tuple(row[column] for column in KEYS[source])] = row
    rows = sorted(latest.values(), key=lambda row: [row[column] for column in KEYS[source]])
    return _close_versions(rows) if source == "users" else rows


def _close_versions(users: list[Row]) -> list[Row]:
    """Users sorted by (user_id, effective_from), each version ended by the user's next one."""
    closed = []
    for index, user in enumerate(users):
        following = users[index + 1 : index + 2]
        ends = [later["effective_from"] for later in following if later["user_id"] == user["user_id"]]
        closed.append(user | {"effective_to": ends[0] if ends else None})
    return closed
