"""The message and exit code at the end of a command."""

import contextlib
import signal
import sys
from collections.abc import Iterator

import click

EXIT = {"pass": 0, "fail": 1, "inconclusive": 3}
"""The exit code of each verdict."""
_NO_VERDICT = 3


@contextlib.contextmanager
def no_traceback() -> Iterator[None]:
    """Turn every error that a user can cause into a message and the documented exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        click.echo("No verdict. Interrupted. All containers of the run are removed.", err=True)
        sys.exit(_NO_VERDICT)
    except Exception as error:
        message, code = _told(error)
        click.echo(message, err=True)
        sys.exit(code)


def _told(error: Exception) -> tuple[str, int]:
    """The message and the exit code; an error that no user can cause is raised again."""
    from harness.engine import ServerError
    from harness.httpd.layout import ConfigurationError
    from harness.pki.files import PkiError
    from harness.verify.plan import NothingToDoError
    from harness.verify.policy import PolicyError

    match error:
        case NothingToDoError() | PkiError():
            raise click.UsageError(str(error)) from None
        case PolicyError():
            return f"The policy cannot be used.\n{error}", 2
        case ConfigurationError():
            return f"The configuration cannot be used.\n{error}", 2
        case ServerError():
            return f"No verdict. {error}", _NO_VERDICT
    raise error
