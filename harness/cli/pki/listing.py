"""The output of `pki show`, and what all commands say of CRLs."""

from datetime import UTC, datetime

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from harness.pki import serial
from harness.pki.profile import written
from harness.pki.store import Entry, Store


def show_all(store: Store) -> None:
    """List the authorities, their CRLs, and every issued certificate."""
    for level in store.levels():
        certificate = store.certificate(level)
        key = "key here" if store.has_key(level) else "key offline"
        name = written(certificate.subject)
        click.echo(f"{level}: {name}, valid until {certificate.not_valid_after_utc:%Y-%m-%d}, {key}")
    say_until(store, store.levels())
    entries = store.entries()
    for entry in entries:
        until = f"until {entry.not_after[:10]}" if entry.state == "valid" else ""
        click.echo(f"{entry.serial:<40}  {entry.kind:<9}  {entry.state:<7}  {entry.name}  {until}".rstrip())
    if not entries:
        click.echo("No certificates issued yet.")


def show_entry(entry: Entry) -> None:
    """Show the index entry of one certificate."""
    for field, value in vars(entry).items():
        if value:
            click.echo(f"{field:<10} {value}")
    click.echo(f"{'state':<10} {entry.state}")


def in_full(certificate: x509.Certificate) -> str:
    """Describe one certificate."""
    lines = [
        f"subject    {written(certificate.subject)}",
        f"issuer     {written(certificate.issuer)}",
        f"serial     {serial(certificate)}",
        f"not before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M:%S} UTC",
        f"not after  {certificate.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC",
        f"SHA-256    {certificate.fingerprint(hashes.SHA256()).hex(':').upper()}",
    ]
    for extension in certificate.extensions:
        match extension.value:
            case x509.BasicConstraints() as limits:
                lines.append(f"authority  {'yes' if limits.ca else 'no'}")
            case x509.ExtendedKeyUsage() as usages:
                known = {ExtendedKeyUsageOID.CLIENT_AUTH: "client", ExtendedKeyUsageOID.SERVER_AUTH: "server"}
                lines.append(f"for        {', '.join(known.get(usage, usage.dotted_string) for usage in usages)}")
            case x509.SubjectAlternativeName() as names:
                lines.append(f"names      {', '.join(str(name.value) for name in names)}")
    return "\n".join(lines)


def say_until(store: Store, levels: list[str]) -> None:
    """Print when the CRLs of these authorities expire, and what renews them."""
    for level in levels:
        renewed = "`mtls-harness pki crl` renews it" if store.has_key(level) else "to renew it, put back its key"
        click.echo(f"CRL of {level}: {validity(store, level)}; {renewed}.")


def validity(store: Store, level: str) -> str:
    """The end of an authority's CRL, in words."""
    end = crl_end(store, level)
    return f"{'valid until' if end > datetime.now(UTC) else 'expired on'} {end:%Y-%m-%d %H:%M} UTC"


def crl_end(store: Store, level: str) -> datetime:
    """When an authority's CRL expires. A CRL without that moment (nextUpdate) counts as expired."""
    return store.crl(level).next_update_utc or datetime.min.replace(tzinfo=UTC)
