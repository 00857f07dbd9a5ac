"""What does a configuration refer to that is not part of it, and what stands for that in the container?

Examples are module folders, accounts, document roots, certificate files and the pages of a site.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePosixPath

from harness.engine.filesystem import Filesystem
from harness.engine.httpd_image import HttpdImage
from harness.engine.observation import RUNTIME_FOLDER
from harness.engine.skeleton import DOCUMENT_ROOT, skeleton, with_document_roots
from harness.httpd.directive import Directive, walk
from harness.httpd.layout import CERTBOT, SNIPPET, Layout
from harness.httpd.site import Sites

_CERTBOT_OPTIONS = (
    b"SSLEngine on\nSSLProtocol all -SSLv3 -TLSv1 -TLSv1.1\nSSLSessionTickets off\nSSLOptions +StrictRequire\n"
)
_PAGE = b"Served by the server under test.\n"
_MIME_TYPES = b"text/html html\ntext/css css\n"
_TYPE_FILES = {"typesconfig": _MIME_TYPES, "mimemagicfile": b"0 string none none\n"}
_LOG_FOLDERS = {"/run/apache2", "/var/log/apache2"}
_TLS_FILE = re.compile(rb"^[ \t]*SSL\w+(File|Path)[ \t]+\"?([^\s\"$]+)", re.MULTILINE)
_DOCUMENT_ROOT = re.compile(rb"^[ \t]*DocumentRoot[ \t]+\"?(/[^\s\"$]+)", re.MULTILINE | re.IGNORECASE)
_NAME_URL_PATHS = {"location", "locationmatch", "redirect", "redirectmatch", "rewriterule", "proxypass"}
"""Directives with paths of URLs, not of files."""
_SERVE_FILES = {"documentroot", "alias", "directory"}

_NO_MODULE = re.compile(r"Cannot load \S+ into server: (/\S+/)(\S+?): cannot open shared object file")
_NO_ACCOUNT = re.compile(r"AH0054[34]: \S+: bad (user|group) name (\S+)")
_NO_DOCUMENT_ROOT = re.compile(r"DocumentRoot '([^']+)' is not a directory")
_NO_REWRITE_MAP = re.compile(r"RewriteMap: file for map \S+ not found:\s*(\S+)")
_NO_TLS_FILE = re.compile(r"SSL\w+: (file|directory) '([^']+)' does not exist")


def absolute(path: str, root: str) -> str:
    """Resolve a path as httpd does: relative to the ServerRoot `root`."""
    path = path.strip('"')
    return path if path.startswith("/") else f"{root}/{path}"


def initial_filesystem(layout: Layout, image: HttpdImage, further: Collection[str] = ()) -> Filesystem:
    """The files of the configuration, and those that httpd would probably miss. `further` are the files of modules that
    a snippet needs besides the usual ones.

    httpd names one missing file at a time. One question per file would take long in a large configuration.
    """
    found = Filesystem(files=_without_built_in(layout, image), passwd=image.passwd, group=image.group)
    found.folders |= {f"{layout.root}/logs", *_LOG_FOLDERS, RUNTIME_FOLDER}
    found.files.setdefault(f"{layout.root}/mime.types", _MIME_TYPES)
    found.files.setdefault(CERTBOT, _CERTBOT_OPTIONS)
    if layout.is_snippet:
        ((path, snippet),) = layout.files.items()
        found.folders.add(DOCUMENT_ROOT)
        found.files[path], hosts = with_document_roots(found.files[path])
        found.files |= hosts | {SNIPPET: skeleton(path, snippet, layout.root, image, further).encode()}
    for content in layout.files.values():
        for kind, value in _TLS_FILE.findall(content):
            path = absolute(value.decode(errors="replace"), layout.root)
            if kind == b"Path":
                found.folders.add(path)
            else:
                found.add_placeholder(path)
        found.folders |= {root.decode(errors="replace") for root in _DOCUMENT_ROOT.findall(content)}
    return found


def _without_built_in(layout: Layout, image: HttpdImage) -> dict[str, bytes]:
    """The files of the configuration, with a comment sign before each LoadModule of a module inside the binary."""
    built_in = "|".join(sorted(image.built_in | {"core", "so", "http"}))
    load = re.compile(rf"^(?=[ \t]*LoadModule[ \t]+(?:{built_in})_module\b)".encode(), re.MULTILINE | re.IGNORECASE)
    return {path: load.sub(b"#", content) for path, content in layout.files.items()}


def add_missing(error: str, filesystem: Filesystem, image: HttpdImage) -> bool:
    """Add what httpd's error message names as missing; False if nothing can be added."""
    if found := _NO_MODULE.search(error):
        folder, name = found[1].rstrip("/"), found[2]
        if name not in image.module_files or folder == image.module_folder:
            return False
        filesystem.links[folder] = image.module_folder
        return True
    if found := _NO_ACCOUNT.search(error):
        if found[1] == "user":
            filesystem.add_user(found[2])
        else:
            filesystem.add_group(found[2])
        return True
    if found := _NO_DOCUMENT_ROOT.search(error):
        filesystem.folders.add(found[1])
        return True
    if found := _NO_REWRITE_MAP.search(error):
        filesystem.add_placeholder(found[1])
        return True
    if found := _NO_TLS_FILE.search(error):
        if found[1] == "directory":
            filesystem.folders.add(found[2])
        else:
            filesystem.add_placeholder(found[2])
        return True
    return False


