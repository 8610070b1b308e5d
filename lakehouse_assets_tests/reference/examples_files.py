"""Examples of whole landing files: line ends, blank lines, byte-order marks, headers, gzip, cut lines."""

import gzip

from .example_types import TRANSACTIONS_HEADER, FileExample, FileLine

MIB = 1_048_576

_EVENT = '{"event_id":"%s","session_id":"S","user_id":"U","event_type":"click","event_timestamp":"2024-11-17T08:00:00"}'
_A, _B, _C = (_EVENT % name for name in "ABC")
_T1, _T2 = (f"{name},S,U,1.00,USD,2024-11-17 08:45:00" for name in ("T1", "T2"))
_CORRUPT = ("corrupt_json",)
_NO_COLUMN = ("missing_column",)


def _events(name: str, content: str | bytes, *lines: FileLine, file_name: str = "a.json") -> FileExample:
    content_bytes = content.encode() if isinstance(content, str) else content
    return FileExample("events", name, file_name, content_bytes, None, lines)


def _transactions(
    name: str,
    content: str | bytes,
    *lines: FileLine,
    header: str = TRANSACTIONS_HEADER,
    file_name: str = "a.csv",
) -> FileExample:
    content_bytes = content.encode() if isinstance(content, str) else content
    return FileExample("transactions", name, file_name, content_bytes, header, lines)


EVENT_FILES = [
    _events("empty file", b""),
    _events("only a line feed", "\n"),
    _events("only blank lines", " \r\n\t\n\n  "),
    _events("only a byte-order mark", b"\xef\xbb\xbf"),
    _events("LF", f"{_A}\n{_B}\n", FileLine(1, _A), FileLine(2, _B)),
    _events("CRLF", f"{_A}\r\n{_B}\r\n", FileLine(1, _A), FileLine(2, _B)),
    _events("LF and CRLF", f"{_A}\r\n{_B}\n{_C}\r\n", FileLine(1, _A), FileLine(2, _B), FileLine(3, _C)),
    _events("no line feed at the end", f"{_A}\n{_B}", FileLine(1, _A), FileLine(2, _B)),
    _events("carriage return at the end", f"{_A}\n{_B}\r", FileLine(1, _A), FileLine(2, _B + "\r")),
    _events("two carriage returns", f"{_A}\r\r\n{_B}\r\n", FileLine(1, _A + "\r"), FileLine(2, _B)),
    _events(
        "carriage returns alone end no line",
        f"{_A}\r{_B}\n{_C}\n",
        FileLine(1, f"{_A}\r{_B}", _CORRUPT),
        FileLine(2, _C),
    ),
    _events("blank lines are counted", f"\n{_A}\n \t\n\r\n{_B}\n\n", FileLine(2, _A), FileLine(5, _B)),
    _events("white space stays", f"  {_A} \t\n", FileLine(1, f"  {_A} \t")),
    _events("byte-order mark", b"\xef\xbb\xbf" + _A.encode() + b"\n", FileLine(1, _A)),
    _events("byte-order mark and a blank line", f"\ufeff \n{_A}\n", FileLine(2, _A)),
    _events(
        "second byte-order mark stays",
        f"\ufeff\ufeff{_A}\n\ufeff{_B}\n",
        FileLine(1, f"\ufeff{_A}", _CORRUPT),
        FileLine(2, f"\ufeff{_B}", _CORRUPT),
    ),
    _events(
        "other white space is no blank line",
        "\f\n\v\n\u00a0\n\u2028\n\0\n",
        FileLine(1, "\f", _CORRUPT),
        FileLine(2, "\v", _CORRUPT),
        FileLine(3, "\u00a0", _CORRUPT),
        FileLine(4, "\u2028", _CORRUPT),
        FileLine(5, "\0", _CORRUPT),
    ),
    _events("other line ends end no line", f"{_A}\v{_B}\n", FileLine(1, f"{_A}\v{_B}", _CORRUPT)),
    _events(
        "pretty-printed object",
        '{\n  "event_id": "A"\n}\n',
        FileLine(1, "{", _CORRUPT),
        FileLine(2, '  "event_id": "A"', _CORRUPT),
        FileLine(3, "}", _CORRUPT),
    ),
    _events(
        "bad bytes are replaced",
        b"a\xffb\n\xc0\xaf\n\xed\xa0\x80\n\xe2\x82\n\xf0\x9f\x98 x\n\xef\xbf\xbd\n",
        FileLine(1, "a\ufffdb", ("not_utf8",)),
        FileLine(2, "\ufffd\ufffd", ("not_utf8",)),
        FileLine(3, "\ufffd\ufffd\ufffd", ("not_utf8",)),
        FileLine(4, "\ufffd", ("not_utf8",)),
        FileLine(5, "\ufffd x", ("not_utf8",)),
        FileLine(6, "\ufffd", _CORRUPT),
    ),
    _events(
        "long lines are cut",
        b"x" * MIB + b"\r\n" + b"y" * MIB + b"y\n" + b"z" * (MIB - 1) + b"\xe2\x82\xac\n",
        FileLine(1, "x" * MIB, _CORRUPT),
        FileLine(2, "y" * MIB, ("line_too_long",)),
        FileLine(3, "z" * (MIB - 1), ("line_too_long",)),
    ),
    _events(
        "bad bytes at the cut",
        b"x" * (MIB - 1) + b"\xffx\n" + b"y" * (MIB - 1) + b"y\xff\n",
        FileLine(1, "x" * (MIB - 1) + "\ufffd", ("line_too_long", "not_utf8")),
        FileLine(2, "y" * MIB, ("line_too_long",)),
    ),
    _events("long blank line", " " * (MIB + 1) + f"\n{_A}\n", FileLine(2, _A)),
    _events(
        "carriage return is not of the length",
        b"\t" * (MIB - len(_A)) + _A.encode() + b"\r\n",
        FileLine(1, "\t" * (MIB - len(_A)) + _A),
    ),
    _events("jsonl", _A, FileLine(1, _A), file_name="a.jsonl"),
    _events("ndjson", _A, FileLine(1, _A), file_name="a.ndjson"),
    _events("gzip", gzip.compress(_A.encode(), mtime=0), FileLine(1, _A), file_name="a.json.gz"),
    _events(
        "gzip of two members",
        gzip.compress(f"\ufeff{_A}\n{_B[:9]}".encode(), mtime=0) + gzip.compress(_B[9:].encode(), mtime=0),
        FileLine(1, _A),
        FileLine(2, _B),
        file_name="a b.ndjson.gz",
    ),
]

