"""Examples of event lines: what the values may be. The JSON grammar and bytes: `examples_json.py`."""

import json
from collections.abc import Mapping
from datetime import date

from .example_types import ARRIVAL, EVENTS_HEADER, Example, utc

ACCEPTED: tuple[str, ...] = ()
NOT_ALLOWED = ("event_type_allowed",)
NOT_VALID = ("event_timestamp_valid",)
NOT_IN_RANGE = ("event_timestamp_in_range",)


def event(
    name: str,
    failed_rules: tuple[str, ...] = ACCEPTED,
    expected: Mapping[str, object] | None = None,
    *,
    arrival_date: date = ARRIVAL,
    more: str = "",
    **tokens: str | None,
) -> Example:
    """An event that is right but for `tokens`: JSON tokens as they shall stand in the line, null to leave a
    field out. `more` is put before the closing brace. The event_id is the name."""
    fields: dict[str, str | None] = {
        "event_id": json.dumps(name),
        "session_id": '"SES_000001"',
        "user_id": '"USR_00001"',
        "event_type": '"click"',
        "event_timestamp": '"2024-11-17T08:00:00"',
    }
    fields |= tokens
    members = ",".join(f'"{column}":{token}' for column, token in fields.items() if token is not None)
    line = "{" + members + more + "}"
    return Example("events", name, line.encode(), EVENTS_HEADER, arrival_date, failed_rules, expected or {})


def _timed(name: str, text: str, *instant: int) -> Example:
    """An event whose time is written as `text` and means `instant` (UTC); without one it is not valid."""
    failed_rules = ACCEPTED if instant else NOT_VALID
    expected = {"event_timestamp": utc(*instant)} if instant else {}
    return event(f"time {name}", failed_rules, expected, event_timestamp=json.dumps(text))


REQUIRED_FIELDS = [
    event("event_id missing", ("event_id_not_null",), event_id=None),
    event("event_id null", ("event_id_not_null",), event_id="null"),
    event("event_id empty", ("event_id_not_null",), event_id='""'),
    event("event_id only spaces", ("event_id_not_null",), event_id='"   "'),
    event("event_id padded", ACCEPTED, {"event_id": "EVT_PADDED"}, event_id='"  EVT_PADDED "'),
    event("session_id missing", ("session_id_not_null",), session_id=None),
    event("session_id null", ("session_id_not_null",), session_id="null"),
    event("session_id empty", ("session_id_not_null",), session_id='""'),
    event("session_id only spaces", ("session_id_not_null",), session_id='" "'),
    event("session_id padded", ACCEPTED, {"session_id": "S 1"}, session_id='" S 1 "'),
    event("user_id missing", ("user_id_not_null",), user_id=None),
    event("user_id null", ("user_id_not_null",), user_id="null"),
    event("user_id empty", ("user_id_not_null",), user_id='""'),
    event("user_id only spaces", ("user_id_not_null",), user_id='"  "'),
    event("user_id is the word null", ACCEPTED, {"user_id": "null"}, user_id='"null"'),
    event("user_id is a tab", ACCEPTED, {"user_id": "\t"}, user_id=r'"\t"'),
    event("user_id is a padded tab", ACCEPTED, {"user_id": "\t"}, user_id=r'" \t "'),
    event("user_id is a line feed", ACCEPTED, {"user_id": "\n"}, user_id=r'"\n"'),
    event("user_id is a no-break space", ACCEPTED, {"user_id": "\u00a0"}, user_id='"\u00a0"'),
    event("event_type missing", ("event_type_not_null",), event_type=None),
    event("event_type null", ("event_type_not_null",), event_type="null"),
    event("event_type empty", ("event_type_not_null",), event_type='""'),
    event("event_type only spaces", ("event_type_not_null",), event_type='"    "'),
    event("event_timestamp missing", ("event_timestamp_not_null",), event_timestamp=None),
    event("event_timestamp null", ("event_timestamp_not_null",), event_timestamp="null"),
    event("event_timestamp empty", ("event_timestamp_not_null",), event_timestamp='""'),
    event("event_timestamp only spaces", ("event_timestamp_not_null",), event_timestamp='" "'),
    event(
        "every field wrong",
        (
            "event_id_not_null",
            "event_timestamp_valid",
            "event_type_allowed",
            "session_id_not_null",
            "user_id_not_null",
        ),
        event_id='" "',
        session_id=None,
        user_id="null",
        event_type='"hover"',
        event_timestamp='"yesterday"',
    ),
    event(
        "type and range wrong",
        ("event_timestamp_in_range", "event_type_allowed"),
        event_type='"hover"',
        event_timestamp='"2023-11-17T08:00:00"',
    ),
]

