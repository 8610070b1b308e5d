"""The command `lakehouse replay events`: what a stream still holds of a range of time and landing has lost.

Only wiring; heavy imports wait until the command needs them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from lakehouse_assets.console import activity, standard_error
from lakehouse_assets.errors import SettingsError
from lakehouse_assets.ingest_command import open_events, print_report
from lakehouse_assets.startup import errors_as_messages

app = typer.Typer(name="replay", help="What a source still holds and landing has lost.", no_args_is_help=True)


@app.callback()
def replay() -> None:
    """What a source still holds and landing has lost."""


@app.command()
def events(
    start: Annotated[
        str, typer.Option("--from", metavar="TIME", help="First time of arrival: ISO 8601, UTC if it says no zone.")
    ],
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Up to this time of arrival, not included; default: now.")
    ] = None,
) -> None:
    """Land the records of the stream that arrived FROM..TO and are not in landing.

    Each lands under the day on which it arrived. What landing has stays as it is, so a second time changes nothing.
    """
    with errors_as_messages():
        now = datetime.now(UTC)
        first, last = _time("--from", start), _time("--to", end) if end is not None else now
        source = open_events()
        with activity(standard_error(), "replaying events") as progress:
            report = source.replay(first, last, now, progress)
        print_report(report)


def _time(option: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{option} {text!r} is no time. Nothing was replayed. Write it as in 2024-11-15T14:30:00 or "
            "2024-11-15T14:30:00+02:00."
        ) from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
