"""What are the parts of one line of httpd's error log, and which of them may contain a client's text?

The verifier sets the format (`FORMAT`). httpd writes time, module, process and the connection's log id first, and the
message last. It escapes control characters, so a client's text stays inside the message of its line.
"""

import re
from dataclasses import dataclass

FORMAT = r"[%{u}t] [%-m:%l] [pid %P:tid %{g}T] [client\ %-{c}L] %7F: %E: %M"
"""The ErrorLogFormat. `%{c}L` is the connection's log id: httpd makes it, and no client knows or writes it. `%7F` is
the source file, at the levels from `debug` on. `%E` is the operating system's error."""
_LINE = re.compile(
    r"\[[^\]]*\] \[(?P<module>[\w-]+):(?P<level>\w+)\] \[pid (?P<thread>[^\]]+)\] (?:\[client (?P<client>\S+)\] )?"
    r"(?P<rest>.*)"
)
_CLIENT = re.compile(r"\[(?:client|remote) (?P<client>[^\] ]+)\] ")
"""Where httpd's default format has the client: behind the source file and the error."""
_SOURCE = re.compile(r"(?P<source>\w+)\.c\(\d+\): ")
_ERROR = re.compile(r"\(\d+\)[^:]*: ")
_ROUTINE = re.compile(r"\[[^\]]*\] \[[\w-]+:(?:info|debug|trace\d)\] ")
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|(.))", re.DOTALL)
_CONTROLS = {"b": b"\b", "n": b"\n", "r": b"\r", "t": b"\t", "v": b"\v"}


@dataclass(frozen=True)
class LogLine:
    """One line of the error log. `client` is the connection's log id, None where the message is about no connection.
    `source` is the name of httpd's source file, without `.c`: None above the level `debug`."""

    module: str
    thread: str
    client: str | None
    source: str | None
    message: str


def parse(line: str) -> LogLine | None:
    """Read one line of `FORMAT` or of httpd's default format; None for a line that is neither from its first character
    on. In the default format `client` is the address."""
    found = _LINE.match(line)
    if found is None:
        return None
    rest, source = found["rest"], None
    if found["level"].startswith(("debug", "trace")) and (file := _SOURCE.match(rest)):
        rest, source = rest[file.end() :], file["source"]
    if error := _ERROR.match(rest):
        rest = rest[error.end() :]
    client = found["client"]
    if client is None and (address := _CLIENT.match(rest)):
        rest, client = rest[address.end() :], address["client"]
    client = None if client == "-" else client
    return LogLine(found["module"], found["thread"], client, source, rest)


def is_routine(line: str) -> bool:
    """Whether a line is a routine message, in this format or in httpd's default one."""
    return _ROUTINE.match(line) is not None


def unescaped(text: str) -> str:
    """Return a part of a message as it was before httpd escaped it: backslashes, control characters, all but ASCII."""
    if "\\" not in text:
        return text
    parts: list[bytes] = []
    end = 0
    for found in _ESCAPED.finditer(text):
        number, character = found.groups()
        parts += [text[end : found.start()].encode(), bytes.fromhex(number) if number else _control(character)]
        end = found.end()
    return b"".join([*parts, text[end:].encode()]).decode(errors="replace")


def _control(character: str) -> bytes:
    return _CONTROLS.get(character, character.encode())
