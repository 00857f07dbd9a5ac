"""`verify --compose`: what a service runs is found in its image and its mounts, in either generation of Compose."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding

from harness.engine import LABEL, engine, image
from harness.engine.compose import service
from harness.engine.service import configuration
from harness.pki import Authority
from tests.configurations.corpus import corpus

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
SITES = "/etc/apache2/sites-available"
BASE = "mtls-harness/test-service:latest"
HTTPD = ["apache2", "-D", "FOREGROUND"]


@pytest.fixture(scope="module")
def base() -> str:
    """The image that the services here start from: Debian's tree, good throughout."""
    with tempfile.TemporaryDirectory() as folder:
        (correct,) = (entry for entry in corpus() if str(entry) == "correct/required_debian")
        (Path(folder) / "apache").mkdir()
        correct.lay_out(Path(folder) / "apache")
        Path(folder, "Dockerfile").write_text(f"FROM {image('httpd')}\nENTRYPOINT []\nCOPY apache /etc/apache2\n")
        engine().images.build(path=folder, tag=BASE, labels={LABEL: "test"}, rm=True, forcerm=True)
    return BASE


class Project:
    """A folder with a Compose file, whose service mounts `site.conf`."""

    def __init__(self, folder: Path, base: str) -> None:
        self.folder = folder
        (correct,) = (entry for entry in corpus() if str(entry) == "correct/required_debian")
        self.site = folder / "sites" / "site.conf"
        self.site.parent.mkdir()
        self.site.write_text(correct.text)
        self.web: dict[str, Any] = {"image": base, "command": HTTPD, "volumes": [f"./sites:{SITES}:ro"]}
        self.compose()

    def compose(self, *, more: dict[str, Any] | None = None, **web: Any) -> None:
        compose_file = {"services": {"web": self.web | web}, **(more or {})}
        (self.folder / "compose.yaml").write_text(yaml.safe_dump(compose_file))

    def weaken(self, file: Path) -> int:
        """Turn `require` into `optional`; returns the line."""
        lines = file.read_text().splitlines()
        (number,) = (number for number, line in enumerate(lines) if "SSLVerifyClient require" in line)
        lines[number] = "SSLVerifyClient optional"
        file.write_text("\n".join(lines))
        return number + 1

    def verify(self, *arguments: str) -> tuple[int, str, dict[str, Any]]:
        """The exit code, what was printed, and the report."""
        report = self.folder / "report.json"
        options = ["--compose", "compose.yaml", "-k", "absent.none or valid.p256", "--json", str(report)]
        tool = [sys.executable, "-m", "harness", "verify", *options, *arguments]
        done = subprocess.run(tool, cwd=self.folder, env=os.environ, capture_output=True, text=True, check=False)
        text = report.read_text() if report.exists() else ""
        return done.returncode, done.stdout + done.stderr, json.loads(text) if text else {}

    def annotation(self) -> tuple[str, int, str]:
        """Where a code host shows the error: file, line and what it says."""
        (run,) = json.loads((self.folder / "s.sarif").read_text())["runs"]
        (result,) = (entry for entry in run["results"] if entry["level"] == "error")
        place = result["locations"][0]["physicalLocation"]
        return place["artifactLocation"]["uri"], place["region"]["startLine"], result["message"]["text"]


@pytest.fixture
def project(tmp_path: Path, base: str) -> Iterator[Project]:
    """A repository with such a folder; the image that was built of it goes with it."""
    before = built()
    (tmp_path / ".git").mkdir()
    yield Project(tmp_path, base)
    for tag in built() - before:
        engine().images.remove(tag)


def built() -> set[str]:
    return {tag for found in engine().images.list("mtls-harness/service") for tag in found.tags}


def errors(report: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(entry["id"], entry["file"], entry["line"]) for entry in report["findings"] if entry["level"] == "error"]


def test_either_compose_builds_the_image_and_a_copied_line_is_named_where_it_was_copied_from(
    project: Project, compose: list[str], base: str
) -> None:
    project.weaken(project.site)
    (project.folder / "Dockerfile").write_text(f"FROM {base}\nCOPY sites/site.conf {SITES}/site.conf\n")
    project.compose(build=".", volumes=[], image="never-tagged", environment={"PRICE": "1$$"})
    code, printed, report = project.verify("--sarif", "s.sarif")
    assert report["subject"]["config"] == "compose.yaml, service web"
    assert (code, errors(report)) == (1, [("absent.intruder", "sites/site.conf", 9)]), printed
    assert "sites/site.conf:9" in printed
    assert project.annotation()[:2] == ("sites/site.conf", 9)
    assert not engine().images.list("never-tagged")
    assert service(project.folder / "compose.yaml", "web").environment == {"PRICE": "1$"}


def test_a_mounted_file_counts_and_not_the_one_that_it_hides(project: Project) -> None:
    code, printed, _ = project.verify()
    assert code == 0, printed
    line = project.weaken(project.site)
    code, printed, report = project.verify("--service", "web")
    assert (code, errors(report)) == (1, [("absent.intruder", "sites/site.conf", line)]), printed


