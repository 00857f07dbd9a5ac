"""Is a refusal in the handshake asked for once, and reported for each path of the virtual host?"""

from collections import Counter
from pathlib import Path

import pytest

from harness.outcome import Outcome, Verdict
from harness.verify import Run, Target, verify

pytestmark = pytest.mark.engine

TWO_PATHS = """
SSLEngine on
SSLCertificateFile /etc/ssl/www.pem
SSLCertificateKeyFile /etc/ssl/www.key
SSLCACertificateFile /etc/ssl/clients-ca.pem
SSLVerifyClient optional
<Location />
    Require ssl-verify-client
</Location>
<Location /admin/>
    {admin}
    Require ssl-verify-client
</Location>
"""


def run_of(folder: Path, admin: str) -> Run:
    config = folder / "site.conf"
    config.write_text(TWO_PATHS.format(admin=admin))
    return verify(Target.from_path(config), only=lambda case: case.id in {"validity.expired", "absent.none"})


def probes_of(run: Run, case: str) -> Counter[str]:
    """How many results each probe of a case has."""
    return Counter(one.probe.probe_id for one in run.results if one.probe.case.id == case)


def test_a_refusal_in_the_handshake_stands_for_every_path(tmp_path: Path) -> None:
    run = run_of(tmp_path, "")
    expired = [one for one in run.results if one.probe.case.id == "validity.expired"]
    assert {(one.probe.site.path, one.observed.outcome, one.verdict) for one in expired} == {
        (path, Outcome.REFUSED_IN_HANDSHAKE, Verdict.AS_EXPECTED) for path in ("/", "/admin/")
    }
    assert [*probes_of(run, "validity.expired").values()] == [2, 2], "one probe for each version of TLS"
    assert set(probes_of(run, "absent.none").values()) == {1}, "a request that reaches a rule is sent to each path"


def test_a_path_with_settings_of_its_own_is_probed_itself(tmp_path: Path) -> None:
    run = run_of(tmp_path, "SSLVerifyDepth 2")
    assert set(probes_of(run, "validity.expired").values()) == {1}
