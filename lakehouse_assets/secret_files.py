"""Secrets from settings: from their variable, or from a file that its owner alone may read (mode 0600).

Which settings are secrets is in `settings`. No text made here holds a secret.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pydantic import SecretStr

from lakehouse_assets.errors import SettingsError


def read_secret(name: str, value: SecretStr | None, file: Path | None, *, untouched: str) -> str | None:
    """A secret, from its variable or from the file that `<name>_FILE` names.

    Args:
        name: of the variable, for messages.
        value: of the variable.
        file: of the other one.
        untouched: what was not done because of an error, for messages, such as `no alert was sent`.

    Raises:
        SettingsError: both are set, or the file cannot be read, is empty, or may be read by others.
    """
    if file is None:
        return value.get_secret_value().strip() or None if value is not None else None
    sentence = f"{untouched[0].upper()}{untouched[1:]}."
    if value is not None:
        raise SettingsError(f"Both {name} and {name}_FILE are set. {sentence} Unset one of them.")
    secret = read_private_file(f"{name}_FILE", file, untouched=untouched).strip()
    if not secret:
        raise SettingsError(f"{name}_FILE: {file} is empty. {sentence} Write the secret into it.")
    return secret


def read_private_file(name: str, file: Path, *, untouched: str) -> str:
    """The text of a file that its owner alone may read.

    Args:
        name: of the variable that names it, for messages.
        file: the file.
        untouched: as of `read_secret`.

    Raises:
        SettingsError: it cannot be read, is no regular file, no text, or may be read by others.
    """
    sentence = f"{untouched[0].upper()}{untouched[1:]}."
    try:
        # Not blocking: a FIFO is refused below, not waited for.
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise SettingsError(f"{name}: {file} is no regular file. It was not read, {untouched}.")
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise SettingsError(
                    f"{name}: {file} is open to others than its owner (mode {stat.S_IMODE(mode):04o}). It was not "
                    f"read, {untouched}. Run `chmod 600 {file}`; change the secret if others may have read it."
                )
            return stream.read()
    except OSError as error:
        raise SettingsError(
            f"{name}: {file} cannot be read: {error.strerror}. {sentence} Correct the path or its permissions."
        ) from error
    except UnicodeDecodeError:
        # Without a cause: it would hold what was read.
        raise SettingsError(f"{name}: {file} is not UTF-8 text. {sentence} Write the secret anew.") from None
