"""How is a run written as JUnit XML, for CI servers?"""

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from harness.outcome import Verdict
from harness.verify import Result, Run

_FAILED = {Verdict.INTRUDER, Verdict.LOCKED_OUT}


def render(run: Run, _strict: bool) -> str:
    """Write a suite for each site and a test for each probe. A probe without a verdict is an error."""
    report = JUnitXml("mtls-harness")
    for site in run.sites:
        suite = TestSuite(f"{run.target.name} {site.url}")
        for result in run.results:
            if result.probe.site.id == site.id:
                suite.add_testcase(_test(result))
        report.add_testsuite(suite)
    if wrong := [one for one in run.findings if one.level == "error" and not one.cases]:
        suite = TestSuite(run.target.name)
        for finding in wrong:
            test = TestCase(finding.id, run.target.locate(finding.file, finding.line))
            test.result = [Failure(finding.message, finding.level)]
            suite.add_testcase(test)
        report.add_testsuite(suite)
    if run.trouble:
        suite = TestSuite(run.target.name)
        test = TestCase("the run as a whole")
        test.result = [Error(run.trouble, "inconclusive")]
        suite.add_testcase(test)
        report.add_testsuite(suite)
    text: bytes = report.tostring()  # type: ignore[no-untyped-call]
    return text.decode()


def _test(result: Result) -> TestCase:
    knock = result.probe
    test = TestCase(f"TLS {knock.tls}", f"{knock.case.id}", result.observed.duration_ms / 1000)
    message = f"{knock.case.summary} Expected {knock.expected}, got {result.evidence()}"
    if result.verdict is Verdict.INCONCLUSIVE:
        test.result = [Error(message, str(result.verdict))]
    elif result.verdict in _FAILED:
        test.result = [Failure(message, str(result.verdict))]
    elif result.verdict is not Verdict.AS_EXPECTED:
        test.system_out = f"{result.verdict}: {message}"
    return test
