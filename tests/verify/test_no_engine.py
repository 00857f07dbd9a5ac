"""A virtual host that has a server's certificate and lacks `SSLEngine on` serves plain HTTP: that line is to be
written, at the host that lacks it."""

from pathlib import Path

import pytest

from harness.httpd.layout import ConfigurationError
from harness.verify import Finding, Target, verify

pytestmark = pytest.mark.engine

HOST = """<VirtualHost *:{port}>
ServerName {name}.example.test
SSLCertificateFile /etc/ssl/server.crt
SSLCACertificateFile /etc/ssl/ca.crt
SSLVerifyClient require
{engine}
</VirtualHost>
"""
ON = "SSLEngine on"


def findings(folder: Path, engine: str, *, beside: bool = True) -> list[Finding]:
    """The errors about a host on port 8443, beside one that is right."""
    right = HOST.format(port=443, name="www", engine=ON) if beside else ""
    (folder / "site.conf").write_text(right + HOST.format(port=8443, name="admin", engine=engine))
    run = verify(Target.from_path(folder / "site.conf"), only=lambda case: case.id in {"absent.none", "valid.p256"})
    return [one for one in run.findings if one.level == "error"]


def test_the_missing_line_is_named_at_its_host(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, "")
    assert (found.id, found.line) == ("absent.intruder", 8)
    assert found.remedy.startswith("Write `SSLEngine on` into this virtual host.")


def test_with_that_line_nothing_is_found(tmp_path: Path) -> None:
    assert findings(tmp_path, ON) == []


def test_a_host_that_is_plain_on_purpose_is_told_to_redirect(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, "SSLEngine off")
    assert found.remedy.startswith("Serve only a redirect")


def test_where_no_host_has_it_the_message_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"site\.conf:1: write `SSLEngine on` into this virtual host"):
        findings(tmp_path, "", beside=False)
