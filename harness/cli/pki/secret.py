"""Passphrases and passwords: from a file, the environment or a prompt, never from the command line."""

import os
import secrets
import sys
from pathlib import Path

import click

from harness.pki.files import PkiError
from harness.pki.store import Store


def secret(file: Path | None, variable: str) -> bytes | None:
    """Return a secret from a file (its first line) or the environment; None if neither has one."""
    if file:
        lines = file.read_bytes().splitlines()
        if not lines or not lines[0]:
            raise PkiError(f"{file} is empty: its first line must be the secret.")
        return lines[0]
    return os.environ[variable].encode() if os.environ.get(variable) else None


def ask(what: str, *, confirm: bool = False) -> bytes:
    """Ask at the terminal, without showing what is typed."""
    answer: str = click.prompt(
        what, hide_input=True, confirmation_prompt=confirm, default="", show_default=False, err=True
    )
    return answer.encode()


def password_of(pfx: Path, file: Path | None) -> bytes:
    """Return the password of a .pfx; prompt for it if no file or variable has it."""
    entered = secret(file, "MTLS_EXPORT_PASSWORD")
    if entered is None and not sys.stdin.isatty():
        raise PkiError(f"{pfx} is encrypted. Put its password into --password-file or MTLS_EXPORT_PASSWORD.")
    return ask(f"Password of {pfx}") if entered is None else entered


def strong_password() -> str:
    """Return a random password of 100 bits that is easy to read aloud."""
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def opened(folder: Path, passphrase_file: Path | None) -> Store:
    """Open the store in a folder; the passphrase of an encrypted key is asked for when it is needed."""

    def passphrase(key: Path) -> bytes:
        entered = secret(passphrase_file, "MTLS_CA_PASSPHRASE")
        if entered is None and not sys.stdin.isatty():
            raise PkiError(f"{key} is encrypted. Put its passphrase into --passphrase-file or MTLS_CA_PASSPHRASE.")
        return ask(f"Passphrase of {key}") if entered is None else entered

    return Store(folder, passphrase)
