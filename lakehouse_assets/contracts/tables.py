"""The tables, one pandera model each: columns, types, nullability, descriptions, PII class; then keys and order.

All timestamps are UTC. `arrival_date` is the UTC day a file landed and the Dagster partition key; `*_timestamp` is the
source's clock. A table that is added here needs a transform, an asset and tests (CONTRIBUTING.md).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import pyspark.sql.types as T
from pandera.pyspark import Field

from lakehouse_assets.contracts.model import Model, Partitioning, RowRule, TableContract, VolumeExpectation
from lakehouse_assets.contracts.rules import InRange, Matches, NotNull, OneOf, Positive
from lakehouse_assets.contracts.sources import EVENTS, SOURCES, TRANSACTIONS, USERS, SourceContract

_LINE = ("arrival_date", "source_file", "line_number")
Texts = Annotated[T.ArrayType, T.StringType(), True]
Money = Annotated[T.DecimalType, 10, 2]


def _column(description: str, *, nullable: bool = False, pii: str | None = None, **checks: Any) -> Any:
    return Field(nullable=nullable, description=description, metadata={"pii": pii}, **checks)


def _text(source: SourceContract, column: str, description: str, *, pii: str | None = None) -> Any:
    """A text as its source's rules let it pass: the model's checks are those rules, written once."""
    checks: dict[str, Any] = {}
    for rule in source.rules:
        match rule:
            case NotNull(column=name) if name == column:
                checks["ne"] = ""
            case OneOf(column=name) if name == column:
                checks["isin"] = list(rule.values)
            case Matches(column=name) if name == column:
                checks["str_matches"] = rule.pattern
    return _column(description, pii=pii, **checks)


def _amount(source: SourceContract, column: str, description: str) -> Any:
    """A number as its source's rules let it pass."""
    checks: dict[str, Any] = {"gt": 0} if Positive(column) in source.rules else {}
    return _column(description, **checks)


class Line(Model):
    """Where a row comes from: columns that bronze, quarantine and silver share."""

    arrival_date: T.DateType = _column("UTC day on which the file landed; the Dagster partition key D.")
    source_file: T.StringType = _column("Path of the file below landing/.")
    line_number: T.LongType = _column("Physical line in the file, 1-based, header and blank lines counted.", gt=0)


class Bronze(Line):
    """Every line that landed, untouched: no blank lines, no headers. Replaced as a whole per arrival day."""

    raw: T.StringType = _column("The line without its line end; invalid UTF-8 replaced, cut to 1 MiB.", pii="contains")
    header: T.StringType = _column("The header line of a CSV file; null for JSON.", nullable=True)
    read_errors: Texts = _column(
        "Rules the bytes of the line broke (not_utf8, line_too_long); null when none.", nullable=True
    )
    ingested_at: T.TimestampType = _column("When this row was written to bronze.")

    class Config:
        unique: ClassVar = list(_LINE)


class Quarantine(Line):
    """Lines that failed rules, with all the rules they fail: per arrival day exactly today's verdicts."""

    raw: T.StringType = _column("The line as it stands in bronze.", pii="contains")
    failed_rules: Texts = _column("Names of the rules the line fails, sorted.")
    quarantined_at: T.TimestampType = _column("When the verdict was written.")
    run_id: T.StringType = _column("Dagster run that wrote the verdict.")

    class Config:
        unique: ClassVar = list(_LINE)


class SilverEvents(Model):
    """User events: one row per event, the latest version of it, late and doubled deliveries resolved."""

    event_id: T.StringType = _text(EVENTS, "event_id", "Identifies the event; unique.")
    session_id: T.StringType = _text(EVENTS, "session_id", "Session the event belongs to.", pii="pseudonym")
    user_id: T.StringType = _text(EVENTS, "user_id", "User who caused the event.", pii="pseudonym")
    event_type: T.StringType = _text(EVENTS, "event_type", "What happened: one of the allowed event types.")
    event_timestamp: T.TimestampType = _column("When it happened, by the source's clock.")
    page_url: T.StringType = _column("Page of the event, from event_details.page_url.", nullable=True)
    event_details: T.StringType = _column("The details as the source sent them, JSON text.", nullable=True)
    extra: T.StringType = _column("Unknown fields of the line as a JSON object; null when none.", nullable=True)
    arrival_date: T.DateType = _column("UTC day on which the winning version landed.")
    source_file: T.StringType = _column("File of the winning version, below landing/.")
    line_number: T.LongType = _column("Line of the winning version in that file.", gt=0)

    class Config:
        unique: ClassVar = ["event_id"]


