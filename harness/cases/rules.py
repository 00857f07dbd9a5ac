"""Valid certificates that do not meet a rule about the certificate.

Tested only where rules or a policy require something of the certificate. One client meets none of the requirements. For
each requirement that every admitted client must meet, another client meets all but that one. Alternatives (`or`,
several `Require` in one section) have no such client.
"""

from harness.cases import case
from harness.outcome import admitted, refused_anyhow, refused_by_rule
from harness.pki import Identity
from harness.pki.template import Part
from harness.pki.testbed import TestPki
from harness.probe import Client


@case(refused_by_rule(), source="Require, SSLRequire, SSL_CLIENT_S_DN", directive="Require")
def another_subject(pki: TestPki) -> Client | None:
    """A certificate of the right authority that meets none of the rules' requirements."""
    return _if_any(pki.stranger())


@case(refused_by_rule(), source="Require expr, SSL_CLIENT_S_DN_O", directive="Require")
def another_organisation(pki: TestPki) -> Client | None:
    """A certificate that meets all rules except for the organisation (O), which is another."""
    return _if_any(pki.lacking(Part.ORGANISATION))


@case(refused_by_rule(), source="Require expr, SSL_CLIENT_S_DN_OU", directive="Require")
def another_unit(pki: TestPki) -> Client | None:
    """A certificate that meets all rules except for the organisational unit (OU), which is another."""
    return _if_any(pki.lacking(Part.UNIT))


@case(refused_by_rule(), source="Require expr, SSL_CLIENT_S_DN_CN, FakeBasicAuth", directive="Require")
def another_common_name(pki: TestPki) -> Client | None:
    """A certificate that meets all rules except for the common name (CN), which is another."""
    return _if_any(pki.lacking(Part.COMMON_NAME))


@case(refused_by_rule(), source="Require expr, SSL_CLIENT_S_DN_Email, SSL_CLIENT_SAN_Email_n", directive="Require")
def another_email(pki: TestPki) -> Client | None:
    """A certificate that meets all rules except for the email address, which is another."""
    return _if_any(pki.lacking(Part.EMAIL))


@case(refused_by_rule(), source="Require expr, SSL_CLIENT_S_DN", directive="Require")
def another_attribute(pki: TestPki) -> Client | None:
    """A certificate that meets all rules except for other attributes of the subject (such as C, ST, L, UID)."""
    return _if_any(pki.lacking(Part.ATTRIBUTE))


@case(refused_by_rule(), source="Require expr, SSL_CLIENT_I_DN", directive="Require")
def another_issuer(pki: TestPki) -> Client | None:
    """A certificate that meets all rules except for the issuer: another authority that the server trusts."""
    return _if_any(pki.lacking(Part.ISSUER))


@case(refused_by_rule(), source="Require expr, SSL_CLIENT_SAN_DNS_n, SSL_CLIENT_SAN_OTHER_msUPN_n", directive="Require")
def another_alternative_name(pki: TestPki) -> Client | None:
    """A certificate that meets all rules except for the alternative name (subjectAltName), which it lacks."""
    return _if_any(pki.lacking(Part.ALTERNATIVE_NAME))


@case(refused_by_rule(), source="Require expr, PeerExtList", directive="Require")
def without_extension(pki: TestPki) -> Client | None:
    """A certificate that meets all rules except for the extension, which it lacks."""
    return _if_any(pki.lacking(Part.EXTENSION))


@case(refused_by_rule(), source="Require expr, regular expressions without ^, $ or \\.", directive="Require")
def similar_name(pki: TestPki) -> Client | None:
    """A certificate whose subject only resembles the required one: "xAcmex", or a letter in the place of a dot.

    Tested only where a regular expression is not anchored, or has an unescaped dot. Some configurations intend that, so
    this is a warning, unless a policy requires more.
    """
    return _if_any(pki.resembling())


@case(admitted(by_rule=True), source="RFC 5280 6.1, DO-178C MC/DC", directive="Require")
def each_condition(_pki: TestPki) -> Client | None:
    """A client that makes a condition of the guard true or false, by its certificate, address, password or request.

    It is sent in a second round, where httpd's own trace of the first probes did not show the condition both true and
    false. The outcome that follows from the guard's conditions is expected. A note names each rule that admits a client
    without a certificate, by its address or password.
    """
    return Client()


def _if_any(identity: Identity | None) -> Client | None:
    return Client(identity) if identity else None


@case(refused_anyhow(), source="SSLCACertificateFile, SSL_CLIENT_I_DN", directive="SSLCACertificateFile")
def another_authority(pki: TestPki) -> Client | None:
    """A valid certificate of an authority that the server trusts, but not of the authority that the policy names.

    Tested only where a policy names an authority, once for each other authority that the server trusts. The handshake
    or a rule may refuse it.
    """
    return Client(pki.identity(pki.others[0])) if pki.others else None
