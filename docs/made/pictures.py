"""Which pictures do the documents show? Those of the demo: a real browser at the deployment, its visits judged."""

import sys

import click

from docs.made.pages import PICTURES
from harness.demo.scene import OK, STRANGER
from harness.demo.tour import tour
from harness.engine import ServerError
from harness.outcome import Verdict


def take() -> dict[str, bytes]:
    """Make the visits; returns PNGs by name.

    Raises:
        ServerError: no engine, no image, or a visit did not end as its pictures would tell.
    """
    made = tour("chromium", lambda _number, _scene: lambda _sentence: None, scenes=(STRANGER, OK))
    for visit in made.visits:
        if visit.verdict is not Verdict.AS_EXPECTED:
            raise ServerError(f"{visit.scene.title}: {visit.verdict}. {visit.words}")
    (stranger,), (dialog, page) = (visit.pictures for visit in made.visits)
    return {"stranger": stranger.png, "dialog": dialog.png, "page": page.png}


def main() -> None:
    """Take them to where the site looks for them."""
    try:
        pictures = take()
    except KeyboardInterrupt:
        click.echo("There are no pictures. Interrupted; the run's containers are removed.", err=True)
        sys.exit(3)
    except ServerError as error:
        click.echo(f"There are no pictures. {error}", err=True)
        sys.exit(3)
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, png in pictures.items():
        (PICTURES / f"{name}.png").write_bytes(png)


if __name__ == "__main__":
    main()
