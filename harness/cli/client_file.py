"""The client that an option names: its file, and the password that never stands on the command line."""

import sys
from pathlib import Path

from harness.cli.pki.secret import ask, secret
from harness.pki.credential import Credential, credential
from harness.pki.files import PkiError


def client_of(file: Path, key: Path | None, password_file: Path | None) -> Credential:
    """Read a client's certificate; a password comes from a file (`-` is standard input), MTLS_PASSWORD or a prompt.

    Raises:
        PkiError: there is no such client in the file, or no password for it.
    """

    def password(locked: Path) -> bytes:
        if password_file == Path("-"):
            return sys.stdin.buffer.readline().rstrip(b"\r\n")
        entered = secret(password_file, "MTLS_PASSWORD")
        if entered is None and not sys.stdin.isatty():
            raise PkiError(f"{locked} is encrypted. Put its password into --password-file or MTLS_PASSWORD.")
        return ask(f"Password of {locked}") if entered is None else entered

    return credential(file, key, password)
