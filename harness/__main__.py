"""`mtls-harness`, also as `python -m harness`."""

import sys


def main() -> None:
    """Run the command line. Ctrl-C while it is still imported is no verdict, as it is later."""
    try:
        from harness.cli import main as command

        command(prog_name="mtls-harness")
    except KeyboardInterrupt:
        sys.stderr.write("No verdict. Interrupted.\n")
        sys.exit(3)


if __name__ == "__main__":
    main()
