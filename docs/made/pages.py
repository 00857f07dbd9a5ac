"""Which parts of the documents are generated? The page of the cases, one for each kind of finding, and the pictures of
real runs.

A hook of mkdocs.
"""

import itertools
import re
import sys
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from harness.cases import Case, catalogue
from harness.outcome import Reason
from harness.report.help import explanation
from harness.verify.finding_kind import kinds

PICTURES = Path("build/pictures")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated files to the site."""
    files.append(File.generated(config, "cases.md", content="\n".join(_lines())))
    files.append(File.generated(config, "findings.md", content="\n".join(_list_of_findings())))
    for finding in kinds():
        files.append(File.generated(config, f"findings/{finding}.md", content="\n".join(_finding(finding))))
    for picture in sorted(PICTURES.glob("*.png")):
        files.append(File.generated(config, f"pictures/{picture.name}", abs_src_path=str(picture.resolve())))
    return files


def on_page_content(html: str, **_page: object) -> str:
    """Repeat each column's title at its cells: on a narrow screen a row is a list (`docs/look.css`)."""
    return re.sub(r"<table>.*?</table>", lambda table: _labelled(table[0]), html, flags=re.DOTALL)


def _labelled(table: str) -> str:
    titles = [re.sub(r"<[^>]*>", "", title) for title in re.findall(r"<th[^>]*>(.*?)</th>", table)]
    cells = itertools.cycle(titles)
    return re.sub(r"<td(?=[ >])", lambda _cell: f'<td data-title="{next(cells)}"', table)


def _lines() -> Iterator[str]:
    cases = catalogue()
    yield "# The cases"
    yield f"{len(cases)} kinds of client, and the expected result of each. The guard of a site decides which of them "
    yield "are sent to it. `mtls-harness cases` prints the same list; `mtls-harness verify -k` selects from it."
    for family, members in groupby(cases, lambda case: case.family):
        yield f"\n## {family}\n{_question(family)}"
        for case in members:
            yield f"\n### `{case.id}` {{ #{case.id} }}\n{case.text}\n\n{_expected(case)}"


def _list_of_findings() -> Iterator[str]:
    yield "# The findings"
    yield "Every finding has an id. `mtls-harness findings ID` prints the same page.\n"
    yield "| id | what happened |\n| --- | --- |"
    for finding, kind in kinds().items():
        yield f"| [`{finding}`](findings/{finding}.md) | {_escaped(kind.what)} |"


def _finding(finding: str) -> Iterator[str]:
    family = finding.partition(".")[0]
    yield f"# `{finding}`"
    yield _escaped(explanation(finding, markdown=True))
    if any(case.family == family for case in catalogue()):
        yield f"\n[The cases of the family `{family}`](../cases.md#{family})"


def _escaped(text: str) -> str:
    """Text in which `<Directory>` is no HTML; code is shown as it is."""
    return "`".join(part if number % 2 else escape(part) for number, part in enumerate(text.split("`")))


def _question(family: str) -> str:
    """The family's question: the first sentence of its module."""
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
