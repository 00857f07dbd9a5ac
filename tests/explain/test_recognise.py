"""`explain --error`: a known message and its causes; an unknown one, and bad input."""

import json

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.explain.recognise import LIMIT, recognise
from harness.explain.symptoms import SYMPTOMS
from harness.explain.symptoms.alert import ALERTS


def explain(*arguments: str, typed: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments], input=typed)


def ids(text: str) -> list[str]:
    return [one.symptom.id for one in recognise(text)]


def test_a_known_message_has_its_causes_with_check_and_remedy() -> None:
    done = explain("--error", "tlsv13 alert certificate required")
    assert done.exit_code == 1, done.output
    assert "requires a certificate and received none" in done.output
    first, second = (
        done.output.index("  1. The client has no"),
        done.output.index("  2. The client has a certificate, but"),
    )
    assert first < second
    assert (done.output.count("Check: "), done.output.count("Remedy: ")) == (2, 2)


def test_json_has_the_same_content() -> None:
    text = explain("--error", "SSL alert number 45").output
    done = explain("--error", "SSL alert number 45", "--json", "-")
    data = json.loads(done.output)
    (message,) = data["messages"]
    assert (done.exit_code, data["recognised"], message["id"]) == (1, True, "alert.certificate_expired")
    for cause in message["causes"]:
        assert all(cause[part] in text for part in ("text", "check", "remedy"))


@pytest.mark.parametrize("typed", ["All is fine.\n", "GET / HTTP/1.1 200\n", "AH00489: resuming normal operations"])
def test_another_text_is_not_recognised(typed: str) -> None:
    done = explain("--error", "-", typed=typed)
    assert (done.exit_code, done.output.startswith("Not recognised. 1 line(s)")) == (3, True), done.output
    data = json.loads(explain("--error", "-", "--json", "-", typed=typed).output)
    assert (data["recognised"], data["messages"]) == (False, [])


def test_of_an_unknown_error_its_number_is_observed() -> None:
    done = explain("--error", "one\nAH99999: something new, ERR_NEW_KIND")
    assert done.exit_code == 3
    assert "Observed: AH99999" in done.output
    assert "Observed: ERR_NEW_KIND" in done.output


@pytest.mark.parametrize(
    ("arguments", "typed", "words"),
    [
        (("--error", ""), None, "the text is empty"),
        (("--error", "-"), " \n", "the text is empty"),
        (("--error", "-"), "x" * (LIMIT + 1), "more than 256 KiB"),
        (("--error", "x", "--ca", "ca.crt", "--depth", "2"), None, "Remove --ca, --depth."),
        ((), None, "Give --client FILE and --ca FILE, or --error TEXT."),
    ],
)
def test_bad_input_is_one_clear_line(arguments: tuple[str, ...], typed: str | None, words: str) -> None:
    done = explain(*arguments, typed=typed)
    (line,) = (line for line in done.output.splitlines() if line.startswith("Error: "))
    assert (done.exit_code, words in line) == (2, True), done.output


def test_a_log_cannot_write_to_the_terminal() -> None:
    done = explain("--error", "-", typed=b"\x1b[2J alert number 48 \xff\x07\n")
    assert done.exit_code == 1
    assert "\x1b" not in done.output
    assert "\x07" not in done.output


@pytest.mark.timeout(60)
def test_no_text_takes_long() -> None:
    for words in ("SSL Library Error:", "TLS handshake error from ", "alert "):
        assert ids(words * (LIMIT // len(words))) == []


def test_httpds_reason_comes_before_the_clients_alert() -> None:
    log = "curl: (56) tlsv1 alert unknown ca\n[ssl:info] AH02276: Certificate Verification: Error (20): unable to get\n"
    assert ids(log) == ["x509.20", "alert.unknown_ca"]


def test_an_alert_that_httpd_received_is_about_the_server() -> None:
    assert ids("SSL Library Error: error:0A000418:SSL routines::tlsv1 alert unknown ca (SSL alert number 48)") == [
        "httpd.server_rejected"
    ]
    assert ids("* TLSv1.3 (OUT), TLS alert, unknown CA (560):") == ["alert.server_rejected"]
    assert ids("* TLSv1.3 (IN), TLS alert, unknown CA (560):") == ["alert.unknown_ca"]
    assert ids("http: TLS handshake error from 192.0.2.1:5: remote error: tls: bad certificate") == [
        "alert.server_rejected"
    ]


# Programs that are not on the machine of test_real_messages: their words, with the source of SYMPTOMS.
ELSEWHERE = {
    "alert.bad_certificate": ("remote error: tls: bad certificate", "SSL_ERROR_BAD_CERT_ALERT"),
    "alert.unknown_ca": ("remote error: tls: unknown certificate authority", "SSL_ERROR_UNKNOWN_CA_ALERT"),
    "alert.certificate_unknown": ("remote error: tls: unknown certificate", "SSL_ERROR_CERTIFICATE_UNKNOWN_ALERT"),
    "alert.certificate_expired": ("remote error: tls: expired certificate", "SSL_ERROR_EXPIRED_CERT_ALERT"),
    "alert.certificate_revoked": ("remote error: tls: revoked certificate", "SSL_ERROR_REVOKED_CERT_ALERT"),
    "alert.decrypt_error": ("remote error: tls: error decrypting message", "ERR_SSL_DECRYPT_ERROR_ALERT"),
    "alert.certificate_required": (
        "remote error: tls: certificate required",
        "Error code: SSL_ERROR_RX_CERTIFICATE_REQUIRED_ALERT",
    ),
    "alert.handshake_failure": (
        "org.bouncycastle.tls.TlsFatalAlertReceived: handshake_failure(40)",
        "write EPROTO 140:error:10000410:SSL routines:OPENSSL_internal:SSLV3_ALERT_HANDSHAKE_FAILURE",
    ),
    "client.chrome_bad_auth": ("ERR_BAD_SSL_CLIENT_AUTH_CERT",),
    "library.http_1_1_required": ("net::ERR_HTTP_1_1_REQUIRED",),
    "library.protocol": ("ERR_SSL_VERSION_OR_CIPHER_MISMATCH",),
    "client_file.chrome_no_key": ("ERR_SSL_CLIENT_AUTH_CERT_NO_PRIVATE_KEY",),
    "client.ios_required": ("Error Domain=NSURLErrorDomain Code=-1206",),
    "client_file.mac_import": ("MAC verification failed during PKCS12 import (wrong password?)", "OSStatus -25293"),
    "client_file.dotnet_ephemeral": ("No credentials are available in the security package",),
    "client.firefox_import": ("The PKCS #12 operation failed for unknown reasons.",),
    "library.nginx": ("400 No required SSL certificate was sent",),
}


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in ELSEWHERE.items() for text in texts], ids=str
)
def test_the_words_of_other_programs(name: str, text: str) -> None:
    assert ids(text) == [name]


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_known_by_number_and_by_name(name: str) -> None:
    number = ALERTS[name].number
    words = name.replace("_", " ")
    for text in (f"SSL alert number {number}", f"alert {words}", words, f"Received fatal alert: {name}"):
        assert ids(text) == [f"alert.{name}"], text


def test_every_symptom_says_what_to_do_and_from_where_it_is_known() -> None:
    assert len({one.id for one in SYMPTOMS}) == len(SYMPTOMS)
    for one in SYMPTOMS:
        assert one.source, one.id
        assert one.causes, one.id
        for cause in one.causes:
            assert all((cause.text, cause.check, cause.remedy)), one.id
