"""How does a tour look as one self-contained HTML page?"""

import base64
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.demo.tour import Tour

CLOSING = {
    "pass": "Every visit ended as expected.",
    "fail": "A visit did not end as expected.",
    "inconclusive": "No verdict.",
}
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def render(tour: Tour) -> str:
    """Write the page."""
    return _TEMPLATES.get_template("page.html.j2").render(
        tour=tour,
        closing=CLOSING[tour.verdict],
        now=datetime.now(UTC),
        data=lambda picture: "data:image/png;base64," + base64.b64encode(picture.png).decode(),
    )
