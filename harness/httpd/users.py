"""Which users do password files and group files name?"""

import re
from collections.abc import Callable, Iterable, Sequence

Files = Callable[[str], bytes]
"""Returns what CONFIG holds of a file, by the path that the configuration has for it; nothing where it does not."""


def known_users(files: Files, paths: Sequence[str]) -> list[str] | None:
    """Return the users of password files, in their order; None where CONFIG holds none of these files."""
    texts = [files(path).decode(errors="replace") for path in paths]
    if not any(texts):
        return None
    return [line.rpartition(":")[0] for text in texts for line in text.splitlines() if ":" in line]


def members(files: Files, paths: Iterable[str], groups: Iterable[str]) -> list[str]:
    """Return the members of these groups, as far as CONFIG holds the files."""
    wanted = set(groups)
    texts = (files(path).decode(errors="replace") for path in paths)
    lines = (line.partition(":") for text in texts for line in text.splitlines())
    return [
        quoted or plain
        for name, _, listed in lines
        if name.strip() in wanted
        for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', listed)
    ]
