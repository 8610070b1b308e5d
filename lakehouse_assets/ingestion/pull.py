"""A pull of one source: its lock, its ledger, its files in landing, and the order in which they change.

Of one source one pull runs at a time. The lock is a file that the process holds and the system lets go of, however the
process ends. Files land by this protocol; a process may be killed, or the power go, at any line of it:

1. The files are written under temporary names and flushed to the disk. The ledger knows nothing of them yet.
2. `Ledger.begin`, one transaction: a landing in state `landing` with each file's temporary name, final name, size and
   SHA-256, and the `Advance`: what becomes true of the source (watermark, checkpoints, states of remote files).
3. Each file is renamed to its final name; its folder is flushed.
4. `Ledger.finish`, one transaction: the `Advance` comes true, the landing is `landed`.

The next pull begins with the landings that are still in state `landing`. A file is in its place (killed after 3), or
still whole under its temporary name (killed between 2 and 3) and then renamed now; once all are in place, step 4 is
done. So what landed is never pulled again, and what was pulled is not lost. Killed before 2, the files are removed and
pulled again. A landing of which a file is gone from both places, which no kill causes, is `forgotten`: the source is
where it was before, and the files are pulled again; rows that landed twice by that are made one by silver's
deduplication.

The lock keeps pulls on one machine apart: `landing/` and the ledger belong to one machine at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import URL

from lakehouse_assets.errors import LedgerError, PullRunningError
from lakehouse_assets.ingestion.landing_writer import LandingWriter, PendingFile, WrittenFile
from lakehouse_assets.ingestion.ledger import Ledger, open_ledger
from lakehouse_assets.ingestion.ledger_tables import Advance

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Destination:
    """Where pulls land, and where they note it.

    Args:
        landing: the landing folder.
        locks: folder of the lock files.
        ledger: address of the ledger's database; its `repr` hides the password.
    """

    landing: Path
    locks: Path
    ledger: URL

    def open_ledger(self, source: str) -> AbstractContextManager[Ledger]:
        """The ledger to look into, without a lock: for `Source.check`."""
        return open_ledger(self.ledger, source)


class Pull:
    """What a source works with while it holds its lock.

    Args:
        ledger: what was pulled so far.
        writer: of this source.
        recovered: files that a killed pull had brought, and that were put in place now; below `landing/`.
    """

    def __init__(self, ledger: Ledger, writer: LandingWriter, recovered: tuple[str, ...]) -> None:
        self.ledger = ledger
        self.recovered = recovered
        self._writer = writer

    def writing(self, day: date, name: str, *, replaces: bool = False) -> AbstractContextManager[PendingFile]:
        """A file to write and then `land` or `reject`, see `LandingWriter.writing`."""
        return self._writer.writing(day, name, replaces=replaces)

    def free_name(self, day: date, name: str) -> str:
        """See `LandingWriter.free_name`."""
        return self._writer.free_name(day, name)

    def land(self, files: Sequence[PendingFile], advance: Advance, now: datetime) -> tuple[str, ...]:
        """Bring files into landing, and make `advance` true: all of it or, until the next pull, nothing.

        Args:
            files: at least one; written whole.
            advance: what becomes true by this.
            now: the time.

        Returns:
            Their places below `landing/`.

        Raises:
            NameTakenError: landing has another file there; nothing was done.
            DiskFullError: no space is left.
            LandingError: landing cannot be written.
            LedgerError: the ledger cannot be written; the next pull finds out how far this one came.
        """
        written = [file.finish() for file in files]
        self._writer.check_free(written)
        landing_id = self.ledger.begin(written, advance, now)
        for file in written:
            self._writer.place(file)
        self.ledger.finish(landing_id, now)
        return tuple(file.source_file for file in written)

    def reject(self, file: PendingFile, name: str, day: date, reason: str) -> str:
        """Keep a file in `landing/_rejected/`, see `LandingWriter.reject`; the source notes it by `ledger.advance`."""
        return self._writer.reject(file, name, day, reason)


@contextmanager
def open_pull(destination: Destination, source: str, now: datetime) -> Iterator[Pull]:
    """Begin a pull: take the lock, finish or undo what a killed pull left, remove its unfinished files.

    Args:
        destination: where it lands.
        source: name of the source.
        now: the time.

    Raises:
        PullRunningError: another pull of this source runs; nothing was done.
        LedgerError: the ledger cannot be used.
    """
    with _lock(destination.locks / f"ingestion-{source}.lock", source), destination.open_ledger(source) as ledger:
        writer = LandingWriter(destination.landing, source)
        recovered = _recover(ledger, writer, source, now)
        # Only now: recovery puts some of them in place.
        writer.remove_leftovers()
        yield Pull(ledger, writer, recovered)


def _recover(ledger: Ledger, writer: LandingWriter, source: str, now: datetime) -> tuple[str, ...]:
    recovered: list[str] = []
    for landing_id, files in ledger.unfinished().items():
        # All are looked at before the first is moved.
        waiting = [file for file in files if not writer.holds(file)]
        if all(_can_be_placed(writer, file) for file in waiting):
            for file in waiting:
                writer.place(file)
            ledger.finish(landing_id, now)
            recovered += [file.source_file for file in files]
            logger.info("%s: a pull was ended while it landed files; finished: %s", source, _names(files))
        else:
            ledger.forget(landing_id, now)
            logger.warning("%s: a pull was ended and its files are gone; pulled again: %s", source, _names(files))
    return tuple(recovered)


def _can_be_placed(writer: LandingWriter, file: WrittenFile) -> bool:
    return writer.holds_temporary(file) and writer.has_room_for(file)


def _names(files: Sequence[WrittenFile]) -> str:
    return ", ".join(file.source_file for file in files)


@contextmanager
def _lock(lock_file: Path, source: str) -> Iterator[None]:
    try:
        lock_file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(lock_file)
        lock.acquire(timeout=0)
    except Timeout:
        raise PullRunningError(
            f"Another pull of {source} runs. Nothing was pulled. Wait until it has ended; if none runs, see who holds "
            f"{lock_file}.",
            source=source,
        ) from None
    except OSError as error:
        raise LedgerError(
            f"{lock_file} cannot be made: {error.strerror}. Nothing was pulled from {source}. Check the folder.",
            source=source,
        ) from error
    try:
        yield
    finally:
        # The file stays: one that is removed while another waits for it would give two processes the lock.
        lock.release()
