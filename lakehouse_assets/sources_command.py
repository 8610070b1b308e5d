"""The command `lakehouse sources check`: can each source be reached, and what waits there.

Only wiring; heavy imports wait until the command needs them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from lakehouse_assets.console import activity, standard_error, standard_output
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.startup import errors_as_messages

if TYPE_CHECKING:
    from lakehouse_assets.sources.model import ConfiguredSource, SourceSpec

app = typer.Typer(name="sources", help="The sources that landing is filled from.", no_args_is_help=True)


@app.callback()
def sources() -> None:
    """The sources that landing is filled from."""


@app.command()
def check() -> None:
    """Look at each source and change nothing. Exits with 1 when a configured one cannot be reached."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from lakehouse_assets.settings import load_settings
    from lakehouse_assets.sources.registry import REGISTRY, configured_sources

    table = Table(title="Sources", box=box.SIMPLE_HEAD)
    for heading in ("source", "configured", "reachable", "pending", "detail"):
        table.add_column(heading, no_wrap=heading in ("source", "configured", "reachable"), overflow="fold")
    failed = False
    with errors_as_messages():
        configured = {source.name: source for source in configured_sources(load_settings())}
        for entry in REGISTRY:
            source = configured.get(entry.spec.name)
            row = _looked_at(source) if source is not None else _not_configured(entry.spec)
            failed |= row[1] == "no"
            table.add_row(entry.spec.name, *map(Text, row))
        standard_output().print(table)
    raise typer.Exit(1 if failed else 0)


def _not_configured(spec: SourceSpec) -> tuple[str, str, str, str]:
    return "no", "", "", f"set {' or '.join(spec.variables)}"


def _looked_at(source: ConfiguredSource) -> tuple[str, str, str, str]:
    with activity(standard_error(), f"looking at {source.name}"):
        try:
            status = source.open().check(datetime.now(UTC))
        except LakehouseError as error:
            return "yes", "no", "", str(error)
    return "yes", "yes", status.pending, status.detail
