"""Which directive of httpd's own maps a request as a content handler's does?"""

import re

from harness.httpd.arguments import words

_NOBODY = "ajp://127.0.0.1:9"
"""A servlet container that never answers. Port 9 discards (RFC 863)."""


def stand_in(text: str) -> str | None:
    """The directive that maps the same paths to the same files, or past the file system to a backend; None where the
    handler's directive maps nothing.

    mod_wsgi maps as Alias does, with the rest of the path after the script's name. mod_jk takes requests before any
    folder's section counts, as mod_proxy does.
    """
    name, *arguments = words(text.strip())
    kind = name.lower()
    if kind == "wsgiscriptalias" and len(arguments) >= 2:
        slash = "/" if arguments[0].endswith("/") else ""
        return f'Alias "{arguments[0]}" "{arguments[1]}{slash}"'
    if kind == "wsgiscriptaliasmatch" and len(arguments) >= 2:
        return f'AliasMatch "{arguments[0]}" "{arguments[1]}"'
    if kind == "jkmount":
        return _mounted(arguments)
    return None


def _mounted(arguments: list[str]) -> str:
    if len(arguments) < 2:
        return f'ProxyPass "{_NOBODY}/"'
    path = arguments[0].replace("|/*", "/*")
    if re.fullmatch(r"/[^*?|]*\*?", path):
        path = path.removesuffix("*")
        return f'ProxyPass "{path}" "{_NOBODY}{path}"'
    expression = re.escape(path).replace(r"\*", ".*").replace(r"\?", ".").replace(r"\|", "|")
    return f'ProxyPassMatch "^({expression})$" "{_NOBODY}$1"'
