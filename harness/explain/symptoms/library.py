"""Messages of TLS and HTTP libraries that are no alert: the server's certificate, lost alerts, HTTP statuses."""

from harness.explain.symptoms.alert import NONE_SENT, SERVER_NOT_TRUSTED, WRONG_NAME
from harness.explain.symptoms.symptom import Cause, symptom
from harness.explain.symptoms.x509 import X509_ERRORS

_CLIENT_TRUST = "The client does not trust the server's certificate. Its own certificate is not the reason."
_LOST = Cause(
    "The server refused the client's certificate over TLS 1.3, and the alert was lost: the client was still sending its"
    " request (often a POST).",
    "`curl --tls-max 1.2` with the same certificate: the handshake fails with an alert? A GET shows it as well.",
    'Explain that alert: `mtls-harness explain --error "…"`. httpd\'s error log (`LogLevel ssl:info`) has the reason.',
)
_FIREWALL = Cause(
    "Something between client and server (firewall, load balancer) closed the connection, or httpd's process died.",
    "httpd's error log has no line about this connection (`LogLevel ssl:debug`), or AH00052 for a process.",
    "Look there.",
)
_RULE = Cause(
    "A rule (`Require`, SSLRequire, RewriteRule) denies this client.",
    "httpd's error log: AH01630, AH02229.",
    "`mtls-harness verify CONFIG` names the line.",
)
_LOCATION = Cause(
    "The certificate is required for a path, over TLS 1.3 or HTTP/2: httpd asks for it after the handshake, and most"
    " clients cannot send one then.",
    "httpd's error log has AH10158? Over TLS 1.2 and HTTP/1.1 the same client is admitted?",
    "Write `SSLVerifyClient require` for the virtual host.",
)

