"""How does a test wait for something, on a machine that may be busy?"""

import random
import socket
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

PATIENCE = 120.0
"""Seconds that anything may take; whatever takes longer is broken, not slow."""
_PAUSE = 0.02
_Found = TypeVar("_Found")


def until(awaited: str, look: Callable[[], _Found | None], evidence: Callable[[], str] = str) -> _Found:
    """Look again and again; returns the first result that is true.

    If there is none, the test fails with what was awaited, and with `evidence`.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"Not within {PATIENCE:.0f} s: {awaited}\n{evidence()}".rstrip())
        time.sleep(_PAUSE)


def free_port() -> int:
    """Find a port of 127.0.0.1 that is free, below those that the kernel and the engine give out by themselves."""
    while True:
        port = random.randrange(20_000, 32_768)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
