"""The SFTP client: one folder of one server, listed and read; nothing there is ever changed.

What belongs here is what paramiko must be told and what it raises: host keys, credentials, limits of time, errors in
our words. The server is taken for hostile even once it is known: it may lie, send for ever, or not at all. What goes
over the connection is in `sftp_wire`; which files are taken, and what becomes of them, is in `sftp`.
"""

from __future__ import annotations

import errno
import logging
import posixpath
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.ssh_exception import IncompatiblePeer, NoValidConnectionsError

from lakehouse_assets.errors import (
    HostKeyChangedError,
    LakehouseError,
    SettingsError,
    SourceAuthenticationError,
    SourceError,
    SourceNotFoundError,
    SourcePermissionError,
    SourceUnreachableError,
)
from lakehouse_assets.ingestion.names import shown_name
from lakehouse_assets.ingestion.options import SftpOptions
from lakehouse_assets.ingestion.sftp_wire import Entry, Reader, entry_of, listed

MAX_LISTED = 100_000
"""More files than this in the folder are a fault, or a server that lists without end."""
# Slower than this a download is broken off: a server that sends a byte now and then keeps every timeout from ending.
_SLOWEST_BYTES_PER_SECOND = 4096
_UNTOUCHED = "Nothing more was pulled, nothing on the server was changed."
# Every error that paramiko logs is raised too, and handled here; its log would put tracebacks between our messages.
_LOG_OF_PARAMIKO = f"{__name__}.paramiko"
logging.getLogger(_LOG_OF_PARAMIKO).setLevel(logging.CRITICAL)


