"""The reports of a run that fails: a hole must be red in each of them."""

import io
import json
import shutil
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from harness.report import FORMATS
from harness.report.terminal import Detail, show
from harness.verify import REFERENCE, Run, Target, verify

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the reference deployment with `optional` in the place of `require`."""
    folder = tmp_path_factory.mktemp("weakened") / "conf"
    shutil.copytree(REFERENCE.configuration, folder)
    file = folder / "httpd.conf"
    file.write_text(file.read_text().replace("SSLVerifyClient require", "SSLVerifyClient optional"))
    return verify(Target(folder, "sites", 3), only=lambda case: case.family in {"absent", "validity"})


def test_the_table_names_the_intruder_and_the_line(failed: Run) -> None:
    console = Console(width=80, no_color=True, highlight=False, file=io.StringIO())
    show(failed, console, detail=Detail.EVERYTHING)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    finding = failed.findings[0]
    assert "FAIL" in text
    assert f"sites/httpd.conf:{finding.line}" in text
    assert "Write `SSLVerifyClient require` here." in text
    assert "intruder: admitted" in text


def test_junit_fails_for_each_intruder_and_no_other(failed: Run) -> None:
    root = ElementTree.fromstring(FORMATS["junit"](failed, False))
    red = {test.get("classname") for test in root.iter("testcase") if test.find("failure") is not None}
    assert red == {"absent.intruder", "absent.none", "absent.empty_list", "absent.empty_list_in_tls_1_2"}
    assert [suite.get("errors") for suite in root.iter("testsuite")] == ["0", "0"]


def test_json_holds_the_finding(failed: Run) -> None:
    report = json.loads(FORMATS["json"](failed, False))
    assert report["verdict"] == "fail"
    (finding,) = report["findings"]
    assert (finding["level"], finding["site"], finding["file"]) == ("error", "s1", "httpd.conf")
    assert "absent.none" in finding["cases"]
    intruder = next(entry for entry in report["results"] if entry["verdict"] == "intruder")
    assert (intruder["outcome"], intruder["status"], intruder["identity"]) == ("admitted", 200, None)


class Page(HTMLParser):
    """Every element with its attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_each_cell_of_the_page_opens_to_its_evidence(failed: Run) -> None:
    page = Page(FORMATS["html"](failed, False))
    cells = [attributes for tag, attributes in page.elements if tag == "button"]
    assert Counter(cell["class"] for cell in cells) == Counter(str(entry.verdict) for entry in failed.results)
    opened = {attributes["id"] for _, attributes in page.elements if "popover" in attributes}
    assert {cell["popovertarget"] for cell in cells} == opened
    assert "FAIL, 1 error" in page.text
    assert f"httpd.conf:{failed.findings[0].line}" in page.text


def test_the_page_needs_nothing_from_elsewhere_and_runs_no_script(failed: Run) -> None:
    page = Page(FORMATS["html"](replace(failed, target=Target(Path(), "<script>alert(1)</script>", 3)), False))
    assert not {tag for tag, _ in page.elements} & {"script", "img", "link", "iframe", "object"}
    attributes = {name for _, found in page.elements for name in found}
    assert not {name for name in attributes if name in {"src", "style"} or name.startswith("on")}
    ids = {f"#{found['id']}" for _, found in page.elements if "id" in found}
    assert {found["href"] for _, found in page.elements if "href" in found} <= ids
    assert "<script>alert(1)</script>" in page.text
