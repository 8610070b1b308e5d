"""The table of results: as a rich table for a terminal, as Markdown for everything else."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.verdicts import Row, Verdict

_HEADERS = ("work", "ours", "peer", "ratio", "limit", "verdict")
_STYLES = {Verdict.MET: "green", Verdict.LEFT_OUT: "yellow"}


def print_table(rows: Sequence[Row], caption: str, console: Console) -> None:
    """Print the rows as suits the console."""
    if not console.is_terminal:
        console.file.write(markdown(rows, caption))
        return
    table = Table(*_HEADERS, caption=caption, show_lines=True)
    for row in rows:
        *texts, verdict = _cells(row)
        style = _STYLES.get(row.verdict, "bold red")
        table.add_row(*(escape(text) for text in texts), f"[{style}]{verdict}[/]")
    console.print(table)


def markdown(rows: Sequence[Row], caption: str) -> str:
    """The rows as a Markdown table with the caption below."""
    lines = [_line(_HEADERS), _line(["---"] * len(_HEADERS))]
    lines += [_line(_cells(row)) for row in rows]
    return "\n".join([*lines, "", caption, ""])


def _cells(row: Row) -> tuple[str, ...]:
    return (row.work, row.ours, row.peer, row.ratio, row.limit, row.verdict.value)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
