"""httpd's error log about its own files: it does not start, or starts and refuses every client."""

from harness.explain.symptoms.symptom import Cause, Symptom, symptom

_CHECK = "mtls-harness check CONFIG examines the files that CONFIG names."


def _start(numbers: str, meaning: str, cause: str, remedy: str, check: str = _CHECK) -> Symptom:
    name = f"httpd.{numbers.split('|')[0]}"
    return symptom(name, "httpd", numbers, meaning, Cause(cause, check, remedy), source="httpd 2.4, modules/ssl")


SYMPTOMS = (
    _start(
        "AH01897",
        "httpd starts, knows no authority, and refuses every client.",
        "`SSLVerifyClient` without SSLCACertificateFile or SSLCACertificatePath.",
        "SSLCACertificateFile FILE, in the same virtual host.",
    ),
    _start(
        "AH01895|AH02210",
        "httpd cannot read the file of the clients' authorities.",
        "The path is wrong, the file is empty, DER instead of PEM, or not readable.",
        "A PEM file: `openssl x509 -inform DER -in ca.der -out ca.crt`.",
    ),
    _start(
        "AH01899",
        "httpd does not start: CRLs are to be checked, and none is named.",
        "SSLCARevocationCheck without SSLCARevocationFile or SSLCARevocationPath.",
        "SSLCARevocationFile FILE.",
    ),
    _start(
        "AH01901",
        "httpd does not start: it cannot read the CRL.",
        "The file is DER, damaged, empty or not readable.",
        "`openssl crl -inform DER -in crl.der -out crl.pem`.",
    ),
    _start(
        "AH01902",
        "CRLs are named and not checked: revoked clients are admitted.",
        "SSLCARevocationFile without SSLCARevocationCheck.",
        "`SSLCARevocationCheck chain`.",
    ),
    _start(
        "AH02565",
        "httpd does not start: the server's key is not that of its certificate.",
        "SSLCertificateKeyFile belongs to another certificate.",
        "Name the key that belongs to the certificate.",
        "Compare `openssl x509 -noout -pubkey -in server.crt` with `openssl pkey -pubout -in server.key`.",
    ),
    _start(
        "AH02578|AH02580",
        "httpd does not start: the pass phrase of the server's key is wrong or cannot be asked for.",
        "SSLPassPhraseDialog builtin has no terminal at boot.",
        "`SSLPassPhraseDialog exec:/path/program`, or a key without a pass phrase.",
    ),
    _start(
        "AH02561|AH02562|AH02564|AH02572",
        "httpd does not start: it cannot use the server's certificate or key.",
        "The path is wrong, the file is not PEM or in the wrong order, or the key is encrypted.",
        "The server's certificate first, then its intermediates; the key without a pass phrase.",
    ),
    _start(
        "AH01909",
        "The server's certificate does not have the ServerName. Clients reject the server.",
        "subjectAltName lacks the name.",
        "Issue the server's certificate again with that name, or correct ServerName.",
        "`openssl x509 -noout -ext subjectAltName -in server.crt`.",
    ),
    _start(
        "AH01916|AH02662",
        "A virtual host on the TLS port speaks plain HTTP, or two settings of the port conflict.",
        "`SSLEngine on` is missing in a virtual host of the port.",
        "SSLEngine on, in each virtual host of the TLS port.",
        "`apachectl -S` lists the virtual hosts of each port.",
    ),
    _start(
        "AH02286|AH02287",
        "httpd does not start: the file of SSLSessionTicketKeyFile cannot be used.",
        "The file is missing, or has not 48 bytes.",
        "`openssl rand -out FILE 48`.",
    ),
)
