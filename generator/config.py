"""The generator's settings: names, types, bounds, and how they are read from an INI file and overridden.

Belongs here: every number a user may turn. Not here: how a rate becomes lines (`defects`, `deliveries`), and
the command-line options (`cli`). The defaults and the meaning of each key are written in `config.ini`, beside
this file.
"""

import configparser
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from generator.errors import ConfigError

DEFAULT_CONFIG_FILE = Path(__file__).with_name("config.ini")
EARLIEST_START = date(2000, 1, 1)
MOST_DAYS = 3660
MOST_LINES = 10_000_000_000
# Every user's state is held in memory, at about 200 bytes each.
MOST_USERS = 20_000_000
# A session is made as a whole, so its length bounds the memory.
MOST_EVENTS_PER_SESSION = 100_000


@dataclass(frozen=True, kw_only=True)
class DataVolumes:
    """Totals over the whole calendar, before duplicates and defective lines."""

    num_users: int
    num_sessions: int
    num_events: int
    num_transactions: int


@dataclass(frozen=True, kw_only=True)
class DataQuality:
    """How deliveries go wrong without harm: late, or twice."""

    late_arrival_rate: float
    duplicate_rate: float


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Which arrival days there are.

    `moving` says that `start` was left empty and counted back from yesterday; a home that already holds the
    same set then keeps its own start (see `manifest`), so it takes no part in comparisons.
    """

    start: date
    days: int
    seed: int
    moving: bool = field(default=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Landing:
    """How files are packed."""

    gzip_rate: float


@dataclass(frozen=True, kw_only=True)
class Defects:
    """A rate for each planted defect; the field's name is the `kind` of its truth records."""

    corrupt_json_truncated: float
    corrupt_json_trailing_text: float
    corrupt_json_not_an_object: float
    corrupt_json_single_quotes: float
    corrupt_json_nan_literal: float
    corrupt_csv_wrong_field_count: float
    corrupt_csv_unbalanced_quote: float
    invalid_utf8: float
    unknown_event_type: float
    unknown_currency: float
    invalid_amount: float
    negative_amount: float
    unknown_device_type: float
    invalid_country: float
    null_user: float
    future_time: float
    epoch_time: float
    near_duplicate: float
    orphan_user: float
    late_user: float
    user_changes_per_day: float
    redelivered_file: float
    empty_day: int | None
    schema_change_day: int | None


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """All settings, one group per section of the INI file. Equal configurations make equal bytes."""

    volumes: DataVolumes
    quality: DataQuality
    calendar: Calendar
    landing: Landing
    defects: Defects

    @classmethod
    def load(cls, path: Path | None = None, *, today: date | None = None, **overrides: object) -> "GeneratorConfig":
        """Read the settings.

        Args:
            path: an INI file; keys it lacks keep their default. None: the defaults alone. today: the UTC day
            from which an empty `start` counts back; None: the clock's. overrides: any key of any section by
            its name (`num_events=10`, `start=date(2024, 11, 4)`); None is
                "not overridden".

        Raises:
            ConfigError: the file cannot be read, or a key is unknown, of the wrong type or out of bounds; the
            text
                names file, section, key and value.
        """
        values = _read_values(path)
        _apply_overrides(values, overrides)
        groups: dict[str, Any] = {
            group: kind(**{key: _parse(values, section, key) for key in _keys(kind)})
            for group, (section, kind) in _GROUPS.items()
            if kind is not Calendar
        }
        config = cls(calendar=_parse_calendar(values, today or datetime.now(UTC).date()), **groups)
        _check(config, str(path or DEFAULT_CONFIG_FILE.name))
        return config

    @property
    def first_day(self) -> date:
        """The first arrival day."""
        return self.calendar.start

    @property
    def last_day(self) -> date:
        """The last arrival day, inclusive."""
        return self.calendar.start + timedelta(days=self.calendar.days - 1)

    @property
    def all_days(self) -> list[date]:
        """Every arrival day, in order."""
        return [self.calendar.start + timedelta(days=index) for index in range(self.calendar.days)]


_GROUPS: dict[str, tuple[str, type]] = {
    "volumes": ("data_volumes", DataVolumes),
    "quality": ("data_quality", DataQuality),
    "calendar": ("calendar", Calendar),
    "landing": ("landing", Landing),
    "defects": ("defects", Defects),
}
_INDEXES_OR_NONE = {"empty_day", "schema_change_day"}
# Rates of something other than lines of their own.
_NOT_OF_LINES = {"orphan_user", "late_user", "user_changes_per_day", "redelivered_file"}
_COUNTS = {*DataVolumes.__annotations__, "days", "seed"}

Values = dict[tuple[str, str], str]


def _keys(group: type) -> Iterable[str]:
    return (entry.name for entry in fields(group) if entry.name != "moving")


