"""Which directives protect one site, and which one admits unauthenticated clients there?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from harness.httpd.conditions import DECIDING, forwards_identity
from harness.httpd.directive import Directive, walk
from harness.httpd.redirect import redirect
from harness.httpd.rewrite_rule import rules
from harness.httpd.section import Section

# The directives of a virtual host that are useful only with client certificates, even if they have no effect.
_INTENT = {
    *("sslcacertificatefile", "sslcacertificatepath", "sslcadnrequestfile", "sslcadnrequestpath"),
    *("sslcarevocationfile", "sslcarevocationpath", "sslcarevocationcheck", "sslverifydepth"),
}
USERS = {"valid-user", "user", "group"}
"""What a Require names that is about users."""
_PER_DIRECTORY_TLS = {"sslverifyclient", "sslverifydepth", "sslciphersuite"}
"""Directives for which mod_ssl renegotiates, or asks after the handshake, if a section has its own."""
_OPENING = {"require": ["all", "granted"], "allow": ["from", "all"]}


@dataclass(frozen=True)
class Guard:
    """What protects a site: the directives in force, and the virtual host that it belongs to.

    `handshake` is the `SSLVerifyClient` of the virtual host, which the handshake obeys. `requirement` is the directive
    by which the configuration admits only clients with a certificate; None if there is none. `rules` are the directives
    that depend on the certificate, `sections` those that cover the site, in the order of merging. `granting_directive`
    is the line that admits unauthenticated clients, `mapping` the Alias or ProxyPass that leads to the content. A guard
    that `denies_all` admits no client, an `intentionally_public` one every client on purpose, by the sections in
    `opening`. `partly_protected` says that another guard protects a larger part of the content. `bypassed_by` is the
    line because of which the site lies beside that guard: a section that ends before the path, or a mapping of another
    virtual host. `http2` says whether the virtual host offers HTTP/2.
    """

    section: Directive
    in_force: Mapping[str, Directive]
    granting_directive: Directive
    handshake: str = "none"
    requirement: Directive | None = None
    rules: tuple[Directive, ...] = ()
    sections: tuple[Section, ...] = ()
    mapping: Directive | None = None
    denies_all: bool = False
    intentionally_public: bool = False
    opening: tuple[Section, ...] = ()
    partly_protected: bool = False
    bypassed_by: Directive | None = None
    http2: bool = False
    exempt: str = ""
    """The public path by whose exception this one is open as well, since the expression is not anchored."""

    @property
    def verify_client(self) -> str:
        """`SSLVerifyClient`, httpd's default where it is absent."""
        return self._value("SSLVerifyClient", "none")

    @property
    def verify_depth(self) -> int:
        """`SSLVerifyDepth`, httpd's default where it is absent."""
        return int(self._value("SSLVerifyDepth", "1"))

    @property
    def crl_check(self) -> str:
        """`SSLCARevocationCheck`, httpd's default where it is absent."""
        return self._value("SSLCARevocationCheck", "none")

    @property
    def ocsp(self) -> str:
        """`SSLOCSPEnable`, httpd's default where it is absent."""
        return self._value("SSLOCSPEnable", "off")

    @property
    def means_ocsp(self) -> bool:
        """Whether any `SSLOCSP…` directive shows that OCSP is intended, even if it has no effect."""
        forgotten = not self.has("SSLOCSPEnable") and any(name.startswith("sslocsp") for name in self.in_force)
        return self.ocsp != "off" or forgotten

    @property
    def revocation(self) -> str:
        """How revocation is checked: `none`, `leaf` or `chain` by CRL, `ocsp` or `ocsp leaf`, or both."""
        found = {"off": [], "leaf": ["ocsp leaf"]}.get(self.ocsp, ["ocsp"])
        return " + ".join([*([self.crl_check] if self.crl_check != "none" or not found else []), *found])

    @cached_property
    def directives(self) -> tuple[Directive, ...]:
        """Every directive that is about this place, containers and conditions included."""
        return tuple(entry for part in self.sections for entry in part.inner())

    @property
    def satisfy_any(self) -> bool:
        """Whether an address is enough without the rules (`Satisfy any`)."""
        return self._chooses("Satisfy", "any")

    @property
    def fake_basic_auth(self) -> bool:
        """Whether a certificate's subject is made a user (`SSLOptions +FakeBasicAuth`)."""
        return self._chooses("SSLOptions", "fakebasicauth")

    @property
    def delegates_to_backend(self) -> bool:
        """Whether certificates are optional, and the application behind httpd decides by the identity it receives."""
        if self.rules or not self.verify_client.startswith("optional"):
            return False
        forwarding = [*filter(forwards_identity, self.directives)]
        # A rule about such a header decides by the client's own one: mod_headers sets it later.
        headers = [word.lower() for entry in forwarding for word in entry.words[1:2]]
        rules = [entry for entry in self.directives if entry.kind in DECIDING]
        return bool(forwarding) and not any(rule.mentions(header) for header in headers for rule in rules)

    @property
    def redirect_to_tls(self) -> Directive | None:
        """The line that redirects to the site with TLS, or the first condition of that; None where there is none."""
        for part in self.sections:
            entries = [*part.inner()]
            rewrites = {id(rule.directive): rule for rule in rules(entries)}
            for entry in entries:
                if (found := redirect(entry)) and found.target.startswith("https:"):
                    return entry
                rule = rewrites.get(id(entry))
                if rule and "P" not in rule.flags and rule.substitution.startswith("https:"):
                    return rule.conditions[0].directive if rule.conditions else entry
        return None

    @property
    def in_handshake(self) -> bool:
        """Whether the handshake requires a valid certificate."""
        return self.handshake == "require"

    @property
    def renegotiates(self) -> bool:
        """Whether a section has settings of its own for what the handshake decides."""
        return self.renegotiating is not None

    @property
    def renegotiating(self) -> Directive | None:
        """The last such setting of a section; None where there is none."""
        own = [entry for part in self.sections[1:] for entry in part.inner() if entry.kind in _PER_DIRECTORY_TLS]
        return own[-1] if own else None

    @property
    def largest_body(self) -> int:
        """`LimitRequestBody` in bytes, httpd's default where it is absent; 0 is no limit."""
        return int(self._value("LimitRequestBody", "1073741824"))

    def has(self, name: str) -> bool:
        """Whether the directive is in force."""
        return name.lower() in self.in_force

    def arguments(self, name: str) -> tuple[str, ...]:
        """The arguments of a directive in force; none where it is absent."""
        return self.in_force[name.lower()].words if self.has(name) else ()

    def responsible(self, name: str) -> Directive:
        """The line to change: the directive, or the opening line of the section that lacks it."""
        return self.in_force.get(name.lower(), self.section)

    def _chooses(self, name: str, option: str) -> bool:
        return any(option in word.lower() for word in self.arguments(name))

    def _value(self, name: str, default: str) -> str:
        found = self.arguments(name)
        return found[0].lower() if found else default


