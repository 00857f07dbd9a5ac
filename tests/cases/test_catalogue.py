"""The catalogue, checked without running it."""

import pytest
from cryptography.x509.oid import NameOID

from harness.cases import Case, case, catalogue
from harness.outcome import admitted, refused
from harness.pki import Authority
from harness.pki.public_roots import public_roots
from harness.pki.template import ClientTemplate, Part
from harness.pki.testbed import TestPki
from harness.probe import Client

CATALOGUE = catalogue()
DEMANDED = (
    *(NameOID.COUNTRY_NAME, NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.COMMON_NAME),
    NameOID.EMAIL_ADDRESS,
)
ROOT = Authority.root(subject="Example root").certificate
# Whatever a case asks for is there.
MODEL = ClientTemplate(
    subject=tuple((kind, "DE") for kind in DEMANDED),
    needed=frozenset(Part),
    similar=((NameOID.ORGANIZATION_NAME, "xDEx"),),
    authorities=(ROOT, public_roots()[0]),
    users=("guest",),
    authority=ROOT.subject,
)
PKI = TestPki(3, template=MODEL)


def test_ids_are_unique() -> None:
    assert len({entry.id for entry in CATALOGUE}) == len(CATALOGUE) > 50


def test_every_family_of_refused_clients_has_a_refused_case() -> None:
    families = {entry.family for entry in CATALOGUE}
    assert {entry.family for entry in CATALOGUE if not entry.expected.admitted} == families - {"valid"}
    assert len(families) == 14


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: str(entry.id))
def test_a_case_has_a_description_and_makes_a_new_client_each_time(entry: Case) -> None:
    assert entry.summary.endswith((".", ".)")) or ":" in entry.summary
    assert entry.source
    clients = []
    for _ in range(2):
        PKI.begin(entry.id)
        clients.append(entry.build(PKI))
    first, second = clients
    assert first
    assert second
    if first.identity and not entry.id.startswith("valid.tutorial"):
        assert first.certificates != second.certificates


def test_a_case_that_could_not_be_judged_is_not_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless(_pki: TestPki) -> Client:
        return Client()

    import harness.cases.absent as family

    monkeypatch.setattr(family, "nameless", case(admitted(), source="RFC 5280")(nameless), raising=False)
    with pytest.raises(ValueError, match="lacks a docstring"):
        catalogue()
    nameless.__doc__ = "Somebody."
    monkeypatch.setattr(family, "nameless", case(refused({"1.2": "unknown_ca"}), source="RFC 5280")(nameless))
    with pytest.raises(ValueError, match="not with which alert"):
        catalogue()
