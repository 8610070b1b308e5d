"""Examples of user lines. CSV grammar and headers in general: `examples_csv.py`."""

from collections.abc import Mapping
from datetime import date

from .example_types import ARRIVAL, USERS_HEADER, Example, utc

ACCEPTED: tuple[str, ...] = ()
NO_COLUMN = ("missing_column",)
NOT_A_DAY = ("signup_date_valid",)
NO_DEVICE = ("device_type_allowed",)
NO_COUNTRY = ("country_valid",)
NOT_UPDATED = ("updated_at_valid",)

_WITHOUT_UPDATED_AT = "user_id,signup_date,device_type,country"


def _user(
    name: str,
    failed_rules: tuple[str, ...] = ACCEPTED,
    expected: Mapping[str, object] | None = None,
    **fields: str,
) -> Example:
    """A user that is right but for `fields`, put into the line as they are. The user_id is the name."""
    values = {
        "user_id": name,
        "signup_date": "2024-03-15 14:23:00",
        "device_type": "iOS",
        "country": "PE",
        "updated_at": "2024-11-16 10:00:00",
    }
    line = ",".join((values | fields).values())
    return Example("users", name, line.encode(), USERS_HEADER, ARRIVAL, failed_rules, expected or {})


def _line(
    name: str,
    line: str | bytes,
    failed_rules: tuple[str, ...] = ACCEPTED,
    expected: Mapping[str, object] | None = None,
    *,
    header: str = _WITHOUT_UPDATED_AT,
) -> Example:
    """A whole line below a header."""
    line_bytes = line.encode() if isinstance(line, str) else line
    return Example("users", name, line_bytes, header, ARRIVAL, failed_rules, expected or {})


def _signup(text: str, *day: int) -> Example:
    """A user who signed up on `day`; without a day the text is not valid."""
    failed_rules = ACCEPTED if day else NOT_A_DAY
    return _user(f"signup {text}", failed_rules, {"signup_date": date(*day)} if day else {}, signup_date=text)


def _updated(text: str, *instant: int) -> Example:
    """A user whose version begins at `instant` (UTC); without an instant the text is not valid."""
    failed_rules = ACCEPTED if instant else NOT_UPDATED
    expected = {"effective_from": utc(*instant)} if instant else {}
    return _user(f"updated {text}", failed_rules, expected, updated_at=text)


REQUIRED_FIELDS = [
    _user("user_id empty", ("user_id_not_null",), user_id=""),
    _user("user_id spaces", ("user_id_not_null",), user_id="  "),
    _user("user_id padded", ACCEPTED, {"user_id": "USR_7"}, user_id="  USR_7 "),
    _user("signup_date empty", ("signup_date_not_null",), signup_date=""),
    _user("signup_date spaces", ("signup_date_not_null",), signup_date=" "),
    _user("device_type empty", ("device_type_not_null",), device_type=""),
    _user("device_type spaces", ("device_type_not_null",), device_type="   "),
    _user("country empty", ("country_not_null",), country=""),
    _user("country spaces", ("country_not_null",), country="  "),
    _line(
        "nothing but commas",
        ",,,,",
        ("country_not_null", "device_type_not_null", "signup_date_not_null", "user_id_not_null"),
        header=USERS_HEADER,
    ),
    _user(
        "every field wrong",
        ("country_valid", "device_type_allowed", "signup_date_valid", "updated_at_valid", "user_id_not_null"),
        user_id=" ",
        signup_date="yesterday",
        device_type="Fridge",
        country="Peru",
        updated_at="today",
    ),
]

SIGNUP_DATES = [
    _signup("2024-03-15 14:23:00", 2024, 3, 15),
    _signup("2024-03-15T14:23:00Z", 2024, 3, 15),
    _signup("2024-03-15T23:59:59.999999", 2024, 3, 15),
    _signup("2024-03-15T23:30:00-05:00", 2024, 3, 16),
    _signup("2024-03-15T00:30:00+0100", 2024, 3, 14),
    _signup("2024-03-15", 2024, 3, 15),
    _signup(" 2024-03-15 ", 2024, 3, 15),
    _signup("2024-02-29", 2024, 2, 29),
    _signup("1969-12-31", 1969, 12, 31),
    _signup("1582-10-10", 1582, 10, 10),
    _signup("0001-01-01", 1, 1, 1),
    _signup("2099-01-01", 2099, 1, 1),
    _signup("9999-12-31", 9999, 12, 31),
    _signup("2023-02-29"),
    _signup("2024-02-30"),
    _signup("2024-13-01"),
    _signup("0000-01-01"),
    _signup("2024-3-15"),
    _signup("20240315"),
    _signup("2024/03/15"),
    _signup("15-03-2024"),
    _signup("24-03-15"),
    _signup("2024-03"),
    _signup("2024-03-15Z"),
    _signup("2024-03-15+05:00"),
    _signup("2024-03-15T"),
    _signup("2024-03-15 14:23"),
    _signup("2024-03-15 24:00:00"),
    _signup("2024-03-15t14:23:00"),
    _signup("2024-03-15  14:23:00"),
    _signup("2024-03-15 14:23:00.1234567"),
    _signup("2024-W11-5"),
    _signup("2024-075"),
    _signup("+2024-03-15"),
    _signup("2024-03-1\u0665"),
    _signup("1710512580"),
    _signup("null"),
    _signup("0001-01-01T00:00:00+05:00"),
]

