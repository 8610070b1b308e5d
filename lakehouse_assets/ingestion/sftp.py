"""Transactions by SFTP: new and corrected CSV files of one folder, each into landing once.

List, wait until a file stands still, download under a temporary name, check, land by the protocol of `pull`. The
client is `sftp_client`, what a listing asks for `sftp_listing`, what makes a file fit to land `delivered_csv`; when
Dagster pulls is in `sources`. Nothing on the server is ever changed.

**A file that comes again with new content takes the place of the one that landed**, in its arrival day, by one rename;
that day is then materialised anew. Were it put beside that one, under today, deduplication would let the newer of two
versions of a row win, but a row that the sender took back would stay, and one whose time was corrected to an earlier
one would lose. Taking the old file away and landing the new one today would do that, but be two changes, between which
rows are absent, and a correction that comes after 30 days would fail `transaction_timestamp_in_range` by its new
arrival day. So landing holds of each name what the server shows, which is what makes a recompute from the source equal.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from lakehouse_assets.contracts.sources import TRANSACTIONS
from lakehouse_assets.errors import (
    SourceError,
    SourceNotFoundError,
    SourcePermissionError,
    SourceUnreachableError,
)
from lakehouse_assets.ingestion.clock import Clock, Now, SystemClock
from lakehouse_assets.ingestion.delivered_csv import (
    MAX_MANIFEST_BYTES,
    Declared,
    Delivered,
    RefusedFileError,
    copy_without_trailer,
    judge_delivered,
    parse_manifest,
)
from lakehouse_assets.ingestion.landing_writer import PendingFile
from lakehouse_assets.ingestion.ledger import Ledger
from lakehouse_assets.ingestion.ledger_tables import Advance, FileState, RemoteFile, RemoteOutcome
from lakehouse_assets.ingestion.names import shown_name
from lakehouse_assets.ingestion.options import SftpOptions
from lakehouse_assets.ingestion.pull import Destination, Pull, open_pull
from lakehouse_assets.ingestion.report import PullReport
from lakehouse_assets.ingestion.retries import RetryPolicy, with_retries
from lakehouse_assets.ingestion.sftp_client import SftpClient
from lakehouse_assets.ingestion.sftp_listing import Candidate, candidates, is_dealt_with, stands_still
from lakehouse_assets.ingestion.source import ReportProgress, SourceStatus, no_progress

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")

NAME = TRANSACTIONS.name
# What takes longer to stand still is taken by the next pull; this one would only hold the lock.
_LONGEST_WAIT = timedelta(minutes=5)
_MOST_WARNINGS = 20
# For a refused file whose own name cannot stand; it is kept under a harmless one.
_NAME_WHILE_READ = "refused.csv"


class SftpSource:
    """The source.

    Args:
        options: which server and folder.
        destination: where it lands.
        clock: for the time between two listings.
        retries: for an attempt that the connection breaks.
    """

    def __init__(
        self,
        options: SftpOptions,
        destination: Destination,
        clock: Clock | None = None,
        retries: RetryPolicy | None = None,
    ) -> None:
        self._options = options
        self._destination = destination
        self._clock = clock or SystemClock()
        self._retries = retries

    def check(self, now: datetime) -> SourceStatus:
        """What waits on the server, see `Source.check`; one attempt."""
        with closing(SftpClient(self._options, NAME)) as client:
            found = candidates(client.list_folder(), client.path, NAME)
        with self._destination.open_ledger(NAME) as ledger:
            known = {file.version: file for file in ledger.remote_files()}
            standing = _Standing(ledger)
        waiting = [each for each in found if each.version not in known or not standing.is_done(known[each.version])]
        size = sum(each.entry.size_bytes for each in waiting)
        options = self._options
        place = f"{options.user}@{options.host}:{options.port}, folder {options.folder}"
        return SourceStatus(f"{len(waiting)} files, {size / 1e6:.1f} MB", f"{place}, {len(found)} files in it")

    def pull(self, now: datetime, progress: ReportProgress = no_progress) -> PullReport:
        """Land what is new and stands still, see `Source.pull`.

        Files that are new are looked at a second time after the settling time; those that changed by then, or while
        they were read, wait for the next pull.

        Raises:
            SourceError: the server cannot be pulled, or single files of it cannot be read; the others landed.
            LandingError: landing cannot be written.
        """
        with open_pull(self._destination, NAME, now) as pull, closing(SftpClient(self._options, NAME)) as client:
            files = _Files(self._options, client, pull, Now(now, self._clock), self._retries, progress)
            files.count(self._destination.landing, pull.recovered)
            return files.pull()


@dataclass(frozen=True)
class _Place:
    """Where a file lands, and the version that it takes the place of."""

    day: date
    name: str
    supersedes: RemoteFile | None


class _Standing:
    """The versions that have a place in landing, by the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        landed = [file for file in ledger.remote_files() if file.state is FileState.LANDED]
        self.by_path = {file.version.path: file for file in landed}
        self._contents = {file.sha256 for file in landed}

    def is_done(self, known: RemoteFile) -> bool:
        return is_dealt_with(known, self.by_path.get(known.version.path), self._contents)


