"""What a user can get wrong: each a message that says what to do, the documented exit code, and no traceback."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.engine import engine, image
from harness.engine.images import base


def command(*arguments: str, prefix: tuple[str, ...] = (), **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*prefix, sys.executable, "-m", "harness", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def assert_message(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert "Traceback" not in done.stderr + done.stdout
    assert [word for word in words if word not in done.stderr] == [], done.stderr
    assert done.returncode == code


def test_no_engine_is_no_verdict(tmp_path: Path) -> None:
    done = command("verify", "--reference", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert_message(done, 3, "No Docker engine answers", "none.sock", "DOCKER_HOST")


def test_a_socket_without_permission_is_no_verdict(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0)
        # Root may open everything, so root gives that up first.
        weaker = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
        done = command("verify", "--reference", prefix=weaker, DOCKER_HOST=f"unix://{path}")
    assert_message(done, 3, "may not be used by this user", "usermod")


@pytest.mark.engine
def test_an_image_that_is_no_httpd_is_no_verdict() -> None:
    assert_message(
        command("verify", "--reference", "--image", base()), 3, "No verdict.", "no httpd in the image", base()
    )


@pytest.mark.engine
def test_an_image_that_does_not_exist_is_no_verdict() -> None:
    done = command("verify", "--reference", "--image", "mtls-harness/none:none")
    assert_message(done, 3, "There is no image mtls-harness/none:none here")


@pytest.mark.engine
def test_a_registry_that_does_not_answer_is_no_verdict() -> None:
    done = command("verify", "--reference", MTLS_BASE_IMAGE="127.0.0.1:9/debian:none")
    assert_message(done, 3, "127.0.0.1:9/debian:none", "cannot be pulled")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("verify", "--reference", "--tls", "1.1"), ("1.1", "'1.2', '1.3'")),
        (("verify", "--reference", "--jobs", "0"), ("--jobs",)),
        (("verify", "--reference", "-k", "import os; os"), ("is not a valid expression", "Example")),
        (("verify", "--reference", "-k", "f(x)"), ("is not a valid expression",)),
        (("verify", "--reference", "--json", "/nowhere/report.json"), ("/nowhere/report.json", "does not exist")),
        (("verify", "--reference", "-k", "revocaton"), ("No case matches `-k revocaton`. Did you mean `revocation`?",)),
        (("verify", "--reference", "-k", "no_such_case"), ("No case matches `-k no_such_case`.", "mtls-harness cases")),
        (("cases", "validity.expierd"), ("validity.expierd", "mtls-harness cases")),
        (("verfy",), ("verfy",)),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    assert_message(command(*arguments), 2, *words)


@pytest.mark.engine
def test_a_choice_that_leaves_nothing_is_not_a_pass() -> None:
    assert_message(command("verify", "--reference", "--site", "https://elsewhere.test/"), 2, "No probe is left to make")


@pytest.mark.engine
def test_a_base_image_is_never_made_under_the_official_name() -> None:
    image("httpd")
    made = [tag for entry in engine().images.list(filters={"label": "io.mtls-harness"}) for tag in entry.tags]
    assert made
    assert all(tag.startswith("mtls-harness/") for tag in made)