DEVICES_AND_COUNTRIES = [
    _user("device iOS", ACCEPTED, {"device_type": "iOS"}, device_type="iOS"),
    _user("device Android", ACCEPTED, {"device_type": "Android"}, device_type="Android"),
    _user("device Web", ACCEPTED, {"device_type": "Web"}, device_type=" Web "),
    _user("device ios", NO_DEVICE, device_type="ios"),
    _user("device web", NO_DEVICE, device_type="web"),
    _user("device ANDROID", NO_DEVICE, device_type="ANDROID"),
    _user("device Tablet", NO_DEVICE, device_type="Tablet"),
    _user("country PE", ACCEPTED, {"country": "PE"}, country="PE"),
    _user("country ZZ", ACCEPTED, {"country": "ZZ"}, country="ZZ"),
    _user("country padded", ACCEPTED, {"country": "MX"}, country=" MX"),
    _user("country pe", NO_COUNTRY, country="pe"),
    _user("country Pe", NO_COUNTRY, country="Pe"),
    _user("country PER", NO_COUNTRY, country="PER"),
    _user("country P", NO_COUNTRY, country="P"),
    _user("country P space E", NO_COUNTRY, country="P E"),
    _user("country 51", NO_COUNTRY, country="51"),
    _user("country not ASCII", NO_COUNTRY, country="\u00d1\u00d1"),
    _user("country full-width", NO_COUNTRY, country="\uff30\uff25"),
    _user("country with a tab", NO_COUNTRY, country="PE\t"),
    _user("country with a carriage return", NO_COUNTRY, country="PE\r"),
]

UPDATES = [
    _updated("2024-11-16 10:00:00", 2024, 11, 16, 10),
    _updated("2024-11-16T10:00:00.000001Z", 2024, 11, 16, 10, 0, 0, 1),
    _updated("2024-11-16T10:00:00+05:30", 2024, 11, 16, 4, 30),
    _updated("  2024-11-16 10:00:00 ", 2024, 11, 16, 10),
    _updated("2001-01-01 00:00:00", 2001, 1, 1),
    _updated("2030-01-01 00:00:00", 2030, 1, 1),
    _updated("0001-01-01 00:00:00", 1, 1, 1),
    _updated("2024-11-16"),
    _updated("2024-11-16 10:00"),
    _updated("2024-11-16 24:00:00"),
    _updated("2024-11-16 10:00:60"),
    _updated("2024-11-31 10:00:00"),
    _updated("2024-11-16t10:00:00"),
    _updated("2024-11-16  10:00:00"),
    _updated("2024-11-16 10:00:00.1234567"),
    _updated("never"),
    _updated("null"),
    _updated("\t"),
    _updated("0001-01-01T00:00:00+05:00"),
    _user("updated empty", ACCEPTED, {"effective_from": utc(2024, 11, 17)}, updated_at=""),
    _user("updated spaces", ACCEPTED, {"effective_from": utc(2024, 11, 17)}, updated_at="   "),
    _user("updated quoted", ACCEPTED, {"effective_from": utc(2024, 11, 17)}, updated_at='""'),
]

HEADERS = [
    _line(
        "no updated_at column",
        "no updated_at column,2024-03-15,Web,PE",
        ACCEPTED,
        {
            "effective_from": utc(2024, 11, 17),
            "effective_to": None,
            "signup_date": date(2024, 3, 15),
            "extra": None,
        },
    ),
    _line("a field too many without updated_at", "U1,2024-03-15,Web,PE,", ("corrupt_csv",)),
    _line("a field too few with updated_at", "U1,2024-03-15,Web,PE", ("corrupt_csv",), header=USERS_HEADER),
    _line(
        "updated_at first and plan unknown",
        "2024-11-16 10:00:00,updated_at first and plan unknown,PE,Web,2024-03-15, gold ",
        ACCEPTED,
        {"effective_from": utc(2024, 11, 16, 10), "extra": {"plan": " gold "}},
        header="updated_at,user_id,country,device_type,signup_date,plan",
    ),
    _line(
        "updated_at in other case is unknown",
        "updated_at in other case is unknown,2024-03-15,Web,PE,2024-11-16 10:00:00",
        ACCEPTED,
        {
            "effective_from": utc(2024, 11, 17),
            "extra": {"Updated_At": "2024-11-16 10:00:00"},
        },
        header=_WITHOUT_UPDATED_AT + ",Updated_At",
    ),
    _line("updated_at twice", "U1,2024-03-15,Web,PE,,", NO_COLUMN, header=USERS_HEADER + ",updated_at"),
    _line("no user_id", "U1,2024-03-15,Web,PE", NO_COLUMN, header="id,signup_date,device_type,country"),
    _line("no signup_date", "U1,2024-03-15,Web,PE", NO_COLUMN, header="user_id,signup,device_type,country"),
    _line("no device_type", "U1,2024-03-15,Web,PE", NO_COLUMN, header="user_id,signup_date,device,country"),
    _line("no country", "U1,2024-03-15,Web,PE", NO_COLUMN, header="user_id,signup_date,device_type,Country"),
    _line("unbalanced quote", '"U1,2024-03-15,Web,PE', ("corrupt_csv",)),
    _line("not UTF-8", b"U\xf1,2024-03-15,Web,PE", ("not_utf8",)),
    _line("too long", b"U" * 1_048_577, ("line_too_long",)),
    _line("too long and not UTF-8", b"U" * 9 + b"\xf1" + b"U" * 1_048_576, ("line_too_long", "not_utf8")),
]

USER_EXAMPLES = [*REQUIRED_FIELDS, *SIGNUP_DATES, *DEVICES_AND_COUNTRIES, *UPDATES, *HEADERS]
