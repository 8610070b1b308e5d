"""Examples of transaction lines: what the values may be. CSV grammar and headers: `examples_csv.py`."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from .example_types import ARRIVAL, TRANSACTIONS_HEADER, Example, utc

ACCEPTED: tuple[str, ...] = ()
NOT_A_NUMBER = ("amount_valid",)
NOT_POSITIVE = ("amount_positive",)
NOT_ALLOWED = ("currency_allowed",)
NOT_VALID = ("transaction_timestamp_valid",)
NOT_IN_RANGE = ("transaction_timestamp_in_range",)


def transaction(
    name: str,
    failed_rules: tuple[str, ...] = ACCEPTED,
    expected: Mapping[str, object] | None = None,
    *,
    arrival_date: date = ARRIVAL,
    **fields: str,
) -> Example:
    """A transaction that is right but for `fields`, which are put into the line as they are. The
    transaction_id is the name."""
    values = {
        "transaction_id": name,
        "session_id": "SES_000123",
        "user_id": "USR_00045",
        "amount": "1250.50",
        "currency": "USD",
        "transaction_timestamp": "2024-11-17 08:45:00",
    }
    line = ",".join((values | fields).values())
    return Example("transactions", name, line.encode(), TRANSACTIONS_HEADER, arrival_date, failed_rules, expected or {})


def _amount(text: str, amount: str) -> Example:
    return transaction(f"amount {text}", ACCEPTED, {"amount": Decimal(amount)}, amount=text)


def _no_amount(text: str, failed_rules: tuple[str, ...] = NOT_A_NUMBER) -> Example:
    return transaction(f"amount {text}", failed_rules, amount=text)


def _timed(text: str, *instant: int) -> Example:
    """A transaction whose time means `instant` (UTC); without an instant it is not valid."""
    failed_rules = ACCEPTED if instant else NOT_VALID
    expected = {"transaction_timestamp": utc(*instant)} if instant else {}
    return transaction(f"time {text}", failed_rules, expected, transaction_timestamp=text)


REQUIRED_FIELDS = [
    transaction("transaction_id empty", ("transaction_id_not_null",), transaction_id=""),
    transaction("transaction_id spaces", ("transaction_id_not_null",), transaction_id="  "),
    transaction("transaction_id padded", ACCEPTED, {"transaction_id": "TXN_1"}, transaction_id=" TXN_1  "),
    transaction("session_id empty", ("session_id_not_null",), session_id=""),
    transaction("session_id spaces", ("session_id_not_null",), session_id=" "),
    transaction("session_id a tab", ACCEPTED, {"session_id": "\t"}, session_id="\t"),
    transaction("user_id empty", ("user_id_not_null",), user_id=""),
    transaction("user_id spaces", ("user_id_not_null",), user_id="    "),
    transaction("user_id quoted spaces", ("user_id_not_null",), user_id='"  "'),
    transaction("user_id quoted empty", ("user_id_not_null",), user_id='""'),
    transaction("user_id the word NULL", ACCEPTED, {"user_id": "NULL"}, user_id="NULL"),
    transaction("amount empty", ("amount_not_null",), amount=""),
    transaction("amount spaces", ("amount_not_null",), amount="   "),
    transaction("currency empty", ("currency_not_null",), currency=""),
    transaction("currency spaces", ("currency_not_null",), currency=" "),
    transaction("timestamp empty", ("transaction_timestamp_not_null",), transaction_timestamp=""),
    transaction("timestamp spaces", ("transaction_timestamp_not_null",), transaction_timestamp="  "),
    transaction(
        "every field wrong",
        (
            "amount_positive",
            "currency_allowed",
            "session_id_not_null",
            "transaction_timestamp_in_range",
            "user_id_not_null",
        ),
        session_id=" ",
        user_id="",
        amount="-5",
        currency="usd",
        transaction_timestamp="2020-01-01 00:00:00",
    ),
    transaction(
        "amount and time not valid",
        ("amount_valid", "transaction_timestamp_valid"),
        amount="free",
        transaction_timestamp="now",
    ),
]

AMOUNTS = [
    _amount("99999999.99", "99999999.99"),
    _amount("0.01", "0.01"),
    _amount("1", "1.00"),
    _amount("12.5", "12.50"),
    _amount(" 12.50 ", "12.50"),
    _amount("00000001", "1.00"),
    _amount("00.10", "0.10"),
    _amount("12345678.9", "12345678.90"),
    transaction("amount quoted", ACCEPTED, {"amount": Decimal("7.25")}, amount='"7.25"'),
    transaction("amount quoted and padded", ACCEPTED, {"amount": Decimal("7.25")}, amount='" 7.25  "'),
    _no_amount("100000000"),
    _no_amount("000000001"),
    _no_amount("100000000.00"),
    _no_amount("1.234"),
    _no_amount("0.001"),
    _no_amount("1.000"),
    _no_amount(".5"),
    _no_amount("1."),
    _no_amount("."),
    _no_amount("-"),
    _no_amount("+1"),
    _no_amount("--1"),
    _no_amount("- 1"),
    _no_amount("1 2"),
    _no_amount("1.2.3"),
    _no_amount("1e2"),
    _no_amount("1E2"),
    _no_amount("0x10"),
    _no_amount("1_000"),
    _no_amount("$5"),
    _no_amount("5USD"),
    _no_amount("(5)"),
    _no_amount("NaN"),
    _no_amount("Infinity"),
    _no_amount("null"),
    _no_amount("12\u0660"),
    _no_amount("\uff11\uff12"),
    _no_amount("\t"),
    _no_amount("5\t"),
    _no_amount("5\u00a0"),
    _no_amount("-100000000"),
    transaction("amount decimal comma", NOT_A_NUMBER, amount='"12,50"'),
    transaction("amount thousands comma", NOT_A_NUMBER, amount='"1,250.50"'),
    _no_amount("0", NOT_POSITIVE),
    _no_amount("0.0", NOT_POSITIVE),
    _no_amount("0.00", NOT_POSITIVE),
    _no_amount("-0", NOT_POSITIVE),
    _no_amount("-0.00", NOT_POSITIVE),
    _no_amount("-0.01", NOT_POSITIVE),
    _no_amount("-99999999.99", NOT_POSITIVE),
    _no_amount(" -1 ", NOT_POSITIVE),
]

CURRENCIES = [
    *(
        transaction(f"currency {name}", ACCEPTED, {"currency": name}, currency=name)
        for name in ("USD", "PEN", "EUR", "MXN", "COP", "CLP", "BRL", "ARS", "GBP")
    ),
    transaction("currency padded", ACCEPTED, {"currency": "PEN"}, currency=" PEN "),
    transaction("currency quoted and padded", ACCEPTED, {"currency": "PEN"}, currency='" PEN "'),
    transaction("currency lower case", NOT_ALLOWED, currency="usd"),
    transaction("currency JPY", NOT_ALLOWED, currency="JPY"),
    transaction("currency sign", NOT_ALLOWED, currency="$"),
    transaction("currency US", NOT_ALLOWED, currency="US"),
    transaction("currency with a tab", NOT_ALLOWED, currency="USD\t"),
    transaction("currency null", NOT_ALLOWED, currency="null"),
]

TIMES = [
    _timed("2024-11-15 14:45:00", 2024, 11, 15, 14, 45),
    _timed("2024-11-15T14:45:00", 2024, 11, 15, 14, 45),
    _timed(" 2024-11-15 14:45:00 ", 2024, 11, 15, 14, 45),
    _timed("2024-11-15 14:45:00Z", 2024, 11, 15, 14, 45),
    _timed("2024-11-15 14:45:00.25", 2024, 11, 15, 14, 45, 0, 250_000),
    _timed("2024-11-15 14:45:00+05:30", 2024, 11, 15, 9, 15),
    _timed("2024-11-15 14:45:00-0500", 2024, 11, 15, 19, 45),
    _timed("2024-11-15 14:45:00+05", 2024, 11, 15, 9, 45),
    _timed("2024-10-18 00:00:00", 2024, 10, 18),
    _timed("2024-10-17 23:30:00-00:30", 2024, 10, 18),
    _timed("2024-11-18 23:59:59.999999", 2024, 11, 18, 23, 59, 59, 999_999),
    _timed("2024-11-15 14:45:00.1234567"),
    _timed("2024-11-15 14:45:00."),
    _timed("2024-11-15 24:00:00"),
    _timed("2024-11-15 23:59:60"),
    _timed("2024-11-15t14:45:00"),
    _timed("2024-11-15  14:45:00"),
    _timed("2024-11-15 14:45:00z"),
    _timed("2024-11-15 14:45:00+24"),
    _timed("2024-11-31 14:45:00"),
    _timed("2024-11-15"),
    _timed("2024-11-15 14:45"),
    _timed("2024-W46-5 14:45:00"),
    _timed("15/11/2024 14:45:00"),
    _timed("2024-11-15 14:45:00\t"),
    _timed("0000-11-15 14:45:00"),
    transaction("range a microsecond before", NOT_IN_RANGE, transaction_timestamp="2024-10-17 23:59:59.999999"),
    transaction("range arrival + 2 days", NOT_IN_RANGE, transaction_timestamp="2024-11-19 00:00:00"),
    transaction("range after by offset", NOT_IN_RANGE, transaction_timestamp="2024-11-18 19:00:00-05"),
    transaction("range before by offset", NOT_IN_RANGE, transaction_timestamp="2024-10-18 00:00:00+00:01"),
    transaction(
        "time February 29",
        ACCEPTED,
        {"transaction_timestamp": utc(2024, 2, 29)},
        arrival_date=date(2024, 3, 30),
        transaction_timestamp="2024-02-29 00:00:00",
    ),
    transaction(
        "time February 30",
        NOT_VALID,
        arrival_date=date(2024, 3, 30),
        transaction_timestamp="2024-02-30 00:00:00",
    ),
    transaction(
        "time 31 days before arrival",
        NOT_IN_RANGE,
        arrival_date=date(2024, 3, 30),
        transaction_timestamp="2024-02-28 23:59:59.999999",
    ),
]

TRANSACTION_EXAMPLES = [*REQUIRED_FIELDS, *AMOUNTS, *CURRENCIES, *TIMES]
