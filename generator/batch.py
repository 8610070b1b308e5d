"""Generating a set, or some of its days, at once: plan, then write.

A plan is data: it says what would be removed and written, and raises before anything is. `generate` carries
it out; `live` does the same against a clock; `cli` prints it for a dry run.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from generator.calendar import Timetable
from generator.config import GeneratorConfig
from generator.errors import ConfigError
from generator.manifest import (
    Manifest,
    check_landing,
    described,
    note,
    plan_removals,
    read_manifest,
    settled,
    write_manifest,
)
from generator.production import DayClosed, Production
from generator.writer import LandedFile, land, write_atomically

Progress = Callable[[date, int], None]


@dataclass(frozen=True)
class GenerationPlan:
    """What a run will do. `config` has its start fixed; `removals` are the generator's own old files."""

    config: GeneratorConfig
    home: Path
    days: tuple[date, ...]
    removals: tuple[Path, ...]
    manifest: Manifest


@dataclass(frozen=True)
class GenerationSummary:
    """What a run made; `files` counts those that stood there with the same bytes too, `files_changed` not."""

    files: int
    files_changed: int
    lines: int
    size_bytes: int
    defects: dict[str, int]


def plan_generation(
    config: GeneratorConfig, home: Path, *, days: Sequence[date] | None = None, force: bool = False
) -> GenerationPlan:
    """Decide what to write, and whether it may be written. Changes nothing.

    Args:
        days: the arrival days to make, each within the calendar; None: all.
        force: replace the generator's own old files of another configuration.

    Raises:
        ConfigError: a day lies outside the calendar.
        LandingConflictError: landing holds files that the run would mix with or overwrite.
    """
    manifest = read_manifest(home)
    config = config if force else settled(config, manifest)
    chosen = sorted(set(config.all_days if days is None else days))
    for day in chosen:
        if not config.first_day <= day <= config.last_day:
            raise ConfigError(f"{day} lies outside the calendar {config.first_day} to {config.last_day}")
    check_landing(home, manifest, config, chosen, force=force)
    return GenerationPlan(config, home, tuple(chosen), tuple(plan_removals(home, manifest, config)), manifest)


def begin(plan: GenerationPlan) -> Manifest:
    """Remove what has to go, and note the days under way. Returns the manifest to keep from here on."""
    for path in plan.removals:
        path.unlink(missing_ok=True)
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    same_set = plan.manifest.config == described(plan.config)
    manifest = plan.manifest if same_set else Manifest(described(plan.config))
    manifest.writing |= {day.isoformat() for day in plan.days}
    (plan.home / "landing").mkdir(parents=True, exist_ok=True)
    write_manifest(plan.home, manifest)
    return manifest


def produce(plan: GenerationPlan) -> Production:
    """The production of the plan's days."""
    indexes = [(day - plan.config.first_day).days for day in plan.days]
    return Production(plan.config, plan.home, indexes)


def close_day(plan: GenerationPlan, manifest: Manifest, closed: DayClosed) -> date:
    """Write the truth of a day whose files have landed."""
    day = Timetable(plan.config).date_of(closed.day)
    write_atomically(plan.home / "truth" / f"dt={day.isoformat()}.jsonl", closed.truth)
    manifest.writing.discard(day.isoformat())
    return day


def carry_out(plan: GenerationPlan, progress: Progress | None = None) -> GenerationSummary:
    """Land every file of the plan and write the truth of its days; see `generate`."""
    manifest = begin(plan)
    landed: list[LandedFile] = []
    defects: Counter[str] = Counter()
    for step in produce(plan).run():
        if isinstance(step, DayClosed):
            day = close_day(plan, manifest, step)
            if progress is not None:
                progress(day, step.total_lines)
        else:
            landed.append(land(step, plan.home / "landing"))
            defects.update(step.tally.kinds)
    note(manifest, landed)
    write_manifest(plan.home, manifest)
    return GenerationSummary(
        files=len(landed),
        files_changed=sum(file.changed for file in landed),
        lines=sum(file.lines for file in landed),
        size_bytes=sum(file.size_bytes for file in landed),
        defects=dict(sorted(defects.items())),
    )


def generate(
    config: GeneratorConfig,
    home: Path,
    *,
    days: Sequence[date] | None = None,
    progress: Progress | None = None,
    force: bool = False,
) -> GenerationSummary:
    """Write `<home>/landing` and `<home>/truth` for some arrival days.

    A day's bytes depend on configuration and day alone, so it does not matter which other days are made with
    it. Killed at any point, a run is repeated by the same call: each file appears whole or not at all.

    Args:
        days: the arrival days to make; None: the whole calendar.
        progress: called after each day with the day and its number of lines.
        force: replace the generator's own old files of another configuration.

    Returns: the totals over all files of these days.

    Raises:
        ConfigError, LandingConflictError: see `plan_generation`; nothing was written.
    """
    return carry_out(plan_generation(config, home, days=days, force=force), progress)
