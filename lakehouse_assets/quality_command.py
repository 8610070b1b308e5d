"""The commands `lakehouse quality report` and `lakehouse quality status`: what `quality.metrics` says, to read.

Only wiring; heavy imports wait until a command needs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakehouse_assets.console import standard_output
from lakehouse_assets.errors import LakehouseError, SettingsError
from lakehouse_assets.startup import errors_as_messages
from lakehouse_assets.whole_file import written_whole

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from rich.console import Console

    from lakehouse_assets.quality_report import Measured

app = typer.Typer(name="quality", help="What the checks say: a report, and what fails now.", no_args_is_help=True)

DEFAULT_DAYS = 30
DEFAULT_FILE = Path("quality-report.html")
DEFAULT_RUN_URL_BASE = "http://127.0.0.1:3000"


@app.command()
def report(
    first: Annotated[
        datetime | None,
        typer.Option(
            "--from", formats=["%Y-%m-%d"], metavar="DAY", help=f"First day [default: {DEFAULT_DAYS} days up to --to]."
        ),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], metavar="DAY", help="Last day [default: the newest checked]."),
    ] = None,
    out: Annotated[Path, typer.Option(dir_okay=False, metavar="FILE", help="The page.")] = DEFAULT_FILE,
    run_url_base: Annotated[
        str, typer.Option(metavar="URL", help="Dagster's web UI, for links to runs.")
    ] = DEFAULT_RUN_URL_BASE,
) -> None:
    """Write one HTML page that needs no network: verdicts by table and day, trends, the worst days, what fails now.

    Exits with 1 when no check was measured on these days, with 2 when an option is wrong.
    """
    from lakehouse_assets.pipeline.metrics import read_metrics
    from lakehouse_assets.quality_report import build_report, measured

    with errors_as_messages():
        if not run_url_base.startswith(("http://", "https://")):
            raise SettingsError(f"--run-url-base {run_url_base} is no http or https address. Nothing was written.")
        catalog, logged = _open_log()
        until = last.date() if last else logged[1]
        since = first.date() if first else until - timedelta(days=DEFAULT_DAYS - 1)
        if since > until:
            raise SettingsError(f"--from {since} is after --to {until}. Nothing was written. Swap the two days.")
        metrics = read_metrics(catalog, since, until)
        if not len(metrics):
            raise _nothing_measured(f"between {since} and {until}", logged)
        page = build_report(metrics, since, until, run_url_base=run_url_base, written_at=datetime.now(UTC))
        _write(out, page)
        failing = [row for row in measured(metrics) if row.fails_now]
        errors = sum(row.is_error for row in failing)
        standard_output().print(
            f"{out}: {since} to {until}, {errors:,} errors and {len(failing) - errors:,} warnings.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


@app.command()
def status(
    day: Annotated[
        datetime | None,
        typer.Option("--day", formats=["%Y-%m-%d"], metavar="DAY", help="Only this day [default: all days]."),
    ] = None,
) -> None:
    """Show the checks that fail now. Exits with 1 when one of them is an error, or none was ever measured."""
    from lakehouse_assets.pipeline.metrics import read_metrics
    from lakehouse_assets.quality_report import measured

    with errors_as_messages():
        catalog, logged = _open_log()
        since, until = (day.date(), day.date()) if day else logged
        metrics = read_metrics(catalog, since, until)
        if not len(metrics):
            raise _nothing_measured(f"on {since}", logged)
        rows = [row for row in measured(metrics) if row.is_current]
        failing = [row for row in rows if not row.passed]
        _print_failing(failing, len(rows), f"{since} to {until}" if since != until else f"{since}", standard_output())
    raise typer.Exit(1 if any(row.is_error for row in failing) else 0)


def _open_log() -> tuple[Catalog, tuple[date, date]]:
    """The catalog, and the first and last day with a verdict.

    Raises:
        LakehouseError: there is none.
    """
    from lakehouse_assets.pipeline.metrics import logged_days
    from lakehouse_assets.settings import load_settings
    from lakehouse_assets.storage.lake import open_catalog

    settings = load_settings()
    catalog = open_catalog(settings.home)
    logged = logged_days(catalog)
    if logged is None:
        raise LakehouseError(
            f"No check has been measured yet in {settings.home}. Nothing was written. "
            "Run `lakehouse run --from DAY --to DAY` first."
        )
    return catalog, logged


def _nothing_measured(when: str, logged: tuple[date, date]) -> LakehouseError:
    return LakehouseError(
        f"No check was measured {when}; measured were days from {logged[0]} to {logged[1]}. Nothing was written. "
        "Choose other days, or run `lakehouse run --from DAY --to DAY` for these first."
    )


def _print_failing(failing: Sequence[Measured], checked: int, when: str, out: Console) -> None:
    """A line for each failing check, errors first, then the newest day first."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not failing:
        out.print(f"All {checked:,} checks of {when} pass.", highlight=False)
        return
    table = Table(title=f"{len(failing):,} of {checked:,} checks of {when} fail", box=box.SIMPLE_HEAD)
    for heading in ("severity", "day", "table", "check"):
        table.add_column(heading, no_wrap=heading in ("severity", "day"), overflow="fold")
    for heading in ("failed", "of", "percent"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in sorted(failing, key=lambda row: (not row.is_error, -row.partition_day.toordinal(), row.table_name)):
        table.add_row(
            Text(row.severity + (" blocking" if row.blocks else ""), style="red" if row.is_error else "yellow"),
            f"{row.partition_day}",
            Text(row.table_name),
            Text(row.check_name),
            f"{row.failed_rows:,}",
            f"{row.total_rows:,}",
            row.percent_text,
        )
    out.print(table)


def _write(file: Path, page: str) -> None:
    try:
        with written_whole(file) as stream:
            stream.write(page.encode())
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be written: {error.strerror}. It was left as it was. Choose another --out."
        ) from error
