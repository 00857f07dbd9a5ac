"""Which pictures do the documents show? A real browser at the deployment, and the HTML report of a run in it."""

import sys
from pathlib import Path

import click
from cryptography.hazmat.primitives.serialization import Encoding

from docs.made.pages import PICTURES
from harness.demo.browser import browser_session
from harness.demo.scene import OK, STRANGER
from harness.demo.tour import tour
from harness.engine import ServerError
from harness.engine.client import owned
from harness.outcome import Verdict
from harness.pki import Authority
from harness.report.html import render
from harness.verify import Target, verify

EXAMPLE = Path("docs/examples/optional.conf")


def take() -> dict[str, bytes]:
    """Make the visits and the report; returns PNGs by name.

    Raises:
        ServerError: no engine, no image, or a visit did not end as expected.
    """
    made = tour("chromium", lambda _number, _scene: lambda _sentence: None, scenes=(STRANGER, OK))
    for visit in made.visits:
        if visit.verdict is not Verdict.AS_EXPECTED:
            raise ServerError(f"{visit.scene.title}: {visit.verdict}. {visit.words}")
    (stranger,), (dialog, page) = (visit.pictures for visit in made.visits)
    return {"stranger": stranger.png, "dialog": dialog.png, "page": page.png, "report": _report()}


def _report() -> bytes:
    """Verify an example that fails, and take a picture of its HTML report."""
    report = render(verify(Target.from_path(EXAMPLE)), strict=False)
    with owned() as label, browser_session(label) as session:
        session.put({"report.html": report.encode()})
        authority = Authority.root(subject="Unused").certificate.public_bytes(Encoding.PEM)
        session.open("file:///home/visitor/report.html", authority, {}, "unused")
        session.wait("the report", lambda screen: screen.page)
        return session.picture()


def main() -> None:
    """Write the pictures to the folder where the site expects them."""
    try:
        pictures = take()
    except KeyboardInterrupt:
        click.echo("No pictures: interrupted. All containers are removed.", err=True)
        sys.exit(3)
    except ServerError as error:
        click.echo(f"No pictures: {error}", err=True)
        sys.exit(3)
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, png in pictures.items():
        (PICTURES / f"{name}.png").write_bytes(png)


if __name__ == "__main__":
    main()