class SilverTransactions(Model):
    """Transactions: one row per transaction, the latest version of it."""

    transaction_id: T.StringType = _text(TRANSACTIONS, "transaction_id", "Identifies the transaction; unique.")
    session_id: T.StringType = _text(TRANSACTIONS, "session_id", "Session in which it was made.", pii="pseudonym")
    user_id: T.StringType = _text(TRANSACTIONS, "user_id", "User who paid.", pii="pseudonym")
    amount: Money = _amount(TRANSACTIONS, "amount", "Amount in `currency`; greater than zero.")
    currency: T.StringType = _text(TRANSACTIONS, "currency", "ISO 4217 code, one of the allowed currencies.")
    transaction_timestamp: T.TimestampType = _column("When it was made, by the source's clock.")
    extra: T.StringType = _column("Unknown columns of the line as a JSON object; null when none.", nullable=True)
    arrival_date: T.DateType = _column("UTC day on which the winning version landed.")
    source_file: T.StringType = _column("File of the winning version, below landing/.")
    line_number: T.LongType = _column("Line of the winning version in that file.", gt=0)

    class Config:
        unique: ClassVar = ["transaction_id"]


class SilverUsers(Model):
    """The history of users (SCD2): one row per user and version, valid from effective_from to before effective_to."""

    user_id: T.StringType = _text(USERS, "user_id", "Identifies the user.", pii="pseudonym")
    effective_from: T.TimestampType = _column("The version holds from here: updated_at, else the arrival day 00:00.")
    effective_to: T.TimestampType = _column("Start of the next version; null for the current one.", nullable=True)
    signup_date: T.DateType = _column("UTC day of the sign-up.")
    device_type: T.StringType = _text(USERS, "device_type", "iOS, Android or Web.")
    country: T.StringType = _text(USERS, "country", "ISO 3166 code, two capital letters.")
    extra: T.StringType = _column("Unknown columns of the line as a JSON object; null when none.", nullable=True)
    arrival_date: T.DateType = _column("UTC day on which the winning version landed.")
    source_file: T.StringType = _column("File of the winning version, below landing/.")
    line_number: T.LongType = _column("Line of the winning version in that file.", gt=0)

    class Config:
        unique: ClassVar = ["user_id", "effective_from"]


class UserSessionAnalysis(Model):
    """User sessions: one row per session and user, over all its events, with user and purchase."""

    user_id: T.StringType = _column("User of the session.", pii="pseudonym")
    session_id: T.StringType = _column("Identifies the session, together with the user.", pii="pseudonym")
    signup_date: T.DateType = _column("Sign-up day of the user; null for an unknown user.", nullable=True)
    device_type: T.StringType = _column("Device of the user version in force at the start.", nullable=True)
    country: T.StringType = _column("Country of the user version in force at the start.", nullable=True)
    session_start_time: T.TimestampType = _column("Time of the first event.")
    session_end_time: T.TimestampType = _column("Time of the last event.")
    session_duration_seconds: T.IntegerType = _column("End minus start in whole seconds, rounded down.", ge=0)
    session_date: T.DateType = _column("UTC day of the start.")
    total_events: T.IntegerType = _column("Number of events.", gt=0)
    event_types: Texts = _column("Types of the events, ordered by (event_timestamp, event_id).")
    first_event_type: T.StringType = _column("First of event_types.")
    last_event_type: T.StringType = _column("Last of event_types.")
    transaction_id: T.StringType = _column("Earliest transaction of the session and user; null: none.", nullable=True)
    transaction_amount: Money = _column("Its amount.", nullable=True)
    transaction_currency: T.StringType = _column("Its currency.", nullable=True)
    transaction_timestamp: T.TimestampType = _column("Its time.", nullable=True)
    has_transaction: T.BooleanType = _column("Whether there is one.")
    time_to_purchase_seconds: T.IntegerType = _column(
        "Transaction minus start in whole seconds, rounded down.", nullable=True
    )
    processing_timestamp: T.TimestampType = _column("When this row was computed.")
    data_version: T.IntegerType = _column("Version of the logic that computed the row.")
    source_system: T.StringType = _column("System that computed the row.")

    class Config:
        unique: ClassVar = ["session_id", "user_id"]


DATA_VERSION = 1
"""Raise it when the logic of gold.user_session_analysis changes."""

SOURCE_SYSTEM = "lakehouse"

_BY_ARRIVAL_DAY = Partitioning("identity", "arrival_date")


