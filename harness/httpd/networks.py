"""Which addresses does a network hold, as httpd writes it?"""

import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def network(text: str) -> Network | None:
    """Read a network as httpd writes it; `10.1` stands for every address that begins so. None where it is none."""
    first, slash, rest = text.strip().partition("/")
    parts = first.rstrip(".").split(".")
    if not slash and len(parts) < 4 and all(part.isdigit() for part in parts):
        first, slash, rest = ".".join([*parts, *["0"] * (4 - len(parts))]), "/", str(8 * len(parts))
    try:
        return ipaddress.ip_network(first + slash + rest, strict=False)
    except ValueError:
        return None


def first_host(found: Network) -> str:
    """Return the first usable host address of a network."""
    return str(found[min(1, found.num_addresses - 1)])


def in_network(address: str, text: str) -> bool:
    """Whether an address is in a network; no text that is none is."""
    found = network(text)
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = known.ipv4_mapped if isinstance(known, ipaddress.IPv6Address) else None
    return found is not None and (mapped or known) in found
