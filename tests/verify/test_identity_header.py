"""What a backend learns of a client without a certificate: nothing forged is an error, `(null)` alone a warning."""

from pathlib import Path

import pytest

from harness.verify import Finding, Target, verify

pytestmark = pytest.mark.engine

SPELLINGS = ("X-User", "X_User")
SET = 'RequestHeader set X-User "%{SSL_CLIENT_S_DN_CN}s"'
UNSET = tuple(f"RequestHeader unset {name}" for name in SPELLINGS)
VERIFIED = "\"expr=%{SSL_CLIENT_VERIFY} == 'SUCCESS'\""


def findings(folder: Path, *lines: str) -> list[Finding]:
    """The findings about the identity header of a site that asks for a certificate, and does not require it."""
    file = folder / "site.conf"
    host = ("SSLEngine on", "SSLCACertificateFile /etc/ssl/ca.crt", "SSLVerifyClient optional", *lines)
    proxy = "ProxyPass / http://app.example.test:8000/"
    file.write_text("\n".join(("<VirtualHost *:443>", "ServerName www.example.test", *host, proxy, "</VirtualHost>")))
    run = verify(Target.from_path(file), only=lambda case: case.family == "identity" or case.id == "valid.p256")
    return [finding for finding in run.findings if finding.id == "identity.intruder"]


def test_a_forged_header_that_httpd_overwrites_is_no_error(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, *UNSET, SET)
    assert found.level == "warning"
    assert set(found.cases) == {"identity.header", "identity.header_spelled_otherwise", "identity.none"}
    assert "`X-User: (null)`" in found.message
    assert VERIFIED in found.remedy


def test_the_remedy_of_null_leaves_no_finding(tmp_path: Path) -> None:
    assert findings(tmp_path, *UNSET, f"{SET} {VERIFIED}") == []


def test_a_forged_header_that_arrives_is_an_error(tmp_path: Path) -> None:
    found = findings(tmp_path, UNSET[1], f"{SET} {VERIFIED}")
    assert [(one.level, one.cases) for one in found] == [("error", ("identity.header",))]
    assert found[0].remedy.startswith("Write `RequestHeader unset X-User` before this line")
