"""Every correct configuration, weakened one directive at a time: which of the holes are found?

`make mutants` runs them all. It prints how many failed, got no verdict, did not start, are equivalent by
the formula, are only noted, were missed, or failed on another line, and how many correct configurations were called
broken. It exits
with 1 unless nothing was missed and nothing was false. `make mutants ARGS=N` runs every Nth.
"""

import functools
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from harness.engine import ServerError
from harness.httpd.formula import FALSE, TRUE, all_of, cofactor, variables
from harness.httpd.layout import ConfigurationError
from harness.httpd.site import Site
from harness.httpd.variables import VERIFY, Origin, variable
from harness.httpd.witness import TooLargeError, equivalent
from harness.verify import Run, Target, verify
from harness.verify.plan import NothingToDoError
from tests.configurations.corpus import Configuration, corpus

_SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# What a line becomes; nothing where it goes. `\g<0>` is the line as it was.
_WEAKER: list[tuple[str, str, tuple[str, ...]]] = [
    ("SSLVerifyClient require", r"SSLVerifyClient require", ("SSLVerifyClient optional", "SSLVerifyClient none", "")),
    (
        "SSLVerifyClient optional",
        r"SSLVerifyClient optional",
        ("SSLVerifyClient none", "SSLVerifyClient optional_no_ca"),
    ),
    (
        "SSLCARevocationCheck",
        r"SSLCARevocationCheck chain",
        ("SSLCARevocationCheck leaf", r"\g<0> no_crl_for_cert_ok", "SSLCARevocationCheck none", ""),
    ),
    ("SSLCARevocationFile", r"SSLCARevocation(File|Path) \S+", ("",)),
    ("SSLVerifyDepth", r"SSLVerifyDepth \d+", ("SSLVerifyDepth 0", "SSLVerifyDepth 10")),
    ("SSLCACertificateFile", r"SSLCACertificateFile \S+", (f"SSLCACertificateFile {_SYSTEM_BUNDLE}", "")),
    ("Require ssl-verify-client", r"Require ssl-verify-client", ("Require all granted", r"\g<0>\n        Satisfy any")),
    ("SUCCESS", r"(.*)== 'SUCCESS'(.*)", (r"\1!= 'SUCCESS'\2",)),
    ("not SUCCESS", r"(.*)!= 'SUCCESS'(.*)", (r"\1== 'SUCCESS'\2",)),
    ("RewriteEngine", r"RewriteEngine on", ("RewriteEngine off",)),
    ("RewriteRule", r"RewriteRule .*\[F\]", ("",)),
    ("Redirect", r"Redirect permanent / .*", ("DocumentRoot /var/www/html",)),
    ("SSLEngine", r"SSLEngine on", (r"\g<0>\n    SSLCipherSuite DEFAULT:@SECLEVEL=0",)),
]


@dataclass(frozen=True)
class Mutant:
    """A correct configuration with one directive weakened; `lines` are those that a finding may name."""

    parent: Configuration
    operator: str
    text: str
    lines: frozenset[int]

    def __str__(self) -> str:
        return f"{self.parent}: {self.operator}"


def mutants(parent: Configuration) -> Iterator[Mutant]:
    """Yield every change of one configuration that admits more clients, or refuses a good one."""
    lines = parent.text.splitlines()
    for number, line in enumerate(lines):
        # What UserDir serves is named as not examined.
        if line.startswith("#") or "<Directory /home/" in lines[number - 1]:
            continue
        for name, pattern, weaker in _WEAKER:
            found = re.fullmatch(rf"(?P<indent>\s*)(?P<directive>{pattern})", line)
            for by in weaker if found else ():
                directive = re.sub(pattern, by, line.strip())
                if _is_equivalent(parent, name, by, _host(lines, number)):
                    continue
                changed = [
                    *lines[:number],
                    f"{' ' * (len(line) - len(line.lstrip()))}{directive}",
                    *lines[number + 1 :],
                ]
                yield Mutant(
                    parent,
                    f"{line.strip()} → {directive or 'nothing'}",
                    "\n".join(changed) + "\n",
                    _named(lines, number),
                )


def _named(lines: list[str], number: int) -> frozenset[int]:
    """The lines that answer for a change: itself, what was added below, and the sections that now lack it."""
    above = number
    while lines[above - 1].strip().startswith("RewriteCond"):
        above -= 1
    opened = [at for at in range(number) if re.match(r"\s*<\w", lines[at])]
    # What stands outside of them is for every virtual host.
    opened = opened or [at for at, line in enumerate(lines) if line.startswith("<VirtualHost")]
    # Where there is none, its first line stands for it.
    opened = opened or [at for at, line in enumerate(lines) if line and not line.startswith("#")][:1]
    # Where nothing requires a certificate any more, what only asks for one is at fault.
    opened += [at for at, line in enumerate(lines) if line.strip() == "SSLVerifyClient optional"]
    # Where the CRLs are of other authorities than those that are trusted, either may be the wrong ones.
    if lines[number].strip().startswith("SSLCACertificateFile"):
        opened += [at for at, line in enumerate(lines) if line.strip().startswith("SSLCARevocationCheck")]
    # One of two conditions that both admit every client now, or one that makes the other sufficient.
    opened += [at for at, line in enumerate(lines) if line.strip() in {"Satisfy any", "AuthBasicProvider anon"}]
    # Conditions that nothing asks any more.
    if lines[number].strip().startswith(("RewriteEngine", "RewriteRule")):
        opened += [at for at, line in enumerate(lines) if line.strip().startswith("RewriteCond")]
    return frozenset({*range(above + 1, number + 3), *(at + 1 for at in opened)})


