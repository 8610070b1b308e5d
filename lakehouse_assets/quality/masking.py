"""Masking raw text: what is shown of a line that may hold anything a person typed."""

from __future__ import annotations

import re
import unicodedata

from lakehouse_assets.contracts.sources import SOURCES


class _Shapes(dict[int, int]):
    """What stands for a character in masked text; looked up once per character."""

    def __missing__(self, code: int) -> int:
        self[code] = shape = ord(_shape(chr(code)))
        return shape


_SHAPES = _Shapes()
_KNOWN_KEYS = re.compile(
    '("(?:{})"\\s*:)'.format("|".join(sorted({name for source in SOURCES.values() for name in source.known_columns})))
)


def mask(raw: str) -> str:
    """Raw text with its values hidden: letters become x or X, digits 9; lengths and all punctuation stay.

    Keys of JSON that are columns of a source stay readable; they are ours, not the sender's.
    """
    parts = _KNOWN_KEYS.split(raw)
    return "".join(part if number % 2 else part.translate(_SHAPES) for number, part in enumerate(parts))


def _shape(char: str) -> str:
    category = unicodedata.category(char)
    if category in ("Lu", "Lt"):
        return "X"
    if category[0] == "N":
        return "9"
    # Beyond ASCII, symbols (circled letters, emoji) and what is not displayed (tags) can spell a text, too.
    is_plain = char.isascii() or char == "\ufffd" or category[0] in "PZ" or category == "Cc"
    return char if is_plain and category[0] != "L" else "x"
