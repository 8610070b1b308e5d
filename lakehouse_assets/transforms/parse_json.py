"""JSON lines to columns of text, by RFC 8259: an object and nothing after it.

`parse_json_quickly` is the engine's own parser, taken at every line. It says of which lines its answer is the whole
truth: not of those it rejects or that lack a value (why?), with unknown fields, with fractional or huge numbers in a
place where text is kept (the engine reformats numbers), or with a text where the details' object should stand.
`parse_json_exactly` reads those in Python, about 5 CPU-us a line.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.contracts.rules import CORRUPT_JSON, NotNull
from lakehouse_assets.contracts.sources import SourceContract
from lakehouse_assets.transforms.judge import is_true

_REFORMATTED_NUMBER = r"^-?[0-9]+(\.[0-9]|e)"
_REFORMATTED_IN_OBJECT = r"[0-9]e[+-]?[0-9]"
_WHITE_SPACE = re.compile(r"[ \t\n\r]*")


def parse_json_quickly(bronze: DataFrame, source: SourceContract) -> DataFrame:
    """Bronze lines with one column of text for each known field, `extra` and `line_errors`.

    Args:
        bronze: columns of a bronze table.
        source: a JSON source; its optional columns hold JSON text, its required ones the value's text.

    Returns:
        The bronze columns; the known fields (null: missing or JSON null, texts not trimmed); `extra`: null;
        `is_whole` (never null): whether these fields are the line's whole content, or the line fails a rule anyhow.
    """
    schema = ", ".join(f"{name} string" for name in source.known_columns)
    parsed = bronze.select(
        "*",
        F.from_json("raw", schema).alias("_engine"),
        F.size(F.json_object_keys("raw")).alias("_key_count"),
    )
    return parsed.select(
        *bronze.columns,
        *(F.col("_engine")[name].alias(name) for name in source.known_columns),
        F.lit(None).cast("string").alias("extra"),
        is_true(F.col("read_errors").isNull() & _engine_tells_all(source)).alias("is_whole"),
    )


def parse_json_exactly(lines: DataFrame, source: SourceContract) -> DataFrame:
    """Lines with one column of text for each known field, `extra` and `line_errors`, read to the letter.

    Args:
        lines: as `bronze` of `parse_json_quickly`.
        source: as there.

    Returns:
        The columns of `lines`; the known fields as in `parse_json_quickly`; `extra`: unknown fields as a JSON object,
        null when none; `line_errors`: line rules that fail, null when none.
    """
    exact = F.col("_exact")
    line_errors = F.when(F.col("read_errors").isNotNull(), F.col("read_errors")).when(
        ~exact["is_object"], F.array(F.lit(CORRUPT_JSON))
    )
    return lines.withColumn("_exact", _read_exactly(source)(F.col("raw"))).select(
        *lines.columns,
        *(exact[name].alias(name) for name in (*source.known_columns, "extra")),
        line_errors.alias("line_errors"),
    )


def _engine_tells_all(source: SourceContract) -> Column:
    """Whether the engine's fields are the line's whole content, unchanged; true, false or null."""
    tells_all = F.lit(True)
    known_count = F.lit(len(source.required_columns))
    for name in source.required_columns:
        field = F.col("_engine")[name]
        tells_all = tells_all & field.isNotNull()
        if _takes_any_text(source, name):
            tells_all = tells_all & ~field.rlike(_REFORMATTED_NUMBER)
    for name in source.optional_columns:
        field = F.col("_engine")[name]
        known_count = known_count + field.isNotNull().cast("int")
        plain_object = field.startswith("{") & ~field.rlike(_REFORMATTED_IN_OBJECT)
        not_a_text = ~F.col("raw").rlike(rf'"{name}"\s*:\s*"')
        tells_all = tells_all & (field.isNull() | (plain_object & not_a_text))
    # As many keys as fields with a value: then no key is unknown and none stands twice.
    return tells_all & (F.col("_key_count") == known_count)


def _takes_any_text(source: SourceContract, name: str) -> bool:
    """Whether a number in this field could pass; where another rule rejects it, how it is written does not matter."""
    return all(isinstance(rule, NotNull) for rule in source.rules if rule.column == name)


def _read_exactly(source: SourceContract) -> Any:
    texts, objects = source.required_columns, source.optional_columns
    fields = ["is_object boolean", *(f"{name} string" for name in (*texts, *objects)), "extra string"]
    arrow_type = pa.struct(
        [("is_object", pa.bool_()), *((name, pa.string()) for name in (*texts, *objects)), ("extra", pa.string())]
    )

    @F.arrow_udf(f"struct<{', '.join(field.replace(' ', ':') for field in fields)}>")  # type: ignore[attr-defined,untyped-decorator]
    def read_exactly(raw: pa.Array) -> pa.Array:
        return pa.array([read_object(line, texts, objects) for line in raw.to_pylist()], arrow_type)

    return read_exactly


def read_object(line: str, texts: tuple[str, ...], objects: tuple[str, ...]) -> dict[str, Any]:
    """One line, read to the letter.

    Args:
        line: the text of the line.
        texts: fields whose text is wanted: a string's content, any other value's JSON text.
        objects: fields whose JSON text is wanted.

    Returns:
        `is_object`, the fields (None: missing or null) and `extra`; only `is_object` where it is no JSON object.
    """
    try:
        members = _members(line)
    except (ValueError, RecursionError):
        return {"is_object": False}
    row: dict[str, Any] = {"is_object": True, "extra": None}
    for name in texts:
        row[name] = _text(members.pop(name, "null"))
    for name in objects:
        details = members.pop(name, "null")
        row[name] = None if details == "null" else details
    if members:
        row["extra"] = "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{members[key]}" for key in members) + "}"
    return row


def _text(value: str) -> str | None:
    if value == "null":
        return None
    if value[0] in '{["':
        content = json.loads(value)
        return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return value


def _members(line: str) -> dict[str, str]:
    """The JSON text of each member of the object, as written; of a name that stands twice the last.

    Raises:
        ValueError: the line is no JSON object, or holds half of a surrogate pair, which is no Unicode text.
    """
    if "\\ud" in line or "\\uD" in line:
        # As pairs, since a name that stands twice hides its first value.
        json.dumps(json.loads(line, object_pairs_hook=list), ensure_ascii=False).encode("utf-8")
    members: dict[str, str] = {}
    position = _skip(line, _expect(line, _skip(line, 0), "{"))
    closed = line[position : position + 1] == "}"
    while not closed:
        if line[position : position + 1] != '"':
            raise ValueError("a name is missing")
        name, position = _DECODER.raw_decode(line, position)
        start = _skip(line, _expect(line, _skip(line, position), ":"))
        _, position = _DECODER.raw_decode(line, start)
        members[name] = line[start:position]
        position = _skip(line, position)
        closed = line[position : position + 1] == "}"
        if not closed:
            position = _skip(line, _expect(line, position, ","))
    if _skip(line, position + 1) != len(line):
        raise ValueError("text after the object")
    return members


def _expect(line: str, position: int, character: str) -> int:
    if line[position : position + 1] != character:
        raise ValueError(f"{character} is missing")
    return position + 1


def _skip(line: str, position: int) -> int:
    match = _WHITE_SPACE.match(line, position)
    assert match is not None, "an expression with * matches everywhere"
    return match.end()


def _reject(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


# Numbers are taken as written, so they need not be computed; int() would refuse more than 4,300 digits.
_DECODER = json.JSONDecoder(parse_constant=_reject, parse_int=str, parse_float=str)
