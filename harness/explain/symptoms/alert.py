"""TLS alerts about a client: their causes, and how each program spells them.

An alert says little, and the same in every program. So it has one entry, and each program only a spelling.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.explain.symptoms.symptom import Cause, Symptom, symptom
from harness.explain.symptoms.x509 import X509_ERRORS

NONE_SENT = (
    Cause(
        "The client has no certificate configured for this request: not at all, for another host or port, or it was"
        " lost at a redirect or a proxy.",
        "`openssl s_client -connect HOST:PORT -servername HOST -cert client.crt -key client.key`, then type"
        " `GET / HTTP/1.0`. If that is admitted, the program does not send its certificate.",
        "Configure certificate and key for this very host and port: `curl --cert --key`, requests `cert=`, an agent"
        " with `key` and `cert` in Node, `javax.net.ssl.keyStore` in Java.",
    ),
    Cause(
        "The client has a certificate, but the server does not name its issuer. Browsers, Java and wget then send none;"
        " curl and Python send it all the same.",
        "`openssl s_client -connect HOST:PORT -servername HOST` lists the `Acceptable client certificate CA names`. Is"
        " the issuer of the client's certificate, or of its last intermediate, among them?",
        "Store the certificate with its intermediates in the client; or name the issuer in SSLCADNRequestFile or"
        " SSLCACertificateFile.",
    ),
)
_OTHER_HANDSHAKE = (
    Cause(
        "Client and server have no cipher suite in common.",
        "httpd's log at `LogLevel ssl:info` has `no shared cipher`. `openssl s_client -tls1_2 -cert …` succeeds?",
        "Add ECDHE-RSA-AES128-GCM-SHA256 or ECDHE-ECDSA-AES128-GCM-SHA256 (by the server's key) to SSLCipherSuite.",
    ),
    X509_ERRORS[50],
)


SERVER_NOT_TRUSTED = Cause(
    "The client does not know the authority of the server's certificate, or the server does not send its intermediate.",
    "`openssl s_client -connect HOST:PORT -servername HOST -CAfile ca.crt`: `Verify return code: 0 (ok)`?",
    "Give the client the root of the server's certificate (`--cacert`, `verify=`, truststore). Put the intermediates"
    " into SSLCertificateFile.",
)
WRONG_NAME = Cause(
    "The server's certificate is for another name, or has expired.",
    "`openssl s_client -connect HOST:PORT -servername HOST | openssl x509 -noout -dates -ext subjectAltName`.",
    "Use the name that the certificate has, or issue the server's certificate again.",
)


@dataclass(frozen=True)
class Alert:
    """An alert by its number (RFC 8446 section 6), what it says, and its causes, the most likely one first."""

    number: int
    meaning: str
    causes: tuple[Cause, ...]


def _verification(*errors: int) -> tuple[Cause, ...]:
    return tuple(X509_ERRORS[number] for number in errors)


ALERTS: Mapping[str, Alert] = {
    "handshake_failure": Alert(
        40, "Over TLS 1.2, the server usually received no certificate.", (*NONE_SENT, *_OTHER_HANDSHAKE)
    ),
    "bad_certificate": Alert(
        42, "The server received a certificate, and does not accept it as it is.", _verification(9, 66, 68, 11)
    ),
    "unsupported_certificate": Alert(
        43, "The server received a certificate that is not for TLS clients.", _verification(26)
    ),
    "certificate_revoked": Alert(44, "The server received a revoked certificate.", _verification(23)),
    "certificate_expired": Alert(45, "The server received a chain that has expired.", _verification(10)),
    "certificate_unknown": Alert(
        46,
        "The server could not verify the certificate, and no other alert says why. A Java server sends it for most"
        " causes.",
        _verification(12, 34, 47),
    ),
    "unknown_ca": Alert(
        48,
        "No chain leads from the client's certificate to a trusted root.",
        _verification(20, 18, 3, 25, 79),
    ),
    "decrypt_error": Alert(
        51,
        "A signature does not fit a key.",
        (
            *_verification(7),
            Cause(
                "The client signs with a key that is not the certificate's.",
                "Compare `openssl x509 -noout -pubkey -in client.crt` with `openssl pkey -pubout -in client.key`.",
                "Give the client the key that belongs to its certificate.",
            ),
        ),
    ),
    "protocol_version": Alert(
        70,
        "Client and server have no version of TLS in common.",
        (
            Cause(
                "The client is older or newer than SSLProtocol permits.",
                "`curl --tls-max 1.2` and `curl --tlsv1.3`: which one is answered?",
                "`SSLProtocol -all +TLSv1.2 +TLSv1.3`, or update the client.",
            ),
        ),
    ),
    "internal_error": Alert(80, "With httpd: the chain is longer than SSLVerifyDepth.", _verification(22)),
    "unrecognized_name": Alert(
        112,
        "httpd sends this alert for no name. Another server stands in front of it.",
        (
            Cause(
                "A proxy or load balancer answers, and does not know the name.",
                "`openssl s_client -connect HOST:PORT -servername NAME`: whose certificate is shown?",
                "Add the name to the proxy.",
            ),
        ),
    ),
    "certificate_required": Alert(116, "The server requires a certificate and received none (TLS 1.3).", NONE_SENT),
    "no_application_protocol": Alert(
        120,
        "The server speaks none of the protocols that the client offers (ALPN). httpd does not send this alert.",
        (
            Cause(
                "A proxy in front of httpd speaks only HTTP/2, or only HTTP/1.1.",
                "`curl --http1.1` and `curl --http2`: which one is answered?",
                "Enable the other protocol at the proxy.",
            ),
        ),
    ),
}

_GO = {
    "unknown_ca": "unknown certificate authority",
    "decrypt_error": "error decrypting message",
    "certificate_expired": "expired certificate",
    "certificate_revoked": "revoked certificate",
    "certificate_unknown": "unknown certificate(?! authority)",
    "protocol_version": "protocol version not supported",
}
"""Go's words (crypto/tls/alert.go) where they are not the alert's own name."""
_NSS = {
    "handshake_failure": "HANDSHAKE_FAILURE",
    "bad_certificate": "BAD_CERT",
    "unsupported_certificate": "UNSUPPORTED_CERT",
    "certificate_revoked": "REVOKED_CERT",
    "certificate_expired": "EXPIRED_CERT",
    "certificate_unknown": "CERTIFICATE_UNKNOWN",
    "unknown_ca": "UNKNOWN_CA",
    "decrypt_error": "DECRYPT_ERROR",
    "protocol_version": "PROTOCOL_VERSION",
    "internal_error": "INTERNAL_ERROR",
    "certificate_required": "RX_CERTIFICATE_REQUIRED",
}
"""Firefox: SSL_ERROR_…_ALERT. Chrome has one of them, ERR_SSL_DECRYPT_ERROR_ALERT."""


def _spellings(name: str, number: int) -> str:
    """Every program's words for one alert, as a regular expression."""
    words = name.replace("_", "[ _]")
    return "|".join(
        (
            # OpenSSL: `tlsv13 alert certificate required`; Python, Node: `TLSV13_ALERT_…`; Java: `fatal alert: …`;
            # curl -v: `(IN), TLS alert, …`.
            rf"alert[ _:,]+{words}(?![ _](?:status|hash))",
            rf"alert number {number}\b",
            # GnuTLS.
            rf"alert \[{number}\]",
            # BouncyCastle.
            rf"\b{name}\({number}\)",
            rf"tls: {_GO.get(name, name.replace('_', ' '))}",
            rf"ERR(?:OR)?_(?:SSL_)?{_NSS.get(name, name)}_ALERT",
            # A reader who copied the alert alone.
            rf"^\W*{words}\W*$",
        )
    )


_REJECTED = symptom(
    "alert.server_rejected",
    "TLS",
    r"\(OUT\), TLS alert, (?!close notify)|TLS handshake error from .*remote error: tls:",
    "The client ends the handshake: it does not accept the server's certificate. Its own one is not the reason.",
    SERVER_NOT_TRUSTED,
    WRONG_NAME,
    source="RFC 8446 section 6.2: an alert is about what its sender received",
)
SYMPTOMS: tuple[Symptom, ...] = (
    _REJECTED,
    *(
        symptom(
            f"alert.{name}",
            "TLS",
            _spellings(name, alert.number),
            f"TLS alert {name} ({alert.number}). {alert.meaning}",
            *alert.causes,
            source="RFC 8446 section 6.2; which error of OpenSSL leads to which alert: measured with httpd 2.4",
        )
        for name, alert in ALERTS.items()
    ),
)
