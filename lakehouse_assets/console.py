"""Where the command writes: standard output and standard error, coloured on a terminal, unbroken lines in a file.

What is written is decided in `cli`, `running`, `reporting` and the commands.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

_WIDTH_WITHOUT_TERMINAL = 160


def standard_output() -> Console:
    """Standard output, for what was asked for."""
    return _without_limit_in_files(Console())


def standard_error() -> Console:
    """Standard error, for progress, messages and errors."""
    return _without_limit_in_files(Console(stderr=True))


@contextmanager
def activity(console: Console, what: str) -> Iterator[Callable[[str], None]]:
    """A line that moves while something long works, gone at its end; nothing where the console is no terminal.

    Args:
        console: where.
        what: works, in words.

    Yields:
        Takes a text that says how far it is.
    """
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(escape(what)) as status:
        # Names of files from outside are no markup.
        yield lambda text: status.update(escape(f"{what}: {text}"))


def _without_limit_in_files(console: Console) -> Console:
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_WITHOUT_TERMINAL
    return console
