"""`mtls-harness explain --error`: a message in, its causes out."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from harness.explain.recognise import LIMIT, Recognised, observed, recognise
from harness.report.file import STDOUT, write

_RECOGNISED, _NOT_RECOGNISED = 1, 3
_WIDTH = 200
"""Characters of a line that are repeated."""
_FIRST = 5
"""How many observations are shown."""


def explain_message(message: str, json_file: Path | None) -> int:
    """Explain a message, or the text of standard input (`-`); returns the exit code.

    Raises:
        click.UsageError: the text is empty or too large.
    """
    text = _standard_input() if message == "-" else message
    if not text.strip():
        raise click.UsageError("--error: the text is empty. Give the message, or a log on standard input (--error -).")
    found, hints = recognise(text), observed(text)
    if json_file != STDOUT:
        _show(text, found, hints)
    if json_file:
        write(json_file, json.dumps(_data(text, found, hints), indent=2, ensure_ascii=False) + "\n")
    return _RECOGNISED if found else _NOT_RECOGNISED


def _standard_input() -> str:
    content = sys.stdin.buffer.read(LIMIT + 1)
    if len(content) > LIMIT:
        raise click.UsageError(
            f"--error: standard input has more than {LIMIT >> 10} KiB. Give the lines of one connection, such as"
            " `tail -n 1000 error.log`."
        )
    return content.decode(errors="replace")


def _show(text: str, found: tuple[Recognised, ...], hints: tuple[str, ...]) -> None:
    if not found:
        first = next(line for line in text.splitlines() if line.strip())
        click.echo(f"Not recognised. {len(text.splitlines())} line(s), beginning with: {_printable(first.strip())}")
        for hint in hints[:_FIRST]:
            click.echo(f"  Observed: {_printable(hint)}")
        click.echo("Give the server's log of the same connection: `LogLevel ssl:info`, then --error - with its lines.")
    for number, one in enumerate(found):
        click.echo(f"{'' if number == 0 else chr(10)}Line {one.line}: {_printable(one.text)}")
        click.echo(one.symptom.meaning)
        for rank, cause in enumerate(one.symptom.causes, 1):
            click.echo(f"  {rank}. {cause.text}\n     Check: {cause.check}\n     Remedy: {cause.remedy}")
        click.echo(f"Written by: {one.symptom.program}. Source: {one.symptom.source}.")


def _printable(text: str) -> str:
    """One line without control characters: a client may have chosen the text of a log."""
    clean = "".join(one if one.isprintable() else "?" for one in text)
    return clean if len(clean) <= _WIDTH else f"{clean[:_WIDTH]}…"


def _data(text: str, found: tuple[Recognised, ...], hints: tuple[str, ...]) -> dict[str, Any]:
    return {
        "version": 1,
        "recognised": bool(found),
        "lines": len(text.splitlines()),
        "observed": [*hints],
        "messages": [
            {
                "id": one.symptom.id,
                "line": one.line,
                "text": one.text,
                "program": one.symptom.program,
                "meaning": one.symptom.meaning,
                "causes": [vars(cause) for cause in one.symptom.causes],
                "source": one.symptom.source,
            }
            for one in found
        ],
    }
