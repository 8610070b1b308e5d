"""The manifest: which files in landing the generator made, from which configuration, and so may replace.

Kept in `<home>/truth/manifest.json`. The days being written are noted before their first file, so a run that
was killed can be repeated; files of such days count as the generator's own by their name. A file that is not
the generator's own is never replaced or removed.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from generator.config import GeneratorConfig
from generator.errors import LandingConflictError
from generator.rows import Source
from generator.writer import LandedFile, fingerprint, write_atomically

# Raise it when the same configuration makes other bytes than before.
FORMAT_VERSION = 2
OWN_NAME = re.compile(
    r"events/dt=[\d-]{10}/events-\d\d(-redelivered)?\.jsonl(\.gz)?"
    r"|transactions/dt=[\d-]{10}/transactions-\d\d(-redelivered)?\.csv"
    r"|users/dt=[\d-]{10}/users\.csv"
)
MOST_NAMED_FILES = 3


@dataclass
class Manifest:
    """What the generator made in a home: configuration, days under way, and size and CRC-32 by path."""

    config: dict[str, Any] = field(default_factory=dict)
    writing: set[str] = field(default_factory=set)
    files: dict[str, tuple[int, int]] = field(default_factory=dict)

    def owns(self, path: str) -> bool:
        """Whether the generator made the file at this path below landing (edited since or not)."""
        return path in self.files or (_day_of(path) in self.writing and OWN_NAME.fullmatch(path) is not None)


def read_manifest(home: Path) -> Manifest:
    """The home's manifest; an empty one where there is none.

    Raises:
        LandingConflictError: the file is there but is not a manifest.
    """
    path = manifest_path(home)
    if not path.exists():
        return Manifest()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        files = {name: (int(size), int(crc32)) for name, (size, crc32) in content["files"].items()}
        return Manifest(content["config"], set(content["writing"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LandingConflictError(f"{path} is not a manifest of the generator ({error}); move it away") from error


def write_manifest(home: Path, manifest: Manifest) -> None:
    """Replace the home's manifest in one step."""
    content = {**asdict(manifest), "writing": sorted(manifest.writing)}
    write_atomically(manifest_path(home), [json.dumps(content, indent=1, sort_keys=True).encode() + b"\n"])


def manifest_path(home: Path) -> Path:
    """Where the manifest is kept."""
    return home / "truth" / "manifest.json"


def described(config: GeneratorConfig) -> dict[str, Any]:
    """A configuration as the manifest keeps it; equal for equal bytes."""
    content = asdict(config)
    del content["calendar"]["moving"]
    content["calendar"]["start"] = config.first_day.isoformat()
    return {"format_version": FORMAT_VERSION, **content}


def settled(config: GeneratorConfig, manifest: Manifest) -> GeneratorConfig:
    """The configuration with its start fixed: a moving start stays where the set in the home began.

    So repeating `lakehouse generate` tomorrow finds the same set in place, and does not begin another.
    """
    known = manifest.config.get("calendar", {}).get("start")
    if not config.calendar.moving or known is None:
        return config
    kept = replace(config, calendar=replace(config.calendar, start=date.fromisoformat(known)))
    return kept if described(kept) == manifest.config else config


def plan_removals(home: Path, manifest: Manifest, config: GeneratorConfig) -> list[Path]:
    """What has to go before another configuration's set: the old set's files, landing and truth; sorted."""
    if not manifest.config or manifest.config == described(config):
        return []
    landed = [home / "landing" / path for path in _landed_paths(home) if manifest.owns(path)]
    return sorted([*landed, *(home / "truth").glob("dt=*.jsonl")])


def check_landing(
    home: Path, manifest: Manifest, config: GeneratorConfig, days: Sequence[date], *, force: bool
) -> None:
    """Refuse to mix or overwrite what this configuration did not make.

    Raises:
        LandingConflictError: without `force`, when landing holds any file that this configuration did not
        make, or
            when a file of the days to write was edited; with it, only when a foreign file bears a name that
            the generator may need.
    """
    wanted = {day.isoformat() for day in days}
    paths = list(_landed_paths(home))
    if force:
        taken = [path for path in paths if not manifest.owns(path) and _is_name_of(path, wanted)]
        _refuse(home, taken, "bear a name that the generator needs, but are not its own", "Move them away.")
        return
    same_set = manifest.config == described(config)
    foreign = [path for path in paths if not (same_set and manifest.owns(path))]
    _refuse(
        home,
        foreign,
        "were not made by this seed and configuration",
        "Choose another --home, or --force to replace the generator's own old files.",
    )
    edited = [
        path
        for path in paths
        if _day_of(path) in wanted - manifest.writing and manifest.files[path] != fingerprint(home / "landing" / path)
    ]
    _refuse(home, edited, "were changed since they were generated", "--force generates them again.")


def note(manifest: Manifest, landed: Sequence[LandedFile]) -> None:
    """Take landed files up into the manifest."""
    manifest.files.update({file.path: (file.size_bytes, file.crc32) for file in landed})


def _landed_paths(home: Path) -> Iterator[str]:
    """Every file of the landing zone that a reader would see, relative to it."""
    landing = home / "landing"
    for source in Source:
        for path in sorted((landing / source).glob("dt=*/*")):
            hidden = path.name.startswith((".", "_")) or path.name.endswith((".tmp", ".part", ".inprogress"))
            if path.is_file() and not hidden:
                yield path.relative_to(landing).as_posix()


def _day_of(path: str) -> str:
    return path.split("/")[1].removeprefix("dt=")


def _is_name_of(path: str, days: set[str]) -> bool:
    return _day_of(path) in days and OWN_NAME.fullmatch(path) is not None


def _refuse(home: Path, paths: list[str], reason: str, remedy: str) -> None:
    if paths:
        named = ", ".join(paths[:MOST_NAMED_FILES]) + (" ..." if len(paths) > MOST_NAMED_FILES else "")
        raise LandingConflictError(
            f"{len(paths)} files in {home / 'landing'} {reason}: {named}. Nothing was written. {remedy}"
        )