NOT_STRINGS = [
    event("user_id 7", ACCEPTED, {"user_id": "7"}, user_id="7"),
    event("user_id 0", ACCEPTED, {"user_id": "0"}, user_id="0"),
    event("user_id -0", ACCEPTED, {"user_id": "-0"}, user_id="-0"),
    event("user_id 1.0", ACCEPTED, {"user_id": "1.0"}, user_id="1.0"),
    event("user_id 1.50", ACCEPTED, {"user_id": "1.50"}, user_id="1.50"),
    event("user_id 1e5", ACCEPTED, {"user_id": "1e5"}, user_id="1e5"),
    event("user_id 1E+5", ACCEPTED, {"user_id": "1E+5"}, user_id="1E+5"),
    event("user_id 1e400", ACCEPTED, {"user_id": "1e400"}, user_id="1e400"),
    event("user_id 2**63", ACCEPTED, {"user_id": "9223372036854775808"}, user_id="9223372036854775808"),
    event("user_id of 40 digits", ACCEPTED, {"user_id": "1234567890" * 4}, user_id="1234567890" * 4),
    event("user_id of 5000 digits", ACCEPTED, {"user_id": "9" * 5000}, user_id="9" * 5000),
    event("user_id 0.1 long", ACCEPTED, {"user_id": "0.1000000000000000055"}, user_id="0.1000000000000000055"),
    event("user_id true", ACCEPTED, {"user_id": "true"}, user_id="true"),
    event("user_id false", ACCEPTED, {"user_id": "false"}, user_id="false"),
    event("user_id empty object", ACCEPTED, {"user_id": "{}"}, user_id="{}"),
    event("user_id empty array", ACCEPTED, {"user_id": "[]"}, user_id="[ ]"),
    event(
        "user_id object",
        ACCEPTED,
        {"user_id": '{"a":[1,"x",null],"b":true}'},
        user_id='{"a": [1, "x", null], "b": true}',
    ),
    event("user_id array", ACCEPTED, {"user_id": '["\u00e9","\\""]'}, user_id=r'["\u00e9", "\""]'),
    event("event_id 12345", ACCEPTED, {"event_id": "12345"}, event_id="12345"),
    event("event_type 5", NOT_ALLOWED, event_type="5"),
    event("event_type true", NOT_ALLOWED, event_type="true"),
    event("event_type array", NOT_ALLOWED, event_type='["click"]'),
    event("event_timestamp epoch number", NOT_VALID, event_timestamp="1731834000"),
    event("event_timestamp false", NOT_VALID, event_timestamp="false"),
    event("event_timestamp object", NOT_VALID, event_timestamp='{"at":"2024-11-17T08:00:00"}'),
]

TYPES = [
    *(
        event(f"type {name}", ACCEPTED, {"event_type": name}, event_type=json.dumps(name))
        for name in (
            "page_view",
            "click",
            "search",
            "add_to_cart",
            "checkout",
            "purchase",
            "login",
            "logout",
        )
    ),
    event("type padded", ACCEPTED, {"event_type": "login"}, event_type='" login  "'),
    event("type upper case", NOT_ALLOWED, event_type='"CLICK"'),
    event("type unknown", NOT_ALLOWED, event_type='"hover"'),
    event("type with a hyphen", NOT_ALLOWED, event_type='"page-view"'),
    event("type with a tab", NOT_ALLOWED, event_type=r'"click\t"'),
    event("type with a line feed", NOT_ALLOWED, event_type=r'"click\n"'),
    event("type list", NOT_ALLOWED, event_type='"click,login"'),
]