class SftpClient:
    """Connects with the first call, and again with the next call after a connection broke.

    Every method raises, beside what it says itself:
        SourceUnreachableError: no connection, or it broke or took too long; may pass, the others do not.
        HostKeyChangedError: the server is not the one whose key is pinned; no credentials were sent.
        SourceAuthenticationError: the server does not know the credentials.
        SettingsError: no key of the server is pinned, or the private key cannot be used; nothing was connected to.

    Args:
        options: which server, which folder, which credentials.
        source: name of the source, for errors.
    """

    def __init__(self, options: SftpOptions, source: str) -> None:
        self._options = options
        self._source = source
        self._where = f"{options.host}:{options.port}"
        self._client: paramiko.SSHClient | None = None
        self._sftp: paramiko.SFTPClient | None = None

    def close(self) -> None:
        """End the connection; may be called again."""
        client, self._client, self._sftp = self._client, None, None
        if client is not None:
            client.close()

    def path(self, name: str) -> str:
        """Where a name of the folder is on the server."""
        return posixpath.join(posixpath.normpath(self._options.folder), name)

    def list_folder(self) -> list[Entry]:
        """What is in the folder, in no order.

        Raises:
            SourceNotFoundError: there is no such folder.
            SourcePermissionError: it may not be read.
            SourceError: it has too many files.
        """
        folder = self._options.folder
        with self._connected(f"The folder {folder}") as sftp, self._no_longer_than(10 * self._options.timeout_seconds):
            entries = []
            for entry in listed(sftp, _remote(folder)):
                entries.append(entry)
                if len(entries) > MAX_LISTED:
                    raise SourceError(
                        f"The folder {folder} on {self._where} has more than {MAX_LISTED:,} files. {_UNTOUCHED} Have "
                        "files that were pulled moved away there.",
                        source=self._source,
                    )
            return entries

    def look(self, name: str) -> Entry:
        """What a name stands for now.

        Raises:
            SourceNotFoundError: it is there no more.
            SourcePermissionError: it may not be looked at.
        """
        with self._connected(f"The file {shown_name(name)}") as sftp:
            return entry_of(name, sftp.lstat(_remote(self.path(name))))

    def read(self, name: str, size_bytes: int, write: Callable[[bytes], object]) -> None:
        """Read a file from its start, up to its end or one byte over the size, whichever comes first.

        Args:
            name: of the file.
            size_bytes: what the server says it has; whether that is true shows in what is written.
            write: gets the content in order; its errors come through as they are.

        Raises:
            SourceNotFoundError: the file is there no more.
            SourcePermissionError: it may not be read.
        """
        seconds = self._options.timeout_seconds + size_bytes / _SLOWEST_BYTES_PER_SECOND
        with self._connected(f"The file {shown_name(name)}") as sftp, self._no_longer_than(seconds):
            file = sftp.open(_remote(self.path(name)), "rb")
            for block in Reader(sftp, file.handle).blocks(size_bytes + 1):
                # Not translated: a full disk here is no fault of the server.
                with _as_they_are():
                    write(block)
            file.close()

    @contextmanager
    def _connected(self, what: str) -> Iterator[paramiko.SFTPClient]:
        """The connection, with errors in our words; one that is not known to be whole afterwards is closed."""
        try:
            if self._sftp is None:
                self._connect()
            assert self._sftp is not None
            yield self._sftp
        except _LocalError as error:
            self.close()
            raise error.error from error.error.__cause__
        except LakehouseError:
            self.close()
            raise
        except OSError as error:
            if not self._is_open():
                self.close()
                raise self._broken(error) from error
            if error.errno not in (errno.ENOENT, errno.EACCES):
                self.close()
            raise self._refused(what, error) from error
        except (paramiko.SSHException, paramiko.SFTPError, EOFError, UnicodeError, struct.error) as error:
            # The last two: a server whose answers are no SFTP.
            self.close()
            raise self._broken(error) from error

    def _is_open(self) -> bool:
        transport = self._client.get_transport() if self._client is not None else None
        return self._sftp is not None and transport is not None and transport.is_active()

    def _connect(self) -> None:
        options, seconds = self._options, self._options.timeout_seconds
        client = self._client = paramiko.SSHClient()
        client.set_log_channel(_LOG_OF_PARAMIKO)
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        pinned = self._pinned_key_types(client)
        key = self._private_key()
        try:
            client.connect(
                options.host,
                options.port,
                options.user,
                password=options.password.get_secret_value() if options.password is not None else None,
                pkey=key,
                allow_agent=False,
                look_for_keys=False,
                timeout=seconds,
                banner_timeout=seconds,
                auth_timeout=seconds,
                channel_timeout=seconds,
                disabled_algorithms={"keys": _not_pinned(pinned)},
            )
        except (paramiko.BadHostKeyException, IncompatiblePeer) as error:
            raise self._untrusted(error) from error
        except paramiko.AuthenticationException as error:
            if str(error).startswith("Authentication timeout"):
                raise
            raise self._unknown_user() from error
        with self._no_longer_than(seconds):
            self._open_sftp(client)

    def _open_sftp(self, client: paramiko.SSHClient) -> None:
        # `open_sftp` waits for the server without a limit; the limit around it ends that.
        sftp = client.open_sftp()
        channel, transport = sftp.get_channel(), client.get_transport()
        assert channel is not None
        assert transport is not None
        channel.settimeout(self._options.timeout_seconds)
        # While the pull waits for files to stand still nothing else is sent, and firewalls forget quiet connections.
        transport.set_keepalive(max(1, self._options.timeout_seconds // 2))
        self._sftp = sftp

    @contextmanager
    def _no_longer_than(self, seconds: float) -> Iterator[None]:
        """Break the connection once the time is over, whatever the block waits for."""
        transport = self._client.get_transport() if self._client is not None else None
        assert transport is not None
        timer = Timer(seconds, transport.close)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _pinned_key_types(self, client: paramiko.SSHClient) -> set[str]:
        file = self._options.known_hosts
        host, port = self._options.host, self._options.port
        name = host if port == 22 else f"[{host}]:{port}"
        try:
            # These are read only; nothing is ever added to them.
            client.load_system_host_keys(str(file))
            keys = paramiko.HostKeys(str(file)).lookup(name)
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"LAKEHOUSE_SFTP_KNOWN_HOSTS: {file} cannot be read. Nothing was pulled, and no server was spoken to."
            ) from error
        if not keys:
            raise SettingsError(
                f"LAKEHOUSE_SFTP_KNOWN_HOSTS: {file} has no key of {name}. Nothing was pulled, and no server was "
                f"spoken to. Get the key by `ssh-keyscan -p {port} {host}`, have the server's operator confirm it, "
                "and add it."
            )
        return set(keys.keys())

    def _private_key(self) -> paramiko.PKey | None:
        file = self._options.key_file
        if file is None:
            return None
        try:
            return paramiko.PKey.from_path(str(file))
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm, paramiko.SSHException) as error:
            is_locked = isinstance(error, paramiko.PasswordRequiredException | TypeError)
            why = "is locked by a passphrase" if is_locked else "is no private key of a known kind"
            # Without a cause: it may quote what stands in the file.
            raise SettingsError(
                f"LAKEHOUSE_SFTP_KEY_FILE: {file} {why}. Nothing was pulled, and no server was spoken to. Make one "
                "without a passphrase by `ssh-keygen -t ed25519`."
            ) from None

    def _untrusted(self, error: paramiko.SSHException) -> SourceError:
        if isinstance(error, IncompatiblePeer) and "host key" not in str(error):
            return SourceError(
                f"{self._where} and this client share no way to encrypt. Nothing was pulled, no credentials were sent. "
                "Have the server updated.",
                source=self._source,
            )
        return HostKeyChangedError(
            f"{self._where} shows another key than the one in {self._options.known_hosts}. Nothing was pulled, no "
            "credentials were sent, and it is not tried again. Someone may stand between: ask the server's operator. "
            "Only when they confirm the new key, put it into the file.",
            source=self._source,
        )

    def _unknown_user(self) -> SourceError:
        how = "password" if self._options.key_file is None else f"key {self._options.key_file}"
        return SourceAuthenticationError(
            f"{self._where} does not let {self._options.user} in with this {how}. Nothing was pulled, and it is not "
            "tried again, since accounts get locked by that. Correct the credentials, or have them allowed there.",
            source=self._source,
        )

    def _broken(self, error: BaseException) -> SourceError:
        return SourceUnreachableError(
            f"{self._where} {self._symptom(error)}. {_UNTOUCHED} Check the address and the network, then pull again; "
            "it goes on from there.",
            source=self._source,
        )

    def _symptom(self, error: BaseException) -> str:
        if isinstance(error, socket.gaierror):
            return "is no host that is known here"
        if isinstance(error, TimeoutError):
            return f"does not answer within {self._options.timeout_seconds} s"
        if isinstance(error, NoValidConnectionsError):
            return "takes no connections"
        return f"broke the connection ({type(error).__name__})"

    def _refused(self, what: str, error: OSError) -> SourceError:
        """An error that the server told, over a connection that holds."""
        if error.errno == errno.ENOENT:
            return SourceNotFoundError(
                f"{what} is not there on {self._where}. {_UNTOUCHED} Check LAKEHOUSE_SFTP_FOLDER.", source=self._source
            )
        if error.errno == errno.EACCES:
            return SourcePermissionError(
                f"{what} on {self._where} may not be read by {self._options.user}. {_UNTOUCHED} Have the right to "
                "list the folder and to read its files given.",
                source=self._source,
            )
        if isinstance(error, TimeoutError):
            return self._broken(error)
        return SourceUnreachableError(
            f"{what} on {self._where} cannot be read: the server says {shown_name(str(error))}. {_UNTOUCHED} Ask the "
            "server's operator.",
            source=self._source,
        )


class _LocalError(Exception):
    """Carries an error of this side past the translation of those of the other."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


@contextmanager
def _as_they_are() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise _LocalError(error) from error


def _remote(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _not_pinned(pinned: set[str]) -> list[str]:
    """Kinds of keys that the server shall not show: of those it has it would choose one that is not pinned.

    A pinned RSA key is used with SHA-2 only.
    """
    wanted = pinned | ({"rsa-sha2-512", "rsa-sha2-256"} if "ssh-rsa" in pinned else set())
    known: tuple[str, ...] = paramiko.Transport._preferred_keys  # type: ignore[attr-defined]
    return [kind for kind in known if kind not in wanted]
