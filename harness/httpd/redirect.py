"""What do Redirect, RedirectMatch, RedirectPermanent and RedirectTemp say (mod_alias)?"""

from dataclasses import dataclass

from harness.httpd.directive import Directive

_STATUSES = {"permanent": 301, "temp": 302, "seeother": 303, "gone": 410}


@dataclass(frozen=True)
class Redirect:
    """One Redirect: the path that it begins at (a regular expression of RedirectMatch), or "" for its section's.
    `target` is "" for a status without a new URL."""

    directive: Directive
    status: int
    path: str
    target: str


def redirect(entry: Directive) -> Redirect | None:
    """Read a directive; None if it is no Redirect."""
    if entry.kind not in {"redirect", "redirectmatch", "redirectpermanent", "redirecttemp"}:
        return None
    words, status = [*entry.words], _STATUSES.get(entry.kind.removeprefix("redirect"), 302)
    if entry.kind in {"redirect", "redirectmatch"} and (entry.value in _STATUSES or entry.value.isdigit()):
        status = _STATUSES.get(entry.value) or int(entry.value)
        words = words[1:]
    is_path = len(words) > 1 or entry.kind == "redirectmatch" or not 300 <= status < 400
    path, *target = words if is_path and words else ["", *words]
    return Redirect(entry, status, path, "".join(target[:1]))
