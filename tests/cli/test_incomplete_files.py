"""Configurations that lack something: modules, included files, values. Each gets a verdict, or a message that says what
to do, and what was not tested is named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.configurations.corpus import corpus

CORPUS = {str(entry): entry for entry in corpus()}
SNIPPET = CORPUS["correct/required_snippet"].text
OPTIONAL = SNIPPET.replace("SSLVerifyClient require", "SSLVerifyClient optional")
WHERE = "    <Directory"


def verify(config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", "verify", str(config), "-k", "absent.none or p256", *options],
        env=os.environ | {"CI": "true", "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def assert_message(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    output = " ".join((done.stderr + done.stdout).split())
    assert "Traceback" not in output
    assert [word for word in words if word not in output] == [], output
    assert done.returncode == code, output


def site(folder: Path, *lines: str, text: str = SNIPPET) -> Path:
    """Write the snippet, with lines before its folder's section."""
    file = folder / "site.conf"
    file.write_text(text.replace(WHERE, "\n".join([*lines, WHERE]), 1))
    return file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Listen {{ port }}\n", ("site.conf:1: `{{ port }}`", "Jinja2", "Render it first")),
        ("\nServerName <%= @fqdn %>\n", ("site.conf:2: `<%= @fqdn %>`", "ERB")),
        ("Listen %%PORT%%\n", ("site.conf:1: `%%PORT%%`",)),
    ],
)
def test_a_template_is_recognised_before_httpd_sees_it(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    file = tmp_path / "site.conf"
    file.write_text(text)
    assert_message(verify(file), 2, *words)


def test_an_option_that_is_no_assignment_is_refused(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("# values\nexport A=1\nno assignment\n")
    assert_message(verify(site(tmp_path), "--env-file", str(tmp_path / "env")), 2, "env:3: `no assignment`")
    assert_message(verify(site(tmp_path), "--define", "a b=c"), 2, "write NAME=VALUE")


@pytest.mark.engine
def test_braces_in_a_comment_or_a_rule_make_no_template(tmp_path: Path) -> None:
    lines = ("    # {{ port }}", "    RewriteRule ^/x{2,3}/%{y} - [L]", '    LogFormat "%{x}i %%" q')
    assert_message(verify(site(tmp_path, *lines)), 0, "PASS")


@pytest.mark.engine
def test_all_missing_includes_are_listed_at_once(tmp_path: Path) -> None:
    file = site(tmp_path, "    Include /etc/httpd/local/a.conf", "    Include local/b.conf")
    assert_message(verify(file), 2, "site.conf:14: /etc/httpd/local/a.conf site.conf:15: /etc/httpd/local/b.conf")


@pytest.mark.engine
def test_without_the_missing_files_there_is_no_full_pass(tmp_path: Path) -> None:
    file = site(tmp_path, "    Include /etc/httpd/local/a.conf")
    assert_message(verify(file, "--ignore-missing"), 3, "Not tested: the file /etc/httpd/local/a.conf", "INCONCLUSIVE")


@pytest.mark.engine
@pytest.mark.parametrize(("content", "code"), [("Require ssl-verify-client\n", 0), ("Require all granted\n", 1)])
def test_an_included_file_is_taken_from_the_folder_that_is_named(tmp_path: Path, content: str, code: int) -> None:
    (tmp_path / "elsewhere" / "local").mkdir(parents=True)
    (tmp_path / "elsewhere" / "local" / "guard.conf").write_text(content)
    file = site(tmp_path, "    <Location />", "    Include local/guard.conf", "    </Location>", text=OPTIONAL)
    assert_message(verify(file, "--include-dir", str(tmp_path / "elsewhere")), code)


@pytest.mark.engine
def test_what_loads_the_modules_of_a_distribution_is_not_missed(tmp_path: Path) -> None:
    file = tmp_path / "httpd.conf"
    file.write_text("ServerRoot /etc/httpd\nInclude conf.modules.d/*.conf\nUser apache\nListen 443\n" + SNIPPET)
    assert_message(verify(file), 0, "PASS")


@pytest.mark.engine
@pytest.mark.parametrize(("value", "code"), [("require", 0), ("none", 1)])
def test_a_variable_has_the_value_that_is_given(tmp_path: Path, value: str, code: int) -> None:
    text = SNIPPET.replace("SSLVerifyClient require", "SSLVerifyClient ${MODE}")
    file = site(tmp_path, text=text)
    assert_message(verify(file, "--define", f"MODE={value}"), code)
    (tmp_path / "env").write_text(f"export MODE='{value}'\n")
    assert_message(verify(file, "--env-file", str(tmp_path / "env")), code)


@pytest.mark.engine
def test_a_variable_without_a_value_is_named(tmp_path: Path) -> None:
    text = SNIPPET.replace("SSLVerifyClient require", "SSLVerifyClient ${MODE}")
    assert_message(verify(site(tmp_path, text=text)), 2, "Config variable ${MODE} is not defined", "--define")


@pytest.mark.engine
@pytest.mark.parametrize(("define", "code"), [(("--define", "GUARDED"), 0), ((), 1)])
def test_a_section_of_a_define_counts_where_that_is_given(tmp_path: Path, define: tuple[str, ...], code: int) -> None:
    lines = ("    <IfDefine GUARDED>", "    <Location />", "    Require ssl-verify-client", "    </Location>")
    file = site(tmp_path, *lines, "    </IfDefine>", text=OPTIONAL)
    assert_message(verify(file, *define), code)


@pytest.mark.engine
def test_a_module_that_another_one_needs_is_loaded_first(tmp_path: Path) -> None:
    config, _ = CORPUS["correct/required_debian"].lay_out(tmp_path)
    load = "LoadModule cache_disk_module /usr/lib/apache2/modules/mod_cache_disk.so\n"
    (config / "mods-enabled" / "cache_disk.load").write_text(load)
    assert_message(verify(config), 0, "it does not load mod_cache, which mod_cache_disk needs", "PASS")


@pytest.mark.engine
def test_a_content_handler_that_is_not_there_leaves_the_verdict(tmp_path: Path) -> None:
    config, name = CORPUS["correct/required_debian"].lay_out(tmp_path)
    (config / "mods-enabled" / "acme.load").write_text("LoadModule jk_module /usr/lib/apache2/modules/mod_acme_jk.so\n")
    file = config / name
    file.write_text(file.read_text().replace("SSLEngine on", "SSLEngine on\n    JkMount /shop/* tomcat"))
    done = verify(config, "--offline", "-v")
    assert_message(done, 0, "mod_acme_jk", "application behind mod_jk", "JkMount (line", "--image", "PASS")


@pytest.mark.engine
@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("    WSGIAccessScript /srv/check.py",), "WSGIAccessScript /srv/check.py"),
        (
            ("    AuthType shibboleth", "    Require shib-session", "    Require ssl-verify-client"),
            "AuthType shibboleth",
        ),
        (("    Require ssl-verify-client", "    Require claim role:admin"), "Require claim role:admin"),
    ],
)
def test_where_another_module_decides_there_is_no_verdict(tmp_path: Path, lines: tuple[str, ...], words: str) -> None:
    lines = ("    <Location />", *lines, "    Require ssl-verify-client", "    </Location>")
    done = verify(site(tmp_path, *lines, text=OPTIONAL), "--offline")
    assert_message(done, 3, "Not decided: who is admitted at https://www.example.test:443/", words, "--image")


