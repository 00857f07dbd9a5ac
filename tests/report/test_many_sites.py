"""Reports of twenty sites, two of them wrong in the same line and one in another."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from harness.bench.sites import several
from harness.report import FORMATS
from harness.report.grouped import grouped
from harness.report.terminal import Detail, show
from harness.verify import REFERENCE, Run, Target, verify

pytestmark = pytest.mark.engine
COUNT = 20


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("many")
    before, *hosts = several((REFERENCE.configuration / "httpd.conf").read_text(), COUNT).split("<VirtualHost ")
    hosts[4] = hosts[4].replace("SSLCARevocationCheck chain", "SSLCARevocationCheck none")
    hosts[9] = hosts[9].replace("SSLVerifyClient require", "SSLVerifyClient optional")
    (folder / "httpd.conf").write_text("<VirtualHost ".join([before, *hosts]))
    chosen = {"absent.none", "validity.expired", "revocation.revoked_leaf", "valid.p256"}
    return verify(Target(folder, "sites", REFERENCE.depth), only=lambda case: case.id in chosen)


@pytest.fixture(scope="module")
def text(run: Run) -> str:
    console = Console(width=80, no_color=True, highlight=False, file=io.StringIO())
    show(run, console)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def lines_of(site: str, run: Run) -> list[list[str]]:
    """The words of each line about a site, of all that can be printed."""
    console = Console(width=80, no_color=True, highlight=False, file=io.StringIO())
    show(run, console, detail=Detail.EVERYTHING)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return [line.split()[1:] for line in text.splitlines() if line.startswith(f"{site} ")]


def test_only_what_is_wrong_is_printed(text: str) -> None:
    assert "site-7.test" not in text
    assert len(text.splitlines()) < 45
    assert text.splitlines()[-1] == "sites: FAIL, 2 errors. 156 of 160 probes as expected."


def test_with_all_results_each_site_counts_the_probes_that_passed_and_failed(run: Run) -> None:
    assert lines_of("https://site-7.test:8443/", run)[0] == ["8", "of", "8"]
    assert lines_of("https://site-5.test:8443/", run)[0] == ["6", "of", "8", "2", "✗"]


def test_one_line_is_the_summary(run: Run) -> None:
    console = Console(width=80, no_color=True, highlight=False, file=io.StringIO())
    show(run, console, detail=Detail.SUMMARY)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text == "sites: FAIL, 2 errors. 156 of 160 probes as expected.\n"


def test_the_findings_name_their_cases_below_their_site(text: str) -> None:
    _, found = text.split("\nhttps://site-5.test:8443/\n")
    first, second = found.split("\nhttps://site-10.test:8443/\n")
    assert "revocation.revoked_leaf" in first
    assert "Write `SSLCARevocationCheck chain` here" in first
    assert "absent.none" in second
    assert "The site is public to anyone who sends this request." in second


def test_sites_that_one_line_makes_wrong_stand_together(tmp_path: Path) -> None:
    text = several((REFERENCE.configuration / "httpd.conf").read_text(), 5)
    text = text.replace("SSLVerifyClient require", "# inherited")
    (tmp_path / "httpd.conf").write_text(text.replace("<VirtualHost", "SSLVerifyClient optional\n<VirtualHost", 1))
    run = verify(Target(tmp_path, "sites", 3), only=lambda case: case.id in {"absent.none", "valid.p256"})
    ((sites, findings),) = grouped(run)
    assert [site.name for site in sites] == [f"site-{number}.test" for number in range(1, 6)]
    assert [finding.id for finding in findings] == ["absent.intruder"]


def test_the_page_has_a_cell_for_every_probe(run: Run) -> None:
    page = FORMATS["html"](run, False)
    assert page.count("<button ") == page.count("<div popover ") == len(run.results) == COUNT * 8
