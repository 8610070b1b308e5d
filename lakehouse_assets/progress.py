"""What `lakehouse run` shows while it works: the steps' messages and a progress bar. Tables are in `reporting`."""

from __future__ import annotations

import logging

from dagster import InitLoggerContext, logger
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lakehouse_assets.console import standard_error


@logger
def step_messages(_: InitLoggerContext) -> logging.Logger:
    """What the steps say, on standard error; Dagster's own events stay in DAGSTER_HOME."""
    handler = RichHandler(console=standard_error(), show_path=False, log_time_format="%H:%M:%S")
    handler.addFilter(_is_message_of_a_step)
    handler.setFormatter(_OriginalMessage())
    messages = logging.Logger("lakehouse", level=logging.INFO)
    messages.addHandler(handler)
    return messages


def steps_progress(console: Console) -> Progress:
    """A bar over the steps of a run, gone at the end; nothing where the console is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _is_message_of_a_step(record: logging.LogRecord) -> bool:
    return not record.dagster_meta["dagster_event"]  # type: ignore[attr-defined]


class _OriginalMessage(logging.Formatter):
    """The message as the step said it, without Dagster's run id and job name before it."""

    def format(self, record: logging.LogRecord) -> str:
        return str(record.dagster_meta["orig_message"])  # type: ignore[attr-defined]
