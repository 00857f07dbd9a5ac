"""How does httpd split the arguments of a directive into words?"""


def words(text: str) -> list[str]:
    """Split arguments as most directives do (`ap_getword_conf`): in quotes, a backslash before a backslash or before
    the quote is taken away."""
    found: list[str] = []
    rest = text.lstrip()
    while rest:
        word, rest = _word(rest)
        found.append(word)
        rest = rest.lstrip()
    return found


def _word(text: str) -> tuple[str, str]:
    quote = text[0] if text[0] in "\"'" else ""
    at, parts = len(quote), []
    while at < len(text) and not (text[at] == quote if quote else text[at].isspace()):
        if text[at] == "\\" and (text[at + 1 : at + 2] == "\\" or (quote and text[at + 1 : at + 2] == quote)):
            at += 1
        elif text[at] == "\\" and not quote and text[at + 1 : at + 2].isspace():
            # The backslash stays.
            parts.append(text[at])
            at += 1
        parts.append(text[at])
        at += 1
    return "".join(parts), text[at + len(quote) :]


def rewrite_words(text: str) -> list[str]:
    """Split arguments as mod_rewrite does: at most three, backslashes stay, and no quote can be escaped."""
    found: list[str] = []
    rest = text.lstrip()
    while rest and len(found) < 3:
        quote = rest[0] if rest[0] in "\"'" else ""
        at = len(quote)
        while at < len(rest) and not (rest[at] == quote if quote else rest[at].isspace()):
            at += 2 if rest[at] == "\\" and rest[at + 1 : at + 2].isspace() else 1
        found.append(rest[len(quote) : at])
        rest = rest[at + len(quote) :].lstrip()
    return found
