"""How are files packed that only their owner may read?"""

import io
import tarfile
from collections.abc import Mapping


def private_archive(files: Mapping[str, bytes], owner: int) -> bytes:
    """Return a tar archive of these files with mode 0600, for a user and group id."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.uid, entry.gid = len(content), 0o600, owner, owner
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()
