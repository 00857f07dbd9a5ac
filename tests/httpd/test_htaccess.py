"""The .htaccess files of CONFIG: httpd reads them, where AllowOverride lets it, and they count."""

from pathlib import Path

import pytest

from harness.verify import Run, Target, verify
from tests.configurations.corpus import corpus

pytestmark = pytest.mark.engine

SITE = next(entry for entry in corpus() if str(entry) == "correct/required_upstream")
HTDOCS = "/usr/local/apache2/conf/htdocs"


def run(folder: Path, *, verify_client: str, override: str, htaccess: str | None) -> Run:
    """Verify a site whose pages are part of CONFIG."""
    text = SITE.text.replace("SSLVerifyClient require", f"SSLVerifyClient {verify_client}")
    text = text.replace("/var/www/html", HTDOCS).replace(
        "all granted", f"all granted\n        AllowOverride {override}"
    )
    config, _ = SITE.lay_out(folder, text)
    for name in ("htdocs/private", "htdocs/open"):
        (config / name).mkdir(parents=True)
    if htaccess:
        (config / "htdocs/private/.htaccess").write_text(htaccess)
    return verify(Target.from_path(config), only=lambda case: case.id in {"absent.none", "valid.p256"})


def test_a_rule_in_htaccess_is_a_promise_and_kept(tmp_path: Path) -> None:
    found = run(tmp_path, verify_client="optional", override="AuthConfig", htaccess="Require ssl-verify-client\n")
    assert found.verdict() == "pass"
    assert {entry.probe.site.path for entry in found.results} == {"/private/"}


def test_a_broken_rule_in_htaccess_is_found_in_its_line(tmp_path: Path) -> None:
    rule = "# Who?\nRequire expr \"%{SSL_CLIENT_VERIFY} != 'GENEROUS'\"\n"
    found = run(tmp_path, verify_client="optional", override="All", htaccess=rule)
    assert {(entry.level, entry.file, entry.line) for entry in found.findings if entry.cases == ("absent.none",)} >= {
        ("error", "htdocs/private/.htaccess", 2)
    }


def test_without_allow_override_it_has_no_say(tmp_path: Path) -> None:
    found = run(tmp_path, verify_client="optional", override="None", htaccess="Require ssl-verify-client\n")
    assert found.verdict() == "fail"
    assert {entry.file for entry in found.findings if entry.level == "error"} == {"extra/site.conf"}


def test_those_outside_of_config_are_named_as_not_examined(tmp_path: Path) -> None:
    text = SITE.text.replace("all granted", "all granted\n        AllowOverride All")
    config, name = SITE.lay_out(tmp_path, text)
    found = verify(Target.from_path(config), only=lambda case: case.id in {"absent.none", "valid.p256"})
    (note,) = (entry for entry in found.findings if ".htaccess" in entry.message)
    assert (note.id, note.file) == ("coverage.not_examined", name)
    assert "/var/www/html" in note.message
    assert "AllowOverride All" in (config / name).read_text().splitlines()[note.line - 1]


def test_its_expressions_are_traced(tmp_path: Path) -> None:
    rule = "<If \"%{SSL_CLIENT_VERIFY} != \\\n'SUCCESS'\">\nRequire all denied\n</If>\n"
    found = run(tmp_path, verify_client="optional", override="All", htaccess=rule)
    seen = {(one.condition.directive.file, one.condition.directive.line): one for one in found.coverage}
    condition = seen["htdocs/private/.htaccess", 1]
    assert (condition.complete, condition.independent) == (True, True)
    assert condition.true == condition.false > 0
