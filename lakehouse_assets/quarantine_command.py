"""The command `lakehouse quarantine`: list, show, stats, export, replay, expire. Exit codes as of `lakehouse`.

Options, and what is printed or exported; verdicts are read, counted and removed in `pipeline.quarantine`. Raw text
comes from outside: it is masked unless asked for, and never reaches the terminal as markup or with control characters.
Heavy imports wait until a command needs them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse_assets.console import standard_error, standard_output
from lakehouse_assets.contracts.sources import SOURCES
from lakehouse_assets.errors import SettingsError
from lakehouse_assets.startup import errors_as_messages, prepare_dagster_home

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.catalog import Catalog
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from lakehouse_assets.pipeline.quarantine import DayVerdicts, Outcome, Selection
    from lakehouse_assets.settings import Settings

app = typer.Typer(
    name="quarantine",
    help="The lines that failed rules: look at them, run their days again, remove old ones.",
    no_args_is_help=True,
)

_EXPORT_ENDINGS = (".jsonl", ".csv", ".parquet")
_ROWS_AT_ONCE = 1000

Sources = Annotated[
    list[str] | None,
    typer.Option("--source", metavar="|".join(SOURCES), help="Only this source; may be given several times."),
]
First = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], metavar="DAY", help="First arrival day, UTC.")
]
Last = Annotated[
    datetime | None,
    typer.Option("--to", formats=["%Y-%m-%d"], metavar="DAY", help="Last arrival day, UTC, included."),
]
OneDay = Annotated[
    datetime | None, typer.Option("--day", formats=["%Y-%m-%d"], metavar="DAY", help="Only this arrival day.")
]
Rule = Annotated[str | None, typer.Option("--rule", metavar="RULE", help="Only what fails this rule.")]
Raw = Annotated[bool, typer.Option("--raw", help="Show the text as it landed; personal data may stand in it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


@app.command("list")
def list_(
    source: Sources = None,
    first: First = None,
    last: Last = None,
    day: OneDay = None,
    rule: Rule = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
) -> None:
    """A line per arrival day and source with quarantined lines, newest first: how many, held or not, and why."""
    with errors_as_messages():
        selection, settings, catalog = _open(source, first, last, day, rule)
        days = _selected_days(settings, catalog, selection)
        rows = [_as_json(settings, verdicts) for verdicts in days]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    elif rows:
        table = _new_table("Quarantined lines by arrival day", ("day", "source"), ("lines", "quarantined", "percent"))
        table.add_column("held")
        table.add_column("rules", overflow="fold")
        for row in rows:
            percent = "" if row["percent"] is None else f"{row['percent']:.1f}"
            counts = f"{row['lines']:,}", f"{row['quarantined']:,}", percent
            table.add_row(row["day"], row["source"], *counts, "yes" if row["held"] else "no", _counted(row["rules"]))
        standard_output().print(table)


@app.command()
def show(
    source: Sources = None,
    first: First = None,
    last: Last = None,
    day: OneDay = None,
    rule: Rule = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most so many lines.")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="Show all lines.")] = False,
    raw: Raw = False,
) -> None:
    """The quarantined lines, newest day first: day, file and line, failed rules, and the text, masked unless --raw."""
    out = standard_output()
    with errors_as_messages():
        selection, settings, catalog = _open(source, first, last, day, rule)
        days = _selected_days(settings, catalog, selection)
        shown = 0
        for batch in _lines(catalog, selection, days, None if everything else limit):
            for row in batch.to_pylist():
                _print_line(row, raw, out)
            shown += batch.num_rows
    total = sum(verdicts.selected_lines(selection.rule) for verdicts in days)
    if shown < total:
        _say(f"{shown:,} of {total:,} lines are shown; --limit N or --all shows more.")


@app.command()
def stats(
    source: Sources = None, first: First = None, last: Last = None, day: OneDay = None, rule: Rule = None
) -> None:
    """A line per rule and source: lines, days, first and last day, share, and the last 7 days against the 7 before."""
    from lakehouse_assets.pipeline.quarantine import TREND_DAYS, rule_statistics

    with errors_as_messages():
        selection, settings, catalog = _open(source, first, last, day, rule)
        _selected_days(settings, catalog, selection)
        statistics = rule_statistics(catalog, selection)
    if not statistics:
        return
    table = _new_table("Quarantined lines by rule", ("rule", "source"), ("lines", "days"), ("first day", "last day"))
    for heading in ("share %", f"last {TREND_DAYS} days", f"{TREND_DAYS} before", "trend"):
        table.add_column(heading, justify="right")
    for of_rule in statistics:
        table.add_row(
            _text(of_rule.rule),
            of_rule.source,
            f"{of_rule.lines:,}",
            f"{of_rule.days:,}",
            str(of_rule.first),
            str(of_rule.last),
            f"{of_rule.share:.1f}",
            f"{of_rule.latest:,}",
            f"{of_rule.before:,}",
            _trend(of_rule.latest, of_rule.before),
        )
    standard_output().print(table)


@app.command()
def export(
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Write to this file; it ends in .jsonl, .csv or .parquet.")
    ],
    source: Sources = None,
    first: First = None,
    last: Last = None,
    day: OneDay = None,
    rule: Rule = None,
    raw: Raw = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
) -> None:
    """Write the quarantined lines to a file, the text masked unless --raw; that file is for its owner only."""
    from lakehouse_assets.quarantine_export import export_lines

    with errors_as_messages():
        _check_out(out, force)
        selection, settings, catalog = _open(source, first, last, day, rule)
        days = _selected_days(settings, catalog, selection)
        if days:
            lines = export_lines(out, _lines(catalog, selection, days, None), raw=raw)
            _say(f"{lines:,} lines are in {out}, {'as they landed' if raw else 'masked'}.")


@app.command()
def replay(
    source: Sources = None,
    first: First = None,
    last: Last = None,
    day: OneDay = None,
    rule: Rule = None,
    dry_run: DryRun = False,
) -> None:
    """Run the days with such lines again, as `lakehouse run` does, and say what became of their quarantined lines.

    For after a rule, a setting or a file was corrected; what did not change is not judged again. Exits with 1 when a
    day failed or is still held.
    """
    with errors_as_messages():
        selection, settings, catalog = _open(source, first, last, day, rule)
        days = _selected_days(settings, catalog, selection)
        _check_days(settings, days)
        if not days or dry_run:
            _print_plan(days)
            return
        succeeded, outcomes = _run_again(settings, catalog, selection, days)
        _print_outcomes(settings, catalog, selection, outcomes)
    if not succeeded:
        _say("A day failed or is still held: the messages above say which and why.", style="red")
    raise typer.Exit(0 if succeeded else 1)


@app.command()
def expire(
    keep_days: Annotated[
        int | None,
        typer.Option("--keep-days", min=1, metavar="N", help="Default: LAKEHOUSE_QUARANTINE_KEEP_DAYS."),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Remove the verdicts of arrival days more than N days ago; not while a run is at work."""
    from lakehouse_assets.pipeline.quarantine import expire_quarantine, find_expired
    from lakehouse_assets.settings import load_settings, today
    from lakehouse_assets.storage.lake import open_catalog

    with errors_as_messages():
        settings = load_settings()
        keep = keep_days or settings.quarantine_keep_days
        if keep is None:
            raise SettingsError(
                "Nothing says how long verdicts are kept, so all are. Nothing was removed. Give --keep-days N, or set "
                "LAKEHOUSE_QUARANTINE_KEEP_DAYS."
            )
        catalog = open_catalog(settings.home)
        if dry_run:
            expired = find_expired(catalog, keep, today())
        else:
            expired = expire_quarantine(_lake_to_remove_from(catalog, settings), keep, today(), _run_info(keep))
    table = _new_table(f"Verdicts older than {keep} days", ("day", "source"), ("lines",))
    for of_day in expired:
        table.add_row(str(of_day.day), of_day.source, f"{of_day.lines:,}")
    if expired:
        standard_output().print(table)
    total = sum(of_day.lines for of_day in expired)
    _say(f"{total:,} lines {'would be' if dry_run else 'were'} removed from quarantine.")


