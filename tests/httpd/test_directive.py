"""httpd's own dump of its configuration, read back: directives, and the places that they guard."""

import pytest

from harness.httpd.directive import Directive, parse
from harness.httpd.layout import ConfigurationError
from harness.httpd.site import sites
from tests.dump import dump

DUMP = """VirtualHost configuration:
*:8443                 a.test (/etc/httpd/conf/httpd.conf:8)
# In file: /etc/httpd/conf/httpd.conf
#   1:
SSLVerifyDepth 3
#   2:
Listen 8443
#   8:
<VirtualHost *:8443>
  #   9:
  ServerName a.test
  #  11:
  SSLEngine on
  # In file: /etc/httpd/conf/tls.conf
  #   2:
  SSLVerifyClient require
  # In file: /etc/httpd/conf/httpd.conf
  #  15:
  <Location "/x y">
    #  16:
    Require all denied
  </Location>
</VirtualHost>
"""


def read(dump: str) -> Directive:
    return parse(dump, {f"/etc/httpd/conf/{name}": name for name in ("httpd.conf", "tls.conf")})


def test_every_directive_knows_file_and_line() -> None:
    host = next(read(DUMP).find("VirtualHost"))
    assert (host.file, host.line, host.arguments) == ("httpd.conf", 8, "*:8443")
    require = next(host.find("sslverifyclient"))
    assert (require.file, require.line, require.arguments) == ("tls.conf", 2, "require")
    location = next(host.find("Location"))
    assert (location.line, location.arguments, location.body[0].line) == (15, '"/x y"', 16)


def test_what_a_macro_holds_stands_where_that_was_written() -> None:
    text = b"# sites\n<Macro Site $name>\n# of all\n\nServerName \\\n  $name\n    # not yet\nSSLEngine on\n</Macro>\n"
    macro = 'macro \'Site\' (defined on line 2 of "/etc/httpd/conf/tls.conf") used on line 9 of "/x"'
    dump = f"# In file: {macro}\n#   2:\nServerName a.test\n#   3:\nSSLEngine on\n"
    read = parse(dump, {"/etc/httpd/conf/tls.conf": "tls.conf"}, {"/etc/httpd/conf/tls.conf": text})
    assert [(entry.name, entry.file, entry.line) for entry in read.body] == [
        ("ServerName", "tls.conf", 5),
        ("SSLEngine", "tls.conf", 8),
    ]


def test_a_virtual_host_inherits_what_it_does_not_say() -> None:
    (site, _) = sites(read(DUMP)).places
    assert (site.url, site.guard.verify_client, site.guard.verify_depth) == ("https://a.test:8443/", "require", 3)


@pytest.mark.parametrize(
    ("server", "host", "offers"),
    [
        ((), (), False),
        ((), ("Protocols h2 http/1.1",), True),
        (("Protocols h2 http/1.1",), (), True),
        (("Protocols h2 http/1.1",), ("Protocols http/1.1",), False),
        ((), ("Protocols h2", "Protocols http/1.1"), True),
        ((), ("Protocols h2c http/1.1",), False),
    ],
)
def test_a_virtual_host_offers_http_2_where_its_own_protocols_say_so_or_else_the_servers(
    server: tuple[str, ...], host: tuple[str, ...], *, offers: bool
) -> None:
    lines = (*server, "<VirtualHost *:443>", "SSLEngine on", "SSLVerifyClient require", *host, "</VirtualHost>")
    (site,) = (one for one in sites(parse(dump(*lines), {}), complete=False).places if one.tls)
    assert site.guard.http2 is offers


def test_the_line_to_change_is_the_directive_or_the_section_that_lacks_it() -> None:
    (site, _) = sites(read(DUMP)).places
    assert site.guard.responsible("SSLVerifyDepth").line == 1
    assert site.guard.responsible("SSLCARevocationCheck").line == 8
    assert site.guard.revocation == "none"


