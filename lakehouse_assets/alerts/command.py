"""The commands `lakehouse alerts test` and `lakehouse alerts list`.

Exit codes: 0 done, 1 a channel failed, 2 wrong input. Only wiring; heavy imports wait until a command needs them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakehouse_assets.console import standard_error, standard_output
from lakehouse_assets.errors import LakehouseError, SettingsError
from lakehouse_assets.startup import errors_as_messages

if TYPE_CHECKING:
    from rich.table import Table

    from lakehouse_assets.alerts.model import Incident

app = typer.Typer(
    name="alerts", help="Messages about incidents: test the channels, list what is open.", no_args_is_help=True
)


@app.command()
def test() -> None:
    """Send a test message to each configured channel and say what happened.

    Exits with 1 when a channel did not take it, with 2 when none is configured or a setting is wrong.
    """
    from lakehouse_assets.alerts.channels import Deadline, configured_channels
    from lakehouse_assets.alerts.report import SECONDS
    from lakehouse_assets.alerts.wording import TEST
    from lakehouse_assets.settings import load_settings

    failed = False
    with errors_as_messages():
        channels = configured_channels(load_settings())
        if not channels:
            raise SettingsError(
                "No channel is configured. Nothing was sent. Set LAKEHOUSE_ALERT_WEBHOOK (or _FILE), or "
                "LAKEHOUSE_ALERT_SMTP_HOST, _FROM and _TO; see docs/alerts.md."
            )
        for name, channel in {name: opener() for name, opener in channels.items()}.items():
            try:
                channel.send(TEST, Deadline(SECONDS))
                _print(f"{name}: taken")
            except LakehouseError as error:
                failed = True
                _print(f"{name}: not taken: {error}")
    raise typer.Exit(1 if failed else 0)


@app.command("list")
def list_incidents(
    with_closed: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
) -> None:
    """Show open incidents. Only while a channel is configured are incidents followed."""
    from lakehouse_assets.alerts.configuration import has_channel
    from lakehouse_assets.alerts.report import store_file
    from lakehouse_assets.alerts.store import Store
    from lakehouse_assets.settings import load_settings

    with errors_as_messages():
        home = Path(os.environ.get("DAGSTER_HOME") or "dagster_home").resolve()
        incidents = Store(store_file(home)).incidents(with_closed=with_closed)
        if not has_channel(load_settings()):
            _warn("No channel is configured, so incidents are not followed; see docs/alerts.md.")
        if incidents:
            standard_output().print(_table(incidents))
        else:
            _print("No incidents." if with_closed else "No open incidents.")


def _table(incidents: list[Incident]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from lakehouse_assets.alerts.wording import counts

    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("since (UTC)", "over (UTC)", "what", "table", "day", "check", "counts"):
        table.add_column(heading, overflow="fold")
    for incident in incidents:
        key = incident.key
        times = (f"{time:%Y-%m-%d %H:%M}" if time else "" for time in (incident.opened_at, incident.closed_at))
        texts = (*times, key.kind.value, key.table, key.day, key.check, counts(incident.facts))
        table.add_row(*map(Text, texts))
    return table


def _print(text: str) -> None:
    standard_output().print(text, highlight=False, markup=False)


def _warn(text: str) -> None:
    err = standard_error()
    err.print("[yellow]warning:[/] ", end="")
    err.print(text, highlight=False, markup=False)