def day_ranges(days: Iterable[date]) -> list[tuple[date, date]]:
    """First and last day of each stretch of days without gaps, ascending."""
    ranges: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if ranges and day - ranges[-1][1] == timedelta(days=1):
            ranges[-1] = (ranges[-1][0], day)
        else:
            ranges.append((day, day))
    return ranges


def _open(
    sources: list[str] | None, first: datetime | None, last: datetime | None, day: datetime | None, rule: str | None
) -> tuple[Selection, Settings, Catalog]:
    """What the common options select, and the catalog.

    Raises:
        SettingsError: an option has a value it cannot have; nothing was opened.
    """
    from lakehouse_assets.pipeline.quarantine import Selection
    from lakehouse_assets.settings import load_settings
    from lakehouse_assets.storage.lake import open_catalog

    unknown = [source for source in sources or () if source not in SOURCES]
    if unknown:
        raise SettingsError(f"--source {unknown[0]!r} is none of: {', '.join(SOURCES)}. Nothing was done.")
    if day is not None and (first is not None or last is not None):
        raise SettingsError("--day stands for --from and --to of one day. Nothing was done. Give --day, or the others.")
    from_day, to_day = (moment.date() if moment is not None else None for moment in (day or first, day or last))
    if from_day is not None and to_day is not None and from_day > to_day:
        raise SettingsError(f"--from {from_day} is after --to {to_day}. Nothing was done. Swap the two days.")
    chosen = tuple(source for source in SOURCES if source in (sources or SOURCES))
    settings = load_settings()
    return Selection(chosen, from_day, to_day, rule), settings, open_catalog(settings.home)


