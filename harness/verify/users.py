"""Who is a user by his certificate, who by a password alone, and which files say so?

`given` is what CONFIG holds of a file.
"""

from collections.abc import Callable

from harness.httpd.guard import Guard
from harness.httpd.users import members
from harness.httpd.variables import USER

ANYBODY = "anon"
"""The provider of passwords (mod_authn_anon) for which any will do."""
_Given = Callable[[str], bytes]


def stand_in(guard: Guard, given: _Given) -> str | None:
    """The user that a password file has to know which CONFIG does not hold, where users are made of certificates: one
    that a rule or its group names, or any; None where CONFIG holds the file, or there is none."""
    if not guard.fake_basic_auth or not guard.has("AuthUserFile") or any(map(given, guard.arguments("AuthUserFile"))):
        return None
    named = [name for rule in guard.rules if rule.kind == "require" for name in rule.words[1:]]
    listed = members(given, guard.arguments("AuthGroupFile"), groups(guard))
    return next((name for name in (*named, *listed) if name.startswith("/")), f"/CN={USER}")


def groups(guard: Guard) -> list[str]:
    """The groups that a user has to be in."""
    return [name for rule in guard.rules if rule.value == "group" for name in rule.words[1:]]


def passwords(guard: Guard, given: _Given) -> tuple[str, ...]:
    """Read which users of a password file need no certificate, where `SSLOptions +FakeBasicAuth` makes users of those
    who have one; those first who have the password that all of these have. By the provider `anon` any password will do.
    """
    if ANYBODY in guard.arguments("AuthBasicProvider"):
        return tuple(USER if name == "*" else name for name in guard.arguments("Anonymous")[:1])
    if not guard.fake_basic_auth:
        return ()
    lines = [line for path in guard.arguments("AuthUserFile") for line in given(path).decode(errors="replace").split()]
    known = [(name, secret) for name, _, secret in (line.rpartition(":") for line in lines) if name]
    fake = {secret for name, secret in known if name.startswith("/")}
    plain = [(name, secret) for name, secret in known if not name.startswith("/")]
    return tuple(name for name, secret in sorted(plain, key=lambda user: user[1] not in fake))