SYMPTOMS = (
    symptom(
        "library.curl_client_expired",
        "curl",
        r"curl: \(60\) SSL certificate verification failed",
        "The server sent the alert certificate_expired (TLS 1.2). curl then writes that the server's certificate"
        " failed, but without a reason (`SSL certificate problem: …`) it is the client's own.",
        X509_ERRORS[10],
        SERVER_NOT_TRUSTED,
        source="measured with curl 8.14 and httpd 2.4",
    ),
    symptom(
        "library.server_name",
        "OpenSSL, Java, Node, browsers",
        r"no alternative certificate subject name matches|Hostname mismatch"
        r"|IP address mismatch|name in the certificate does not match|ERR_TLS_CERT_ALTNAME_INVALID"
        r"|does not match (?:target host|certificate)|No (?:subject alternative|name matching)"
        r"|ERR_CERT_COMMON_NAME_INVALID|subject name .* does not match|SSL_ERROR_BAD_CERT_DOMAIN"
        r"|hostname \S+ doesn't match|certificate's owner does not match",
        "The server's certificate is for another name. The client's certificate is not the reason.",
        WRONG_NAME,
        source="RFC 9525",
    ),
    symptom(
        "library.server_not_trusted",
        "OpenSSL, GnuTLS, Java, Go",
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSL certificate problem|curl: \(60\)"
        r"|PKIX path building failed|x509: certificate signed by unknown authority|cannot verify \S+ certificate"
        r"|certificate verification failed|The certificate is NOT trusted"
        r"|(?:UNABLE_TO_(?:VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(?:_LOCALLY)?)|(?:DEPTH_ZERO_)?SELF_SIGNED_CERT\w*)"
        r"|unable to (?:verify the first certificate|get local issuer certificate)"
        r"|verify error:num=\d+|Verify return code: [1-9]|Verification error: "
        r"|ERR_CERT_AUTHORITY_INVALID|SEC_ERROR_UNKNOWN_ISSUER",
        _CLIENT_TRUST,
        SERVER_NOT_TRUSTED,
        Cause(
            "The authority is home-made and lacks key identifiers, which OpenSSL's strict mode (Python 3.13) requires.",
            "The message names an extension (`Missing Authority Key Identifier`), and an older Python succeeds?",
            "Issue authority and server certificate again with subjectKeyIdentifier and authorityKeyIdentifier.",
        ),
        WRONG_NAME,
        source="psf/requests#6896; curl: libcurl-errors, 60",
    ),
    symptom(
        "library.protocol",
        "OpenSSL, GnuTLS, Java, Chrome",
        r"unsupported protocol|no protocols available|No appropriate protocol|wrong version number"
        r"|ERR_SSL_VERSION_OR_CIPHER_MISMATCH|unexpected TLS packet|plaintext connection",
        "The two sides did not agree on TLS.",
        Cause(
            "The port speaks no TLS (often http:// on port 80, or a missing `SSLEngine on`).",
            "`curl -v http://HOST:PORT/` is answered?",
            "Use the TLS port, or write SSLEngine on.",
        ),
        Cause(
            "Client and server have no version of TLS or no cipher suite in common.",
            "`curl --tls-max 1.2` and `curl --tlsv1.3`: which one is answered?",
            "`SSLProtocol -all +TLSv1.2 +TLSv1.3`, or update the client.",
        ),
        *NONE_SENT,
        source="Chromium, net/socket: handshake_failure is ERR_SSL_VERSION_OR_CIPHER_MISMATCH",
    ),
    symptom(
        "library.http_1_1_required",
        "HTTP/2 (curl, nghttp2, Chrome)",
        r"HTTP_1_1_REQUIRED|HTTP/1\.1 required",
        "httpd cannot ask for a certificate on an HTTP/2 connection.",
        Cause(
            "The certificate is required for a path (`SSLVerifyClient` in <Location>).",
            "`curl --http1.1` is admitted?",
            "Write `SSLVerifyClient require` for the virtual host, or `Protocols http/1.1` there.",
        ),
        source="RFC 9113 section 9.2.1; Chromium, net/base/net_error_list.h",
    ),
    symptom(
        "library.nginx",
        "nginx",
        r"No required SSL certificate was sent|The SSL certificate error",
        "nginx answered, not httpd: it received no certificate, or could not verify it.",
        *NONE_SENT,
        Cause(
            "nginx does not trust the issuer.",
            "`error_log … info` of nginx.",
            "ssl_client_certificate, ssl_verify_depth.",
        ),
        source="chromium/badssl.com#546",
    ),
    symptom(
        "library.unauthorized",
        "HTTP",
        r"\b401\b:? *(?:Client Error: )?Unauthorized|requested URL returned error: 401",
        "The handshake was completed; the request has no user that is accepted (401).",
        Cause(
            "`SSLOptions +FakeBasicAuth`: the certificate's subject is not in the password file.",
            "httpd's error log has AH01618 with the user that it looked for?",
            "Add that user to AuthUserFile, with the hash of the word `password`.",
        ),
        Cause(
            "A password is required in addition to the certificate.",
            "The answer has `WWW-Authenticate`.",
            "Send user and password, or write `Require ssl-verify-client` in place of `Require valid-user`.",
        ),
        source="httpd 2.4, mod_ssl: SSLOptions; mod_auth_basic",
    ),
    symptom(
        "library.forbidden",
        "HTTP",
        r"\b403\b:? *(?:Client Error: )?Forbidden|requested URL returned error: 403"
        r"|You don't have permission to access",
        "The handshake was completed; a rule behind it refused the request (403).",
        _RULE,
        _LOCATION,
        Cause(
            "The client sent no server name (SNI).",
            "httpd's error log has AH02033. By name it is admitted, by address not?",
            "Use the name in the URL.",
        ),
        source="httpd 2.4, modules/ssl/ssl_engine_kernel.c",
    ),
    symptom(
        "library.lost_alert",
        "OpenSSL, Python, Node, Java, curl",
        r"Broken pipe|BrokenPipeError|EPIPE|Connection reset by peer|ECONNRESET|ConnectionResetError|Connection reset"
        r"|Empty reply from server|unexpected eof while reading|UNEXPECTED_EOF_WHILE_READING|socket hang up"
        r"|Connection aborted|RemoteDisconnected|closed before (?:sending|receiving) a response|Remote end closed"
        r"|The TLS connection was non-properly terminated|Server disconnected|Unable to establish SSL connection"
        r"|header parser received no bytes|session has been invalidated"
        r"|ERR_EMPTY_RESPONSE|ERR_CONNECTION_(?:RESET|CLOSED)|PR_CONNECT_RESET_ERROR",
        "The connection was closed without an answer.",
        _LOST,
        _FIREWALL,
        source="RFC 8446 section 4.4.2.4: the server refuses after the client's handshake is over",
    ),
    symptom(
        "library.no_ca_names",
        "openssl s_client",
        r"No client certificate CA names sent",
        "The server names no authority in its handshake, or does not ask for a certificate there.",
        Cause(
            "`SSLVerifyClient` stands in a <Location>: the certificate is asked for after the handshake.",
            "`grep -n SSLVerifyClient CONFIG`.",
            "Write it for the virtual host.",
        ),
        Cause(
            "This name's virtual host has no SSLVerifyClient, or another virtual host answered.",
            "`-servername NAME` with the name of the URL; `apachectl -S`.",
            "Configure the virtual host of that name.",
        ),
        source="RFC 8446 section 4.2.4",
    ),
)
