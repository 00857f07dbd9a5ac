"""The messages of real programs that a real httpd refuses, and those of its log: each is recognised."""

import pytest

from harness.explain.recognise import recognise
from tests.explain.conftest import PASSWORD, Machine
from tests.waiting import until

pytestmark = pytest.mark.engine

LOST = "library.lost_alert"
"""Over TLS 1.3, a program that still writes may see the end of the connection in place of the alert."""
CLIENT = "--cert {c}.crt --key {c}.key"
JAVA = f"-Djavax.net.ssl.trustStore=trust.p12 '-Djavax.net.ssl.trustStorePassword={PASSWORD}' -cp /opt Visit"
JAVA_CLIENT = f"-Djavax.net.ssl.keyStore={{c}}.p12 '-Djavax.net.ssl.keyStorePassword={PASSWORD}'"
REQUEST = r"printf 'GET / HTTP/1.0\r\nHost: {h}.test\r\n\r\n'"
S_CLIENT = "openssl s_client -ign_eof -CAfile ca.crt"
PYTHON = "python3 -W ignore -c"
# A program: its command, and what makes it send a certificate.
PROGRAMS = {
    "curl": ("curl -sS --cacert ca.crt {client} https://{h}.test:8443/", CLIENT),
    "openssl": (
        f"{REQUEST} | {S_CLIENT} -connect {{h}}.test:8443 -servername {{h}}.test {{client}}",
        "-cert {c}.crt -key {c}.key -cert_chain {c}.crt",
    ),
    "gnutls": (
        f"{REQUEST} | gnutls-cli --x509cafile ca.crt {{client}} -p 8443 {{h}}.test",
        "--x509certfile {c}.crt --x509keyfile {c}.key",
    ),
    "python": ("python3 visit.py https://{h}.test:8443/ {client}", "{c}"),
    "requests": (
        f"{PYTHON} \"import requests; requests.get('https://{{h}}.test:8443/', verify='ca.crt', {{client}})\"",
        "cert=('{c}.crt', '{c}.key')",
    ),
    "httpx": (
        f"{PYTHON} \"import httpx, ssl; context = ssl.create_default_context(cafile='ca.crt'); {{client}};"
        " httpx.Client(verify=context).get('https://{h}.test:8443/')\"",
        "context.load_cert_chain('{c}.crt', '{c}.key')",
    ),
    "node": ("node visit.js https://{h}.test:8443/ {client}", "{c}"),
    "java": (f"java {{client}} {JAVA} https://{{h}}.test:8443/", JAVA_CLIENT),
}
# A client at a virtual host: the alert that it gets, and the reason in httpd's log.
REFUSALS = {
    ("strict", "expired"): ("certificate_expired", "x509.10"),
    ("strict", "future"): ("bad_certificate", "x509.9"),
    ("strict", "revoked"): ("certificate_revoked", "x509.23"),
    ("strict", "purpose"): ("unsupported_certificate", "x509.26"),
    ("strict", "impostor"): ("decrypt_error", "x509.7"),
    ("strict", "sha1"): ("bad_certificate", "x509.68"),
    ("rule", "deep"): ("internal_error", "httpd.AH02040"),
    ("stale", "good"): ("certificate_unknown", "x509.12"),
}


def ids(text: str) -> list[str]:
    return [one.symptom.id for one in recognise(text)]


def command(program: str, host: str, client: str | None) -> str:
    words, sends = PROGRAMS[program]
    return words.format(h=host, client=sends.format(c=client) if client else "")


def recognised(machine: Machine, typed: str, expected: str) -> None:
    """Run until the message is seen; until then each one must be of a lost alert."""

    def seen() -> bool:
        output = machine.run(typed)
        first = next(iter(ids(output)), None)
        assert first in {expected, LOST}, output
        return first == expected

    until(expected, seen, lambda: typed)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(("host", "client"), REFUSALS, ids=str)
def test_the_alert_for_a_bad_certificate(machine: Machine, program: str, host: str, client: str) -> None:
    recognised(machine, command(program, host, client), f"alert.{REFUSALS[host, client][0]}")


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_alert_for_no_certificate(machine: Machine, program: str) -> None:
    typed = command(program, "strict", None).replace("; ;", ";")
    recognised(machine, typed, "alert.certificate_required")


