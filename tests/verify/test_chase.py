"""The second round of probes: clients for the conditions that the trace of the first ones does not show both ways."""

from pathlib import Path

import pytest

from harness.outcome import Outcome, Verdict
from harness.report.json import as_data
from harness.verify import Run, Target, verify
from tests.configurations.corpus import corpus

pytestmark = pytest.mark.engine

SITE = next(entry for entry in corpus() if str(entry) == "correct/from_inside_and_certificate")
TLS = "SSLVerifyDepth 2"
CASES = {"valid.p256", "rules.each_condition"}


def run(folder: Path, *rules: str, tls: str = TLS) -> Run:
    """Verify a site with these rules in a <Directory>, by few cases."""
    before, _, rest = SITE.text.partition("<RequireAll>")
    text = "\n".join([before, *rules, rest.partition("</RequireAll>")[2]]).replace(TLS, tls)
    config, _ = SITE.lay_out(folder, text)
    return verify(Target.from_path(config), only=lambda case: case.family == "absent" or case.id in CASES)


def test_what_the_first_probes_do_not_show_is_shown_then_or_named(tmp_path: Path) -> None:
    either = ("Require ip 10.0.0.0/8", "Require expr \"%{TIME_YEAR} == '1999'\"", "Require ssl-verify-client")
    found = run(tmp_path, "<RequireAny>", *either, "</RequireAny>")
    by_address, by_year, by_certificate = as_data(found)["coverage"]
    assert by_address.keys() == {
        *("site", "file", "line", "directive", "condition", "true", "false", "independent", "why")
    }
    assert (by_address["condition"], by_address["why"], by_address["independent"]) == ("ip 10.0.0.0/8", None, True)
    assert (by_year["true"], by_year["why"]) == (0, "never true: depends on the date")
    assert (by_certificate["why"], by_certificate["independent"]) == (None, True)
    # Each client that shows the address has no certificate, and is admitted as the rule says.
    chased = [one for one in found.results if one.probe.case.id == "rules.each_condition"]
    assert {(one.probe.client.identity, one.observed.outcome, one.verdict) for one in chased} == {
        (None, Outcome.ADMITTED, Verdict.AS_EXPECTED)
    }
    assert by_address["true"] == len(chased)
    # The year was never true, and may admit a client without a certificate.
    assert found.verdict() == "inconclusive"
    assert {(one.id, one.line) for one in found.findings if one.level == "warning"} == {
        ("coverage.way_in_not_tried", by_year["line"])
    }


def test_the_responder_knows_the_clients_of_the_second_round(tmp_path: Path) -> None:
    name = "Require expr \"%{{SSL_CLIENT_S_DN_{}}} {} '{}'\"".format
    one = ("<RequireAll>", name("O", "==", "A"), name("OU", "!=", "x"), "</RequireAll>")
    found = run(tmp_path, "<RequireAny>", *one, name("O", "==", "B"), "</RequireAny>", tls=f"{TLS}\nSSLOCSPEnable on")
    assert [one.why for one in found.coverage] == [None, None, None]
    chased = [one for one in found.results if one.probe.client.identity and one.probe.case.id == "rules.each_condition"]
    assert chased
    assert {(one.logged.reason, one.verdict) for one in chased} == {(None, Verdict.AS_EXPECTED)}
