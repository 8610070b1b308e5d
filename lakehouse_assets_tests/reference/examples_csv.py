"""Examples of the CSV grammar (RFC 4180), of headers, UTF-8 and the length of a line, on transaction lines.

What the values may be: `examples_transactions.py`, `examples_users.py`.
"""

from collections.abc import Mapping
from decimal import Decimal

from .example_types import ARRIVAL, TRANSACTIONS_HEADER, Example
from .examples_transactions import ACCEPTED, NOT_ALLOWED, transaction

CORRUPT = ("corrupt_csv",)
NO_COLUMN = ("missing_column",)


def _line(
    name: str,
    line: str | bytes,
    failed_rules: tuple[str, ...] = ACCEPTED,
    expected: Mapping[str, object] | None = None,
    *,
    header: str = TRANSACTIONS_HEADER,
) -> Example:
    """A whole line below a header."""
    line_bytes = line.encode() if isinstance(line, str) else line
    return Example("transactions", name, line_bytes, header, ARRIVAL, failed_rules, expected or {})


QUOTING = [
    transaction("quoted field", ACCEPTED, {"session_id": "S1"}, session_id='"S1"'),
    transaction("quoted comma", ACCEPTED, {"session_id": "S,1"}, session_id='"S,1"'),
    transaction("doubled quotes", ACCEPTED, {"session_id": 'S"1"'}, session_id='"S""1"""'),
    transaction("only a quote", ACCEPTED, {"session_id": '"'}, session_id='""""'),
    transaction("quoted and padded inside", ACCEPTED, {"session_id": "S1"}, session_id='"  S1 "'),
    transaction("backslash", ACCEPTED, {"session_id": "S\\1"}, session_id="S\\1"),
    transaction("backslash before the end of quotes", ACCEPTED, {"session_id": "S\\"}, session_id='"S\\"'),
    transaction("apostrophes", ACCEPTED, {"session_id": "'S'"}, session_id="'S'"),
    transaction("tab inside", ACCEPTED, {"session_id": "S\t1"}, session_id="S\t1"),
    transaction("carriage return inside", ACCEPTED, {"session_id": "S\r1"}, session_id="S\r1"),
    transaction("vertical tab inside", ACCEPTED, {"session_id": "S\v1"}, session_id="S\v1"),
    transaction("form feed inside", ACCEPTED, {"session_id": "S\f1"}, session_id="S\f1"),
    transaction("next line inside", ACCEPTED, {"session_id": "S\u00851"}, session_id="S\u00851"),
    transaction("line separator inside", ACCEPTED, {"session_id": "S\u20281"}, session_id="S\u20281"),
    transaction("null character inside", ACCEPTED, {"session_id": "S\0001"}, session_id="S\0001"),
    transaction("replacement character", ACCEPTED, {"session_id": "S\ufffd"}, session_id="S\ufffd"),
    transaction("hash first", ACCEPTED, {"transaction_id": "#1"}, transaction_id="#1"),
    _line(
        "all quoted",
        '"all quoted","S","U","1.50","USD","2024-11-17 08:45:00"',
        ACCEPTED,
        {"transaction_id": "all quoted", "amount": Decimal("1.50")},
    ),
    transaction("unbalanced quote", CORRUPT, session_id='"S1'),
    transaction("unbalanced doubled quote", CORRUPT, session_id='"S1""'),
    transaction("quote at the very end", CORRUPT, transaction_timestamp='2024-11-17 08:45:00"'),
    transaction("quote inside an unquoted field", CORRUPT, session_id='S"1'),
    transaction("two quotes inside an unquoted field", CORRUPT, session_id='S""1'),
    transaction("text after the closing quote", CORRUPT, session_id='"S1"x'),
    transaction("space after the closing quote", CORRUPT, session_id='"S1" '),
    transaction("space before the opening quote", CORRUPT, session_id=' "S1"'),
    transaction("tab after the closing quote", CORRUPT, session_id='"S1"\t'),
    transaction("backslash before a quote", CORRUPT, session_id='"S\\"1"'),
    transaction("quoted twice", CORRUPT, session_id='"S""1""'),
    transaction("corrupt and breaking rules", CORRUPT, session_id='"S', amount="-1", currency="X"),
    _line(
        "nothing but commas",
        ",,,,,",
        (
            "amount_not_null",
            "currency_not_null",
            "session_id_not_null",
            "transaction_id_not_null",
            "transaction_timestamp_not_null",
            "user_id_not_null",
        ),
    ),
    _line("too few fields", "TXN_1,SES_1,USR_1,1.00,USD", CORRUPT),
    _line("one field", "TXN_1", CORRUPT),
    _line("one quoted empty field", '""', CORRUPT),
    _line("too many fields", "TXN_1,SES_1,USR_1,1.00,USD,2024-11-17 08:45:00,x", CORRUPT),
    _line("comma at the end", "TXN_1,SES_1,USR_1,1.00,USD,2024-11-17 08:45:00,", CORRUPT),
    _line("comma in an amount", "TXN_1,SES_1,USR_1,1,250.00,USD,2024-11-17 08:45:00", CORRUPT),
    _line("semicolons", "TXN_1;SES_1;USR_1;1.00;USD;2024-11-17 08:45:00", CORRUPT),
    _line("tabs", "TXN_1\tSES_1\tUSR_1\t1.00\tUSD\t2024-11-17 08:45:00", CORRUPT),
    _line("JSON line", '{"transaction_id":"TXN_1"}', CORRUPT),
    _line(
        "header again",
        TRANSACTIONS_HEADER,
        ("amount_valid", "currency_allowed", "transaction_timestamp_valid"),
    ),
    _line("not UTF-8", b"TXN_1,SES_\xff,USR_1,1.00,USD,2024-11-17 08:45:00", ("not_utf8",)),
    _line("not UTF-8 and corrupt", b"TXN_1,SES_\xff", ("not_utf8",)),
    _line("too long", b'"' + b"x" * 1_048_576, ("line_too_long",)),
    transaction("long field", ACCEPTED, session_id="x" * 1_000_000),
]

