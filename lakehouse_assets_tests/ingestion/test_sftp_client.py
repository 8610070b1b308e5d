"""What can be wrong with an SFTP server and the way to it: what is said, what is tried again, what stays untouched."""

from __future__ import annotations

import logging
import socket
import stat
import subprocess
import tracemalloc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread

import asyncssh
import pytest
from pydantic import SecretStr

from lakehouse_assets.errors import (
    DiskFullError,
    HostKeyChangedError,
    LakehouseError,
    SettingsError,
    SourceAuthenticationError,
    SourceError,
    SourceNotFoundError,
    SourcePermissionError,
    SourceUnreachableError,
)
from lakehouse_assets.ingestion import sftp_client
from lakehouse_assets.ingestion.landing_writer import PendingFile
from lakehouse_assets.ingestion.sftp_client import SftpClient
from lakehouse_assets_tests.ingestion.destinations import files_below
from lakehouse_assets_tests.ingestion.sftp_server import PASSWORD, new_public_key
from lakehouse_assets_tests.ingestion.sftp_site import ATTEMPTS, MTIME, Site, csv, running_site

TODAY = "dt=2024-11-15"


def failure(site: Site, kind: type[LakehouseError]) -> str:
    """The text of what a pull fails with; nothing but what stands in it landed."""
    with pytest.raises(kind) as failed:
        site.pull()
    assert type(failed.value) is kind
    assert PASSWORD not in str(failed.value)
    return str(failed.value)