def test_a_file_that_only_the_image_has_is_named_as_docker_cp_does(project: Project) -> None:
    (project.folder / "Dockerfile").write_text(
        f"FROM {BASE}\nUSER root\nRUN sed -i 's/SSLVerifyClient require/SSLVerifyClient optional/' {SITES}/site.conf\n"
    )
    project.compose(build=".", volumes=[])
    code, printed, report = project.verify("--sarif", "s.sarif")
    assert (code, errors(report)) == (1, [("absent.intruder", f"web:{SITES}/site.conf", 9)]), printed
    uri, line, text = project.annotation()
    assert (uri, (project.folder / uri).read_text().splitlines()[line - 1].strip()) == ("compose.yaml", "web:")
    assert f"web:{SITES}/site.conf:9" in text


def test_a_define_on_the_services_command_line_and_its_environment_count(project: Project) -> None:
    conditional = "<IfDefine OPEN>\nSSLVerifyClient ${HOW}\n</IfDefine>\n</VirtualHost>"
    project.site.write_text(project.site.read_text().replace("</VirtualHost>", conditional))
    project.compose(environment={"HOW": "optional"})
    assert project.verify()[0] == 0
    project.compose(environment={"HOW": "optional"}, command=[*HTTPD, "-D", "OPEN"])
    code, printed, report = project.verify()
    assert (code, [finding[0] for finding in errors(report)]) == (1, ["absent.intruder"]), printed
    project.compose(environment=["HOW=require"], command="apache2 -DFOREGROUND -DOPEN")
    assert project.verify()[0] == 0


def test_a_configuration_that_httpd_does_not_look_for_is_named_by_its_path_inside(project: Project) -> None:
    (project.folder / "other").mkdir()
    (project.folder / "other" / "httpd.conf").write_text(
        "Include /etc/apache2/mods-enabled/*.load\nListen 443\nInclude /srv/sites/*.conf\n"
    )
    line = project.weaken(project.site)
    project.compose(command=["start"], volumes=["./other:/srv/conf", "./sites:/srv/sites"])
    code, printed, _ = project.verify("/srv/nothing")
    assert (code, "The service web has no /srv/nothing" in printed) == (2, True), printed
    code, printed, report = project.verify("/srv/conf")
    assert (code, errors(report)) == (1, [("absent.intruder", "sites/site.conf", line)]), printed


def test_private_keys_stay_where_they_are_and_certificates_come_along(project: Project) -> None:
    identity = Authority.root(subject="Ours").server(subject="www", names=("www.example.test",))
    keys = project.folder / "keys"
    keys.mkdir()
    (keys / "server.key").write_bytes(identity.key_pem())
    (keys / "server.crt").write_bytes(identity.certificate_pem())
    project.compose(volumes=[*project.web["volumes"], "./keys:/etc/ssl/example:ro"])
    laid_out = configuration(service(project.folder / "compose.yaml", None))
    assert "/etc/ssl/example/server.crt" in laid_out.files
    assert not any(b"PRIVATE KEY" in content for content in laid_out.files.values())


def test_the_real_files_of_a_mount_are_examined(project: Project) -> None:
    root = Authority.root(subject="Ours")
    keys = project.folder / "keys"
    keys.mkdir()
    (keys / "ca.crt").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    stale = root.crl(last_update=timedelta(-9), next_update=timedelta(-1))
    (keys / "crl.pem").write_bytes(stale.public_bytes(Encoding.PEM))
    project.compose(volumes=[*project.web["volumes"], "./keys:/etc/ssl/example:ro"])
    line = 1 + next(n for n, text in enumerate(project.site.read_text().splitlines()) if "SSLCARevocationFile" in text)
    code, printed, report = project.verify()
    (found,) = (entry for entry in report["findings"] if entry["id"] == "files.crl_expired")
    assert (code, found["level"], found["file"], found["line"]) == (1, "error", "sites/site.conf", line), printed
    assert found["message"].startswith("keys/crl.pem:1: The CRL of CN=Ours is out of date since ")


def test_a_volume_over_the_configuration_is_reported_as_not_tested(project: Project) -> None:
    volumes = [*project.web["volumes"], "conf:/etc/apache2/conf-enabled", "data:/var/lib/data"]
    project.compose(volumes=volumes, more={"volumes": {"conf": {}, "data": {}}})
    code, printed, report = project.verify()
    (finding,) = (entry for entry in report["findings"] if entry["id"] == "coverage.not_examined")
    assert (code, finding["file"]) == (0, "compose.yaml"), printed
    assert "/etc/apache2/conf-enabled" in finding["message"]


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("services: {a: {image: x}, b: {image: x}}", [], "Name one of these with --service: a, b."),
        ("services: {a: {image: x}}", ["--service", "c"], "has no service 'c'"),
        ("services: [", [], "Compose refuses compose.yaml"),
        ("services: {a: {image: x}}", ["--image", "y"], "leave --image out"),
    ],
)
def test_a_users_mistake_is_a_message_without_a_traceback(
    project: Project, text: str, arguments: list[str], message: str
) -> None:
    (project.folder / "compose.yaml").write_text(text)
    code, printed, _ = project.verify(*arguments)
    assert (code, message in printed, "Traceback" in printed) == (2, True, False), printed


def test_the_service_itself_is_never_started(project: Project) -> None:
    project.compose(container_name="never-started")
    assert project.verify()[0] == 0
    assert "never-started" not in {one.name for one in engine().containers.list(all=True, ignore_removed=True)}
