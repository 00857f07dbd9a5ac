"""A configuration held against a policy: the documented example, which a sound configuration keeps, and each of its
keys broken in turn."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from harness.cases import Case
from harness.outcome import Verdict
from harness.pki import Authority
from harness.verify import Run, Target, verify
from harness.verify.policy import PolicyError, read
from tests.configurations.corpus import corpus

pytestmark = pytest.mark.engine

DOCUMENTED = (Path(__file__).parents[2] / "docs" / "policy.md").read_text()
EXAMPLE = re.search(r"```toml\n(.*?)```", DOCUMENTED, re.DOTALL)[1]  # type: ignore[index]
SOUND = """\
Listen 8443
<VirtualHost *:443>
    ServerName www.example.test
    DocumentRoot /var/www/html
    SSLEngine on
    SSLCertificateFile /etc/ssl/example/server.crt
    SSLCertificateKeyFile /etc/ssl/example/server.key
    SSLVerifyClient optional
    SSLCACertificateFile /etc/ssl/example/ca.crt
    SSLVerifyDepth 2
    SSLCARevocationCheck leaf
    SSLCARevocationFile /etc/ssl/example/crl.pem
    <Location "/">
        Require ssl-verify-client
    </Location>
    <Location "/health">
        Require all granted
    </Location>
    <Location "/internal">
        Require all denied
    </Location>
</VirtualHost>
<VirtualHost *:8443>
    ServerName admin.example.test
    DocumentRoot /var/www/admin
    SSLEngine on
    SSLProtocol -all +TLSv1.3
    SSLCertificateFile /etc/ssl/example/admin.crt
    SSLCertificateKeyFile /etc/ssl/example/admin.key
    SSLVerifyClient require
    SSLCACertificateFile /etc/apache2/staff.crt
    SSLVerifyDepth 2
    SSLCARevocationCheck chain
    SSLCARevocationFile /etc/ssl/example/staff-crl.pem
    <Directory /var/www/admin>
        Require expr "%{SSL_CLIENT_S_DN_OU} == 'Operations' && %{SSL_CLIENT_S_DN_O} == 'Example'"
    </Directory>
</VirtualHost>
"""
STAFF = Authority.root(subject=x509.Name.from_rfc4514_string("CN=Example staff CA,O=Example"))
OTHERS = Authority.root(subject="Others")
CASES = {
    *("absent.none", "valid.p256", "validity.expired", "protocol.unwanted_version"),
    *("rules.another_subject", "rules.another_authority", "revocation.revoked_leaf", "revocation.revoked_intermediate"),
}
Prove = Callable[..., Run]


def few(case: Case) -> bool:
    return case.id in CASES or case.family == "rules"


@pytest.fixture
def prove(tmp_path: Path) -> Prove:
    """Verify a configuration in Debian's layout against a policy."""

    def verified(text: str, policy: str = EXAMPLE, *authorities: Authority) -> Run:
        (tmp_path / "etc").mkdir()
        debian = next(one for one in corpus() if one.properties["layout"] == "debian")
        config, _ = debian.lay_out(tmp_path / "etc", text)
        pem = b"".join(one.certificate.public_bytes(Encoding.PEM) for one in (authorities or (STAFF,)))
        (tmp_path / "etc" / "staff.crt").write_bytes(pem)
        (tmp_path / "policy.toml").write_text(policy)
        return verify(Target.from_path(config), policy=read(tmp_path / "policy.toml"), only=few)

    return verified


def found(run: Run, verdict: Verdict) -> set[tuple[str, str]]:
    """Which cases have this verdict, each with the site's path."""
    return {(entry.probe.case.id, entry.probe.site.path) for entry in run.results if entry.verdict is verdict}


def errors(run: Run) -> set[str]:
    """The lines that errors point at."""
    lines = SOUND.splitlines()
    return {lines[finding.line - 1].strip() for finding in run.findings if finding.level == "error"}


def test_a_configuration_that_keeps_the_documented_policy_passes(prove: Prove) -> None:
    run = prove(SOUND)
    assert (run.verdict(strict=True), run.trouble) == ("pass", None), run.findings
    assert {entry.verdict for entry in run.results} == {Verdict.AS_EXPECTED}
    knocked = {(entry.probe.case.id, entry.probe.site.path) for entry in run.results}
    assert {("absent.none", "/health"), ("valid.p256", "/internal/"), ("protocol.unwanted_version", "/")} <= knocked
    (health,) = {entry.probe.site.id for entry in run.results if entry.probe.site.path == "/health"}
    assert not [finding for finding in run.findings if health == finding.site]


BROKEN = {
    "anyone": ("Require all granted", "Require ssl-verify-client", "locked-out absent.none /health"),
    "nobody": ("Require all denied", "Require ssl-verify-client", "intruder valid.p256 /internal/"),
    "clients": ("Require ssl-verify-client", "Require all granted", "intruder absent.none /"),
    "clients, but none gets in": ("Require ssl-verify-client", "Require all denied", "locked-out valid.p256 /"),
    "subject": ("%{SSL_CLIENT_S_DN_OU} == 'Operations' && ", "", "intruder rules.another_unit /"),
    "another subject": ("'Operations'", "'Sales'", "locked-out valid.p256 /"),
    "chain": ("RevocationCheck chain", "RevocationCheck leaf", "intruder revocation.revoked_intermediate /"),
    "leaf": ("RevocationCheck leaf", "RevocationCheck none", "intruder revocation.revoked_leaf /"),
    "a version too many": ("-all +TLSv1.3", "all", "intruder protocol.unwanted_version /"),
    "a version too few": ("-all +TLSv1.3", "-all +TLSv1.2", "locked-out valid.p256 /"),
}
"""For each promise a line that keeps it, one that does not, and what comes of that."""


