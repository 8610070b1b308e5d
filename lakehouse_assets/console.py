"""Where the command writes: standard output and standard error, coloured on a terminal, unbroken lines in a file.

What is written is decided in `cli`, `running` and `reporting`.
"""

from __future__ import annotations

import os

from rich.console import Console

_WIDTH_WITHOUT_TERMINAL = 160


def standard_output() -> Console:
    """Standard output, for what was asked for."""
    return _without_limit_in_files(Console())


def standard_error() -> Console:
    """Standard error, for progress, messages and errors."""
    return _without_limit_in_files(Console(stderr=True))


def _without_limit_in_files(console: Console) -> Console:
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_WITHOUT_TERMINAL
    return console
