"""Examples of event lines: the JSON grammar (RFC 8259), UTF-8 and the length of a line.

What the values may be: `examples_events.py`.
"""

import json
from collections.abc import Mapping

from .example_types import ARRIVAL, EVENTS_HEADER, Example
from .examples_events import ACCEPTED, event

CORRUPT = ("corrupt_json",)
NOT_UTF8 = ("not_utf8",)
TOO_LONG = ("line_too_long",)
NOT_UTF8_AND_TOO_LONG = ("line_too_long", "not_utf8")

MIB = 1_048_576


def _line(
    name: str,
    line: str | bytes,
    failed_rules: tuple[str, ...] = ACCEPTED,
    expected: Mapping[str, object] | None = None,
) -> Example:
    """A whole line; @ stands for a right event with the name as its event_id."""
    line_bytes = line.encode() if isinstance(line, str) else line
    line_bytes = line_bytes.replace(b"@", event(name).line)
    return Example("events", name, line_bytes, EVENTS_HEADER, ARRIVAL, failed_rules, expected or {})


def _more(name: str, more: str, failed_rules: tuple[str, ...] = CORRUPT) -> Example:
    return event(name, failed_rules, more=more)


def _text(name: str, token: bytes, failed_rules: tuple[str, ...] = ACCEPTED, text: str = "") -> Example:
    """An event whose user_id is written as the bytes `token` in quotes, and reads `text` if accepted."""
    placeholder = event(name, failed_rules, {} if failed_rules else {"user_id": text}, user_id='"@"')
    line = placeholder.line.replace(b"@", token)
    return Example("events", name, line, EVENTS_HEADER, ARRIVAL, failed_rules, placeholder.expected)


def _sized(name: str, line_bytes: int, failed_rules: tuple[str, ...], ending: bytes = b'"}') -> Example:
    """An event padded in an unknown field to so many bytes."""
    start = event(name).line.removesuffix(b"}") + b',"pad":"'
    padding = b"x" * (line_bytes - len(start) - len(ending))
    return Example("events", name, start + padding + ending, EVENTS_HEADER, ARRIVAL, failed_rules)


FORM = [
    _line("bare object", "@"),
    _line("spaces and tabs around", " \t @ \t ", ACCEPTED, {"event_id": "spaces and tabs around"}),
    _line("carriage return before", "\r@"),
    _line(
        "white space between tokens",
        '{ "event_id"\t:\r"white space between tokens" ,"session_id": "s", "user_id" :"u" , '
        '"event_type":"click","event_timestamp" : "2024-11-17T08:00:00" }',
        ACCEPTED,
        {"event_id": "white space between tokens", "user_id": "u", "extra": None},
    ),
    _line(
        "other order of keys",
        '{"event_timestamp":"2024-11-17T08:00:00","user_id":"u","event_type":"click","session_id":"s",'
        '"event_id":"other order of keys"}',
        ACCEPTED,
        {"event_id": "other order of keys", "session_id": "s"},
    ),
    _line(
        "empty object",
        "{}",
        (
            "event_id_not_null",
            "event_timestamp_not_null",
            "event_type_not_null",
            "session_id_not_null",
            "user_id_not_null",
        ),
    ),
    _line("form feed before", "\f@", CORRUPT),
    _line("vertical tab after", "@\v", CORRUPT),
    _line("no-break space after", "@\u00a0", CORRUPT),
    _line("byte-order mark inside a file", "\ufeff@", CORRUPT),
    _line("text after", "@x", CORRUPT),
    _line("comma after", "@,", CORRUPT),
    _line("semicolon after", "@;", CORRUPT),
    _line("brace after", "@}", CORRUPT),
    _line("second object after", "@{}", CORRUPT),
    _line("second object after a space", "@ @", CORRUPT),
    _line("comment after", "@ // note", CORRUPT),
    _line("text before", "x@", CORRUPT),
    _line("array of the object", "[@]", CORRUPT),
    _line("empty array", "[]", CORRUPT),
    _line("bare string", '"text"', CORRUPT),
    _line("object in a string", json.dumps(event("object in a string").line.decode()), CORRUPT),
    _line("bare number", "12", CORRUPT),
    _line("bare null", "null", CORRUPT),
    _line("bare true", "true", CORRUPT),
    _line("bare words", "connection reset by peer", CORRUPT),
    _line("CSV line", "EVT_1,SES_1,USR_1,click,2024-11-17T08:00:00", CORRUPT),
    _line("cut short", event("cut short").line[:-1], CORRUPT),
    _line("cut in a string", event("cut in a string").line[:-5], CORRUPT),
    _line("only a brace", "{", CORRUPT),
    _line("null character after", "@\0", CORRUPT),
]

