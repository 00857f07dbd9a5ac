"""What has httpd logged about each connection and each request?"""

import re
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from urllib.parse import unquote

from harness.httpd import log_line
from harness.httpd.log_line import LogLine
from harness.httpd.trace import Trace, TraceEntry, entry_of, of_request
from harness.outcome import LogEntry, Reason

ACCESS = "mtls-probe"
"""Opens each line of the access log that is written for the verifier."""
INSTEAD = "mtls-instead"
"""Opens each line about what answered in the place of what was asked for (ErrorDocument)."""

_NEW = "AH01964: "
_STARTED = "AH00489: "
# As much as ServerTokens tells. A run in which every handshake is refused has no line in the access log.
_VERSION = re.compile(r"\b(OpenSSL|Apache)/(\S+)")
_PRODUCTS = {"Apache": "httpd", "OpenSSL": "openssl"}
# The subject comes from the client and may contain anything, so only the last one of these fields counts.
_SERIAL = re.compile(r"AH0227[56]: Certificate Verification.* / serial: (?P<serial>[0-9A-F]+) / notbefore: ")
_VERIFICATION = re.compile(r"(?P<ah>AH02276): Certificate Verification: Error \((?P<number>\d+)\): ")
# Why OCSP failed: logged before the verification's own error, which then is always 50.
_APPLICATION_VERIFICATION = 50
_OCSP = re.compile(
    r"(?P<ah>AH01918|AH01919|AH01920|AH01921|AH01922|AH01923|AH01924|AH01925|AH02272|AH02273"
    r"|AH0197[2-9]|AH0198[0-689]|AH0199\d|AH03239(?=: OCSP validation completed, certificate status: unknown)): "
)
_REFUSAL = re.compile(r"(?P<ah>AH02032|AH02039|AH02040|AH02261|AH02263|AH10158): ")
_NAME = re.compile(r"AH0204[34]: (?:SSL|No matching SSL) virtual host for servername (?P<name>\S+) found")
# Written right after the refusal, by the same thread and without the client's address.
_LIBRARY = re.compile(r"SSL Library Error: error:[0-9A-F]+:[^:]*:[^:]*:(?P<text>.*?)(?: \(| -- |$)")
_ACCESS = re.compile(
    rf"{ACCESS} (?P<client>\S+) (?P<mark>\S+) (?P<status>\d+) (?P<passed>\S+) (?P<verify>FAILED:.*?|\S+) "
    r"(?P<serial>\S+) \S+/(?P<httpd>\S+) \S+/(?P<openssl>\S+) (?P<instead>\S+) (?P<file>.*)$"
)
# mod_log_forensic's line of a request that ProxyRemote led to the backend: in absolute form.
_BACKEND = re.compile(r"\+[^|]+\|\S+ \w+%3a//[^|]*\|(?P<headers>.*)$")
_PROBE = "X-MTLS-Probe"
_INSTEAD = re.compile(rf"{INSTEAD} (?P<mark>\S+) (?P<file>.*)$")


@dataclass
class Connection:
    """The error log of one connection: the server name in the handshake, the serial numbers of the verified
    certificates, and the reason if it was refused."""

    client: str
    name: str | None = None
    serials: set[str] = field(default_factory=set)
    reason: Reason | None = None
    ocsp: str | None = None


@dataclass(frozen=True)
class Log:
    """A whole log: the connections in their order, and the entry of each probe's request by the probe's id. `versions`
    are those of httpd and OpenSSL, `last_words` the last lines without routine messages."""

    connections: tuple[Connection, ...]
    requests: Mapping[str, LogEntry]
    versions: Mapping[str, str]
    last_words: str = ""
    traces: Mapping[str, Trace] = field(default_factory=dict)
    """The evaluations of conditions, by the probe's id."""

    @cached_property
    def _by_serial(self) -> dict[str, list[Connection]]:
        """The connections on which each serial number was verified."""
        found: dict[str, list[Connection]] = {}
        for entry in self.connections:
            for serial in entry.serials:
                found.setdefault(serial, []).append(entry)
        return found

    def reason_for(self, serials: Collection[str], name: str | None) -> Reason | None:
        """The reason of the refused connection with this server name and one of these certificates; None if the log has
        none, or several."""
        came = (entry for serial in serials for entry in self._by_serial.get(serial, ()))
        reasons = {entry.reason for entry in came if entry.name in (name, None)}
        return reasons.pop() if len(reasons) == 1 else None

    def saw(self, serials: Iterable[str]) -> bool:
        """Whether httpd verified any of these certificates."""
        return any(serial in self._by_serial for serial in serials)

    def reason_without(self, serials: Collection[str], name: str | None, *, certificate: bool) -> Reason | None:
        """The reason of the refused connections with this server name and none of these certificates, but with another
        `certificate` (or with none at all). They cannot be distinguished: None if they have different reasons."""
        reasons = {
            entry.reason
            for entry in self._by_name.get(name, ())
            if entry.reason and entry.serials.isdisjoint(serials) and bool(entry.serials) == certificate
        }
        return reasons.pop() if len(reasons) == 1 else None

    @cached_property
    def _by_name(self) -> dict[str | None, list[Connection]]:
        """The connections by the server name, without those that had no common version of TLS."""
        found: dict[str | None, list[Connection]] = {}
        for entry in self.connections:
            if _OTHER_VERSION not in ((entry.reason and entry.reason.text) or ""):
                found.setdefault(entry.name, []).append(entry)
        return found


