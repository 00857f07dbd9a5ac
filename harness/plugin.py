"""How do a project's own tests check which clients its httpd admits?

The configuration is verified once, when the first test with such a fixture is collected. The workers of pytest-xdist
share the result. Without the fixtures, nothing of the project is imported.
"""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.cases import Case

_CONFIG = "the configuration that the mtls_* fixtures verify; in an ini file relative to that file's folder"
_STRICT = "whether warnings count as errors (true or false)"
_IMAGE = "the image that its httpd runs in, instead of mtls-harness's own"
_NAME = "mtls-report.json"


@dataclass(frozen=True)
class MtlsResult:
    """One probe, as the JSON report has it: `tls` is the protocol version, `outcome` and `verdict` are its words."""

    case: str
    tls: str
    expected: str
    outcome: str
    verdict: str
    level: str | None
    alert: str | None
    status: int | None

    def __str__(self) -> str:
        seen = f"alert {self.alert}" if self.alert else f"status {self.status}" if self.status else ""
        return f"{self.outcome} over TLS {self.tls}{f' ({seen})' if seen else ''}"


@dataclass(frozen=True)
class MtlsAnswer:
    """Yes or no, and the evidence: what pytest shows where an `assert` fails."""

    holds: bool
    evidence: str

    def __bool__(self) -> bool:
        return self.holds

    def __repr__(self) -> str:
        return f"<{self.holds}: {self.evidence}>"


@dataclass(frozen=True, repr=False)
class MtlsSite:
    """One tested site: its guard in the report's form, and its results by case id."""

    url: str
    guard: Mapping[str, Any]
    results: Mapping[str, Sequence[MtlsResult]]
    findings: Sequence[Mapping[str, Any]] = ()
    strict: bool = False

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        return f"<site {self.url}>"

    def admits(self, case: "str | Case", tls: str | None = None) -> MtlsAnswer:
        """Whether this kind of client is admitted, over one TLS version or over all tested versions.

        The test fails at once without a clear answer: the case was not tested here, the probe was inconclusive, or the
        versions differ.
        """
        found = self._results_of(case, tls)
        outcomes = {one.tls: one.outcome == "admitted" for one in found}
        if any(one.verdict == "inconclusive" for one in found):
            pytest.fail(f"{self.url} cannot be judged for {found[0].case}: {self._evidence(found)}", pytrace=False)
        if len(set(outcomes.values())) > 1:
            pytest.fail(f"{self.url} treats {found[0].case} differently: {self._evidence(found)}. "
                        "Name the version: tls=…", pytrace=False)  # fmt: skip
        return self._answer(found, outcomes[found[0].tls])

    def as_expected(self, case: "str | Case", tls: str | None = None) -> MtlsAnswer:
        """Whether nothing about this case fails the verification: the same answer as that of the command.

        Warnings and notes do not fail it, nor what the policy accepts; with `mtls_strict`, warnings do.
        """
        found = self._results_of(case, tls)
        return self._answer(found, not any(self._fails(one) for one in found))

    def _fails(self, one: MtlsResult) -> bool:
        counts = one.level == "error" or (self.strict and one.level == "warning")
        return one.verdict == "inconclusive" or (counts and any(one.case in found["cases"] for found in self.findings))

    def _answer(self, results: Sequence[MtlsResult], holds: bool) -> MtlsAnswer:
        about = [finding for finding in self.findings if results[0].case in finding["cases"]]
        messages = "".join(f"\n{finding['message']}\n{_place(finding)}{finding['remedy']}" for finding in about)
        return MtlsAnswer(holds, f"{self.url} {results[0].case}: {self._evidence(results)}{messages}")

    def _results_of(self, case: "str | Case", tls: str | None) -> Sequence[MtlsResult]:
        name = case if isinstance(case, str) else case.id
        found = [one for one in self.results.get(name, ()) if tls in {None, one.tls}]
        if not found:
            pytest.fail(f"{name} was not asked at {self.url}. These were: {', '.join(self.results)}", pytrace=False)
        return found

    @staticmethod
    def _evidence(results: Sequence[MtlsResult]) -> str:
        return ", ".join(map(str, results))


class MtlsVerdict(str):
    """The verdict, a string; pytest shows the findings where it is not the one that a test wants."""

    __slots__ = ("findings",)
    findings: list[str]


@dataclass(frozen=True)
class MtlsRun:
    """A finished verification: `verdict` is "pass", "fail" or "inconclusive", `report` all of the JSON report."""

    verdict: MtlsVerdict
    sites: Sequence[MtlsSite]
    findings: Sequence[Mapping[str, Any]]
    report: Mapping[str, Any]

    def site(self, url: str) -> MtlsSite:
        """The site at this address; the test fails where there is none."""
        for site in self.sites:
            if site.url == url:
                return site
        pytest.fail(f"There is no site {url}. There are: {', '.join(map(str, self.sites))}", pytrace=False)


def _place(finding: Mapping[str, Any]) -> str:
    return f"{finding['file']}:{finding['line']}: " if finding["file"] else ""


