"""Every configuration of the corpus, verified: the correct ones pass, the broken ones fail, by the case and in the line
that stand in them."""

from pathlib import Path

import pytest

from harness.outcome import Verdict
from harness.verify import Run, Target, verify
from tests.configurations.corpus import Configuration, corpus

pytestmark = pytest.mark.engine

CORRECT = [entry for entry in corpus() if entry.correct]
BROKEN = [entry for entry in corpus() if not entry.correct]


def wrong(run: Run) -> set[str]:
    """The cases with a client that was wrongly admitted or refused."""
    findings = [finding for finding in run.findings if finding.level in {"error", "warning"}]
    return {case for finding in findings for case in finding.cases}


@pytest.mark.parametrize("entry", CORRECT, ids=str)
def test_a_correct_configuration_passes(entry: Configuration, tmp_path: Path) -> None:
    run = verify(Target.from_path(entry.lay_out(tmp_path)[0]))
    assert [finding for finding in run.findings if finding.level != "note"] == []
    assert run.verdict(strict=True) == "pass", run.trouble
    guarded = {site.url for site in run.sites if site.guard.requirement and site.tls and not site.guard.denies_all}
    named = [finding.message for finding in run.findings if finding.id == "coverage.not_examined"]
    guarded = {url for url in guarded if not any(f" {url}:" in message for message in named)}
    assert {site.url for site in run.sites if _has_admitted(run, site.id)} == guarded, "every guard admitted a client"


def _has_admitted(run: Run, site: str) -> list[str]:
    return [
        entry.probe.case.id
        for entry in run.results
        if entry.probe.site.id == site and entry.probe.case.family == "valid" and entry.verdict is Verdict.AS_EXPECTED
    ]


@pytest.mark.parametrize("entry", BROKEN, ids=str)
def test_a_broken_configuration_fails_by_its_case_in_its_line(entry: Configuration, tmp_path: Path) -> None:
    config, file = entry.lay_out(tmp_path)
    run = verify(Target.from_path(config))
    assert run.verdict(strict=True) == "fail", run.trouble
    assert entry.proved_by <= wrong(run)
    assert entry.proved_by
    lines = [line.strip() for line in entry.text.splitlines()]
    own = [finding for finding in run.findings if finding.file == file]
    assert [one for one in own if f"rite `{lines[one.line - 1]}` here" in one.remedy] == [], "it is there already"
    proving = [finding for finding in run.findings if entry.proved_by & set(finding.cases)]
    assert (file, entry.line) in {(finding.file, finding.line) for finding in proving if finding.level != "note"}
