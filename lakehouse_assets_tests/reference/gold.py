"""Gold: one row per session and user from the three silver tables.

The columns of design section 7 without the audit columns, `data_version` and `source_system`. Read this way
where the design leaves room: a session's transaction has the same session_id and the same user_id.
"""

from datetime import datetime, timedelta

from .judge import Row

_SECOND = timedelta(seconds=1)


def build_gold(events: list[Row], transactions: list[Row], users: list[Row]) -> list[Row]:
    """All sessions, sorted by (session_id, user_id)."""
    sessions: dict[tuple[str, str], list[Row]] = {}
    for event in events:
        sessions.setdefault((event["session_id"], event["user_id"]), []).append(event)
    purchases: dict[tuple[str, str], list[Row]] = {}
    for transaction in transactions:
        purchases.setdefault((transaction["session_id"], transaction["user_id"]), []).append(transaction)
    versions: dict[str, list[Row]] = {}
    for user in users:
        versions.setdefault(user["user_id"], []).append(user)
    return [
        _build_session(session_events, purchases.get(key, []), versions.get(key[1], []))
        for key, session_events in sorted(sessions.items())
    ]


def _build_session(events: list[Row], transactions: list[Row], versions: list[Row]) -> Row:
    ordered = sorted(events, key=lambda event: (event["event_timestamp"], event["event_id"]))
    start, end = ordered[0]["event_timestamp"], ordered[-1]["event_timestamp"]
    user = _version_in_force(versions, start)
    event_types = [event["event_type"] for event in ordered]
    return {
        "user_id": ordered[0]["user_id"],
        "session_id": ordered[0]["session_id"],
        "signup_date": user["signup_date"],
        "device_type": user["device_type"],
        "country": user["country"],
        "session_start_time": start,
        "session_end_time": end,
        "session_duration_seconds": (end - start) // _SECOND,
        "session_date": start.date(),
        "total_events": len(ordered),
        "event_types": event_types,
        "first_event_type": event_types[0],
        "last_event_type": event_types[-1],
        **_transaction_columns(transactions, start),
    }


def _version_in_force(versions: list[Row], instant: datetime) -> Row:
    """The last version that began at or before the instant, else the first; nulls when there is none."""
    if not versions:
        return {"signup_date": None, "device_type": None, "country": None}
    by_start = sorted(versions, key=lambda user: user["effective_from"])
    begun = [user for user in by_start if user["effective_from"] <= instant]
    return begun[-1] if begun else by_start[0]


def _transaction_columns(transactions: list[Row], start: datetime) -> Row:
    if not transactions:
        return {
            "transaction_id": None,
            "transaction_amount": None,
            "transaction_currency": None,
            "transaction_timestamp": None,
            "has_transaction": False,
            "time_to_purchase_seconds": None,
        }
    earliest = min(transactions, key=lambda row: (row["transaction_timestamp"], row["transaction_id"]))
    return {
        "transaction_id": earliest["transaction_id"],
        "transaction_amount": earliest["amount"],
        "transaction_currency": earliest["currency"],
        "transaction_timestamp": earliest["transaction_timestamp"],
        "has_transaction": True,
        "time_to_purchase_seconds": (earliest["transaction_timestamp"] - start) // _SECOND,
    }
