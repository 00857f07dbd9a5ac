"""The command line of a finding, run as it is against the verifier's own server: it prints what the finding says."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from harness.engine.client import discard
from harness.engine.server import Httpd
from harness.httpd.variables import OUTSIDE
from harness.outcome import Outcome
from harness.verify import Result, Run, Target, verify
from harness.verify.reproduce import command

pytestmark = pytest.mark.engine
PEM = Encoding.PEM
HOST = """<VirtualHost *:443>
    ServerName {name}
    DocumentRoot /var/www/html
    SSLEngine on
    SSLCertificateFile /etc/ssl/example/server.crt
    SSLCertificateKeyFile /etc/ssl/example/server.key
    SSLCACertificateFile /etc/ssl/example/ca.crt
    SSLVerifyClient {verify}
    SSLVerifyDepth 3
    {rules}
</VirtualHost>
"""
BY_REQUEST = """<Location "/">
    <RequireAny>
        Require expr "%{HTTP:X-Token} == 'let me' && %{QUERY_STRING} == 'a=1' && %{REQUEST_METHOD} == 'POST'"
        Require ssl-verify-client
    </RequireAny>
    </Location>"""
CONFIG = HOST.format(name="open.test", verify="optional_no_ca", rules="") + HOST.format(
    name="rules.test", verify="optional", rules=BY_REQUEST
)


class Kept:
    """A run whose server goes on, and the folder in which command lines are run against it."""

    def __init__(self, run: Run, httpd: Httpd, folder: Path) -> None:
        self.run, self.httpd, self.folder = run, httpd, folder

    def printed(self, result: Result) -> str:
        """What the command prints with this client's certificate. Only the address is this machine's."""
        client = result.probe.client
        if client.identity:
            chain = b"".join(one.public_bytes(PEM) for one in client.certificates)
            (self.folder / "client.crt").write_bytes(chain)
            (self.folder / "client.key").write_bytes(client.identity.key_pem())
        port = self.httpd.ports[result.probe.site.port]
        (self.folder / ".curlrc").write_text(f'connect-to = "::127.0.0.1:{port}"\n')
        line = re.sub(r"-connect \S+", f"-connect 127.0.0.1:{port}", command(result))
        shell = ["bash", "-c", line]
        done = subprocess.run(
            shell,
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", "CURL_HOME": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout.strip()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    folder = tmp_path_factory.mktemp("reproduce")
    (folder / "site.conf").write_text(CONFIG)
    seen: list[Httpd] = []
    finish = Httpd.finish

    def finished(self: Httpd, *, keep: bool = False) -> Iterator[str]:
        seen.append(self)
        return finish(self, keep=keep)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Httpd, "finish", finished)
        run = verify(Target.from_path(folder / "site.conf"), keep=True)
    try:
        yield Kept(run, seen[0], folder)
    finally:
        discard(seen[0].container)


def expected_output(result: Result) -> str:
    """The output that the command must have: the status, or 000 without one."""
    return str(result.observed.status) if result.observed.status else "000"


def test_each_line_prints_what_the_run_saw(kept: Kept) -> None:
    wrong, count = [], 0
    for result in kept.run.results:
        # This machine's curl may be too old for ML-DSA keys.
        if (
            not command(result)
            or result.probe.case.id == "valid.ml_dsa_65"
            or result.probe.client.address not in {None, OUTSIDE}
        ):
            continue
        count += 1
        printed = kept.printed(result)
        status = re.match(r"HTTP/1\.\d (\d+)", printed)
        if (status[1] if status else printed or "000") != expected_output(result):
            wrong.append(f"{result.probe.case.id} {result.evidence()}: {printed!r}\n{command(result)}")
    assert wrong == [], "\n".join(wrong)
    assert count > 60
    assert {result.observed.outcome for result in kept.run.results} >= {Outcome.ADMITTED, Outcome.REFUSED_BY_HTTP}


def test_a_finding_has_the_line_of_the_probe_that_shows_it(kept: Kept) -> None:
    found = {finding.id: finding for finding in kept.run.findings}
    assert found["absent.intruder"].reproduce.startswith("curl ")
    assert found["absent.intruder"].reproduce.endswith("# 200: admitted")
    lines = {command(one, any_version=shared) for one in kept.run.results for shared in (True, False)}
    assert {finding.reproduce for finding in kept.run.findings} <= lines


def test_a_client_of_no_authority_is_made_by_the_line_itself(kept: Kept) -> None:
    result = next(one for one in kept.run.results if one.probe.case.id == "chain.self_signed" and one.observed.status)
    for name in ("client.crt", "client.key"):
        (kept.folder / name).unlink(missing_ok=True)
    make, line = command(result).splitlines()
    assert make.startswith("openssl req -x509")
    assert "client.crt is" not in line
