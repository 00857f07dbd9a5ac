"""What of the documents is made when they are built? The catalogue's page, and the pictures of real runs.

A hook of mkdocs.
"""

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from harness.cases import Case, catalogue
from harness.outcome import Reason

PICTURES = Path("build/pictures")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add them to the files of the site."""
    files.append(File.generated(config, "cases.md", content="\n".join(_lines())))
    for picture in sorted(PICTURES.glob("*.png")):
        files.append(File.generated(config, f"pictures/{picture.name}", abs_src_path=str(picture.resolve())))
    return files


def _lines() -> Iterator[str]:
    cases = catalogue()
    yield "# The cases"
    yield f"{len(cases)} kinds of client, and what must become of each. Which of them knock at a site follows from its "
    yield "guard. `mtls-harness cases` prints the same list; `-k` of `mtls-harness verify` chooses from it."
    for family, members in groupby(cases, lambda case: case.family):
        yield f"\n## {family}\n{_question(family)}"
        for case in members:
            yield f"\n### `{case.id}` {{ #{case.id} }}\n{case.text}\n\n{_expected(case)}"


def _question(family: str) -> str:
    """What the family is about: the first sentence of its module."""
    return (sys.modules[f"harness.cases.{family}"].__doc__ or "").partition("\n\n")[0]


def _expected(case: Case) -> str:
    expected = case.expected
    parts = [f"**{expected}**"]
    if expected.alerts:
        parts.append(" / ".join(f"`{alert}`" for alert in dict.fromkeys(expected.alerts[tls] for tls in case.tls)))
        reason = expected.reason
        error = f", X509_V_ERR {reason.x509_error}" if reason.x509_error is not None else ""
        parts += [f"httpd's log: {reason.ah or reason.text}{error}"] if reason != Reason() else []
    return " · ".join([*parts, f"TLS {' and '.join(case.tls)}", f"`{case.directive}`", case.source])
