"""The copy of a configuration: what must differ does, and every directive keeps its line."""

from pathlib import Path

import pytest

from harness.httpd.layout import RESPONDER, read


@pytest.mark.parametrize(
    ("written", "copied"),
    [
        ("SSLOCSPDefaultResponder http://ocsp.example.test:8080/status", f"SSLOCSPDefaultResponder {RESPONDER}/status"),
        ('  SSLOCSPDefaultResponder "http://192.0.2.7/"', f'  SSLOCSPDefaultResponder "{RESPONDER}/"'),
        ("sslocspproxyurl http://proxy.example.test:3128", f"sslocspproxyurl {RESPONDER}"),
        ("SSLOCSPDefaultResponder ${WHERE}/status", f"SSLOCSPDefaultResponder {RESPONDER}/status"),
        ("SSLOCSPDefaultResponder http://${WHERE}/", f"SSLOCSPDefaultResponder {RESPONDER}/"),
        ("SSLOCSPDefaultResponder https://ocsp.example.test/", f"SSLOCSPDefaultResponder https{RESPONDER[4:]}/"),
        ("SSLOCSPEnable on no_ocsp_for_cert_ok", "SSLOCSPEnable on no_ocsp_for_cert_ok"),
        ("# SSLOCSPDefaultResponder http://ocsp.example.test", "# SSLOCSPDefaultResponder http://ocsp.example.test"),
    ],
)
def test_the_responder_is_asked_here_in_the_way_that_is_written(tmp_path: Path, written: str, copied: str) -> None:
    file = tmp_path / "site.conf"
    file.write_text(f"SSLEngine on\n{written}\nSSLVerifyClient require\n")
    (content,) = read(file).files.values()
    assert content.decode() == f"SSLEngine on\n{copied}\nSSLVerifyClient require\n"
