"""What can go wrong in a benchmark, as exceptions whose message a person can act on."""

from __future__ import annotations


class BenchmarkError(Exception):
    """A measurement could not be made."""


class ProcessFailed(BenchmarkError):
    """A measured process ended with an exit code other than 0, or left processes behind.

    Args:
        what: the process, in words.
        reason: how it ended.
        output: all it printed.
    """

    def __init__(self, what: str, reason: str, output: str) -> None:
        tail = "\n".join(line for line in output.splitlines()[-15:] if line.strip())
        super().__init__(f"{what} {reason}. Its last lines:\n{tail or '(it printed nothing)'}")
        self.output = output
