"""httpd's error log about a client: the handshake, and the request behind it."""

from harness.explain.symptoms import ocsp, server_start
from harness.explain.symptoms.alert import NONE_SENT, SERVER_NOT_TRUSTED, WRONG_NAME
from harness.explain.symptoms.symptom import Cause, Symptom, symptom
from harness.explain.symptoms.x509 import FILES, X509_ERRORS

_SOURCE = "httpd 2.4, modules/ssl"
_AT_THE_HOST = (
    "Write `SSLVerifyClient require` for the virtual host, not for a path; a part that needs no certificate gets a"
    " virtual host of its own."
)
_LOCATION = Cause(
    "The certificate is required for a path (`SSLVerifyClient` in <Location> or <Directory>). TLS 1.3 then needs"
    " post-handshake authentication, which browsers, Python, Java and Go do not offer (curl does).",
    "httpd's log has AH10158, and the same client is admitted over TLS 1.2?",
    _AT_THE_HOST,
)
_RULE = Cause(
    "A `Require` was not met, or no `Require` is in force for the path and `<Directory />` denies.",
    "`LogLevel authz_core:debug`: AH01626 lists each Require with its result. `mtls-harness verify CONFIG` names the"
    " line.",
    "Correct that Require, or the certificate's attribute that it compares.",
)


def _log(name: str, pattern: str, meaning: str, *causes: Cause, source: str = _SOURCE) -> Symptom:
    return symptom(f"httpd.{name}", "httpd", pattern, meaning, *causes, source=source)


