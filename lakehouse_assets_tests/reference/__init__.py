"""The reference: what the tables must contain for a landing folder, recomputed in plain Python.

It is the second, independent implementation that tests compare the platform with: brute force, standard
library only, nothing of `lakehouse_assets`, no engine, no increments, no horizon. It states the rules of the
design's sections 4-8 as simply as it can and is slow on purpose; it is not a fallback of the platform.

    landing.py   files -> lines: names, line ends, blank lines, headers, UTF-8, the 1 MiB limit
    formats.py   one line of JSON or CSV -> fields; times
    judge.py     a line -> the row it becomes, or every rule it fails
    silver.py    the gate, deduplication, the history of users
    gold.py      sessions
    tables.py    recompute(): all of it, over a whole landing folder
    examples.py  single lines and whole files with the verdicts that were derived from the design by hand

How the design was read where it leaves room is written in the docstring of the module concerned.
"""

from .examples import (
    FILE_EXAMPLES,
    RULE_EXAMPLES,
    Example,
    FileExample,
    FileLine,
    write_example_file,
    write_examples,
)
from .formats import parse_json
from .judge import SOURCES, Row
from .tables import Counts, Tables, recompute

__all__ = [
    "FILE_EXAMPLES",
    "RULE_EXAMPLES",
    "SOURCES",
    "Counts",
    "Example",
    "FileExample",
    "FileLine",
    "Row",
    "Tables",
    "parse_json",
    "recompute",
    "write_example_file",
    "write_examples",
]
