"""What became of a visit, as the screen shows it and as httpd has logged it?"""

import re
from dataclasses import dataclass

from harness.demo.accessibility_tree import Dialog, Page
from harness.httpd import log as error_log
from harness.outcome import Outcome

KNOWN = "You are known here"
"""The title of the page that names the visitor."""
UNKNOWN = "A certificate is needed here"
"""The title of the page that answers who has no certificate."""
# Over TLS 1.3 a handshake is refused after the client has ended its own part: Chromium may find the connection closed
# before it has read why. With httpd's reason beside it, that is the same refusal.
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
    """Both sides of a visit. `dialog` is what was asked, as it stood when it was answered, None where nothing was."""

    dialog: Dialog | None
    page: Page
    log: str

    @property
    def requests(self) -> frozenset[tuple[int, str]]:
        """How httpd answered whoever asked for the site's page."""
        return frozenset(requests(self.log))

    @property
    def shown_serial(self) -> str | None:
        """The serial number that the identity page shows."""
        found = _SERIAL.findall(self.page.text) if self.page.title == KNOWN else []
        return found[0] if len(found) == 1 else None

    @property
    def browsers_words(self) -> str | None:
        """What the browser calls it that it was kept out."""
        found = _BROWSERS_WORDS.search(self.page.text)
        return found[0] if found else None

    @property
    def httpds_words(self) -> str | None:
        """Why httpd ended the last handshake that it ended: for want of a certificate, or with X509_V_ERR's number."""
        reasons = [entry.reason for entry in error_log.read(self.log.splitlines()).connections if entry.reason]
        if not reasons:
            return None
        last = reasons[-1]
        return f"{last.ah}, error {last.x509_error}" if last.x509_error is not None else last.text or last.ah

    @property
    def without_certificate(self) -> bool:
        """Whether that was for want of a certificate."""
        return _NO_CERTIFICATE in (self.httpds_words or "")

    @property
    def identity(self) -> str | None:
        """Who was let in, if the page and the log agree on him."""
        admitted = {serial for status, serial in self.requests if status == _OK}
        return self.shown_serial if admitted == {self.shown_serial} else None

    @property
    def outcome(self) -> Outcome:
        """What both sides agree on; `no-answer` where they do not, or where one of them is silent."""
        if self.page.title == KNOWN and any(status == _OK for status, _ in self.requests):
            return Outcome.ADMITTED
        if self.browsers_words and self.httpds_words and not self.requests:
            return Outcome.REFUSED_IN_HANDSHAKE
        if self.page.title == UNKNOWN and self.requests == {(_FORBIDDEN, "")}:
            return Outcome.REFUSED_BY_HTTP
        return Outcome.NO_ANSWER

    @property
    def conclusive(self) -> bool:
        """Whether both sides are known, and agree."""
        if self.outcome is Outcome.ADMITTED:
            return self.identity is not None
        return self.outcome is not Outcome.NO_ANSWER

    @property
    def words(self) -> str:
        """Both sides in one line."""
        shown = self.browsers_words or self.page.title or "nothing"
        if self.identity:
            return f"The page shows serial number {self.identity}, and so does httpd's log."
        logged = "; ".join(
            f"{status} for {f'serial number {serial}' if serial else 'no certificate'}"
            for status, serial in sorted(self.requests)
        )
        return f"The browser shows {shown}, httpd's log says: {logged or self.httpds_words or 'nothing'}."


def requests(log: str) -> list[tuple[int, str]]:
    """Find each request for the site's page: the status of the answer, and the serial number that httpd had verified
    (upper-case hex; empty without one)."""
    found = (entry for entry in map(_REQUEST.search, log.splitlines()) if entry)
    return [(int(entry["status"]), entry["serial"] if entry["verify"] == "SUCCESS" else "") for entry in found]
