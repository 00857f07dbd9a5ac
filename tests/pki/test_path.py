"""The judgement of a client's certificate agrees with `openssl verify`, error by error."""

import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.pki import Authority, Identity, KeyType, key_usage
from harness.pki.contents import Located
from harness.pki.path import Judgement, Revocation, Trust, judge

DAY = timedelta(days=1)
Changes = dict[str, Any]
SERVER_AUTH = (ExtendedKeyUsageOID.SERVER_AUTH,)
ANY = (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)
BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
EXPIRED: Changes = {"not_before": -2 * DAY, "not_after": -DAY}
FUTURE: Changes = {"not_before": DAY, "not_after": 2 * DAY}
CRITICAL = x509.Extension(
    ObjectIdentifier("1.2.3.4"), True, x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\5\0")
)
NETSCAPE_SERVER = ObjectIdentifier("2.16.840.1.113730.1.1")
OLD_SERVER = x509.Extension(NETSCAPE_SERVER, False, x509.UnrecognizedExtension(NETSCAPE_SERVER, b"\3\2\6\x40"))


def located(*certificates: x509.Certificate) -> tuple[Located[x509.Certificate], ...]:
    return tuple(Located(certificate, "ca.pem", number) for number, certificate in enumerate(certificates, 1))


@dataclass
class Situation:
    """A client, what a server trusts, and which CRLs it has."""

    client: x509.Certificate
    sent: Sequence[x509.Certificate]
    trusted: Sequence[x509.Certificate]
    crls: Sequence[x509.CertificateRevocationList] = ()
    revocation: Revocation = Revocation.NONE

    def judged(self) -> Judgement:
        crls = tuple(Located(crl, "crl.pem", number) for number, crl in enumerate(self.crls, 1))
        trust = Trust(located(*self.trusted), crls, 9, self.revocation, level=2)
        return judge(located(self.client)[0], located(*self.sent), trust, datetime.now(UTC))

    def openssl(self, folder: Path) -> int | None:
        """The first error of `openssl verify`; None if it accepts the client."""
        paths: dict[str, Sequence[x509.Certificate | x509.CertificateRevocationList]]
        paths = {"client": [self.client], "sent": self.sent, "trusted": self.trusted, "crls": self.crls}
        for name, entries in paths.items():
            (folder / name).write_bytes(b"".join(entry.public_bytes(Encoding.PEM) for entry in entries))
        options = ["-CRLfile", "crls"] if self.crls else []
        options += {"leaf": ["-crl_check"], "chain": ["-crl_check_all"]}.get(self.revocation, [])
        options += ["-untrusted", "sent"] if self.sent else []
        command = ["openssl", "verify", "-purpose", "sslclient", "-auth_level", "2", "-no-CAfile", "-no-CApath"]
        command += ["-trusted", "trusted", *options, "client"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        found = re.search(r"^error (\d+) at", done.stdout + done.stderr, re.MULTILINE)
        assert bool(found) == (done.returncode != 0), done.stdout + done.stderr
        return int(found[1]) if found else None


def agree(situation: Situation, folder: Path) -> int | None:
    """Compare both; returns the error."""
    refused = situation.judged().refused_by
    expected = situation.openssl(folder)
    assert (refused.error if refused else None) == expected, refused
    return expected


def plain(**client: Any) -> Situation:
    root = Authority.root()
    return Situation(root.client(subject="anna", **client).certificate, (), [root.certificate])


SITUATIONS: dict[str, tuple[Callable[..., Situation], Changes, int | None]] = {
    "good": (plain, {}, None),
    "expired": (plain, EXPIRED, 10),
    "not yet valid": (plain, FUTURE, 9),
    "for servers": (plain, {"extended_key_usage": SERVER_AUTH}, 26),
    "for anything": (plain, {"extended_key_usage": ANY}, 26),
    "for both": (plain, {"extended_key_usage": BOTH}, None),
    "no extendedKeyUsage": (plain, {"extended_key_usage": ()}, None),
    "keyUsage without a signature": (plain, {"key_usage": key_usage("key_encipherment")}, 26),
    "keyUsage with key agreement": (plain, {"key_usage": key_usage("key_agreement")}, None),
    "Netscape's type for servers": (plain, {"extensions": (OLD_SERVER,)}, 26),
    "unknown critical extension": (plain, {"extensions": (CRITICAL,)}, 34),
    "weak key": (plain, {"key": KeyType.RSA_1024}, 66),
    "weak digest": (plain, {"digest": hashes.SHA1()}, 68),
    "version 1": (plain, {"version": 1}, None),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_each_fault_of_a_client_has_the_error_of_openssl(name: str, tmp_path: Path) -> None:
    make, changes, error = SITUATIONS[name]
    assert agree(make(**changes), tmp_path) == error


def intermediate(root: Changes | None = None, **changes: Any) -> tuple[Authority, Authority, Identity]:
    top = Authority.root(**root or {})
    below = top.subauthority(**changes)
    return top, below, below.client(subject="anna")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, None),
        (EXPIRED, 10),
        ({"extended_key_usage": SERVER_AUTH}, 26),
        ({"basic_constraints": x509.BasicConstraints(False, None), "key_usage": None}, 79),
        ({"basic_constraints": None, "key_usage": None}, 79),
        ({"key": KeyType.RSA_1024}, 67),
        ({"extensions": (CRITICAL,)}, 34),
    ],
)
def test_each_fault_of_an_intermediate_has_the_error_of_openssl(
    changes: Changes, error: int | None, tmp_path: Path
) -> None:
    root, below, client = intermediate(**changes)
    assert agree(Situation(client.certificate, client.chain, [root.certificate]), tmp_path) == error
    assert agree(Situation(client.certificate, (), [root.certificate, below.certificate]), tmp_path) == error


