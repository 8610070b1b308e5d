"""The command `python -m benchmarks`: options, progress, the table and the exit code; measuring is done elsewhere.

Exit codes: 0 every work was measured and judged, limits missed or not; 1 a verdict is missing or a process failed;
2 wrong input.
"""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.data import FULL, SMALL
from benchmarks.errors import BenchmarkError
from benchmarks.peer_runs import Peers
from benchmarks.table import markdown, print_table
from benchmarks.verdicts import Row, failed_row
from benchmarks.works import WORKS, Sitting, WorkName

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
_PROGRESS = Console(stderr=True, highlight=False)


@app.command()
def benchmark(
    only: Annotated[list[WorkName] | None, typer.Option(help="Only this work; may be repeated.")] = None,
    small: Annotated[
        bool, typer.Option("--small", help="Little data, one round, no prototype: shows that everything works.")
    ] = False,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="How often each side is measured; 3 by default, 1 with --small.")
    ] = None,
    prototype: Annotated[
        bool | None,
        typer.Option(
            "--prototype/--no-prototype",
            help="Whether to run the prototype: needs Java 17 or 21, and Maven Central for the first time."
            " By default yes, but not with --small.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the table here, as Markdown.", dir_okay=False)] = None,
) -> None:
    """Measure whole processes of the lakehouse against peers on as many events, and print one table.

    The works: "default", the 14 days of the default data set; "day", 2 million events in one day; "history", one day
    after 200 days and after 5; "rerun", a run that changes nothing. Data goes to a temporary folder; TMPDIR chooses
    where.
    """
    rounds = rounds or (1 if small else 3)
    with tempfile.TemporaryDirectory(prefix="benchmarks-", ignore_cleanup_errors=True) as name:
        peers = Peers(Path(name) / "trial", with_prototype=not small if prototype is None else prototype)
        sitting = Sitting(Path(name), SMALL if small else FULL, rounds, peers)
        rows = _measure_works(only or list(WORKS), sitting)
    caption = _caption(rounds, small)
    print_table(rows, caption, Console())
    if out is not None:
        out.write_text(markdown(rows, caption), encoding="utf-8")
    missing = [row for row in rows if not row.verdict.complete]
    for row in missing:
        _PROGRESS.print(f"[red]no verdict:[/] {row.work}: {row.verdict}; see the table and the messages above")
    raise typer.Exit(1 if missing else 0)


def _measure_works(names: Sequence[WorkName], sitting: Sitting) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        _PROGRESS.print(f"measuring {name} ...")
        try:
            rows += WORKS[name](sitting)
        except BenchmarkError as error:
            _PROGRESS.print(f"[red]failed:[/] {name}: ", end="")
            _PROGRESS.print(str(error), markup=False, soft_wrap=True)
            rows.append(failed_row(name))
    return rows


def _caption(rounds: int, small: bool) -> str:
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    sizes = " Small data: the limits are meant for the full sizes." if small else ""
    return f"Medians of {rounds} round(s) on {machine}; ratios are ours / peer within a round.{sizes}"


if __name__ == "__main__":
    app()
