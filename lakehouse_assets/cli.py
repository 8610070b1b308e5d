"""The command `lakehouse`: generate, run, status, docs, and the groups of the `*_command` modules.

Exit codes: 0 done, 1 a partition failed, 2 wrong input.

Only wiring of options to functions; heavy imports wait until a command needs them, so that `--help` is quick.
"""

from __future__ import annotations

import gc
import os
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator.cli import generate
from lakehouse_assets.alerts.command import app as alerts
from lakehouse_assets.console import standard_error, standard_output
from lakehouse_assets.errors import LakehouseError, SettingsError
from lakehouse_assets.ingest_command import app as ingest
from lakehouse_assets.quality_command import app as quality
from lakehouse_assets.quarantine_command import app as quarantine_app
from lakehouse_assets.replay_command import app as replay
from lakehouse_assets.sources_command import app as sources
from lakehouse_assets.startup import errors_as_messages, prepare
from lakehouse_assets.whole_file import written_whole

if TYPE_CHECKING:
    from lakehouse_assets.settings import Settings

app = typer.Typer(
    name="lakehouse",
    help="Landing files to bronze, silver and gold Iceberg tables.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("generate")(generate)
app.add_typer(quality)
app.add_typer(quarantine_app)
app.add_typer(alerts)
app.add_typer(ingest)
app.add_typer(replay)
app.add_typer(sources)


@app.command()
def run(
    first: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], metavar="DAY", help="First arrival day, UTC.")
    ],
    last: Annotated[
        datetime, typer.Option("--to", formats=["%Y-%m-%d"], metavar="DAY", help="Last arrival day, UTC, included.")
    ],
) -> None:
    """Take the arrival days FROM..TO from bronze to gold, in this process; recorded in DAGSTER_HOME.

    Running a day again is safe: what did not change is not written. Exits with 1 when a day failed or is held.
    """
    from lakehouse_assets.running import run_days

    with errors_as_messages():
        settings = prepare()
        _check_range(settings, first.date(), last.date())
        report = run_days(settings, first.date(), last.date(), standard_output(), standard_error())
    raise typer.Exit(0 if report.succeeded else 1)


@app.command()
def status() -> None:
    """Show each table: rows, snapshot, when and by which run it was written."""
    from lakehouse_assets.reporting import print_status

    with errors_as_messages():
        print_status(prepare(), standard_output())


@app.command()
def docs(
    out: Annotated[Path | None, typer.Option(dir_okay=False, metavar="FILE", help="Write it to this file.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 when the file is not what would be written.")
    ] = False,
) -> None:
    """Print the table dictionary (Markdown): every table, column and rule, from the contracts.

    With --check the file is that of --out, or docs/tables.md.
    """
    from lakehouse_assets.table_docs import PATH, table_dictionary

    text = table_dictionary()
    with errors_as_messages():
        if check:
            _check_docs(out or Path(PATH), text)
        elif out is not None:
            _write_docs(out, text)
        else:
            typer.echo(text, nl=False)


def main() -> None:
    """Entry point of the console script; ends the process."""
    # Loading Dagster and PySpark makes half a million objects and frees few: looking through them again and again
    # took a tenth of a small run.
    gc.set_threshold(100_000, 50, 50)
    try:
        app()
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        # All is committed and closed; taking the interpreter and the engine apart piece by piece takes another second.
        os._exit(end.code if isinstance(end.code, int) else 1)


def _check_range(settings: Settings, first: date, last: date) -> None:
    from lakehouse_assets.settings import today

    if first > last:
        raise SettingsError(f"--from {first} is after --to {last}. Nothing was started. Swap the two days.")
    if last > today():
        raise SettingsError(
            f"--to {last} is after today ({today()} UTC): nothing can have arrived. Nothing was started."
        )
    if settings.start_date is not None and first < settings.start_date:
        raise SettingsError(
            f"--from {first} is before LAKEHOUSE_START_DATE {settings.start_date}. Nothing was started. "
            "Choose a later day or move the start."
        )


def _check_docs(file: Path, text: str) -> None:
    stored = file.read_bytes() if file.is_file() else b""
    if stored != text.encode():
        raise LakehouseError(
            f"{file} is not the dictionary of today's contracts. It was left as it is. "
            f"Run `lakehouse docs --out {file}` and commit the file."
        )


def _write_docs(file: Path, text: str) -> None:
    try:
        with written_whole(file) as stream:
            stream.write(text.encode())
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror}. Choose another --out.") from error
