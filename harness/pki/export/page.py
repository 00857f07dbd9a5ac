"""What does a person see who opens the page of import steps? Complete in itself, without a script."""

from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.pki.export.steps import Machine
from harness.pki.profile import called, written

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def render(certificate: x509.Certificate, root: x509.Certificate | None, machines: Iterable[Machine]) -> str:
    """Write the page: whose certificate it is, how its authority is recognised, and the steps, machine by machine."""
    return _TEMPLATES.get_template("page.html.j2").render(
        name=called(certificate),
        certificate=certificate,
        root=root,
        machines=machines,
        called=called,
        written=written,
        # Windows shows no other when it asks whether to trust.
        fingerprints={"SHA-256": hashes.SHA256(), "SHA-1": hashes.SHA1()},  # noqa: S303
    )
