"""`python -m harness` is `mtls-harness`."""

from harness.cli import main

main(prog_name="mtls-harness")
