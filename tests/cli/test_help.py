"""`mtls-harness --help` imports no command, and says of each what the command says itself."""

import subprocess
import sys

import click

from harness.cli import main


def test_the_list_of_commands_is_their_own_first_lines() -> None:
    context = click.Context(main)
    formatter = click.HelpFormatter(width=200)
    main.format_commands(context, formatter)
    listed = {line.split()[0]: line.strip() for line in formatter.getvalue().splitlines() if line.startswith("  ")}
    commands = {name: main.get_command(context, name) for name in main.list_commands(context)}
    assert {name: " ".join(line.split()[1:]) for name, line in listed.items()} == {
        name: command.get_short_help_str(200) for name, command in commands.items() if command
    }


def test_help_and_version_import_nothing_that_takes_long() -> None:
    slow = "{'docker', 'requests', 'cryptography', 'OpenSSL', 'rich', 'jinja2', 'yaml'}"
    for option in ("--help", "--version"):
        script = f"import sys; from harness.cli import main; main([{option!r}], standalone_mode=False); " + (
            f"print('imported', {slow} & sys.modules.keys())"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.endswith("imported set()\n"), done.stdout
