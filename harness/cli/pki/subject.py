"""Distinguished names and subjectAltNames from the command line."""

import re

from cryptography import x509
from cryptography.x509.oid import NameOID

from harness.pki.files import PkiError
from harness.pki.profile import general_name
from harness.pki.store import Store, load_certificates

ATTRIBUTES = {
    "country": ("-C", NameOID.COUNTRY_NAME, "Two letters (ISO 3166)."),
    "state": ("-ST", NameOID.STATE_OR_PROVINCE_NAME, "State or province."),
    "locality": ("-L", NameOID.LOCALITY_NAME, "Town."),
    "organization": ("-O", NameOID.ORGANIZATION_NAME, "Organization."),
    "organizational-unit": ("-OU", NameOID.ORGANIZATIONAL_UNIT_NAME, "Organizational unit."),
    "common-name": ("-CN", NameOID.COMMON_NAME, "Common name."),
    "email": (None, NameOID.EMAIL_ADDRESS, "Email address."),
}
"""The tutorial's questions: option, attribute of the distinguished name, help; in the order of that name."""


CN_LENGTH = 64


_DNS_NAME = r"(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"


def distinguished_name(subject: dict[str, str | None], common_name: str) -> x509.Name:
    """Build a distinguished name from the options given.

    Raises:
        PkiError: a value that does not fit its attribute (RFC 5280 appendix A.1: lengths, two letters of a country).
    """
    attributes = []
    for option, (_, oid, _) in ATTRIBUTES.items():
        value = subject.get(option.replace("-", "_"))
        if value is None and option == "common-name":
            value = common_name
        if value:
            if not value.isprintable():
                raise PkiError(f"--{option} {value!r} contains characters that cannot be printed.")
            try:
                attributes.append(x509.NameAttribute(oid, value))
            except ValueError as error:
                raise PkiError(f"--{option} {value!r}: {error}") from error
    return x509.Name(attributes)


def called(name: x509.Name, addition: str) -> x509.Name:
    """The same name with a common name of its own: two authorities of one name would be taken for one another."""
    return x509.Name(
        [
            x509.NameAttribute(entry.oid, f"{str(entry.value)[: 63 - len(addition)]} {addition}")
            if entry.oid == NameOID.COMMON_NAME
            else entry
            for entry in name
        ]
    )


def alternative_names(names: tuple[str, ...]) -> tuple[str | x509.GeneralName, ...]:
    """Parse names for subjectAltName.

    Raises:
        PkiError: a name is invalid.
    """
    try:
        read = tuple(map(general_name, names))
    except ValueError as error:
        raise PkiError(f"--name: {error}") from error
    for name in read:
        if isinstance(name, x509.DNSName) and not re.fullmatch(_DNS_NAME, name.value):
            raise PkiError(f"--name {name.value!r} is not a DNS name, an address or an email address.")
    return read


def default_url(store: Store) -> str:
    """The URL that clients of this authority probably use: the name in the server's certificate, and the port of the
    reference deployment on this machine."""
    file = store.folder / "server" / "server.crt"
    certificates = load_certificates(file)[:1] if file.exists() else []
    names = [
        name
        for certificate in certificates
        for extension in certificate.extensions
        if isinstance(extension.value, x509.SubjectAlternativeName)
        for name in extension.value.get_values_for_type(x509.DNSName)
    ]
    host = next((name for name in names if "*" not in name), "localhost")
    return f"https://{host}{':8443' if host == 'localhost' else ''}/"
