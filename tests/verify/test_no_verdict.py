"""No verdict with an untestable condition that may admit a client without a certificate."""

from pathlib import Path

import pytest

from harness.verify import Run, Target, verify

pytestmark = pytest.mark.engine

SNIPPET = """\
<VirtualHost *:443>
    ServerName www.example.test
    SSLEngine on
    SSLCertificateFile /etc/ssl/example/server.crt
    SSLCertificateKeyFile /etc/ssl/example/server.key
    SSLVerifyClient optional
    SSLCACertificateFile /etc/ssl/example/ca.crt
    SSLCARevocationCheck chain
    SSLCARevocationFile /etc/ssl/example/crl.pem
    DocumentRoot /srv/example
    <Location />
        %s
    </Location>
</VirtualHost>
"""
CERTIFICATE = "Require ssl-verify-client"
NIGHT = "%{TIME_YEAR} == '1999'"


def run(tmp_path: Path, *lines: str) -> Run:
    file = tmp_path / "site.conf"
    file.write_text(SNIPPET % "\n        ".join(lines))
    return verify(Target.from_path(file))


@pytest.mark.parametrize(
    "lines",
    [
        (f'Require expr "{NIGHT}"',),
        (f'Require expr "{NIGHT}"', "Require expr \"%{HTTPS} == 'off'\""),
        (f'Require expr "{NIGHT}"', 'Require expr "false"'),
        (f"Require expr \"%{{HTTPS}} == 'off' || {NIGHT}\"",),
        ("Require expr \"%{SSL_PROTOCOL} == 'TLSv1.1'\"", 'Require expr "%{SSL_CIPHER} =~ /NULL/"'),
        ("Require env geoip_inside",),
    ],
)
def test_a_constant_beside_it_hides_nothing(tmp_path: Path, lines: tuple[str, ...]) -> None:
    found = run(tmp_path, "<RequireAny>", CERTIFICATE, *lines, "</RequireAny>")
    assert found.verdict() == "inconclusive"
    named = {finding.line for finding in found.findings if finding.id == "coverage.way_in_not_tried"}
    assert named
    assert named <= set(range(13, 13 + len(lines) + 1))


@pytest.mark.parametrize(
    "lines",
    [
        ("<RequireAll>", CERTIFICATE, f'Require expr "!({NIGHT})"', "</RequireAll>"),
        (f"Require expr \"%{{SSL_CLIENT_VERIFY}} == 'SUCCESS' && !({NIGHT})\"",),
        (f'<If "{NIGHT}">', "Require all denied", "</If>", "<Else>", CERTIFICATE, "</Else>"),
    ],
)
def test_in_addition_to_the_certificate_it_admits_no_other_client(tmp_path: Path, lines: tuple[str, ...]) -> None:
    found = run(tmp_path, *lines)
    assert found.verdict(strict=True) == "pass", found.trouble


@pytest.mark.parametrize(
    "lines",
    [
        ("<RequireNone>", "Require ip 192.0.2.1", "Require expr \"%{HTTP:X-A} == 'b'\"", "</RequireNone>"),
        ("Require not ip 192.0.2.1", "Require not expr \"%{HTTP:X-A} == 'b'\""),
    ],
)
def test_what_is_excluded_in_two_spellings_gets_the_same_verdict(tmp_path: Path, lines: tuple[str, ...]) -> None:
    found = run(tmp_path, "<RequireAll>", CERTIFICATE, *lines, "</RequireAll>")
    assert found.verdict(strict=True) == "pass", found.trouble
    assert all(one.complete for one in found.coverage)


@pytest.mark.parametrize(
    "policy",
    [
        "(%{SSL_CLIENT_S_DN_O} == 'A' && %{SSL_CLIENT_S_DN_OU} != 'x')"
        " || (%{SSL_CLIENT_S_DN_O} == 'B' && %{SSL_CLIENT_S_DN_OU} == 'x')",
        "%{SSL_CLIENT_S_DN_OU_0} == 'a' && %{SSL_CLIENT_S_DN_OU_1} == 'b'",
        "'yes' in PeerExtList('1.3.6.1.4.1.99999.1')",
    ],
)
def test_a_good_client_is_a_witness(tmp_path: Path, policy: str) -> None:
    found = run(tmp_path, f'Require expr "{policy}"')
    assert found.verdict(strict=True) == "pass", found.trouble


def test_a_part_that_is_negative_is_left_out_of_the_request(tmp_path: Path) -> None:
    hole = "%{HTTP:X-A} == '1' && %{HTTP:X-B} != '1' && %{HTTP:X-C} == '1'"
    found = run(tmp_path, "<RequireAny>", CERTIFICATE, f'Require expr "{hole}"', "</RequireAny>")
    assert found.verdict() == "fail"
    (error,) = (finding for finding in found.findings if finding.level == "error")
    assert (error.cases, error.line) == (("absent.with_header",), 14)
