"""Every error the platform raises on purpose, under one base class.

LakehouseError
├── SettingsError        a setting, option or day range is wrong; nothing was started
├── LandingError         a landing file cannot be read (I/O, compression, changes while being read)
├── StorageError         a table cannot be read or written; main is as it was
│   └── WriteConflictError   another writer moved main between stage and publish
├── AuditError           staged rows break the contract of their table; they were dropped
└── EngineError          the engine did not start or did not answer

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
    """A landing file cannot be read; the tables are as they were."""


class StorageError(LakehouseError):
    """A table cannot be read or written; its main branch is as it was."""


class WriteConflictError(StorageError):
    """Another writer moved main between stage and publish; what was staged is dropped."""


class AuditError(LakehouseError):
    """Staged rows break the contract of their table; they were dropped and main is as it was."""


class EngineError(LakehouseError):
    """The engine did not start or did not answer; nothing was written."""
