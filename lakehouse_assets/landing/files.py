"""Which files landed: listing days and files of a source, and digests of a day's files and of their content.

The layout is `landing/<source>/dt=YYYY-MM-DD/<name>.{json,jsonl,ndjson,csv}[.gz]` (docs/landing.md). File contents are
read in `lines`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from lakehouse_assets.errors import LandingError

_DAY = re.compile(r"dt=(\d{4}-\d{2}-\d{2})", re.ASCII)
_DATA_FILE = re.compile(r"[^._].*\.(json|jsonl|ndjson|csv)(\.gz)?", re.DOTALL)
_HASH_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, order=True)
class LandingFile:
    """One file that counts.

    Args:
        source_file: path below `landing/`, with `/`; the value of the column of that name.
        path: where it is.
        size_bytes: size when listed.
        mtime_ns: modification time when listed, nanoseconds since the epoch.
    """

    source_file: str
    path: Path
    size_bytes: int
    mtime_ns: int


def is_data_file(name: str) -> bool:
    """Whether a file of this name counts: it does not begin with `.` or `_` and has an ending that is read."""
    return _DATA_FILE.fullmatch(name) is not None


def list_days(landing: Path, source: str) -> list[date]:
    """Arrival days for which the source has a folder, ascending; folders of any other name are no days."""
    return sorted(day for day, _ in _day_folders(landing / source))


def list_files(landing: Path, source: str, day: date) -> list[LandingFile]:
    """The files of one arrival day that count, by source_file; empty where the folder is absent.

    Not counted: names beginning with `.` or `_`, unfinished ones (`.tmp`, `.part`, `.inprogress`) and other endings.

    Raises:
        LandingError: the folder cannot be listed.
    """
    folder = landing / source / f"dt={day.isoformat()}"
    try:
        return sorted(_files_in(folder, prefix=f"{source}/{folder.name}"))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LandingError(
            f"{folder} cannot be listed: {error.strerror}. No table was changed. "
            "Check the folder's permissions and run again.",
            partition=day.isoformat(),
        ) from error


def fingerprint(files: Iterable[LandingFile]) -> str:
    """A digest of the files' paths and contents: equal exactly when bronze would hold the same lines.

    Contents are hashed rather than times compared, since a corrected file may keep its size and time.

    Raises:
        LandingError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.source_file.encode("utf-8", "surrogateescape") + b"\0")
        digest.update(_content_digest(file))
    return digest.hexdigest()[:32]


def listing_digest(files: Iterable[LandingFile]) -> str:
    """A digest of the files' paths, sizes and times: quick, and as it was while nothing came, changed or went."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.source_file}\0{file.size_bytes}\0{file.mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def _day_folders(folder: Path) -> Iterator[tuple[date, Path]]:
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        match = _DAY.fullmatch(entry.name)
        if match and entry.is_dir():
            try:
                yield date.fromisoformat(match[1]), entry
            except ValueError:
                continue


def _files_in(folder: Path, prefix: str) -> Iterator[LandingFile]:
    for entry in folder.iterdir():
        if not is_data_file(entry.name):
            continue
        try:
            status = entry.stat()
        except FileNotFoundError:
            continue
        if entry.is_file():
            yield LandingFile(f"{prefix}/{entry.name}", entry, status.st_size, status.st_mtime_ns)


def _content_digest(file: LandingFile) -> bytes:
    digest = hashlib.sha256()
    try:
        with file.path.open("rb") as stream:
            while chunk := stream.read(_HASH_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise LandingError(
            f"{file.source_file} cannot be read: {error.strerror}. No table was changed. "
            "Make the file readable, or remove it, and run the day again.",
            file=file.source_file,
        ) from error
    return digest.digest()
