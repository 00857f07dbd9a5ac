"""How does a run look on the terminal?"""

import textwrap
from collections.abc import Sequence
from enum import IntEnum

from rich.console import Console
from rich.markup import escape

from harness.outcome import Verdict
from harness.report.grouped import grouped
from harness.report.help import help_for
from harness.report.source import excerpt
from harness.report.summary import headline, probes, warnings_matter
from harness.report.table import case_table, site_counts
from harness.verify import Finding, Result, Run
from harness.verify.finding_kind import why

_LEVELS = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_VERDICTS = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold magenta"}
_WITH_WARNINGS = "bold yellow"
_DIFFERENCE = {"+": "green", "-": "red", "@": "cyan"}
_MOST_CASES = 8
_MOST_SITES = 3
_MOST_NOTES = 3


class Detail(IntEnum):
    """How much is printed: the summary, what needs attention, or the result of every probe as well."""

    SUMMARY = 0
    FINDINGS = 1
    EVERYTHING = 2


def show(
    run: Run,
    console: Console,
    *,
    strict: bool = False,
    detail: Detail = Detail.FINDINGS,
    further: Sequence[str] = (),
) -> None:
    """Print what was verified, the findings with the worst first, and the summary as the last line.

    `further` are lines about the record.
    """
    if detail is not Detail.SUMMARY:
        console.print(escape(_subject(run)), soft_wrap=True)
        _show_findings(run, console, detail)
        _show_unclear(run, console)
        if detail is Detail.EVERYTHING:
            _show_results(run, console)
        for line in further:
            console.print(line, style=_DIFFERENCE.get(line[:1]), markup=False, soft_wrap=True)
        console.print(f"\n{_times(run)}", style="dim", soft_wrap=True)
    _show_summary(run, console, strict=strict)


def _show_summary(run: Run, console: Console, *, strict: bool) -> None:
    verdict, words = run.verdict(strict=strict), headline(run, strict=strict)
    style = _WITH_WARNINGS if verdict == "pass" and warnings_matter(run) else _VERDICTS[verdict]
    subject = escape(run.target.subject)
    console.print(f"{subject}: [{style}]{escape(words)}[/]. {escape(probes(run))}.", soft_wrap=True)


def _subject(run: Run) -> str:
    count = len(run.sites)
    return f"{run.target.subject}: {count} site{'' if count == 1 else 's'}, {_versions(run)}"


def _versions(run: Run) -> str:
    return f"httpd {run.versions['httpd']}, OpenSSL {run.versions['openssl']}"


def _times(run: Run) -> str:
    return ", ".join(f"{part} {seconds:.2f} s" for part, seconds in run.timing_s.items())


def _show_findings(run: Run, console: Console, detail: Detail) -> None:
    notes = 0
    for places, findings in grouped(run):
        shown = []
        for finding in findings:
            notes += finding.level == "note"
            if detail is Detail.EVERYTHING or finding.level != "note" or notes <= _MOST_NOTES:
                shown.append(finding)
        if shown:
            named = _some([site.url for site in places], _MOST_SITES) or "the configuration as a whole"
            console.print(f"\n[bold]{escape(named)}[/]", soft_wrap=True)
        for finding in shown:
            _show(finding, run, console, brief=finding.level == "note" and detail is not Detail.EVERYTHING)
    if notes > _MOST_NOTES and detail is not Detail.EVERYTHING:
        console.print(f"{notes - _MOST_NOTES} more notes: -v shows them.", style="cyan")


def _show(finding: Finding, run: Run, console: Console, *, brief: bool) -> None:
    place = run.target.locate(finding.file, finding.line)
    if finding.accepted is not None:
        console.print(f"accepted {escape(place)} {finding.id}: {escape(finding.accepted)}", style="dim", soft_wrap=True)
        return
    console.print(f"[{_LEVELS[finding.level]}]{finding.level}[/] {escape(place)}", soft_wrap=True)
    console.print(escape(_indented(finding.message, console.width)))
    if brief:
        return
    for line in excerpt(run.target, finding.file, finding.line):
        mark, style = (">", "bold") if line.meant else (" ", "dim")
        console.print(f"  {mark} {line.number:>4} | {line.text}", style=style, markup=False, soft_wrap=True)
    for text in (why(finding.id), finding.remedy):
        console.print(escape(_indented(text, console.width)))
    for command in finding.reproduce.splitlines():
        console.print(f"  $ {command}", style="cyan", markup=False, soft_wrap=True)
    if finding.cases:
        console.print(escape(_indented(_some(finding.cases, _MOST_CASES), console.width)), style="dim")
    console.print(f"  {help_for(finding.id)}", style="dim", markup=False, soft_wrap=True)


def _show_unclear(run: Run, console: Console) -> None:
    """Print the cases without a verdict, which have no finding, then what keeps the run from one."""
    for cases, urls in _unclear(run.results).items():
        console.print(f"\n[bold]{escape(_some(urls, _MOST_SITES))}[/]", soft_wrap=True)
        console.print(f"[magenta]inconclusive[/] {escape(_some(cases, _MOST_CASES))}")
    if run.trouble:
        console.print(f"\n{escape(run.trouble)}", style="magenta", soft_wrap=True)
    for gap in run.coverage:
        if gap.why:
            console.print(escape(_indented(f"not covered: {gap.condition}: {gap.why}", console.width)), style="dim")


def _show_results(run: Run, console: Console) -> None:
    probed = {result.probe.site.id for result in run.results}
    sites = [site for site in run.sites if site.id in probed]
    if len(sites) > 1:
        console.print()
        console.print(site_counts(run.results, sites))
    for site in sites:
        console.print()
        console.print(case_table([one for one in run.results if one.probe.site.id == site.id], site.url))


def _unclear(results: Sequence[Result]) -> dict[tuple[str, ...], list[str]]:
    """Gather the cases without a verdict. Returns the sites for each set of cases."""
    cases: dict[str, dict[str, None]] = {}
    for result in results:
        if result.verdict is Verdict.INCONCLUSIVE:
            cases.setdefault(result.probe.site.url, {})[result.probe.case.id] = None
    sites: dict[tuple[str, ...], list[str]] = {}
    for url, ids in cases.items():
        sites.setdefault(tuple(ids), []).append(url)
    return sites


def _indented(text: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _some(names: Sequence[str], most: int) -> str:
    """Name the first of many; the report files have all of them."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