@pytest.mark.parametrize("program", ["curl", "openssl", "gnutls", "python", "requests", "httpx", "node"])
def test_the_alert_for_an_unknown_authority(machine: Machine, program: str) -> None:
    recognised(machine, command(program, "strict", "stranger"), "alert.unknown_ca")


def test_java_sends_no_certificate_whose_issuer_the_server_does_not_name(machine: Machine) -> None:
    recognised(machine, command("java", "strict", "stranger"), "alert.certificate_required")
    debug = command("java", "strict", "stranger").replace("java ", "java -Djavax.net.debug=ssl:handshake ", 1)
    assert "client.java_no_suitable" in ids(machine.run(debug))


GOOD = "--cacert ca.crt --cert good.crt --key good.key"
CURL = f"curl -sS -f --http1.1 {GOOD}"
WGET = "wget --tries=1 -O- --ca-certificate=ca.crt"
STRICT = "https://strict.test:8443/"
NODE_PFX = "node -e \"require('tls').createSecureContext({pfx: require('fs').readFileSync('%s'), passphrase: 'x'})\""
MESSAGES = {
    # TLS 1.2 and other versions.
    "curl -sS --tls-max 1.2 --cacert ca.crt https://strict.test:8443/": "alert.handshake_failure",
    "node visit.js https://strict.test:8443/ '' TLSv1.2": "alert.handshake_failure",
    f"java -Djdk.tls.client.protocols=TLSv1.2 {JAVA} https://strict.test:8443/": "alert.handshake_failure",
    "curl -sS --tls-max 1.2 --cacert ca.crt --cert expired.crt --key expired.key https://strict.test:8443/": (
        "library.curl_client_expired"
    ),
    f"curl -sS --tlsv1.3 {GOOD} https://old.test:8443/": "alert.protocol_version",
    # wget (GnuTLS) tells no alert.
    f"{WGET} https://strict.test:8443/": LOST,
    f"{WGET} --certificate=good.crt --private-key=future.key https://strict.test:8443/": "client.wget_alert",
    # The client's own files.
    "curl -sS --cacert ca.crt --cert missing.pem https://strict.test:8443/": "client_file.curl_58",
    "curl -sS --cacert ca.crt --cert good.p12 https://strict.test:8443/": "client_file.curl_58",
    "curl -sS --cacert ca.crt --cert good.crt --key future.key https://strict.test:8443/": "client_file.curl_key",
    f"curl -sS --cacert ca.crt --cert good.crt --key locked.key --pass y {STRICT}": "client_file.curl_key",
    f"curl -sS --cacert ca.crt --cert-type P12 --cert good.p12:wrong {STRICT}": "client_file.mac_verify",
    "openssl pkcs12 -in good.p12 -passin pass:wrong -nodes": "client_file.mac_verify",
    "openssl pkcs12 -in legacy.p12 -passin pass:x -nodes": "client_file.unsupported_pfx",
    "python3 visit.py https://strict.test:8443/ pair": "client_file.pair",
    "python3 visit.py https://strict.test:8443/ junk": "client_file.pem",
    f"{PYTHON} \"import requests; requests.get('https://strict.test:8443/', cert='missing.pem')\"": "client_file.pem",
    "node visit.js https://strict.test:8443/ pair": "client_file.pair",
    "node visit.js https://strict.test:8443/ junk": "client_file.pem",
    NODE_PFX % "good.p12": "client_file.mac_verify",
    NODE_PFX % "legacy.p12": "client_file.unsupported_pfx",
    f"java -Djavax.net.ssl.keyStore=good.p12 -Djavax.net.ssl.keyStorePassword=wrong {JAVA} https://strict.test:8443/": (
        "client_file.java_keystore"
    ),
    # The server's certificate.
    "curl -sS https://strict.test:8443/": "library.server_not_trusted",
    "curl -v --cacert other.crt https://strict.test:8443/": "alert.server_rejected",
    "openssl s_client -connect strict.test:8443 -CAfile other.crt </dev/null": "library.server_not_trusted",
    "gnutls-cli -p 8443 strict.test </dev/null": "library.server_not_trusted",
    f"{PYTHON} \"import requests; requests.get('https://strict.test:8443/')\"": "library.server_not_trusted",
    "node -e \"require('https').get('https://strict.test:8443/')\"": "library.server_not_trusted",
    "java -cp /opt Visit https://strict.test:8443/": "library.server_not_trusted",
    "wget --tries=1 https://strict.test:8443/": "client.server_verify",
    "curl -sS --cacert ca.crt https://127.0.0.1:8443/": "library.server_name",
    "python3 visit.py https://127.0.0.1:8443/ good": "library.server_name",
    "node visit.js https://127.0.0.1:8443/ good": "library.server_name",
    # No TLS at all.
    "curl -sS https://plain.test:8080/": "library.protocol",
    "python3 visit.py https://plain.test:8080/": "library.protocol",
    "node visit.js https://plain.test:8080/": "library.protocol",
    f"java {JAVA} https://plain.test:8080/": "library.protocol",
    f"{WGET} https://plain.test:8080/": "library.protocol",
    # Behind the handshake.
    f"{WGET} --certificate=good.crt --private-key=good.key https://rule.test:8443/require": "library.forbidden",
    f"{WGET} --certificate=good.crt --private-key=good.key https://fake.test:8443/": "library.unauthorized",
    "python3 visit.py https://location.test:8443/in good": "library.forbidden",
    "openssl s_client -connect location.test:8443 -servername location.test -CAfile ca.crt </dev/null": (
        "library.no_ca_names"
    ),
}