def _selected_days(settings: Settings, catalog: Catalog, selection: Selection) -> list[DayVerdicts]:
    """The days that are selected; where there are none, a message says why.

    Raises:
        SettingsError: the rule is neither in the contracts nor in the tables.
    """
    from lakehouse_assets.pipeline.quarantine import count_days, find_tables

    days = count_days(catalog, selection)
    rules = {rule: None for source in selection.sources for rule in SOURCES[source].rule_names}
    if not days and selection.rule is not None and selection.rule not in rules:
        raise SettingsError(
            f"--rule {selection.rule!r} is no rule of {', '.join(selection.sources)}. Nothing was done. Possible: "
            f"{', '.join(rules)}."
        )
    if not days and not find_tables(catalog, selection.sources):
        _say(f"No run has judged a line yet in {settings.home}; lakehouse run --from D --to D does.")
    elif not days:
        _say("No quarantined line is selected.")
    return days


def _as_json(settings: Settings, verdicts: DayVerdicts) -> dict[str, Any]:
    percent = None if verdicts.percent is None else round(verdicts.percent, 3)
    return asdict(verdicts) | {
        "day": verdicts.day.isoformat(),
        "percent": percent,
        "held": _is_held(settings, verdicts),
        "rules": dict(sorted(verdicts.rules.items(), key=lambda item: (-item[1], item[0]))),
    }


def _is_held(settings: Settings, verdicts: DayVerdicts) -> bool:
    from lakehouse_assets.quality.gate import Gate

    gate = Gate(settings.quarantine_min_rows, settings.quarantine_max_percent)
    return gate.holds(lines=verdicts.lines, quarantined=verdicts.quarantined)


def _lines(
    catalog: Catalog, selection: Selection, days: Sequence[DayVerdicts], limit: int | None
) -> Iterator[pa.RecordBatch]:
    """The selected lines, newest day first, with their source before the columns of quarantine."""
    import pyarrow as pa

    from lakehouse_assets.pipeline.quarantine import find_tables, read_lines

    tables = find_tables(catalog, selection.sources)
    for verdicts in days:
        lines = read_lines(tables[verdicts.source], verdicts.day, selection.rule, limit)
        sources = pa.repeat(verdicts.source, lines.num_rows)
        yield from lines.add_column(0, "source", sources).to_batches(max_chunksize=_ROWS_AT_ONCE)
        if limit is not None:
            limit -= lines.num_rows
            if limit == 0:
                return


def _print_line(row: dict[str, Any], raw: bool, out: Console) -> None:
    from lakehouse_assets.quality.masking import mask

    where = f"{row['arrival_date']}  {row['source_file']}:{row['line_number']}  {', '.join(row['failed_rules'])}"
    # A line may have a megabyte; what is cut here would not fit, whatever its characters.
    text = row["raw"][: out.width]
    out.print(_text(where, style="bold"), soft_wrap=True)
    out.print(_text(f"  {text if raw else mask(text)}"), no_wrap=True, overflow="ellipsis")


def _check_out(out: Path, force: bool) -> None:
    if out.suffix.lower() not in _EXPORT_ENDINGS:
        raise SettingsError(f"--out {out} ends in none of: {', '.join(_EXPORT_ENDINGS)}. Nothing was written.")
    if not out.parent.is_dir() or out.is_dir():
        raise SettingsError(f"--out {out} is no file in a folder that is there. Nothing was written. Choose another.")
    if out.exists() and not force:
        raise SettingsError(f"--out {out} is there already and was left as it is. Choose another, or add --force.")