def _host(lines: list[str], number: int) -> str:
    """The virtual host that a line stands in, as far as there is one."""
    opened = [at for at in range(number) if lines[at].startswith("<VirtualHost")]
    closed = [at for at in range(number, len(lines)) if lines[at].startswith("</VirtualHost")]
    return "\n".join(lines[opened[-1] if opened else 0 : closed[0] if closed else None])


def _is_equivalent(parent: Configuration, name: str, by: str, host: str) -> bool:
    """Whether a change of what the handshake or the revocation check decides opens nothing: the same stands elsewhere
    as well. What a change of the rules opens is asked of the formula (`same_decisions`)."""
    if name == "SSLEngine":
        # What stands there sets the level again; and where no certificate is asked for, none is too weak.
        asked = "SSLVerifyClient" in host or "SSLVerifyClient" not in parent.text
        return "SSLCipherSuite" in parent.text or "SSLVerifyClient none" in host or not asked
    # A client below an intermediate is not of the issuer that the rule wants, revoked or not.
    of_an_intermediate = "leaf" in by or "no_crl" in by
    return name == "SSLCARevocationCheck" and of_an_intermediate and "SSL_CLIENT_I_DN" in parent.text


def same_decisions(one: Run, other: Run) -> bool:
    """Whether two configurations decide alike at every site: for verified clients, and for those without a
    certificate."""
    sites = {site.url: site for site in other.sites}
    if {site.url for site in one.sites} != sites.keys():
        return False
    return all(_same(site, sites[site.url]) for site in one.sites)


def _same(one: Site, other: Site) -> bool:
    formulas = (one.decision.formula, other.decision.formula)
    asked = {name for formula in formulas for name in variables(formula) if name.origin is Origin.CERTIFICATE}
    verify = variable(VERIFY)
    verified = {verify: "SUCCESS"}
    nobody = dict.fromkeys(asked, "") | {verify: "NONE"}
    by_handshake = [FALSE if site.guard.in_handshake else TRUE for site in (one, other)]
    try:
        return equivalent(*(cofactor(formula, verified) for formula in formulas)) and equivalent(
            *(
                all_of((allowed, cofactor(formula, nobody)))
                for allowed, formula in zip(by_handshake, formulas, strict=True)
            )
        )
    except TooLargeError:
        return False


@dataclass(frozen=True)
class Judged:
    """The outcome of a mutant: `failed`, `no verdict`, `does not start`, `equivalent` to its parent, `noted` (it passes
    with a note about the line that its parent does not have), `missed`, or failed on a `wrong line`."""

    mutant: Mutant
    outcome: str


def judged(mutant: Mutant) -> Judged:
    """Verify it as a user would."""
    with tempfile.TemporaryDirectory() as folder:
        config, file = mutant.parent.lay_out(Path(folder), mutant.text)
        try:
            run = verify(Target.from_path(config))
        except (ServerError, ConfigurationError):
            return Judged(mutant, "does not start")
        except NothingToDoError:
            # It promises nothing any more, which is no pass.
            return Judged(mutant, "no verdict")
    return Judged(mutant, _outcome(run, file, mutant))


def _outcome(run: Run, file: str, mutant: Mutant) -> str:
    verdict = run.verdict(strict=True)
    if verdict == "pass":
        parent = verified(mutant.parent)
        new = {(entry.file, entry.line) for entry in run.findings if entry not in parent.findings}
        noted = new & {(file, line) for line in mutant.lines}
        return "equivalent" if same_decisions(run, parent) else "noted" if noted else "missed"
    if verdict == "inconclusive":
        return "no verdict"
    found = {(entry.file, entry.line) for entry in run.findings if entry.level != "note"}
    return "failed" if found & {(file, line) for line in mutant.lines} else "wrong line"


@functools.cache
def verified(parent: Configuration) -> Run:
    """Verify a correct configuration, once."""
    with tempfile.TemporaryDirectory() as folder:
        return verify(Target.from_path(parent.lay_out(Path(folder))[0]))


def false_alarm(parent: Configuration) -> bool:
    """Whether a correct configuration is called anything but correct."""
    return verified(parent).verdict(strict=True) != "pass"


def main() -> None:
    """Run them all."""
    parents = [entry for entry in corpus() if entry.correct]
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    found = [mutant for parent in parents for mutant in mutants(parent)][::every]
    parents = parents[::every]
    console = Console(highlight=False)
    count: Counter[str] = Counter()
    with (
        ThreadPoolExecutor(2) as workers,
        Progress(console=console, transient=True, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task("mutants", total=len(found) + len(parents))
        for one in workers.map(judged, found):
            count[one.outcome] += 1
            bar.advance(task)
            if one.outcome in {"missed", "wrong line"}:
                console.print(f"{one.outcome}: {one.mutant}", markup=False)
        for parent, alarm in zip(parents, workers.map(false_alarm, parents), strict=True):
            bar.advance(task)
            count["false alarms"] += alarm
            if alarm:
                console.print(f"false alarm: {parent}", markup=False)
    outcomes = ("failed", "no verdict", "does not start", "equivalent", "noted", "missed", "wrong line")
    counted = ", ".join(f"{count[outcome]} {outcome}" for outcome in outcomes)
    alarms = count["false alarms"]
    console.print(f"{len(found)} mutants of {len(parents)} correct configurations: {counted}; {alarms} false alarms.")
    sys.exit(1 if count["missed"] or count["false alarms"] else 0)


if __name__ == "__main__":
    main()
