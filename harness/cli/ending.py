"""The message and exit code at the end of a command."""

import contextlib
import signal
import sys
from collections.abc import Iterator

import click

from harness.engine import ServerError
from harness.httpd.layout import ConfigurationError
from harness.pki.files import PkiError
from harness.verify.plan import NothingToDoError
from harness.verify.policy import PolicyError

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
    except (NothingToDoError, PkiError) as error:
        raise click.UsageError(str(error)) from None
    except PolicyError as error:
        click.echo(f"The policy cannot be used.\n{error}", err=True)
        sys.exit(2)
    except ConfigurationError as error:
        click.echo(f"The configuration cannot be used.\n{error}", err=True)
        sys.exit(2)
    except ServerError as error:
        click.echo(f"No verdict. {error}", err=True)
        sys.exit(_NO_VERDICT)