TIMES = [
    _timed("T", "2024-11-15T14:30:00", 2024, 11, 15, 14, 30),
    _timed("space", "2024-11-15 14:30:00", 2024, 11, 15, 14, 30),
    _timed("padded", "  2024-11-15T14:30:00 ", 2024, 11, 15, 14, 30),
    _timed("Z", "2024-11-15T14:30:00Z", 2024, 11, 15, 14, 30),
    _timed("space and Z", "2024-11-15 14:30:00Z", 2024, 11, 15, 14, 30),
    _timed("+05:30", "2024-11-15T14:30:00+05:30", 2024, 11, 15, 9, 0),
    _timed("-0500", "2024-11-15T14:30:00-0500", 2024, 11, 15, 19, 30),
    _timed("+05", "2024-11-15T14:30:00+05", 2024, 11, 15, 9, 30),
    _timed("-05 over midnight", "2024-11-15T21:30:00-05", 2024, 11, 16, 2, 30),
    _timed("+00:00", "2024-11-15T14:30:00+00:00", 2024, 11, 15, 14, 30),
    _timed("-00:00", "2024-11-15T14:30:00-00:00", 2024, 11, 15, 14, 30),
    _timed("+23:59", "2024-11-15T14:30:00+23:59", 2024, 11, 14, 14, 31),
    _timed("-23:59", "2024-11-15T14:30:00-23:59", 2024, 11, 16, 14, 29),
    _timed("1 digit", "2024-11-15T14:30:00.5", 2024, 11, 15, 14, 30, 0, 500_000),
    _timed("3 digits", "2024-11-15T14:30:00.123", 2024, 11, 15, 14, 30, 0, 123_000),
    _timed("6 digits", "2024-11-15T14:30:00.000001", 2024, 11, 15, 14, 30, 0, 1),
    _timed("6 digits and offset", "2024-11-15 14:30:00.999999-01:00", 2024, 11, 15, 15, 30, 0, 999_999),
    _timed("last second of a day", "2024-11-15T23:59:59", 2024, 11, 15, 23, 59, 59),
    _timed("midnight", "2024-11-15T00:00:00", 2024, 11, 15),
    _timed("7 digits", "2024-11-15T14:30:00.1234567"),
    _timed("9 digits", "2024-11-15T14:30:00.123456789"),
    _timed("point without digits", "2024-11-15T14:30:00."),
    _timed("decimal comma", "2024-11-15T14:30:00,5"),
    _timed("lower-case t", "2024-11-15t14:30:00"),
    _timed("lower-case z", "2024-11-15T14:30:00z"),
    _timed("two spaces", "2024-11-15  14:30:00"),
    _timed("tab", "2024-11-15\t14:30:00"),
    _timed("tab around", "\t2024-11-15T14:30:00"),
    _timed("line feed at the end", "2024-11-15T14:30:00\n"),
    _timed("no-break space around", "2024-11-15T14:30:00\u00a0"),
    _timed("space before Z", "2024-11-15T14:30:00 Z"),
    _timed("space before offset", "2024-11-15T14:30:00 +05:30"),
    _timed("offset +5", "2024-11-15T14:30:00+5"),
    _timed("offset +05:3", "2024-11-15T14:30:00+05:3"),
    _timed("offset +05:", "2024-11-15T14:30:00+05:"),
    _timed("offset +24:00", "2024-11-15T14:30:00+24:00"),
    _timed("offset +05:60", "2024-11-15T14:30:00+05:60"),
    _timed("offset +05:30:00", "2024-11-15T14:30:00+05:30:00"),
    _timed("offset with a minus sign", "2024-11-15T14:30:00\u221205:00"),
    _timed("Z and offset", "2024-11-15T14:30:00Z+00:00"),
    _timed("zone UTC", "2024-11-15T14:30:00UTC"),
    _timed("zone region", "2024-11-15T14:30:00[America/Lima]"),
    _timed("hour 24", "2024-11-15T24:00:00"),
    _timed("minute 60", "2024-11-15T14:60:00"),
    _timed("second 60", "2024-11-15T23:59:60"),
    _timed("month 13", "2024-13-15T14:30:00"),
    _timed("month 00", "2024-00-15T14:30:00"),
    _timed("day 00", "2024-11-00T14:30:00"),
    _timed("November 31", "2024-11-31T14:30:00"),
    _timed("year 0000", "0000-11-15T14:30:00"),
    _timed("year of 2 digits", "24-11-15T14:30:00"),
    _timed("year of 5 digits", "12024-11-15T14:30:00"),
    _timed("signed year", "+2024-11-15T14:30:00"),
    _timed("day of 1 digit", "2024-11-5T14:30:00"),
    _timed("hour of 1 digit", "2024-11-15T4:30:00"),
    _timed("no seconds", "2024-11-15T14:30"),
    _timed("plain date", "2024-11-15"),
    _timed("plain date and T", "2024-11-15T"),
    _timed("basic format", "20241115T143000"),
    _timed("week date", "2024-W46-5T14:30:00"),
    _timed("ordinal date", "2024-320T14:30:00"),
    _timed("slashes", "2024/11/15 14:30:00"),
    _timed("day first", "15-11-2024 14:30:00"),
    _timed("pm", "2024-11-15 02:30:00 PM"),
    _timed("text after", "2024-11-15T14:30:00x"),
    _timed("text before", "x2024-11-15T14:30:00"),
    _timed("Arabic digits", "2024-11-15T14:30:0\u0660"),
    _timed("full-width digits", "\uff12\uff10\uff12\uff14-11-15T14:30:00"),
    _timed("epoch text", "1731834000"),
    _timed("UTC day before year 1", "0001-01-01T00:00:00+05:00"),
    _timed("UTC day after year 9999", "9999-12-31T23:59:59-05:00"),
    event(
        "time February 29",
        ACCEPTED,
        {"event_timestamp": utc(2024, 2, 29, 12)},
        arrival_date=date(2024, 3, 1),
        event_timestamp='"2024-02-29T12:00:00"',
    ),
    event("time February 30", NOT_VALID, arrival_date=date(2024, 3, 1), event_timestamp='"2024-02-30T12:00:00"'),
    event(
        "time February 29 of 2023",
        NOT_VALID,
        arrival_date=date(2023, 3, 1),
        event_timestamp='"2023-02-29T12:00:00"',
    ),
]

