"""A rule that cannot be read needs the certificate of an admitted client (`--client-like`) as the model."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from harness.cli import main
from harness.outcome import Outcome, Verdict
from harness.pki import Authority, Identity
from harness.verify import Target, verify

pytestmark = pytest.mark.engine

SITE = """<VirtualHost *:8443>
    ServerName www.example.test
    SSLEngine on
    SSLCertificateFile /etc/ssl/server.crt
    SSLCertificateKeyFile /etc/ssl/server.key
    SSLVerifyClient require
    SSLCACertificateFile {0}
    SSLVerifyDepth 2
    <Location "/">
        Require expr "%{{SSL_CLIENT_S_DN_O}} == 'Acme' && md5(%{{SSL_CLIENT_S_DN_CN}}) =~ /^6384e2b2/"
    </Location>
</VirtualHost>
"""


def client(root: Authority, organisation: str) -> Identity:
    name = {NameOID.ORGANIZATION_NAME: organisation, NameOID.COMMON_NAME: "alice"}
    issuing = root.subauthority(subject="Corp issuing")
    return issuing.client(subject=x509.Name([x509.NameAttribute(*one) for one in name.items()]))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "site.conf"
    file.write_text(SITE.format("/etc/ssl/ca.crt"))
    return file


def test_a_rule_that_cannot_be_read_is_named_and_gives_no_verdict(site: Path) -> None:
    run = verify(Target.from_path(site), only=lambda case: case.id == "absent.none")
    assert run.verdict() == "inconclusive"
    assert "--client-like" in (run.trouble or "")
    (note,) = (finding for finding in run.findings if finding.id == "coverage.not_examined")
    assert ("SSL_CLIENT_S_DN_O" in note.message, note.line) == (True, 10)


def test_every_rule_that_cannot_be_read_is_named_with_its_line(site: Path) -> None:
    more = "    <Location /more>\n        SSLRequire %{SSL_CLIENT_V_REMAIN} > 10\n    </Location>\n</VirtualHost>"
    site.write_text(SITE.format("/etc/ssl/ca.crt").replace("</VirtualHost>", more))
    run = verify(Target.from_path(site), only=lambda case: case.id == "absent.none")
    assert [note.line for note in run.findings if note.id == "coverage.not_examined"] == [10, 13]


def test_a_client_like_the_admitted_one_is_admitted_and_one_of_another_organisation_is_refused(site: Path) -> None:
    like = client(Authority.root(subject="Corp root"), "Acme")
    families = ("rules", "chain", "valid", "validity")
    run = verify(
        Target.from_path(site), only=lambda case: case.family in families, like=(like.certificate, *like.chain)
    )
    wrong = [
        (entry.probe.case.id, entry.evidence()) for entry in run.results if entry.verdict is not Verdict.AS_EXPECTED
    ]
    assert (run.verdict(), wrong) == ("pass", [])
    by_rule = {entry.probe.case.id for entry in run.results if entry.observed.outcome is Outcome.REFUSED_BY_HTTP}
    assert by_rule == {"rules.another_subject", "rules.another_organisation"}


def test_a_client_that_the_rules_deny_proves_nothing(site: Path) -> None:
    like = client(Authority.root(subject="Corp root"), "Another")
    run = verify(
        Target.from_path(site), only=lambda case: case.id == "absent.none", like=(like.certificate, *like.chain)
    )
    assert run.verdict() == "inconclusive"
    assert "status 403" in (run.trouble or "")


def test_a_client_of_an_authority_that_is_not_trusted_is_refused_as_a_model(tmp_path: Path) -> None:
    root = Authority.root(subject="Corp root")
    config = tmp_path / "conf"
    config.mkdir()
    (config / "ca.crt").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    (config / "httpd.conf").write_text(
        "ServerRoot /usr/local/apache2\nListen 8443\n"
        + "".join(
            f"LoadModule {name}_module modules/mod_{name}.so\n"
            for name in ("mpm_event", "authn_core", "authz_core", "ssl", "unixd")
        )
        + SITE.format("conf/ca.crt")
    )
    file = tmp_path / "alice.crt"
    file.write_bytes(client(root, "Acme").certificate.public_bytes(Encoding.PEM))
    result = CliRunner().invoke(main, ["verify", str(config), "--client-like", str(file)])
    assert result.exit_code == 2
    assert "issued by CN=Corp issuing" in result.output
    assert "CN=Corp root" in result.output
    assert "append" in result.output
    file.write_bytes(client(root, "Acme").key_pem())
    result = CliRunner().invoke(main, ["verify", str(config), "--client-like", str(file)])
    assert (result.exit_code, "private key, which is not needed" in result.output) == (2, True)
