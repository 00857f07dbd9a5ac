"""Who has a good certificate, but is not whom the rule wants?"""

from harness.cases import case
from harness.outcome import refused_by_rule
from harness.pki.run import Pki
from harness.probe import Client


@case(refused_by_rule(), source="Require, SSLRequire, SSL_CLIENT_S_DN", directive="Require")
def another_subject(pki: Pki) -> Client | None:
    """A certificate of the right authority with a subject that the rules at this place do not allow.

    Asked only where rules speak of the subject: what they demand is read from them, and this client has none of it.
    """
    return Client(pki.stranger()) if pki.model.demanding else None
