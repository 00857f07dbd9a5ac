"""Which directives of a virtual host decide about access to one of its paths?"""

from collections.abc import Iterator

from harness.httpd.authorization import Decision, Place, decide
from harness.httpd.authorization import Section as Merged
from harness.httpd.pcre import search
from harness.httpd.section import PLACES, Section, merged, sections
from harness.httpd.users import Files
from harness.httpd.virtual_host import VirtualHost


def decision(host: VirtualHost, url: str, files: Files, *, intended: bool = False) -> Decision:
    """Return the access decision of a path, or the `intended` one; `files` are those of CONFIG."""
    found = merged([section for level in host.levels for section in sections(level.body, split=False)])
    content = host.content(url)

    def covering(path: str, served: str) -> Iterator[Merged]:
        mapping = host.mapping(path)
        backend_url = mapping.backend_url(path) if mapping else None
        for section in found:
            if section.covers(path, served, backend_url):
                yield Merged(section.entry.body, section.kind, section.text)

    known = {
        "REQUEST_URI": url,
        "DOCUMENT_URI": url,
        "HTTPS": "on" if host.tls else "off",
        "REQUEST_SCHEME": "https" if host.tls else "http",
        "DOCUMENT_ROOT": host.root,
        "REQUEST_FILENAME": content if content.startswith("/") else url,
        "SCRIPT_FILENAME": content if content.startswith("/") else url,
        "IS_SUBREQ": "false",
        **dict(_early_headers(host)),
    }
    levels = [[entry for entry in level.body if entry.kind not in (*PLACES, "virtualhost")] for level in host.levels]
    return decide(
        Place(
            url,
            levels,
            covering,
            host.content,
            known,
            files,
            {name: value for section in found for name, value in _groups(section, url, content)},
            intended,
        )
    )


def _early_headers(host: VirtualHost) -> Iterator[tuple[str, str]]:
    """Yield the headers that no client can set: httpd sets or removes them before the access check (`early`)."""
    for level in host.levels:
        for entry in level.find("RequestHeader"):
            action, name, *rest = [*entry.words, "", ""]
            if rest and "early" in rest and action.lower() in {"set", "unset"}:
                yield f"HTTP:{name.lower()}", rest[0] if action.lower() == "set" else ""


def _groups(section: Section, url: str, content: str) -> Iterator[tuple[str, str]]:
    """Yield the texts of an expression's named groups in a path: `MATCH_` and the name (core documentation)."""
    where = {"location": url, "directory": content, "files": url.rpartition("/")[2]}.get(section.kind, "")
    if section.is_expression and "(?<" in section.text and (found := search(section.text, where)):
        for name, value in found.groupdict("").items():
            yield f"MATCH_{name.upper()}", value
