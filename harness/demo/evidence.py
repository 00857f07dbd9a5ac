"""What is the result of a visit, by the screen and by httpd's log?"""

import re
from dataclasses import dataclass

from harness.demo.accessibility_tree import Dialog, Page
from harness.httpd import log as error_log
from harness.outcome import Outcome

KNOWN = "You are known here"
"""Title of the page that shows the client's certificate."""
UNKNOWN = "A certificate is needed here"
"""Title of the page for clients without a certificate."""
# Over TLS 1.3 httpd refuses after the client has finished its own part: Chromium may find the connection closed before
# it has read the alert. With httpd's reason in the log, that is the same refusal.
_BROWSERS_WORDS = re.compile(
    "ERR_BAD_SSL_CLIENT_AUTH_CERT|ERR_SOCKET_NOT_CONNECTED|ERR_CONNECTION_(CLOSED|RESET)|SSL_ERROR_HANDSHAKE_FAILURE_ALERT"
)
_NO_CERTIFICATE = "peer did not return a certificate"
_REQUEST = re.compile(r'"GET / \S+" (?P<status>\d+) \S+ verify=(?P<verify>\S+) serial=(?P<serial>\S+) subject=')
_SERIAL = re.compile(r"[0-9A-F]{16,40}")
_OK = 200
_FORBIDDEN = 403


@dataclass(frozen=True)
class Evidence:
    """Both sides of a visit. `dialog` is the certificate dialog when it was answered, None if there was none."""

    dialog: Dialog | None
    page: Page
    log: str

    @property
    def requests(self) -> frozenset[tuple[int, str]]:
        """Status and serial number of each request for the site's page, from httpd's log."""
        return frozenset(requests(self.log))

    @property
    def shown_serial(self) -> str | None:
        """The serial number on the identity page."""
        found = _SERIAL.findall(self.page.text) if self.page.title == KNOWN else []
        return found[0] if len(found) == 1 else None

    @property
    def browsers_words(self) -> str | None:
        """The browser's error code for the refusal."""
        found = _BROWSERS_WORDS.search(self.page.text)
        return found[0] if found else None

    @property
    def httpds_words(self) -> str | None:
        """Reason of httpd for the last refused handshake: no certificate, or the number of X509_V_ERR."""
        reasons = [entry.reason for entry in error_log.read(self.log.splitlines()).connections if entry.reason]
        if not reasons:
            return None
        last = reasons[-1]
        return f"{last.ah}, error {last.x509_error}" if last.x509_error is not None else last.text or last.ah

    @property
    def without_certificate(self) -> bool:
        """Whether httpd refused because the client sent no certificate."""
        return _NO_CERTIFICATE in (self.httpds_words or "")

    @property
    def identity(self) -> str | None:
        """Serial number of the admitted client, if page and log agree on it."""
        admitted = {serial for status, serial in self.requests if status == _OK}
        return self.shown_serial if admitted == {self.shown_serial} else None

    @property
    def outcome(self) -> Outcome:
        """The outcome by both sides; `no-answer` if they disagree, or if one of them shows nothing."""
        if self.page.title == KNOWN and any(status == _OK for status, _ in self.requests):
            return Outcome.ADMITTED
        if self.browsers_words and self.httpds_words and not self.requests:
            return Outcome.REFUSED_IN_HANDSHAKE
        if self.page.title == UNKNOWN and self.requests == {(_FORBIDDEN, "")}:
            return Outcome.REFUSED_BY_HTTP
        return Outcome.NO_ANSWER

    @property
    def conclusive(self) -> bool:
        """Whether both sides are known and agree."""
        if self.outcome is Outcome.ADMITTED:
            return self.identity is not None
        return self.outcome is not Outcome.NO_ANSWER

    @property
    def words(self) -> str:
        """Both sides in one line."""
        shown = self.browsers_words or self.page.title or "nothing"
        if self.identity:
            return f"Page and httpd's log show serial number {self.identity}."
        logged = "; ".join(
            f"{status} for {f'serial number {serial}' if serial else 'no certificate'}"
            for status, serial in sorted(self.requests)
        )
        return f"Browser: {shown}. httpd's log: {logged or self.httpds_words or 'nothing'}."


def requests(log: str) -> list[tuple[int, str]]:
    """Find each request for the site's page: the status, and the serial number of the verified certificate (upper-case
    hex; empty without one)."""
    found = (entry for entry in map(_REQUEST.search, log.splitlines()) if entry)
    return [(int(entry["status"]), entry["serial"] if entry["verify"] == "SUCCESS" else "") for entry in found]
