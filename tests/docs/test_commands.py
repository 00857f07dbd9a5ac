"""The commands of README and the documents, typed in a fresh clone: they work, and print what is shown."""

import functools
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from harness.cli import main
from tests.docs.conftest import DOCUMENTS, ROOT, Clone, examples

# This very test runs below it.
NOT_AGAIN = {"make test"}
WITH_COMMANDS = [path for path in DOCUMENTS if examples(path.read_text())]
NAMED = re.compile(r"`((?:mtls-harness|make) [^`]+|-{1,2}[a-z][^`]*)`")


def tidy(text: str) -> str:
    """Fold white space, and make every time that was measured the same."""
    return re.sub(r"\d+\.\d+ s\b", "N s", " ".join(text.split()))


def without_figures(text: str) -> str:
    """Leave of the bench which rows there are, beside what and with which goal; not what was measured."""
    text = re.sub(r"\d[\d.]* (s|ms|1/s)(?!\w)", r"N \1", " ".join(text.split()))
    return re.sub(r"(not )?\bmet\b", "met or not", re.sub(r"(?<![.\d])\d+\.\d\d\b", "N", text))


@pytest.mark.engine
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("document", WITH_COMMANDS, ids=lambda path: path.name)
def test_every_command_works_in_a_fresh_clone_and_prints_what_is_shown(clone: Clone, document: Path) -> None:
    clone.forget()
    for command, shown in examples(document.read_text()):
        if command in NOT_AGAIN:
            continue
        bench = command == "make bench"
        # On a busy machine its figures take more room, and its rows would be broken.
        done = clone.type(command, COLUMNS="120") if bench else clone.type(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        missing = not_printed("\n".join(shown), done.stdout, without_figures if bench else tidy)
        assert missing is None, f"{command} does not print:\n{missing}\nbut:\n{done.stdout}"


def not_printed(shown: str, printed: str, fold: Callable[[str], str] = tidy) -> str | None:
    """Find the first piece of what a document shows, between one … and the next, that was not printed in its turn."""
    rest = fold(printed)
    for piece in map(fold, shown.split("…")):
        _, found, rest = rest.partition(piece) if piece else ("", "…", rest)
        if not found:
            return piece
    return None


def test_what_is_shown_must_be_printed_in_this_order() -> None:
    printed = "one\ntwo 2.60 s\nthree\n"
    assert not_printed("one\n…\nthree", printed) is None
    assert not_printed("two 1.11 s", printed) is None
    assert not_printed("three\n…\none", printed) == "one"
    assert not_printed("two 2 s", printed) == "two 2 s"


def test_there_are_commands_to_type() -> None:
    typed = {command for path in WITH_COMMANDS for command, _ in examples(path.read_text())}
    assert {"make verify", "make bench", "make up", "make help"} <= typed


def complaints(text: str) -> list[str]:
    """Name the commands and options of a document's sentences that do not exist."""
    return [named for named in NAMED.findall(text) if not exists(named)]


def exists(named: str) -> bool:
    words = shlex.split(named)
    if words[0] == "make":
        dry = ["make", "--dry-run", *(word for word in words[1:] if "=" not in word)]
        return subprocess.run(dry, cwd=ROOT, capture_output=True, check=False).returncode == 0
    used = {word for word in words if word.startswith("-")}
    if words[0] in used:
        return used <= options(main) | options_of_pytest()
    command: click.Command = main
    for word in words[1:]:
        if not isinstance(command, click.Group):
            break
        if (found := command.get_command(click.Context(command), word)) is None:
            return False
        command = found
    return used <= options(command)


def options(command: click.Command) -> set[str]:
    """Every option of a command and of those below it."""
    own = {name for entry in command.params for name in (*entry.opts, *entry.secondary_opts)} | {"--help"}
    below = commands(command).values() if isinstance(command, click.Group) else ()
    return own.union(*map(options, below))


def commands(group: click.Group) -> dict[str, click.Command]:
    """The commands of a group by their names."""
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: command for name, command in found.items() if command}


@functools.cache
def options_of_pytest() -> set[str]:
    """With those of its plugins."""
    help_page = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", help_page.stdout))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_and_option_that_a_sentence_names_exists(document: Path) -> None:
    assert complaints(document.read_text()) == []


@pytest.mark.parametrize(
    "named",
    ["mtls-harness prove", "mtls-harness pki sell NAME", "mtls-harness verify --fast", "--strict --fast", "make gold"],
)
def test_one_that_does_not_exist_is_noticed(named: str) -> None:
    assert complaints(f"Type `{named}` and `mtls-harness verify --strict`.") == [named]
