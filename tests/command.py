"""`mtls-harness` as a process that a test interrupts, and what it leaves on the engine."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from docker.models.containers import Container
from docker.models.volumes import Volume

from harness.engine.client import LABEL, engine, sweep
from tests.waiting import until

# A shell's background job ignores SIGINT, and hands that on to everything it starts, tests included.
_COMMAND = ["env", "--default-signal=INT", sys.executable, "-m", "harness"]
_Found = TypeVar("_Found")


def completed(*arguments: str | Path, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end; it never ends in a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


@contextmanager
def started(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Start a command. After the test, however that ends, its process is gone, and so are its containers."""
    with subprocess.Popen(
        [*_COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
                sweep()


def while_it_runs(process: "subprocess.Popen[str]", awaited: str, look: Callable[[], _Found | None]) -> _Found:
    """Look until something is found, and the process still runs; if it does not, the test fails with its output."""

    def looked() -> _Found | None:
        found = look()
        if process.poll() is not None:
            output, errors = process.communicate()
            pytest.fail(f"Exit code {process.returncode} came before: {awaited}\n{output}{errors}")
        return found

    return until(awaited, looked)


def left_behind(pid: int) -> list[Container | Volume]:
    """The containers and volumes that are labelled as this process's own."""
    parts: list[Container | Volume] = [
        *engine().containers.list(all=True, ignore_removed=True, filters={"label": LABEL}),
        *engine().volumes.list(filters={"label": LABEL}),
    ]
    labels = [(part.attrs.get("Labels") or part.attrs["Config"]["Labels"])[LABEL] for part in parts]
    return [part for part, label in zip(parts, labels, strict=True) if label.split(":")[1:2] == [str(pid)]]


def published(pid: int) -> list[str]:
    """The addresses at which ports of the process's containers are published."""
    return [
        binding["HostIp"]
        for part in left_behind(pid)
        if isinstance(part, Container)
        for bindings in part.attrs["NetworkSettings"]["Ports"].values()
        for binding in bindings or []
    ]
