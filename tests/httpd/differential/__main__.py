"""Generate rules for as long as wanted: `python -m tests.httpd.differential --rules 20000`."""

import argparse
import time

import click

from tests.httpd.differential.batch import run


def main() -> None:
    """Run, and print what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rules", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--show", type=int, default=5)
    options = parser.parse_args()
    start = time.monotonic()
    tally = run(options.rules, options.seed, options.seconds)
    first = {found.rule.text: found for found in tally.disagreements}
    for one in sorted(first.values(), key=lambda found: len(found.rule.text))[: options.show]:
        click.echo(f"{one}\n{'=' * 40}")
    traced = {found.rule.text: found for found in tally.traced}
    for other in sorted(traced.values(), key=lambda found: len(found.rule.text))[: options.show]:
        click.echo(f"{other}\n{'=' * 40}")
    for rule, error in sorted(tally.failures, key=lambda found: len(found[0].text))[: options.show]:
        click.echo(f"Failed with {error!r}:\n{rule.text}")
    for rule, request in tally.lost[: options.show]:
        click.echo(f"No answer to {request}:\n{rule.text}")
    for reason in sorted(tally.refused, key=len)[: options.show]:
        click.echo(f"Refused: {reason}")
    for name, count in tally.unknown.most_common(options.show):
        click.echo(f"Undecided {count} times by {name}")
    spent = time.monotonic() - start
    click.echo(f"seed {options.seed}, {spent:.0f} s, {tally.rules / spent:.0f} rules/s: {tally}")


if __name__ == "__main__":
    main()