def _check_days(settings: Settings, days: Sequence[DayVerdicts]) -> None:
    """What `lakehouse run` refuses.

    Raises:
        SettingsError: a day is before the first partition.
    """
    start = settings.start_date
    early = [str(verdicts.day) for verdicts in days if start is not None and verdicts.day < start]
    if early:
        raise SettingsError(
            f"{min(early)} is before LAKEHOUSE_START_DATE {start}. Nothing was started. Add --from {start}, or move "
            "the start."
        )


def _print_plan(days: Sequence[DayVerdicts]) -> None:
    if not days:
        return
    table = _new_table("Days that would be run again", ("day", "source"), ("lines", "quarantined"))
    for verdicts in days:
        table.add_row(str(verdicts.day), verdicts.source, f"{verdicts.lines:,}", f"{verdicts.quarantined:,}")
    standard_output().print(table)
    ranges = ", ".join(f"{first} to {last}" for first, last in day_ranges(verdicts.day for verdicts in days))
    _say(f"Runs: {ranges}. Nothing was started.")


def _run_again(
    settings: Settings, catalog: Catalog, selection: Selection, days: Sequence[DayVerdicts]
) -> tuple[bool, list[Outcome]]:
    """Run the days, each stretch of them as one run, and compare their quarantined lines before and after."""
    from lakehouse_assets.contracts.tables import QUARANTINE
    from lakehouse_assets.pipeline.quarantine import compare_with, read_keys
    from lakehouse_assets.running import run_days

    again = sorted({verdicts.day for verdicts in days})
    before = {
        (source, day): read_keys(catalog, QUARANTINE[source], day)
        for day in reversed(again)
        for source in selection.sources
    }
    prepare_dagster_home()
    err = standard_error()
    reports = [run_days(settings, first, last, err, err) for first, last in day_ranges(again)]
    outcomes = [compare_with(catalog, source, day, keys) for (source, day), keys in before.items()]
    return all(report.succeeded for report in reports), outcomes


def _print_outcomes(settings: Settings, catalog: Catalog, selection: Selection, outcomes: Sequence[Outcome]) -> None:
    from lakehouse_assets.pipeline.quarantine import Selection, count_days

    first, last = min(outcome.day for outcome in outcomes), max(outcome.day for outcome in outcomes)
    now = count_days(catalog, Selection(selection.sources, first, last))
    held = {(verdicts.source, verdicts.day) for verdicts in now if _is_held(settings, verdicts)}
    numbers = ("became good", "still bad", "gone", "new")
    table = _new_table("What became of the quarantined lines", ("day", "source"), numbers)
    table.add_column("held")
    for outcome in outcomes:
        counts = outcome.good, outcome.bad, outcome.gone, outcome.new
        if any(counts):
            is_held = "yes" if (outcome.source, outcome.day) in held else "no"
            table.add_row(str(outcome.day), outcome.source, *(f"{count:,}" for count in counts), is_held)
    standard_output().print(table)


def _lake_to_remove_from(catalog: Catalog, settings: Settings) -> Any:
    """The lake without an engine: removing files needs none, and starting it takes longer than that."""
    from lakehouse_assets.engine.session import Engine
    from lakehouse_assets.storage.lake import Lake

    engine = Engine("none", session=None, server=None)  # type: ignore[arg-type]
    return Lake(catalog, engine, settings.home / "lakehouse" / "scratch")


def _run_info(keep_days: int) -> Any:
    from importlib.metadata import version

    from lakehouse_assets.storage.stage import RunInfo

    return RunInfo("quarantine expire", f"kept {keep_days} days", version("lakehouse"), datetime.now(UTC))


def _new_table(title: str, texts: Sequence[str], *numbers_and_texts: Sequence[str]) -> Table:
    """A table with columns of text, then of numbers, then of text and so on."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD)
    for number, headings in enumerate((texts, *numbers_and_texts)):
        for heading in headings:
            table.add_column(heading, justify="right" if number % 2 else "left", no_wrap=True)
    return table


def _counted(rules: dict[str, int]) -> Text:
    return _text(", ".join(f"{rule} ({count:,})" for rule, count in rules.items()))


def _trend(latest: int, before: int) -> str:
    if not before:
        return "new" if latest else ""
    return f"{100 * (latest - before) / before:+.0f} %"


def _text(text: str, style: str = "") -> Text:
    """Text without markup that does nothing to a terminal: control and invisible characters stand as \\x1b and such."""
    from rich.text import Text

    plain = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return Text(plain, style=style)


def _say(message: str, style: str = "") -> None:
    standard_error().print(_text(message, style))