_OTHER_VERSION = "unsupported protocol"
_LAST = 8
"""The number of lines in `last_words`."""


def read(lines: Iterable[str]) -> Log:
    """Read the lines of error and access log, mixed as in the output of a container.

    A line counts only if its format matches from the first character on: the text of a request or of a certificate
    stands further back.
    """
    reader = LogReader()
    for line in lines:
        reader.add(line)
    return reader.log()


@dataclass(frozen=True)
class _Request:
    """One line of the access log. `client` is the log id of its connection."""

    entry: LogEntry
    client: str
    error_document: bool


@dataclass
class LogReader:
    """Reads a log line by line. `current` are the connections by their log id, `served` the latest connection of each
    thread."""

    words: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST))
    connections: list[Connection] = field(default_factory=list)
    current: dict[str, Connection] = field(default_factory=dict)
    served: dict[str, Connection] = field(default_factory=dict)
    requests: dict[str, list[_Request]] = field(default_factory=dict)
    instead: dict[str, str] = field(default_factory=dict)
    received: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    traces: dict[str, list[TraceEntry]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=lambda: {"httpd": "unknown", "openssl": "unknown"})

    def add(self, line: str) -> None:
        """Read the next line."""
        parsed = log_line.parse(line)
        if not log_line.is_routine(line):
            self.words.append(line)
        if parsed is None:
            self._add_access(line)
            return
        if parsed.client and (entry := entry_of(parsed)):
            self.traces.setdefault(parsed.client, []).append(entry)
        if parsed.module == "ssl":
            self._add_connection(parsed)
        elif parsed.message.startswith(_STARTED) and "unknown" in self.versions.values():
            self.versions |= {_PRODUCTS[name]: number for name, number in _VERSION.findall(parsed.message)}

    def _add_access(self, line: str) -> None:
        if found := _ACCESS.match(line):
            identity = found["serial"] if found["verify"] == "SUCCESS" else None
            status = int(found["status"])
            # A response from a cache has passed no guard; an ErrorDocument may answer a refused request with success.
            passed = found["passed"] == "passed" or (status < 300 and found["instead"] == "-")
            refused = found["instead"].isdecimal() and int(found["instead"]) >= 400
            entry = LogEntry(identity, None, status, passed, found["file"])
            self.requests.setdefault(found["mark"], []).append(_Request(entry, found["client"], refused))
            self.versions = {name: found[name] for name in self.versions}
        elif found := _INSTEAD.match(line):
            self.instead[found["mark"]] = found["file"]
        elif found := _BACKEND.match(line):
            parts = (unquote(part).partition(":") for part in found["headers"].split("|"))
            headers = tuple((name, value) for name, _, value in parts)
            self.received[dict(headers).get(_PROBE, "")] = headers

    def _add_connection(self, line: LogLine) -> None:
        if line.client is None:
            if served := self.served.get(line.thread):
                _note_without_client(served, line.message)
            return
        if line.client not in self.current or line.message.startswith(_NEW):
            self.current[line.client] = Connection(line.client)
            self.connections.append(self.current[line.client])
        self.served[line.thread] = self.current[line.client]
        _note(self.current[line.client], line.message)

    def log(self) -> Log:
        """Return the log of all lines so far. The lines of the two logs may come in any order."""
        own = {probe_id: self._own(logged) for probe_id, logged in self.requests.items()}
        entries = {
            probe_id: replace(
                one.entry,
                reason=self._reason(one),
                instead=self.instead.get(probe_id),
                received=self.received.get(probe_id),
            )
            for probe_id, one in own.items()
        }
        traces = {
            probe_id: of_request(self.traces.get(one.client, ()), error_document=one.error_document)
            for probe_id, one in own.items()
        }
        return Log(tuple(self.connections), entries, self.versions, "\n".join(self.words), traces)

    def _own(self, logged: list[_Request]) -> _Request:
        """Return the client's own request of those with one probe's id: a proxy to another virtual host of the same
        server sends that id as well, but without the client's certificate, and mostly without TLS."""
        return max(reversed(logged), key=lambda one: (one.client in self.current, one.entry.identity is not None))

    def _reason(self, request: _Request) -> Reason | None:
        connection = self.current.get(request.client)
        return connection.reason if connection else None


def _note(connection: Connection, text: str) -> None:
    if serial := _SERIAL.match(text):
        connection.serials.add(serial["serial"])
    if found := _NAME.match(text):
        connection.name = found["name"]
    elif found := _OCSP.match(text):
        connection.ocsp = found["ah"]
    elif found := _VERIFICATION.match(text):
        number = int(found["number"])
        untold = number == _APPLICATION_VERIFICATION and connection.ocsp
        connection.reason = Reason(untold or found["ah"], number)
    elif connection.reason is None and (found := _REFUSAL.match(text)):
        connection.reason = Reason(found["ah"])


def _note_without_client(connection: Connection, text: str) -> None:
    """Add a message without a connection to the latest connection of its thread."""
    if found := _OCSP.match(text):
        connection.ocsp = found["ah"]
    elif (connection.reason is None or connection.reason.ah is None) and (found := _LIBRARY.match(text)):
        earlier = f"{connection.reason.text}; " if connection.reason else ""
        connection.reason = Reason(None, None, earlier + found["text"].strip())