@contextmanager
def listener(*, answers: bytes = b"") -> Iterator[int]:
    """Something on a port that takes connections, says so much, and then nothing ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                taken.append(connection)
                connection.sendall(answers)

        thread = Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            for connection in taken:
                connection.close()


def pin_nothing_of(site: Site, port: int) -> None:
    """Configure a port; some key is pinned for it."""
    known = site.options.known_hosts
    known.write_text(f"[127.0.0.1]:{port} {new_public_key()}\n")
    site.change(port=port)


# Who is there


def test_key_lets_the_user_in_and_is_never_shown(site: Site) -> None:
    site.change(password=None, key_file=site.server.key_file)
    site.put("a.csv", csv(1))
    assert site.pull().rows == 1


@pytest.mark.parametrize("algorithm", ["ssh-rsa", "ecdsa-sha2-nistp256"])
def test_server_that_has_several_keys_shows_the_one_that_is_pinned(tmp_path: Path, algorithm: str) -> None:
    others = tuple(kind for kind in ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256") if kind != algorithm)
    with running_site(tmp_path, (algorithm, *others)) as site:
        site.put("a.csv", csv(1))
        assert site.pull().rows == 1


def test_of_several_pinned_keys_the_one_that_the_server_still_has_is_enough(tmp_path: Path) -> None:
    with running_site(tmp_path, ("ssh-rsa", "ecdsa-sha2-nistp256")) as site:
        known = site.options.known_hosts
        known.write_text(f"[127.0.0.1]:{site.server.port} {new_public_key()}\n{known.read_text()}")
        assert site.pull().landed == ()


def test_hashed_name_in_known_hosts_is_understood(site: Site) -> None:
    hashed = ["ssh-keygen", "-H", "-f", str(site.options.known_hosts)]
    subprocess.run(hashed, check=True, capture_output=True, timeout=20)
    assert site.options.known_hosts.read_text().startswith("|1|")
    assert site.pull().landed == ()


@pytest.mark.parametrize("algorithm", ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"])
def test_changed_host_key_is_fatal_and_not_tried_again_and_no_credentials_are_sent(
    site: Site, algorithm: str, caplog: pytest.LogCaptureFixture
) -> None:
    site.put("a.csv", csv(1))
    site.server.known_hosts(site.options.known_hosts, new_public_key(algorithm))
    said = failure(site, HostKeyChangedError)
    assert said.startswith(f"127.0.0.1:{site.server.port} shows another key than the one in {site.options.known_hosts}")
    assert "no credentials were sent, and it is not tried again" in said
    assert (site.faults.connections, site.faults.logins) == (1, 0)
    assert (site.landing, caplog.records) == ({}, [])


def test_host_whose_key_is_not_pinned_is_not_spoken_to(site: Site) -> None:
    known = site.options.known_hosts
    known.write_text(f"other.example.org {new_public_key()}\n")
    assert failure(site, SettingsError) == (
        f"LAKEHOUSE_SFTP_KNOWN_HOSTS: {known} has no key of [127.0.0.1]:{site.server.port}. Nothing was pulled, and no "
        f"server was spoken to. Get the key by `ssh-keyscan -p {site.server.port} 127.0.0.1`, have the server's "
        "operator confirm it, and add it."
    )
    known.unlink()
    assert "known_hosts cannot be read" in failure(site, SettingsError)
    assert site.faults.connections == 0


def test_own_known_hosts_of_the_user_are_not_asked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    home = site.home / "user"
    (home / ".ssh").mkdir(parents=True)
    site.server.known_hosts(home / ".ssh" / "known_hosts")
    monkeypatch.setenv("HOME", str(home))
    site.options.known_hosts.write_text("")
    failure(site, SettingsError)
    assert site.faults.connections == 0


def test_wrong_password_is_refused_once(site: Site) -> None:
    site.change(password=SecretStr("planted-wrong"))
    said = failure(site, SourceAuthenticationError)
    assert said == (
        f"127.0.0.1:{site.server.port} does not let lake in with this password. Nothing was pulled, and it is not "
        "tried again, since accounts get locked by that. Correct the credentials, or have them allowed there."
    )
    assert (site.faults.connections, site.faults.logins) == (1, 1)


def test_key_that_the_server_does_not_know_is_refused_once(site: Site, tmp_path: Path) -> None:
    other = tmp_path / "other"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(other))
    site.change(password=None, key_file=other)
    assert f"does not let lake in with this key {other}" in failure(site, SourceAuthenticationError)
    assert site.faults.connections == 1


def test_private_key_that_cannot_be_used_is_a_wrong_setting(site: Site, tmp_path: Path) -> None:
    locked, broken = tmp_path / "locked", tmp_path / "broken"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(locked), passphrase="planted")
    broken.write_text("planted")
    site.change(password=None, key_file=locked)
    assert f"LAKEHOUSE_SFTP_KEY_FILE: {locked} is locked by a passphrase." in failure(site, SettingsError)
    site.change(key_file=broken)
    said = failure(site, SettingsError)
    assert f"LAKEHOUSE_SFTP_KEY_FILE: {broken} is no private key of a known kind." in said
    assert "planted" not in said
    assert site.faults.connections == 0


# The way there


def test_closed_port_is_tried_again_and_then_said(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    pin_nothing_of(site, port)
    assert failure(site, SourceUnreachableError) == (
        f"127.0.0.1:{port} takes no connections. Nothing more was pulled, nothing on the server was changed. Check the "
        "address and the network, then pull again; it goes on from there."
    )
    assert [message.split(" failed")[0] for message in caplog.messages] == [
        f"transactions: list the folder: attempt {number} of {ATTEMPTS}" for number in range(1, ATTEMPTS)
    ]


def test_unknown_host_is_said(site: Site) -> None:
    site.options.known_hosts.write_text(f"[no-such-host.invalid]:{site.options.port} {new_public_key()}\n")
    site.change(host="no-such-host.invalid")
    assert "is no host that is known here." in failure(site, SourceUnreachableError)


@pytest.mark.parametrize(
    "answers",
    [b"", b"SSH-2.0-mute\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 100],
    ids=["mute", "ssh", "http", "noise"],
)
def test_port_of_something_else_does_not_hold_the_pull(site: Site, answers: bytes) -> None:
    site.attempts = 1
    with listener(answers=answers) as port:
        pin_nothing_of(site, port)
        site.change(timeout_seconds=1)
        assert failure(site, SourceUnreachableError).startswith(f"127.0.0.1:{port} ")


def test_server_that_hangs_while_a_file_is_read_does_not_hold_the_pull(site: Site) -> None:
    site.attempts = 1
    site.change(timeout_seconds=1)
    site.put("a.csv", csv(1))
    site.put("b.csv", csv(2), mtime=MTIME + 1)
    site.faults.hangs = {"a.csv"}
    assert "does not answer within 1 s" in failure(site, SourceUnreachableError)
    # The others went on, and this one is taken once it can be read.
    assert site.landing == {f"{TODAY}/b.csv": csv(2)}
    site.faults.hangs = set()
    site.pull()
    assert site.landing == {f"{TODAY}/a.csv": csv(1), f"{TODAY}/b.csv": csv(2)}


def test_server_that_sends_too_slowly_is_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block comes in time, and all together would take for ever."""
    monkeypatch.setattr(sftp_client, "_SLOWEST_BYTES_PER_SECOND", 1 << 40)
    site.change(timeout_seconds=1)
    site.faults.block_seconds = 0.3
    size = site.put("a.csv", csv(*range(10_000))).stat().st_size
    blocks: list[bytes] = []
    with (
        closing(SftpClient(site.options, "transactions")) as client,
        pytest.raises(SourceUnreachableError, match="broke the connection"),
    ):
        client.read("a.csv", size, blocks.append)
    assert 1 <= len(blocks) <= 4


