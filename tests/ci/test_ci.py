"""What CI servers read is what they accept, and the commands in it do what they say."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.engine import image
from harness.engine.images import base
from harness.verify import REFERENCE

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "ci.md").read_text()
ACTION = ROOT / "action.yml"


def example(heading: str) -> str:
    """The YAML that the guide shows below a heading."""
    found = re.search(rf"^## {heading}\n+```yaml\n(.*?)```", GUIDE, re.DOTALL | re.MULTILINE)
    assert found, heading
    return found[1]


def checked(text: str, folder: Path, *tool: str) -> int:
    """Whether a tool accepts a file with this text: 0 if so."""
    file = folder / "file.yml"
    file.write_text(text)
    return subprocess.run([sys.executable, "-m", *tool, str(file)], capture_output=True, check=False).returncode


def schema(name: str) -> tuple[str, ...]:
    return "check_jsonschema", "--builtin-schema", f"vendor.{name}"


@pytest.mark.parametrize(
    ("text", "tool", "good", "bad"),
    [
        (ACTION.read_text(), schema("github-actions"), "using: composite", "using: compositor"),
        (example("GitHub"), schema("github-workflows"), "runs-on:", "runs-in:"),
        (example("GitLab"), (*schema("gitlab-ci"), "--data-transform", "gitlab-ci"), "when: always", "when: ever"),
        (
            (ROOT / ".pre-commit-hooks.yaml").read_text(),
            ("pre_commit", "validate-manifest"),
            "language: python",
            "language: latin",
        ),
        (example("pre-commit"), ("pre_commit", "validate-config"), "rev:", "revision:"),
    ],
    ids=["action.yml", "workflow", "gitlab", "hooks", "pre-commit"],
)
def test_a_file_is_what_its_reader_accepts(
    text: str, tool: tuple[str, ...], good: str, bad: str, tmp_path: Path
) -> None:
    assert checked(text, tmp_path, *tool) == 0
    assert checked(text.replace(good, bad), tmp_path, *tool) != 0


def test_the_guide_names_every_input_of_the_action() -> None:
    inputs = yaml.safe_load(ACTION.read_text())["inputs"]
    assert {name for name in inputs if f"`{name}`" not in GUIDE} == set()


def test_what_the_action_installs_is_a_part_of_what_was_tested() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[\w.-]+==\S+", (ROOT / name).read_text(), re.MULTILINE))

    assert pins("requirements-run.txt") < pins("requirements.txt")


class Runner:
    """A workflow's machine: the action's own commands run in it, with the variables that the real one sets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps: list[dict[str, Any]] = yaml.safe_load(ACTION.read_text())["runs"]["steps"]
        (folder / "workspace").mkdir()
        (folder / "temp").mkdir()

    def step(self, name: str, **inputs: str) -> subprocess.CompletedProcess[str]:
        """Run one step as the runner does: its inputs filled in, in bash, which stops at the first failure."""
        (step,) = (step for step in self.steps if step["name"] == name)
        defaults = {key: option["default"] for key, option in yaml.safe_load(ACTION.read_text())["inputs"].items()}
        known = {f"${{{{ inputs.{key} }}}}": value for key, value in (defaults | inputs).items()}
        variables = {key: known[value] for key, value in step.get("env", {}).items()}
        files = {f"GITHUB_{key}": str(self.folder / key.lower()) for key in ("OUTPUT", "STEP_SUMMARY")}
        for file in files.values():
            Path(file).write_text("")
        home = {"GITHUB_ACTION_PATH": str(ROOT), "RUNNER_TEMP": str(self.folder / "temp"), "CI": "true"}
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder / "workspace",
            env=os.environ | home | files | variables,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    made = Runner(tmp_path_factory.mktemp("runner"))
    shutil.copytree(REFERENCE.configuration, made.folder / "workspace" / "conf")
    done = made.step("Install")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def weakened(runner: Runner) -> Iterator[int]:
    """The line of `SSLVerifyClient`, which is `optional` for a while."""
    file = runner.folder / "workspace" / "conf" / "httpd.conf"
    before = file.read_text()
    file.write_text(before.replace("SSLVerifyClient require", "SSLVerifyClient optional"))
    yield 1 + next(number for number, line in enumerate(before.splitlines()) if "SSLVerifyClient require" in line)
    file.write_text(before)