def test_what_is_missing_or_foreign_in_a_chain_has_the_error_of_openssl(tmp_path: Path) -> None:
    root, below, client = intermediate()
    other = Authority.root(subject="Other")
    leaf, sent = client.certificate, client.chain
    assert agree(Situation(leaf, (), [root.certificate]), tmp_path) == 20
    assert agree(Situation(leaf, sent, [below.certificate]), tmp_path) == 2
    assert agree(Situation(leaf, (*sent, root.certificate), [other.certificate]), tmp_path) == 19
    assert agree(Situation(other.certificate, (), [root.certificate]), tmp_path) == 18
    assert agree(Situation(leaf, sent, [root.impostor().certificate]), tmp_path) == 7
    assert agree(Situation(leaf, sent, [root.certificate, other.certificate]), tmp_path) is None


def test_a_path_length_is_obeyed(tmp_path: Path) -> None:
    root, _, client = intermediate({"basic_constraints": x509.BasicConstraints(True, 0)})
    assert agree(Situation(client.certificate, client.chain, [root.certificate]), tmp_path) == 25


def test_letter_case_and_blanks_of_a_name_do_not_count(tmp_path: Path) -> None:
    root = Authority.root(subject=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "My  ROOT")]))
    named = Authority.root(subject="my root", key=root.key)
    client = named.client(subject="anna").certificate
    assert agree(Situation(client, (), [root.certificate]), tmp_path) is None


def crl_situation(
    leaf: Changes | None, top: Changes | None, mode: str, *, revoked: str = "", signer: str = ""
) -> Situation:
    root, below, client = intermediate()
    listed = {"leaf": [client.certificate], "intermediate": [below.certificate]}
    crls = []
    if leaf is not None:
        by = below.impostor() if signer == "intermediate" else below
        crls.append(by.crl(listed["leaf"] if revoked == "leaf" else (), **leaf))
    if top is not None:
        by = Authority.root(subject="Root") if signer == "root" else root
        crls.append(by.crl(listed["intermediate"] if revoked == "intermediate" else (), **top))
    return Situation(client.certificate, client.chain, [root.certificate], crls, Revocation(mode))


OUT_OF_DATE: Changes = {"last_update": -2 * DAY, "next_update": -DAY}
EARLY: Changes = {"last_update": DAY, "next_update": 2 * DAY}


