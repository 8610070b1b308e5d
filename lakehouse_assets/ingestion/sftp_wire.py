"""What the SFTP client says over a connection, where paramiko's own way would not do: listing a folder, reading a file.

It uses methods of paramiko's client that are not public; `test_sftp_client` runs them against a real server. Errors
come through as paramiko raises them; `sftp_client` translates them.
"""

from __future__ import annotations

import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import paramiko
from paramiko.sftp import CMD_CLOSE, CMD_DATA, CMD_NAME, CMD_OPENDIR, CMD_READ, CMD_READDIR, CMD_STATUS, int64

_BLOCK_BYTES = 32_768
# 2 MiB: one round trip for so much, and no more in memory, however large the file.
_BLOCKS_ASKED_FOR = 64


class EntryKind(Enum):
    """What a name in the folder stands for, links not followed."""

    FILE = "a file"
    FOLDER = "a folder"
    LINK = "a link"
    OTHER = "no regular file"


@dataclass(frozen=True)
class Entry:
    """A name in the folder.

    Args:
        name: as the server gives it, so anything; bytes that are not UTF-8 are surrogates.
        kind: what it is.
        size_bytes: as listed; 0 where the server tells none.
        mtime_seconds: as listed, since the epoch; 0 where the server tells none.
    """

    name: str
    kind: EntryKind
    size_bytes: int
    mtime_seconds: int


class Reader:
    """Reads a file with many requests under way: one at a time costs a round trip for 32 KiB.

    Not paramiko's own `prefetch`: its thread spins for ever once a connection broke, and it keeps a request for every
    block of the file. `paramiko` gives answers to what asked, by `_async_response`.
    """

    def __init__(self, sftp: paramiko.SFTPClient, handle: object) -> None:
        self._sftp: Any = sftp
        self._handle = handle
        self._answers: dict[int, bytes] = {}

    def blocks(self, size_bytes: int) -> Iterator[bytes]:
        """The content up to its end or the size, in order."""
        asked: deque[tuple[int, int, int]] = deque()
        offset = 0
        while offset < size_bytes or asked:
            while offset < size_bytes and len(asked) < _BLOCKS_ASKED_FOR:
                length = min(_BLOCK_BYTES, size_bytes - offset)
                asked.append((self._ask(offset, length), offset, length))
                offset += length
            number, start, length = asked.popleft()
            block = self._answer(number)
            # Servers may send less than was asked for, also before the end of a file.
            while block and len(block) < length:
                yield block
                start, length = start + len(block), length - len(block)
                block = self._answer(self._ask(start, length))
            if len(block) > length:
                raise paramiko.SSHException("more was sent than was asked for")
            if not block:
                # Answers to what was asked for behind the end still come; they are kept here, and go with this reader.
                return
            yield block

    def _ask(self, offset: int, length: int) -> int:
        return int(self._sftp._async_request(self, CMD_READ, self._handle, int64(offset), length))

    def _answer(self, number: int) -> bytes:
        while number not in self._answers:
            self._sftp._read_response()
        return self._answers.pop(number)

    def _async_response(self, kind: int, message: paramiko.Message, number: int) -> None:
        """Called by paramiko with each answer."""
        if kind == CMD_DATA:
            self._answers[number] = message.get_string()
            return
        if kind != CMD_STATUS:
            raise paramiko.SFTPError("Expected data")
        try:
            self._sftp._convert_status(message)
        except EOFError:
            self._answers[number] = b""


def listed(sftp: Any, folder: bytes) -> Iterator[Entry]:
    """The entries of a folder.

    Not by paramiko's `listdir_attr`: it fails for the whole folder when one name is not UTF-8, and keeps a list that
    the server may let grow without end.
    """
    _, message = sftp._request(CMD_OPENDIR, folder)
    handle = message.get_binary()
    while True:
        try:
            kind, message = sftp._request(CMD_READDIR, handle)
        except EOFError:
            break
        if kind != CMD_NAME:
            raise paramiko.SFTPError("Expected names")
        for _ in range(message.get_int()):
            name = message.get_binary().decode("utf-8", "surrogateescape")
            message.get_binary()
            if not message.get_remainder():
                raise paramiko.SFTPError("Expected more names")
            attributes = paramiko.SFTPAttributes._from_msg(message, name, "")  # type: ignore[attr-defined]
            if name not in (".", ".."):
                yield entry_of(name, attributes)
    sftp._request(CMD_CLOSE, handle)


def entry_of(name: str, attributes: paramiko.SFTPAttributes) -> Entry:
    mode, size = attributes.st_mode, attributes.st_size
    # A server that tells no mode or no size of it gives no way to know what it is.
    kind = EntryKind.OTHER
    if mode is not None and stat.S_ISDIR(mode):
        kind = EntryKind.FOLDER
    elif mode is not None and stat.S_ISLNK(mode):
        kind = EntryKind.LINK
    elif mode is not None and stat.S_ISREG(mode) and size is not None and size < 1 << 62:
        kind = EntryKind.FILE
    return Entry(name, kind, (size or 0) if kind is EntryKind.FILE else 0, attributes.st_mtime or 0)
