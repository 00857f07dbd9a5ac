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

_CONFIG = "the configuration that the mtls_* fixtures verify, relative to the root folder"
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
    alert: str | None
    status: int | None


@dataclass(frozen=True)
class MtlsSite:
    """One tested site: its guard in the report's form, and its results by case id."""

    url: str
    guard: Mapping[str, Any]
    results: Mapping[str, Sequence[MtlsResult]]

    def __str__(self) -> str:
        return self.url

    def admits(self, case: "str | Case", tls: str | None = None) -> bool:
        """Whether this kind of client is admitted, over one TLS version or over all tested versions.

        The test fails at once without a clear answer: the case was not tested here, the probe was inconclusive, or the
        versions differ.
        """
        asked = self._asked(case, tls)
        outcomes = {one.tls: one.outcome == "admitted" for one in asked}
        if any(one.verdict == "inconclusive" for one in asked):
            pytest.fail(f"{self.url} cannot be judged for {asked[0].case}: {self._told(asked)}", pytrace=False)
        if len(set(outcomes.values())) > 1:
            pytest.fail(f"{self.url} treats {asked[0].case} differently: {self._told(asked)}. Name the version: tls=…",
                        pytrace=False)  # fmt: skip
        return outcomes[asked[0].tls]

    def as_expected(self, case: "str | Case", tls: str | None = None) -> bool:
        """Whether the outcome is the case's, and a refusal has the case's own reason as well, over each version."""
        return all(one.verdict == "as-expected" for one in self._asked(case, tls))

    def _asked(self, case: "str | Case", tls: str | None) -> Sequence[MtlsResult]:
        name = case if isinstance(case, str) else case.id
        found = [one for one in self.results.get(name, ()) if tls in {None, one.tls}]
        if not found:
            pytest.fail(f"{name} was not asked at {self.url}. These were: {', '.join(self.results)}", pytrace=False)
        return found

    @staticmethod
    def _told(results: Sequence[MtlsResult]) -> str:
        return ", ".join(f"{one.outcome} over TLS {one.tls}" for one in results)


@dataclass(frozen=True)
class MtlsRun:
    """A finished verification: `verdict` is "pass", "fail" or "inconclusive", `report` all of the JSON report."""

    verdict: str
    sites: Sequence[MtlsSite]
    findings: Sequence[Mapping[str, Any]]
    report: Mapping[str, Any]

    def site(self, url: str) -> MtlsSite:
        """The site at this address; the test fails where there is none."""
        for site in self.sites:
            if site.url == url:
                return site
        pytest.fail(f"There is no site {url}. There are: {', '.join(map(str, self.sites))}", pytrace=False)


_RUN = pytest.StashKey[MtlsRun]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the two options, as ini values and on the command line."""
    group = parser.getgroup("mtls-harness")
    for name, text in {"mtls_config": _CONFIG, "mtls_image": _IMAGE}.items():
        parser.addini(name, text, default="")
        group.addoption(f"--{name.replace('_', '-')}", dest=name, metavar="NAME", help=text)


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
        config.stash[_RUN] = MtlsRun(report["verdict"], [*_sites(report)], report["findings"], report)
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
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # What a library of ours warns of is not about the user's tests.
            run = verify(Target.from_path(config.rootpath / path), of_image=image or None)
    except (ConfigurationError, NothingToDoError, ServerError) as error:
        return {"trouble": f"mtls_config: {error}"}
    return {"trouble": f"No verdict. {run.trouble}"} if run.trouble else as_data(run)


def _sites(report: Mapping[str, Any]) -> Iterator[MtlsSite]:
    for site in report["sites"]:
        results: dict[str, list[MtlsResult]] = {}
        for entry in report["results"]:
            if entry["site"] == site["id"]:
                known = {name: entry[name] for name in MtlsResult.__dataclass_fields__}
                results.setdefault(entry["case"], []).append(MtlsResult(**known))
        if results:
            yield MtlsSite(site["url"], site["guard"], results)
