"""How is a browser operated as a person does it: certificates imported, screen read, keys pressed?"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeVar, cast

from harness.demo.accessibility_tree import Screen, read
from harness.engine import APIError, Container
from harness.engine.archive import private_archive
from harness.engine.client import LABEL, ServerError, engine
from harness.engine.images import image

Name = Literal["chromium", "firefox"]
_HOME = "/home/visitor"
_USER = 1000
_WATCH = 6080
_READY = b"The display is ready."
_START = 20
"""Seconds until the display must run."""
_SHOWN = 45
"""Seconds until a browser must show the expected content: on a busy machine it starts slowly."""
_Found = TypeVar("_Found")


@dataclass
class BrowserSession:
    """A virtual display with keyboard; one browser at a time is open on it."""

    container: Container
    name: Name
    password: str = field(default="", repr=False)
    """Password of the page that shows the display to a person; empty without that page."""
    _visit: str = ""

    @property
    def network(self) -> str:
        """The network in which a site must run, so that it is `localhost` for the browser."""
        return f"container:{self.container.id}"

    @property
    def address(self) -> str:
        """URL of the page that shows and controls this display, with its password."""
        self.container.reload()
        (binding,) = self.container.attrs["NetworkSettings"]["Ports"][f"{_WATCH}/tcp"]
        return (
            f"http://{binding['HostIp']}:{binding['HostPort']}/vnc.html#autoconnect=1&resize=scale"
            f"&password={self.password}"
        )

    def open(self, url: str, authority: bytes, certificates: Mapping[str, bytes], password: str) -> None:
        """Start the browser with a new profile that trusts the authority (PEM), and import these .pfx files.

        Raises:
            ServerError: NSS refuses one of them.
        """
        self.close()
        files = {f"{name}.pfx": content for name, content in certificates.items()}
        self.put({"ca.crt": authority, "password": password.encode()} | files)
        command = ["sh", "-c", 'exec visit "$@" >visit.log 2>&1', "sh", self.name, url, *files]
        self._visit = engine().api.exec_create(self.container.id, command)["Id"]
        engine().api.exec_start(self._visit, detach=True)

    def is_open(self) -> bool:
        """Whether the browser still runs."""
        return bool(self._visit) and bool(engine().api.exec_inspect(self._visit)["Running"])

    def close(self) -> None:
        """End the browser, if one is open."""
        if self._visit:
            self._run("pkill", "-KILL", "-f", "chromium|firefox", check=False)
            while self.is_open():
                time.sleep(0.02)
            self._visit = ""

    def screen(self) -> Screen:
        """Read the screen.

        Raises:
            ServerError: there is no display, or the browser has ended; the message gives the reason.
        """
        try:
            return read(self._run("look").decode())
        except ValueError as error:
            raise ServerError(f"The screen cannot be read: {error}") from error

    def wait(self, what: str, find: Callable[[Screen], _Found | None], seconds: float = _SHOWN) -> _Found:
        """Read the screen until `find` finds something; `what` names it in the message.

        Raises:
            ServerError: it did not appear. Then there is no verdict.
        """
        deadline = time.monotonic() + seconds
        while True:
            screen = self.screen()
            if found := find(screen):
                return found
            if not self.is_open():
                raise ServerError(f"{self.name} has ended before it showed {what}.{self._why()}")
            if time.monotonic() > deadline:
                page = screen.page
                shown = f"\nIt shows: {page.title!r}\n{page.text}" if page else ""
                raise ServerError(f"{self.name} did not show {what} within {seconds:.0f} s.{self._why()}{shown}")
            time.sleep(0.1)

    def press(self, *keys: str) -> None:
        """Press keys one after the other (xdotool's names)."""
        self._run("xdotool", "key", "--delay", "80", *keys)

    def picture(self) -> bytes:
        """Take a picture of the whole screen (PNG)."""
        return self._run("picture")

    def put(self, files: Mapping[str, bytes]) -> None:
        """Write files into the visitor's home folder, readable only by the visitor."""
        self.container.put_archive(_HOME, private_archive(files, _USER))

    def _run(self, *command: str, check: bool = True) -> bytes:
        try:
            done = self.container.exec_run([*command], demux=True)
        except APIError as error:
            raise ServerError(f"The browser's container has ended.{self._why()}") from error
        output, errors = cast("tuple[bytes | None, bytes | None]", done.output)
        if check and done.exit_code:
            words = (errors or output or b"").decode(errors="replace").strip()
            raise ServerError(f"`{command[0]}` found no display in the browser's container.{self._why()}\n{words}")
        return output or b""

    def _why(self) -> str:
        """Return the known reason why a browser shows nothing, in words."""
        deadline = time.monotonic() + _START
        # A container that is about to stop runs no command; the engine's error about that is not the reason.
        while self._runs() and b"OCI runtime" in self._run("true", check=False) and time.monotonic() < deadline:
            time.sleep(0.05)
        state = self.container.attrs["State"]
        if state["OOMKilled"] or (state["Running"] and self._killed_for_memory()):
            return " Out of memory: a browser needs about 1 GB."
        if not state["Running"]:
            words = self.container.logs(tail=5).decode(errors="replace").strip()
            return f" Its container has stopped. End of its log:\n{words}"
        words = self._run("tail", "-n", "5", "visit.log", check=False).decode(errors="replace").strip()
        return f" End of its log:\n{words}" if words and not self.is_open() else ""

    def _runs(self) -> bool:
        self.container.reload()
        return bool(self.container.attrs["State"]["Running"])

    def _killed_for_memory(self) -> bool:
        """Whether the kernel ended a process of this container because memory ran out (cgroups, version 2 and 1)."""
        counts = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
        text = self._run("cat", *counts, check=False).decode(errors="replace")
        return any(line.startswith("oom_kill ") and not line.endswith(" 0") for line in text.splitlines())


@contextmanager
def browser_session(
    label: str, name: Name = "chromium", *, watch: int | None = None, memory: int = 0
) -> Iterator[BrowserSession]:
    """Start a display with its browser. The owner of the label removes the container.

    `watch` is the port of 127.0.0.1 where a person can see and control it, 0 for any free port. Without `watch`, the
    browser reaches only its own network. `memory` is its limit in bytes; 0 for none.

    Raises:
        ServerError: no image, the port is in use, or the display did not start.
    """
    tag = image("browser")
    if name == "firefox":
        tag = image("firefox", on=tag)
    password = "" if watch is None else secrets.token_hex(4)
    container = engine().containers.create(
        tag,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        environment={"MTLS_WATCH": password},
        ports=None if watch is None else {f"{_WATCH}/tcp": ("127.0.0.1", watch)},
        network_mode="none" if watch is None else None,
        shm_size="1g",
        mem_limit=memory or None,
        memswap_limit=memory or None,
        init=True,
        labels={LABEL: label},
    )
    try:
        container.start()
    except APIError as error:
        if (watch and "port is already allocated" in str(error)) or "address already in use" in str(error):
            raise ServerError(f"Port {watch} of 127.0.0.1 is taken. Choose another, or 0 for any free port.") from error
        raise
    made = BrowserSession(container, name, password)
    deadline = time.monotonic() + _START
    while _READY not in container.logs():
        if not made._runs() or time.monotonic() > deadline:
            raise ServerError(f"The browser's display did not start.{made._why()}")
        time.sleep(0.05)
    yield made
