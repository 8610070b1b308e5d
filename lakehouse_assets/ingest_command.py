"""The commands `lakehouse ingest SOURCE`: what is new at a source, into landing.

Exit codes: 0 done, 1 an error, 2 wrong settings. Only wiring; heavy imports wait until a command needs them. Each
source gets a command; one with options of its own has a function here and stands in `_WITH_A_FUNCTION`.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse_assets.console import activity, standard_error, standard_output
from lakehouse_assets.errors import SettingsError
from lakehouse_assets.sources.registry import REGISTRY
from lakehouse_assets.startup import errors_as_messages

if TYPE_CHECKING:
    from rich.table import Table

    from lakehouse_assets.ingestion.kinesis import KinesisSource, Stop
    from lakehouse_assets.ingestion.report import PullReport
    from lakehouse_assets.sources.model import ConfiguredSource, SourceSpec

app = typer.Typer(name="ingest", help="What is new at a source, into landing.", no_args_is_help=True)

_WITH_A_FUNCTION = frozenset({"events", "users"})


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


@app.command("events")
def events(
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until SIGTERM or Ctrl-C, then land what is in hand.")
    ] = False,
    accept_new_stream: Annotated[
        bool, typer.Option("--accept-new-stream", help="The stream was made anew on purpose: pull the new one.")
    ] = False,
) -> None:
    """Kinesis stream of events. Pulls what is new there into landing, once, or without an end."""
    if accept_new_stream:
        with errors_as_messages():
            open_events().accept_new_stream(datetime.now(UTC))
    if follow:
        with errors_as_messages():
            _follow(open_events())
    else:
        ingest("events")


def open_events() -> KinesisSource:
    """The source of events, for what only it can do.

    Raises:
        SettingsError: it is not configured, or a setting is wrong.
    """
    from lakehouse_assets.settings import load_settings
    from lakehouse_assets.sources.kinesis import open_kinesis
    from lakehouse_assets.sources.places import destination

    configured("events")
    settings = load_settings()
    return open_kinesis(settings, destination(settings))


def _follow(source: KinesisSource) -> None:
    from lakehouse_assets.ingestion.kinesis import Stop

    out = standard_output()

    def say(text: str) -> None:
        out.print(text, highlight=False, markup=False, soft_wrap=True)
        out.file.flush()

    stop = Stop()
    with _stopped_by_signals(stop):
        say("Following events; SIGTERM or Ctrl-C ends it.")
        totals = source.follow(datetime.now(UTC), stop, say, print_warning)
    say(f"Stopped. Landed {totals}.")


@contextmanager
def _stopped_by_signals(stop: Stop) -> Iterator[None]:
    """The first SIGTERM or SIGINT asks for the end, a second one ends the process at once."""

    def ask(number: int, _: Any) -> None:
        stop.ask()
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
    for warning in report.warnings:
        print_warning(warning)


def print_warning(warning: str) -> None:
    """What a person should know, on standard error."""
    err = standard_error()
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
