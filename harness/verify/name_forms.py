"""Which rules compare a certificate's name with a text that such a name never, or hardly ever, is?"""

from collections.abc import Iterable, Iterator

from harness.httpd.distinguished_name import corrected, in_usual_order, is_reversed, misspelled
from harness.httpd.environment import Condition
from harness.httpd.formula import atoms, shown
from harness.httpd.site import Site
from harness.verify.blame import name_remedy
from harness.verify.finding import Finding

_ORDER = "rules.name_order"


def name_forms(places: Iterable[Site], found: Iterable[Finding], *, like: bool) -> Iterator[Finding]:
    """Name these rules, except for those that are already blamed in an error of `found`. With a client that is `like` a
    real one, the order of the attributes is the real one."""
    blamed = {(one.file, one.line) for one in found if one.level == "error"}
    for site in places:
        for condition in site.decision.conditions:
            where = (condition.directive.file, condition.directive.line)
            finding = _of_condition(site, condition)
            if finding and where not in blamed and not (like and finding.id == _ORDER):
                blamed.add(where)
                yield finding


def _of_condition(site: Site, condition: Condition) -> Finding | None:
    compared = {*atoms(site.decision.formula)}
    # Written in both forms, a rule works whatever the form.
    never = [one for one in misspelled(condition.formula) if corrected(one) not in compared]
    usual = [one for one in atoms(condition.formula) if is_reversed(one)]
    rule = condition.directive
    if never:
        message = (
            f"`{rule.name} {rule.arguments}` is never true: httpd writes no name in the form `{shown(never[0].right)}`."
        )
        return _finding("rules.name_never_true", site, condition, message, name_remedy(never[0], site.guard))
    if usual:
        message = (
            f"`{rule.name} {rule.arguments}` needs a certificate whose attributes are in an unusual order: httpd writes"
            f" names {'as they stand in the certificate' if 'legacy' in str(usual[0].left[0]) else 'the lowest first'}."
        )
        remedy = f"Compare with what httpd logs of a real client. Usually that is `{in_usual_order(usual[0])}`."
        return _finding(_ORDER, site, condition, message, remedy)
    return None


def _finding(kind: str, site: Site, condition: Condition, message: str, remedy: str) -> Finding:
    where = condition.directive
    return Finding(kind, "warning", site.id, (), message, remedy, where.file, where.line)
