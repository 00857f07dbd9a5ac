"""The message and exit code at the end of a command."""

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Iterator

import click

EXIT = {"pass": 0, "fail": 1, "inconclusive": 3}
"""The exit code of each verdict."""
_NO_VERDICT = 3
_STREAM_FAILED = {errno.ENOSPC, errno.EPIPE, errno.EIO, errno.EDQUOT, errno.EFBIG}
"""The system's error numbers for an output that cannot be written."""


@contextlib.contextmanager
def no_traceback() -> Iterator[None]:
    """Turn every error that a user can cause into a message and the documented exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        click.echo("No verdict. Interrupted. All containers of the run are removed.", err=True)
        sys.exit(_NO_VERDICT)
    except OSError as error:
        if error.filename is not None or error.errno not in _STREAM_FAILED:
            raise
        # What is still buffered would fail again at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        click.echo(f"No verdict. Standard output cannot be written: {error.strerror}.", err=True)
        sys.exit(_NO_VERDICT)
    except Exception as error:
        message, code = _message_and_code(error)
        click.echo(message, err=True)
        sys.exit(code)


def _message_and_code(error: Exception) -> tuple[str, int]:
    """The message and the exit code; an error that no user can cause is raised again."""
    from harness.engine import ServerError
    from harness.httpd.layout import ConfigurationError
    from harness.pki.files import PkiError
    from harness.report.baseline import BaselineError
    from harness.report.file import ReportError
    from harness.verify.plan import NothingToDoError
    from harness.verify.policy import PolicyError

    match error:
        case NothingToDoError() | PkiError() | BaselineError():
            raise click.UsageError(str(error)) from None
        case PolicyError():
            return f"The policy cannot be used.\n{error}", 2
        case ConfigurationError():
            return f"The configuration cannot be used.\n{error}", 2
        case ServerError() | ReportError():
            return f"No verdict. {error}", _NO_VERDICT
    raise error