@pytest.mark.engine
@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("Require ssl-verify-client", 3),
        ("Require expr \"%{SSL_CLIENT_VERIFY} == 'SUCCESS' || %{HTTP:X-A} == 'b'\"", 1),
    ],
)
def test_where_another_module_decides_elsewhere_the_others_have_their_verdict(
    tmp_path: Path, rule: str, code: int
) -> None:
    sso = ("    <Location /sso>", "    AuthType shibboleth", "    Require ssl-verify-client", "    Require valid-user")
    lines = (*sso, "    </Location>", "    <Location /machines>", f"    {rule}", "    </Location>")
    done = verify(site(tmp_path, *lines, text=OPTIONAL), "--offline", "-v", "-k", "absent or p256")
    assert_message(done, code, "Not tested: who is admitted at https://www.example.test:443/sso/", "443/machines/")


@pytest.mark.engine
def test_a_misspelled_directive_is_no_modules(tmp_path: Path) -> None:
    done = verify(site(tmp_path, "    SSLVerfyClient require"))
    assert_message(done, 2, "Invalid command 'SSLVerfyClient'", "Meaning:", "Write:")


@pytest.mark.engine
@pytest.mark.parametrize(("own", "warned"), [("/etc/ssl/example/ca.crt", True), ("/etc/ssl/example/server.crt", False)])
def test_the_servers_own_certificate_as_authority_is_a_warning(tmp_path: Path, own: str, warned: bool) -> None:
    text = SNIPPET.replace("/etc/ssl/example/server.crt", own)
    done = verify(site(tmp_path, text=text))
    assert_message(done, 0, "PASS")
    assert ("issued by the server's own key" in " ".join(done.stdout.split())) is warned
