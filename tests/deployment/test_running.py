"""`verify --url`: a server that runs already, seen from outside alone."""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from harness.pki import Authority, KeyType
from tests.deployment.conftest import ClientOf, Files, Pki, Site, deployment, write

pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class Verdict:
    """How a run ended."""

    code: int
    report: dict[str, Any]
    output: str

    def verdicts(self) -> dict[str, set[str]]:
        """The verdicts of each case."""
        found: dict[str, set[str]] = {}
        for result in self.report["results"]:
            found.setdefault(result["case"], set()).add(result["verdict"])
        return found


def verify(*arguments: str, **environment: str) -> Verdict:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "verify", "--json", "-", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return Verdict(done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr)


def lent(site: Site, alice: Files) -> tuple[str, ...]:
    return ("--url", site.url(), "--client", str(alice.certificate), "--key", str(alice.key))


@pytest.fixture
def authority(site: Site, tmp_path: Path) -> tuple[str, ...]:
    """The deployment's authority with its key, as files."""
    (tmp_path / "ca.crt").write_bytes(site.pki.root.certificate.public_bytes(Encoding.PEM))
    encrypted = site.pki.root.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"of the ca")
    )
    write(tmp_path / "ca.key", encrypted)
    write(tmp_path / "password", b"of the ca\n")
    return (
        *("--ca", str(tmp_path / "ca.crt"), "--ca-key", str(tmp_path / "ca.key")),
        *("--password-file", str(tmp_path / "password")),
    )


def test_with_a_client_refusals_of_other_clients_are_proved(site: Site, alice: Files) -> None:
    seen = verify(*lent(site, alice), "--server-ca", site.pki.authority)
    assert (seen.code, seen.report["verdict"]) == (0, "pass"), seen.output
    verdicts = seen.verdicts()
    assert {"absent.none", "chain.impostor_authority", "proof.someone_elses_key", "valid.p256"} <= verdicts.keys()
    assert {case: found for case, found in verdicts.items() if found != {"as-expected"}} == {}


def test_with_an_authority_most_of_the_catalogue_is_proved(site: Site, authority: tuple[str, ...]) -> None:
    seen = verify("--url", site.url(), *authority)
    assert (seen.code, seen.report["verdict"]) == (0, "pass"), seen.output
    verdicts = seen.verdicts()
    assert {"validity.expired", "usage.server_only", "strength.rsa_1024", "valid.rsa_2048"} <= verdicts.keys()
    assert not any(case.startswith("revocation.") for case in verdicts)
    assert len(verdicts) > 30


def test_without_a_client_nothing_is_a_pass(site: Site) -> None:
    seen = verify("--url", site.url())
    assert (seen.code, seen.report["verdict"]) == (3, "inconclusive")
    assert "no refusal proves anything" in seen.output
    assert "--client" in seen.output


def test_a_client_that_is_refused_proves_nothing(site: Site, client_of: ClientOf) -> None:
    stranger = site.pki.files(Authority.root(subject="Foreign root").client(subject="mallory"))
    seen = verify(*lent(site, stranger))
    assert (seen.code, seen.report["verdict"]) == (3, "inconclusive")
    assert "The control" in seen.output


def test_a_pfx_is_a_client_as_well(site: Site, tmp_path: Path) -> None:
    identity = site.pki.between.client(subject="bob", key=KeyType.RSA_2048)
    write(tmp_path / "bob.pfx", identity.pkcs12(b"secret", root=site.pki.root.certificate))
    seen = verify("--url", site.url(), "--client", str(tmp_path / "bob.pfx"), MTLS_PASSWORD="secret")
    assert seen.code == 0, seen.output
    assert "proof.someone_elses_key" not in seen.verdicts(), "a thief is made for keys on P-256 alone"