# Arrival 2024-11-17: from 2024-10-18 00:00:00 to before 2024-11-19 00:00:00, UTC.
RANGES = [
    _timed("first instant in range", "2024-10-18T00:00:00", 2024, 10, 18),
    _timed("first instant in range by offset", "2024-10-17T23:00:00-01:00", 2024, 10, 18),
    _timed("last instant in range", "2024-11-18T23:59:59.999999", 2024, 11, 18, 23, 59, 59, 999_999),
    _timed("last instant by offset", "2024-11-19T00:59:59.999999+01", 2024, 11, 18, 23, 59, 59, 999_999),
    event("range one microsecond before", NOT_IN_RANGE, event_timestamp='"2024-10-17T23:59:59.999999"'),
    event("range before by offset", NOT_IN_RANGE, event_timestamp='"2024-10-18T00:30:00+01:00"'),
    event("range arrival + 2 days", NOT_IN_RANGE, event_timestamp='"2024-11-19T00:00:00"'),
    event("range arrival + 2 days by offset", NOT_IN_RANGE, event_timestamp='"2024-11-18T23:00:00-01:00"'),
    event("range one microsecond after", NOT_IN_RANGE, event_timestamp='"2024-11-19 00:00:00.000001Z"'),
    event("range year 1", NOT_IN_RANGE, event_timestamp='"0001-01-01T00:00:00"'),
    event("range year 9999", NOT_IN_RANGE, event_timestamp='"9999-12-31T23:59:59Z"'),
]

