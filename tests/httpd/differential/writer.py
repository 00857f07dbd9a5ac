"""Chooses at random, by hypothesis: the same number of a run makes the same rules."""

import functools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[int]], int]


@functools.cache
def _below(count: int) -> st.SearchStrategy[int]:
    return st.integers(0, count - 1)


def by_hypothesis(draw: Draw) -> "Writer":
    """Let hypothesis choose: it finds the smallest rule that fails."""
    return Writer(lambda count: draw(_below(count)))


def by_number(number: int) -> "Writer":
    """Choose by a number: no two rules resemble each other, as those do that hypothesis makes."""
    return Writer(random.Random(number).randrange)


@dataclass(frozen=True)
class Writer:
    """Draws what is to be written next."""

    below: Callable[[int], int]

    def pick(self, *values: T) -> T:
        """One of these values."""
        return values[self.below(len(values))]

    def write(self, *makers: Callable[["Writer"], str]) -> str:
        """What one of these functions writes."""
        return self.pick(*makers)(self)

    def several(self, least: int, most: int, maker: Callable[["Writer"], str]) -> list[str]:
        """What a function writes, several times."""
        return [maker(self) for _ in range(self.pick(*range(least, most + 1)))]

    def some(self, values: Sequence[T], most: int) -> list[T]:
        """At most so many of these values."""
        return list(dict.fromkeys(self.pick(*values) for _ in range(self.pick(*range(most + 1)))))
