"""A user's own image: Debian's stock apache2, whose folders are root's, with a configuration of its own."""

import tempfile
from pathlib import Path

import pytest

from harness.engine import base
from harness.engine.client import LABEL, engine
from harness.outcome import Verdict
from harness.verify import Run, Target, verify
from tests.configurations.corpus import corpus

pytestmark = pytest.mark.engine
TAG = "mtls-harness/test-stock:latest"
_DOCKERFILE = f"""\
FROM {{}}
RUN apt-get update && apt-get install --yes --no-install-recommends apache2 && rm -rf /var/lib/apt/lists/*
RUN echo "Listen 8081" >/etc/apache2/sites-enabled/of-the-image.conf && touch /var/log/apache2/error.log
LABEL {LABEL}=test
"""


@pytest.fixture(scope="module")
def stock() -> str:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "Dockerfile").write_text(_DOCKERFILE.format(base()))
        engine().images.build(path=folder, tag=TAG, rm=True, forcerm=True)
    return TAG


def verified(name: str, folder: Path, image: str, *, instead: tuple[str, str] = ("", "")) -> Run:
    (entry,) = (one for one in corpus() if str(one) == name)
    config, _ = entry.lay_out(folder, entry.text.replace(*instead))
    return verify(Target.from_path(config), of_image=image)


def test_it_is_only_where_the_configuration_runs(stock: str, tmp_path: Path) -> None:
    run = verified("correct/required_debian", tmp_path, stock)
    assert run.verdict(strict=True) == "pass", run.trouble
    assert {site.port for site in run.sites} == {80, 443}, "the image's own sites are not CONFIG's"


def test_what_is_broken_is_broken_there_as_well(stock: str, tmp_path: Path) -> None:
    opened = ("SSLVerifyClient require", "SSLVerifyClient optional")
    assert verified("correct/required_debian", tmp_path, stock, instead=opened).verdict(strict=True) == "fail"


def test_a_kind_of_key_that_the_server_does_not_take_is_no_fault_of_the_configuration(
    stock: str, tmp_path: Path
) -> None:
    line = "SSLVerifyClient require"
    limited = (
        line,
        f"{line}\n    SSLOpenSSLConfCmd ClientSignatureAlgorithms ECDSA+SHA256:ECDSA+SHA384:RSA-PSS+SHA256",
    )
    run = verified("correct/required_debian", tmp_path, stock, instead=limited)
    assert run.verdict() == "pass", run.trouble
    other = {entry.probe.case.id for entry in run.results if entry.verdict is Verdict.OTHERWISE}
    assert {"valid.ed25519", "valid.ml_dsa_65"} <= other
