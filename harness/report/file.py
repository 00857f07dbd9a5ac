"""How is a report written to its file: as a whole, or not at all?"""

import contextlib
import secrets
import shutil
import sys
from pathlib import Path

STDOUT = Path("-")
"""The path that stands for standard output."""


class ReportError(Exception):
    """A report cannot be written; the message names the file and the reason."""


def write(file: Path, text: str) -> None:
    """Write a report as UTF-8. A regular file is replaced only when the new one is complete; a device or a pipe is
    written directly.

    Raises:
        ReportError: it cannot be written. An existing file is unchanged then.
    """
    # A configuration in another encoding has bytes that are no text.
    content = text.encode("utf-8", "backslashreplace")
    try:
        if file == STDOUT:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        elif file.exists() and not file.is_file():
            file.write_bytes(content)
        else:
            _replace(file.resolve(), content)
    except OSError as error:
        name = "standard output" if file == STDOUT else file
        raise ReportError(f"{name} cannot be written: {error.strerror}.") from None


def _replace(file: Path, content: bytes) -> None:
    """Write a temporary file in the same folder, then rename it. The mode is that of the old file, or the usual one."""
    temporary = file.with_name(f".mtls-{secrets.token_hex(8)}")
    try:
        temporary.write_bytes(content)
        if file.exists():
            shutil.copymode(file, temporary)
        temporary.replace(file)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
