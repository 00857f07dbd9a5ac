"""Which rules decide who gets in at a place, and what do they want of a good client beside his certificate?"""

import ipaddress
import re
from collections.abc import Iterator

from harness.httpd.conditions import DECIDING, cond_pattern, flags, forwards_identity, passes
from harness.httpd.directive import Directive, walk
from harness.httpd.guard import USERS, Guard
from harness.httpd.section import inner

ANYBODY = "anon"
"""The provider of passwords (mod_authn_anon) for which any will do."""
USER = "mtls-harness"
"""The user's name of a client who needs any, with the password that `Client.user` has."""
_AUTHORIZING = {"require", "requireall", "requireany", "requirenone"}
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_ABOUT_ADDRESSES = ("ip ", "local", "host ", "forward-dns ")
_OUTSIDE = ("203.0.113.7", "198.51.100.7", "192.0.2.7")
"""Addresses that nobody has (RFC 5737)."""
_WRITING = ("POST", "PUT", "DELETE", "PATCH")
READING = {"GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"}
"""The methods by which nothing is changed: who asks for these is let in on purpose, or answered by httpd itself."""
_LOCAL = "127.0.0.1"
QUOTED = re.compile(r"""(['"]).*?\1""")
_NEGATIVE = re.compile(r"!|-z\b|-ne\b|\bne\b|\bnot\b", re.IGNORECASE)


def denies(guard: Guard, rule: Directive) -> bool:
    """Whether a rule says who is not to get in, or is to be served by another: a good client has nothing of it."""
    if rule.name.lower() == "rewritecond":
        *_, last = block(guard, rule)
        _, wanted = cond_pattern(rule)
        if is_turned(guard, rule):
            return not _NEGATIVE.search(QUOTED.sub("", rule.words()[1]))
        return wanted and (_forbids(last) or not ("E" in flags(last) or _forbids_later(guard, rule)))
    if turns_away(rule):
        return not _NEGATIVE.search(QUOTED.sub("", rule.expression))
    none_of = (entry for part in guard.sections for entry in walk(part) if entry.name.lower() == "requirenone")
    return rule.arguments.lower().startswith("not ") or any(rule is entry for one in none_of for entry in walk(one))


def turns_away(rule: Directive) -> bool:
    """Whether an If keeps out whoever meets its condition, or sends him elsewhere."""
    said = [*walk(rule)] if rule.name.lower() in {"if", "elseif"} else []
    return any(
        (entry.name.lower() == "require" and entry.arguments.lower() == "all denied")
        or entry.name.lower().startswith("redirect")
        or _forbids(entry)
        for entry in said
    )


def is_turned(guard: Guard, rule: Directive) -> bool:
    """Whether an expression keeps out whoever it holds for."""
    if rule.name.lower() != "rewritecond" or rule.words()[:1] != ["expr"]:
        return turns_away(rule)
    *_, last = block(guard, rule)
    return last is rule or _forbids(last)  # Conditions that nothing follows on are taken for those of a guard.


def is_certain(guard: Guard, rule: Directive) -> bool:
    """Whether nobody gets in who meets neither this rule nor another that is about certificates, addresses or users:
    all that may let in anybody else is known. Where readers need no certificate, of those who write."""
    if rule.name.lower() == "rewritecond":
        known = ("SSL", *(["REQUEST_METHOD"] if reads(guard) else []))
        conditions = block(guard, rule)[:-1]
        return hinges_on(guard, rule) or all(any(map(entry.arguments.__contains__, known)) for entry in conditions)
    if rule.name.lower() != "require" or hinges_on(guard, rule):
        return hinges_on(guard, rule)
    limits = (entry for entry in guard.directives if entry.name.lower() == "limitexcept")
    if any(rule is entry for limit in limits for entry in walk(limit)):
        return True
    others = (entry for entry in walk(deciding(guard)) if entry.name.lower() == "require")
    about = (*_ABOUT_ADDRESSES, *USERS, *(["method "] if reads(guard) else []))
    return all(
        any(entry is one for one in guard.rules) or entry.arguments.lower().removeprefix("not ").startswith(about)
        for entry in others
    )


def knows_nobody(rule: Directive) -> bool:
    """Whether a rule asks for what TLS says of a client by a name that mod_rewrite has nothing under: there it is
    `%{SSL:SSL_CLIENT_VERIFY}`."""
    return rule.name.lower() == "rewritecond" and rule.arguments.startswith("%{SSL_")


