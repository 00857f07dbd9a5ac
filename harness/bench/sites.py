"""Does the time of a verification grow with the number of sites, and not faster?"""

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.bench.row import Row, growth
from harness.engine import ServerError
from harness.verify import REFERENCE, Run, Target, verify

CASES = ("validity.expired", "absent.none", "revocation.revoked_leaf")


def rows(counts: Sequence[int]) -> Iterator[Row]:
    """Verify copies of the reference deployment with this many sites, few cases each; three counts at least.

    The growth is what one more site costs among many, over what it costs among few.
    """
    taken: list[tuple[int, float]] = []
    for count in counts:
        run = verified(count)
        taken.append((count, run.timing_s["total"]))
        parts = ", ".join(f"{part} {seconds:.2f} s" for part, seconds in run.timing_s.items() if part != "total")
        plural = "site" if count == 1 else "sites"
        yield Row(f"{count} {plural}", run.timing_s["total"], "s", detail=f"{len(run.results)} probes: {parts}")
    yield Row(
        f"growth, {counts[-2]} to {counts[-1]} sites",
        growth(*taken[-3:]),
        "",
        at_most=1.2,
        detail=", ".join(f"{1000 * taken_s / count:.0f} ms a site among {count}" for count, taken_s in taken[1:]),
    )


def verified(count: int) -> Run:
    """Verify that many sites."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "httpd.conf").write_text(several((REFERENCE.configuration / "httpd.conf").read_text(), count))
        run = verify(Target(Path(folder), f"{count} sites", REFERENCE.depth), only=lambda case: case.id in CASES)
    if run.verdict() != "pass" or len(run.sites) != count:
        raise ServerError(f"The verification of {count} sites went wrong: {run.verdict()} {run.trouble or ''}")
    return run


def several(configuration: str, count: int) -> str:
    """Repeat the virtual host of a configuration under other names."""
    found = re.search(r"^<VirtualHost .*?^</VirtualHost>\n", configuration, re.DOTALL | re.MULTILINE)
    if not found:
        raise ServerError("images/httpd/conf/httpd.conf has no virtual host to copy.")
    host = re.sub(r"^ *ServerAlias .*\n", "", found[0], flags=re.MULTILINE)
    # The reference deployment's own names stand in it.
    host = re.sub(r"Require expr .*", "Require all granted", host)
    copies = (re.sub(r"ServerName .*", f"ServerName site-{number}.test", host) for number in range(1, count + 1))
    return configuration[: found.start()] + "".join(copies) + configuration[found.end() :]