def uses_unset_variable(rule: Directive) -> bool:
    """Whether a condition uses a TLS variable by a name that is always empty in mod_rewrite: there it is
    `%{SSL:SSL_CLIENT_VERIFY}`."""
    return rule.kind == "rewritecond" and rule.value.startswith("%{ssl_")


def wants_to_know(entry: Directive) -> bool:
    """Whether a directive is useful only where the server requests a client certificate."""
    asks = entry.kind == "sslverifyclient" and entry.value != "none"
    return asks or entry.kind in _INTENT


def by_mistake(guard: Guard, claim: Directive) -> Guard:
    """The guard with a requirement, where a public section is a mistake because nothing else is guarded: `claim` is
    the directive that shows the intention."""
    grants = [entry for section in guard.opening for entry in section.unconditional if _grants(entry)]
    return replace(
        guard,
        requirement=claim,
        granting_directive=grants[-1] if guard.intentionally_public and grants else guard.granting_directive,
    )


def opens(section: Section) -> bool:
    """Whether a section admits every client without a condition."""
    return any(map(_grants, section.unconditional))


def _grants(entry: Directive) -> bool:
    return [word.lower() for word in entry.words] == _OPENING.get(entry.kind)


def replaced(covering: list[Section], in_force: Mapping[str, Directive]) -> list[Directive]:
    """Find the Require directives that a later section replaces, as it does unless AuthMerging is on."""
    if "authmerging" in in_force and in_force["authmerging"].value != "off":
        return []
    asking = [found for section in covering if (found := [e for e in section.inner() if e.kind == "require"])]
    return [entry for found in asking[:-1] for entry in found]


def _admits_some_clients(condition: Directive) -> bool:
    """Whether a conditional section has a Require of its own that may admit a client."""
    return any(entry.kind == "require" and not entry.mentions("denied") for entry in walk(condition))


def denies_all(covering: list[Section], conditional: Iterable[Directive]) -> bool:
    """Whether the rules in force, those of the section that is merged last, deny all clients.

    An If is merged after all sections, wherever it stands (core documentation, "How the sections are merged").
    """
    asking = [[one for one in section.unconditional if one.kind == "require"] for section in covering]
    rules = [found for found in asking if found]
    denied = bool(rules) and [[word.lower() for word in entry.words] for entry in rules[-1]] == [["all", "denied"]]
    return denied and not any(_admits_some_clients(entry) for entry in conditional)


def granting_directive(guard: Guard, set_by: Mapping[str, Directive]) -> Directive:
    """The line that admits unauthenticated clients; `set_by` are the setters of the variables in rules."""
    if guard.bypassed_by:
        return guard.bypassed_by
    if guard.satisfy_any:
        return guard.in_force["satisfy"]
    if any("or" in word.lower() for word in guard.arguments("AuthMerging")):
        return guard.in_force["authmerging"]
    claim = guard.requirement
    if guard.rules and guard.verify_client == "none":
        return guard.responsible("SSLVerifyClient")
    mapping = guard.mapping
    if mapping and claim and claim.kind == "rewritecond" and mapping.kind == "rewriterule":
        # A rule that ends the processing before the guarding rule.
        return mapping if (mapping.file, mapping.line) < (claim.file, claim.line) else claim
    if claim is None or claim.kind in {"sslverifyclient", *_INTENT}:
        return guard.responsible("SSLVerifyClient")
    is_replaced = claim.kind == "require" and any(claim is entry for entry in guard.directives)
    found = guard.in_force.get("require", claim) if is_replaced else claim
    return next((set_by[word] for word in found.words[1:] if word in set_by), found)