def hinges_on(guard: Guard, rule: Directive) -> bool:
    """Whether nobody gets in whom this one rule does not let in: no other is as good as it, and none undoes it."""
    if guard.satisfy_any:
        return False
    if rule.name.lower() == "sslrequire" or (rule.name.lower() == "if" and turns_away(rule)):
        return True
    if rule.name.lower() == "rewritecond":
        *conditions, last = block(guard, rule)
        return _forbids(last) and all("OR" in flags(entry) for entry in conditions[:-1])
    return _needs(deciding(guard), rule)


def redirect(guard: Guard) -> Directive | None:
    """Find the line that sends to the site with TLS who comes without, or the first condition of that; None where there
    is none."""
    for entry in guard.directives:
        name = entry.name.lower()
        if name.startswith(("redirect", "rewriterule")) and "https:" in entry.arguments and "P" not in flags(entry):
            return block(guard, entry)[0]
    return None


def address(guard: Guard) -> str:
    """The address that a good client has to come from; where it is all the same, one that no rule speaks of."""
    rules = _about_addresses(guard) if _wants_certificate(guard) else ()
    for rule in rules:
        if hinges_on(guard, rule) and not denies(guard, rule):
            inside = networks(rule)
            if inside or rule.arguments.lower().startswith("local"):
                return _of(inside[0]) if inside else _LOCAL
    allowed = [network for entry in guard.directives if entry.name.lower() == "allow" for network in networks(entry)]
    if allowed and not guard.satisfy_any:
        return _of(allowed[0])
    spoken_of = [network for entry in guard.directives for network in networks(entry)]
    tried = map(ipaddress.ip_address, _OUTSIDE)
    return str(next((one for one in tried if not any(one in network for network in spoken_of)), _OUTSIDE[0]))


def _of(network: _Network) -> str:
    """An address of a network that is no network's own, where there is one."""
    return str(network[min(1, network.num_addresses - 1)])


def by_address(guard: Guard) -> Iterator[Directive]:
    """Yield the rules by which an address is as good as a certificate."""
    if guard.satisfy_any:
        yield from (entry for entry in guard.directives if entry.name.lower() == "allow" and networks(entry))
    entries = [*walk(deciding(guard))]
    for rule in _about_addresses(guard):
        counts = any(rule is one for one in entries)
        if counts and not hinges_on(guard, rule) and not denies(guard, rule):
            yield rule


def user(guard: Guard) -> str | None:
    """The user whose password a good client has to know beside his certificate; None where none is needed, or where
    it is not a file that knows him."""
    basic = [word.lower() for word in guard.arguments("AuthType")] == ["basic"]
    by_any = ANYBODY in guard.arguments("AuthBasicProvider")
    if guard.fake_basic_auth or not basic or not (by_any or guard.has("AuthUserFile")) or not _wants_certificate(guard):
        return None
    for rule in guard.directives:
        if rule.name.lower() != "require" or any(rule is one for one in guard.rules):
            continue  # What stands for a certificate.
        kind, *names = [*rule.words(), ""]
        if kind.lower() in {"valid-user", "user"} and hinges_on(guard, rule):
            return names[0] or next((name for name in guard.arguments("Anonymous") if name != "*"), USER)
    return None


def writers(guard: Guard) -> str | None:
    """The method of those who need what the rules want, where these let anybody read on purpose: by `Limit` and
    `LimitExcept`, `Require method`, or a condition on the method; None where they do not."""
    for entry in guard.directives:
        name, words = entry.name.lower(), [word.upper() for word in entry.words()]
        asks = any(rule in walk(entry) for rule in guard.rules)
        others = (method for method in _WRITING if method not in words)
        if name == "limitexcept" and "GET" in words and asks:
            return next(others, None)
        if name == "limit" and "GET" not in words and asks:
            return next((method for method in _WRITING if method in words), None)
        if name == "require" and words[:1] == ["METHOD"] and "GET" in words and not hinges_on(guard, entry):
            return next(others, None)
        if name in {"if", "elseif"} and "REQUEST_METHOD" in entry.arguments and "SSL_CLIENT" in entry.arguments:
            return _WRITING[0]
        if name == "rewritecond" and "SSL_CLIENT" in entry.arguments and (method := _of_writers(block(guard, entry))):
            return method
    return None


def reads(guard: Guard) -> bool:
    """Whether the rules let anybody read on purpose, and want a certificate of who writes."""
    return writers(guard) is not None


