"""The three sources: which files, which columns, which rules. The landing side of the contract.

The rules of one column stand in the order in which they are judged: of one column only the first failing rule is named.
"""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse_assets.contracts.rules import (
    CORRUPT_CSV,
    CORRUPT_JSON,
    LINE_TOO_LONG,
    MISSING_COLUMN,
    NOT_UTF8,
    InRange,
    Matches,
    NotNull,
    OneOf,
    Positive,
    Rule,
    ValidTime,
)

LOOKBACK_DAYS = 2
"""Arrival days before D that a run of D reads again."""


@dataclass(frozen=True)
class SourceContract:
    """What one source lands.

    Args:
        name: folder below `landing/` and last part of the bronze, quarantine and silver tables' names.
        file_format: `json` (one object a line) or `csv` (with a header line).
        required_columns: a CSV file without one of them fails whole; in JSON a missing one is a null.
        optional_columns: known columns that may be absent or blank. Every other column goes to `extra`.
        event_time: column with the source's clock, or None where rows carry none that is judged for range.
        rules: column rules in order of judgement.
    """

    name: str
    file_format: str
    required_columns: tuple[str, ...]
    optional_columns: tuple[str, ...]
    event_time: str | None
    rules: tuple[Rule, ...]

    @property
    def known_columns(self) -> tuple[str, ...]:
        return self.required_columns + self.optional_columns

    @property
    def line_rules(self) -> tuple[str, ...]:
        """Names of the rules on the line as a whole."""
        if self.file_format == "json":
            return (NOT_UTF8, LINE_TOO_LONG, CORRUPT_JSON)
        return (NOT_UTF8, LINE_TOO_LONG, CORRUPT_CSV, MISSING_COLUMN)

    @property
    def rule_names(self) -> tuple[str, ...]:
        """Every name that `failed_rules` of this source can hold, line rules first."""
        return self.line_rules + tuple(rule.name for rule in self.rules)


EVENTS = SourceContract(
    name="events",
    file_format="json",
    required_columns=("event_id", "session_id", "user_id", "event_type", "event_timestamp"),
    optional_columns=("event_details",),
    event_time="event_timestamp",
    rules=(
        NotNull("event_id"),
        NotNull("session_id"),
        NotNull("user_id"),
        NotNull("event_type"),
        OneOf(
            "event_type",
            ("page_view", "click", "search", "add_to_cart", "checkout", "purchase", "login", "logout"),
        ),
        NotNull("event_timestamp"),
        ValidTime("event_timestamp"),
        InRange("event_timestamp"),
    ),
)

TRANSACTIONS = SourceContract(
    name="transactions",
    file_format="csv",
    required_columns=(
        "transaction_id",
        "session_id",
        "user_id",
        "amount",
        "currency",
        "transaction_timestamp",
    ),
    optional_columns=(),
    event_time="transaction_timestamp",
    rules=(
        NotNull("transaction_id"),
        NotNull("session_id"),
        NotNull("user_id"),
        NotNull("amount"),
        Matches("amount", r"^-?[0-9]{1,8}(\.[0-9]{1,2})?$"),
        Positive("amount"),
        NotNull("currency"),
        OneOf("currency", ("USD", "PEN", "EUR", "MXN", "COP", "CLP", "BRL", "ARS", "GBP")),
        NotNull("transaction_timestamp"),
        ValidTime("transaction_timestamp"),
        InRange("transaction_timestamp"),
    ),
)

USERS = SourceContract(
    name="users",
    file_format="csv",
    required_columns=("user_id", "signup_date", "device_type", "country"),
    optional_columns=("updated_at",),
    event_time=None,
    rules=(
        NotNull("user_id"),
        NotNull("signup_date"),
        ValidTime("signup_date", plain_date=True),
        NotNull("device_type"),
        OneOf("device_type", ("iOS", "Android", "Web")),
        NotNull("country"),
        Matches("country", "^[A-Z]{2}$"),
        ValidTime("updated_at"),
    ),
)

SOURCES: dict[str, SourceContract] = {source.name: source for source in (EVENTS, TRANSACTIONS, USERS)}
