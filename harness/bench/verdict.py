"""How long is it from `verify` to its verdict, and where does the time go?"""

from collections.abc import Iterator, Mapping

from harness.bench.row import Row, middle, spread
from harness.engine import ServerError, image
from harness.verify import Run, verify

_GOALS = {"total": 3.0, "pki": 0.5}
_PARTS: Mapping[str, str] = {
    "total": "whole catalogue",
    "engine": "  engine, httpd",
    "pki": "  certificates, CRLs",
    "probes": "  probes",
}


def rows(runs: int) -> Iterator[Row]:
    """Verify the reference deployment again and again, its image at hand."""
    image("httpd")
    done = [_checked(verify()) for _ in range(runs)]
    for part, what in _PARTS.items():
        taken = [run.timing_s[part] for run in done]
        yield Row(
            what,
            middle(taken),
            "s",
            at_most=_GOALS.get(part),
            detail=f"{spread(taken, 2)}, {len(done[0].results)} probes each",
        )


def _checked(run: Run) -> Run:
    if run.verdict() != "pass":
        raise ServerError(f"The reference deployment does not pass, so its time says nothing: {run.trouble or ''}")
    return run