_REORDERED = "currency,amount,transaction_timestamp,user_id,transaction_id,session_id"
_WIDER = "note,transaction_id,session_id,user_id,amount,currency,transaction_timestamp, channel "
_SPACED = ' transaction_id , session_id,user_id ,"amount"," currency ",transaction_timestamp'
_WITH_EMPTY_NAME = TRANSACTIONS_HEADER + ","
_RIGHT = "T,S,U,1.00,USD,2024-11-17 08:45:00"

HEADERS = [
    _line(
        "columns in other order",
        "PEN,3.20,2024-11-17 08:45:00,U1,columns in other order,S1",
        ACCEPTED,
        {
            "transaction_id": "columns in other order",
            "session_id": "S1",
            "user_id": "U1",
            "amount": Decimal("3.20"),
            "currency": "PEN",
            "extra": None,
        },
        header=_REORDERED,
    ),
    _line(
        "columns in other order and one wrong",
        "XXX,3.20,2024-11-17 08:45:00,U1,T1,S1",
        NOT_ALLOWED,
        header=_REORDERED,
    ),
    _line(
        "line in the usual order below another",
        _RIGHT,
        ("amount_valid", "currency_allowed", "transaction_timestamp_valid"),
        header=_REORDERED,
    ),
    _line(
        "unknown columns",
        '" a ""b"", ",unknown columns,S,U,1.00,USD,2024-11-17 08:45:00,  web',
        ACCEPTED,
        {"transaction_id": "unknown columns", "extra": {"note": ' a "b", ', "channel": "  web"}},
        header=_WIDER,
    ),
    _line(
        "unknown columns empty",
        ",unknown columns empty,S,U,1.00,USD,2024-11-17 08:45:00,",
        ACCEPTED,
        {"extra": {"note": "", "channel": ""}},
        header=_WIDER,
    ),
    _line("unknown columns left out", _RIGHT, CORRUPT, header=_WIDER),
    _line(
        "header with spaces and quotes",
        "header with spaces and quotes,S,U,1.00,USD,2024-11-17 08:45:00",
        ACCEPTED,
        {"transaction_id": "header with spaces and quotes", "currency": "USD", "extra": None},
        header=_SPACED,
    ),
    _line(
        "one unknown column without a name",
        "one unknown column without a name,S,U,1.00,USD,2024-11-17 08:45:00,x",
        ACCEPTED,
        {"extra": {"": "x"}},
        header=_WITH_EMPTY_NAME,
    ),
    _line("two columns without names", _RIGHT + ",,", NO_COLUMN, header=_WITH_EMPTY_NAME + ","),
    _line("no transaction_id", "S,U,1,USD,2024-11-17 08:45:00", NO_COLUMN, header=TRANSACTIONS_HEADER[15:]),
    _line(
        "no timestamp",
        "T,S,U,1.00,USD",
        NO_COLUMN,
        header="transaction_id,session_id,user_id,amount,currency",
    ),
    _line("no session_id", _RIGHT, NO_COLUMN, header=TRANSACTIONS_HEADER.replace("session_id", "session")),
    _line("no user_id", _RIGHT, NO_COLUMN, header=TRANSACTIONS_HEADER.replace("user_id", "user")),
    _line("no amount", _RIGHT, NO_COLUMN, header=TRANSACTIONS_HEADER.replace("amount", "total")),
    _line("no currency", _RIGHT, NO_COLUMN, header=TRANSACTIONS_HEADER.replace("currency", "ccy")),
    _line("header in upper case", _RIGHT, NO_COLUMN, header=TRANSACTIONS_HEADER.upper()),
    _line("header with one capital", _RIGHT, NO_COLUMN, header=TRANSACTIONS_HEADER.replace("amount", "Amount")),
    _line("header with a tab", _RIGHT, NO_COLUMN, header=TRANSACTIONS_HEADER.replace("amount", "amount\t")),
    _line("header of semicolons", _RIGHT, NO_COLUMN, header=TRANSACTIONS_HEADER.replace(",", ";")),
    _line("header unbalanced", _RIGHT, NO_COLUMN, header='"' + TRANSACTIONS_HEADER),
    _line("header with a quote inside", _RIGHT, NO_COLUMN, header=TRANSACTIONS_HEADER + ',no"te'),
    _line("header is a line", _RIGHT, NO_COLUMN, header="T0,S,U,1.00,USD,2024-11-17 08:45:00"),
    _line("required column twice", _RIGHT + ",2.00", NO_COLUMN, header=TRANSACTIONS_HEADER + ",amount"),
    _line("required column twice by a space", _RIGHT + ",2", NO_COLUMN, header=TRANSACTIONS_HEADER + ", amount"),
    _line("unknown column twice", _RIGHT + ",a,b", NO_COLUMN, header=TRANSACTIONS_HEADER + ",note,note"),
    _line("missing column and a corrupt line", 'T,"S', NO_COLUMN, header=TRANSACTIONS_HEADER + ",amount"),
    _line("missing column and not UTF-8", b"T,\xff", ("not_utf8",), header=TRANSACTIONS_HEADER + ",amount"),
]

CSV_EXAMPLES = [*QUOTING, *HEADERS]