def add_content(configuration: Directive, filesystem: Filesystem, layout: Layout) -> None:
    """Add the folders that the directives name, and pages to those that httpd serves."""
    entries = [entry for entry in walk(configuration) if entry.kind not in _NAME_URL_PATHS]
    for entry in entries:
        if content := _TYPE_FILES.get(entry.kind):
            filesystem.files.setdefault(absolute(entry.words[0], layout.root), content)
    pages = _index_pages(entries)
    for entry in entries:
        serves = entry.kind in _SERVE_FILES
        names_folder = serves or entry.kind == "cacheroot"
        for path in _file_paths(entry):
            if path in filesystem.files:
                continue
            folder = path.rstrip("/") if names_folder else path.rpartition("/")[0]
            filesystem.folders |= {folder} - {""}
            if serves and folder.count("/") > 1:
                for page in pages:
                    filesystem.files.setdefault(f"{folder}/{page}", _PAGE)
    if layout.is_snippet:
        filesystem.files.setdefault(f"{DOCUMENT_ROOT}/index.html", _PAGE)


def _index_pages(entries: Sequence[Directive]) -> set[str]:
    """The file names in any DirectoryIndex, and httpd's default."""
    words = (word for entry in entries if entry.kind == "directoryindex" for word in entry.words)
    return {"index.html", *(word for word in words if re.fullmatch(r"[\w.-]+", word))}


def _file_paths(entry: Directive) -> Iterator[str]:
    """Yield the arguments that are absolute paths, without a type before them (`txt:/srv/map`)."""
    for word in entry.words:
        path = re.sub(r"^\w+:", "", word)
        if re.fullmatch(r"/[\w./@+-]+", path):
            yield path


def site_pages(sites: Sites, filesystem: Filesystem) -> dict[str, bytes]:
    """A page for each site that serves files, by path: httpd applies only the guards of folders that exist."""
    pages = {}
    for site in sites.places:
        if site.content.startswith("/") and site.content not in filesystem.folders:
            is_folder = site.content.endswith("/")
            pages[f"{site.content}index.html" if is_folder else site.content] = _PAGE
    files = pages.keys() | filesystem.files.keys()
    # A path below a file is the PATH_INFO of a program, and no file itself.
    return {
        path: content
        for path, content in pages.items()
        if path not in filesystem.files and files.isdisjoint(map(str, PurePosixPath(path).parents))
    }