@pytest.mark.engine
@pytest.mark.timeout(300)
def test_the_action_passes_a_good_configuration(runner: Runner) -> None:
    done = runner.step("Verify", config="conf", args="-k 'absent.none or valid.p256' --tls 1.3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 probes" in " ".join(done.stdout.split())
    assert "PASS" in (runner.folder / "step_summary").read_text()


@pytest.mark.engine
@pytest.mark.timeout(300)
def test_the_action_fails_a_weakened_configuration_and_names_the_line(runner: Runner, weakened: int) -> None:
    done = runner.step("Verify", config="conf", args="-k absent.none")
    assert done.returncode == 1, done.stdout + done.stderr
    name, _, file = (runner.folder / "output").read_text().strip().partition("=")
    (result,) = json.loads(Path(file).read_text())["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (name, place["artifactLocation"]["uri"], place["region"]["startLine"]) == (
        "sarif",
        "conf/httpd.conf",
        weakened,
    )


@pytest.mark.engine
@pytest.mark.timeout(300)
@pytest.mark.parametrize("inputs", [{}, {"config": ""}, {"strict": "true"}])
def test_the_action_refuses_to_verify_nothing(runner: Runner, inputs: dict[str, str]) -> None:
    done = runner.step("Verify", **inputs)
    assert (done.returncode, "name a CONFIG" in done.stdout) == (2, True), done.stdout


@pytest.mark.engine
@pytest.mark.timeout(300)
def test_the_action_keeps_its_image_for_the_next_run(runner: Runner) -> None:
    archive = runner.folder / "temp" / "mtls-harness-images.tar"
    assert runner.step("Load").returncode == 0, "nothing is kept yet"
    runner.step("Verify", config="conf", args="-k absent.none --tls 1.3")
    tag = image("httpd")
    assert runner.step("Save").returncode == 0
    with tarfile.open(archive) as saved:
        manifest = saved.extractfile("manifest.json")
        assert manifest is not None
        kept = {name for entry in json.load(manifest) for name in entry["RepoTags"] or ()}
    assert kept >= {tag, base()}
    done = runner.step("Load")
    assert (done.returncode, tag in done.stdout) == (0, True), done.stdout + done.stderr
    archive.unlink()
    keys = set()
    for _ in range(2):
        assert runner.step("Key").returncode == 0
        keys.add((runner.folder / "output").read_text())
    (key,) = keys
    assert re.fullmatch(r"key=mtls-harness-\w+-\d{4}-\d\d-[0-9a-f]{12}\n", key)


@pytest.mark.engine
@pytest.mark.timeout(300)
def test_the_action_hands_on_what_is_wrong_and_annotates_nothing(runner: Runner) -> None:
    (runner.folder / "temp" / "mtls-harness.sarif").unlink(missing_ok=True)
    done = runner.step("Verify", config="-k")
    assert (done.returncode, "no such file or folder" in done.stdout) == (2, True), done.stdout
    assert (runner.folder / "output").read_text() == ""


@pytest.mark.engine
@pytest.mark.timeout(300)
def test_the_hook_of_pre_commit_rejects_a_weakened_configuration(tmp_path: Path) -> None:
    source = tmp_path / "source"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name, follow_symlinks=False)
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    hook |= {"additional_dependencies": [str(source)]}
    mine = tmp_path / "mine"
    shutil.copytree(REFERENCE.configuration, mine / "conf")
    subprocess.run(["git", "init", "--quiet"], cwd=mine, check=True)

    def tried(args: Sequence[str] = ("conf", "-k", "absent.none")) -> tuple[int, str]:
        hooks = [hook | {"args": [*args]}]
        (mine / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [{"repo": "local", "hooks": hooks}]}))
        subprocess.run(["git", "add", "--all"], cwd=mine, check=True)
        done = subprocess.run(
            [sys.executable, "-m", "pre_commit", "run", "--verbose"],
            cwd=mine,
            env=os.environ | {"PRE_COMMIT_HOME": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    code, printed = tried(args=[])
    assert (code, "name a CONFIG" in printed) == (1, True), printed
    code, printed = tried()
    assert (code, "PASS" in printed) == (0, True), printed
    file = mine / "conf" / "httpd.conf"
    file.write_text(file.read_text().replace("SSLVerifyClient require", "SSLVerifyClient optional"))
    code, printed = tried()
    assert (code, "FAIL" in printed) == (1, True), printed