def test_a_configuration_without_tls_has_no_site() -> None:
    with pytest.raises(ConfigurationError, match="SSLEngine on"):
        sites(read(DUMP.replace("SSLEngine on", "SSLEngine off")))


@pytest.mark.parametrize(
    ("directives", "revocation", "means_ocsp"),
    [
        ("SSLOCSPEnable on", "ocsp", True),
        ("SSLOCSPEnable leaf no_ocsp_for_cert_ok", "ocsp leaf", True),
        ("SSLCARevocationCheck chain\n  #  12:\n  SSLOCSPEnable leaf", "chain + ocsp leaf", True),
        ("SSLOCSPEnable off", "none", False),
        ("SSLOCSPDefaultResponder http://127.0.0.1/", "none", True),
        ("SSLUseStapling on", "none", False),
    ],
)
def test_the_report_has_the_kind_of_revocation_check(directives: str, revocation: str, means_ocsp: bool) -> None:
    dump = DUMP.replace("  SSLEngine on\n", f"  SSLEngine on\n  #  11:\n  {directives}\n")
    (site, _) = sites(read(dump)).places
    assert (site.guard.revocation, site.guard.means_ocsp) == (revocation, means_ocsp)


def test_an_alias_of_a_provider_is_spelled_out_where_it_is_asked_for() -> None:
    alias = ("<AuthzProviderAlias expr staff \"%{SSL_CLIENT_S_DN_OU} == 'Staff'\">", "</AuthzProviderAlias>")
    whole = read(dump(*alias, "<Location />", "Require not staff", "Require user staff x", "</Location>"))
    (location,) = whole.find("Location")
    assert [entry.arguments for entry in location.body] == [
        "not expr \"%{SSL_CLIENT_S_DN_OU} == 'Staff'\"",
        "user staff x",
    ]


def test_a_section_in_which_nothing_stands_holds_nothing_else() -> None:
    empty = ("<Directory /a>", "</Directory>")
    whole = read(dump("<VirtualHost *:1>", *empty, "SSLEngine on", *empty, "</VirtualHost>", *empty, "Listen 1"))
    assert [entry.name for entry in whole.body] == ["VirtualHost", "Directory", "Listen"]
    assert [(entry.name, entry.line) for entry in whole.body[0].body] == [
        ("Directory", 2),
        ("SSLEngine", 4),
        ("Directory", 5),
    ]


def test_a_blank_after_a_backslash_parts_no_words() -> None:
    assert Directive("RewriteCond", r"%{THE_REQUEST} ^GET\ / [NC]", "", 1).words == (
        "%{THE_REQUEST}",
        r"^GET\ /",
        "[NC]",
    )


@pytest.mark.parametrize(
    ("section", "idle"),
    [
        ('<Location "/(user|admin)/">', True),
        ('<Location "/admin.*">', True),
        ('<Directory "^/srv/www">', True),
        ('<LocationMatch "/(user|admin)/">', False),
        ('<Location "/admin (old)">', False),
        ('<Location "/admin/*">', False),
    ],
)
def test_an_expression_where_a_path_is_meant_guards_nothing(section: str, idle: bool) -> None:
    end = f"</{section[1:].partition(' ')[0]}>"
    host = ("<VirtualHost *:443>", "SSLEngine on", "DocumentRoot /srv/www", section, "Require ssl-verify-client", end)
    found = sites(parse(dump(*host, "</VirtualHost>"), {"/site.conf": "site.conf"}), complete=False)
    assert [rule.line for rule in found.idle] == ([5] if idle else [])


def test_a_directive_that_a_backslash_continues_stands_at_its_first_line() -> None:
    content = b"ServerName a\nRequire env \\\n  tok\n"
    found = parse("# In file: /a.conf\n#   3:\nRequire env   tok\n", {"/a.conf": "a.conf"}, {"/a.conf": content})
    assert [(entry.name, entry.line) for entry in found.body] == [("Require", 2)]
