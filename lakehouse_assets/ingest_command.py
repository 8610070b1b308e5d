"""The commands `lakehouse ingest SOURCE`: what is new at a source, into landing.

Exit codes: 0 done, 1 an error, 2 wrong settings. Only wiring; heavy imports wait until a command needs them. Each
source gets a command; one with options of its own has a function here and stands in `_WITH_A_FUNCTION`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from lakehouse_assets.console import activity, standard_error, standard_output
from lakehouse_assets.errors import SettingsError
from lakehouse_assets.sources.registry import REGISTRY
from lakehouse_assets.startup import errors_as_messages

if TYPE_CHECKING:
    from rich.table import Table

    from lakehouse_assets.ingestion.report import PullReport
    from lakehouse_assets.sources.model import ConfiguredSource, SourceSpec

app = typer.Typer(name="ingest", help="What is new at a source, into landing.", no_args_is_help=True)

_WITH_A_FUNCTION = frozenset({"users"})


@app.command("users")
def ingest_users(
    reconcile: Annotated[
        bool,
        typer.Option("--reconcile", help="Compare the whole table, land what was missed, list users that are gone."),
    ] = False,
) -> None:
    """Pull what has changed in the table of users in Postgres into landing, once."""
    if not reconcile:
        ingest("users")
        return
    with errors_as_messages():
        from lakehouse_assets.ingestion.postgres import PostgresUsers

        source = configured("users").open()
        if not isinstance(source, PostgresUsers):
            raise SettingsError("This source of users cannot be compared. Nothing was pulled. Leave --reconcile out.")
        with activity(standard_error(), "comparing users") as progress:
            report = source.reconcile(datetime.now(UTC), progress)
        print_report(report)


def ingest(name: str) -> None:
    """Pull a source once and print what came of it.

    Args:
        name: of the source.
    """
    with errors_as_messages():
        source = configured(name)
        with activity(standard_error(), f"pulling {name}") as progress:
            report = source.open().pull(datetime.now(UTC), progress)
        print_report(report)


def configured(name: str) -> ConfiguredSource:
    """A source by its name.

    Raises:
        SettingsError: it is not configured, or a setting is wrong.
    """
    from lakehouse_assets.settings import load_settings
    from lakehouse_assets.sources.registry import configured_sources

    found = {source.name: source for source in configured_sources(load_settings())}
    if name not in found:
        (variables,) = (entry.spec.variables for entry in REGISTRY if entry.spec.name == name)
        raise SettingsError(
            f"The source of {name} is not configured. Nothing was pulled. Set {' or '.join(variables)}; "
            "see docs/ingestion.md."
        )
    return found[name]


def print_report(report: PullReport) -> None:
    """The numbers of a pull, the files that landed, and on standard error what a person should know."""
    standard_output().print(_table(report))
    err = standard_error()
    for warning in report.warnings:
        err.print("[yellow]warning:[/] ", end="")
        err.print(warning, highlight=False, markup=False, soft_wrap=True)


def _table(report: PullReport) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"Pulled {report.source}", box=box.SIMPLE_HEAD)
    numbers = report.numbers()
    for name in numbers:
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    table.add_column("landed", overflow="fold")
    table.add_row(*(f"{number:,}" for number in numbers.values()), Text("\n".join(report.landed)))
    return table


def _add_command(spec: SourceSpec) -> None:
    @app.command(spec.name, help=f"{spec.description} Pulls what is new there into landing, once.")
    def command() -> None:
        ingest(spec.name)


for _entry in REGISTRY:
    if _entry.spec.name not in _WITH_A_FUNCTION:
        _add_command(_entry.spec)
