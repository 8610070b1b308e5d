"""A real SFTP server for tests, on a free port of this machine, with faults that a test switches on.

It is asyncssh's, in a thread of its own: another implementation than the client's, so what both get wrong shows.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import asyncssh

USER = "lake"
PASSWORD = "planted-password"
DEADLINE_SECONDS = 20


@dataclass
class Faults:
    """What is wrong with the server, and what it saw; tests change and read it while the server runs.

    Args:
        drop_after_bytes: for each of the next connections, after how many bytes it is dropped.
        hangs: names of files of which no block is ever sent.
        refuses: whether connections are dropped as soon as they are made.
        block_seconds: that each block takes, one after the other.
        block_bytes: the most that is sent at once, whatever is asked for.
        denied: names that may not be opened; `.` is the folder.
        sizes: by name, what is told instead of the true size.
        listed: names that are listed beside those that are there, with their attributes.
        before_read: called with the name when a block is asked for.
        connections: that were made.
        logins: credentials that were looked at.
        changes: what would have changed something on the server.
    """

    drop_after_bytes: list[int] = field(default_factory=list)
    hangs: set[str] = field(default_factory=set)
    refuses: bool = False
    block_seconds: float = 0.0
    block_bytes: int = 1 << 20
    denied: set[str] = field(default_factory=set)
    sizes: dict[str, int] = field(default_factory=dict)
    listed: list[asyncssh.SFTPName] = field(default_factory=list)
    before_read: Callable[[str], None] = field(default=lambda _: None)
    connections: int = 0
    logins: int = 0
    changes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SftpServer:
    """A server that runs.

    Args:
        folder: that it shows.
        port: where it listens.
        host_key: its public key, as known_hosts has it.
        key_file: private key that lets the user in, beside the password.
        faults: what is wrong with it.
    """

    folder: Path
    port: int
    host_key: str
    key_file: Path
    faults: Faults

    def known_hosts(self, file: Path, key: str | None = None) -> Path:
        """Write the file that pins the server's key, or another one."""
        file.write_text(f"[127.0.0.1]:{self.port} {key or self.host_key}\n")
        return file


@dataclass(frozen=True)
class _Rest:
    """What is left to do when the server ends: let go of who hangs, close files."""

    ended: asyncio.Event = field(default_factory=asyncio.Event)
    opened: list[Any] = field(default_factory=list)


def new_public_key(algorithm: str = "ssh-ed25519") -> str:
    """Some public key, as known_hosts has it."""
    return asyncssh.generate_private_key(algorithm).export_public_key().decode().strip()


@contextmanager
def running_sftp(folder: Path, keys: Path, algorithms: tuple[str, ...] = ("ssh-ed25519",)) -> Iterator[SftpServer]:
    """A started server; gone afterwards with all its connections.

    Args:
        folder: that it shows.
        keys: folder for the key of the user.
        algorithms: of its host keys; the first one's is the one that `host_key` has.
    """
    faults = Faults()
    host_keys = [asyncssh.generate_private_key(algorithm) for algorithm in algorithms]
    user_key = asyncssh.generate_private_key("ssh-ed25519")
    key_file = keys / "id_ed25519"
    user_key.write_private_key(str(key_file))
    key_file.chmod(0o600)
    connections: set[asyncssh.SSHServerConnection] = set()
    allowed = user_key.convert_to_public()
    rest = _Rest()

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            lambda: _Server(faults, allowed, connections),
            "127.0.0.1",
            0,
            server_host_keys=host_keys,
            sftp_factory=lambda channel: _Sftp(channel, folder, faults, rest),
        )

    async def end(acceptor: asyncssh.SSHAcceptor) -> None:
        rest.ended.set()
        acceptor.close()
        for connection in list(connections):
            connection.abort()
        await acceptor.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        # The server leaves those open whose connection broke while it read them.
        for file in rest.opened:
            file.close()

    with _loop_in_a_thread() as call:
        acceptor = call(listen())
        try:
            public = host_keys[0].export_public_key().decode().strip()
            yield SftpServer(folder, acceptor.get_port(), public, key_file, faults)
        finally:
            call(end(acceptor))


@contextmanager
def _loop_in_a_thread() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        yield lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(DEADLINE_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE_SECONDS)
        loop.close()


class _Server(asyncssh.SSHServer):
    def __init__(
        self, faults: Faults, allowed: asyncssh.SSHKey, connections: set[asyncssh.SSHServerConnection]
    ) -> None:
        self._faults = faults
        self._allowed = allowed
        self._connections = connections

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._faults.connections += 1
        if self._faults.refuses:
            conn.abort()
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self._faults.logins += 1
        return (username, password) == (USER, PASSWORD)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._faults.logins += 1
        return username == USER and key == self._allowed


class _Sftp(asyncssh.SFTPServer):
    def __init__(self, channel: asyncssh.SSHServerChannel, folder: Path, faults: Faults, rest: _Rest) -> None:
        super().__init__(channel, chroot=os.fsencode(folder))
        self._rest = rest
        self._one_block = asyncio.Lock()
        self._faults = faults
        self._left = faults.drop_after_bytes.pop(0) if faults.drop_after_bytes else None

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        name = os.path.basename(path).decode(errors="replace")
        if name in self._faults.denied:
            raise asyncssh.SFTPPermissionDenied("no")
        if pflags != asyncssh.FXF_READ:
            self._faults.changes.append(f"open {name}")
        opened = super().open(path, pflags, attrs)
        self._rest.opened.append(opened)
        return opened

    async def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        name = os.path.basename(file_obj.name).decode()
        self._faults.before_read(name)
        if name in self._faults.hangs:
            await self._rest.ended.wait()
            return b""
        if self._faults.block_seconds:
            async with self._one_block:
                await asyncio.sleep(self._faults.block_seconds)
        if file_obj.closed:
            return b""
        data = super().read(file_obj, offset, min(size, self._faults.block_bytes))
        assert isinstance(data, bytes)
        if self._left is not None:
            self._left -= len(data)
            if self._left <= 0:
                self.connection.abort()
        return data

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        if "." in self._faults.denied:
            raise asyncssh.SFTPPermissionDenied("no")
        async for name in super().scandir(path):
            self._tell_another_size(os.fsdecode(name.filename), name.attrs)
            yield name
        for name in self._faults.listed:
            yield name

    async def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:  # type: ignore[override]
        attributes = asyncssh.SFTPAttrs.from_local(os.lstat(self.map_path(path)))
        self._tell_another_size(os.path.basename(path).decode(errors="replace"), attributes)
        return attributes

    def _tell_another_size(self, name: str, attributes: asyncssh.SFTPAttrs) -> None:
        attributes.size = self._faults.sizes.get(name, attributes.size)

    def remove(self, path: bytes) -> None:
        self._faults.changes.append("remove")
        super().remove(path)

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        self._faults.changes.append("rename")
        super().rename(oldpath, newpath)