@pytest.mark.parametrize(("typed", "expected"), MESSAGES.items(), ids=[*MESSAGES])
def test_the_message_of_a_program(machine: Machine, typed: str, expected: str) -> None:
    recognised(machine, typed, expected)


# A command; what it prints is recognised as, if at all; the first that is recognised in the log, and its number there.
LOGGED = {
    **{
        command("curl", host, client): (f"alert.{alert}", reason, "AH02276" if reason.startswith("x509") else "AH02040")
        for (host, client), (alert, reason) in REFUSALS.items()
    },
    command("curl", "strict", "short").replace("-sS", "-sS --ciphers DEFAULT@SECLEVEL=0"): (
        "alert.bad_certificate",
        "x509.66",
        "AH02276",
    ),
    command("curl", "strict", "stranger"): ("alert.unknown_ca", "x509.20", "AH02276"),
    command("curl", "strict", "self"): ("alert.unknown_ca", "x509.18", "AH02276"),
    command("curl", "nocrl", "good"): ("alert.unknown_ca", "x509.3", "AH02276"),
    command("curl", "strict", None): ("alert.certificate_required", "httpd.none_sent", "did not return"),
    command("curl", "ocsp", "good"): ("alert.handshake_failure", "x509.50", "AH01918"),
    command("curl", "deadocsp", "good"): ("alert.handshake_failure", "x509.50", "AH01974"),
    "curl -sS https://strict.test:8443/": ("library.server_not_trusted", "httpd.server_rejected", "alert number"),
    f"curl -sS --tlsv1.3 {GOOD} https://old.test:8443/": (
        "alert.protocol_version",
        "httpd.unsupported_protocol",
        "unsupported protocol",
    ),
    f"curl -sS --tls-max 1.2 {GOOD} https://cipher.test:8443/": (
        "alert.handshake_failure",
        "httpd.no_shared_cipher",
        "no shared cipher",
    ),
    f"{WGET} --certificate=good.crt --private-key=future.key https://strict.test:8443/": (
        "client.wget_alert",
        "httpd.bad_signature",
        "bad signature",
    ),
    "python3 visit.py https://location.test:8443/in good": ("library.forbidden", "httpd.AH10158", "AH10158"),
    "curl -sS --http1.1 --tls-max 1.2 --cacert ca.crt https://location.test:8443/in": (
        "alert.handshake_failure",
        "httpd.none_sent",
        "AH02261",
    ),
    f"{CURL} --tls-max 1.2 -H Expect: --data-binary @large https://location.test:8443/in": (
        "httpd.AH02018",
        "httpd.AH02018",
        "AH02018",
    ),
    f"{CURL} https://rule.test:8443/ssl": ("library.forbidden", "httpd.AH02229", "AH02229"),
    f"{CURL} https://rule.test:8443/require": ("library.forbidden", "httpd.AH01630", "AH01630"),
    f"{CURL} https://fake.test:8443/": ("library.unauthorized", "httpd.AH01618", "AH01618"),
    f"{CURL} -u /CN=good:password https://fake.test:8443/": ("library.forbidden", "httpd.AH02035", "AH02035"),
    f"{CURL} https://email.test:8443/": (None, "httpd.AH02227", "AH02227"),
    f"{CURL} https://compat.test:8443/": ("library.forbidden", "httpd.AH01797", "AH01797"),
    "curl -sS -f http://plain.test:8080/": ("library.forbidden", "httpd.AH02219", "AH02219"),
    "curl -sS http://first.test:8443/": ("httpd.AH01996", "httpd.AH01996", "AH01996"),
    "curl -sS -f -k https://127.0.0.1:8443/": ("library.forbidden", "httpd.AH02033", "AH02033"),
    f"{CURL} -H 'Host: rule.test' https://strict.test:8443/": ("httpd.AH02032", "httpd.AH02032", "AH02032"),
    f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | {S_CLIENT} -quiet -connect first.test:8443 -servername first.test": (
        None,
        "httpd.AH02031",
        "AH02031",
    ),
    "curl -sS -f --cacert ca.crt https://first.test:8443/a%2fb": (None, "httpd.path", "AH00026"),
    "curl -sS -f --cacert ca.crt https://first.test:8443/%zz": (None, "httpd.path", "AH10244"),
    "curl -sS --cacert ca.crt --cert missing.pem https://strict.test:8443/": (
        "client_file.curl_58",
        "httpd.AH02006",
        "AH02006",
    ),
}