_VERIFICATION = (
    *(
        symptom(
            f"x509.{number}",
            "httpd",
            rf"Certificate Verification: Error \({number}\)",
            f"The client's certificate was received, and its verification failed (X509_V_ERR {number}).",
            cause,
            source="OpenSSL, X509_STORE_CTX_get_error; httpd, modules/ssl",
        )
        for number, cause in X509_ERRORS.items()
    ),
    _log(
        "AH02276",
        "AH02276|AH02039|Certificate Verification: Error",
        "The client's certificate was received, and its verification failed.",
        Cause(
            "The number in parentheses is OpenSSL's X509_V_ERR; `man X509_STORE_CTX_get_error` has its meaning.",
            f"{FILES} names the certificate.",
            "Correct that certificate, CRL or authority.",
        ),
    ),
    _log("AH02040", "AH02040", "The chain is longer than SSLVerifyDepth allows.", X509_ERRORS[22]),
)
_HANDSHAKE = (
    _log("none_sent", "peer did not return a certificate", "The client sent no certificate.", *NONE_SENT),
    _log(
        "server_rejected",
        r"SSL Library Error:.*alert ",
        "httpd *received* this alert: the client does not accept the server's certificate. Its own certificate is not"
        " the reason.",
        SERVER_NOT_TRUSTED,
        WRONG_NAME,
    ),
    _log(
        "no_shared_cipher",
        "no shared cipher",
        "Client and server have no cipher suite in common.",
        Cause(
            "SSLCipherSuite is too narrow for this client, or fits another kind of key than the server's certificate.",
            "`openssl s_client -tls1_2 -connect HOST:PORT` succeeds?",
            "Add ECDHE-RSA-AES128-GCM-SHA256 (RSA) or ECDHE-ECDSA-AES128-GCM-SHA256 (P-256).",
        ),
    ),
    _log(
        "unsupported_protocol",
        r"SSL Library Error:.*(?:unsupported protocol|version too low|wrong version number)",
        "The client speaks no version of TLS that SSLProtocol permits.",
        Cause(
            "The client is too old, or SSLProtocol too strict.",
            "`curl --tls-max 1.2` and `curl --tlsv1.3`: which one is answered?",
            "`SSLProtocol -all +TLSv1.2 +TLSv1.3`, or update the client.",
        ),
    ),
    _log(
        "bad_signature",
        r"SSL Library Error:.*bad signature",
        "The client's signature does not fit its certificate.",
        Cause(
            "The client signs with another key than the certificate's.",
            "Compare `openssl x509 -noout -pubkey -in client.crt` with `openssl pkey -pubout -in client.key`.",
            "Give the client the key that belongs to its certificate.",
        ),
    ),
    _log(
        "verify_failed",
        r"SSL Library Error:.*certificate verify failed",
        "The verification of the client's certificate failed.",
        Cause(
            "The line AH02276 or AH02039 of the same connection has the number of the error.",
            "`LogLevel ssl:info`, then `mtls-harness explain --error -` with the lines of this connection.",
            "See that line.",
        ),
    ),
    _log(
        "AH01996",
        "AH01996|SSL routines::http request|plain HTTP to an SSL-enabled server port",
        "Plain HTTP was spoken on the TLS port.",
        Cause(
            "The URL begins with http://, or a proxy in front has `http` as scheme of its backend.",
            "`curl -v https://HOST:PORT/`.",
            "Write https:// in the URL or in the proxy's backend.",
        ),
    ),
    _log(
        "AH02006",
        "AH02006|AH02007",
        "The client closed the connection during the handshake.",
        Cause(
            "A person looked too long for a certificate: RequestReadTimeout handshake ended the wait.",
            "The time between AH01964 and this line is that of RequestReadTimeout.",
            "`RequestReadTimeout handshake=30`.",
        ),
        Cause(
            "The client could not use its own certificate or key (curl ends with code 58 then).",
            "The client's own message.",
            "`mtls-harness explain --error` with that message.",
        ),
        SERVER_NOT_TRUSTED,
    ),
)
_NAMES = (
    _log(
        "AH02032",
        r"AH02032|\b421\b.*Misdirected|Misdirected Request|requested URL returned error: 421",
        "The name in TLS (SNI) and the Host header belong to virtual hosts with different TLS settings (421).",
        Cause(
            "A proxy, panel or health check connects without SNI, or with another name than its Host header"
            " (httpd 2.4.64 and later refuse that).",
            "`openssl s_client -connect HOST:PORT -servername NAME` with the name of the Host header is answered?",
            "At nginx: `proxy_ssl_server_name on; proxy_ssl_name $host;`. At other proxies: send SNI. Do not write"
            " `SSLVHostSNIPolicy insecure`.",
        ),
        Cause(
            "The URL has an IP address, which is never sent as SNI.",
            "By name it is admitted, by address not?",
            "Use the name.",
        ),
        Cause(
            "A browser uses one HTTP/2 connection for two names of the same certificate.",
            "`curl --http1.1` is answered, and so is the browser after a restart?",
            "Give the virtual hosts their own certificates or addresses, or the same TLS settings.",
        ),
    ),
    _log(
        "AH02033",
        "AH02033",
        "The client sent no server name (SNI), and SSLStrictSNIVHostCheck requires one (403).",
        Cause(
            "The URL has an IP address or a name without a dot (Java), or the client is too old for SNI.",
            "`openssl s_client -connect HOST:PORT -servername NAME` is answered?",
            "Use the full name in the URL.",
        ),
    ),
    _log(
        "AH02031",
        "AH02031",
        "The client sent a server name in TLS (SNI), and no Host header (400).",
        Cause("The client speaks HTTP/1.0 or 0.9 without Host.", "`curl -v` shows the Host header.", "Send Host."),
    ),
    _log(
        "AH02256",
        "AH02256",
        "A virtual host that is not the first one cannot change the client verification without SNI (403).",
        Cause("The client sends no SNI.", "`openssl s_client -servername NAME` is answered?", "Use the name."),
    ),
)
_REQUEST = (
    _log(
        "AH10158",
        "AH10158",
        "The path requires a certificate, and the client cannot send one after the handshake (TLS 1.3, 403).",
        _LOCATION,
    ),
    _log(
        "AH02261",
        "AH02261|AH02262|AH02263",
        "The path requires a certificate, which was asked for after the handshake: none came, or not a good one.",
        Cause(
            "The client has no certificate, or its verification failed.",
            "AH02276 or AH02039 in the same connection: the certificate was refused. None of them: none was sent.",
            f"Configure the certificate in the client. {FILES} examines it.",
        ),
        _LOCATION,
    ),
    _log(
        "AH02018",
        "AH02018|AH02257|AH10228|requested URL returned error: 413|Request Entity Too Large",
        "The request has a body that httpd must keep until the client has sent its certificate, and it is too large"
        " (413).",
        Cause(
            "`SSLVerifyClient` stands in a <Location>; the body is larger than SSLRenegBufferSize (128 KiB).",
            "A GET before the POST on the same connection, or `Expect: 100-continue`, is admitted?",
            f"{_AT_THE_HOST} Or raise SSLRenegBufferSize.",
        ),
    ),
    _log(
        "AH02229",
        "AH02229|AH02266|AH02228",
        "An SSLRequire was not fulfilled (403).",
        Cause(
            "The expression compares a name in the old form: since httpd 2.3.11 a DN is written in RFC 2253's order"
            " (`CN=anna,O=Example`), and `=` respects case.",
            'Log the value: `LogFormat "%{SSL_CLIENT_S_DN}x %{SSL_CLIENT_VERIFY}x"`.',
            "Compare one attribute: `Require expr \"%{SSL_CLIENT_S_DN_O} == 'Example'\"`.",
        ),
    ),
    _log(
        "AH02265",
        "AH02265",
        "The expression of an SSLRequire could not be evaluated: the request is refused.",
        Cause("Its regular expression or function is wrong.", "The line names the error.", "Use `Require expr`."),
    ),
    _log(
        "AH02227",
        "AH02227",
        "SSLUserName names a variable that this certificate does not have.",
        Cause(
            "The certificate has no such attribute (no CN, no e-mail address).",
            "`openssl x509 -noout -subject -ext subjectAltName -in client.crt`.",
            "Name a variable that every client's certificate has, such as SSL_CLIENT_SAN_DNS_0.",
        ),
    ),
    _log(
        "AH02035",
        "AH02035",
        "FakeBasicAuth: the client sent a password that imitates a certificate's user (403).",
        Cause(
            "The request has `Authorization: Basic` with `/…` as its user.",
            "`curl` without `-u` is admitted?",
            "Send no Authorization header; the certificate is the user.",
        ),
    ),
    _log(
        "AH01618",
        "AH01618|AH01617",
        "The user is not in the password file, or its password is not accepted (401).",
        Cause(
            "With FakeBasicAuth, the file needs the subject as one line (`/C=DE/O=Example/CN=anna`), and the hash of"
            " the word `password`.",
            "`openssl x509 -noout -subject -nameopt compat -in client.crt`: is that the user of the log's line?",
            "`htpasswd -b FILE '/C=DE/O=Example/CN=anna' password`.",
        ),
        Cause("Without FakeBasicAuth: wrong user or password.", "`htpasswd -v FILE USER`.", "Set the password again."),
    ),
    _log("AH01630", "AH01630", "Denied by a rule of the configuration (403), not by TLS.", _RULE),
    _log(
        "AH01631",
        "AH01631",
        "The user is known, and no `Require user` or `Require group` admits it.",
        Cause("The user is not listed.", "The line names user and URL.", "Add the user to the Require or the group."),
    ),
    _log(
        "AH01797",
        "AH01797",
        "Denied by `Order`, `Allow` and `Deny` (mod_access_compat, 403).",
        Cause(
            "Old `Order`/`Deny` lines stand beside `Require`; both must admit the client.",
            "`apachectl -M | grep access_compat`; look for `Order` and `Deny`.",
            "Replace them by Require, and do not load mod_access_compat.",
        ),
    ),
    _log(
        "AH02219",
        "AH02219",
        "SSLRequireSSL: the request came over plain HTTP (403).",
        Cause("The URL begins with http://, or a proxy ends TLS.", "`curl -v https://…`.", "Use https://."),
    ),
    _log(
        "AH02264",
        "AH02264",
        "SSLCipherSuite in a <Location> asks for another suite than the connection's (403).",
        Cause("The suite cannot change.", "The path alone is refused?", "Move SSLCipherSuite to the virtual host."),
    ),
    _log(
        "AH02259",
        "AH02259",
        "The client sent its next request before httpd had asked for the certificate.",
        Cause("A client that pipelines, at a path with SSLVerifyClient.", "The path alone is concerned?", _AT_THE_HOST),
    ),
    _log(
        "AH02009",
        "AH02009",
        "Not refused, and not verified either: `optional_no_ca` accepts a certificate of an unknown authority.",
        Cause("`SSLVerifyClient optional_no_ca`.", "SSL_CLIENT_VERIFY is GENEROUS.", "`SSLVerifyClient require`."),
    ),
    _log(
        "AH02044",
        "AH02044|AH02645",
        "No virtual host has the name of the client: the first one answers, with its certificate and its authorities.",
        Cause("The name is no ServerName or ServerAlias.", "`apachectl -S` lists the names.", "Add a ServerAlias."),
    ),
    _log(
        "path",
        "AH00026|AH10244|AH10508|AH10410",
        "The path of the URL is refused; the certificate is not the reason.",
        Cause(
            "An encoded slash (`%2f`), a malformed path, or `%3f` or a blank in a RewriteRule's result.",
            "The same client is admitted to `/`?",
            "Correct the URL; or AllowEncodedSlashes, or the flags of the RewriteRule (`[B]`).",
        ),
    ),
)
_GENERAL = (
    _log(
        "AH02008",
        "AH02008",
        "The handshake failed. The next line (`SSL Library Error`) has the reason.",
        Cause(
            "The reason is in the other lines of this connection.",
            "`LogLevel ssl:info`, then `mtls-harness explain --error -` with all lines of this connection.",
            "See those lines.",
        ),
    ),
)
SYMPTOMS = (
    *_VERIFICATION,
    *_HANDSHAKE,
    *_NAMES,
    *_REQUEST,
    *ocsp.SYMPTOMS,
    *server_start.SYMPTOMS,
    *_GENERAL,
)
