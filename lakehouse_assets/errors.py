"""Every error the platform raises on purpose, under one base class.

LakehouseError
├── SettingsError        a setting, option or day range is wrong; nothing was started
├── LandingError         a landing file cannot be read (I/O, compression, changes while being read) or written
├── StorageError         a table cannot be read or written; main is as it was
│   └── WriteConflictError   another writer moved main between stage and publish
├── AuditError           staged rows break the contract of their table; they were dropped
├── EngineError          the engine did not start or did not answer
└── SourceError          a source cannot be pulled; it, landing and the ledger are as they were, or as the text says
    ├── SourceUnreachableError      no connection, or it broke and did not come back
    ├── SourceAuthenticationError   the source does not know these credentials
    ├── HostKeyChangedError         the server is not the one whose key is pinned; never retried
    ├── SourceNotFoundError         no such folder, table, column or stream
    ├── SourcePermissionError       these credentials may not read it
    ├── SourceReplacedError         it is not the one that was pulled before, such as a stream made anew
    ├── DataGapError                the source dropped records before they were pulled
    ├── UntrustedNameError          a name from outside that landing must not hold
    ├── NameTakenError              landing has another file of that name
    ├── DiskFullError               no space for what was pulled
    ├── PullRunningError            another process pulls this source
    └── LedgerError                 what was pulled so far cannot be read or noted

Bad *lines* are no errors: they go to quarantine. Dagster's `Failure` and exit codes are made in the wiring.
"""

from __future__ import annotations


class LakehouseError(Exception):
    """What happened, where, what was left untouched, and what to do next.

    Args:
        message: the whole text for a person; complete without the fields.
        table: full name such as `silver.events`, where there is one.
        partition: the arrival day as YYYY-MM-DD, where there is one.
        file: path below `landing/`, where there is one.
        line: physical line number in that file, 1-based.
    """

    def __init__(
        self,
        message: str,
        *,
        table: str | None = None,
        partition: str | None = None,
        file: str | None = None,
        line: int | None = None,
    ) -> None:
        super().__init__(message)
        self.table = table
        self.partition = partition
        self.file = file
        self.line = line


class SettingsError(LakehouseError):
    """A setting, option or day range is wrong; nothing was started."""


class LandingError(LakehouseError):
    """A landing file cannot be read or written; the tables are as they were."""


class StorageError(LakehouseError):
    """A table cannot be read or written; its main branch is as it was."""


class WriteConflictError(StorageError):
    """Another writer moved main between stage and publish; what was staged is dropped."""


class AuditError(LakehouseError):
    """Staged rows break the contract of their table; they were dropped and main is as it was."""


class EngineError(LakehouseError):
    """The engine did not start or did not answer; nothing was written."""


class SourceError(LakehouseError):
    """A source cannot be pulled. The text never holds a secret.

    Args:
        message: what happened, to which source, what was left untouched, what to do next.
        source: name of the source, such as `transactions`.
        file: as of `LakehouseError`, or the name at the source.
    """

    def __init__(self, message: str, *, source: str, file: str | None = None) -> None:
        super().__init__(message, file=file)
        self.source = source


class SourceUnreachableError(SourceError):
    """No connection to the source, or it broke and did not come back within the retries."""


class SourceAuthenticationError(SourceError):
    """The source does not know these credentials; not retried, since accounts get locked by that."""


class HostKeyChangedError(SourceError):
    """The server shows another key than the pinned one; fatal, never retried, nothing was sent to it."""


class SourceNotFoundError(SourceError):
    """The source has no such folder, table, column or stream."""


class SourcePermissionError(SourceError):
    """The source knows these credentials, and they may not read what is asked for."""


class SourceReplacedError(SourceError):
    """The source is not the one that was pulled before, such as a stream of the same name made anew."""


class DataGapError(SourceError):
    """The source dropped records, by its retention, before they were pulled; says which and how many."""


class UntrustedNameError(SourceError):
    """A name from outside that landing must not hold; nothing was written."""


class NameTakenError(SourceError):
    """Landing has another file of that name; it was left as it is."""


class DiskFullError(SourceError):
    """No space for what was pulled; the unfinished file was removed."""


class PullRunningError(SourceError):
    """Another process pulls this source; nothing was started."""


class LedgerError(SourceError):
    """What was pulled so far cannot be read or noted; it is as it was."""
