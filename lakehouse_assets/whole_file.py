"""Files that are written whole or not at all: beside the file under another name, and renamed at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4


@contextmanager
def written_whole(file: Path, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """A stream whose content replaces the file when the block ends well; else the file is as it was.

    Args:
        file: what to write; its folder must be there.
        mode: permissions, before the umask.

    Raises:
        OSError: it cannot be written.
    """
    temporary = file.with_name(f".{file.name}.{uuid4().hex}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
            yield stream
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
