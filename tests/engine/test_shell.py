"""The shell that is a container's process: what it prints arrives whole, and its end is noticed."""

from collections.abc import Iterator

import pytest

from harness.engine import ServerError, image
from harness.engine.client import owned
from harness.engine.container import start
from harness.engine.server import Httpd
from harness.engine.shell import Shell
from harness.httpd.layout import Layout
from tests.waiting import until

pytestmark = pytest.mark.engine
LINES = 100_000


@pytest.fixture
def shell() -> Iterator[Shell]:
    with owned() as label:
        shell = start(image("httpd"), Layout("none", "/", "/main", {}, {}), label, ())
        yield shell
        shell.close()


def test_a_command_gets_its_arguments_and_gives_its_code_and_both_outputs(shell: Shell) -> None:
    arguments = ["two words", "a'quote", "$HOME", "a\nline", "*"]
    result = shell.run(["sh", "-c", 'printf "%s|" "$@"; echo aside >&2; exit 7', "sh", *arguments])
    assert (result.exit_code, result.stdout, result.stderr) == (7, "|".join([*arguments, ""]), "aside\n")


def test_a_command_does_not_read_the_input_of_the_shell(shell: Shell) -> None:
    assert shell.run(["cat"]).stdout == ""
    assert shell.run(["echo", "next"]).stdout == "next\n"


def test_a_long_output_arrives_whole(shell: Shell) -> None:
    result = shell.run(["seq", str(LINES)])
    assert result.stdout.split() == [str(number) for number in range(1, LINES + 1)]


def test_each_stream_of_a_log_keeps_its_lines_and_their_order(shell: Shell) -> None:
    script = f"for n in $(seq {LINES // 10}); do echo out $n; echo err $n >&2; done; echo done; exec sleep 1000"
    output = shell.become(["sh", "-c", script])
    until("the end of the program's work", lambda: "done" in output.lines())
    httpd = Httpd(shell.container, output, {}, str)
    assert httpd.state() is None
    lines = [*httpd.finish()]
    for stream in ("out", "err"):
        found = [line for line in lines if line.startswith(stream)]
        assert found == [f"{stream} {number}" for number in range(1, LINES // 10 + 1)]
    assert httpd.state() == "the container stopped with exit code 137"


def test_a_program_that_ends_ends_the_container_with_its_code(shell: Shell) -> None:
    output = shell.become(["sh", "-c", "echo last words; exit 3"])
    output.wait()
    assert [*output.lines()] == ["last words"]
    assert shell.container.wait()["StatusCode"] == 3


def test_a_container_that_stops_is_an_error_and_no_answer(shell: Shell) -> None:
    shell.container.kill()
    with pytest.raises(ServerError, match="The connection to the container"):
        shell.run(["echo", "never"])


def test_a_truncated_log_is_reported(shell: Shell) -> None:
    httpd = Httpd(shell.container, shell.become(["sleep", "1000"]), {}, str)
    assert httpd.state() is None
    shell.close()
    assert httpd.state() == "the engine no longer hands out the log"
