"""A second opinion on every line: the platform's rules once more, in plain Python, knowing nothing of the generator."""

import csv
import json
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, NoReturn

from .reading import LandedLine

Check = tuple[str, Callable[[str, date], bool]]

EVENT_TYPES = {"page_view", "click", "search", "add_to_cart", "checkout", "purchase", "login", "logout"}
CURRENCIES = {"USD", "PEN", "EUR", "MXN", "COP", "CLP", "BRL", "ARS", "GBP"}
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")


def failed_rules(line: LandedLine) -> list[str]:
    """The rules a line fails, sorted; empty when it is valid."""
    try:
        text = line.content.decode()
    except UnicodeDecodeError:
        return ["not_utf8"]
    values = _parse_json(text) if line.source == "events" else _parse_csv(text, line.columns)
    if values is None:
        return ["corrupt_json" if line.source == "events" else "corrupt_csv"]
    return sorted(
        rule for column, checks in CHECKS[line.source] if (rule := _first_failed(values, column, checks, line))
    )


def _first_failed(values: dict[str, Any], column: str, checks: list[Check], line: LandedLine) -> str | None:
    value = values.get(column)
    text = "" if value is None else str(value).strip(" ")
    if not text:
        return f"{column}_not_null"
    return next((name for name, holds in checks if not holds(text, line.arrival_date)), None)


def _parse_json(text: str) -> dict[str, Any] | None:
    def refuse(literal: str) -> NoReturn:
        raise ValueError(literal)

    try:
        value = json.loads(text, parse_constant=refuse)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _parse_csv(text: str, columns: tuple[str, ...]) -> dict[str, Any] | None:
    try:
        (fields,) = csv.reader([text], strict=True)
    except csv.Error:
        return None
    return dict(zip(columns, fields, strict=True)) if len(fields) == len(columns) else None


def _is_time(text: str, _arrival: date) -> bool:
    if not TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_in_range(text: str, arrival: date) -> bool:
    midnight = datetime.combine(arrival, datetime.min.time())
    return midnight - timedelta(days=30) <= datetime.fromisoformat(text) < midnight + timedelta(days=2)


def _one_of(allowed: set[str]) -> Callable[[str, date], bool]:
    return lambda text, _arrival: text in allowed


def _matches(pattern: str) -> Callable[[str, date], bool]:
    return lambda text, _arrival: re.fullmatch(pattern, text, re.ASCII) is not None


CHECKS: dict[str, list[tuple[str, list[Check]]]] = {
    "events": [
        ("event_id", []),
        ("session_id", []),
        ("user_id", []),
        ("event_type", [("event_type_allowed", _one_of(EVENT_TYPES))]),
        ("event_timestamp", [("event_timestamp_valid", _is_time), ("event_timestamp_in_range", _is_in_range)]),
    ],
    "transactions": [
        ("transaction_id", []),
        ("session_id", []),
        ("user_id", []),
        (
            "amount",
            [
                ("amount_valid", _matches(r"-?\d{1,8}(\.\d{1,2})?")),
                ("amount_positive", lambda text, _arrival: float(text) > 0),
            ],
        ),
        ("currency", [("currency_allowed", _one_of(CURRENCIES))]),
        (
            "transaction_timestamp",
            [("transaction_timestamp_valid", _is_time), ("transaction_timestamp_in_range", _is_in_range)],
        ),
    ],
    "users": [
        ("user_id", []),
        ("signup_date", [("signup_date_valid", _is_time)]),
        ("device_type", [("device_type_allowed", _one_of({"iOS", "Android", "Web"}))]),
        ("country", [("country_valid", _matches(r"[A-Z]{2}"))]),
        ("updated_at", [("updated_at_valid", _is_time)]),
    ],
}