def _read_values(path: Path | None) -> Values:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(DEFAULT_CONFIG_FILE, encoding="utf-8")
    if path is not None:
        try:
            parser.read_string(path.read_text(encoding="utf-8-sig"), source=str(path))
        except (OSError, UnicodeDecodeError, configparser.Error) as error:
            raise ConfigError(f"cannot read the configuration {path}: {error}") from error
    known = {(section, key) for section, group in _GROUPS.values() for key in _keys(group)}
    values = {(section, key): text for section in parser.sections() for key, text in parser[section].items()}
    unknown = sorted(values.keys() - known)
    if unknown:
        section, key = unknown[0]
        raise ConfigError(f"{path}: [{section}] {key} is not a setting of the generator")
    return values


def _apply_overrides(values: Values, overrides: dict[str, object]) -> None:
    section_of = {key: section for section, key in values}
    for key, value in overrides.items():
        if key not in section_of:
            raise ConfigError(f"{key} is not a setting of the generator; known are {', '.join(sorted(section_of))}")
        if value is not None:
            values[section_of[key], key] = str(value)


def _parse(values: Values, section: str, key: str) -> int | float | None:
    text = values[section, key].strip()
    if key in _INDEXES_OR_NONE and text.lower() in ("", "none"):
        return None
    wants_integer = key in _COUNTS or key in _INDEXES_OR_NONE
    try:
        return int(text) if wants_integer else float(text)
    except ValueError as error:
        wanted = "a whole number" if wants_integer else "a number"
        raise ConfigError(f"[{section}] {key} = {text!r}: expected {wanted}") from error


def _parse_calendar(values: Values, today: date) -> Calendar:
    days, seed = (_parse(values, "calendar", key) for key in ("days", "seed"))
    text = values["calendar", "start"].strip()
    if not text:
        start = today - timedelta(days=max(1, min(int(days or 0), MOST_DAYS)))
        return Calendar(start=start, days=int(days or 0), seed=int(seed or 0), moving=True)
    try:
        start = date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"[calendar] start = {text!r}: expected a day such as 2024-11-04, or nothing") from error
    return Calendar(start=start, days=int(days or 0), seed=int(seed or 0))


def _check(config: GeneratorConfig, source: str) -> None:
    problems = [*_calendar_problems(config), *_volume_problems(config.volumes), *_rate_problems(config)]
    if problems:
        raise ConfigError(f"{source}: " + "; ".join(problems))


def _calendar_problems(config: GeneratorConfig) -> Iterable[str]:
    calendar, defects = config.calendar, config.defects
    if not 1 <= calendar.days <= MOST_DAYS:
        yield f"[calendar] days = {calendar.days}: must lie between 1 and {MOST_DAYS}"
        return
    if not 0 <= calendar.seed < 2**63:
        yield f"[calendar] seed = {calendar.seed}: must not be negative, and below 2^63"
    if not EARLIEST_START <= calendar.start <= date(9000, 1, 1):
        yield f"[calendar] start = {calendar.start}: must lie between {EARLIEST_START} and 9000-01-01"
    if defects.empty_day is not None and not 1 <= defects.empty_day <= calendar.days - 2:
        yield (
            f"[defects] empty_day = {defects.empty_day}: must lie between 1 and {calendar.days - 2} "
            f"(neither the first nor the last of {calendar.days} days)"
        )
    if defects.schema_change_day is not None and defects.schema_change_day < 0:
        yield f"[defects] schema_change_day = {defects.schema_change_day}: must not be negative"


def _volume_problems(volumes: DataVolumes) -> Iterable[str]:
    users, sessions = volumes.num_users, volumes.num_sessions
    events, transactions = volumes.num_events, volumes.num_transactions
    for name, value, least, most in (
        ("num_users", users, 1, MOST_USERS),
        ("num_sessions", sessions, 1, MOST_LINES),
        ("num_events", events, 1, MOST_LINES),
        ("num_transactions", transactions, 0, MOST_LINES),
    ):
        if not least <= value <= most:
            yield f"[data_volumes] {name} = {value}: must lie between {least} and {most:,}"
    if events < sessions:
        yield f"[data_volumes] num_events = {events}: every one of the {sessions} sessions needs an event"
    if events > sessions * MOST_EVENTS_PER_SESSION:
        yield (
            f"[data_volumes] num_events = {events}: more than {MOST_EVENTS_PER_SESSION:,} for each of the "
            f"{sessions} sessions; raise num_sessions"
        )
    if transactions > sessions and events < transactions + sessions:
        yield (
            f"[data_volumes] num_transactions = {transactions}: each belongs to a purchase event of one of "
            f"{sessions} sessions, so num_events must be at least {transactions + sessions}, not {events}"
        )


def _rate_problems(config: GeneratorConfig) -> Iterable[str]:
    rates = {
        (section, key): getattr(getattr(config, group), key)
        for group, (section, kind) in _GROUPS.items()
        for key in _keys(kind)
        if group in ("quality", "landing", "defects") and key not in _INDEXES_OR_NONE
    }
    for (section, key), rate in rates.items():
        if not 0 <= rate <= 1:
            yield f"[{section}] {key} = {rate}: a share must lie between 0 and 1"
    defects = sum(rate for (section, key), rate in rates.items() if section == "defects" and key not in _NOT_OF_LINES)
    spent = config.quality.late_arrival_rate + defects
    if spent > 1:
        yield f"[defects] the shares of late and defective lines add up to {spent:.3g}, at most 1 is possible"
