"""What a listing of the folder asks for: which names are files to take, which stand still, which were dealt with.

Pure functions of what the server lists and what the ledger knows; the server's names are taken for hostile. Reading
files and landing them is in `sftp`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lakehouse_assets.errors import UntrustedNameError
from lakehouse_assets.ingestion.ledger_tables import FileState, RemoteFile, RemoteVersion
from lakehouse_assets.ingestion.names import checked_name, shown_name
from lakehouse_assets.ingestion.sftp_wire import Entry, EntryKind

MARKER_ENDING = ".done"
_UNFINISHED_ENDINGS = (".tmp", ".part", ".partial", ".inprogress", ".filepart")
_ENDINGS = (".csv", ".csv.gz")


@dataclass(frozen=True)
class Candidate:
    """A name of the folder that something must become of.

    Args:
        entry: as listed.
        version: as the ledger keeps it.
        marker: the file that says that it is complete, or None.
        refusal: why it does not land, whatever is in it; empty for a file that may.
        is_read: whether a refused one is read, to be kept for a look.
    """

    entry: Entry
    version: RemoteVersion
    marker: Entry | None
    refusal: str
    is_read: bool


def candidates(listing: Sequence[Entry], path: Callable[[str], str], source: str) -> list[Candidate]:
    """The files of a listing, the earliest first: a file that was corrected twice ends as its sender left it.

    Left out are folders, names that begin with `.` or `_`, unfinished ones, and markers.

    Args:
        listing: what the server lists; a name may be there twice.
        path: where a name is on the server.
        source: name of the source.
    """
    by_name = {entry.name: entry for entry in listing}
    found = [_candidate(entry, by_name, path, source) for entry in by_name.values() if _counts(entry)]
    return sorted(found, key=lambda each: (each.entry.mtime_seconds, each.entry.name))


def stands_still(candidate: Candidate, known: RemoteFile, at: datetime, settle: timedelta) -> bool:
    """Whether a file is complete: size and time were the same for so long, or its marker came after it.

    A file that does not land anyway need not be complete, unless it is read.
    """
    is_marked = candidate.marker is not None and candidate.marker.mtime_seconds >= candidate.entry.mtime_seconds
    return is_marked or (candidate.refusal != "" and not candidate.is_read) or at - known.first_seen_at >= settle


def is_dealt_with(known: RemoteFile, standing: RemoteFile | None, contents: set[str | None]) -> bool:
    """Whether nothing is to be done about a version that is listed.

    Args:
        known: the version.
        standing: the version of this path that has a place in landing, or None.
        contents: SHA-256 of all versions that have a place in landing.
    """
    if known.state in (FileState.LANDED, FileState.REJECTED):
        return True
    if known.state is FileState.SKIPPED:
        # What it was like may have been superseded since; then it is the only one that has this content.
        return known.sha256 == standing.sha256 if standing is not None else known.sha256 in contents
    # A superseded version that is listed again was put back by its sender.
    return False


def _candidate(entry: Entry, by_name: dict[str, Entry], path: Callable[[str], str], source: str) -> Candidate:
    refusal, is_read = _refusal(entry, source)
    marker = by_name.get(entry.name + MARKER_ENDING)
    if marker is not None and marker.kind is not EntryKind.FILE:
        marker = None
    return Candidate(entry, _version(entry, path(entry.name)), marker, refusal, is_read)


def _counts(entry: Entry) -> bool:
    is_left_out = entry.name.startswith((".", "_")) and "/" not in entry.name
    return (
        entry.kind is not EntryKind.FOLDER
        and not is_left_out
        and not entry.name.endswith((MARKER_ENDING, *_UNFINISHED_ENDINGS))
    )


def _refusal(entry: Entry, source: str) -> tuple[str, bool]:
    if "/" in entry.name or "\0" in entry.name or entry.name == "":
        return f"The name {shown_name(entry.name)} leads out of the folder. It was not read.", False
    if entry.kind is not EntryKind.FILE:
        return f"{shown_name(entry.name)} is {entry.kind.value}. It was not read.", False
    if not entry.name.lower().endswith(_ENDINGS):
        return f"{shown_name(entry.name)} does not end in .csv or .csv.gz. It was not read.", False
    try:
        checked_name(entry.name, source=source)
    except UntrustedNameError as error:
        return str(error), True
    return "", False


def _version(entry: Entry, path: str) -> RemoteVersion:
    # No database takes every text that a server may send.
    kept = path if path.isprintable() else ascii(path)[1:-1]
    return RemoteVersion(kept, entry.size_bytes, entry.mtime_seconds)