def _of_writers(whole: list[Directive]) -> str | None:
    """A method by which a RewriteRule forbids something, where by a condition of its own it does not to who reads."""
    of_methods = [cond_pattern(entry) for entry in whole[:-1] if entry.words()[:1] == ["%{REQUEST_METHOD}"]]

    def forbids(method: str) -> bool:
        return _forbids(whole[-1]) and all(passes(test, method) for test in of_methods)

    return None if forbids("GET") else next(filter(forbids, _WRITING), None)


def leaves_it(guard: Guard) -> bool:
    """Whether httpd only asks for a certificate, and tells the application behind it who came."""
    if guard.rules or not guard.verify_client.startswith("optional"):
        return False
    told = [*filter(forwards_identity, guard.directives)]
    # Where a rule asks for such a header, httpd decides, and by what the client wrote: it is set too late for a rule.
    headers = [word.lower() for entry in told for word in entry.words()[1:2]]
    rules = [entry.arguments.lower() for entry in guard.directives if entry.name.lower() in DECIDING]
    return bool(told) and not any(header in rule for header in headers for rule in rules)


def _about_addresses(guard: Guard) -> Iterator[Directive]:
    for entry in guard.directives:
        if entry.name.lower() == "require":
            what = entry.arguments.lower().removeprefix("not ")
            if what.startswith(_ABOUT_ADDRESSES):
                yield entry


def networks(rule: Directive) -> list[_Network]:
    """The networks that a rule names; `10.1` stands for all that begins so."""
    if rule.name.lower() not in {"require", "allow", "deny"}:
        return []
    found = []
    for word in rule.words():
        first, slash, rest = word.partition("/")
        parts = first.rstrip(".").split(".")
        if not slash and len(parts) < 4 and all(part.isdigit() for part in parts):
            first, slash, rest = ".".join([*parts, *["0"] * (4 - len(parts))]), "/", str(8 * len(parts))
        try:
            found.append(ipaddress.ip_network(first + slash + rest, strict=False))
        except ValueError:
            continue  # A name, or one of the words around it.
    return found


def _wants_certificate(guard: Guard) -> bool:
    """Whether a certificate is wanted beside what the deciding rules say, or by these."""
    entries = [*walk(deciding(guard))]
    return guard.verify_client == "require" or any(rule is one for rule in guard.rules for one in entries)


def deciding(guard: Guard) -> Directive:
    """The section whose rules count: the last one that has any."""
    found = [section for section in guard.sections if any(map(authorizes, section.body))]
    return found[-1] if found else Directive("", "", "", 0)


def _needs(section: Directive, rule: Directive) -> bool:
    entries = [entry for entry in section.body if authorizes(entry)]
    inside = [entry for entry in entries if entry is rule or rule in walk(entry)]
    all_of = section.name.lower() == "requireall" or len(entries) == 1
    if not inside or not all_of or section.name.lower() == "requirenone":
        return False
    return inside[0] is rule or _needs(inside[0], rule)


def authorizes(entry: Directive) -> bool:
    """Whether a directive is a Require, or a section of such."""
    return entry.name.lower() in _AUTHORIZING


def block(guard: Guard, part_of_it: Directive) -> list[Directive]:
    """The conditions of a RewriteRule, and last the rule itself; a directive alone where it is part of no such."""
    for part in guard.sections:
        whole: list[Directive] = []
        for entry in inner(part):
            if entry.name.lower() not in {"rewritecond", "rewriterule"}:
                continue
            whole.append(entry)
            if entry.name.lower() == "rewriterule":
                if any(one is part_of_it for one in whole):
                    return whole
                whole = []
    return [part_of_it]


def _forbids_later(guard: Guard, condition: Directive) -> bool:
    """Whether a rule that follows on a condition's own forbids what that one left."""
    for part in guard.sections:
        entries = [*inner(part)]
        at = next((number for number, entry in enumerate(entries) if entry is condition), None)
        if at is not None:
            return any(_forbids(entry) for entry in entries[at:])
    return False


def turns_down(rule: Directive) -> bool:
    """Whether a RewriteRule answers by a status that is an error's."""
    return _forbids(rule) or re.search(r"\bR=4\d\d", rule.arguments) is not None


def _forbids(rule: Directive) -> bool:
    return rule.name.lower() == "rewriterule" and "F" in flags(rule)
