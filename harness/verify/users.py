"""Which users have a certificate, which ones only a password, according to the password and group files of CONFIG?

`read_file` returns the content of a file of CONFIG, empty if CONFIG does not hold it.
"""

from collections.abc import Callable

from harness.httpd.guard import Guard
from harness.httpd.users import members
from harness.httpd.variables import USER

ANYBODY = "anon"
"""The provider of mod_authn_anon, which accepts any password."""
_ReadFile = Callable[[str], bytes]


def stand_in(guard: Guard, read_file: _ReadFile) -> str | None:
    """The user for a password file that CONFIG does not hold, where FakeBasicAuth makes users of certificates: one that
    a rule or its group names, or any. None if CONFIG holds the file, or if there is none."""
    if (
        not guard.fake_basic_auth
        or not guard.has("AuthUserFile")
        or any(map(read_file, guard.arguments("AuthUserFile")))
    ):
        return None
    named = [name for rule in guard.rules if rule.kind == "require" for name in rule.words[1:]]
    listed = members(read_file, guard.arguments("AuthGroupFile"), groups(guard))
    return next((name for name in (*named, *listed) if name.startswith("/")), f"/CN={USER}")


def groups(guard: Guard) -> list[str]:
    """The groups that the rules require."""
    return [name for rule in guard.rules if rule.value == "group" for name in rule.words[1:]]


def passwords(guard: Guard, read_file: _ReadFile) -> tuple[str, ...]:
    """The users of a password file who need no certificate, although `SSLOptions +FakeBasicAuth` is set.

    The first ones have the fixed password of FakeBasicAuth. The provider `anon` accepts any password.
    """
    if ANYBODY in guard.arguments("AuthBasicProvider"):
        return tuple(USER if name == "*" else name for name in guard.arguments("Anonymous")[:1])
    if not guard.fake_basic_auth:
        return ()
    lines = [
        line for path in guard.arguments("AuthUserFile") for line in read_file(path).decode(errors="replace").split()
    ]
    known = [(name, secret) for name, _, secret in (line.rpartition(":") for line in lines) if name]
    fake = {secret for name, secret in known if name.startswith("/")}
    plain = [(name, secret) for name, secret in known if not name.startswith("/")]
    return tuple(name for name, secret in sorted(plain, key=lambda user: user[1] not in fake))
