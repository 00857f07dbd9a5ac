"""Messages of browsers, apps and systems that stand for several alerts, or for a certificate that was never sent."""

from harness.explain.symptoms.alert import ALERTS, NONE_SENT, SERVER_NOT_TRUSTED
from harness.explain.symptoms.symptom import Cause, symptom

_ANY_BAD = tuple(
    cause
    for name in ("unknown_ca", "certificate_expired", "certificate_revoked", "unsupported_certificate")
    for cause in ALERTS[name].causes[:1]
)
_REMEMBERED = Cause(
    "The browser uses the choice that was made before: another certificate, or none.",
    "A new private window, or the browser after a restart, shows the dialog?",
    "Restart the browser and choose the right certificate.",
)
_APP = Cause(
    "The app does not use the certificates of the system: only Safari (on Android, Chrome) does.",
    "The same URL in Safari or Chrome is admitted?",
    "The app must answer the request for a certificate itself; ask its maker.",
)
_KEYSTORE = Cause(
    "The keystore has no entry that Java sends: its issuer is not among the authorities that the server names, or the"
    " chain in the keystore is incomplete.",
    "`java -Djavax.net.debug=ssl:handshake`: `No X.509 certificate for client authentication`, or `no suitable"
    " certificate found`?",
    "Import the certificate with its chain: `openssl pkcs12 -export -in client.crt -inkey client.key -certfile"
    " intermediates.crt -out client.p12`.",
)

SYMPTOMS = (
    symptom(
        "client.chrome_bad_auth",
        "Chrome, Edge",
        r"ERR_BAD_SSL_CLIENT_AUTH_CERT|\(-117\)",
        "The server sent one of eight alerts: it received no certificate, or one that it does not accept. The browser"
        " does not tell which.",
        *NONE_SENT,
        _REMEMBERED,
        *_ANY_BAD,
        source="Chromium, net/base/net_error_list.h",
    ),
    symptom(
        "client.wget_alert",
        "wget (GnuTLS)",
        r"A TLS fatal alert has been received",
        "The server sent an alert, and the program does not tell which.",
        Cause(
            "Any of the causes for which a server refuses a client.",
            "`curl --cert client.crt --key client.key URL` names the alert; `mtls-harness explain --error` its causes.",
            "See that alert.",
        ),
        *NONE_SENT[:1],
        *_ANY_BAD,
        source="measured with wget 1.25",
    ),
    symptom(
        "client.ios_required",
        "iOS, macOS",
        r"NSURLErrorDomain[^\n]*-1206|\b-1206\b|requires a client certificate",
        "The app was asked for a certificate and gave none.",
        _APP,
        *NONE_SENT[1:],
        source="openradar-mirror#14769; koush/scrypted#2020; nextcloud/ios#2975",
    ),
    symptom(
        "client.java_no_suitable",
        "Java",
        r"no suitable certificate found|No X\.509 cert selected"
        r"|No X\.509 certificate for client authentication|continuing without client auth",
        "Java was asked for a certificate and sent none.",
        _KEYSTORE,
        source="jetty.project#3477; Ecwid/consul-api#67",
    ),
    symptom(
        "client.java_no_names",
        "Java (as a server)",
        r"null cert chain|Empty (?:client|server) certificate chain",
        "A Java server received an empty list of certificates.",
        _KEYSTORE,
        *NONE_SENT[:1],
        source="joutwate/mtls-springboot#2",
    ),
    symptom(
        "client.firefox_import",
        "Firefox",
        r"PKCS ?#12 operation failed for unknown reasons",
        "Firefox does not open the .pfx.",
        Cause(
            "The .pfx has an empty password.",
            "mtls-harness explain --client FILE.pfx --ca CA",
            "Export it again with a password.",
        ),
        source="measured with Firefox and `mtls-harness pki export`",
    ),
    symptom(
        "client.firefox_post_handshake",
        "Firefox (NSS as a server)",
        r"SSL_ERROR_MISSING_POST_HANDSHAKE_AUTH_EXTENSION",
        "The server asks for a certificate after the handshake (TLS 1.3), and the client does not offer that.",
        Cause(
            "The certificate is required for a path.",
            "Over TLS 1.2 the client is admitted?",
            "Require the certificate for the whole server name.",
        ),
        source="NSS, SSLerrs.h",
    ),
    symptom(
        "client.server_verify",
        "GnuTLS, wget",
        r"is not trusted|isn't trusted|issuer is unknown|Unable to locally verify the issuer",
        "The client does not trust the server's certificate. Its own certificate is not the reason.",
        SERVER_NOT_TRUSTED,
        source="GnuTLS, gnutls_certificate_verification_status_print",
    ),
)