class _Files:
    """One pull, with what came of it so far."""

    def __init__(
        self,
        options: SftpOptions,
        client: SftpClient,
        pull: Pull,
        now: Now,
        retries: RetryPolicy | None,
        progress: ReportProgress,
    ) -> None:
        self._settle = timedelta(seconds=options.settle_seconds)
        self._client = client
        self._pull = pull
        self._now = now
        self._retries = retries
        self._progress = progress
        self._tried: set[Candidate] = set()
        self._standing = _Standing(pull.ledger)
        self._waiting: list[tuple[Candidate, RemoteFile]] = []
        self._changed: list[RemoteFile] = []
        self._landed: list[str] = []
        self._rows = self._bytes = self._skipped = self._rejected = 0
        self._warnings: list[str] = []
        self._failure: SourceError | None = None

    def count(self, landing: Path, recovered: Sequence[str]) -> None:
        """Count what a killed pull had brought and nobody was told of."""
        for place in recovered:
            path = landing / place
            self._landed.append(place)
            self._bytes += path.stat().st_size
            self._rows += judge_delivered(path, path.name, TRANSACTIONS, Declared(), "").rows

    def pull(self) -> PullReport:
        self._look()
        self._take_what_stands_still()
        if self._waiting and self._settle <= _LONGEST_WAIT:
            self._now.wait_until(max(known.first_seen_at for _, known in self._waiting) + self._settle)
            self._look()
            self._take_what_stands_still()
        if self._failure is not None:
            # The report that would hold them is not made.
            for warning in self._warnings:
                logger.warning("%s", warning)
            raise self._failure
        return self._report()

    def _look(self) -> None:
        """List the folder; what nothing became of yet waits."""
        listing = self._with_retries("list the folder", self._client.list_folder)
        found = candidates(listing, self._client.path, NAME)
        known = self._pull.ledger.see([each.version for each in found], self._now())
        self._standing = _Standing(self._pull.ledger)
        self._waiting = [pair for pair in zip(found, known, strict=True) if not self._standing.is_done(pair[1])]

    def _take_what_stands_still(self) -> None:
        now, waiting = self._now(), self._waiting
        self._waiting = []
        for number, (candidate, known) in enumerate(waiting):
            if candidate in self._tried:
                continue
            if not stands_still(candidate, known, now, self._settle):
                self._waiting.append((candidate, known))
                continue
            self._tried.add(candidate)
            name = shown_name(candidate.entry.name)
            self._progress(f"{name}, {number + 1} of {len(waiting)} files, {candidate.entry.size_bytes / 1e6:.1f} MB")
            if not self._take(candidate):
                self._changed.append(known)

    def _take(self, candidate: Candidate) -> bool:
        """Deal with one file; what is wrong with it alone leaves the others alone. False where it waits."""
        name = shown_name(candidate.entry.name)
        try:
            return self._with_retries(f"read {name}", lambda: self._take_once(candidate))
        except SourceNotFoundError:
            logger.info("%s: %s went while it was pulled", NAME, name)
        except SourcePermissionError as error:
            self._failure = self._failure or error
        except SourceUnreachableError as error:
            self._failure = self._failure or error
            # Is it this file, or the server?
            self._with_retries("reach it again", self._client.list_folder)
        return True

    def _take_once(self, candidate: Candidate) -> bool:
        if candidate.refusal and not candidate.is_read:
            self._note_refused(candidate, None, None, candidate.refusal)
            return True
        place = self._place(candidate)
        with self._pull.writing(place.day, place.name, replaces=place.supersedes is not None) as file:
            self._client.read(candidate.entry.name, candidate.entry.size_bytes, file.write)
            file.flush()
            if not self._is_whole(candidate, file):
                return False
            if candidate.refusal:
                self._refuse(candidate, file, candidate.refusal)
            elif not self._is_skipped(candidate, file, place):
                self._land_if_fit(candidate, file, place)
        return True

    def _place(self, candidate: Candidate) -> _Place:
        standing = self._standing.by_path.get(candidate.version.path)
        if standing is not None and standing.landed_as is not None:
            _, day, name = standing.landed_as.split("/")
            return _Place(date.fromisoformat(day.removeprefix("dt=")), name, standing)
        today = self._now().date()
        name = _NAME_WHILE_READ if candidate.refusal else candidate.entry.name
        return _Place(today, self._pull.free_name(today, name), None)

    def _is_whole(self, candidate: Candidate, file: PendingFile) -> bool:
        """Whether what was read is what was listed, and is still what the server has."""
        listed, name = candidate.entry, shown_name(candidate.entry.name)
        if self._client.look(listed.name) != listed:
            # It grows, or is put there anew: the next look sees another version.
            logger.info("%s: %s changed while it was read; it waits for the next pull", NAME, name)
            return False
        if file.size_bytes != listed.size_bytes:
            raise SourceUnreachableError(
                f"{name} is listed with {listed.size_bytes:,} bytes, but the server sends "
                f"{'more' if file.size_bytes > listed.size_bytes else f'{file.size_bytes:,}'}. It did not land. Ask "
                "the server's operator.",
                source=NAME,
                file=name,
            )
        return True

    def _is_skipped(self, candidate: Candidate, file: PendingFile, place: _Place) -> bool:
        """Note a file whose content stands in landing already."""
        twin = place.supersedes or self._pull.ledger.landed_with_content(file.sha256)
        if twin is None or twin.sha256 != file.sha256:
            return False
        reason = f"same content as {twin.version.path}, which landed as {twin.landed_as}"
        self._note(RemoteOutcome(candidate.version, FileState.SKIPPED, file.sha256, None, reason))
        self._skipped += 1
        if place.supersedes is None:
            self._warn(f"{shown_name(candidate.entry.name)} was not taken: {reason}.")
        return True

    def _land_if_fit(self, candidate: Candidate, file: PendingFile, place: _Place) -> None:
        try:
            declared = self._declared(candidate)
            delivered = judge_delivered(file.path, candidate.entry.name, TRANSACTIONS, declared, file.sha256)
        except RefusedFileError as error:
            self._refuse(candidate, file, str(error))
            return
        if delivered.has_trailer:
            with self._pull.writing(place.day, place.name, replaces=place.supersedes is not None) as bare:
                copy_without_trailer(file.path, place.name, bare.write)
                self._land(candidate, bare, file.sha256, place, delivered)
        else:
            self._land(candidate, file, file.sha256, place, delivered)

    def _declared(self, candidate: Candidate) -> Declared:
        marker = candidate.marker
        if marker is None or marker.mtime_seconds < candidate.entry.mtime_seconds:
            # One that is older than the file speaks of an earlier version of it.
            return Declared()
        content = bytearray()
        try:
            self._client.read(marker.name, min(marker.size_bytes, MAX_MANIFEST_BYTES), content.extend)
        except SourceNotFoundError:
            return Declared()
        return parse_manifest(bytes(content[:MAX_MANIFEST_BYTES]))

    def _land(self, candidate: Candidate, file: PendingFile, sha256: str, place: _Place, delivered: Delivered) -> None:
        outcomes = [RemoteOutcome(candidate.version, FileState.LANDED, sha256, file.source_file)]
        old = place.supersedes
        if old is not None and old.version != candidate.version:
            reason = f"a later version of {shown_name(candidate.entry.name)} took its place"
            outcomes.append(RemoteOutcome(old.version, FileState.SUPERSEDED, old.sha256, old.landed_as, reason))
        self._landed += self._pull.land([file], Advance(remote_files=tuple(outcomes)), self._now())
        self._rows += delivered.rows
        self._bytes += file.size_bytes
        if old is not None:
            self._warn(
                f"{shown_name(candidate.entry.name)} came with new content, which took the place of "
                f"{file.source_file}; that day is to be materialised again."
            )

    def _refuse(self, candidate: Candidate, file: PendingFile, reason: str) -> None:
        kept_as = self._pull.reject(file, candidate.entry.name, self._now().date(), reason)
        self._note_refused(candidate, file.sha256, kept_as, reason)

    def _note_refused(self, candidate: Candidate, sha256: str | None, kept_as: str | None, reason: str) -> None:
        self._note(RemoteOutcome(candidate.version, FileState.REJECTED, sha256, kept_as, reason))
        self._rejected += 1
        kept = f" It is kept as {kept_as}." if kept_as is not None else ""
        self._warn(f"{shown_name(candidate.entry.name)} was refused: {reason}{kept}")

    def _note(self, outcome: RemoteOutcome) -> None:
        self._pull.ledger.advance(Advance(remote_files=(outcome,)), self._now())

    def _warn(self, sentence: str) -> None:
        self._warnings.append(sentence)

    def _with_retries(self, what: str, action: Callable[[], _Result]) -> _Result:
        return with_retries(
            action,
            what=f"{NAME}: {what}",
            is_transient=lambda error: isinstance(error, SourceUnreachableError),
            policy=self._retries,
        )

    def _report(self) -> PullReport:
        shown = self._warnings[:_MOST_WARNINGS]
        if len(self._warnings) > len(shown):
            shown.append(f"And {len(self._warnings) - len(shown)} more; the ledger has them all.")
        now = self._now()
        left = [*self._changed, *(known for _, known in self._waiting)]
        waits = [(now - known.first_seen_at).total_seconds() for known in left]
        return PullReport(
            NAME,
            tuple(self._landed),
            rows=self._rows,
            bytes=self._bytes,
            skipped=self._skipped,
            rejected=self._rejected,
            lag_seconds=max(waits, default=0.0),
            seconds=self._now.elapsed_seconds,
            warnings=tuple(shown),
        )
