"""Modules that Debian has in a package of its own: installed where they decide, and named."""

from pathlib import Path

import pytest

from harness.engine import engine
from harness.verify import Run, Target, verify
from tests.configurations.corpus import corpus

pytestmark = pytest.mark.engine

CORPUS = {str(entry): entry for entry in corpus()}
OPTIONAL = CORPUS["correct/required_snippet"].text.replace("SSLVerifyClient require", "SSLVerifyClient optional")
# In a <Location>, mod_security looks at rules of its second phase only.
DENIES_ALL = 'SecAction "id:1,phase:2,deny,status:403"'


def run(tmp_path: Path, *lines: str, offline: bool = False) -> Run:
    file = tmp_path / "site.conf"
    file.write_text(OPTIONAL.replace("    <Directory", "\n".join([*lines, "    <Directory"]), 1))
    return verify(Target.from_path(file), offline=offline)


def test_a_module_with_a_package_is_installed_once_and_its_rules_count(tmp_path: Path) -> None:
    lines = ("SecRuleEngine On", "<Location />", "Require ssl-verify-client", DENIES_ALL)
    with_rule = run(tmp_path, *lines, "</Location>")
    assert with_rule.image.startswith("mtls-harness/packages:")
    assert with_rule.verdict() != "pass", "the module's rule refuses verified clients"
    without_rule = run(tmp_path, *lines[:3], "</Location>")
    assert without_rule.verdict() == "pass", without_rule.trouble
    assert without_rule.image == with_rule.image
    assert any("libapache2-mod-security2" in entry.message for entry in without_rule.findings)


def test_offline_nothing_is_installed(tmp_path: Path) -> None:
    found = run(tmp_path, "DOSPageCount 2", "<Location />", "Require ssl-verify-client", "</Location>", offline=True)
    assert found.image.startswith("mtls-harness/httpd:")
    assert found.verdict() == "pass", found.trouble
    assert any("DOSPageCount (line 14)" in entry.message for entry in found.findings)


@pytest.mark.parametrize("line", ["WSGIScriptAlias / /srv/a", "OIDCClientID a", "DOSPageCount 2"])
def test_for_an_application_a_login_or_a_limit_nothing_is_installed(tmp_path: Path, line: str) -> None:
    found = run(tmp_path, line, "<Location />", "Require ssl-verify-client", "</Location>")
    assert found.image.startswith("mtls-harness/httpd:")
    assert found.verdict() == "pass", found.trouble


def test_an_image_of_packages_holds_no_lists_and_no_root(tmp_path: Path) -> None:
    found = run(tmp_path, "SecRuleEngine On", "<Location />", "Require ssl-verify-client", "</Location>")
    assert engine().images.get(found.image).attrs["Config"]["User"] == "www-data"
