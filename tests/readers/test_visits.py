"""With the files of an export, used as its page says, the deployment admits each tool; without them, none."""

import re

import pytest
from docker.models.containers import Container

from tests.readers.conftest import PASSWORD, URL, Reader

pytestmark = pytest.mark.engine

INSIDE = "You are <bdi>alice</bdi>"
KEPT_OUT = r"certificate required|certificate_required"


def java(reader: Reader, lines: str) -> tuple[int, str]:
    run = reader.typed("Java", "Check").replace("PROGRAM", f"-cp /opt Visit {URL}")
    script = f"(umask 077; cat > alice.args <<'END'\n{lines.replace('PASSWORD', PASSWORD)}\nEND\n)\n{run}"
    return reader.type(script, "java")


def test_curl(reader: Reader) -> None:
    code, shown = reader.type(f"{reader.typed('curl', 'Install')}\n{reader.typed('curl', 'Check')}", "curl")
    assert code == 0, shown
    assert INSIDE in shown


def test_the_key_that_is_unpacked_is_the_persons_alone(reader: Reader) -> None:
    _, shown = reader.type(f"{reader.typed('curl', 'Install')}\nstat -c '%a %n' alice.pem", "unpacked")
    assert "600 alice.pem" in shown
    assert reader.type(f"{reader.typed('curl', 'Remove')}\ntest ! -e alice.pem", "unpacked")[0] == 0


def test_curl_without_the_certificate(reader: Reader) -> None:
    check = reader.typed("curl", "Check")
    code, shown = reader.type(check.replace("--cert alice.pem", "-sS"))
    assert code == 56
    assert re.search(KEPT_OUT, shown)


def test_curl_without_the_root_does_not_trust_the_server(reader: Reader) -> None:
    check = reader.typed("curl", "Check").replace("--cacert alice-ca.crt", "")
    code, shown = reader.type(f"{reader.typed('curl', 'Install')}\n{check}", "trustless")
    assert code == 60, shown


def test_requests(reader: Reader) -> None:
    check = f"python3 - <<'END'\n{reader.typed('Python', 'Check')}\nEND"
    code, shown = reader.type(f"{reader.typed('Python', 'Install')}\n{check}", "requests")
    assert code == 0, shown
    assert shown.splitlines()[-1] == "200"


def test_requests_without_the_certificate(reader: Reader) -> None:
    check = reader.typed("Python", "Check").replace("cert='alice.pem', ", "")
    code, shown = reader.type(f"python3 - <<'END'\n{check}\nEND")
    assert code == 1
    assert re.search(KEPT_OUT, shown)


def test_java(reader: Reader) -> None:
    code, shown = java(reader, reader.typed("Java", "Install"))
    assert code == 0, shown
    assert INSIDE in shown


def test_java_without_the_key_store(reader: Reader) -> None:
    lines = [line for line in reader.typed("Java", "Install").splitlines() if "keyStore" not in line]
    code, shown = java(reader, "\n".join(lines))
    assert code == 1
    # Over TLS 1.3 Java may still write when the alert arrives: it then reports the end of the connection.
    assert re.search(f"{KEPT_OUT}|Connection reset", shown)


def test_java_without_the_truststore_does_not_trust_the_server(reader: Reader) -> None:
    lines = [line for line in reader.typed("Java", "Install").splitlines() if "trustStore" not in line]
    code, shown = java(reader, "\n".join(lines))
    assert code == 1
    assert "PKIX path building failed" in shown


@pytest.mark.parametrize("own", ["--x509certfile alice.pem --x509keyfile alice.pem", ""], ids=["with", "without"])
def test_gnutls(reader: Reader, own: str) -> None:
    # At the end of its input gnutls-cli would leave; here httpd ends the connection, after its answer.
    request = r"printf 'GET / HTTP/1.1\r\nHost: reference.test\r\nConnection: close\r\n\r\n'; exec sleep 100"
    visit = f"gnutls-cli --x509cafile alice-ca.crt {own} --port 8443 reference.test < <({request})"
    _, shown = reader.type(f"{reader.typed('curl', 'Install')}\n{visit}", "gnutls")
    assert (INSIDE in shown) == bool(own), shown
    assert own or re.search("(?i)certificate is required|certificate required", shown), shown


def test_the_deployment_saw_alice_each_time(reader: Reader, site: Container) -> None:
    test_curl(reader)
    assert re.search(r'"GET / HTTP/\S+" 200 .* subject="CN=alice"', site.logs().decode())