def test_disconnect_in_mid_download_is_tried_again_on_a_new_connection(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    content = csv(*range(5000))
    site.put("a.csv", content)
    site.faults.drop_after_bytes = [100_000, 200_000]
    assert site.pull().rows == 5000
    assert site.landing == {f"{TODAY}/a.csv": content}
    assert site.faults.connections == 3
    assert len(caplog.messages) == 2
    assert caplog.messages[0].startswith("transactions: read 'a.csv': attempt 1 of 3 failed (127.0.0.1:")


def test_server_that_sends_less_than_is_asked_for_is_asked_for_the_rest(site: Site) -> None:
    content = csv(*range(2000))
    site.put("a.csv", content)
    site.faults.block_bytes = 10_000
    assert site.pull().rows == 2000
    assert site.landing == {f"{TODAY}/a.csv": content}


def test_file_that_breaks_every_connection_leaves_the_others_alone_and_fails_the_pull(site: Site) -> None:
    site.put("a.csv", csv(*range(5000)))
    site.put("b.csv", csv(1), mtime=MTIME + 1)
    site.faults.drop_after_bytes = [100_000] * ATTEMPTS
    assert "broke the connection" in failure(site, SourceUnreachableError)
    assert site.landing == {f"{TODAY}/b.csv": csv(1)}
    assert site.states == {"a.csv": "seen", "b.csv": "landed"}


def test_server_that_goes_for_good_ends_the_pull_with_what_landed(site: Site) -> None:
    for number in range(4):
        site.put(f"{number}.csv", csv(number, *range(50 * number)), mtime=MTIME + number)

    def go(name: str) -> None:
        site.faults.refuses = name == "1.csv"

    site.faults.before_read = go
    site.faults.drop_after_bytes = [3000]
    failure(site, SourceUnreachableError)
    assert site.states == {"0.csv": "landed", "1.csv": "seen", "2.csv": "seen", "3.csv": "seen"}
    # The one that was there, the other attempts at the file, and those to see whether it is the file or the server.
    assert site.faults.connections == 1 + (ATTEMPTS - 1) + ATTEMPTS


# What it holds


def test_folder_that_is_not_there_is_said(site: Site) -> None:
    site.change(folder="absent")
    said = failure(site, SourceNotFoundError)
    assert said.startswith(f"The folder absent is not there on 127.0.0.1:{site.server.port}.")
    assert "Check LAKEHOUSE_SFTP_FOLDER" in said
    assert site.faults.connections == 1


def test_folder_that_may_not_be_read_is_said(site: Site) -> None:
    site.faults.denied = {"."}
    said = failure(site, SourcePermissionError)
    assert said.startswith(f"The folder . on 127.0.0.1:{site.server.port} may not be read by lake.")


def test_file_that_may_not_be_read_fails_the_pull_after_the_others(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.put("a.csv", csv(1))
    site.put("b.csv", "nonsense", mtime=MTIME + 1)
    site.put("c.csv", csv(2), mtime=MTIME + 2)
    site.faults.denied = {"a.csv"}
    assert failure(site, SourcePermissionError).startswith("The file 'a.csv' on 127.0.0.1:")
    assert site.states == {"a.csv": "seen", "b.csv": "rejected", "c.csv": "landed"}
    # What was refused is told although the report is not.
    assert "'b.csv' was refused: Its header lacks" in caplog.text
    site.faults.denied = set()
    assert site.pull().landed == (f"transactions/{TODAY}/a.csv",)


@pytest.mark.parametrize(("told", "sent"), [(1000, str(len(csv(1)))), (10, "more")])
def test_server_that_lies_about_the_size_is_not_believed(site: Site, told: int, sent: str) -> None:
    site.put("a.csv", csv(1))
    site.put("b.csv", csv(2), mtime=MTIME + 1)
    site.faults.sizes = {"a.csv": told}
    said = failure(site, SourceUnreachableError)
    assert said.startswith(f"'a.csv' is listed with {told:,} bytes, but the server sends {sent}. It did not land.")
    assert site.landing == {f"{TODAY}/b.csv": csv(2)}


def test_folder_without_end_is_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sftp_client, "MAX_LISTED", 500)
    attributes = asyncssh.SFTPAttrs(size=5, permissions=stat.S_IFREG | 0o644, atime=MTIME, mtime=MTIME)
    site.faults.listed = [asyncssh.SFTPName(f"{n}.csv".encode(), b"long", attributes) for n in range(501)]
    assert failure(site, SourceError).startswith("The folder . on 127.0.0.1:")


def test_size_that_no_file_has_is_refused(site: Site) -> None:
    attributes = asyncssh.SFTPAttrs(size=(1 << 64) - 1, permissions=stat.S_IFREG | 0o644, atime=MTIME, mtime=MTIME)
    site.faults.listed = [asyncssh.SFTPName(b"a.csv", b"long", attributes)]
    assert (site.pull().rejected, site.states) == (1, {"a.csv": "rejected"})


# This side


def test_full_disk_is_said_and_leaves_nothing_behind(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.put("a.csv", csv(*range(5000)))

    def full(self: PendingFile, data: bytes) -> int:
        raise DiskFullError("The disk of landing is full", source="transactions") from OSError(28, "No space")

    with monkeypatch.context() as patched:
        patched.setattr(PendingFile, "write", full)
        assert failure(site, DiskFullError) == "The disk of landing is full"
    assert site.landing == {}
    assert site.faults.connections == 1
    assert site.pull().rows == 5000


def test_memory_does_not_grow_with_the_file(site: Site) -> None:
    """48 MiB, of which a download holds 2 MiB at a time."""
    size = 48 << 20
    site.put("a.csv", b"x" * size)
    received = 0

    def count(block: bytes) -> None:
        nonlocal received
        received += len(block)

    with closing(SftpClient(site.options, "transactions")) as client:
        tracemalloc.start()
        try:
            client.read("a.csv", size, count)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert received == size
    assert peak < 16 << 20


@pytest.mark.parametrize("with_key", [True, False])
def test_no_secret_is_in_log_ledger_or_landing(site: Site, with_key: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes well or wrong, with every log switched on."""
    key = site.server.key_file.read_text()
    if with_key:
        site.change(password=None, key_file=site.server.key_file)
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, f"{sftp_client.__name__}.paramiko"):
        site.put("a.csv", csv(*range(3000)))
        site.put("b.csv", "nonsense")
        site.faults.drop_after_bytes = [50_000]
        said = [repr(site.pull()), repr(site.source().check(site.now)), repr(site.options)]
        site.server.known_hosts(site.options.known_hosts, new_public_key())
        said.append(failure(site, HostKeyChangedError))
    kept = b"".join(files_below(site.home).values())
    for secret in (PASSWORD, key.splitlines()[1], key.splitlines()[2]):
        assert secret not in caplog.text + "".join(said)
        assert secret.encode() not in kept
    assert "userauth" in caplog.text
