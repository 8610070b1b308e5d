"""Files into `landing/<source>/dt=<day>/`, whole or absent.

A file grows in `landing/<source>/.incoming/` under a name that landing ignores, gets its size and SHA-256 on the way,
is flushed to the disk, and only then renamed; the folder is flushed after that. What a killed pull leaves there is
removed by the next (`pull` holds the lock that makes this safe). What landed according to the ledger, and in which
order file and ledger change, is in `pull`; which files count for a reader is in `landing.files`.

`landing/_rejected/<source>/dt=<day>/` has files that were refused, each with its reason beside it; no reader looks
there.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from lakehouse_assets.errors import DiskFullError, LandingError, NameTakenError
from lakehouse_assets.ingestion.names import checked_name, harmless_name, numbered_name

logger = logging.getLogger(__name__)

INCOMING = ".incoming"
REJECTED = "_rejected"
REASON_ENDING = ".reason.txt"
_PART = ".part"
_READ_BYTES = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True)
class WrittenFile:
    """A finished file, still under its temporary name or already in its place.

    Args:
        source_file: its place, below `landing/`, with `/`.
        temporary: its temporary name, below `landing/`.
        size_bytes: of the bytes as they are stored.
        sha256: of these bytes, as hexadecimal digits.
        replaces: whether a file that has the place may be replaced.
    """

    source_file: str
    temporary: str
    size_bytes: int
    sha256: str
    replaces: bool = False


class PendingFile:
    """A file that is being written: takes bytes, also from `gzip.GzipFile(fileobj=...)`.

    Args:
        source_file: where it will stand, below `landing/`.
        path: where it grows.
        temporary: that, below `landing/`.
        replaces: as of `WrittenFile`.
        stream: open for writing at `path`.
    """

    def __init__(self, source_file: str, path: Path, temporary: str, replaces: bool, stream: BinaryIO) -> None:
        self.path = path
        self._stream = stream
        self._digest = hashlib.sha256()
        self._written = WrittenFile(source_file, temporary, 0, "", replaces)

    @property
    def size_bytes(self) -> int:
        return self._written.size_bytes

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    @property
    def source_file(self) -> str:
        return self._written.source_file

    def write(self, data: bytes) -> int:
        """Add bytes.

        Raises:
            DiskFullError: no space is left.
        """
        with self._translated():
            self._stream.write(data)
        self._digest.update(data)
        self._written = replace(self._written, size_bytes=self._written.size_bytes + len(data))
        return len(data)

    def flush(self) -> None:
        """Hand over to the system, so that the file can be read at `path`."""
        with self._translated():
            self._stream.flush()

    def finish(self) -> WrittenFile:
        """Bring it onto the disk and close it; may be called again."""
        with self._translated():
            if not self._stream.closed:
                self._stream.flush()
                os.fsync(self._stream.fileno())
                self._stream.close()
        return replace(self._written, sha256=self.sha256)

    def _translated(self) -> AbstractContextManager[None]:
        return _translated(self.source_file.split("/")[0], self.source_file)


class LandingWriter:
    """The files of one source.

    Args:
        landing: the landing folder; made when needed.
        source: name of the source.
    """

    def __init__(self, landing: Path, source: str) -> None:
        self._landing = landing.resolve()
        self._source = source

    @contextmanager
    def writing(self, day: date, name: str, *, replaces: bool = False) -> Iterator[PendingFile]:
        """A file to write; what was not placed when the block ends is removed.

        Args:
            day: arrival day.
            name: from outside, checked here.
            replaces: whether a file that has this place may be replaced by it.

        Raises:
            UntrustedNameError: landing may not hold a file of that name.
            DiskFullError: no space is left.
            LandingError: landing cannot be written.
        """
        source_file = f"{self._source}/dt={day.isoformat()}/{checked_name(name, source=self._source)}"
        temporary = f"{self._source}/{INCOMING}/{uuid4().hex}{_PART}"
        path = self._landing / temporary
        with _translated(self._source, source_file):
            self._make_folder(path.parent)
            stream = _create(path)
        try:
            yield PendingFile(source_file, path, temporary, replaces, stream)
        finally:
            _close_whatever_happens(stream)
            path.unlink(missing_ok=True)

    def free_name(self, day: date, name: str) -> str:
        """The name, or with a number where landing has a file of that name on the day."""
        folder = self._landing / self._source / f"dt={day.isoformat()}"
        number = 1
        while os.path.lexists(folder / numbered_name(name, number)):
            number += 1
        return numbered_name(name, number)

    def check_free(self, files: Sequence[WrittenFile]) -> None:
        """Refuse files whose place is taken.

        Raises:
            NameTakenError: landing has another file there, or two of these have one place.
        """
        seen: set[str] = set()
        for file in files:
            if not self.has_room_for(file) or file.source_file in seen:
                raise NameTakenError(
                    f"landing/{file.source_file} is there already. It was left as it is, and nothing of this pull was "
                    "put beside it. Move that file away, or take a free name.",
                    source=self._source,
                    file=file.source_file,
                )
            seen.add(file.source_file)

    def has_room_for(self, file: WrittenFile) -> bool:
        """Whether its place is free, or may be taken."""
        return file.replaces or not os.path.lexists(self._landing / file.source_file)

    def place(self, file: WrittenFile) -> None:
        """Rename a finished file into its place and flush the folder.

        Raises:
            DiskFullError: no space is left.
            LandingError: landing cannot be written.
        """
        target = self._landing / file.source_file
        with _translated(self._source, file.source_file):
            self._make_folder(target.parent)
            (self._landing / file.temporary).replace(target)
            _flush_folder(target.parent)

    def holds(self, file: WrittenFile) -> bool:
        """Whether its place has this file, by content."""
        return _has_content(self._landing / file.source_file, file)

    def holds_temporary(self, file: WrittenFile) -> bool:
        """Whether it still waits, whole, under its temporary name."""
        return _has_content(self._landing / file.temporary, file)

    def reject(self, file: PendingFile, name: str, day: date, reason: str) -> str:
        """Keep a file for a person to look at, with a reason file beside it; the same content once a day.

        Args:
            file: what was written.
            name: from outside; may be one that landing does not take.
            day: UTC day on which it was refused.
            reason: why, in words.

        Returns:
            Where it is, below `landing/`.

        Raises:
            DiskFullError: no space is left.
            LandingError: landing cannot be written.
        """
        written = file.finish()
        folder = self._landing / REJECTED / self._source / f"dt={day.isoformat()}"
        with _translated(self._source, f"{REJECTED}/{file.source_file}"):
            self._make_folder(folder)
            target = _free_or_same(folder, harmless_name(name), written)
            # The reason first: a refused file never stands there without one.
            self._put(target.with_name(target.name + REASON_ENDING), f"{reason}\n".encode())
            file.path.replace(target)
            _flush_folder(folder)
        return target.relative_to(self._landing).as_posix()

    def _put(self, target: Path, content: bytes) -> None:
        """A small file, by way of `.incoming`: only there leftovers are looked for."""
        path = self._landing / self._source / INCOMING / f"{uuid4().hex}{_PART}"
        with _create(path) as stream:
            stream.write(content)
        path.replace(target)

    def remove_leftovers(self) -> int:
        """Remove what killed pulls of this source left; only for who holds the lock of the source.

        Returns:
            How many files.
        """
        leftovers = list((self._landing / self._source / INCOMING).glob(f"*{_PART}"))
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)
        if leftovers:
            logger.info("%s: removed %d unfinished files of a pull that was ended", self._source, len(leftovers))
        return len(leftovers)

    def _make_folder(self, folder: Path) -> None:
        """Make a folder below landing, flushed; a link in its path would lead out of landing."""
        self._landing.mkdir(parents=True, exist_ok=True)
        here = self._landing
        for part in folder.relative_to(self._landing).parts:
            above, here = here, here / part
            if here.is_symlink():
                raise LandingError(f"{here} is a link. Nothing was written through it. Put a real folder there.")
            if not here.is_dir():
                here.mkdir(exist_ok=True)
                _flush_folder(above)


def _create(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb")


def _close_whatever_happens(stream: BinaryIO) -> None:
    try:
        stream.close()
    except OSError as error:
        # Of a full disk; the error that led here says so already, and the file goes.
        logger.debug("an unfinished file could not be closed: %s", error.strerror)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _has_content(path: Path, file: WrittenFile) -> bool:
    if path.is_symlink() or not path.is_file() or path.stat().st_size != file.size_bytes:
        return False
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest() == file.sha256


def _free_or_same(folder: Path, name: str, file: WrittenFile) -> Path:
    number = 1
    while os.path.lexists(path := folder / numbered_name(name, number)) and not _has_content(path, file):
        number += 1
    return path


@contextmanager
def _translated(source: str, source_file: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFullError(
                f"The disk of landing is full: {source_file} could not be written. It was removed, and the source "
                "counts it as not pulled. Free space, then pull again.",
                source=source,
                file=source_file,
            ) from error
        raise LandingError(
            f"{source_file} cannot be written below landing: {error.strerror}. Nothing of it was kept, and the source "
            "counts it as not pulled. Check the folder's permissions, then pull again.",
            file=source_file,
        ) from error
