"""The command `generate`: options, messages and exit codes; the work is done in `batch` and `live`.

A plain function with typer annotations, so that another application can register it:
`app.command()(generate)`. Exit codes: 0 done, 1 the disk refused, 2 wrong input or a landing zone that must
not be touched.
"""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from generator.batch import GenerationPlan, GenerationSummary, carry_out, plan_generation
from generator.calendar import Timetable
from generator.config import GeneratorConfig
from generator.errors import ConfigError, GeneratorError
from generator.live import SimulatedClock, drop_live
from generator.writer import LandedFile


def generate(
    home: Annotated[Path, typer.Option(envvar="LAKEHOUSE_HOME", help="Folder that gets landing/ and truth/.")] = Path(
        "data"
    ),
    config: Annotated[Path | None, typer.Option(help="INI file; keys it lacks keep their default.")] = None,
    start: Annotated[str | None, typer.Option(help="First arrival day, YYYY-MM-DD.", metavar="DAY")] = None,
    days: Annotated[int | None, typer.Option(help="Number of arrival days.")] = None,
    seed: Annotated[int | None, typer.Option(help="Equal seeds and settings make equal bytes.")] = None,
    users: Annotated[int | None, typer.Option(help="Users in total.")] = None,
    sessions: Annotated[int | None, typer.Option(help="Sessions in total.")] = None,
    events: Annotated[int | None, typer.Option(help="Events in total, without duplicates and defects.")] = None,
    transactions: Annotated[int | None, typer.Option(help="Transactions in total.")] = None,
    day: Annotated[
        list[str] | None, typer.Option(help="Only this arrival day; may be repeated.", metavar="DAY")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the generator's own old files.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, write nothing.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Drop the files as simulated time passes.")] = False,
    speed: Annotated[float, typer.Option(min=0.001, help="Simulated seconds per second, with --live.")] = 60.0,
) -> None:
    """Generate landing files (events, transactions, users) with planted defects, and the truth about them."""
    with _clear_errors():
        chosen = [_parse_day(text) for text in day] if day else None
        settings = GeneratorConfig.load(
            config,
            start=start,
            days=days,
            seed=seed,
            num_users=users,
            num_sessions=sessions,
            num_events=events,
            num_transactions=transactions,
        )
        if live and settings.calendar.moving:
            settings = replace(settings, calendar=replace(settings.calendar, start=_now().date()))
        plan = plan_generation(settings, home, days=chosen, force=force)
        _check_against_clock(plan, live)
        _say_whether_start_was_kept(plan, settings)
        if dry_run:
            _print_plan(plan)
        elif live:
            _run_live(plan, speed)
        else:
            _print_summary(_run_batch(plan), plan)


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error
    except GeneratorError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from error
    except OSError as error:
        typer.echo(f"Error: cannot read or write: {error}. Files are whole or absent; repeat the command.", err=True)
        raise typer.Exit(1) from error


def _parse_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--day {text!r}: expected a day such as 2024-11-04") from error


def _now() -> datetime:
    return datetime.now(UTC)


def _say_whether_start_was_kept(plan: GenerationPlan, settings: GeneratorConfig) -> None:
    if plan.config.first_day != settings.first_day:
        typer.echo(
            f"{plan.home} already holds this set, from {plan.config.first_day} to {plan.config.last_day}: "
            "keeping these days (--start chooses others)."
        )


def _check_against_clock(plan: GenerationPlan, live: bool) -> None:
    """A set without a fixed start belongs to the past (batch) or to the present (live), as it was begun."""
    if not plan.config.calendar.moving:
        return
    ended = plan.config.last_day < _now().date()
    if live and ended:
        raise ConfigError(
            f"{plan.home} holds a set that ended on {plan.config.last_day}: nothing is left to drop live. "
            "Choose another --home, a --start, or --force to begin anew today"
        )
    if not live and not ended:
        raise ConfigError(
            f"{plan.home} holds a live set that ends on {plan.config.last_day}: --live continues it. "
            "Choose another --home, or --force to begin a set that ends yesterday"
        )


def _print_plan(plan: GenerationPlan) -> None:
    table = Timetable(plan.config)
    for path in plan.removals:
        typer.echo(f"would remove {path}")
    typer.echo(f"would write below {plan.home / 'landing'} and {plan.home / 'truth'}:")
    for day in plan.days:
        index = (day - plan.config.first_day).days
        first, last = int(table.sessions_before[index]), int(table.sessions_before[index + 1])
        events = table.events_before(last) - table.events_before(first)
        transactions = table.transactions_before(last) - table.transactions_before(first)
        typer.echo(f"  {day}: {last - first:,} sessions, {events:,} events, {transactions:,} transactions")
    typer.echo("Late lines move to later days; duplicates and defects come on top. Nothing was written.")


def _run_batch(plan: GenerationPlan) -> GenerationSummary:
    with _progress(plan.days) as advance:
        return carry_out(plan, advance)


@contextmanager
def _progress(days: Sequence[date]) -> Iterator[Callable[[date, int], None] | None]:
    """A progress bar on a terminal; elsewhere nothing, so that logs stay readable."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("arrival days", total=len(days))
        yield lambda day, _lines: bar.update(task, advance=1, description=day.isoformat())


def _print_summary(summary: GenerationSummary, plan: GenerationPlan) -> None:
    typer.echo(
        f"{summary.lines:,} lines in {summary.files:,} files ({summary.size_bytes / 1e6:,.1f} MB) for "
        f"{len(plan.days)} days in {plan.home / 'landing'}; "
        f"{summary.files_changed:,} files are new or changed."
    )
    planted = ", ".join(f"{kind} {count:,}" for kind, count in summary.defects.items())
    typer.echo(f"Planted (details in {plan.home / 'truth'}): {planted or 'nothing'}.")


def _run_live(plan: GenerationPlan, speed: float) -> None:
    now = _now()
    midnight = datetime.combine(plan.config.first_day, datetime.min.time(), UTC)
    begins = now if plan.config.calendar.moving else midnight
    typer.echo(f"Live from {begins:%Y-%m-%d %H:%M} UTC at {speed:g} x speed; Ctrl-C stops.")
    stop = Event()
    with _stopping_at_interrupt(stop):
        dropped = drop_live(plan, SimulatedClock(begins, speed), stop, _print_drop)
    typer.echo(f"{'Stopped' if stop.is_set() else 'Finished'}: {dropped:,} files dropped.")


def _print_drop(due: datetime, file: LandedFile) -> None:
    typer.echo(f"{due:%Y-%m-%d %H:%M} {file.path} {file.lines:,} lines")


@contextmanager
def _stopping_at_interrupt(stop: Event) -> Iterator[None]:
    """Ctrl-C sets `stop`, so that the file under way is finished first."""
    before = signal.signal(signal.SIGINT, lambda _signal, _frame: stop.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
