"""Which checks each table has: names, what they mean, which of them block publishing, and their thresholds.

All of it comes from the contracts, but for the checks that hold tables against each other, which are named here. How a
check is computed is in `row_checks` and `pipeline.audit`; verdicts are in `results`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.contracts.sources import SOURCES, USERS, SourceContract
from lakehouse_assets.contracts.tables import GOLD
from lakehouse_assets.quality.row_checks import RowCheck, row_checks


class Severity(StrEnum):
    """How bad a failed check is: a warning is for the data owner, an error is for whoever is on call."""

    WARN = "WARN"
    ERROR = "ERROR"


@dataclass(frozen=True)
class Limits:
    """From which share of failing lines a rule warns and from which it is an error; few lines are never judged."""

    warn_percent: float = 1.0
    warn_min_rows: int = 5
    error_percent: float = 5.0
    error_min_rows: int = 20

    def __str__(self) -> str:
        return (
            f"warning over {self.warn_percent:g} % and from {self.warn_min_rows} lines, "
            f"error over {self.error_percent:g} % and from {self.error_min_rows} lines"
        )


@dataclass(frozen=True)
class Check:
    """One check of a table.

    Args:
        table: full name.
        name: of letters, digits and underscores; unique in the table.
        description: what it means, for a person.
        is_blocking: main does not move while it fails.
        limits: of landing rules.
        counts: what its numbers count.
    """

    table: str
    name: str
    description: str
    is_blocking: bool = False
    limits: Limits = Limits()
    counts: str = "rows"


GATE = "gate"
CONTRACT = "contract"
NO_KEY_IS_LOST = "no_key_is_lost"
LINES_ADD_UP = "lines_add_up"
KNOWN_USER = "known_user"
VOLUME = "volume"
NO_HOUR_IS_MISSING = "no_hour_is_missing"
EVENT_TIME_IS_FRESH = "event_time_is_fresh"
LANDED_COLUMNS = "landed_columns"
MATCHES_SILVER = "sessions_match_silver"
TRANSACTIONS_MATCH_SILVER = "transactions_match_silver"
AMOUNTS_MATCH_SILVER = "transaction_amounts_match_silver"
TRANSACTIONS_HAVE_SESSIONS = "transactions_have_sessions"
KNOWN_USERS_HAVE_ATTRIBUTES = "known_users_have_attributes"

_LANDING_RULES = {
    "event_type_allowed": "event_type in set",
    "user_id_not_null": "IsComplete user_id",
}


def unique_key(contract: TableContract) -> str:
    """Name of the check that the table's key is unique."""
    return f"is_unique_{'_'.join(contract.key)}"


def named_row_checks(contract: TableContract) -> tuple[RowCheck, ...]:
    """Conditions on stored rows that are a check of their own; all others are part of `contract`.

    Silver has none: its rules are checked, by name, on the lines that landed.
    """
    if contract.layer == "silver":
        return ()
    return tuple(check for check in row_checks(contract) if not check.name.endswith("_not_null"))


def checks_of(contract: TableContract) -> tuple[Check, ...]:
    """The checks of a table of silver or gold, in the order in which they are shown; no other table has any."""
    if contract.layer == "silver":
        return _silver_checks(contract, SOURCES[contract.name.split(".")[1]])
    return _gold_checks() if contract is GOLD else ()


def find_check(contract: TableContract, name: str) -> Check:
    """The check of that name."""
    return next(check for check in checks_of(contract) if check.name == name)


def _silver_checks(contract: TableContract, source: SourceContract) -> tuple[Check, ...]:
    table = contract.name
    rules = [Check(table, rule, _rule_description(rule)) for rule in source.rule_names]
    checks = [
        Check(table, GATE, "The arrival day is not held: few enough of its lines are quarantined."),
        Check(table, LANDED_COLUMNS, "Lines bring no unknown columns; where they do, these are in `extra`."),
        Check(table, LINES_ADD_UP, "Every line in bronze is either accepted or quarantined.", is_blocking=True),
        *_stored_rows(contract),
        Check(
            table,
            NO_KEY_IS_LOST,
            "Each key that an accepted line has, and each that silver held for another reason, has a row: "
            "accepted lines are current rows or superseded duplicates.",
            is_blocking=True,
        ),
    ]
    if source is not USERS:
        checks.append(Check(table, KNOWN_USER, "The user is in silver.users; users may arrive up to two days later."))
    if contract.volume is not None:
        checks += _volume_checks(table, source)
    return (*rules, *checks)


def _volume_checks(table: str, source: SourceContract) -> list[Check]:
    volume = Check(table, VOLUME, "As many lines as on the same weekday of past weeks, within what is usual.")
    if source.event_time is None:
        return [volume]
    return [
        volume,
        Check(
            table,
            NO_HOUR_IS_MISSING,
            "Each hour of the day that has rows on the same weekday of past weeks has some: no hourly file is missing.",
            counts="hours",
        ),
        Check(
            table,
            EVENT_TIME_IS_FRESH,
            "Event time reaches as far into the day as on the same weekday of past weeks.",
            counts="minutes",
        ),
    ]


def _gold_checks() -> tuple[Check, ...]:
    return (
        *_stored_rows(GOLD),
        *(Check(GOLD.name, check.name, check.description, is_blocking=True) for check in named_row_checks(GOLD)),
        Check(
            GOLD.name,
            MATCHES_SILVER,
            "Each session of silver.events is there once, with its first and last time and its number of events.",
            is_blocking=True,
        ),
        Check(
            GOLD.name,
            TRANSACTIONS_MATCH_SILVER,
            "A session has a transaction exactly when silver.transactions has one of its session and user.",
            is_blocking=True,
        ),
        Check(
            GOLD.name,
            AMOUNTS_MATCH_SILVER,
            "A session shows the earliest transaction that silver.transactions has of it, with its amount; the sums of "
            "both tables differ by later transactions of a session and by those without a session.",
            is_blocking=True,
        ),
        Check(
            GOLD.name,
            TRANSACTIONS_HAVE_SESSIONS,
            "Transactions belong to a session that has events; those that do not are missing from gold.",
            counts="transactions",
        ),
        Check(
            GOLD.name,
            KNOWN_USERS_HAVE_ATTRIBUTES,
            "Sessions of users in silver.users show sign-up day, device and country.",
            is_blocking=True,
        ),
    )


def _stored_rows(contract: TableContract) -> tuple[Check, ...]:
    key = ", ".join(contract.key)
    return (
        Check(
            contract.name, CONTRACT, "The staged rows have the contract's columns, types and values.", is_blocking=True
        ),
        Check(contract.name, unique_key(contract), f"IsUnique {key}: one row per key.", is_blocking=True),
    )


def _rule_description(rule: str) -> str:
    known = f"{_LANDING_RULES[rule]}: " if rule in _LANDING_RULES else ""
    return f"{known}Few lines fail the rule {rule}; those that do are in quarantine."
