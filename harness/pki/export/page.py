"""How does the page of import steps look? Self-contained, without a script."""

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
    """Write the page: the certificate, the authority's fingerprints, and the steps for each system."""
    return _TEMPLATES.get_template("page.html.j2").render(
        name=called(certificate),
        certificate=certificate,
        root=root,
        machines=machines,
        called=called,
        written=written,
        # Windows shows only SHA-1 in its question.
        fingerprints={"SHA-256": hashes.SHA256(), "SHA-1": hashes.SHA1()},  # noqa: S303
    )
