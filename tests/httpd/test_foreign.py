"""Modules that are not httpd's own, and whether their directives decide about admission."""

import pytest

from harness.httpd.directive import Directive, parse
from harness.httpd.foreign import Role, deciding_directive, module_named, module_of
from harness.httpd.obsolete import without_old_protocols
from harness.httpd.stand_in import stand_in
from harness.httpd.withdrawn import directive_at, withdraw, withdrawn_line
from tests.dump import dump, places


def decided(path: str, mode: str = "optional", server: str = "", inside: str = "Require all granted") -> str | None:
    """The name of the directive by which another module decides."""
    host = [*([server] if server else []), "DocumentRoot /srv/www"]
    found = places(*host, "<Location /app>", *inside.splitlines(), "</Location>", client=mode)
    site = next(site for site in found if site.path.rstrip("/") == path.rstrip("/"))
    directive = deciding_directive(site.guard)
    return directive.name if directive else None


@pytest.mark.parametrize(
    ("directive", "role"),
    [
        ("WSGIScriptAlias", Role.CONTENT),
        ("WSGIAccessScript", Role.ADMISSION),
        ("WSGIAuthUserScript", Role.ADMISSION),
        ("PassengerEnabled", Role.CONTENT),
        ("JkMount", Role.CONTENT),
        ("php_admin_value", Role.CONTENT),
        ("FcgidWrapper", Role.CONTENT),
        ("FcgidAccessChecker", Role.ADMISSION),
        ("PerlResponseHandler", Role.CONTENT),
        ("PerlAccessHandler", Role.ADMISSION),
        ("<Perl>", Role.ADMISSION),
        ("OIDCClientID", Role.OTHER),
        ("ShibRequireSession", Role.ADMISSION),
        ("MellonEnable", Role.ADMISSION),
        ("SecRuleEngine", Role.OTHER),
        ("SecRule", Role.ADMISSION),
        ("GridSiteAuth", Role.ADMISSION),
        ("AuthzSVNAccessFile", Role.ADMISSION),
        ("DOSPageCount", Role.OTHER),
    ],
)
def test_a_directive_has_the_role_of_its_module_unless_it_decides(directive: str, role: Role) -> None:
    module = module_of(directive)
    assert module is not None
    assert module.role_of(directive.strip("<>")) is role


@pytest.mark.parametrize("directive", ["SSLVerifyClint", "Requier", "WSGI", "ProxyPas", "Secure"])
def test_a_misspelled_directive_is_of_no_module(directive: str) -> None:
    assert module_of(directive) is None


def test_an_unknown_module_decides() -> None:
    assert module_named("acme_login").role is Role.ADMISSION
    assert module_named("php8.4").role is Role.CONTENT


@pytest.mark.parametrize(
    ("inside", "by"),
    [
        ("AuthType openid-connect\nRequire valid-user", "AuthType"),
        ("AuthType shibboleth\nRequire shib-session", "AuthType"),
        ("AuthType openid-connect\nRequire ssl-verify-client", None),
        ("AuthType Basic\nRequire valid-user", None),
        (withdrawn_line("Require claim role:admin"), "Require"),
        (withdrawn_line("AuthBasicProvider external"), "AuthBasicProvider"),
        (withdrawn_line("WSGIAccessScript /srv/check.py"), "WSGIAccessScript"),
        ("Require all granted\n" + withdrawn_line("WSGIProcessGroup app"), None),
        (withdrawn_line("MellonEnable auth"), "MellonEnable"),
        ("Require all granted\n" + withdrawn_line("MellonEnable off"), None),
    ],
)
def test_a_place_is_left_to_a_module_by_what_it_says(inside: str, by: str | None) -> None:
    assert decided("/app", inside=inside) == by


def test_a_directive_for_one_place_does_not_count_at_another() -> None:
    assert decided("/", inside=withdrawn_line("SecRule ARGS x deny")) is None
    assert decided("/app", inside=withdrawn_line("SecRule ARGS x deny")) == "SecRule"
    assert decided("/", server=withdrawn_line("SecRule ARGS x deny")) == "SecRule"


def test_behind_a_required_handshake_a_module_only_refuses_but_a_login_still_decides() -> None:
    assert decided("/app", "require", inside=withdrawn_line("SecRule ARGS x deny")) is None
    assert decided("/app", "require", inside="AuthType shibboleth\nRequire valid-user") == "AuthType"


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("WSGIScriptAlias / /srv/app/wsgi.py", 'Alias "/" "/srv/app/wsgi.py/"'),
        ("WSGIScriptAlias /app /srv/app/wsgi.py process-group=x", 'Alias "/app" "/srv/app/wsgi.py"'),
        ("JkMount /app/* worker1", 'ProxyPass "/app/" "ajp://127.0.0.1:9/app/"'),
        ("JkMount /app|/* worker1", 'ProxyPass "/app/" "ajp://127.0.0.1:9/app/"'),
        (r"JkMount /*.jsp worker1", r'ProxyPassMatch "^(/.*\.jsp)$" "ajp://127.0.0.1:9$1"'),
        ("WSGIDaemonProcess app", None),
    ],
)
def test_a_stand_in_maps_the_same_paths(text: str, by: str | None) -> None:
    assert stand_in(text) == by


def test_a_withdrawn_directive_is_read_back_from_the_dump_in_its_place() -> None:
    text = dump("<Location /app>", withdrawn_line('SecRule ARGS "@rx x y" "id:1,deny"'), "</Location>")
    (section,) = parse(text, {"/c": "c"}).body
    (entry,) = section.body
    assert (entry.name, entry.arguments) == ("SecRule", 'ARGS "@rx x y" "id:1,deny"')
    assert (entry.line, entry.withdrawn) == (2, True)
    assert Directive("SecRule", entry.arguments, entry.file, 2).withdrawn is False


def test_a_directive_over_several_lines_is_taken_out_whole_and_no_other_line_moves() -> None:
    content = b"First\nSecRule A \\\n  B \\\n  C\nLast\n"
    assert directive_at(content, 4) == ("SecRule A B C", 2)
    lines = withdraw(content, 4).split(b"\n")
    assert [lines[0], lines[1], lines[2], lines[4]] == [b"First", b"", b"", b"Last"]
    assert lines[3] == withdrawn_line("SecRule A B C").encode()


def test_a_section_is_taken_out_to_its_end() -> None:
    lines = withdraw(b"<Perl>\n$x = 1;\n</Perl>\nLast\n", 1).split(b"\n")
    assert lines == [withdrawn_line("<Perl>").encode(), b"", b"", b"Last", b""]


def test_a_withdrawn_require_grants_no_request() -> None:
    assert withdrawn_line("Require claim a:b").startswith("Require env mtls-harness-withdrawn-")


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("SSLProtocol all -SSLv2 +SSLv3", "SSLProtocol all"),
        ("SSLProtocol +SSLv3 +TLSv1.2", "SSLProtocol +TLSv1.2"),
        ("SSLProtocol -ALL +SSLv3 +TLSv1", "# SSLProtocol -ALL +SSLv3 +TLSv1"),
        ("SSLProtocol SSLv3", "# SSLProtocol SSLv3"),
        ("SSLProtocol all", None),
    ],
)
def test_old_protocols_are_left_out_and_all_others_stay(text: str, by: str | None) -> None:
    assert without_old_protocols(text) == by