GRAMMAR = [
    _more("trailing comma", ","),
    _more("trailing comma in a nested object", ',"a":{"b":1,}'),
    _more("trailing comma in an array", ',"a":[1,]'),
    _more("two commas", ',,"a":1'),
    _more("no comma", '"a":1'),
    _more("no colon", ',"a"1'),
    _more("two colons", ',"a"::1'),
    _more("no value", ',"a":'),
    _more("key without quotes", ",a:1"),
    _more("key number", ",1:1"),
    _more("single quotes", ",'a':'b'"),
    _more("single-quoted value", ",\"a\":'b'"),
    _more("block comment", ',"a":1/* note */'),
    _more("hash comment", ',"a":1# note'),
    _more("NaN", ',"a":NaN'),
    _more("Infinity", ',"a":Infinity'),
    _more("minus Infinity", ',"a":-Infinity'),
    _more("nested NaN", ',"a":{"b":[NaN]}'),
    _more("undefined", ',"a":undefined'),
    _more("True", ',"a":True'),
    _more("TRUE", ',"a":TRUE'),
    _more("None", ',"a":None'),
    _more("nul", ',"a":nul'),
    _more("number 01", ',"a":01'),
    _more("number -01", ',"a":-01'),
    _more("number +1", ',"a":+1'),
    _more("number 1.", ',"a":1.'),
    _more("number .1", ',"a":.1'),
    _more("number -.1", ',"a":-.1'),
    _more("number 1.e5", ',"a":1.e5'),
    _more("number 1e", ',"a":1e'),
    _more("number 1e+", ',"a":1e+'),
    _more("number -", ',"a":-'),
    _more("number - 1", ',"a":- 1'),
    _more("number 0x1F", ',"a":0x1F'),
    _more("number 1_000", ',"a":1_000'),
    _more("number 1L", ',"a":1L'),
    _more("number of Arabic digits", ',"a":1\u0660'),
    _more("key number 01", ',"user_id":01'),
    _more("unbalanced bracket", ',"a":[1'),
    _more("brackets crossed", ',"a":[{]}'),
    _more("nesting of 50 objects", ',"a":' + '{"a":' * 49 + "1" + "}" * 49, ACCEPTED),
    _more("nesting of 50 arrays", ',"a":' + "[" * 50 + "]" * 50, ACCEPTED),
    _more("number -0.0", ',"a":-0.0', ACCEPTED),
    _more("number 1E-2", ',"a":1E-2', ACCEPTED),
    _more("number 0e0", ',"a":0e0', ACCEPTED),
]

