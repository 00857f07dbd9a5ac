"""The fixtures as another project uses them: a good configuration is green, a weakened one red, with xdist as well."""

import shutil

import pytest

from harness.verify import REFERENCE

pytest_plugins = "pytester"
pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
TESTS = """
def test_admin(mtls_site):
    assert mtls_site.guard["verify_depth"] == 3
    assert mtls_site.admits("valid.p256")
    assert not mtls_site.admits("absent.none")
    assert not mtls_site.admits("validity.expired", tls="1.3")

def test_case(mtls_site, mtls_case):
    assert mtls_site.as_expected(mtls_case)

def test_all_of_it(mtls_run):
    assert mtls_run.verdict == "pass", mtls_run.findings
    assert mtls_run.site("https://localhost:8443/").results
"""
PARALLEL = pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["alone", "xdist"])


def prepare(pytester: pytest.Pytester, tests: str = TESTS, verify: str = "require") -> None:
    shutil.copytree(REFERENCE.configuration, pytester.path / "conf")
    file = pytester.path / "conf" / "httpd.conf"
    file.write_text(file.read_text().replace("SSLVerifyClient require", f"SSLVerifyClient {verify}"))
    pytester.makeini("[pytest]\nmtls_config = conf\n")
    pytester.makepyfile(tests)


@PARALLEL
def test_a_good_configuration_is_green(pytester: pytest.Pytester, options: list[str]) -> None:
    prepare(pytester)
    outcomes = pytester.runpytest_subprocess(*options).parseoutcomes()
    assert set(outcomes) == {"passed"}
    assert outcomes["passed"] > 60, "a test a case"


SHOWN = """
def test_answer(mtls_site):
    assert not mtls_site.admits("absent.none")

def test_verdict(mtls_run):
    assert mtls_run.verdict == "pass"
"""


def test_a_failure_shows_the_admitted_client_the_site_and_the_remedy(pytester: pytest.Pytester) -> None:
    prepare(pytester, SHOWN, verify="optional")
    result = pytester.runpytest_subprocess()
    text = result.stdout.str()
    assert "https://localhost:8443/ absent.none: admitted over TLS 1.2 (status 200)" in text
    assert text.count("Write `SSLVerifyClient require` here.") >= 2
    assert text.count("httpd.conf:") >= 2
    assert "assert False" not in text
    assert "assert not True" not in text


@pytest.mark.parametrize("options", [[], ["-n", "1"]], ids=["alone", "xdist"])
def test_a_path_on_the_command_line_is_relative_to_where_pytest_starts(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    prepare(pytester, 'def test_it(mtls_run):\n    assert mtls_run.verdict == "pass"\n')
    pytester.makeini("[pytest]\n")
    below = pytester.mkdir("below")
    (pytester.path / "conf").rename(pytester.path / "other")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(below)
        result = pytester.runpytest_subprocess("--rootdir", "..", "--mtls-config", "../other", *options, "..")
    result.assert_outcomes(passed=1)


def test_a_warning_fails_a_test_only_if_it_counts(pytester: pytest.Pytester) -> None:
    shown = """
def test_it(mtls_site, mtls_run):
    assert not mtls_site.admits("absent.none")
    assert mtls_site.as_expected("revocation.revoked_leaf")
    assert mtls_run.verdict == "pass"
"""
    prepare(pytester, shown)
    lines = (pytester.path / "conf" / "httpd.conf").read_text().splitlines()
    text = "\n".join(line for line in lines if "SSLCARevocationCheck" not in line and "SSLCARevocationFile" not in line)
    (pytester.path / "conf" / "httpd.conf").write_text(text)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
    pytester.runpytest_subprocess("--mtls-strict").assert_outcomes(failed=1)


@PARALLEL
def test_a_weakened_configuration_fails_for_the_admitted_cases_only(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    prepare(pytester, verify="optional")
    result = pytester.runpytest_subprocess("-rf", *options)
    failed = {line.split(" ")[1].partition("::")[2] for line in result.outlines if line.startswith("FAILED ")}
    cases = {name.partition("-")[2].rstrip("]") for name in failed if name.startswith("test_case")}
    assert {"absent.none", "absent.empty_list", "absent.empty_list_in_tls_1_2"} <= cases
    assert not {case for case in cases if case.split(".")[0] not in {"absent", "routing"}}
    assert failed >= {"test_admin[https://localhost:8443/]", "test_all_of_it"}


def test_the_workers_verify_once_between_them(pytester: pytest.Pytester) -> None:
    prepare(pytester, "def test_it(mtls_run, mtls_case):\n    print(mtls_run.report['timing_s'])\n")
    result = pytester.runpytest_subprocess("-n", "2", "-rP", "-k", "validity or absent")
    times = {line for line in result.outlines if line.startswith("{'total'")}
    assert (len(times), result.ret) == (1, 0)


def test_an_inconclusive_case_fails(pytester: pytest.Pytester) -> None:
    prepare(pytester, 'def test_it(mtls_site):\n    assert not mtls_site.admits("no.such_case")\n')
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["no.such_case was not asked at https://localhost:8443/. These were: absent.none, *"])


@pytest.mark.parametrize(
    ("change", "options", "output"),
    [
        (lambda folder: (folder / "tox.ini").write_text("[pytest]\n"), [], "Set mtls_config in pytest's ini file"),
        (
            lambda folder: (folder / "conf" / "httpd.conf").write_text("LoadModule x\n"),
            [],
            "mtls_config: apache2: Syntax error on line 1 of httpd.conf",
        ),
        (
            lambda folder: shutil.rmtree(folder / "conf"),
            ["-n", "2"],
            "conf: there is no such file or folder.",
        ),
    ],
    ids=["unset", "broken", "missing"],
)
def test_a_configuration_that_cannot_be_used_is_an_error_without_a_traceback(
    pytester: pytest.Pytester, options: list[str], change: object, output: str
) -> None:
    prepare(pytester)
    assert callable(change)
    change(pytester.path)
    result = pytester.runpytest_subprocess(*options)
    assert result.ret != 0
    assert output in result.stdout.str()
    assert "Traceback" not in result.stdout.str()
    assert "passed" not in result.parseoutcomes()


def test_without_its_fixtures_the_plugin_runs_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
import sys

def test_it():
    assert "harness.plugin" in sys.modules
    assert not {"docker", "cryptography", "harness.verify"} & sys.modules.keys()
""")
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
