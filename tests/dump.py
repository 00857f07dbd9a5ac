"""A configuration as httpd dumps it (mod_info), for what is read of that without an engine."""

from harness.httpd.directive import parse
from harness.httpd.site import Site, sites


def dump(*lines: str) -> str:
    """Write lines as httpd does: each directive with its number before it, indented by the sections that it stands in.

    A section in which nothing stands has no closing line there.
    """
    written = ["# In file: /site.conf"]
    depth, is_empty = 0, False
    for number, line in enumerate(lines, 1):
        if line.startswith("</"):
            depth -= 1
            written += [] if is_empty else [f"{'  ' * depth}{line}"]
            is_empty = False
        else:
            written += [f"{'  ' * depth}# {number:3}:", f"{'  ' * depth}{line}"]
            is_empty = line.startswith("<")
            depth += is_empty
    return "\n".join([*written, ""])


def places(*lines: str, client: str = "none") -> tuple[Site, ...]:
    """Find the places of one virtual host with TLS, in which these are the lines from the fourth on."""
    whole = dump("<VirtualHost *:443>", "SSLEngine on", f"SSLVerifyClient {client}", *lines, "</VirtualHost>")
    return sites(parse(whole, {"/site.conf": "site.conf"}), complete=False).places