@pytest.mark.parametrize(("line", "by", "comes"), BROKEN.values(), ids=BROKEN)
def test_each_promise_that_is_broken_is_an_error(prove: Prove, line: str, by: str, comes: str) -> None:
    assert line in SOUND
    run = prove(SOUND.replace(line, by, 1))
    verdict, case, path = comes.split()
    assert run.verdict() == "fail"
    assert (case, path) in found(run, Verdict(verdict))
    assert case in {one for finding in run.findings if finding.level == "error" for one in finding.cases}


def test_clients_of_other_authorities_must_be_refused(prove: Prove) -> None:
    run = prove(SOUND, EXAMPLE, STAFF, OTHERS, STAFF.subauthority(subject="Staff of one branch"))
    assert run.verdict() == "fail"
    assert found(run, Verdict.INTRUDER) == {("rules.another_authority", "/")}
    issuers = {
        entry.probe.client.identity.certificate.issuer.rfc4514_string()
        for entry in run.results
        if entry.probe.case.id == "rules.another_authority" and entry.probe.client.identity
    }
    assert issuers == {"CN=Others"}


def test_a_rule_may_tell_authorities_apart(prove: Prove) -> None:
    rule = "Require expr \"%{SSL_CLIENT_S_DN_OU} == 'Operations' && %{SSL_CLIENT_S_DN_O} == 'Example'"
    assert rule in SOUND
    policy = EXAMPLE.replace("CN=Example staff CA,O=Example", "staff.crt")
    run = prove(SOUND.replace(rule, f"{rule} && %{{SSL_CLIENT_I_DN_CN}} == 'Example staff CA'"), policy, STAFF, OTHERS)
    assert run.verdict(strict=True) == "pass", run.findings
    assert ("rules.another_authority", "/") in found(run, Verdict.AS_EXPECTED)


def test_authorities_that_cannot_be_seen_are_a_warning(prove: Prove) -> None:
    run = prove(SOUND.replace("/etc/apache2/staff.crt", "/etc/ssl/example/staff.crt"))
    assert (run.verdict(), run.verdict(strict=True)) == ("pass", "fail")
    assert "policy.authority_not_examined" in {finding.id for finding in run.findings}


def test_a_place_that_the_configuration_leaves_open_is_probed_and_fails(prove: Prove) -> None:
    """The whole catalogue comes to a path that no section of the configuration speaks of."""
    policy = '[[site]]\nurl = "https://www.example.test/reports/*"\nadmit = "{}"\n'
    plain = re.sub(r"    <Location.*</Location>\n", "", SOUND, flags=re.DOTALL)
    run = prove(plain.replace("SSLVerifyClient optional", "SSLVerifyClient none"), policy.format("clients"))
    assert {("absent.none", "/reports/"), ("validity.expired", "/reports/")} <= found(run, Verdict.INTRUDER)
    assert errors(run) == {"SSLVerifyClient optional"}


def test_admit_nobody_includes_paths_without_a_page(prove: Prove) -> None:
    policy = '[[site]]\nurl = "https://www.example.test/reports/*"\nadmit = "nobody"\n'
    run = prove(SOUND, policy)
    assert ("valid.p256", "/reports/") in found(run, Verdict.INTRUDER)
    assert errors(run) == {"Require ssl-verify-client"}


def test_nobody_names_the_valid_client_and_a_line_that_httpd_accepts(prove: Prove) -> None:
    """`Require` is not allowed in a virtual host, so it goes into a section."""
    plain = re.sub(r"    <Location.*</Location>\n", "", SOUND, flags=re.DOTALL)
    run = prove(
        plain.replace("SSLVerifyClient optional", "SSLVerifyClient require"),
        '[[site]]\nurl = "https://www.example.test/reports/*"\nadmit = "nobody"\n',
    )
    (finding,) = (one for one in run.findings if one.level == "error")
    assert (finding.id, finding.cases[0]) == ("valid.intruder", "valid.p256")
    assert "`Require all denied` into the <Location> or <Directory> of this path" in finding.remedy


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ('[[site]]\nurl = "https://www.exmaple.test/*"\nadmit = "clients"\n', "2: .*mean https://www.example.test"),
        ('[[site]]\nurl = "https://*/*"\nadmit = "clients"\n' * 2, "5: .*never reached: an earlier entry"),
        (EXAMPLE.replace("CN=Example staff CA", "CN=Example stuff CA"), '"CN=Example staff CA,O=Example"'),
        (EXAMPLE.replace("CN=Example staff CA,O=Example", "nothing.crt"), "nothing.crt: CONFIG has no such"),
    ],
    ids=["no site", "hidden", "unknown authority", "no such file"],
)  # fmt: skip
def test_a_policy_that_does_not_fit_says_what_would(prove: Prove, policy: str, words: str) -> None:
    with pytest.raises(PolicyError, match=f"policy.toml:(.|\n)*{words}"):
        prove(SOUND, policy)
