"""Names from outside: which may stand in landing, and what the others are called where they are kept for a look.

Whoever may write to a source chooses these names, so they are taken for hostile: no folders, no control characters,
nothing that landing, a shell or a spreadsheet reads in a way of its own.
"""

from __future__ import annotations

import re

from lakehouse_assets.errors import UntrustedNameError
from lakehouse_assets.landing.files import is_data_file

# The temporary name, the reason file's ending and the file system's limit of 255 leave room for this.
MAX_NAME_LENGTH = 180
_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=@,-]*", re.ASCII)
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9._+=@,-]", re.ASCII)
_SHOWN_LENGTH = 100


def checked_name(name: str, *, source: str) -> str:
    """The name, where landing may hold a file of it.

    Args:
        name: the last part of a path, as the source gives it.
        source: name of the source, for the message.

    Raises:
        UntrustedNameError: it may not; the text says why, with the name escaped.
    """
    if len(name) > MAX_NAME_LENGTH:
        reason = f"has {len(name)} characters, allowed are {MAX_NAME_LENGTH}"
    elif not _ALLOWED.fullmatch(name):
        reason = "may hold only letters, digits and . _ + = @ , - and must begin with a letter or digit"
    elif not is_data_file(name):
        reason = "must end in .json, .jsonl, .ndjson or .csv, or one of these and .gz"
    else:
        return name
    raise UntrustedNameError(
        f"The name {shown_name(name)} of source {source} {reason}. The file was not taken. Have it delivered under "
        "another name.",
        source=source,
        file=shown_name(name),
    )


def shown_name(name: str) -> str:
    """A name for messages: escaped, so that it can do nothing to a terminal, and cut."""
    shown = ascii(name)
    return shown if len(shown) <= _SHOWN_LENGTH else f"{shown[:_SHOWN_LENGTH]}..."


def harmless_name(name: str) -> str:
    """A name of the allowed characters only, for a file that is kept although its own name may not stand."""
    replaced = _NOT_ALLOWED.sub("_", name)[-MAX_NAME_LENGTH:].lstrip("._+=@,-")
    return replaced or "unnamed"


def numbered_name(name: str, number: int) -> str:
    """The name of a later version: `orders.csv` is `orders.v2.csv` for 2; 1 is the name itself.

    It is never longer than an allowed name: of a long one the end of the stem is cut off.
    """
    if number == 1:
        return name
    packed = ".gz" if name.endswith(".gz") else ""
    stem, dot, ending = name.removesuffix(packed).rpartition(".")
    tail = f".v{number}{dot}{ending}{packed}" if dot else f".v{number}{packed}"
    return f"{(stem or ending)[: MAX_NAME_LENGTH - len(tail)]}{tail}"
