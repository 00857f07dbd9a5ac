"""The picture of DESIGN.md, held against the imports."""

import ast
from pathlib import Path

import pytest

import harness

# From the top: a room imports nothing above it.
ROOMS = (
    "bench",
    "cli",
    "plugin",
    "deployment",
    "demo",
    "report",
    "explain",
    "verify",
    "cases",
    "probe",
    "engine",
    "check",
    "httpd",
    "pki",
    "outcome",
)
ROOT = Path(harness.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT or path.stem in ROOMS)


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("harness"):
            names |= {node.module} if node.module != "harness" else {f"harness.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            names |= {name.name for name in node.names if name.name.startswith("harness.")}
    return {name.split(".")[1] for name in names}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_nothing_above_it(path: Path) -> None:
    mine = ROOMS.index(room(path))
    assert {other for other in imported(path) if ROOMS.index(other) < mine} == set()


def others(path: Path) -> set[str]:
    """The packages that a module imports from elsewhere."""
    used = {
        name.name if isinstance(node, ast.Import) else node.module or ""
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    # urllib.parse only splits and quotes texts.
    return {name.split(".")[0] for name in used - {"urllib.parse"}}


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) != "engine"], ids=str)
def test_only_the_engine_room_uses_the_docker_sdk(path: Path) -> None:
    assert "docker" not in others(path)


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) == "httpd"], ids=str)
def test_httpds_behaviour_is_decided_without_docker_sockets_or_certificates(path: Path) -> None:
    assert imported(path) <= {"httpd", "outcome"}
    touching = {"cryptography", "docker", "http", "OpenSSL", "requests", "socket", "ssl", "subprocess", "urllib"}
    assert others(path).isdisjoint(touching)


def test_the_judgement_touches_nothing() -> None:
    assert imported(ROOT / "outcome.py") == set()
