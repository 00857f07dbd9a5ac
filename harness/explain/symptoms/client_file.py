"""Messages of clients about their own files: certificate, key, .pfx. Nothing was sent to the server yet."""

from harness.explain.symptoms.symptom import Cause, Symptom, symptom

_PFX = "mtls-harness explain --client FILE.pfx --ca CA names the programs that cannot open it"
_NOT_PEM = Cause(
    "The file is not PEM: it is DER, a .pfx, a Java keystore, or certificate and key are swapped.",
    "`head -1 FILE`: `-----BEGIN CERTIFICATE-----` for the certificate, `-----BEGIN … PRIVATE KEY-----` for the key?",
    "`openssl pkcs12 -in FILE.pfx -out client.pem` writes PEM. curl reads a .pfx with `--cert-type P12`.",
)
_PATH = Cause(
    "The path is wrong, or the file cannot be read.", "`ls -l FILE` as the user of the program.", "Correct it."
)
_PASSWORD = Cause(
    "The pass phrase of the key is wrong or missing.",
    "`openssl pkey -in client.key -noout` asks for it, and accepts it?",
    "Give the pass phrase to the program (`--pass` in curl), or decrypt the key to a file of mode 0600.",
)
_PAIR = Cause(
    "The key belongs to another certificate, or the client's certificate is not the first one in the file.",
    "Compare `openssl x509 -noout -pubkey -in client.crt` with `openssl pkey -pubout -in client.key`.",
    "Name the key of this certificate; write the client's certificate before its intermediates.",
)
_LEGACY = Cause(
    "The .pfx is encrypted with RC2 or DES, which OpenSSL 3 opens only with its legacy provider.",
    f"`openssl pkcs12 -info -noout -in FILE.pfx` names RC2 or fails without `-legacy`. {_PFX}.",
    "Export it again: `openssl pkcs12 -legacy -in old.pfx -out all.pem`, then `openssl pkcs12 -export -in all.pem -out"
    " new.pfx`.",
)
_WEAK = Cause(
    "The certificate is signed with SHA-1 or MD5, or its key is too short: the client's own OpenSSL refuses to use it.",
    "`openssl x509 -noout -text -in client.crt | grep -e Signature -e Public-Key`. `curl --ciphers DEFAULT@SECLEVEL=0`"
    " shows whether it is this.",
    "Issue the certificate again with SHA-256, and RSA-2048 or P-256.",
)
_TOO_NEW = Cause(
    "The password is right. The .pfx is encrypted with AES-256 and SHA-256, which this system is too old for.",
    f"`openssl pkcs12 -info -noout -in FILE.pfx` names AES-256 and sha256. {_PFX}.",
    "`openssl pkcs12 -export -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg SHA1 -in all.pem -out FILE.pfx`.",
)
_WRONG_PFX_PASSWORD = Cause(
    "The password of the .pfx is wrong.", "`openssl pkcs12 -noout -in FILE.pfx` asks for it.", "Use the right password."
)
_NO_MAC = Cause(
    "The .pfx has no MAC at all.",
    "`openssl pkcs12 -nomacver -noout -in FILE.pfx` opens it?",
    "Export it again with a MAC.",
)


def _file(name: str, program: str, pattern: str, meaning: str, *causes: Cause, source: str) -> Symptom:
    return symptom(f"client_file.{name}", program, pattern, meaning, *causes, source=source)


