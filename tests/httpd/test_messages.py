"""httpd's own messages, by httpd itself: the first line stays, and below it stands what it means."""

from typing import cast

import pytest

from harness.engine import LABEL, engine, image
from harness.engine.client import discard, owner
from harness.httpd.messages import MEANINGS, essential, explained

# What is written, and a part of what the explanation says.
WRONG = {
    "<Directory /x>\nSSLCACertificateFile /tmp/ca\n</Directory>": "one list of authorities",
    "<Location />\nOrder allow,deny\n</Location>": "mod_access_compat",
    "ProxyPass / http://x/": "proxy_http_module",
    "RewriteEngine on": "mod_rewrite is not loaded",
    "Header set A b": "mod_headers is not loaded",
    "SSLVerfyClient require": "Check the spelling",
    "Use x": "mod_macro",
    "NSSEngine on": "another TLS module",
    "SSLEngine\N{NO-BREAK SPACE}on": "looks like ASCII",
    "Nonsense on": "misspelled",
    "User ${NOBODY}": "neither a Define",
    "User nobody-knows": "does not exist on the machine",
    "Group nobody-knows": "does not exist on the machine",
    "Listen 80\nListen 80": "Two Listen lines",
    "LoadModule mpm_prefork_module {modules}/mod_mpm_prefork.so": "Two of mpm_event",
    "SSLProtocol SSLv3": "OpenSSL was built without",
    "SSLProtocol TLSv9": "no name of a protocol",
    "<Location />\nSSLProtocol all\n</Location>": "before httpd knows the path",
    "SSLVerifyClient always": "`always` is no mode",
    "SSLOptions +Foo": "no option of SSLOptions",
    "SSLSessionCache dbm:/x": "LoadModule socache_dbm_module",
    "SSLEngine yes": "not `yes`",
    "<Directory />\nOptions +Indexes MultiViews\n</Directory>": "Give each word a sign",
    "</VirtualHost>": "not opened in this file",
    "<VirtualHost *:80>": "no end in the file",
    "<Location />\nListen 80\n</Location>": "virtual host only",
    "AuthName x": "for sections about a path only",
    "<Location />\nRequire clam x\n</Location>": "Require clam",
    "<Location />\nAuthBasicProvider ldap\n</Location>": "mod_authn_ldap",
    "LoadModule x_module modules/mod_x.so": "file is not there",
    "LoadModule cache_disk_module {modules}/mod_cache_disk.so": "not loaded before it",
    "LoadModule x_module {modules}/mod_env.so": "name and file belong together",
    "ServerRoot /nowhere": "not on the machine",
    '<If "x y">\n</If>': "not complete",
    '<DirectoryMatch "(">\n</DirectoryMatch>': "open bracket",
    "<Location />\nRequire ip 192.0.2.999\n</Location>": "no address or network",
    "SSLVerifyClient a b": "too many or too few words",
    "Include /nowhere.conf": "IncludeOptional",
}
BASE = """\
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_host_module {modules}/mod_authz_host.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule auth_basic_module {modules}/mod_auth_basic.so
LoadModule ssl_module {modules}/mod_ssl.so
"""


@pytest.fixture(scope="module")
def messages() -> dict[str, str]:
    """Httpd's message for each wrong line."""
    container = engine().containers.create(
        image("httpd"), entrypoint=["sleep", "600"], network_mode="none", labels={LABEL: owner()}
    )
    container.start()
    try:
        script = 'printf "%s" "$1" >/tmp/wrong.conf; echo >/tmp/ca; apache2 -t -d /tmp -f /tmp/wrong.conf'
        texts = {wrong: f"{BASE}{wrong}\n".replace("{modules}", "/usr/lib/apache2/modules") for wrong in WRONG}
        done = {wrong: container.exec_run(["sh", "-c", script, "sh", text]) for wrong, text in texts.items()}
        return {wrong: essential(cast("bytes", one.output).decode()) for wrong, one in done.items()}
    finally:
        discard(container)


@pytest.mark.engine
@pytest.mark.parametrize("wrong", WRONG)
def test_a_message_of_httpd_is_explained(messages: dict[str, str], wrong: str) -> None:
    message = explained(messages[wrong])
    assert message.startswith(messages[wrong] + "\nMeaning: ")
    assert "\nWrite: " in message
    assert WRONG[wrong] in message, message


def test_at_least_thirty_messages_are_known() -> None:
    assert len(MEANINGS) >= 30


def test_what_is_not_known_is_left_as_it_is() -> None:
    assert explained("AH99999: something new") == "AH99999: something new"


def test_the_time_and_warnings_of_no_use_are_left_out() -> None:
    log = "[Sat Nov 28 17:27:05.3 2026] [{}] [pid 2:tid 2] {}"
    lines = [log.format("so:warn", "AH01574: module env_module is already loaded, skipping")]
    lines += [log.format("core:warn", "AH00111: Config variable ${X} is not defined"), "AH00543: bad user name ${X}"]
    assert essential("\n".join(lines)) == "AH00111: Config variable ${X} is not defined\nAH00543: bad user name ${X}"
