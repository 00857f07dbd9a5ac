"""Is a file a template, from which another program makes a configuration?"""

import re

_PLACEHOLDERS = (
    ("Jinja2, Helm or Ansible", re.compile(r"\{\{[^{}\n]*\}\}|\{%-?\s*\w[^\n]*%\}")),
    ("ERB (Puppet, Chef)", re.compile(r"<%[=#-]?[^\n]*%>")),
    ("placeholders between %%", re.compile(r"%%\w+%%")),
    ("placeholders between @", re.compile(r"(?<=[\s/:\"'])@[A-Za-z_]\w*@")),
    ("placeholders between __", re.compile(r"(?<=[\s/:\"'])__[A-Z][A-Z0-9_]*__")),
)


def placeholder(text: str) -> tuple[int, str, str] | None:
    """The line, the text and the kind of the first placeholder of a template; None where there is none. Comments do not
    count."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        for kind, pattern in _PLACEHOLDERS:
            if found := pattern.search(line):
                return number, found[0], kind
    return None


def advice(name: str, text: str) -> str | None:
    """The message about a template; None where the file is none."""
    found = placeholder(text)
    if found is None:
        return None
    line, what, kind = found
    return (
        f"{name}:{line}: `{what}` is a placeholder ({kind}): the file is a template, not a configuration.\n"
        "Render it first, with the values of the server in question, and verify the result."
    )
