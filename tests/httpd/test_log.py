"""httpd's log, read back: lines as httpd 2.4.71 writes them."""

import pytest

from harness.httpd.log import read
from harness.outcome import LogEntry, Reason

NEW = (
    "[Mon Nov 23 18:00:00.000000 2026] [ssl:info] [pid 1:tid 7] [client {0}] AH01964: Connection to child 1 established"
)
VERIFICATION = (
    "[Mon Nov 23 18:00:00.000000 2026] [ssl:info] [pid 1:tid 7] [client {0}] AH02276: Certificate Verification: "
    "Error ({1}): words [subject: {2} / issuer: CN=root / serial: {3} / notbefore: Nov 1 00:00:00 2026 GMT / "
    "notafter: Nov 2 00:00:00 2026 GMT]"
)
NOBODY = (
    "[Mon Nov 23 18:00:00.000000 2026] [ssl:info] [pid 1:tid 7] [client -] SSL Library Error: error:0A0000C7:"
    "SSL routines::peer did not return a certificate -- No CAs known to server for verification?"
)


def test_a_refusal_is_found_by_the_serial_number_of_the_certificate() -> None:
    log = read([NEW.format("10.0.0.1:5"), VERIFICATION.format("10.0.0.1:5", 10, "CN=a", "1B")])
    assert log.reason_for({"1B"}, None) == Reason("AH02276", 10)
    assert log.reason_for({"2C"}, None) is None


def test_a_subject_cannot_pretend_to_be_another_certificate() -> None:
    forged = "CN=a / serial: 2C / notbefore: x / notafter: y]"
    log = read([NEW.format("10.0.0.1:5"), VERIFICATION.format("10.0.0.1:5", 10, forged, "1B")])
    assert log.reason_for({"2C"}, None) is None
    assert log.reason_for({"1B"}, None) == Reason("AH02276", 10)


def test_two_connections_from_one_port_are_kept_apart() -> None:
    lines = [
        NEW.format("10.0.0.1:5"),
        VERIFICATION.format("10.0.0.1:5", 10, "CN=a", "1B"),
        NEW.format("10.0.0.1:5"),
        VERIFICATION.format("10.0.0.1:5", 23, "CN=b", "2C"),
    ]
    log = read(lines)
    assert (log.reason_for({"1B"}, None), log.reason_for({"2C"}, None)) == (
        Reason("AH02276", 10),
        Reason("AH02276", 23),
    )


def test_a_connection_without_a_certificate_is_anonymous() -> None:
    log = read([NEW.format("10.0.0.1:5"), NOBODY])
    assert log.reason_without({"1B"}, None, certificate=False) == Reason(text="peer did not return a certificate")
    assert log.reason_without({"1B"}, None, certificate=True) is None


def test_connections_that_cannot_be_distinguished_need_one_reason() -> None:
    lines = [NEW.format("10.0.0.1:5"), NOBODY, NEW.format("10.0.0.1:6"), NOBODY.replace("peer did", "peer perhaps did")]
    assert read(lines).reason_without(set(), None, certificate=False) is None


def test_a_request_of_http_2_is_one_of_its_connection_though_another_thread_handles_it() -> None:
    lines = [
        NEW.format("6H3KJT4adLQ"),
        "[Mon Nov 23 18:00:00.000000 2026] [ssl:debug] [pid 1:tid 9] [client 6H3KJT4adLQ] "
        "ssl_engine_kernel.c(254): AH02034: Subsequent (No.2) HTTPS request received for child 33044 "
        "(server www.example.test:443)",
        "mtls-probe 6H3KJT4adLQ a 403 - SUCCESS 1B mod_ssl/2.4.71 OpenSSL/3.5.9 - /srv/",
        "mtls-probe oFtKJTMTdLQ a 200 passed NONE - mod_ssl/2.4.71 OpenSSL/3.5.9 - /backend/",
    ]
    log = read(lines)
    assert log.requests["a"] == LogEntry("1B", None, 403, False, "/srv/")
    assert len(log.connections) == 1


STARTED = "[Mon Nov 23 18:00:00.000000 2026] [mpm_event:notice] [pid 1:tid 1] AH00489: {} configured -- resuming"


@pytest.mark.parametrize(
    ("tokens", "versions"),
    [
        ("Apache/2.4.71 (Debian) OpenSSL/3.5.9", {"httpd": "2.4.71", "openssl": "3.5.9"}),
        ("Apache/2.4.71 (Debian)", {"httpd": "2.4.71", "openssl": "unknown"}),
        ("Apache", {"httpd": "unknown", "openssl": "unknown"}),
    ],
)
def test_the_versions_are_known_from_the_start_where_no_request_was_served(
    tokens: str, versions: dict[str, str]
) -> None:
    assert read([STARTED.format(tokens)]).versions == versions


