"""`Satisfy any` beside a password: what admits is that line, and without it nobody enters by the password alone."""

from pathlib import Path

import pytest

from harness.verify import Run, Target, verify

pytestmark = pytest.mark.engine

HOST = """<VirtualHost *:443>
ServerName www.example.test
SSLEngine on
SSLCACertificateFile /etc/ssl/ca.crt
SSLVerifyClient optional
<Location /secure>
SSLRequire %{{SSL_CLIENT_VERIFY}} eq "SUCCESS"
Order deny,allow
Deny from all
Allow from 192.168.1.0/24
{satisfy}
AuthType Basic
AuthName "secure"
AuthUserFile /etc/apache2/passwd
Require valid-user
</Location>
</VirtualHost>
"""


def run(folder: Path, satisfy: str) -> Run:
    (folder / "site.conf").write_text(HOST.format(satisfy=satisfy))
    return verify(Target.from_path(folder / "site.conf"), only=lambda case: case.id in {"absent.none", "valid.p256"})


def test_a_password_is_enough_by_satisfy_any(tmp_path: Path) -> None:
    (found,) = (one for one in run(tmp_path, "Satisfy any").findings if one.level == "error")
    assert (found.id, found.line) == ("absent.intruder", 11)
    assert found.remedy.startswith("Remove `Satisfy any` here")


def test_the_remedy_leaves_no_finding(tmp_path: Path) -> None:
    done = run(tmp_path, "")
    assert done.verdict(strict=True) == "pass"
    assert [one for one in done.findings if one.level != "note"] == []
