"""How is a run written as JUnit XML, for CI servers?"""

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from harness.outcome import Verdict
from harness.verify import Finding, Result, Run


def render(run: Run, strict: bool) -> str:
    """Write a suite for the configuration, with a test for each finding and one for the verdict, and a suite for each
    site, with a test for each probe; in each suite the failures come first.

    Failures are the findings that fail the run, and the probes that show them. What has no verdict is an error. So
    there are failures exactly if the verdict is `fail`.
    """
    report = JUnitXml("mtls-harness")
    report.add_testsuite(
        _suite(run.target.subject, [_verdict(run, strict), *(_finding(one, run, strict) for one in run.findings)])
    )
    for site in run.sites:
        here = [result for result in run.results if result.probe.site.id == site.id]
        report.add_testsuite(_suite(f"{run.target.subject} {site.url}", [_probe(one, run, strict) for one in here]))
    text: bytes = report.tostring()  # type: ignore[no-untyped-call]
    return text.decode()


def _suite(name: str, tests: list[TestCase]) -> TestSuite:
    suite = TestSuite(name)
    for test in sorted(tests, key=lambda one: not one.result):
        suite.add_testcase(test)
    return suite


def _verdict(run: Run, strict: bool) -> TestCase:
    """The run as a whole, which is an error where something keeps it from a verdict."""
    test = TestCase("the run as a whole", "verdict")
    if run.trouble or run.verdict(strict=strict) == "inconclusive":
        test.result = [Error(run.trouble or "Some probes have no verdict.", "inconclusive")]
    return test


def _finding(finding: Finding, run: Run, strict: bool) -> TestCase:
    where = run.target.locate(finding.file, finding.line)
    test = TestCase(where, finding.id)
    text = f"{finding.level} {where}: {finding.message} {finding.remedy}"
    if finding.counts(strict=strict):
        test.result = [Failure(text, finding.level)]
    else:
        test.system_out = text if finding.accepted is None else f"accepted ({finding.accepted}): {text}"
    return test


def _probe(result: Result, run: Run, strict: bool) -> TestCase:
    probe = result.probe
    test = TestCase(f"TLS {probe.tls}", probe.case.id, result.observed.duration_ms / 1000)
    message = f"{probe.case.summary} Expected {probe.expected}, got {result.evidence()}"
    if result.verdict is Verdict.INCONCLUSIVE:
        test.result = [Error(message, str(result.verdict))]
    elif _fails(result, run, strict):
        test.result = [Failure(message, str(result.verdict))]
    elif result.verdict is not Verdict.AS_EXPECTED:
        test.system_out = f"{result.verdict}: {message}"
    return test


def _fails(result: Result, run: Run, strict: bool) -> bool:
    """Whether a finding that fails the run is shown by this probe."""
    return result.level is not None and any(
        result.probe.case.id in finding.cases and result.probe.site.id in finding.sites
        for finding in run.findings
        if finding.counts(strict=strict) and finding.level == result.level
    )