def _in_range_of_arrival(source: SourceContract) -> RowRule:
    """The source's range of event times, as it must still hold of what is stored."""
    rule = next(rule for rule in source.rules if isinstance(rule, InRange))
    day = "CAST(arrival_date AS TIMESTAMP)"
    return RowRule(
        rule.name,
        f"{rule.column} is not before arrival_date - {rule.days_before} days and before arrival_date + "
        f"{rule.days_after} days.",
        f"{rule.column} >= {day} - INTERVAL {rule.days_before} DAYS "
        f"AND {rule.column} < {day} + INTERVAL {rule.days_after} DAYS",
    )


def _bronze(source: str) -> TableContract:
    return TableContract(
        name=f"bronze.{source}",
        model=Bronze,
        grain="one row per landed line",
        identity=_LINE,
        partitioning=_BY_ARRIVAL_DAY,
        audit_columns=("ingested_at",),
    )


def _quarantine(source: str) -> TableContract:
    return TableContract(
        name=f"quarantine.{source}",
        model=Quarantine,
        grain="one row per landed line that fails a rule",
        identity=_LINE,
        partitioning=_BY_ARRIVAL_DAY,
        audit_columns=("quarantined_at", "run_id"),
    )


BRONZE: dict[str, TableContract] = {source: _bronze(source) for source in SOURCES}
QUARANTINE: dict[str, TableContract] = {source: _quarantine(source) for source in SOURCES}
SILVER: dict[str, TableContract] = {
    "events": TableContract(
        name="silver.events",
        model=SilverEvents,
        grain="one row per event_id, the greatest by (event_timestamp, arrival_date, source_file, line_number)",
        identity=_LINE,
        version_order=("event_timestamp", *_LINE),
        row_rules=(_in_range_of_arrival(EVENTS),),
        partitioning=Partitioning("day", "event_timestamp"),
        volume=VolumeExpectation(),
    ),
    "transactions": TableContract(
        name="silver.transactions",
        model=SilverTransactions,
        grain="one row per transaction_id, the greatest by "
        "(transaction_timestamp, arrival_date, source_file, line_number)",
        identity=_LINE,
        version_order=("transaction_timestamp", *_LINE),
        row_rules=(_in_range_of_arrival(TRANSACTIONS),),
        partitioning=Partitioning("day", "transaction_timestamp"),
        volume=VolumeExpectation(),
    ),
    "users": TableContract(
        name="silver.users",
        model=SilverUsers,
        grain="one row per (user_id, effective_from), the greatest by (arrival_date, source_file, line_number)",
        identity=_LINE,
        version_order=_LINE,
        partitioning=None,
        row_rules=(
            RowRule(
                "version_ends_after_its_start",
                "A version holds from before it ends; the current one has no end.",
                "effective_to IS NULL OR effective_to > effective_from",
            ),
        ),
        volume=VolumeExpectation(),
    ),
}
GOLD = TableContract(
    name="gold.user_session_analysis",
    model=UserSessionAnalysis,
    grain="one row per (session_id, user_id) that has an event in silver",
    identity=("session_id", "user_id"),
    partitioning=Partitioning("day", "session_date"),
    audit_columns=("processing_timestamp",),
    row_rules=(
        RowRule(
            "session_in_its_day",
            "session_date is the UTC day on which the session starts.",
            "session_date = CAST(session_start_time AS DATE)",
        ),
        RowRule(
            "session_ends_after_its_start",
            "A session ends no earlier than it starts, and its duration is the whole seconds between.",
            "session_end_time >= session_start_time AND session_duration_seconds = "
            "FLOOR((UNIX_MICROS(session_end_time) - UNIX_MICROS(session_start_time)) / 1000000)",
        ),
        RowRule(
            "events_match_their_list",
            "First, last and number of events are those of event_types.",
            "total_events = SIZE(event_types) AND first_event_type = ELEMENT_AT(event_types, 1) "
            "AND last_event_type = ELEMENT_AT(event_types, -1)",
        ),
        RowRule(
            "transaction_is_whole_or_absent",
            "has_transaction says whether there is one; then its amount, currency, time and delay are there too.",
            "has_transaction = (transaction_id IS NOT NULL) AND has_transaction = (transaction_amount IS NOT NULL) "
            "AND has_transaction = (transaction_currency IS NOT NULL) "
            "AND has_transaction = (time_to_purchase_seconds IS NOT NULL)",
        ),
        RowRule(
            "user_is_whole_or_absent",
            "Sign-up day, device and country are known together or not at all.",
            "(signup_date IS NULL) = (device_type IS NULL) AND (device_type IS NULL) = (country IS NULL)",
        ),
    ),
    owner="team:analytics",
)

TABLES: dict[str, TableContract] = {
    table.name: table for table in (*BRONZE.values(), *QUARANTINE.values(), *SILVER.values(), GOLD)
}
