"""How long do whole commands take, from the start of the process to its end, next to the previous release?"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.bench.row import Row, middle, spread
from harness.bench.sites import several
from harness.engine import ServerError
from harness.verify import REFERENCE

PREVIOUS = Path(__file__).with_name("previous.json")
"""The previous release's seconds, by the row's name; the machine is named by its cores and memory."""
SNIPPET = """<VirtualHost *:443>
    ServerName www.example.test
    SSLEngine on
    SSLCertificateFile /etc/ssl/certs/www.pem
    SSLCACertificateFile /etc/ssl/certs/clients.pem
    SSLVerifyClient require
    SSLVerifyDepth 2
</VirtualHost>
"""
_CORPUS = Path("tests/configurations")
_SAMPLE = 13
"""Every how-manieth configuration of the corpus is verified."""
_SLOWER = 1.1
"""How much slower than the previous release is no longer noise."""


def rows(runs: int) -> Iterator[Row]:
    """Run each command this often; the larger ones, and each configuration of the corpus, once."""
    previous: Mapping[str, float] = json.loads(PREVIOUS.read_text())["seconds"]
    with tempfile.TemporaryDirectory() as folder:
        for what, arguments, times in _commands(Path(folder), runs):
            taken = [_seconds(arguments) for _ in range(times)]
            yield _row(what, middle(taken), spread(taken, 2), previous)
    sample = sorted(path for path in _CORPUS.glob("*/*.conf") if path.is_file())[::_SAMPLE]
    if taken := [_seconds(["verify", str(path)]) for path in sample[: None if runs > 1 else 2]]:
        yield _row("the corpus, a configuration", sum(taken) / len(taken), spread(taken, 2), previous)


def _commands(folder: Path, runs: int) -> Iterator[tuple[str, list[str], int]]:
    reference = (REFERENCE.configuration / "httpd.conf").read_text()
    snippet = folder / "snippet.conf"
    snippet.write_text(SNIPPET)
    yield "--help", ["--help"], runs
    yield "a snippet", ["verify", str(snippet)], runs
    yield "the reference deployment", ["verify", str(REFERENCE.configuration)], runs
    for count in (20, 100, 500) if runs > 1 else (20,):
        file = folder / str(count) / "httpd.conf"
        file.parent.mkdir()
        file.write_text(several(reference, count))
        yield f"{count} sites", ["verify", str(file.parent)], 1
    yield "compare, a snippet with itself", ["compare", str(snippet), str(snippet)], runs


def _row(what: str, seconds: float, detail: str, previous: Mapping[str, float]) -> Row:
    before = previous.get(what)
    if before is None:
        return Row(what, seconds, "s", detail=detail)
    return Row(what, seconds, "s", "before", before, at_most=_SLOWER, detail=detail)


def _seconds(arguments: list[str]) -> float:
    """Run `mtls-harness` once; returns how long it took.

    Raises:
        ServerError: it came to no verdict.
    """
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "harness", *arguments], capture_output=True, text=True, check=False)
    taken = time.perf_counter() - start
    if done.returncode not in {os.EX_OK, 1}:
        raise ServerError(f"`mtls-harness {' '.join(arguments)}` went wrong:\n{done.stderr[-800:]}")
    return taken
