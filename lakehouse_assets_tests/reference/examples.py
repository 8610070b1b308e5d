"""All examples: `RULE_EXAMPLES`, single lines, and `FILE_EXAMPLES`, whole files.

Verdicts were derived from the design by hand, not computed. Any implementation of the rules can be tested
with them: see `write_examples`.
"""

from .example_types import Example, FileExample, FileLine, write_example_file, write_examples
from .examples_csv import CSV_EXAMPLES
from .examples_events import EVENT_EXAMPLES
from .examples_files import FILE_EXAMPLES
from .examples_json import JSON_EXAMPLES
from .examples_transactions import TRANSACTION_EXAMPLES
from .examples_users import USER_EXAMPLES

__all__ = [
    "FILE_EXAMPLES",
    "RULE_EXAMPLES",
    "Example",
    "FileExample",
    "FileLine",
    "write_example_file",
    "write_examples",
]

RULE_EXAMPLES: list[Example] = [
    *EVENT_EXAMPLES,
    *JSON_EXAMPLES,
    *TRANSACTION_EXAMPLES,
    *CSV_EXAMPLES,
    *USER_EXAMPLES,
]
