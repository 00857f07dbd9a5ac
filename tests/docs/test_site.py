"""The documents as a site: complete in itself, every case and picture in it, and no link that leads nowhere."""

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.made.pages import on_page_content
from harness.cases import catalogue
from harness.engine import LABEL, engine, image
from harness.engine.client import owner
from harness.verify.finding_kind import kinds
from tests.docs.conftest import DOCUMENTS, ROOT, Clone

# The first that asks for the site waits for its image.
pytestmark = pytest.mark.timeout(1800)
# What a browser fetches by itself when it shows a page.
FETCHED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=\"?([^\"\s>]+)")
PICTURES = {"stranger", "dialog", "page", "report"}


@pytest.fixture(scope="session")
def site(clone: Clone) -> Path:
    """What `make docs` builds, in which a link that leads nowhere is an error."""
    done = clone.type("make docs")
    assert done.returncode == 0, done.stdout + done.stderr
    return clone.folder / "build/docs"


@pytest.mark.engine
def test_it_holds_every_document_and_every_case(site: Path) -> None:
    assert {path.stem for path in DOCUMENTS if path.parent != ROOT} <= {path.stem for path in site.glob("*.html")}
    page = (site / "cases.html").read_text()
    assert [case.id for case in catalogue() if f'id="{case.id}"' not in page] == []


@pytest.mark.engine
def test_every_kind_of_finding_has_a_page_of_its_own(site: Path) -> None:
    """It has what `mtls-harness findings ID` prints."""
    for finding, kind in kinds().items():
        text = html.unescape(re.sub(r"<[^>]+>", "", (site / "findings" / f"{finding}.html").read_text()))
        for part in (kind.what, kind.why, kind.reproduce, kind.repair, kind.source):
            assert part.replace("`", "") in text, finding
        assert f"findings/{finding}.html" in (site / "findings.html").read_text()


@pytest.mark.engine
def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    pages = sorted(site.glob("*.html"))
    fetched = {address for page in pages for address in FETCHED.findall(page.read_text())}
    assert any(address.endswith(".css") for address in fetched)
    assert {
        address for address in fetched if re.match(r"\w+:|//", address) and not address.startswith("data:")
    } == set()
    styles = "".join(path.read_text() for path in site.rglob("*.css"))
    assert "fonts.googleapis" not in styles + "".join(page.read_text() for page in pages)


def in_chromium(site: Path, address: str, width: int) -> str:
    """The document that Chromium makes of a page on the disk, after its scripts."""
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900",
               "--virtual-time-budget=10000", "--dump-dom", f"file:///site/{address}"]  # fmt: skip
    site.parent.chmod(0o755)
    shown = engine().containers.run(
        image("browser"), command[1:], entrypoint=command[:1], network_mode="none", remove=True, user="1000",
        volumes={str(site): {"bind": "/site", "mode": "ro"}}, labels={LABEL: owner()},
    )  # fmt: skip
    return bytes(shown).decode()


@pytest.mark.engine
def test_the_search_works_without_a_server(site: Path) -> None:
    page = in_chromium(site, "index.html?q=resumption", 1280)
    found = re.findall(r'<a href="([^"]+)" class="md-search-result__link', page)
    assert any("cases.html" in address for address in found), found


def test_each_cell_of_a_table_names_its_column() -> None:
    table = "<table><tr><th>you</th><th>begin with</th></tr><tr><td>a</td><td>b</td></tr></table>"
    assert re.findall(r'<td data-title="(.*?)">(.)', on_page_content(table)) == [("you", "a"), ("begin with", "b")]


@pytest.mark.engine
def test_its_pictures_are_of_visits_that_differ(site: Path) -> None:
    pictures = {path.stem: path.read_bytes() for path in (site / "pictures").glob("*.png")}
    assert set(pictures) == PICTURES
    assert all(png.startswith(b"\x89PNG") for png in pictures.values())
    assert len(set(pictures.values())) == len(PICTURES)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of what the site is built from; of the pictures, only that they are there matters here."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copytree(ROOT / "images/httpd/conf", tmp_path / "images/httpd/conf")
    shutil.copy2(ROOT / "mkdocs.yml", tmp_path)
    (tmp_path / "build/pictures").mkdir(parents=True)
    for name in PICTURES:
        (tmp_path / f"build/pictures/{name}.png").touch()
    return tmp_path


def built(sources: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build"]
    return subprocess.run(command, cwd=sources, capture_output=True, text=True, check=False)


def test_all_links_lead_somewhere(sources: Path) -> None:
    done = built(sources)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[There](nowhere.md)", "nowhere.md"),
        ("[There](cases.md#validity.forgotten)", "validity.forgotten"),
        ("![There](pictures/nobody.png)", "nobody.png"),
        ('--8<-- "docs/examples/none.conf"', "none.conf"),
    ],
)
def test_what_leads_nowhere_fails_the_build(sources: Path, line: str, words: str) -> None:
    with (sources / "docs/index.md").open("a") as index:
        index.write(f"\n{line}\n")
    done = built(sources)
    assert done.returncode != 0
    assert words in done.stderr


def test_a_page_that_no_menu_names_fails_the_build(sources: Path) -> None:
    (sources / "docs/forgotten.md").write_text("# Forgotten\n")
    done = built(sources)
    assert done.returncode != 0
    assert "forgotten.md" in done.stderr


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#:]+)[)#]", (ROOT / "README.md").read_text()))
def test_a_link_of_the_readme_leads_to_a_file(target: str) -> None:
    assert (ROOT / target).exists()


def test_each_directive_that_is_explained_is_in_the_deployment() -> None:
    rows = re.findall(r"(?m)^\| ((?:`[A-Z]\w+(?: \w+)?`(?:, )?)+) \|", (ROOT / "docs/deploy.md").read_text())
    explained = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    configuration = (ROOT / "images/httpd/conf/httpd.conf").read_text()
    assert len(rows) == 11
    assert {name for name in explained if not re.search(rf"(?m)^\s*{name}\b", configuration)} == set()
