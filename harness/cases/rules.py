"""Who has a good certificate, but is not whom the rule wants?

Asked only where rules or a policy speak of the certificate: what they want is read from them. Besides one who has
nothing of it, there is one for each demand without which nobody is to get in; he meets all the others. Where one demand
is as good as another (`or`, several `Require` in one section), no single one is needed.
"""

from harness.cases import case
from harness.outcome import admitted, refused_anyhow, refused_by_rule
from harness.pki import Identity
from harness.pki.template import Part
from harness.pki.testbed import TestPki
from harness.probe import Client


@case(refused_by_rule(), source="Require, SSLRequire, SSL_CLIENT_S_DN", directive="Require")
def another_subject(pki: TestPki) -> Client | None:
    """A certificate of the right authority that has nothing of what the rules at this place want."""
    return _if_any(pki.stranger())


@case(refused_by_rule(), source="Require expr, SSL_CLIENT_S_DN_O", directive="Require")
def another_organisation(pki: TestPki) -> Client | None:
    """A certificate with all that the rules want but for the organisation (O), which is another."""
    return _if_any(pki.lacking(Part.ORGANISATION))


@case(refused_by_rule(), source="Require expr, SSL_CLIENT_S_DN_OU", directive="Require")
def another_unit(pki: TestPki) -> Client | None:
    """A certificate with all that the rules want but for the organisational unit (OU), which is another."""
    return _if_any(pki.lacking(Part.UNIT))


@case(refused_by_rule(), source="Require expr, SSL_CLIENT_S_DN_CN, FakeBasicAuth", directive="Require")
def another_common_name(pki: TestPki) -> Client | None:
    """A certificate with all that the rules want but for the common name (CN), which is another."""
    return _if_any(pki.lacking(Part.COMMON_NAME))


@case(refused_by_rule(), source="Require expr, SSL_CLIENT_S_DN_Email, SSL_CLIENT_SAN_Email_n", directive="Require")
def another_email(pki: TestPki) -> Client | None:
    """A certificate with all that the rules want but for the email address, which is another."""
    return _if_any(pki.lacking(Part.EMAIL))


@case(refused_by_rule(), source="Require expr, SSL_CLIENT_S_DN", directive="Require")
def another_attribute(pki: TestPki) -> Client | None:
    """A certificate with all that the rules want but for other attributes of the subject (C, ST, L, UID and such)."""
    return _if_any(pki.lacking(Part.ATTRIBUTE))


@case(refused_by_rule(), source="Require expr, SSL_CLIENT_I_DN", directive="Require")
def another_issuer(pki: TestPki) -> Client | None:
    """A certificate with all that the rules want, by another authority that the server trusts as well."""
    return _if_any(pki.lacking(Part.ISSUER))


@case(refused_by_rule(), source="Require expr, SSL_CLIENT_SAN_DNS_n, SSL_CLIENT_SAN_OTHER_msUPN_n", directive="Require")
def another_alternative_name(pki: TestPki) -> Client | None:
    """A certificate with all that the rules want but for the alternative name (subjectAltName), which it lacks."""
    return _if_any(pki.lacking(Part.ALTERNATIVE_NAME))


@case(refused_by_rule(), source="Require expr, PeerExtList", directive="Require")
def without_extension(pki: TestPki) -> Client | None:
    """A certificate with all that the rules want but for the extension, which it lacks."""
    return _if_any(pki.lacking(Part.EXTENSION))


@case(refused_by_rule(), source="Require expr, regular expressions without ^, $ or \\.", directive="Require")
def similar_name(pki: TestPki) -> Client | None:
    """A certificate whose subject only resembles what the rules want: "xAcmex", or a letter where theirs has a dot.

    Asked only where an expression is not closed at its ends, or has a dot that stands for any letter. No configuration
    promises to keep it out, since some mean it so: a warning, unless a policy says more.
    """
    return _if_any(pki.resembling())


@case(admitted(by_rule=True), source="RFC 5280 6.1, DO-178C MC/DC", directive="Require")
def each_condition(_pki: TestPki) -> Client | None:
    """A client that turns one condition of the guard which no other client turns: by its certificate, its address, its
    password or its request.

    Asked so that each condition is seen true and false in httpd's own trace. What the guard's conditions come to for
    such a client is expected; a client without a certificate that is admitted by its address or its password is noted.
    """
    return Client()


def _if_any(identity: Identity | None) -> Client | None:
    return Client(identity) if identity else None


@case(refused_anyhow(), source="SSLCACertificateFile, SSL_CLIENT_I_DN", directive="SSLCACertificateFile")
def another_authority(pki: TestPki) -> Client | None:
    """A good certificate of an authority that the server trusts, but not of the one whose clients may enter here.

    Asked only where a policy names that authority, once for each of the others that the server trusts. Whether it is
    refused in the handshake or by a rule is left to the configuration.
    """
    return Client(pki.identity(pki.others[0])) if pki.others else None