@pytest.mark.parametrize(
    ("situation", "error"),
    [
        (lambda: crl_situation({}, {}, "chain"), None),
        (lambda: crl_situation({}, None, "leaf"), None),
        (lambda: crl_situation({}, None, "chain"), 3),
        (lambda: crl_situation(None, {}, "leaf"), 3),
        (lambda: crl_situation(OUT_OF_DATE, {}, "leaf"), 12),
        (lambda: crl_situation({}, OUT_OF_DATE, "chain"), 12),
        (lambda: crl_situation({}, OUT_OF_DATE, "leaf"), None),
        (lambda: crl_situation({}, EARLY, "chain"), 11),
        (lambda: crl_situation({}, {}, "leaf", revoked="leaf"), 23),
        (lambda: crl_situation({}, {}, "leaf", revoked="intermediate"), None),
        (lambda: crl_situation({}, {}, "chain", revoked="intermediate"), 23),
        (lambda: crl_situation({}, {}, "chain", signer="intermediate"), 8),
        (lambda: crl_situation({}, {}, "chain", signer="root"), 3),
        (lambda: crl_situation({}, {}, "none", revoked="leaf"), None),
    ],
)
def test_each_fault_of_a_crl_has_the_error_of_openssl(
    situation: Callable[[], Situation], error: int | None, tmp_path: Path
) -> None:
    assert agree(situation(), tmp_path) == error


def test_of_two_crls_the_current_one_counts(tmp_path: Path) -> None:
    root = Authority.root()
    client = root.client(subject="anna").certificate
    old, new = root.crl(**OUT_OF_DATE), root.crl([client])
    assert agree(Situation(client, (), [root.certificate], [old, new], Revocation.LEAF), tmp_path) == 23
    assert agree(Situation(client, (), [root.certificate], [old], Revocation.LEAF), tmp_path) == 12


@pytest.mark.parametrize(("users", "error"), [(True, None), (False, 3)])
def test_a_crl_of_only_some_certificates_counts_for_these(users: bool, error: int | None, tmp_path: Path) -> None:
    root = Authority.root()
    part = x509.IssuingDistributionPoint(None, None, users, not users, None, False, False)
    usual = root.crl()
    builder = x509.CertificateRevocationListBuilder(
        usual.issuer, usual.last_update_utc, usual.next_update_utc, [*usual.extensions]
    )
    crl = builder.add_extension(part, critical=True).sign(root.key, hashes.SHA256())
    client = root.client(subject="anna").certificate
    situation = Situation(client, (), [root.certificate], [crl], Revocation.LEAF)
    refused = situation.judged().refused_by
    # OpenSSL has another number (44) for a CRL of another scope.
    assert (refused is None) == (error is None) == (situation.openssl(tmp_path) is None)


CHANGES = st.sampled_from(
    [{}, {}, {}, EXPIRED, FUTURE, {"extended_key_usage": SERVER_AUTH}, {"extended_key_usage": BOTH}]
)
LIMITS = st.sampled_from([None, 0, 1])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    top=CHANGES,
    limit=LIMITS,
    between=st.lists(CHANGES, max_size=2),
    leaf=CHANGES,
    trusted=st.integers(0, 7),
    mode=st.sampled_from([*Revocation]),
    listed=st.integers(0, 7),
)
def test_any_mixture_of_faults_has_the_error_of_openssl(
    tmp_path: Path,
    top: Changes,
    limit: int | None,
    between: list[Changes],
    leaf: Changes,
    trusted: int,
    mode: Revocation,
    listed: int,
) -> None:
    levels = [Authority.root(**top, basic_constraints=x509.BasicConstraints(True, limit))]
    for number, changes in enumerate(between):
        levels.append(levels[-1].subauthority(subject=f"Intermediate {number}", **changes))
    client = levels[-1].client(subject="anna", **leaf)
    known = [one.certificate for number, one in enumerate(levels) if trusted >> number & 1] or [levels[0].certificate]
    crls = [one.crl() for number, one in enumerate(levels) if listed >> number & 1]
    agree(Situation(client.certificate, client.chain, known, crls, mode), tmp_path)