STRINGS = [
    _text("all escapes", rb"\"\\\/\b\f\n\r\t", ACCEPTED, '"\\/\b\f\n\r\t'),
    _text("unicode escape", rb"\u00e9\u00E9", ACCEPTED, "\u00e9\u00e9"),
    _text("null escape", rb"a\u0000b", ACCEPTED, "a\0b"),
    _text("surrogate pair escape", rb"\ud83d\ude00", ACCEPTED, "\U0001f600"),
    _text("surrogate pair escape upper case", rb"\uD83D\uDE00", ACCEPTED, "\U0001f600"),
    _text("raw emoji", b"\xf0\x9f\x98\x80", ACCEPTED, "\U0001f600"),
    _text("escaped backslash before u", rb"\\ud800", ACCEPTED, r"\ud800"),
    _text("delete character", b"a\x7fb", ACCEPTED, "a\x7fb"),
    _text("line separator", "a\u2028b".encode(), ACCEPTED, "a\u2028b"),
    _text("next line", "a\u0085b".encode(), ACCEPTED, "a\u0085b"),
    _text("noncharacter", b"\xef\xbf\xbf", ACCEPTED, "\uffff"),
    _text("byte-order mark in a string", b"\xef\xbb\xbfa", ACCEPTED, "\ufeffa"),
    _text("unescaped tab", b"a\tb", CORRUPT),
    _text("unescaped carriage return", b"a\rb", CORRUPT),
    _text("unescaped null", b"a\0b", CORRUPT),
    _text("unescaped control character", b"a\x1fb", CORRUPT),
    _text("escape of a quote mark", rb"\'", CORRUPT),
    _text("escape x", rb"\x41", CORRUPT),
    _text("escape a", rb"\a", CORRUPT),
    _text("escape upper-case N", rb"\N", CORRUPT),
    _text("escape u with 3 digits", rb"\u12", CORRUPT),
    _text("escape u with a sign", rb"\u+123", CORRUPT),
    _text("escape u with a space", rb"\u 123", CORRUPT),
    _text("escape u with g", rb"\u12g4", CORRUPT),
    _text("escape u in upper case", rb"\U0041", CORRUPT),
    _text("unescaped quote", b'a"b', CORRUPT),
    _text("escaped closing quote", b"a\\", CORRUPT),
    _text("lone high surrogate escape", rb"\ud800", CORRUPT),
    _text("lone low surrogate escape", rb"\udc00", CORRUPT),
    _text("surrogate escapes reversed", rb"\ude00\ud83d", CORRUPT),
    _text("high surrogate escape and text", rb"\ud83dx\ude00", CORRUPT),
    _more("lone surrogate in a key", r',"\ud800":1'),
    _more("lone surrogate in an array", r',"a":[["\udfff"]]'),
    _more("lone surrogate replaced by a later key", r',"a":"\ud800","a":"x"'),
]

BYTES = [
    _text("replacement character", b"a\xef\xbf\xbdb", ACCEPTED, "a\ufffdb"),
    _text("replacement character escape", rb"\ufffd", ACCEPTED, "\ufffd"),
    _text("byte FF", b"a\xffb", NOT_UTF8),
    _text("Latin-1", b"Per\xfa", NOT_UTF8),
    _text("lone continuation byte", b"a\x80b", NOT_UTF8),
    _text("overlong slash", b"\xc0\xaf", NOT_UTF8),
    _text("overlong null", b"\xc0\x80", NOT_UTF8),
    _text("UTF-8 of a surrogate", b"\xed\xa0\x80", NOT_UTF8),
    _text("CESU-8 emoji", b"\xed\xa0\xbd\xed\xb8\x80", NOT_UTF8),
    _text("above U+10FFFF", b"\xf4\x90\x80\x80", NOT_UTF8),
    _text("character cut in a string", b"\xe2\x82", NOT_UTF8),
    _line("character cut at the end", b"@\xe2\x82", NOT_UTF8),
    _line("not UTF-8 and corrupt", b"not json \xff", NOT_UTF8),
    _line("UTF-16", "{}".encode("utf-16"), NOT_UTF8),
    _line("not UTF-8 and breaking rules", b'{"event_type":"hover\xff"}', NOT_UTF8),
    event("replacement character breaking a rule", ("event_type_allowed",), event_type='"hover\ufffd"'),
    _sized("line of 1 MiB", MIB, ACCEPTED),
    _sized("line of 1 MiB and a byte", MIB + 1, TOO_LONG),
    _sized("line of 3 MiB", 3 * MIB, TOO_LONG),
    _sized("line of 1 MiB cut in a character", MIB + 3, TOO_LONG, b'\xe2\x82\xac"}'),
    _sized("line of 1 MiB in characters", MIB, ACCEPTED, "\u20ac".encode() * 1000 + b'"}'),
    _sized("line of over 1 MiB with a bad byte", MIB + 1, NOT_UTF8_AND_TOO_LONG, b'\xff"}'),
    _sized("line of over 1 MiB with a bad byte behind the cut", MIB + 9, TOO_LONG, b"xxxxx\xff\xff\xff\xff"),
    _line("spaces up to 1 MiB and a byte", b"@" + b" " * MIB, TOO_LONG),
]

JSON_EXAMPLES = [*FORM, *GRAMMAR, *STRINGS, *BYTES]
