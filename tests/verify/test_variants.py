"""The variants of the reference deployment keep its promises, and differ only where they say so."""

import re
import shutil
from pathlib import Path

import pytest

from harness.engine.images import IMAGES
from harness.outcome import Outcome, Verdict
from harness.verify import REFERENCE, Target, verify

WELCOME = Target(IMAGES / "httpd" / "variants" / "welcome", "welcome", REFERENCE.depth)


def directives(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def test_it_differs_from_the_reference_only_where_it_says_so() -> None:
    variant, reference = ((one.configuration / "httpd.conf").read_text() for one in (WELCOME, REFERENCE))
    unmarked = re.sub(r"^ *# Variant:.*?^ *# End of the variant\n", "", variant, flags=re.MULTILINE | re.DOTALL)
    assert set(directives(unmarked)) - set(directives(reference)) == set()
    replaced = set(directives(reference)) - set(directives(variant))
    assert {line.partition("{")[0] for line in replaced} == {"SSLVerifyClient require", 'Require expr "%'}


@pytest.mark.engine
def test_a_client_without_a_certificate_is_refused_by_http_and_other_clients_as_before() -> None:
    run = verify(WELCOME)
    assert [(entry.probe.case.id, entry.evidence()) for entry in run.results if entry.verdict != "as-expected"] == []
    assert (run.verdict(strict=True), run.trouble) == ("pass", None)
    # The page and its style sheet are open to all, and the run says so.
    assert {(entry.id, entry.level) for entry in run.findings} == {("exposure.open_to_all", "note")}
    urls = {site.id: site.path for site in run.sites}
    assert {urls[site] for entry in run.findings for site in entry.sites} == {"/welcome/", "/x.css"}
    refused = {entry.observed.outcome for entry in run.results if entry.probe.case.id == "absent.none"}
    assert refused == {Outcome.REFUSED_BY_HTTP}
    assert len(run.results) > 100


@pytest.mark.engine
@pytest.mark.parametrize(
    ("text", "by", "intruder"),
    [
        pytest.param(" && %{SSL_CLIENT_VERIFY} == 'SUCCESS'\"", '"', "absent.none", id="nothing asks"),
        pytest.param("== 'SUCCESS'", "!= 'FAILED'", "absent.none", id="none is enough"),
        pytest.param("    SSLCARevocationCheck chain\n", "\n", "revocation.revoked_leaf", id="the revoked"),
    ],
)
def test_a_weakened_form_of_it_is_caught(tmp_path: Path, text: str, by: str, intruder: str) -> None:
    shutil.copytree(WELCOME.configuration, tmp_path / "conf")
    file = tmp_path / "conf" / "httpd.conf"
    assert file.read_text().count(text) == 1
    file.write_text(file.read_text().replace(text, by))
    run = verify(Target(tmp_path / "conf", "weakened", REFERENCE.depth))
    found = {entry.probe.case.id for entry in run.results if entry.verdict is Verdict.INTRUDER}
    assert (run.verdict(), intruder in found) == ("fail", True), found