def test_a_pattern_of_a_policy_is_held_against_it(site: Site, alice: Files, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(f'[[site]]\nurl = "https://localhost:{site.port}/*"\nadmit = "clients"\ntls = ["1.3"]\n')
    seen = verify(*lent(site, alice), "--policy", str(policy))
    assert seen.code == 1
    assert seen.verdicts()["protocol.unwanted_version"] == {"intruder"}
    policy.write_text(f'[[site]]\nurl = "https://localhost:{site.port}/*"\nadmit = "nobody"\n')
    assert verify(*lent(site, alice), "--policy", str(policy)).verdicts()["valid.p256"] == {"intruder"}


def test_what_cannot_be_seen_from_outside_is_not_promised(site: Site, alice: Files, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[[site]]\nurl = "https://localhost:*/*"\nadmit = "clients"\nrevocation = "chain"\n')
    seen = verify(*lent(site, alice), "--policy", str(policy))
    assert seen.code == 2
    assert "policy.toml:2: `revocation` cannot be proved from outside" in seen.output


@pytest.fixture(scope="module")
def weakened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The deployment with the one line that matters replaced."""
    folder = tmp_path_factory.mktemp("weakened")
    script = "sed 's/SSLVerifyClient require/SSLVerifyClient optional/' /etc/httpd/conf/httpd.conf > /run/httpd.conf"
    with deployment(
        Pki(folder / "server", folder / "clients"),
        "-c",
        f"{script} && exec apache2 -D FOREGROUND -d /etc/httpd -f /run/httpd.conf",
        entrypoint=["sh"],
    ) as started:
        yield started


def test_an_intruder_is_proved_with_a_client_and_without(weakened: Site) -> None:
    alice = weakened.pki.files(weakened.pki.root.client(subject="alice"))
    for arguments in (lent(weakened, alice), ("--url", weakened.url())):
        seen = verify(*arguments)
        assert (seen.code, seen.report["verdict"]) == (1, "fail")
        assert seen.verdicts()["absent.none"] == {"intruder"}


def test_a_server_of_another_authority_gets_no_verdict(site: Site, alice: Files, tmp_path: Path) -> None:
    other = Authority.root(subject="Somebody else").certificate.public_bytes(Encoding.PEM)
    (tmp_path / "other.crt").write_bytes(other)
    seen = verify(*lent(site, alice), "--server-ca", str(tmp_path / "other.crt"))
    assert seen.code == 3
    assert "does not vouch" in seen.output
    by_address = verify(
        "--url", f"https://127.0.0.1:{site.port}/", *lent(site, alice)[2:], "--server-ca", site.pki.authority
    )
    assert by_address.code == 3
    assert "does not vouch" in by_address.output


def test_another_server_that_answers_half_way_proves_nothing(site: Site, weakened: Site, alice: Files) -> None:
    """What a load balancer with two unlike servers behind it does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_take_turns, args=(listener, site.port, weakened.port), daemon=True).start()
        port = listener.getsockname()[1]
        seen = verify("--url", f"https://localhost:{port}/", *lent(site, alice)[2:])
    assert seen.report["verdict"] == "inconclusive"
    assert "inconclusive" in set().union(*seen.verdicts().values())


def _take_turns(listener: socket.socket, first: int, second: int) -> None:
    """Hand the first two connections to one server, and every one after that to the other."""
    with contextlib.suppress(OSError):
        for number in range(1000):
            near, _ = listener.accept()
            far = socket.create_connection(("127.0.0.1", first if number < 2 else second))
            threading.Thread(target=_relay, args=(near, far), daemon=True).start()


def _relay(near: socket.socket, far: socket.socket) -> None:
    with near, far, contextlib.suppress(OSError):
        while True:
            for source in select.select([near, far], [], [], 10)[0]:
                data = source.recv(65536)
                if not data:
                    return
                (far if source is near else near).sendall(data)


def test_without_an_answer_there_is_no_verdict() -> None:
    with socket.socket() as silent:  # It occupies the port, so that no server listens there.
        silent.bind(("127.0.0.1", 0))
        seen = verify("--url", f"https://localhost:{silent.getsockname()[1]}/")
    assert (seen.code, "No server answers" in seen.output) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--url", "localhost:8443"), "is not an https:// URL"),
        (("--url", "http://localhost/"), "is not an https:// URL"),
        (("--url", "https://localhost/", "--keep"), "do not add --keep"),
        (("--client", __file__), "--client is for a running server"),
        (("--url", "https://localhost/", "--client", __file__), "is neither PEM nor a .pfx"),
        (("--url", "https://localhost/", "--ca", __file__), "contains no certificate"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(arguments: tuple[str, ...], words: str) -> None:
    seen = verify(*arguments)
    assert (seen.code, words in seen.output) == (2, True), seen.output


def test_a_key_that_is_not_the_certificates_is_refused(site: Site, alice: Files, client_of: ClientOf) -> None:
    other = client_of(subject="bob")
    seen = verify("--url", site.url(), "--client", str(alice.certificate), "--key", str(other.key))
    assert (seen.code, "does not belong to the certificate" in seen.output) == (2, True)