_FEW_COLUMNS = "transaction_id,amount"
_LATIN_HEADER = TRANSACTIONS_HEADER + ",a\ufffdo"

TRANSACTION_FILES = [
    _transactions("CSV empty file", b"", header=""),
    _transactions("CSV only blank lines", " \n\r\n", header=""),
    _transactions("CSV header alone", TRANSACTIONS_HEADER + "\n"),
    _transactions("CSV LF", f"{TRANSACTIONS_HEADER}\n{_T1}\n{_T2}\n", FileLine(2, _T1), FileLine(3, _T2)),
    _transactions("CSV CRLF", f"{TRANSACTIONS_HEADER}\r\n{_T1}\r\n{_T2}\r\n", FileLine(2, _T1), FileLine(3, _T2)),
    _transactions("CSV no line feed at the end", f"{TRANSACTIONS_HEADER}\n{_T1}", FileLine(2, _T1)),
    _transactions(
        "CSV carriage return at the end",
        f"{TRANSACTIONS_HEADER}\n{_T1}\r",
        FileLine(2, f"{_T1}\r", ("transaction_timestamp_valid",)),
    ),
    _transactions("CSV byte-order mark", f"\ufeff{TRANSACTIONS_HEADER}\n{_T1}\n", FileLine(2, _T1)),
    _transactions(
        "CSV blank lines around the header",
        f"\ufeff\r\n \n{TRANSACTIONS_HEADER}\n\n{_T1}\n\t\n{_T2}\n",
        FileLine(5, _T1),
        FileLine(7, _T2),
    ),
    _transactions(
        "CSV byte-order mark below a blank line",
        f"\n\ufeff{TRANSACTIONS_HEADER}\n{_T1}\n",
        FileLine(3, _T1, _NO_COLUMN),
        header=f"\ufeff{TRANSACTIONS_HEADER}",
    ),
    _transactions(
        "CSV second byte-order mark",
        f"\ufeff\ufeff{TRANSACTIONS_HEADER}\n{_T1}\n",
        FileLine(2, _T1, _NO_COLUMN),
        header=f"\ufeff{TRANSACTIONS_HEADER}",
    ),
    _transactions(
        "CSV without a header",
        f"{_T1}\n{_T2}\n",
        FileLine(2, _T2, _NO_COLUMN),
        header=_T1,
    ),
    _transactions(
        "CSV whole content lacks a column",
        b"transaction_id,amount\nT1,1.00\n\nT2,free\nT3,\xff\nT4\n",
        FileLine(2, "T1,1.00", _NO_COLUMN),
        FileLine(4, "T2,free", _NO_COLUMN),
        FileLine(5, "T3,\ufffd", ("not_utf8",)),
        FileLine(6, "T4", _NO_COLUMN),
        header=_FEW_COLUMNS,
    ),
    _transactions(
        "CSV quoted field over two lines",
        f'{TRANSACTIONS_HEADER}\nT1,"S\n1",U,1.00,USD,2024-11-17 08:45:00\n',
        FileLine(2, 'T1,"S', ("corrupt_csv",)),
        FileLine(3, '1",U,1.00,USD,2024-11-17 08:45:00', ("corrupt_csv",)),
    ),
    _transactions(
        "CSV header again in the middle",
        f"{TRANSACTIONS_HEADER}\n{TRANSACTIONS_HEADER}\n{_T1}\n",
        FileLine(2, TRANSACTIONS_HEADER, ("amount_valid", "currency_allowed", "transaction_timestamp_valid")),
        FileLine(3, _T1),
    ),
    _transactions(
        "CSV unknown column is not UTF-8",
        TRANSACTIONS_HEADER.encode() + b",a\xf1o\n" + _T1.encode() + b",x\n",
        FileLine(2, f"{_T1},x"),
        header=_LATIN_HEADER,
    ),
    _transactions(
        "CSV header over 1 MiB",
        TRANSACTIONS_HEADER + "," + "x" * MIB + f"\n{_T1},y\n",
        FileLine(2, f"{_T1},y"),
        header=(TRANSACTIONS_HEADER + "," + "x" * MIB)[:MIB],
    ),
    _transactions(
        "CSV gzip",
        gzip.compress(f"{TRANSACTIONS_HEADER}\n{_T1}\n".encode(), mtime=0),
        FileLine(2, _T1),
        file_name="a.csv.gz",
    ),
]

FILE_EXAMPLES = [*EVENT_FILES, *TRANSACTION_FILES]
