"""From which images do the project's servers start, and how are they made where no registry answers?"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from docker.errors import APIError, BuildError, ImageNotFound

from harness.engine.client import LABEL, ServerError, clear, engine, sweep

IMAGES = Path(__file__).parents[1] / "images"
"""A folder an image: in a checkout a link to where a person looks for them, in an installed package a part of it."""
REFERENCE = IMAGES / "httpd" / "conf"
"""The configuration of the reference deployment."""
SUITE = "trixie"
OFFICIAL = f"debian:{SUITE}-slim"
HOME_MADE = f"mtls-harness/base:{SUITE}"
"""Never the official image's own name: the two must not be confused."""


def image(name: str, *, on: str | None = None, arguments: Mapping[str, str] = MappingProxyType({})) -> str:
    """Build `images/<name>` on the base image or another one, unless the same content is built already; returns the
    tag. `arguments` are additional build arguments of the Dockerfile.

    Raises:
        ServerError: no base image can be had, or the build failed; the message ends with the build's last lines.
    """
    folder = IMAGES / name
    base_image = on or base()
    tag = _tag(name, base_image, arguments)
    if not _exists(tag):
        with _alone(name):
            if not _exists(tag):
                _build(name, folder, tag, {"BASE_IMAGE": base_image, **arguments})
    return tag


def at_hand(tag: str | None) -> str | None:
    """The user's image, or else the one of `images/httpd`, if it needs neither a build nor a registry."""
    if tag is None and (base_image := os.environ.get("MTLS_BASE_IMAGE") or _known_base()) and _exists(base_image):
        tag = _tag("httpd", base_image)
    return tag if tag and _exists(tag) else None


def _tag(name: str, base_image: str, arguments: Mapping[str, str] = MappingProxyType({})) -> str:
    return f"mtls-harness/{name}:{_digest(IMAGES / name, base_image, arguments)}"


def _build(name: str, folder: Path, tag: str, arguments: dict[str, str]) -> None:
    try:
        engine().images.build(
            path=str(folder),
            tag=tag,
            buildargs=arguments,
            labels={LABEL: name},
            rm=True,
            forcerm=True,
        )
    except BuildError as error:
        tail = "".join(str(part.get("stream", "")) for part in error.build_log).splitlines()[-15:]
        raise ServerError(f"images/{name} does not build: {error}\n" + "\n".join(tail)) from error
    except APIError as error:
        raise ServerError(f"images/{name} does not build: {error.explanation or error}") from error


def purge() -> int:
    """Remove the containers and volumes of finished runs, kept ones included, and every image of the project that no
    container uses; returns the number of removed parts.

    Raises:
        ServerError: the engine does not answer.
    """
    gone = sweep() + clear("kept")
    for tag in {tag for found in engine().images.list(filters={"reference": "mtls-harness/*"}) for tag in found.tags}:
        with contextlib.suppress(APIError):
            engine().images.remove(tag)
            gone += 1
    return gone


def available(tag: str) -> str:
    """Return the user's image, after a pull if it is not there.

    Raises:
        ServerError: it is not there and cannot be pulled.
    """
    if not _exists(tag) and (refusal := _pull(tag)):
        raise ServerError(f"There is no image {tag} here, and it cannot be pulled: {refusal}")
    return tag


def base() -> str:
    """Return the tag of the base image.

    `MTLS_BASE_IMAGE` decides where it is set (a company's mirror); else Debian's slim image, and where no registry
    answers one made from Debian's packages (from `MTLS_DEBIAN_MIRROR` where that is set).

    Raises:
        ServerError: none of them is available; the message says what is missing.
    """
    if chosen := os.environ.get("MTLS_BASE_IMAGE"):
        return available(chosen)
    if known := _known_base():
        return known
    with _alone("base"):
        if known := _known_base():
            return known
        if refusal := _pull(OFFICIAL):
            _make_base(refusal)
            return HOME_MADE
    return OFFICIAL


def _known_base() -> str | None:
    return next((tag for tag in (OFFICIAL, HOME_MADE) if _exists(tag)), None)


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    """A lock for making an image: one process of this user at a time; the others wait, and then find it made."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "mtls-harness" / name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:  # Without a home there is no lock: two processes may make the same image.
        yield
        return
    from harness.pki.files import locked  # With it comes all of cryptography, for a file's lock.

    with locked(folder):
        yield


def _digest(folder: Path, base_image: str, arguments: Mapping[str, str]) -> str:
    if not (folder / "Dockerfile").is_file():
        raise ServerError(f"{folder} holds no Dockerfile: is this a complete checkout?")
    digest = hashlib.sha256(str(engine().images.get(base_image).id).encode())
    for name, value in sorted(arguments.items()):
        digest.update(f"{name}={value}\0".encode())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)}\0{path.stat().st_mode & 0o777:o}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def _exists(tag: str) -> bool:
    try:
        engine().images.get(tag)
    except ImageNotFound:
        return False
    return True


def _pull(tag: str) -> str | None:
    """Pull an image; returns the registry's refusal, None when it is there."""
    try:
        engine().images.pull(tag)
    except APIError as error:
        return str(error.explanation or error)
    return None


def _make_base(refusal: str) -> None:
    command = [_mmdebstrap(refusal), "--quiet", "--variant=minbase", SUITE]
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "base.tar"
        mirror = os.environ.get("MTLS_DEBIAN_MIRROR")
        made = subprocess.run(
            [*command, str(archive), *([mirror] if mirror else [])],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise ServerError(
                f"{OFFICIAL} cannot be pulled ({refusal}), and no base image could be made from Debian's packages:\n"
                f"{made.stderr.strip()}\n"
                "Name a mirror in MTLS_DEBIAN_MIRROR, or an image in MTLS_BASE_IMAGE."
            )
        repository, tag = HOME_MADE.split(":")
        changes = [f"LABEL {LABEL}=base", 'CMD ["bash"]']
        with archive.open("rb") as stream:
            engine().api.import_image_from_data(stream, repository=repository, tag=tag, changes=changes)


def _mmdebstrap(refusal: str) -> str:
    tool = "mmdebstrap"
    if not shutil.which(tool) and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "-y", tool]):
            subprocess.run(["apt-get", *arguments], env=environment, capture_output=True, check=False)
    if not shutil.which(tool):
        raise ServerError(
            f"{OFFICIAL} cannot be pulled ({refusal}), and {tool}, which makes a base image from Debian's packages, "
            f"is not installed.\nInstall it (`sudo apt-get install {tool}`), or name an image in MTLS_BASE_IMAGE."
        )
    return tool