def test_only_a_verified_certificate_makes_an_identity() -> None:
    lines = ["a 200 passed SUCCESS 1B", "b 200 passed NONE -", "c 403 - FAILED:unable to get issuer 2C"]
    log = read(f"mtls-probe 10.0.0.1:5 {line} mod_ssl/2.4.71 OpenSSL/3.5.9 - /srv/index.html" for line in lines)
    assert log.versions == {"httpd": "2.4.71", "openssl": "3.5.9"}
    assert log.requests == {
        "a": LogEntry("1B", None, 200, passed=True, file="/srv/index.html"),
        "b": LogEntry(None, None, 200, passed=True, file="/srv/index.html"),
        "c": LogEntry(None, None, 403, passed=False, file="/srv/index.html"),
    }


def test_a_request_has_the_reason_of_its_own_connections_refusal() -> None:
    request = "mtls-probe 10.0.0.1:6 a 403 - NONE - mod_ssl/2.4.71 OpenSSL/3.5.9 - /srv/index.html"
    lines = [
        NEW.format("10.0.0.1:5"),
        NOBODY,
        NEW.format("10.0.0.1:6"),
        VERIFICATION.format("10.0.0.1:6", 10, "CN=a", "1B"),
    ]
    for order in ([*lines, request], [request, *lines]):
        assert read(order).requests["a"].reason == Reason("AH02276", 10)


def test_connections_for_different_sites_are_distinguished_by_the_server_name() -> None:
    name = (
        "[Mon Nov 23 18:00:00.000000 2026] [ssl:debug] [pid 1:tid 7] [client {0}] ssl.c(1): "
        "AH02043: SSL virtual host for servername {1} found"
    )
    other = NOBODY.replace("peer did", "peer perhaps did")
    lines = [
        *(NEW.format("10.0.0.1:5"), name.format("10.0.0.1:5", "a.test"), NOBODY),
        *(NEW.format("10.0.0.1:6"), name.format("10.0.0.1:6", "b.test"), other),
    ]
    log = read(lines)
    assert log.reason_without(set(), "a.test", certificate=False) == Reason(text="peer did not return a certificate")
    assert log.reason_without(set(), "b.test", certificate=False) == Reason(
        text="peer perhaps did not return a certificate"
    )


def test_of_an_answer_that_is_not_trusted_the_log_tells_why() -> None:
    why = "[Mon Nov 23 18:00:00.000000 2026] [ssl:error] [pid 1:tid 7] [client 10.0.0.1:5] {0}"
    good = why.format("AH03239: OCSP validation completed, certificate status: good (0, -1)")
    late = why.format("AH02273: OCSP response outside validity period")
    lines = [NEW.format("10.0.0.1:5"), late, good, VERIFICATION.format("10.0.0.1:5", 50, "CN=a", "1B")]
    assert read(lines).reason_for({"1B"}, None) == Reason("AH02273", 50)
    lines[-1] = VERIFICATION.format("10.0.0.1:5", 10, "CN=a", "1B")
    assert read(lines).reason_for({"1B"}, None) == Reason("AH02276", 10)


def test_what_a_proxy_asks_of_the_same_server_is_not_the_clients_own_request() -> None:
    own = "mtls-probe 10.0.0.1:5 a 200 passed SUCCESS 1B mod_ssl/2.4.71 OpenSSL/3.5.9 - proxy:http://127.0.0.1/"
    behind = "mtls-probe 127.0.0.1:9 a 200 passed - - mod_ssl/2.4.71 OpenSSL/3.5.9 - /srv/index.html"
    for order in ([own, behind], [behind, own]):
        assert read([NEW.format("10.0.0.1:5"), *order]).requests["a"].identity == "1B"


def test_the_log_has_the_error_document_of_a_refusal() -> None:
    request = "mtls-probe 10.0.0.1:6 a 403 - NONE - mod_ssl/2.4.71 OpenSSL/3.5.9 403 /srv/index.html"
    for order in ([request, "mtls-instead a /srv/why.html"], ["mtls-instead a /srv/why.html", request]):
        assert read(order).requests["a"].instead == "/srv/why.html"
    assert read([request]).requests["a"].instead is None


RECEIVED = "+93:6b0b:0|GET http%3a//app%3a8000/x HTTP/1.1|Host:app%3a8000|X_User:a%7cb|X-MTLS-Probe:{0}"


def test_the_backends_log_has_the_received_headers() -> None:
    access = "mtls-probe 6H3K {0} 204 passed NONE - mod_ssl/2.4.71 OpenSSL/3.5.9 - proxy:x"
    requests = read([RECEIVED.format("probe-1"), access.format("probe-1"), access.format("probe-2")]).requests
    received = requests["probe-1"].received
    assert received is not None
    assert dict(received)["X_User"] == "a|b"
    assert requests["probe-2"].received is None


def test_a_request_to_the_configuration_itself_is_none_of_the_backend() -> None:
    line = RECEIVED.format("probe-1").replace("http%3a//app%3a8000", "")
    access = "mtls-probe 6H3K probe-1 204 passed NONE - mod_ssl/2.4.71 OpenSSL/3.5.9 - proxy:x"
    assert read([line, access]).requests["probe-1"].received is None
