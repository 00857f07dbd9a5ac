"""httpd's error log about the OCSP check of a client's certificate."""

from harness.explain.symptoms.symptom import Cause, Symptom, symptom

_ASK = "`openssl ocsp -issuer ca.crt -cert client.crt -url URL -CAfile ca.crt` from the server's machine."


def _ocsp(numbers: str, meaning: str, cause: str, remedy: str, check: str = _ASK) -> Symptom:
    name = f"httpd.{numbers.split('|')[0]}"
    return symptom(name, "httpd", numbers, meaning, Cause(cause, check, remedy), source="httpd 2.4, modules/ssl (OCSP)")


SYMPTOMS = (
    _ocsp(
        "AH01918",
        "No OCSP responder is known for the certificate: the client is refused.",
        "The certificate has no authorityInfoAccess with an OCSP URL, and there is no default.",
        "SSLOCSPDefaultResponder URL, or `SSLOCSPEnable on no_ocsp_for_cert_ok`.",
        "`openssl x509 -noout -ocsp_uri -in client.crt` prints nothing?",
    ),
    _ocsp(
        "AH01972|AH01974",
        "The OCSP responder's name does not resolve, or it does not accept connections. Every client is refused.",
        "The responder is down, a firewall stands between, or the URL is wrong.",
        "Start it, open the firewall, or SSLOCSPProxyURL.",
    ),
    _ocsp(
        "AH01976|AH01980|AH02321",
        "The OCSP responder was reached, and its answer is not one of HTTP with an OCSP response.",
        "The URL belongs to another server, or a proxy answers in its place.",
        "Correct the URL in the certificate, or write SSLOCSPDefaultResponder and SSLOCSPOverrideResponder on.",
    ),
    _ocsp(
        "AH01922",
        "The OCSP responder refuses to answer: 1 malformed request, 3 try later, 6 unauthorised.",
        "The responder does not know this authority.",
        "Use the responder of the authority that issued the client's certificate.",
    ),
    _ocsp(
        "AH01924",
        "The OCSP answer does not repeat the request's nonce.",
        "The responder gives answers that it made earlier.",
        "`SSLOCSPUseRequestNonce off`.",
    ),
    _ocsp(
        "AH01925",
        "The signature of the OCSP answer cannot be verified.",
        "The signer is not the authority, and its certificate lacks OCSPSigning or was issued by another one.",
        "Issue the signer's certificate by the same authority with OCSPSigning, or SSLOCSPResponderCertificateFile.",
    ),
    _ocsp(
        "AH02273",
        "The OCSP answer is outside its time.",
        "A clock is wrong, or the responder gives an old answer.",
        "Set the clocks; SSLOCSPResponseTimeSkew allows 300 seconds.",
    ),
    _ocsp(
        "AH03239",
        "The OCSP responder says `revoked` or `unknown`.",
        "The certificate is revoked, or the responder does not know its serial number.",
        "Issue a new certificate; or tell the responder about this one.",
    ),
    _ocsp(
        "AH02038",
        "OCSP and `SSLVerifyClient optional_no_ca` exclude each other.",
        "Both are configured.",
        "`SSLVerifyClient require`.",
        "Look for optional_no_ca.",
    ),
)