DETAILS = [
    event("details missing", ACCEPTED, {"event_details": None, "page_url": None, "extra": None}),
    event("details null", ACCEPTED, {"event_details": None, "page_url": None}, event_details="null"),
    event("details empty object", ACCEPTED, {"event_details": {}, "page_url": None}, event_details="{}"),
    event(
        "details object",
        ACCEPTED,
        {"event_details": {"page_url": "/page/12", "n": [1, 2.5]}, "page_url": "/page/12", "extra": None},
        event_details='{"page_url": "/page/12", "n": [1, 2.5]}',
    ),
    event(
        "details padded url",
        ACCEPTED,
        {"event_details": {"page_url": "  /a b "}, "page_url": "/a b"},
        event_details='{"page_url":"  /a b "}',
    ),
    event("details url null", ACCEPTED, {"page_url": None}, event_details='{"page_url":null}'),
    event("details url empty", ACCEPTED, {"page_url": None}, event_details='{"page_url":""}'),
    event("details url spaces", ACCEPTED, {"page_url": None}, event_details='{"page_url":"  "}'),
    event("details url number", ACCEPTED, {"page_url": "1.0"}, event_details='{"page_url":1.0}'),
    event("details url true", ACCEPTED, {"page_url": "true"}, event_details='{"page_url":true}'),
    event("details url object", ACCEPTED, {"page_url": '{"a":1}'}, event_details='{"page_url":{ "a" : 1 }}'),
    event("details url other case", ACCEPTED, {"page_url": None}, event_details='{"Page_URL":"/a"}'),
    event("details url escaped", ACCEPTED, {"page_url": "/a"}, event_details=r'{"page_url":"\/a"}'),
    event(
        "details url deeper",
        ACCEPTED,
        {"page_url": None, "event_details": {"a": {"page_url": "/a"}}},
        event_details='{"a":{"page_url":"/a"}}',
    ),
    event("details url twice", ACCEPTED, {"page_url": "/b"}, event_details='{"page_url":"/a","page_url":"/b"}'),
    event(
        "details array",
        ACCEPTED,
        {"event_details": [{"page_url": "/a"}], "page_url": None},
        event_details='[{"page_url":"/a"}]',
    ),
    event("details string", ACCEPTED, {"event_details": "/a", "page_url": None}, event_details='"/a"'),
    event("details empty string", ACCEPTED, {"event_details": "", "page_url": None}, event_details='""'),
    event("details number", ACCEPTED, {"event_details": 12, "page_url": None}, event_details="12"),
    event("details false", ACCEPTED, {"event_details": False, "page_url": None}, event_details="false"),
]

EXTRA = [
    event("extra none", ACCEPTED, {"extra": None}, event_details='{"other":1}'),
    event("extra text", ACCEPTED, {"extra": {"utm": " a "}}, more=',"utm":" a "'),
    event("extra null", ACCEPTED, {"extra": {"utm": None}}, more=',"utm":null'),
    event(
        "extra nested",
        ACCEPTED,
        {"extra": {"device": {"os": "iOS", "size": [1, 2.5, -3e2]}, "ok": True}},
        more=',"device":{"os":"iOS","size":[1,2.5,-3e2]},"ok":true',
    ),
    event("extra twice", ACCEPTED, {"extra": {"utm": "b"}}, more=',"utm":"a","utm":"b"'),
    event("extra empty key", ACCEPTED, {"extra": {"": 1}}, more=',"":1'),
    event("extra key other case", ACCEPTED, {"extra": {"User_Id": "x"}}, more=',"User_Id":"x"'),
    event("extra key padded", ACCEPTED, {"extra": {" user_id ": "x"}}, more='," user_id ":"x"'),
    event("extra key with dots", ACCEPTED, {"extra": {"a.b": 1, "a": {"b": 2}}}, more=',"a.b":1,"a":{"b":2}'),
    event("extra key not ASCII", ACCEPTED, {"extra": {"a\u00f1o": "\u65e5"}}, more=',"a\u00f1o":"\u65e5"'),
    event(
        "extra named page_url",
        ACCEPTED,
        {"extra": {"page_url": "/a"}, "page_url": None},
        more=',"page_url":"/a"',
    ),
    event("extra named extra", ACCEPTED, {"extra": {"extra": {"a": 1}}}, more=',"extra":{"a":1}'),
    event(
        "extra named as our columns",
        ACCEPTED,
        {"extra": {"arrival_date": "1999-01-01", "line_number": 7}, "arrival_date": date(2024, 11, 17)},
        more=',"arrival_date":"1999-01-01","line_number":7',
    ),
    event("key only in other case", ("user_id_not_null",), user_id=None, more=',"USER_ID":"x"'),
    event("key twice", ACCEPTED, {"user_id": "second"}, user_id='"first","user_id":"second"'),
    event("key twice and then null", ("user_id_not_null",), user_id='"first","user_id":null'),
    event("key twice and first wrong", ACCEPTED, {"event_type": "login"}, event_type='7,"event_type":"login"'),
    event("key escaped", ACCEPTED, {"user_id": "x", "extra": None}, user_id=None, more=r',"user\u005fid":"x"'),
    event("key twice and once escaped", ACCEPTED, {"user_id": "y"}, more=r',"user\u005fid":"y"'),
]

EVENT_EXAMPLES = [*REQUIRED_FIELDS, *NOT_STRINGS, *TYPES, *TIMES, *RANGES, *DETAILS, *EXTRA]
