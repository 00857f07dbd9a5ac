"""What is one line of the bench: what was measured, against what, and whether the goal is met?"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Row:
    """One measurement. `value` and `rival_value` are medians of the same unit; what counts against the goal is their
    ratio, without a rival the value itself."""

    what: str
    value: float
    unit: str
    rival: str = ""
    rival_value: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    detail: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the rival's."""
        return self.value / self.rival_value if self.rival_value else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        counts = self.value if self.ratio is None else self.ratio
        if self.at_least is not None:
            return counts >= self.at_least
        return counts <= self.at_most if self.at_most is not None else None

    @property
    def goal(self) -> str:
        """The goal as people read it; empty where there is none."""
        limit = self.at_least if self.at_most is None else self.at_most
        if limit is None:
            return ""
        return f"{'≤' if self.at_least is None else '≥'} {limit:g}{f' {self.unit}' * (not self.rival)}"

    def as_data(self) -> dict[str, Any]:
        """As it stands in the JSON."""
        rival = {"name": self.rival, "value": self.rival_value} if self.rival else None
        return {
            "what": self.what,
            "value": self.value,
            "unit": self.unit,
            "rival": rival,
            "ratio": self.ratio,
            "goal": self.goal or None,
            "met": self.met,
            "detail": self.detail,
        }


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Return the range of single measurements as text."""
    return f"{min(values):.{digits}f} to {max(values):.{digits}f} in {len(values)} rounds"


def middle(values: Sequence[float]) -> float:
    """The median: one disturbed round does not move it."""
    return float(median(values))


def growth(small: tuple[int, float], medium: tuple[int, float], large: tuple[int, float]) -> float:
    """Compare what one more site costs among many with what it costs among few, of (sites, seconds) each: 1 is linear.

    A difference of zero or less among few (noise) leaves nothing to compare with: then the whole of `large` stands
    against `medium`, each by the site.
    """
    few = (medium[1] - small[1]) / (medium[0] - small[0])
    many = (large[1] - medium[1]) / (large[0] - medium[0])
    return many / few if few > 0 else (large[1] / large[0]) / (medium[1] / medium[0])
