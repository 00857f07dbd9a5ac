"""The causes behind OpenSSL's errors of verification (X509_V_ERR), as httpd meets them with a client's certificate."""

from collections.abc import Mapping

from harness.explain.symptoms.symptom import Cause

FILES = "mtls-harness explain --client FILE --ca FILE [--crl FILE]"
_CHAIN = f"{FILES}: the line `NO` names the certificate."


def _cause(number: int, text: str, remedy: str, check: str = "") -> Cause:
    return Cause(text, f"httpd's error log has `Error ({number})` (AH02276, AH02039). {check or _CHAIN}", remedy)


X509_ERRORS: Mapping[int, Cause] = {
    2: _cause(
        2,
        "The issuer of an intermediate is not there: the chain does not reach a trusted root.",
        "Put the root into SSLCACertificateFile. OpenSSL needs the whole chain.",
    ),
    3: _cause(
        3,
        "SSLCARevocationCheck is on, and there is no CRL for an authority of the chain. All its clients are refused.",
        "Add a CRL of each authority to SSLCARevocationFile, or write `SSLCARevocationCheck leaf`. Then reload httpd.",
        "`openssl crl -noout -issuer -in FILE` for each CRL: which authority of the chain is missing?",
    ),
    7: _cause(
        7,
        "The signature does not fit the authority: the CA was made again under the same name, or the certificate was"
        " changed.",
        "Issue the client's certificate again by the authority in use, or trust the authority that issued it.",
    ),
    8: _cause(
        8,
        "The signature of the CRL does not fit the authority: the CRL is of an older CA of the same name.",
        "Issue the CRL again by the authority in use, and reload httpd.",
    ),
    9: _cause(
        9,
        "A certificate of the chain is not valid yet. Usually a clock is wrong, or the certificate is minutes old.",
        "Set the clocks of server and authority (NTP), or wait.",
        "Compare the `Date:` header of the server with `openssl x509 -noout -startdate -in client.crt`.",
    ),
    10: _cause(
        10,
        "A certificate of the chain has expired: the client's own, an intermediate or the root.",
        "Renew that certificate. AH02276 names it (`subject:`).",
        "`openssl x509 -noout -subject -enddate -in FILE` for each certificate of the chain.",
    ),
    11: _cause(11, "The CRL begins in the future: a clock is wrong.", "Set the clocks, or issue the CRL again."),
    12: _cause(
        12,
        "The CRL is out of date. Then every client of this authority is refused.",
        "Issue the CRL again, copy it to the server, reload httpd. Do it before each nextUpdate.",
        "`openssl crl -noout -nextupdate -in FILE`. Is every client refused, not this one alone?",
    ),
    18: _cause(
        18,
        "The certificate is self-signed: no authority of the server issued it.",
        "Have the client's certificate issued by an authority of SSLCACertificateFile.",
    ),
    19: _cause(
        19,
        "The client sends its chain up to a root that the server does not trust.",
        "Put that root into SSLCACertificateFile, if every certificate of it may be admitted.",
    ),
    20: _cause(
        20,
        "The issuer is not trusted, or the client does not send its intermediate.",
        "Put the intermediates behind the client's certificate in its file; or add the CA to SSLCACertificateFile.",
        "`openssl x509 -noout -issuer -in client.crt`: is it the subject of a certificate in SSLCACertificateFile?",
    ),
    22: _cause(
        22,
        "The chain is longer than SSLVerifyDepth. Its default is 1, and the root counts.",
        "Write `SSLVerifyDepth 2` (one more for each intermediate) into the virtual host.",
        "The log has AH02040 beside it.",
    ),
    23: _cause(
        23,
        "The certificate is revoked: the CRL lists its serial number.",
        "Issue a new certificate. A revoked one does not become valid again.",
        "`openssl crl -noout -text -in FILE | grep -A1 SERIAL`.",
    ),
    25: _cause(
        25,
        "An authority forbids an intermediate below it (pathlen of basicConstraints).",
        "Issue the client directly below it, or issue the authority again with a larger pathlen.",
    ),
    26: _cause(
        26,
        "The certificate is not for TLS clients: extendedKeyUsage without clientAuth (a server's certificate), or"
        " keyUsage without digitalSignature.",
        "Issue it again with extendedKeyUsage clientAuth and keyUsage digitalSignature.",
        "`openssl x509 -noout -purpose -in client.crt`: `SSL client : Yes`?",
    ),
    34: _cause(
        34,
        "The certificate has a critical extension that OpenSSL does not know.",
        "Issue it again with that extension not critical.",
    ),
    47: _cause(
        47,
        "A name of the certificate is outside the name constraints of its authority.",
        "Issue it again with a permitted name, or by another authority.",
    ),
    50: _cause(
        50,
        "The OCSP check failed: no usable answer, or the answer is not `good`.",
        "The message about OCSP beside it (AH019…, AH02273, AH03239) has its own cause.",
        "`openssl ocsp -issuer ca.crt -cert client.crt -url URL -CAfile ca.crt`.",
    ),
    66: _cause(
        66,
        "The key of the client's certificate is too short for OpenSSL's security level.",
        "Issue it again with RSA-2048 or P-256.",
        "`openssl x509 -noout -text -in client.crt | grep Public-Key`.",
    ),
    67: _cause(
        67, "The key of an authority is too short for OpenSSL's security level.", "Make the authority again: P-256."
    ),
    68: _cause(
        68,
        "A certificate is signed with SHA-1 or MD5, which is below OpenSSL's security level.",
        "Issue it again with SHA-256.",
        "`openssl x509 -noout -text -in client.crt | grep Signature`.",
    ),
    79: _cause(
        79,
        "An issuer of the chain is no CA: basicConstraints CA:TRUE or keyUsage keyCertSign is missing.",
        "Issue that authority's certificate again with both.",
    ),
}
