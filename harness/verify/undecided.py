"""At which sites does a module decide about admission that this httpd does not have?"""

from collections.abc import Iterable, Iterator

from harness.httpd.directive import Directive
from harness.httpd.foreign import TO_TEST, deciding_directive
from harness.httpd.layout import CoverageGap
from harness.httpd.site import Site


def undecided(places: Iterable[Site]) -> list[tuple[Site, Directive]]:
    """The sites at which a foreign module decides, each with the responsible directive."""
    found = ((site, deciding_directive(site.guard)) for site in places)
    return [(site, directive) for site, directive in found if directive]


def gaps(found: Iterable[tuple[Site, Directive]]) -> Iterator[CoverageGap]:
    """Yield the untested decisions: one entry for each directive."""
    urls: dict[Directive, list[str]] = {}
    for site, entry in found:
        urls.setdefault(entry, []).append(site.url)
    for entry, named in urls.items():
        what = f"who is admitted at {', '.join(named)}: `{entry.name} {entry.arguments}` leaves that to another module"
        yield CoverageGap(what, entry.file, entry.line, TO_TEST)


def no_verdict(found: Iterable[tuple[Site, Directive]]) -> str | None:
    """The message that there is no verdict at sites that require a certificate; None if there are no such sites."""
    named = "; ".join(
        f"{site.url} ({entry.file}:{entry.line}, `{entry.name} {entry.arguments}`)"
        for site, entry in found
        if site.guard.requirement
    )
    if not named:
        return None
    return f"Not decided: who is admitted at {named}. A module decides there that this httpd does not have. {TO_TEST}"
