"""Each fact about real files is seen where it is, and not where it is not."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from harness.pki import Authority, KeyType
from harness.pki.contents import Located, read
from harness.pki.examination import Examined, Fact, Level, facts, unreadable
from harness.pki.hash_folder import Folder, folder_facts
from harness.pki.hashed import hashed
from harness.pki.path import Revocation, Trust
from harness.pki.public_roots import public_roots

DAY = timedelta(days=1)
EXPIRED: dict[str, Any] = {"not_before": -2 * DAY, "not_after": -DAY}
STALE: dict[str, Any] = {"last_update": -9 * DAY, "next_update": -DAY}
SERVER_AUTH = (ExtendedKeyUsageOID.SERVER_AUTH,)
CHAIN = Revocation.CHAIN
Pem = x509.Certificate | x509.CertificateRevocationList


def pem(*entries: Pem) -> bytes:
    return b"".join(entry.public_bytes(Encoding.PEM) for entry in entries)


def examined(
    authorities: Sequence[x509.Certificate],
    crls: Sequence[x509.CertificateRevocationList] = (),
    servers: Sequence[x509.Certificate] = (),
    named: Sequence[x509.Certificate] | None = None,
    **trust: Any,
) -> list[Fact]:
    """The facts about files as httpd would have them."""
    given: dict[str, Any] = {"depth": 3, "revocation": CHAIN if crls else Revocation.NONE} | trust
    listed = read(pem(*crls), "crl.pem").crls if crls else ()
    trusted = Trust(read(pem(*authorities), "ca.pem").certificates, listed, **given)
    own = read(pem(*servers), "server.pem").certificates if servers else ()
    named_authorities = read(pem(*named), "named.pem").certificates if named is not None else None
    return [*facts(Examined(trusted, own, named_authorities), datetime.now(UTC))]


def ids(found: Sequence[Fact]) -> set[str]:
    return {one.id for one in found} - {"depth_larger_than_needed"}


def the(found: Sequence[Fact], kind: str) -> Fact:
    (fact,) = (one for one in found if one.id == kind)
    return fact


@pytest.fixture(scope="module")
def root() -> Authority:
    return Authority.root(subject="Own root")


def test_there_are_no_findings_about_correct_files(root: Authority) -> None:
    below = root.subauthority(subject="Issuing")
    crls = [root.crl(), below.crl()]
    assert ids(examined([root.certificate, below.certificate], crls, named=[root.certificate])) == set()


AUTHORITIES: dict[str, tuple[Callable[[Authority], list[x509.Certificate]], int]] = {
    "authority_expired": (lambda root: [root.certificate, Authority.root(subject="Old", **EXPIRED).certificate], 11),
    "authority_expires_soon": (lambda root: [Authority.root(subject="Old", not_after=20 * DAY).certificate], 1),
    "authority_not_yet_valid": (lambda root: [Authority.root(not_before=DAY).certificate, root.certificate], 1),
    "authority_without_client_auth": (
        lambda root: [root.certificate, root.subauthority(extended_key_usage=SERVER_AUTH).certificate],
        11,
    ),
    "incomplete_chain": (lambda root: [Authority.root().subauthority().certificate, root.certificate], 1),
    "leaf_certificate": (lambda root: [root.certificate, root.client(subject="anna").certificate], 11),
    "weak_key": (lambda root: [root.certificate, Authority.root(key=KeyType.RSA_1024).certificate], 11),
    "weak_digest": (lambda root: [root.certificate, root.subauthority(digest=hashes.SHA1()).certificate], 11),
    "duplicate": (lambda root: [root.certificate, root.certificate], 11),
}


@pytest.mark.parametrize("kind", AUTHORITIES)
def test_each_fault_of_an_authority_is_named_at_its_line(kind: str, root: Authority) -> None:
    make, line = AUTHORITIES[kind]
    found = examined(make(root))
    assert ids(found) == {kind}
    fact = the(found, kind)
    assert fact.file == "ca.pem"
    assert fact.line in range(line, line + 2) if line > 1 else fact.line == 1
    assert fact.level in {Level.WARNING, Level.NOTE}


@pytest.mark.parametrize(
    ("authorities", "kind"),
    [
        (lambda: [Authority.root(**EXPIRED).certificate], "authority_expired"),
        (lambda: [Authority.root(not_before=DAY).certificate], "authority_not_yet_valid"),
        (lambda: [Authority.root(extended_key_usage=SERVER_AUTH).certificate], "authority_without_client_auth"),
        (lambda: [Authority.root().subauthority().certificate], "incomplete_chain"),
        (lambda: [Authority.root().client(subject="anna").certificate], "leaf_certificate"),
    ],
)
def test_what_leaves_no_usable_authority_is_an_error(
    authorities: Callable[[], list[x509.Certificate]], kind: str
) -> None:
    assert the(examined(authorities()), kind).level is Level.ERROR


def test_a_self_signed_certificate_of_a_client_is_a_note() -> None:
    own = Authority.root(subject="anna", basic_constraints=x509.BasicConstraints(False, None), key_usage=None)
    fact = the(examined([own.certificate]), "leaf_certificate")
    assert fact.level is Level.NOTE
    assert "it alone is admitted" in fact.message


def test_an_expired_root_is_named_and_its_intermediate_is_not(root: Authority) -> None:
    old = Authority.root(subject="Old", **EXPIRED)
    found = examined([old.certificate, old.subauthority().certificate])
    assert [one.line for one in found if one.id == "authority_expired"] == [1]
    assert the(found, "authority_expired").level is Level.ERROR


CRLS: dict[str, Callable[[Authority], list[x509.CertificateRevocationList]]] = {
    "crl_expired": lambda root: [root.crl(**STALE)],
    "crl_not_yet_valid": lambda root: [root.crl(last_update=DAY, next_update=9 * DAY)],
    "crl_of_another_key": lambda root: [root.impostor().crl()],
}


@pytest.mark.parametrize("kind", CRLS)
def test_a_crl_that_refuses_all_clients_is_an_error_and_one_of_two_authorities_a_warning(
    kind: str, root: Authority
) -> None:
    other = Authority.root(subject="Other")
    alone = examined([root.certificate], CRLS[kind](root))
    with_other = examined([root.certificate, other.certificate], [other.crl(), *CRLS[kind](root)])
    unused = examined([root.certificate], CRLS[kind](root), revocation=Revocation.NONE)
    assert ids(alone) == ids(with_other) == ids(unused) == {kind}
    assert [the(found, kind).level for found in (alone, with_other, unused)] == [Level.ERROR, Level.WARNING, Level.NOTE]
    assert the(alone, kind).where == "crl.pem:1"


def test_a_crl_of_the_same_name_and_another_key_identifier_leaves_the_authority_without_one(root: Authority) -> None:
    found = examined([root.certificate], [Authority.root(subject="Own root").crl()])
    assert ids(found) == {"crl_of_another_key", "crl_missing"}
    assert the(found, "crl_missing").level is Level.ERROR


def test_an_authority_without_a_crl_is_named_where_one_is_needed(root: Authority) -> None:
    below = root.subauthority(subject="Issuing")
    both = [root.certificate, below.certificate]
    assert "`Issuing`" in the(examined(both, [root.crl()]), "crl_missing").message
    assert ids(examined(both, [root.crl()], without_crl=True)) == set()
    assert ids(examined(both, [], revocation=CHAIN, crls_known=False)) == set()


@pytest.mark.parametrize(
    ("lasts", "left", "found"), [(90, 5, True), (90, 20, False), (1, 1, False), (8, 6, False), (9, 1, True)]
)
def test_the_end_of_a_crl_is_announced_unless_it_is_renewed_that_often_anyway(
    root: Authority, lasts: int, left: int, found: bool
) -> None:
    crl = root.crl(last_update=(left - lasts) * DAY - timedelta(minutes=1), next_update=left * DAY)
    assert ids(examined([root.certificate], [crl])) == ({"crl_expires_soon"} if found else set())


def test_only_the_newest_crl_counts(root: Authority) -> None:
    found = examined([root.certificate], [root.crl(**STALE), root.crl()])
    assert ids(found) == {"crl_superseded"}
    assert the(found, "crl_superseded").line == 1


def test_a_crl_of_an_authority_that_clients_send_is_a_note(root: Authority) -> None:
    found = examined([root.certificate], [root.crl(), root.subauthority(subject="Sent").crl()])
    assert ids(found) == {"crl_of_unknown_issuer"}
    assert the(found, "crl_of_unknown_issuer").level is Level.NOTE


@pytest.mark.parametrize(("depth", "kind"), [(1, "depth_too_small"), (2, None), (5, "depth_larger_than_needed")])
def test_the_depth_is_that_of_the_longest_chain(root: Authority, depth: int, kind: str | None) -> None:
    both = [root.certificate, root.subauthority().certificate]
    found = examined(both, depth=depth)
    assert {one.id for one in found} == ({kind} if kind else set())
    assert all("`SSLVerifyDepth 2`" in one.remedy for one in found)


def test_public_authorities_are_recognised_by_key_and_not_by_name(root: Authority) -> None:
    public = public_roots()[5]
    namesake = Authority.root(subject=public.subject)
    assert ids(examined([root.certificate, public])) >= {"public_authority"}
    assert ids(examined([root.certificate, namesake.certificate])) == set()


def test_a_whole_public_bundle_is_one_finding(root: Authority) -> None:
    public = public_roots()
    old = Authority.root(subject="No longer public", **EXPIRED)
    assert ids(examined([*public, old.certificate], [root.crl()])) <= {"public_authority", "crl_of_unknown_issuer"}


def test_the_server_and_its_authority_are_distinguished_from_clients(root: Authority) -> None:
    server = root.server(subject="www", names=("www.example.test",)).certificate
    alone = Authority.root(subject="www", key_usage=None)
    assert ids(examined([root.certificate], servers=[server])) == {"server_authority"}
    assert ids(examined([alone.certificate], servers=[alone.certificate])) == {"server_certificate"}
    assert ids(examined([root.certificate], servers=[Authority.root().server().certificate])) == set()


def test_the_names_sent_to_clients_are_those_of_trusted_authorities(root: Authority) -> None:
    other = Authority.root(subject="Other")
    found = examined([root.certificate], named=[other.certificate])
    assert the(found, "named_not_trusted").where == "named.pem:1"
    assert the(found, "trusted_not_named").where == "ca.pem:1"
    assert ids(examined([root.certificate, other.certificate], named=[root.certificate])) == {"trusted_not_named"}


def test_damaged_blocks_and_der_are_named_at_their_line(root: Authority) -> None:
    whole = pem(root.certificate)
    cut = whole.replace(b"-----END CERTIFICATE-----\n", b"")
    spoilt = whole.replace(b"-----\nMII", b"-----\nAAA")
    found = [*unreadable(read(whole + cut + b"# comment\n" + spoilt, "ca.pem"))]
    lines = whole.count(b"\n")
    assert [one.line for one in found] == [lines + 1, lines + cut.count(b"\n") + 2]
    assert [one.level for one in found] == [Level.WARNING, Level.ERROR]
    (indented,) = unreadable(read(whole + b" " + whole, "ca.pem"))
    assert (indented.line, indented.level) == (lines + 1, Level.WARNING)
    (last,) = unreadable(read(whole + cut, "ca.pem"))
    assert (last.line, last.level) == (lines + 1, Level.ERROR)
    der = [*unreadable(read(root.certificate.public_bytes(Encoding.DER), "ca.der"))]
    assert [one.id for one in der] == ["not_pem"]
    assert [*unreadable(read(whole, "ca.pem"))] == []


def test_a_folder_needs_the_names_that_openssl_looks_for(root: Authority) -> None:
    other = Authority.root(subject="Other")
    linked = hashed("ca.d", [root.certificate], [root.crl()])

    def problems(files: dict[str, bytes], *, crls: bool = False) -> list[tuple[str, str, str]]:
        folder = Folder("ca.d", tuple(read(content, name) for name, content in files.items()))
        return [(one.id, one.level, one.file) for one in folder_facts(folder, crls=crls)]

    plain, more = {"ca.d/own.pem": pem(root.certificate)}, {"ca.d/other.pem": pem(other.certificate)}
    assert problems(linked | plain) == problems(linked, crls=True) == []
    assert problems(plain) == [("not_hashed", "error", "ca.d")]
    assert problems(linked | more) == [("not_hashed", "warning", "ca.d/other.pem")]
    wrong = {"ca.d/00000000.0": pem(other.certificate)}
    assert problems(linked | wrong) == [("wrong_hash", "warning", "ca.d/00000000.0")]
    assert problems({"ca.d/own.crl": pem(root.crl())}, crls=True) == [("not_hashed", "error", "ca.d")]


def test_a_located_value_has_its_file_and_line() -> None:
    assert Located(b"", "ca.pem", 7).where == "ca.pem:7"