SYMPTOMS = (
    _file(
        "weak",
        "OpenSSL (curl, Python, Node)",
        r"(?:ca|ee)[ _](?:md|key)[ _]too[ _](?:weak|small)",
        "The client does not load its own certificate: it is below OpenSSL's security level.",
        _WEAK,
        source="OpenSSL, SSL_CTX_set_security_level; curl/curl#7750",
    ),
    _file(
        "pair",
        "OpenSSL (curl, wget, Python, Node)",
        r"key[ _]values[ _]mismatch|key[ _]type[ _]mismatch|does not match the certificate public key",
        "The client's key is not that of its certificate.",
        _PAIR,
        source="curl/curl#12029; psf/requests#4814",
    ),
    _file(
        "mac_verify",
        "OpenSSL (Node, curl, openssl)",
        r"mac verify (?:error|failure)",
        "The .pfx does not open with this password.",
        _WRONG_PFX_PASSWORD,
        _NO_MAC,
        _LEGACY,
        source="chris2511/xca#617",
    ),
    _file(
        "curl_key",
        "curl",
        r"unable to set private key file",
        "curl cannot use the key: it does not open, or it is not the certificate's. Nothing was sent to the server.",
        _PAIR,
        _PASSWORD,
        _PATH,
        source="curl/curl#12029; measured with curl 8.14",
    ),
    _file(
        "curl_58",
        "curl",
        r"could not load PEM client certificate|curl: \(58\)|could not parse PKCS12",
        "curl cannot use the client's certificate or key. Nothing was sent to the server.",
        _PATH,
        _NOT_PEM,
        _PASSWORD,
        Cause(
            "The key is in another file.",
            "`grep -l 'PRIVATE KEY' FILE…` names the file of the key.",
            "`curl --cert client.crt --key client.key`.",
        ),
        source="curl/curl#12029, curl/curl#11652",
    ),
    _file(
        "pem",
        "Python, Node",
        r"ERR_OSSL_PEM_|\[SSL\] PEM lib|\[SSL: (?:NO_START_LINE|BAD_BASE64_DECODE)"
        r"|Could not find the TLS certificate file",
        "The program cannot read its certificate or key. Nothing was sent to the server.",
        _NOT_PEM,
        _PASSWORD,
        _PATH,
        source="kubernetes-client/python#1355; httpie/cli#581",
    ),
    _file(
        "python_passphrase",
        "Python requests",
        r"Enter PEM pass phrase",
        "The key is encrypted. requests asks for its pass phrase on the terminal: `cert=` takes none.",
        Cause(
            "The key file is encrypted.",
            "`grep ENCRYPTED client.key` finds a line?",
            "Decrypt the key to a file of mode 0600; or use an SSLContext with `load_cert_chain(password=…)`.",
        ),
        source="psf/requests#1573",
    ),
    _file(
        "unsupported_pfx",
        "OpenSSL 3 (Node, curl, Python)",
        r"Unsupported PKCS12 PFX data|digital envelope routines.*unsupported|inner_evp_generic_fetch:unsupported",
        "OpenSSL 3 does not open this .pfx or key: its encryption is too old.",
        _LEGACY,
        source="OpenSSL 3 migration guide: legacy provider",
    ),
    _file(
        "mac_import",
        "macOS",
        r"MAC verification failed during PKCS12 import|OSStatus[: ]+(?:error )?-25293|you entered an invalid password",
        "macOS does not open the .pfx, and takes that for a wrong password.",
        _TOO_NEW,
        _WRONG_PFX_PASSWORD,
        source="easy-rsa#957; chris2511/xca#360; openssl/openssl#19871",
    ),
    _file(
        "java_keystore",
        "Java",
        r"keystore password was incorrect|Keystore was tampered with|trustAnchors parameter must be non-empty",
        "Java cannot open its keystore or truststore, or the truststore is empty.",
        Cause(
            "The password is wrong, or it is not that of this file.",
            "`keytool -list -keystore FILE` asks for it.",
            "Correct javax.net.ssl.keyStorePassword or trustStorePassword.",
        ),
        Cause(
            "The truststore has no trusted certificate, or its path is wrong.",
            "`keytool -list -keystore FILE` shows a `trustedCertEntry`?",
            "`keytool -importcert -file ca.crt -keystore FILE`.",
        ),
        source="Hakky54/mutual-tls-ssl#1",
    ),
    _file(
        "dotnet_ephemeral",
        ".NET on Windows",
        r"No credentials are available in the security package|0x8009030E",
        "Schannel cannot use the key that the program loaded from PEM: it is not in a key store.",
        Cause(
            "X509Certificate2.CreateFromPem makes an ephemeral key.",
            "The same program succeeds on Linux?",
            "Export the certificate to PKCS#12 and load that again, with X509KeyStorageFlags.UserKeySet.",
        ),
        source="dotnet/runtime#66283, #23749",
    ),
    _file(
        "dotnet_access",
        ".NET on Windows",
        r"credentials supplied to the package were not recognized|0x8009030D",
        "The process may not read the private key of its certificate.",
        Cause(
            "The key belongs to another user of the machine.",
            "The program succeeds as administrator?",
            "certlm.msc, the certificate, Manage Private Keys: allow the program's user to read it.",
        ),
        source="dotnet/corefx#38219",
    ),
    _file(
        "dotnet_store",
        ".NET on Windows",
        r"Local Security Authority cannot be contacted",
        "Schannel cannot use the chain or the key's provider.",
        Cause(
            "The .pfx was imported with an old provider, or its intermediates are missing (Windows Server 2019).",
            "`certutil -store My`: which `Provider`, and is the chain complete?",
            "Import the .pfx with its intermediates into the store again.",
        ),
        source="dotnet/runtime#71064",
    ),
    _file(
        "chrome_no_key",
        "Chrome, Edge",
        r"ERR_SSL_CLIENT_AUTH_CERT_NO_PRIVATE_KEY|\(-135\)",
        "The certificate in the browser has no private key.",
        Cause(
            "The .crt was imported in place of the .pfx.",
            "The certificate manager shows no key for it.",
            "Import the .pfx (.p12).",
        ),
        source="Chromium, net/base/net_error_list.h",
    ),
    _file(
        "chrome_key_denied",
        "Chrome, Edge",
        r"ERR_SSL_CLIENT_AUTH_PRIVATE_KEY_ACCESS_DENIED|\(-134\)",
        "The browser may not use the certificate's private key.",
        Cause(
            "A dialog of the system (keychain, smart card) was denied.",
            "Restart the browser: the dialog is shown again?",
            "Allow it; in the macOS keychain, `Always allow`.",
        ),
        source="Chromium, net/base/net_error_list.h",
    ),
    _file(
        "chrome_signature",
        "Chrome, Edge",
        r"ERR_SSL_CLIENT_AUTH_(?:SIGNATURE_FAILED|CERT_BAD_FORMAT|NO_COMMON_ALGORITHMS)",
        "The browser could not sign with the certificate's key.",
        Cause(
            "The driver of a token or smart card cannot make the signatures that TLS 1.3 requires (PSS).",
            "A .pfx of the same authority without a token is admitted?",
            "Update the driver, or use a P-256 key.",
        ),
        source="Chromium, net/base/net_error_list.h",
    ),
)