@pytest.mark.parametrize("typed", LOGGED)
def test_the_reason_in_httpds_log(machine: Machine, typed: str) -> None:
    printed, reason, number = LOGGED[typed]
    output, log = machine.logged(typed, number)
    assert ids(output)[:1] in ([printed] if printed else [], [LOST]), output
    assert ids(log)[0] == reason, log


SERVER = "SSLCertificateFile HOME/server.crt\nSSLCertificateKeyFile HOME/"
CA = "SSLVerifyClient require\nSSLCACertificateFile HOME/"
STARTS = {
    "SSLVerifyClient require": "httpd.AH01897",
    f"{CA}junk": "httpd.AH01895",
    f"{CA}ca.crt\nSSLCARevocationCheck leaf": "httpd.AH01899",
    f"{CA}ca.crt\nSSLCARevocationCheck leaf\nSSLCARevocationFile HOME/junk": "httpd.AH01901",
    f"{CA}ca.crt\nSSLCARevocationFile HOME/crl.pem": "httpd.AH01902",
    f"{SERVER}good.key": "httpd.AH02565",
    f"{SERVER}junk": "httpd.AH02561",
    f"{SERVER}locked.key": "httpd.AH02578",
    "SSLCertificateFile HOME/junk\nSSLCertificateKeyFile HOME/server.key": "httpd.AH02561",
    "SSLCertificateFile HOME/good.crt\nSSLCertificateKeyFile HOME/good.key": "httpd.AH01909",
    "SSLSessionTicketKeyFile HOME/junk": "httpd.AH02286",
}


@pytest.mark.parametrize(("directives", "expected"), STARTS.items(), ids=[*STARTS.values()])
def test_what_httpd_says_at_its_start(machine: Machine, directives: str, expected: str) -> None:
    log = machine.start(directives)
    assert ids(log)[:1] == [expected], log


def test_a_good_client_and_its_log_have_no_message(machine: Machine) -> None:
    output, log = machine.logged(f"{CURL} https://first.test:8443/index.html", "AH01628")
    assert (output, ids(log)) == ("admitted\n", [])
