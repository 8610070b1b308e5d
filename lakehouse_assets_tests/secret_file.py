"""A file with a secret, as an operator writes one."""

from __future__ import annotations

from pathlib import Path


def secret_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    """The file, with a line end after the text, as an editor leaves it."""
    file = folder / "secret"
    file.write_text(f"{text}\n")
    file.chmod(mode)
    return file