_RUN = pytest.StashKey[MtlsRun]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the two options, as ini values and on the command line."""
    group = parser.getgroup("mtls-harness")
    for name, text in {"mtls_config": _CONFIG, "mtls_image": _IMAGE}.items():
        parser.addini(name, text, default="")
        group.addoption(f"--{name.replace('_', '-')}", dest=name, metavar="NAME", help=text)
    parser.addini("mtls_strict", _STRICT, type="bool", default=False)
    group.addoption("--mtls-strict", dest="mtls_strict", action="store_true", help=_STRICT)


def pytest_configure(config: pytest.Config) -> None:
    """Resolve --mtls-config from the folder where pytest was started; the workers of pytest-xdist get it so."""
    if config.option.mtls_config:
        config.option.mtls_config = str(config.invocation_params.dir / config.option.mtls_config)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Show the findings where a test compares the verdict."""
    if not isinstance(left, MtlsVerdict):
        return None
    return [f"{str(left)!r} {op} {right!r}", *left.findings]


@pytest.fixture(scope="session")
def mtls_run(request: pytest.FixtureRequest) -> MtlsRun:
    """The verification of `mtls_config`, finished."""
    return _run(request.config)


@pytest.fixture(scope="session")
def mtls_site(request: pytest.FixtureRequest) -> MtlsSite:
    """Each site of `mtls_config` that asks for a client certificate, in turn."""
    site: MtlsSite = request.param
    return site


@pytest.fixture(scope="session")
def mtls_case(request: pytest.FixtureRequest) -> "Case":
    """Each case of the catalogue in turn; together with `mtls_site` each that was asked there."""
    case: Case = request.param
    return case


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for sites, cases or both each of them in turn."""
    wanted = [name for name in ("mtls_site", "mtls_case") if name in metafunc.fixturenames]
    if wanted == ["mtls_site"]:
        metafunc.parametrize("mtls_site", _run(metafunc.config).sites, ids=str, indirect=True)
    elif wanted:
        from harness.cases import catalogue

        cases = catalogue()
        if wanted == ["mtls_case"]:
            metafunc.parametrize("mtls_case", cases, ids=[case.id for case in cases], indirect=True)
            return
        pairs = [(site, case) for site in _run(metafunc.config).sites for case in cases if case.id in site.results]
        metafunc.parametrize(wanted, pairs, ids=[f"{site}-{case.id}" for site, case in pairs], indirect=True)


def _run(config: pytest.Config) -> MtlsRun:
    if _RUN not in config.stash:
        report = _shared(config) if hasattr(config, "workerinput") else _verify(config)
        if trouble := report.get("trouble"):
            raise pytest.Collector.CollectError(trouble)
        verdict = MtlsVerdict(report["verdict"])
        verdict.findings = [
            f"{one['level']} {_place(one)}{one['message']} {one['remedy']}" for one in report["findings"]
        ]
        config.stash[_RUN] = MtlsRun(verdict, [*_sites(report, _strict(config))], report["findings"], report)
    return config.stash[_RUN]


def _shared(config: pytest.Config) -> dict[str, Any]:
    """Let the first worker verify, and the others read what it found."""
    from harness.pki.files import locked

    # pytest-xdist gives each worker a folder in that of the whole run.
    folder = Path(config.option.basetemp).parent
    with locked(folder):
        file = folder / _NAME
        if not file.exists():
            file.write_text(json.dumps(_verify(config)))
        report: dict[str, Any] = json.loads(file.read_text())
    return report


def _verify(config: pytest.Config) -> dict[str, Any]:
    """Verify, and return the JSON report; `trouble` alone where there is none."""
    from harness.engine import ServerError
    from harness.httpd.layout import ConfigurationError
    from harness.report.json import as_data
    from harness.verify import Target, verify
    from harness.verify.plan import NothingToDoError

    path, image = (config.getoption(name) or config.getini(name) for name in ("mtls_config", "mtls_image"))
    if not path:
        return {"trouble": "Which configuration? Set mtls_config in pytest's ini file, or give --mtls-config."}
    folder = config.inipath.parent if config.inipath else config.rootpath
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # What a library of ours warns of is not about the user's tests.
            run = verify(Target.from_path(folder / path), of_image=image or None)
    except (ConfigurationError, NothingToDoError, ServerError) as error:
        return {"trouble": f"mtls_config: {error}"}
    return {"trouble": f"No verdict. {run.trouble}"} if run.trouble else as_data(run, strict=_strict(config))


def _strict(config: pytest.Config) -> bool:
    return bool(config.getoption("mtls_strict") or config.getini("mtls_strict"))


def _sites(report: Mapping[str, Any], strict: bool) -> Iterator[MtlsSite]:
    for site in report["sites"]:
        results: dict[str, list[MtlsResult]] = {}
        for entry in report["results"]:
            if entry["site"] == site["id"]:
                known = {name: entry[name] for name in MtlsResult.__dataclass_fields__}
                results.setdefault(entry["case"], []).append(MtlsResult(**known))
        if results:
            findings = [one for one in report["findings"] if site["id"] in one["sites"] and one["accepted"] is None]
            yield MtlsSite(site["url"], site["guard"], results, findings, strict)
