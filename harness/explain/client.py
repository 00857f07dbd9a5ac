"""Would a client be admitted by its certificate, by the files of the client and of the server alone?"""

from dataclasses import dataclass
from datetime import datetime

from harness.explain.server_version import ServerVersion
from harness.pki import purpose
from harness.pki.authority import serial
from harness.pki.contents import Form
from harness.pki.credential import Credential
from harness.pki.path import Condition, Judgement, Trust, day, judge
from harness.pki.profile import called, written


@dataclass(frozen=True)
class Explanation:
    """The outcome of a client. `conditions` are in the order of their evaluation; `notes` do not decide."""

    credential: Credential
    conditions: tuple[Condition, ...]
    chain: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def _judged(self) -> Judgement:
        return Judgement((), self.conditions)

    @property
    def admitted(self) -> bool | None:
        """Whether the client is admitted; None where something that was not examined decides."""
        if self._judged.refused_by:
            return False
        return None if self._judged.undecided else True

    @property
    def deciding(self) -> Condition | None:
        """The condition that refuses the client, or that was not examined; None if it is admitted."""
        return self._judged.refused_by or self._judged.undecided

    @property
    def ends(self) -> Condition | None:
        """The condition that ends first; None if none ends."""
        return self._judged.ends

    def sentences(self) -> tuple[str, ...]:
        """Say what happened, why, and what to do."""
        name, decided = called(self.credential.certificate.value), self.deciding
        if self.admitted is False and decided:
            number = f" (X509_V_ERR {decided.error})" if decided.error is not None else ""
            where = f"{decided.where}: " if decided.where else ""
            return (f"`{name}` is refused.", f"{where}{decided.text}{number}", decided.remedy)
        if decided:
            return (f"Not recognised whether `{name}` is admitted.", decided.text, _ASK)
        ends = self.ends
        until = f" until {day(ends.until)}" if ends and ends.until else ""
        why = f"{ends.where}: {ends.text}" if ends else "Every condition is met."
        return (f"`{name}` is admitted{until}.", why, "Rules of the configuration (Require) are not part of this.")


_ASK = "Name the server's version with --server-version, or verify its configuration: mtls-harness verify."


def explain(credential: Credential, trust: Trust, version: ServerVersion, now: datetime) -> Explanation:
    """Judge a client by the files."""
    judged = judge(credential.certificate, credential.sent, trust, now)
    return Explanation(
        credential,
        (*_of_the_file(credential), *_of_the_version(credential, version), *judged.conditions),
        tuple(f"{written(entry.value.subject)} ({entry.where})" for entry in judged.chain),
        tuple(_notes(credential, judged, version)),
    )


def _of_the_file(credential: Credential) -> list[Condition]:
    found = []
    if credential.key_file:
        found.append(Condition("key", True, "The private key belongs to the certificate.", credential.key_file))
    if credential.misplaced and "behind others" in credential.misplaced:
        remedy = "Write the client's certificate first, then its issuer, and so on up to the root."
        found.append(Condition("order", False, credential.misplaced, credential.certificate.where, remedy=remedy))
    return found


def _of_the_version(credential: Credential, version: ServerVersion) -> list[Condition]:
    key, _ = purpose.key_bits(credential.certificate.value)
    known = version.knows(key)
    if known:
        return []
    text = f"The server cannot verify a key of this kind: {key}. It needs OpenSSL 1.1.1, or 3.5 for ML-DSA."
    if known is None:
        text = f"Not known: whether the server's OpenSSL can verify a key of this kind: {key}."
    return [
        Condition("key_kind", known, text, credential.certificate.where, remedy=_ASK if known is None else "Use P-256.")
    ]


def _notes(credential: Credential, judged: Judgement, version: ServerVersion) -> list[str]:
    certificate = credential.certificate.value
    found = [f"Serial number {serial(certificate)}, issued by {written(certificate.issuer)}."]
    if not credential.key_file:
        found.append("The file has no private key: that the client has it is taken for granted.")
    if credential.misplaced and "behind others" not in credential.misplaced:
        found.append(f"{credential.misplaced} Write each certificate before its issuer.")
    sent = {entry.value for entry in credential.sent}
    unsent = [entry for entry in judged.chain[1:-1] if entry.value not in sent]
    if unsent and credential.sent:
        names = ", ".join(f"`{called(entry.value)}`" for entry in unsent)
        found.append(f"The client does not send {names}; the server has it.")
    if any(purpose.is_self_signed(entry.value) for entry in credential.sent):
        found.append("The file contains the root. It need not be sent: the server trusts its own copy.")
    if credential.form is Form.DER:
        found.append("The file is DER. curl and most programs want PEM: openssl x509 -inform DER -in FILE")
    if credential.form is Form.PKCS12:
        found += _of_the_pfx(credential)
    if version.speaks_tls_1_3 is False:
        found.append("The server speaks TLS 1.2 at most.")
    return found


def _of_the_pfx(credential: Credential) -> list[str]:
    found, how = [], credential.protection
    if not credential.password:
        found.append("The .pfx has an empty password: Firefox and Android refuse it.")
    if how:
        found.append(f"The .pfx is protected by {how}.")
        found += [f"It cannot be opened by {who}, though the password is right." for who in how.refused_by()]
        found += [how.remedy] if [*how.refused_by()] else []
    return found
