"""What messages say: counts, names, a query and commands; never values of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from lakehouse_assets.alerts.model import Event, Facts, Incident, Kind, Message
from lakehouse_assets.contracts.sources import SOURCES

_DAYS_SHOWN = 10
_NOTE_LENGTH = 400
_TITLES = {
    Kind.BLOCKED: "Blocking check failed",
    Kind.HELD: "Day held",
    Kind.RUN_FAILED: "Run failed",
    Kind.MISSING: "No landing file",
    Kind.THRESHOLD: "Threshold crossed",
}
_REFUSED_FILES = "The files are in landing/_rejected/, each with the reason beside it; the others landed."
_MEANINGS = {
    Kind.BLOCKED: "Main was not moved: readers see the table as it was before the run.",
    Kind.HELD: "None of the day's lines is in silver; its verdicts are in quarantine.",
    Kind.RUN_FAILED: "Tables of steps that failed are as they were before the run.",
    Kind.MISSING: "By the expected time nothing had landed.",
    Kind.THRESHOLD: "Rows that pass are published; the others are in quarantine or need a look.",
}


@dataclass(frozen=True)
class Text:
    """A message, ready to be put into a channel's format.

    Args:
        subject: one line.
        lines: what there is to say.
        sql: a query, or empty.
        link: address of the run, or empty.
        commands: what to do next.
    """

    subject: str
    lines: tuple[str, ...]
    sql: str = ""
    link: str = ""
    commands: tuple[str, ...] = ()

    def as_slack(self) -> str:
        """In Slack's mark-up; nothing in it can call people or make links of its own."""
        parts = [f"*{_escaped(self.subject)}*", *map(_escaped, self.lines)]
        if self.sql:
            parts.append(f"Rows: ```{_escaped(self.sql)}```")
        if self.link:
            parts.append(f"<{_escaped(self.link)}|Run in the web UI>")
        parts += [f"Next: `{_escaped(command)}`" for command in self.commands]
        return "\n".join(parts)

    def as_mail(self) -> str:
        """As plain text."""
        sql = ["", "Rows:", f"  {self.sql}"] if self.sql else []
        link = ["", f"Run: {self.link}"] if self.link else []
        commands = ["", "Next:", *(f"  {command}" for command in self.commands)] if self.commands else []
        return "\n".join([*self.lines, *sql, *link, *commands]) + "\n"


TEST = Text("Lakehouse: test", ("This channel works. Messages about incidents will look like this one.",))


def write(message: Message, ui_url: str) -> Text:
    """The text of a message.

    Args:
        message: what to say.
        ui_url: address of the web UI.
    """
    newest = max(message.incidents, key=lambda incident: incident.seen_at)
    run_id = newest.facts.run_id
    is_over = message.event is Event.RESOLVED
    return Text(
        subject=_subject(message),
        lines=tuple(_lines(message)),
        sql="" if is_over else newest.facts.sql,
        link=f"{ui_url.rstrip('/')}/runs/{run_id}" if run_id else "",
        commands=() if is_over else tuple(_commands(message)),
    )


def _subject(message: Message) -> str:
    key = message.incidents[0].key
    tables = sorted({incident.key.table for incident in message.incidents} - {""})
    where = f"{tables[0]} and {len(tables) - 1} more" if len(tables) > 1 else "".join(tables)
    what = {Event.OPENED: "", Event.REMINDER: "Still open: ", Event.RESOLVED: "Resolved: "}[message.event]
    days = message.days
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]} ({len(days)} days)"
    check = f" {key.check}" if key.check and key.kind is not Kind.HELD else ""
    return _one_line(f"{what}{_severity(message)}{_TITLES[key.kind]}: {where}{check} {when}")


def _severity(message: Message) -> str:
    if message.event is Event.RESOLVED:
        return ""
    severities = {incident.facts.severity for incident in message.incidents}
    return "[WARN] " if severities == {"WARN"} else "[ERROR] "


def _lines(message: Message) -> Iterator[str]:
    if message.event is not Event.RESOLVED:
        of_a_pull = message.kind is Kind.THRESHOLD and message.incidents[0].key.table.startswith("ingestion.")
        yield _REFUSED_FILES if of_a_pull else _MEANINGS[message.kind]
    for incident in islice(message.incidents, _DAYS_SHOWN):
        yield _line(message, incident)
    if len(message.incidents) > _DAYS_SHOWN:
        yield f"... and {len(message.incidents) - _DAYS_SHOWN} more: `lakehouse alerts list` shows all that are open."
    for threshold in sorted({incident.facts.threshold for incident in message.incidents} - {""}):
        yield f"Threshold: {threshold}."


def _line(message: Message, incident: Incident) -> str:
    facts = incident.facts
    name = f"{incident.key.day} {incident.key.table}".strip()
    since = ""
    if incident.opened_at is not None and message.event is not Event.OPENED:
        since = f"since {incident.opened_at:%Y-%m-%d %H:%M} UTC"
    said = [text for text in (counts(facts), _one_line(facts.note)[:_NOTE_LENGTH], since) if text]
    return f"{name}: {'; '.join(said)}" if said else name


def counts(facts: Facts) -> str:
    """How many of how many, and the percentage."""
    if facts.failed_rows is None or facts.total_rows is None:
        return ""
    percent = f" ({100 * facts.failed_rows / facts.total_rows:.1f} %)" if facts.total_rows else ""
    return f"{facts.failed_rows:,} of {facts.total_rows:,} failed{percent}"


def _commands(message: Message) -> Iterator[str]:
    first, last, key = message.days[0], message.days[-1], message.incidents[0].key
    if not first:
        # What a pull finds belongs to no arrival day.
        yield "lakehouse sources check"
        return
    source = SOURCES.get(key.table.removeprefix("silver."))
    if source is not None:
        days = f"--day {first}" if first == last else f"--from {first} --to {last}"
        show = f"lakehouse quarantine show {days} --source {source.name}"
        if key.kind is Kind.HELD:
            yield show
        elif key.check in source.rule_names:
            yield f"{show} --rule {key.check}"
    yield f"lakehouse run --from {first} --to {last}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _one_line(text: str) -> str:
    return " ".join(text.split())
