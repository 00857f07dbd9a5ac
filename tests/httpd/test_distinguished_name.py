"""The forms of a name: which ones httpd never writes, and how it writes the same name."""

import pytest

from harness.httpd.distinguished_name import corrected, in_usual_order, is_reversed, misspelled
from harness.httpd.formula import Atom, Operator
from harness.httpd.variables import LEGACY_SUBJECT, Origin, Variable, variable
from tests.httpd.places import decision

SUBJECT, LEGACY = variable("SSL_CLIENT_S_DN"), Variable(LEGACY_SUBJECT, Origin.CERTIFICATE)


def compared(text: str, by: str = "==", name: Variable = SUBJECT) -> Atom:
    return Atom((name,), Operator(by), (text,))


@pytest.mark.parametrize(
    ("atom", "right"),
    [
        (compared("/C=CH/O=Example/CN=Anna Muster"), "CN=Anna Muster,O=Example,C=CH"),
        (compared("CN=Anna, O=Example, C=CH"), "CN=Anna,O=Example,C=CH"),
        (compared("cn=Anna,o=Example"), "CN=Anna,O=Example"),
        (compared("CN=Anna,E=anna@example.test"), "CN=Anna,emailAddress=anna@example.test"),
        (compared("^/C=CH/O=Example/", "=~"), "O=Example,C=CH$"),
        (compared(r"^\/C=CH\/.*\/CN=Anna$", "=~"), "^CN=Anna,.*,C=CH$"),
        (compared("^/C=CH/CN=(Anna|Bob)$", "=~"), "^CN=(Anna|Bob),C=CH$"),
        (compared("CN=Anna, O=Example", "=~"), "CN=Anna,O=Example"),
        (compared("CN=Anna,O=Example,C=CH", name=LEGACY), "/C=CH/O=Example/CN=Anna"),
        (compared("^CN=Anna,", "=~", LEGACY), "/CN=Anna$"),
    ],
    ids=str,
)
def test_a_name_in_a_form_that_httpd_never_writes_is_written_as_it_does(atom: Atom, right: str) -> None:
    assert corrected(atom).right == (right,)
    assert misspelled(corrected(atom)) == []


@pytest.mark.parametrize(
    "atom",
    [
        compared("CN=Anna,O=Example,C=CH"),
        compared(r"CN=Anna,O=Example\, Inc,C=CH"),
        compared("CN=A/OU=B,O=Example"),
        compared("(^|,)CN=Anna(,|$)", "=~"),
        compared("(^|[,/])CN=Anna", "=~"),
        compared("(/|,)CN=Anna", "=~"),
        compared("^/C=CH/CN=Anna$|^CN=Anna,C=CH$", "=~"),
        compared(r",\s*O=Example", "=~"),
        compared("(?i)cn=anna", "=~"),
        compared("/C=CH/O=Example, Inc/CN=Anna", name=LEGACY),
        compared("/CN=Anna$", "=~", LEGACY),
        compared("guest", name=LEGACY),
        compared("/C=CH", name=variable("SSL_CLIENT_S_DN_O")),
    ],
    ids=str,
)
def test_a_name_that_httpd_may_write_is_left_as_it_is(atom: Atom) -> None:
    assert misspelled(atom) == []


@pytest.mark.parametrize(
    ("atom", "usual"),
    [
        (compared("C=CH,O=Example,CN=Anna"), "CN=Anna,O=Example,C=CH"),
        (compared("/CN=Anna/O=Example/C=CH", name=LEGACY), "/C=CH/O=Example/CN=Anna"),
        (compared("CN=Anna,O=Example,C=CH"), None),
        (compared("CN=Anna,O=Example"), None),
    ],
    ids=str,
)
def test_attributes_in_an_unusual_order_are_told_from_the_usual_one(atom: Atom, usual: str | None) -> None:
    assert (in_usual_order(atom) if is_reversed(atom) else None) == usual


def test_the_form_depends_on_the_options_in_force() -> None:
    rule = 'SSLRequire %{SSL_CLIENT_S_DN} eq "/C=CH/O=Example/CN=Anna"'
    assert len(misspelled(decision(rule).formula)) == 1
    assert misspelled(decision(f"SSLOptions +LegacyDNStringFormat\n{rule}").formula) == []
