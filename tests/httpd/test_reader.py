"""The files of a configuration, read without httpd: what they say, and what only httpd could tell."""

from pathlib import Path

import pytest

from harness.httpd.directive import Directive
from harness.httpd.layout import read as read_layout
from harness.httpd.reader import Written, read_written
from harness.httpd.references import References, references


def written(tmp_path: Path, text: str, **files: str) -> Written:
    """Read a folder laid out as upstream's."""
    (tmp_path / "httpd.conf").write_text(text)
    for name, content in files.items():
        path = tmp_path / name.replace("__", "/")
        path.parent.mkdir(exist_ok=True)
        path.with_suffix(".conf").write_text(content)
    return read_written(read_layout(tmp_path))


def names(section: Directive) -> list[tuple[str, str, str, int]]:
    return [(one.name, one.arguments, one.file, one.line) for one in section.body]


def test_directives_keep_file_and_line(tmp_path: Path) -> None:
    host = "<VirtualHost *:443>\n\tSSLVerifyClient \\\n  require\nSSLVerifyDepth 2\n</VirtualHost>\n"
    found = written(tmp_path, f"# comment\n\nListen 443\n{host}").configuration
    assert names(found) == [
        ("Listen", "443", "httpd.conf", 3),
        ("VirtualHost", "*:443", "httpd.conf", 4),
    ]
    (section,) = found.find("VirtualHost")
    assert names(section) == [("SSLVerifyClient", "require", "httpd.conf", 5), ("SSLVerifyDepth", "2", "httpd.conf", 7)]


def test_includes_are_followed_in_their_order(tmp_path: Path) -> None:
    text = "ServerRoot /usr/local/apache2\nInclude conf/sites/*.conf\nIncludeOptional conf/none/*.conf\nTimeout 9\n"
    found = written(tmp_path, text, sites__b="Timeout 2\n", sites__a="Timeout 1\n")
    assert [one[1:] for one in names(found.configuration)[1:]] == [
        ("1", "sites/a.conf", 1),
        ("2", "sites/b.conf", 1),
        ("9", "httpd.conf", 4),
    ]
    assert found.uncertain == ()


def test_a_missing_include_is_named(tmp_path: Path) -> None:
    (gap,) = written(tmp_path, "Include conf/tls.conf\n").uncertain
    assert (gap.file, gap.line) == ("httpd.conf", 1)
    assert "conf/tls.conf" in gap.what


def test_a_circle_of_includes_ends(tmp_path: Path) -> None:
    found = written(tmp_path, "Timeout 1\nInclude conf/httpd.conf\n")
    assert "a circle" in found.uncertain[0].what


def test_an_include_elsewhere_is_read_from_this_machine(tmp_path: Path) -> None:
    other = tmp_path.parent / f"{tmp_path.name}-other.conf"
    other.write_text("Timeout 3\n")
    found = written(tmp_path, f"Include {other}\n")
    assert names(found.configuration) == [("Timeout", "3", str(other), 1)]


def test_variables_are_resolved_and_the_others_named(tmp_path: Path) -> None:
    found = written(tmp_path, "Define DIR /etc/tls\nSSLCACertificateFile ${DIR}/ca.pem\nSSLCARevocationFile ${CRL}\n")
    assert [one[1] for one in names(found.configuration)] == ["/etc/tls/ca.pem", "${CRL}"]
    (gap,) = found.uncertain
    assert (gap.line, "${CRL} is not set" in gap.what) == (3, True)


@pytest.mark.parametrize(
    ("condition", "taken", "uncertain"),
    [
        ("IfModule mod_ssl.c", True, False),
        ("IfModule !mod_ssl.c", False, False),
        ("IfDefine KNOWN", True, False),
        ("IfDefine !KNOWN", False, False),
        ("IfDefine OTHER", True, True),
        ("IfDefine !OTHER", True, False),
        ("IfVersion >= 2.4", True, True),
    ],
)
def test_conditions_are_decided_where_files_decide_them(
    tmp_path: Path, condition: str, taken: bool, uncertain: bool
) -> None:
    kind = condition.split()[0]
    found = written(tmp_path, f"Define KNOWN\n<{condition}>\nTimeout 5\n</{kind}>\n")
    assert bool(found.configuration.body) == taken
    assert bool(found.uncertain) == uncertain


def test_what_a_condition_defines_counts_only_where_it_is_true(tmp_path: Path) -> None:
    text = "<IfModule !mod_ssl.c>\nDefine CA /other.pem\n</IfModule>\nDefine CA /ca.pem\nSSLCACertificateFile ${CA}\n"
    assert names(written(tmp_path, text).configuration)[-1][1] == "/ca.pem"


def test_macros_are_written_out_at_their_own_lines(tmp_path: Path) -> None:
    text = "<Macro Site $n $name>\n<VirtualHost *:$n>\nServerName $name\n</VirtualHost>\n</Macro>\nUse site 443 www\n"
    (host,) = written(tmp_path, text).configuration.body
    assert (host.arguments, host.line, names(host)) == ("*:443", 2, [("ServerName", "www", "httpd.conf", 3)])


def test_an_unknown_macro_is_named_and_a_circle_ends(tmp_path: Path) -> None:
    assert "`Use Other 1`" in written(tmp_path, "Use Other 1\n").uncertain[0].what
    assert written(tmp_path, "<Macro A>\nUse A\n</Macro>\nUse A\n").uncertain


def the_references(tmp_path: Path, text: str) -> list[References]:
    return [*references(written(tmp_path, text).configuration)]


def test_a_virtual_host_inherits_and_overrides(tmp_path: Path) -> None:
    text = """SSLCACertificateFile /ca.pem
SSLVerifyDepth 4
<VirtualHost *:443>
SSLVerifyClient require
SSLCARevocationCheck chain no_crl_for_cert_ok
</VirtualHost>
<VirtualHost *:444>
SSLCACertificateFile /other.pem
SSLCipherSuite DEFAULT@SECLEVEL=1
SSLOCSPEnable on
<Location /admin>
SSLVerifyClient require
</Location>
</VirtualHost>
<VirtualHost *:445>
SSLVerifyClient none
</VirtualHost>
<VirtualHost *:446>
SSLVerifyClient optional_no_ca
</VirtualHost>
"""
    first, second = the_references(tmp_path, text)
    assert (first.path("sslcacertificatefile"), first.depth, first.revocation) == ("/ca.pem", 4, ("chain", True))
    assert (second.path("sslcacertificatefile"), second.security_level) == ("/other.pem", 1)
    assert (first.asks_responder, second.asks_responder) == (False, True)
    assert second.revocation == ("none", False)
    assert first.responsible("sslcarevocationcheck").line == 5


def test_a_depth_of_a_section_is_not_taken_for_the_virtual_hosts(tmp_path: Path) -> None:
    text = "<VirtualHost *:443>\nSSLVerifyClient require\nSSLCACertificateFile /ca.pem\n{}</VirtualHost>\n"
    (apart,) = the_references(tmp_path, text.format("<Location /a>\nSSLVerifyDepth 3\n</Location>\n"))
    (whole,) = the_references(tmp_path, text.format("SSLVerifyDepth 3\n"))
    (default,) = the_references(tmp_path, text.format(""))
    assert (apart.depth, whole.depth, default.depth) == (None, 3, 1)


def test_virtual_hosts_with_the_same_files_count_once(tmp_path: Path) -> None:
    host = "<VirtualHost *:44{}>\nSSLVerifyClient require\n</VirtualHost>\n"
    text = "SSLCACertificateFile /ca.pem\n" + host.format(3) + host.format(4)
    assert len(the_references(tmp_path, text)) == 1
